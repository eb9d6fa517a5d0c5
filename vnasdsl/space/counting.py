"""Numbers of networks, and drawing them: whole numbers however large, the choices of a tied block counted once."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import TypeAlias, TypeVar

from vnasdsl.layers.base import Shape
from vnasdsl.space.elements import Choice, Group, Segment, inside, join, picked, together
from vnasdsl.space.evaluate import CannotCountError, Walk
from vnasdsl.space.parts import choices, shapes_decide
from vnasdsl.space.shapes import Analysis, LayerRules
from vnasdsl.space.states import UNKNOWN, flows_of
from vnasdsl.space.ways import Both, Edge, Either, Taken, Tied, Ways, Within, either, fold

__all__ = ["CannotCountError", "Counts", "countable"]

Uses: TypeAlias = frozenset[Hashable]
"""Uses of tied blocks, equal ones once."""
_NONE: Uses = frozenset()


def countable(segments: Iterable[Segment], given: Iterable[tuple[str, Shape]], classes: int) -> Ways:
    """The ways to make all choices. Shapes are followed only where they decide which choices there are.

    Raises: CannotCountError.
    """
    segments = tuple(segments)
    shaped = any(shapes_decide(segment.body) for segment in segments)
    walk = Analysis(LayerRules(classes)) if shaped else Walk()
    last = walk.through(segments, walk.start((name, shape if shaped else UNKNOWN) for name, shape in given))[-1]
    if walk.overapproximate or (isinstance(walk, Analysis) and walk.missing):
        raise CannotCountError("it is not followed which shapes and lists go together")
    found = [ways for (held, _), ways in last.items() for flow in flows_of(held) if flow != UNKNOWN or not shaped]
    return either(found)


@dataclass(frozen=True, slots=True)
class Tally:
    """Ways to make the choices outside of tied blocks, by the tied blocks that are then used."""

    ways: Mapping[Uses, int]
    infinite: bool = False
    """Whether some of the choices are real numbers."""


_ONE = Tally({_NONE: 1})
Key = TypeVar("Key")


class Counts:
    """Numbers of ways, each worked out once."""

    def __init__(self) -> None:
        self._known: dict[Ways, Tally] = {}
        self._tied: dict[Hashable, tuple[str, Ways]] = {}
        self._joint: dict[Uses, int] = {}
        self._lines: dict[int, tuple[Group, int]] = {}
        """For each tied block with its parameters the number of its choices, which those alike share."""
        self._alike: dict[tuple[Choice, ...], int] = {}

    def of(self, ways: Ways) -> int | None:
        """The number of networks; None for infinitely many. Raises: CannotCountError."""
        tally = self._tally(ways)
        if tally.infinite or any(self._tally(self._tied[use][1]).infinite for used in tally.ways for use in used):
            return None
        return sum(n * self._number(used) for used, n in tally.ways.items())

    def _tally(self, ways: Ways) -> Tally:
        return fold(ways, self._rule, self._known)

    def _rule(self, ways: Ways, parts: list[Tally]) -> Tally:
        match ways:
            case Both():
                first, second = parts
                infinite = first.infinite or second.infinite
                pairs = ((a | b, n * m) for a, n in first.ways.items() for b, m in second.ways.items())
                return Tally(_summed(pairs), infinite)
            case Either():
                pairs = (pair for part in parts for pair in part.ways.items())
                return Tally(_summed(pairs), any(part.infinite for part in parts))
            case Tied():
                if ways.split:
                    name = ways.group.block
                    raise CannotCountError(f"what comes out of the tied block `{name}` depends on its choices")
                use = self._use(ways)
                self._tied.setdefault(use, (ways.group.block or "", ways.inner))
                return Tally({frozenset((use,)): 1}, parts[0].infinite)
            case Taken():
                return Tally({_NONE: 1}, ways.real)
        return parts[0] if parts else _ONE

    # ------------------------------------------------------------- tied blocks

    def _use(self, ways: Tied) -> Hashable:
        """Equal uses of a tied block make the same choices."""
        key = id(ways.group)
        if key not in self._lines:
            made = tuple(choices(replace(ways.group, inputs=()), ""))
            self._lines[key] = ways.group, self._alike.setdefault(made, len(self._alike))
        return ways.group.block, self._lines[key][1], ways.given

    def _number(self, used: Uses) -> int:
        """The ways to make the choices of some tied blocks, each once."""
        if not used:
            return 1
        if used not in self._joint:
            outer, rest = self._outermost(used)
            below = self._tally(self._tied[outer][1]).ways
            self._joint[used] = sum(n * self._number(rest | more) for more, n in below.items())
        return self._joint[used]

    def _outermost(self, used: Uses) -> tuple[Hashable, Uses]:
        """A tied block that no other one uses, and the others: what it uses comes to the rest."""
        blocks = [self._tied[use][0] for use in used]
        if len(set(blocks)) < len(blocks):
            name = next(b for b in blocks if blocks.count(b) > 1)
            raise CannotCountError(f"the uses of the tied block `{name}` do not have the same choices")
        outer = next(u for u in sorted(used, key=repr) if not any(u in self._below(v) for v in used if v != u))
        return outer, used - {outer}

    def _below(self, use: Hashable) -> Uses:
        """The tied blocks that a tied block uses, directly or through others."""
        direct = _NONE.union(*self._tally(self._tied[use][1]).ways)
        return direct.union(*map(self._below, direct))

    # ----------------------------------------------------------------- drawing

    def draw(self, ways: Ways, random: Random) -> dict[str, str]:
        """The choices of one network, all networks alike likely. They must be finite in number, and counted."""
        made: dict[str, str] = {}
        tally = self._tally(ways)
        used = pick_one(random, ((used, n * self._number(used)) for used, n in tally.ways.items()))
        below = self._inside(used, random)
        waiting = [(ways, "", used)]
        while waiting:
            here, path, used = waiting.pop()
            match here:
                case Both():
                    first, second = self._tally(here.first).ways, self._tally(here.second).ways
                    pairs = [((a, b), n * m) for a, n in first.items() for b, m in second.items() if a | b == used]
                    a, b = pick_one(random, pairs) if len(pairs) > 1 else pairs[0][0]
                    waiting += ((here.second, path, b), (here.first, path, a))
                case Either():
                    weights = ((option, self._tally(option).ways.get(used, 0)) for option in here.options)
                    waiting.append((pick_one(random, weights), path, used))
                case Taken():
                    made[join(path, here.key)] = here.value
                case Edge():
                    name = join(path, here.key)
                    made[name] = together((*picked(made.get(name, "")), *picked(here.value)))
                case Within():
                    waiting.append((here.inner, here.path(path), used))
                case Tied():
                    use = self._use(here)
                    if use in below:  # its first use, where its choices stand in the file
                        waiting.append((here.inner, inside(here.group, path), below.pop(use)))
                case _:
                    waiting += ((part, path, used) for part in here.parts)
        return made

    def _inside(self, used: Uses, random: Random) -> dict[Hashable, Uses]:
        """For each tied block the tied blocks that it uses itself."""
        found: dict[Hashable, Uses] = {}
        while used:
            outer, rest = self._outermost(used)
            below = self._tally(self._tied[outer][1]).ways
            found[outer] = pick_one(random, ((more, n * self._number(rest | more)) for more, n in below.items()))
            used = rest | found[outer]
        return found


def _summed(pairs: Iterable[tuple[Uses, int]]) -> dict[Uses, int]:
    found: dict[Uses, int] = {}
    for used, n in pairs:
        found[used] = found.get(used, 0) + n
    return found


def pick_one(random: Random, weights: Iterable[tuple[Key, int]]) -> Key:
    """One of the keys, as likely as its weight; exact for whole numbers of any size."""
    weights = tuple(weights)
    left = random.randrange(sum(weight for _, weight in weights))
    for key, weight in weights:
        left -= weight
        if left < 0:
            return key
    raise AssertionError("the weights add up to their sum")

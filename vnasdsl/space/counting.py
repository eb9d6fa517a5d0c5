"""Numbers of networks: the ways to make all choices, whole numbers however large.

Choices that exist only where others let them are counted there, and those of a tied block once however often the block
is used. It works without shapes, unless choices stand in `a if frames > 1 else b`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import prod
from random import Random
from typing import Any, TypeAlias

from vnasdsl.language.diagnostics import UserError
from vnasdsl.language.printer import print_inline
from vnasdsl.layers.base import Shape
from vnasdsl.space.elements import (
    MOST_WAYS,
    BodyLayer,
    DeferredCall,
    Element,
    Group,
    Join,
    LayerCall,
    LayerChoice,
    Many,
    NameRef,
    Pick,
    Repeat,
    Segment,
    When,
    children,
    elements,
    has_choices,
    inside,
    join,
    structural_ways,
)
from vnasdsl.space.evaluate import Env, Flows, Held, OneOf, State, either
from vnasdsl.space.resolve import Decision, Resolver, Shapes, complete, every, resolve, taken_side
from vnasdsl.space.restrict import restrict_all
from vnasdsl.space.wires import UNKNOWN, Flow, TensorList, pool

MOST_LISTED = 60_000
"""Elements of networks that are gone through one network after the other, where there is no other way to count them."""
MOST_TRIED = 2_000
"""Values of choices that are tried in turn to draw one network, where there is no other way."""

Use = tuple[object, ...]
"""A tied block with what decides which choices it has: uses of it that are equal make the same choices."""
_NONE: frozenset[Use] = frozenset()


@dataclass(frozen=True)
class Tally:
    """Ways to make choices, those of tied blocks left out, by the tied blocks that are then used."""

    ways: Mapping[frozenset[Use], int] = field(default_factory=lambda: {_NONE: 1})
    infinite: bool = False
    """Whether some of the choices are real numbers."""

    def __add__(self, other: Tally) -> Tally:
        """Both."""
        infinite = self.infinite or other.infinite
        if len(self.ways) == len(other.ways) == 1:
            ((a, n),) = self.ways.items()
            ((b, m),) = other.ways.items()
            return Tally({a | b if a or b else _NONE: n * m}, infinite)
        pairs = ((a | b, n * m) for a, n in self.ways.items() for b, m in other.ways.items())
        return Tally(_summed(pairs), infinite)

    def __or__(self, other: Tally) -> Tally:
        """Either of the two."""
        pairs = (pair for ways in (self.ways, other.ways) for pair in ways.items())
        return Tally(_summed(pairs), self.infinite or other.infinite)

    def times(self, count: int) -> Tally:
        return Tally({used: count * n for used, n in self.ways.items()}, self.infinite)


def _summed(pairs: Iterable[tuple[frozenset[Use], int]]) -> dict[frozenset[Use], int]:
    found: dict[frozenset[Use], int] = {}
    for key, n in pairs:
        found[key] = found.get(key, 0) + n
    return found


class CannotCountError(UserError):
    """There are too many combinations of choices that depend on each other."""


class Counter(Flows[Tally]):
    """Numbers of networks below elements. Shared parts are counted once."""

    most_states = 2_000

    def __init__(self, classes: int | None = None):
        """With the number of classes shapes are followed, so that choices in `a if frames > 1 else b` can be
        counted; without, the elements must have none."""
        super().__init__(Tally())
        self.shapes = None if classes is None else Shapes(classes)
        self.splits = False
        """Whether more than one state came by: lists of several lengths, and shapes where they are followed."""
        self.tied: dict[Use, Tally] = {}
        self._joint: dict[frozenset[Use], int] = {}
        self._below: dict[Use, frozenset[Use]] = {}

    def step(self, states: dict[State, Tally], element: Element) -> dict[State, Tally]:
        found = super().step(states, element)
        self.splits = self.splits or len(found) > 1
        return found

    def follow(self, outcomes: dict[Flow, Tally], element: Element, env: Env = ()) -> dict[Flow, Tally]:
        found = super().follow(outcomes, element, env)
        self.splits = self.splits or len(found) > 1
        return found

    # ------------------------------------------------------------------- numbers

    def count(self, element: Element) -> int | None:
        """The number of networks below an element by itself; None for infinitely many.

        Raises: CannotCountError.
        """
        return self.number(_total(self.outcomes(element, UNKNOWN)))

    def count_all(self, segments: Iterable[Segment], shape: Shape = UNKNOWN, input_name: str = "") -> int | None:
        """The number of networks of a space; None for infinitely many. Raises: CannotCountError."""
        segments = tuple(segments)
        try:
            return self.number(self.tally(segments, shape, input_name))
        except CannotCountError as fault:
            return self._one_by_one(segments, shape, input_name, fault)

    def tally(self, segments: Iterable[Segment], shape: Shape = UNKNOWN, input_name: str = "") -> Tally:
        start = shape if self.shapes is not None else UNKNOWN
        total = _total(self.through(segments, self.start(start, input_name))[-1])
        if self.overapproximate:
            raise CannotCountError("it is not followed which of the values of a list are read")
        return total

    def loosened(self, states: dict[State, Tally]) -> dict[State, Tally]:
        raise CannotCountError("too many lists and shapes go together")

    def number(self, tally: Tally) -> int | None:
        ways = {used: n for used, n in tally.ways.items() if n}
        if not ways:
            return 0
        if tally.infinite or any(self.tied[use].infinite for used in ways for use in self._all_below(used)):
            return None
        return sum(n * self.joint(used) for used, n in ways.items())

    def joint(self, used: frozenset[Use]) -> int:
        """The ways to make the choices of some tied blocks, each once."""
        if not used:
            return 1
        if used not in self._joint:
            blocks = [use[0] for use in used]
            if len(set(blocks)) < len(blocks):
                name = next(b for b in blocks if blocks.count(b) > 1)
                raise CannotCountError(f"the uses of the tied block `{name}` do not have the same choices")
            # First a block that no other one uses: what it uses comes to the rest.
            outer = next(u for u in sorted(used, key=repr) if not any(u in self.below(v) for v in used if v != u))
            rest = used - {outer}
            self._joint[used] = sum(n * self.joint(rest | more) for more, n in self.tied[outer].ways.items())
        return self._joint[used]

    def below(self, use: Use) -> frozenset[Use]:
        """The tied blocks that a tied block uses, directly or through others."""
        if use not in self._below:
            direct = {other for used in self.tied[use].ways for other in used}
            self._below[use] = frozenset(direct.union(*(self.below(other) for other in direct)))
        return self._below[use]

    def _all_below(self, used: frozenset[Use]) -> frozenset[Use]:
        return used.union(*(self.below(use) for use in used))

    def _one_by_one(
        self, segments: tuple[Segment, ...], shape: Shape, input_name: str, fault: CannotCountError
    ) -> int | None:
        classes = self.shapes.classes if self.shapes is not None else 0
        start = shape if self.shapes is not None else UNKNOWN
        count = work = 0
        try:
            for network in every(lambda decide: resolve(segments, decide, input_name, start, classes)):
                count += 1
                work += sum(1 for segment in network.segments for _ in elements(segment.body))
                if work > MOST_LISTED:
                    raise fault
        except UserError as other:
            raise fault from other
        return count

    # ------------------------------------------------------------------ elements

    def op(self, op: LayerCall, flow: Flow) -> dict[Flow, Tally]:
        return {self.shapes.op(op, flow) if self.shapes else UNKNOWN: self.nothing}

    def joined(self, element: Join, shapes: tuple[Shape, ...]) -> dict[Flow, Tally]:
        return {self.shapes.joined(element, shapes) if self.shapes else UNKNOWN: self.nothing}

    def wrap(self, wrap: BodyLayer, flow: Flow, env: Env) -> dict[Flow, Tally]:
        start = self.shapes.entered(wrap, flow) if self.shapes else UNKNOWN
        inner = self.outcomes(wrap.body, start, env).items()
        return either((self.shapes.left(wrap, flow, after) if self.shapes else UNKNOWN, w) for after, w in inner)

    def when(self, element: When, flow: Flow, env: Env) -> dict[Flow, Tally]:
        side = taken_side(element, flow)
        if side is not None:
            return self.outcomes(side, flow, env)
        both = [self.outcomes(side, flow, env) for side in (element.then, element.otherwise)]
        if structure(element.then, "") or structure(element.otherwise, ""):
            raise CannotCountError("which choices there are depends on shapes that do not come out")
        return {after: self.nothing for outcomes in both for after in outcomes}

    def open(self, element: DeferredCall, flow: Flow, env: Env) -> dict[Flow, Tally]:
        if any(f.low is not None for f in element.fields):
            first = next(structural_ways(element))
            return {after: Tally(w.ways, True) for after, w in self.outcomes(element.make(first), flow, env).items()}
        ways = structural_count(element)
        if ways > MOST_WAYS:
            raise CannotCountError(f"there are {ways:,} ways to close a call, each with choices of its own")
        others = prod(len(f.options) for f in element.fields if not f.structural and f.options)
        found = either(
            pair for made in structural_ways(element) for pair in self.outcomes(element.make(made), flow, env).items()
        )
        return {after: w.times(others) for after, w in found.items()}

    def too_few(self, element: Pick, count: int) -> None:
        return None

    def too_many(self, element: Join | Many | Pick) -> None:
        raise CannotCountError("too many sets of shapes can come together")

    def leave(self, group: Group, outcomes: dict[Flow, Tally], flow: Held, env: Env) -> dict[Flow, Tally]:
        if not group.tied:
            return outcomes
        choices_inside = structure(group, "")
        if not choices_inside:
            return outcomes
        if len(outcomes) > 1:
            raise CannotCountError(f"what comes out of the tied block `{group.block}` depends on its choices")
        shaped = self.shapes is not None and _reads_shapes(choices_inside)
        use: Use = (group.block, choices_inside, *((flow, env) if shaped else (_length(flow), _lengths(env))))
        self.tied[use] = _total(outcomes)
        return dict.fromkeys(outcomes, Tally({frozenset((use,)): 1}))


def _total(outcomes: Mapping[Any, Tally]) -> Tally:
    total = Tally({})
    for tally in outcomes.values():
        total = total | tally
    return total


def _length(held: Held) -> int | None:
    return len(held.shapes) if isinstance(held, TensorList) else None


def _lengths(env: Env) -> tuple[tuple[str, int | None], ...]:
    return tuple((name, _length(held)) for name, held in env)


def structural_count(element: DeferredCall) -> int:
    """The ways to close the arguments of a call that other choices depend on."""
    return prod(len(f.options) for f in element.fields if f.structural and f.options)


def structure(element: Element, path: str) -> tuple[object, ...]:
    """The choices below an element as data: two elements with equal ones make the same choices."""
    here = inside(element, path)
    match element:
        case LayerCall() | NameRef():
            return ()
        case LayerChoice():
            options = tuple((o.text, structure(o.element, here)) for o in element.options)
            return (("one", join(here, element.key), options),)
        case Pick():
            items = tuple(
                (o.text, o.element.wire if isinstance(o.element, NameRef) else structure(o.element, here))
                for o in element.options
            )
            return (("some", join(here, element.key), element.least, element.most, items),)
        case When():
            sides = (structure(element.then, here), structure(element.otherwise, here))
            return (("when", print_inline(element.test), sides),) if any(sides) else ()
        case DeferredCall():
            if structural_count(element) > MOST_WAYS:
                raise CannotCountError("there are too many ways to close a call in a tied block")
            inner = tuple(structure(element.make(made), here) for made in structural_ways(element))
            return (("open", here, tuple((f.key, f.options, f.low, f.high) for f in element.fields), inner),)
    return tuple(choice for child, where in children(element, path) for choice in structure(child, where))


def _reads_shapes(choices_inside: object) -> bool:
    if not isinstance(choices_inside, tuple):
        return False
    return (bool(choices_inside) and choices_inside[0] == "when") or any(_reads_shapes(part) for part in choices_inside)


def follows_shapes(segments: Iterable[Segment]) -> bool:
    """Whether shapes decide which choices there are: a choice stands in `a if frames > 1 else b`."""
    return any(_follows_shapes(segment.body, {}) for segment in segments)


def _follows_shapes(element: Element, known: dict[int, bool]) -> bool:
    if isinstance(element, (LayerCall, NameRef)):
        return False
    if id(element) not in known:
        if isinstance(element, DeferredCall):
            ways = element.fields and structural_count(element) <= MOST_WAYS
            parts = [element.make(made) for made in structural_ways(element)] if ways else []
            known[id(element)] = any(_follows_shapes(part, {}) for part in parts)
        else:
            here = isinstance(element, When) and any(has_choices(side) for side in (element.then, element.otherwise))
            known[id(element)] = here or any(_follows_shapes(part, known) for part, _ in children(element, ""))
    return known[id(element)]


def count(segments: Iterable[Segment], shape: Shape = UNKNOWN, input_name: str = "", classes: int = 0) -> int | None:
    """The number of ways to make all choices of a space; None for infinitely many (real choices).

    The shape of the input is needed only where shapes decide which choices there are. Raises: CannotCountError.
    """
    segments = tuple(segments)
    counter = Counter(classes if follows_shapes(segments) else None)
    return counter.count_all(segments, shape, input_name)


# ------------------------------------------------------------------------- drawing


def draw(
    segments: Iterable[Segment], random: Random, shape: Shape = UNKNOWN, input_name: str = "", classes: int = 0
) -> dict[str, str]:
    """The choices of one network, all networks alike likely.

    Where there are infinitely many, or too many that depend on each other to be counted, every choice is drawn by
    itself instead, all its values alike likely.
    """
    segments = tuple(segments)
    shaped = follows_shapes(segments)
    counter = Counter(classes if shaped else None)
    start = shape if shaped else UNKNOWN
    try:
        if counter.number(counter.tally(segments, shape, input_name)) is None:
            return complete(segments, {}, random, input_name, start, classes).made
        single = len(counter.tally(segments, shape, input_name).ways) == 1
        if single and all(len(tally.ways) == 1 for tally in counter.tied.values()) and not (shaped and counter.splits):
            with suppress(_EntangledError):
                return Drawer(counter, random, classes).draw(segments, input_name, start)
        return _one_after_the_other(segments, random, shape, input_name, classes)
    except CannotCountError:
        return complete(segments, {}, random, input_name, start, classes).made


class _EntangledError(Exception):
    """How many values a list has decides about choices in a way that is not followed."""


Future: TypeAlias = Callable[[Flow], int]
"""From what comes out of an element to the number of ways to make the choices behind it."""


def _entangled(flow: Flow) -> int:
    raise _EntangledError


class Drawer(Resolver):
    """Draws each option as often as there are networks with it."""

    def __init__(self, counter: Counter, random: Random, classes: int):
        super().__init__(self.drawn, classes)
        self.counter = counter
        self.random = random
        self.weights: list[int] = []
        self.by_number: Future | None = None
        """The weight of a number of edges, where it matters."""
        self.answers: dict[str, str] = {}
        self.future: Future | None = None
        """What the element that is walked through leads to; None where all that comes out of it is alike."""
        self.around: list[tuple[Group, Callable[[dict[State, Tally]], int] | None]] = []

    def draw(self, segments: tuple[Segment, ...], input_name: str, shape: Shape) -> dict[str, str]:
        env: dict[str, Flow] = {input_name: shape}
        flow: Flow = shape
        for i, segment in enumerate(segments):

            def rest(states: dict[State, Tally], i: int = i, outer: dict[str, Flow] = env) -> int:
                if segments[i].name:
                    held = tuple(sorted(outer.items()))
                    states = either(((after, held), w) for (after, _), w in states.items())
                return _ways(self.counter.through(segments[i + 1 :], states)[-1].values())

            self.around.append((segment.body, rest))
            _, flow, inner = super().group(segment.body, "", flow, env)
            self.around.pop()
            env = env if segment.name else inner
        return {name: decision.value for name, decision in self.made.items()}

    def group(
        self, group: Group, path: str, flow: Flow, env: Mapping[str, Flow]
    ) -> tuple[Group, Flow, dict[str, Flow]]:
        outer = self.future

        def rest(states: dict[State, Tally]) -> int:
            assert outer is not None
            return sum(_ways([w]) * outer(after) for (after, _), w in states.items() if not isinstance(after, OneOf))

        self.around.append((group, None if outer is None else rest))
        self.future = _entangled  # for what is handed in by name
        found = super().group(group, path, flow, env)
        self.around.pop()
        self.future = outer
        return found

    def reached(self, group: Group, line: int, item: int, env: Mapping[str, Flow]) -> None:
        """From here on, what comes behind this item in the group and around it."""
        outer = self.around[-1][1]
        held = tuple(sorted(env.items()))
        last = line + 1 >= len(group.lines) + (group.out is not None)
        if outer is None and last and (line == len(group.lines) or item + 1 == len(group.lines[line])):
            self.future = None
            return

        def future(flow: Flow) -> int:
            states: dict[State, Tally] = {(flow, held): self.counter.nothing}
            for i in range(line, len(group.lines)):
                for part in group.lines[i][item + 1 if i == line else 0 :]:
                    states = self.counter.step(states, part)
                states = self.counter.kept(states, group.name_of(i), frozenset())
            if group.out is not None and line < len(group.lines):
                states = self.counter.step(states, group.out)
            return _ways(states.values()) if outer is None else outer(states)

        self.future = future

    def drawn(self, decision: Decision) -> str:
        if decision.name in self.answers:
            return self.answers.pop(decision.name)
        if decision.form == "edges":
            return " + ".join(self._some(decision))
        if self.weights:
            return decision.options[_weighted(self.random, self.weights)]
        return decision.draw(self.random)

    def _some(self, decision: Decision) -> list[str]:
        """Some of the options, each set as likely as the product of the weights of its items."""
        assert decision.least is not None and decision.most is not None
        # ways[i][k]: to take k of the options from the i-th on.
        ways = [[1] + [0] * decision.most]
        for weight in reversed(self.weights):
            last = ways[-1]
            ways.append([last[k] + (weight * last[k - 1] if k else 0) for k in range(decision.most + 1)])
        ways.reverse()
        counts = range(decision.least, decision.most + 1)
        behind = self.by_number
        totals = [ways[0][k] * (1 if behind is None else behind(TensorList((UNKNOWN,) * k))) for k in counts]
        left = _weighted(self.random, totals) + decision.least
        taken = []
        for i, (text, weight) in enumerate(zip(decision.options, self.weights, strict=True)):
            if left and _weighted(self.random, [ways[i + 1][left], weight * ways[i + 1][left - 1]]):
                taken.append(text)
                left -= 1
        return taken

    def walk(self, element: Element, path: str, flow: Flow, env: Mapping[str, Flow]) -> tuple[Element, Flow]:
        future = self.future
        match element:
            case LayerChoice():
                self.weights = self._weights([option.element for option in element.options], flow, env, future)
            case Pick():
                options = [option.element for option in pool(element, env)]
                self.weights = self._weights(options, flow, env, None if future is None else _entangled)
                self.by_number = future if element.least < element.most else None
                self.future = None if future is None else _entangled
            case DeferredCall():
                ways = list(structural_ways(element))
                made = [element.make(way) for way in ways]
                way = ways[_weighted(self.random, self._weights(made, flow, env, future))]
                here = inside(element, path)
                self.weights = []
                for f, text in zip(element.fields, way, strict=True):
                    if f.structural and f.options:
                        self.answers[join(here, f.key)] = text
            case Join() | BodyLayer():  # one value comes out, whatever goes in
                self.future = None
            case Many() | Repeat():
                self.future = None if future is None else _entangled
        found = super().walk(element, path, flow, env)
        self.future = future
        return found

    def _weights(
        self, elements: Sequence[Element], flow: Flow, env: Mapping[str, Flow], future: Future | None
    ) -> list[int]:
        """How many networks go on with each element. Choices of tied blocks are made at some use anyway, and have no
        part in it."""
        held = tuple(sorted(env.items()))
        found = [self.counter.outcomes(element, flow, held) for element in elements]
        if future is None or len({after for outcomes in found for after in outcomes}) == 1:
            return [_ways(outcomes.values()) for outcomes in found]
        return [sum(_ways([w]) * future(after) for after, w in outcomes.items()) for outcomes in found]


def _ways(tallies: Iterable[Tally]) -> int:
    return sum(n for tally in tallies for n in tally.ways.values())


def _weighted(random: Random, weights: Sequence[int]) -> int:
    """A place, as likely as its weight; exact for whole numbers of any size."""
    left = random.randrange(sum(weights))
    for i, weight in enumerate(weights):
        left -= weight
        if left < 0:
            return i
    raise AssertionError("the weights add up to their sum")


def _one_after_the_other(
    segments: tuple[Segment, ...], random: Random, shape: Shape, input_name: str, classes: int
) -> dict[str, str]:
    """Draw each choice by how many networks are left with each of its values."""
    made: dict[str, str] = {}
    tried = 0

    def decide(decision: Decision) -> str:
        nonlocal tried
        tried += decision.count or 0
        if tried > MOST_TRIED:
            raise CannotCountError("there are too many choices that depend on each other")
        values = list(decision.values())
        weights = []
        for value in values:
            fixed = {**made, decision.name: value}
            left = restrict_all(segments, lambda n, _, options, fixed=fixed: (fixed[n],) if n in fixed else options)  # type: ignore[misc]
            weights.append(count(left, shape, input_name, classes) or 0)
        made[decision.name] = values[_weighted(random, weights)]
        return made[decision.name]

    resolve(segments, decide, input_name, shape, classes)
    return made

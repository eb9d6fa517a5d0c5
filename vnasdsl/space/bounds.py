"""What least and greatest costs mean where they are bounds: which of them a network has, and which faults are real.

Bounds come from looking at more than there is: uses of a tied block as if each made choices of its own, lines as if
each held anything it can. So a network whose cost is the bound proves that the bound is exact; one is looked for by
taking the cheapest (or dearest) option at every choice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import comb, prod
from random import Random
from typing import Literal, TypeAlias

from vnasdsl.language.diagnostics import Diagnostic, UserError, VnsError
from vnasdsl.layers.base import Shape
from vnasdsl.space.elements import (
    BodyLayer,
    DeferredArgument,
    DeferredCall,
    Element,
    Group,
    Join,
    LayerChoice,
    Many,
    Pick,
    Repeat,
    Segment,
    inside,
    join,
)
from vnasdsl.space.evaluate import Env
from vnasdsl.space.resolve import Decision, Resolver, complete
from vnasdsl.space.shapes import Analysis, Cost
from vnasdsl.space.wires import Flow, pool, reads, spliced

Goal: TypeAlias = Literal["macs_min", "macs_max", "params_min", "params_max"]
GOALS: tuple[Goal, ...] = ("macs_min", "macs_max", "params_min", "params_max")
TRIED_SETS = 64
"""Sets of edges among which the best is looked for."""
TRIED = 24
"""Networks drawn to see whether a fault is real."""


@dataclass(frozen=True)
class Settled:
    """Bounds on the costs of a space, with what is known about them."""

    cost: Cost
    exact: frozenset[Goal]
    """The ends that a network has; the others are no more than bounds."""
    faults: tuple[Diagnostic, ...] = ()
    """What is wrong with a network that was found on the way."""


def settle(
    segments: tuple[Segment, ...],
    inputs: Sequence[tuple[Shape, Cost]],
    analysis: Analysis,
    input_name: str,
) -> Settled:
    """The costs over all inputs, and which of them are those of networks.

    `inputs`: for every shape of the input, what `analysis` says that networks of it cost at least and at most.
    """
    total = inputs[0][1]
    for _, cost in inputs[1:]:
        total = total | cost
    if analysis.exact:
        return Settled(total, frozenset(GOALS))
    exact: set[Goal] = set()
    if analysis.suspected:
        for shape, _ in inputs[:4]:
            for network in _drawn(segments, analysis, input_name, shape):
                _, faults = price(network, shape, input_name, analysis.classes)
                if faults:
                    return Settled(total, frozenset(), faults)
    scratch = Analysis(analysis.classes)  # what is tried out here is not said of the space
    for goal in GOALS:
        shape, cost = min(inputs, key=lambda pair: _signed(goal, pair[1]))
        for width_first in (False, True):
            cheapest = _cheapest(segments, scratch, goal, width_first, input_name, shape)
            if cheapest is None:
                continue
            found, faults = price(cheapest, shape, input_name, analysis.classes)
            if faults:
                return Settled(total, frozenset(), faults)
            # What is found has lines that the network leaves out: it proves nothing where there may be some.
            if found is not None and getattr(found, goal) == getattr(cost, goal) and not analysis.left_out:
                exact.add(goal)
                break
    return Settled(total, frozenset(exact))


def price(
    segments: Iterable[Segment], shape: Shape, input_name: str, classes: int
) -> tuple[Cost | None, tuple[Diagnostic, ...]]:
    """The costs of one network, or what is wrong with it."""
    analysis = Analysis(classes)
    try:
        found = analysis.segments(segments, shape, input_name)
    except VnsError as fault:
        return None, tuple(fault.diagnostics)
    faults = tuple(d for d in analysis.diagnostics if d.severity == "error")
    return (None, faults) if faults or len(found) != 1 else (next(iter(found.values())), ())


def _drawn(
    segments: tuple[Segment, ...], analysis: Analysis, input_name: str, shape: Shape
) -> Iterator[tuple[Segment, ...]]:
    random = Random(0)
    for _ in range(TRIED):
        try:
            yield complete(segments, {}, random, input_name, shape, analysis.classes).segments
        except UserError:
            continue


def _signed(goal: Goal, cost: Cost) -> int:
    """Smaller is nearer to the goal."""
    amount: int = getattr(cost, goal)
    return amount if goal.endswith("min") else -amount


def _cheapest(
    segments: tuple[Segment, ...], analysis: Analysis, goal: Goal, width_first: bool, input_name: str, shape: Shape
) -> tuple[Segment, ...] | None:
    """The network that takes at every choice what is best by itself."""
    walker = _Greedy(analysis, goal, width_first)
    env: dict[str, Flow] = {input_name: shape}
    flow: Flow = shape
    made = []
    try:
        for segment in segments:
            body, flow, inner = walker.group(segment.body, "", flow, env)
            env = env if segment.name else inner
            made.append(Segment(segment.name, body))
    except (UserError, VnsError):
        return None
    return tuple(made)


class _Greedy(Resolver):
    """Takes the option that costs least (or most) where it stands; of equal ones what is narrower (or wider)."""

    def __init__(self, analysis: Analysis, goal: Goal, width_first: bool):
        super().__init__(self._answer, analysis.classes)
        self.analysis = analysis
        self.goal: Goal = goal
        self.width_first = width_first
        self.answers: dict[str, str] = {}
        self.rest: tuple[tuple[Element, ...], Env] | None = None
        """What comes behind in the line, and what it can read."""

    def reached(self, group: Group, line: int, item: int, env: Mapping[str, Flow]) -> None:
        behind = group.lines[line][item + 1 :] if line < len(group.lines) else ()
        self.rest = (behind, tuple(sorted(env.items())))

    def _answer(self, decision: Decision) -> str:
        return self.answers.pop(decision.name)

    def walk(self, element: Element, path: str, flow: Flow, env: Mapping[str, Flow]) -> tuple[Element, Flow]:
        here = inside(element, path)
        rest = self.rest
        match element:
            case Join(inputs=(Pick() as only,)):
                self._join(element, only, join(inside(only, here), only.key), flow, env)
                self.rest = None
            case Join() | BodyLayer() | Many() | Repeat():
                self.rest = None
            case LayerChoice():
                name = join(here, element.key)
                if name not in self.made:
                    best = min(element.options, key=lambda option: self._rank(option.element, flow, env))
                    self.answers[name] = best.text
            case Pick():
                name = join(here, element.key)
                if name not in self.made and name not in self.answers:
                    options = pool(element, env)
                    count = element.least if self.goal.endswith("min") else min(element.most, len(options))
                    ranked = sorted(options, key=lambda option: self._rank(option.element, flow, env))[:count]
                    self.answers[name] = " + ".join(option.text for option in options if option in ranked)
            case DeferredCall():
                self._open(element, here, flow, env)
        found = super().walk(element, path, flow, env)
        self.rest = rest
        return found

    def _join(self, element: Join, pick: Pick, name: str, flow: Flow, env: Mapping[str, Flow]) -> None:
        """The best of the smallest (or largest) sets of what can be picked, when they are few."""
        options = pool(pick, env)
        count = pick.least if self.goal.endswith("min") else min(pick.most, len(options))
        if name in self.made or comb(len(options), count) > TRIED_SETS:
            return
        best: tuple[tuple[int, int], str] | None = None
        for taken in combinations(options, count):
            items = Many("", tuple(option.element for option in taken), pick.span)
            rank = self._rank(replace(element, inputs=(items,)), flow, env)
            if best is None or rank < best[0]:
                best = (rank, " + ".join(option.text for option in taken))
        if best is not None:
            self.answers[name] = best[1]

    def _open(self, element: DeferredCall, here: str, flow: Flow, env: Mapping[str, Flow]) -> None:
        """Each argument in turn, the others as they are so far."""
        names = [join(here, f.key) for f in element.fields]
        known = [self.made[name].value if name in self.made else None for name in names]
        columns = [(value,) if value is not None else _tried(f) for value, f in zip(known, element.fields, strict=True)]
        taken = [column[0] for column in columns]
        for i, column in enumerate(columns):
            if len(column) > 1:
                ways = {text: (*taken[:i], text, *taken[i + 1 :]) for text in column}
                taken[i] = min(column, key=lambda text: self._rank(element.make(ways[text]), flow, env))
        self.answers.update((name, text) for name, text in zip(names, taken, strict=True) if name not in self.made)

    def _rank(self, element: Element, flow: Flow, env: Mapping[str, Flow]) -> tuple[int, int]:
        sign = 1 if self.goal.endswith("min") else -1
        held = tuple((name, env[name]) for name in sorted(reads(element)) if name in env)
        found = self.analysis.outcomes(element, flow, held)
        if self.rest is not None:
            for part in self.rest[0]:
                found = self.analysis.follow(found, part, self.rest[1])
        ranks = []
        for after, cost in found.items():
            size = sign * sum(prod(shape) if shape else 0 for shape in spliced(after))
            ranks.append((size, _signed(self.goal, cost)) if self.width_first else (_signed(self.goal, cost), size))
        return min(ranks, default=(0, 0))


def _tried(f: DeferredArgument) -> tuple[str, ...]:
    return f.options or (repr(f.low), repr(f.high))

"""Walking through all networks of a space at once: what can come out of a part, with something summed up on the way.

A state is what flows (a shape, or several) and what the named lines that are still read hold. Parts are gone through
once for every state that reaches them, equal states are put together, and a line that nothing reads any more is
forgotten: so this takes as long as there are states, and not as there are networks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeAlias, TypeVar

from vnasdsl.layers.base import Shape
from vnasdsl.space.elements import (
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
)
from vnasdsl.space.liveness import left_out_of, may_be_left_out, surely_goes_on, surely_read
from vnasdsl.space.wires import UNKNOWN, Flow, TensorList, begins_anew, reads, scope, spliced


class Weight(Protocol):
    def __add__(self, other: Self, /) -> Self:
        """One after the other."""

    def __or__(self, other: Self, /) -> Self:
        """Either of the two."""


W = TypeVar("W", bound=Weight)
Key = TypeVar("Key")


@dataclass(frozen=True)
class OneOf:
    """A line of which only is known what it can hold, and no more which of it goes with what other lines hold."""

    flows: frozenset[Flow]


Held: TypeAlias = "Flow | OneOf"
Env: TypeAlias = tuple[tuple[str, Held], ...]
"""What named lines hold, by name, in the order of the names."""
State: TypeAlias = tuple[Held, Env]

MOST_STATES = 64
"""States behind one line; of more, it is forgotten which lines go together."""
MOST_SETS = 20_000
"""Sets of shapes that come together in one layer."""
MOST_SHAPES = 5_000_000
"""Shapes in all the sets that come together in the layers of one space."""
MOST_IN_ORDER = 256
"""Lists behind one line that differ only in order; of more, the order is forgotten."""


class Flows(Generic[W]):
    """`outcomes` of elements; what is summed up, and what a layer adds to it, is said by the classes below this one."""

    most_states = MOST_STATES
    """States behind one line; of more, it is forgotten which lines go together."""

    def __init__(self, nothing: W):
        self.nothing = nothing
        self.knows_shapes = False
        """Whether what has no shape is at fault."""
        self.leaves_out = False
        """Whether networks leave out lines that nothing reads in them."""
        self.overapproximate = False
        """Whether states have been put together that differ: then there may be outcomes that no network has."""
        self._known: dict[tuple[int, Held, Env], tuple[Element, dict[Flow, W]]] = {}
        self._together = 0

    # ------------------------------------------------------ said by a class below

    def op(self, op: LayerCall, flow: Flow) -> dict[Flow, W]:
        raise NotImplementedError

    def joined(self, element: Join, shapes: tuple[Shape, ...]) -> dict[Flow, W]:
        raise NotImplementedError

    def wrap(self, wrap: BodyLayer, flow: Flow, env: Env) -> dict[Flow, W]:
        raise NotImplementedError

    def when(self, element: When, flow: Flow, env: Env) -> dict[Flow, W]:
        raise NotImplementedError

    def open(self, element: DeferredCall, flow: Flow, env: Env) -> dict[Flow, W]:
        raise NotImplementedError

    def too_few(self, element: Pick, count: int) -> None:
        """There is less to pick from than must be picked."""
        raise NotImplementedError

    def too_many(self, element: Join | Many | Pick) -> None:
        """There are more than `MOST_SETS` ways for shapes to come together, or `MOST_SHAPES` in them. Raises."""
        raise NotImplementedError

    def enter(self, group: Group) -> None:
        """A use of a block begins."""

    def leave(self, group: Group, outcomes: dict[Flow, W], flow: Held, env: Env) -> dict[Flow, W]:
        """A use of a block ends: what comes out of it."""
        return outcomes

    # ------------------------------------------------------------------ segments

    def start(self, shape: Shape, input_name: str) -> dict[State, W]:
        return {(shape, ((input_name, shape),) if input_name else ()): self.nothing}

    def through(self, segments: Iterable[Segment], states: dict[State, W]) -> list[dict[State, W]]:
        """The states before the first segment and behind each of them. Names of lines outside of stages go on."""
        segments = tuple(segments)
        later: list[frozenset[str]] = [frozenset()]
        for segment in reversed(segments):
            later.append(later[-1] | reads(segment.body))
        later.reverse()
        found = [_merged(((flow, only(env, later[0])), w) for (flow, env), w in states.items())]
        behind = _surely_behind(segments) if self.leaves_out else [(frozenset[str](), True)] * len(segments)
        for segment, keep, sure in zip(segments, later[1:], behind, strict=True):
            if segment.name:
                states = self.step(found[-1], segment.body) or self.lost(found[-1])
            else:
                states = self.lines(segment.body, found[-1], keep, sure)
            found.append(_merged(((flow, only(env, keep)), w) for (flow, env), w in states.items()))
        return found

    # ------------------------------------------------------------------ elements

    def step(self, states: dict[State, W], element: Element) -> dict[State, W]:
        """The states behind an element."""
        found: dict[State, W] = {}
        for (flow, env), w in states.items():
            for after, more in self.outcomes(element, flow, env).items():
                key = (after, env)
                total = w + more
                found[key] = found[key] | total if key in found else total
        return found

    def follow(self, outcomes: dict[Flow, W], element: Element, env: Env = ()) -> dict[Flow, W]:
        """What comes out when an element is put behind what came out before."""
        found: dict[Flow, W] = {}
        for flow, w in outcomes.items():
            for after, more in self.outcomes(element, flow, env).items():
                total = w + more
                found[after] = found[after] | total if after in found else total
        return found

    def outcomes(self, element: Element, flow: Held, env: Env = ()) -> dict[Flow, W]:
        """What can come out of an element, where `flow` comes in and named lines hold `env`."""
        if env and begins_anew(element):
            flow = UNKNOWN
        key = (id(element), flow, only(env, reads(element)) if env else ())
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = (element, self._outcomes(element, flow, key[2]))
        return known[1]  # the element is kept with it: an id is only unique while its object lives

    def _outcomes(self, element: Element, flow: Held, env: Env) -> dict[Flow, W]:
        if isinstance(flow, OneOf):
            return either(pair for each in sorted_flows(flow) for pair in self.outcomes(element, each, env).items())
        match element:
            case LayerCall():
                return self.op(element, flow)
            case NameRef():
                return self.read(element, env)
            case Group():
                return self.group(element, flow, env)
            case Repeat():
                outcomes = {flow: self.nothing}
                for item in element.items:
                    outcomes = self.follow(outcomes, item, env)
                return outcomes
            case LayerChoice():
                return either(
                    pair for option in element.options for pair in self.outcomes(option.element, flow, env).items()
                )
            case BodyLayer():
                return self.wrap(element, flow, env)
            case Join():
                return self.join(element, flow, env)
            case Many():
                return self.many(element, flow, env)
            case Pick():
                return self.pick(element, flow, env)
            case When():
                return self.when(element, flow, env)
            case DeferredCall():
                return self.open(element, flow, env)

    def group(self, group: Group, flow: Flow, env: Env) -> dict[Flow, W]:
        names = scope(group)
        if group.block is None and not names.named:
            outcomes = {flow: self.nothing}
            for item in group.items:
                outcomes = self.follow(outcomes, item)
            return outcomes if group.out is None else self.follow(outcomes, group.out)
        states: dict[State, W] = {(flow, env): self.nothing}
        if group.block is not None:
            states = self.begin(group, flow, env)
        if group.block is not None:
            self.enter(group)
        found: dict[Flow, W] = {}
        entered = states
        states = self.lines(group, states)
        for (after, inner), w in states.items():
            for last, more in [(after, None)] if group.out is None else self.outcomes(group.out, after, inner).items():
                total = w if more is None else w + more
                for each in sorted_flows(last):
                    if each != UNKNOWN or not self.knows_shapes:
                        found[each] = found[each] | total if each in found else total
        if group.block is not None:
            inside = next(iter(entered))[1] if len(entered) == 1 else ()
            found = self.leave(group, found, flow, inside)
        return found

    def begin(self, group: Group, flow: Flow, env: Env, every: bool = False) -> dict[State, W]:
        """The states in which the lines of a block begin: what is handed to it by name, as far as it is read."""
        names = scope(group)
        states: dict[State, W] = {(flow, ()): self.nothing}
        for name, value in group.inputs:
            given = self.outcomes(value, flow, env)
            held = every or name in names.outside
            states = _merged(
                ((flow, put(inner, name, one) if held else inner), w + more)
                for (_, inner), w in states.items()
                for one, more in given.items()
            )
        return states

    def lines(
        self,
        group: Group,
        states: dict[State, W],
        keep: frozenset[str] = frozenset(),
        sure: tuple[frozenset[str], bool] | None = None,
    ) -> dict[State, W]:
        """The states behind the lines of a group; a name is forgotten where nothing reads it, but for those to keep."""
        ends = scope(group).ends
        left_out: frozenset[int] = frozenset()
        if self.leaves_out and sure is None:
            left_out = left_out_of(group)
        elif self.leaves_out and sure is not None:
            left_out = may_be_left_out(group.lines, group.names, group.out, *sure)
        for i, line in enumerate(group.lines):
            before = states
            states = self.line(states, line, i in left_out) or self.lost(before)
            states = self.kept(states, group.name_of(i), frozenset(ends[i]) - keep)
            if len(states) > self.most_states:
                states = self.loosened(states)
        return states

    def line(self, states: dict[State, W], line: Iterable[Element], left_out: bool) -> dict[State, W]:
        """The states behind a line, which some networks may leave out."""
        if not left_out:
            for item in line:
                states = self.step(states, item)
            return states
        found: dict[State, W] = {}
        for state, w in states.items():
            inner = {state: self.nothing}
            for item in line:
                inner = self.step(inner, item)
            for after, more in inner.items():
                total = w + self.or_nothing(more)
                found[after] = found[after] | total if after in found else total
        return found

    def lost(self, before: dict[State, W]) -> dict[State, W]:
        """The states behind a line that gives nothing because it is at fault: later lines may read others."""
        return {(UNKNOWN, env): w for (_, env), w in before.items()}

    def or_nothing(self, w: W) -> W:
        """What a line is worth that some networks leave out."""
        return w

    def kept(self, states: dict[State, W], name: str, gone: frozenset[str]) -> dict[State, W]:
        """The states behind a line that is read by a name (or none), where some names are not read any more."""
        if not name and not gone:
            return states
        held = name and name not in gone
        return _merged(
            ((flow, drop(put(env, name, flow) if held else env, gone)), w) for (flow, env), w in states.items()
        )

    def loosened(self, states: dict[State, W]) -> dict[State, W]:
        """One state for all of them. Every network is still among what follows, and more than there is may be."""
        self.overapproximate = True
        held: dict[str, set[Flow]] = {}
        flows: set[Flow] = set()
        total: W | None = None
        for (flow, env), w in states.items():
            flows.update(sorted_flows(flow))
            for name, each in env:
                held.setdefault(name, set()).update(sorted_flows(each))
            total = w if total is None else total | w
        assert total is not None
        env = tuple((name, _one_of(held[name])) for name in sorted(held))
        return {(_one_of(flows), env): total}

    def read(self, element: NameRef, env: Env) -> dict[Flow, W]:
        found: dict[Flow, W] = {}
        for flow in sorted_flows(dict(env).get(element.wire, UNKNOWN)):
            if element.index is None:
                found[flow] = self.nothing
                continue
            values = spliced(flow)
            if isinstance(flow, TensorList) and not flow.ordered:
                self.overapproximate = self.overapproximate or len(set(values)) > 1
                found.update((value, self.nothing) for value in values)
            elif element.index < len(values):
                found[values[element.index]] = self.nothing
        return found

    # ----------------------------------------------------------------- side by side

    def together(self, shapes: int, sets: int, element: Join | Many | Pick) -> None:
        """Some more shapes come together in a layer, which has so many sets of them."""
        self._together += shapes
        if sets > MOST_SETS or self._together > MOST_SHAPES:
            self.too_many(element)

    def join(self, element: Join, flow: Flow, env: Env) -> dict[Flow, W]:
        """What a layer of several inputs gives does not depend on their order, so that it is not kept in mind."""
        sets: dict[tuple[Shape, ...], tuple[tuple[Shape, ...], W]] = {(): ((), self.nothing)}
        for item in element.inputs:
            given = self.outcomes(item, flow, env).items()
            found: dict[tuple[Shape, ...], tuple[tuple[Shape, ...], W]] = {}
            for shapes, w in sets.values():
                for after, more in given:
                    values = (*shapes, *spliced(after))
                    key, total = tuple(sorted(values)), w + more
                    found[key] = (found[key][0], found[key][1] | total) if key in found else (values, total)
                    self.together(len(values), len(found), element)
            sets = found
        return either(
            (after, w + more) for shapes, w in sets.values() for after, more in self.joined(element, shapes).items()
        )

    def many(self, element: Many, flow: Flow, env: Env) -> dict[Flow, W]:
        lists: dict[TensorList, W] = {TensorList(()): self.nothing}
        for item in element.items:
            given = self.outcomes(item, flow, env).items()
            self.together(len(given) * sum(len(before.shapes) for before in lists), 0, element)
            lists = either((_with(before, after), w + more) for before, w in lists.items() for after, more in given)
            if len(lists) > MOST_IN_ORDER:
                lists = either((_unordered(before.shapes), w) for before, w in lists.items())
            self.together(0, len(lists), element)
        return {flow: w for flow, w in lists.items()}  # noqa: C416

    def pick(self, element: Pick, flow: Flow, env: Env) -> dict[Flow, W]:
        items, certain = self._items(element, flow, env)
        if len(items) < element.least:
            self.too_few(element, len(items))
        sets: dict[tuple[int, tuple[Shape, ...]], W] = {(0, ()): self.nothing}
        for i, given in enumerate(items):
            found: dict[tuple[int, tuple[Shape, ...]], W] = {}
            for (count, shapes), w in sets.items():
                if count + len(items) - i > element.least:  # enough are left to leave this one out
                    key = (count, shapes)
                    found[key] = found[key] | w if key in found else w
                if count < element.most:
                    for after, more in given.items():
                        key = (count + 1, tuple(sorted((*shapes, *spliced(after)))))
                        total = w + more
                        found[key] = found[key] | total if key in found else total
                        self.together(count + 1, len(found), element)
            sets = found
        if not certain:
            self.overapproximate = True
        return either((_unordered(shapes), w) for (count, shapes), w in sets.items() if count >= element.least)

    def _items(self, element: Pick, flow: Flow, env: Env) -> tuple[list[dict[Flow, W]], bool]:
        """What comes out of each thing that can be picked. A list that can be one of several stands for as many values
        as the longest has, each of them anything that is in one of the lists; False where that has been done."""
        items: list[dict[Flow, W]] = []
        held = dict(env)
        certain = True
        for option in element.options:
            part = option.element
            ways = (
                sorted_flows(held.get(part.wire, UNKNOWN)) if isinstance(part, NameRef) and part.index is None else ()
            )
            longest = max((len(way.shapes) for way in ways if isinstance(way, TensorList)), default=None)
            if longest is None:
                items.append(self.outcomes(part, flow, env))
            elif len(ways) == 1:
                items += ({shape: self.nothing} for shape in spliced(ways[0]))
            else:
                certain = False
                shapes = dict.fromkeys(shape for way in ways for shape in spliced(way))
                items += (dict.fromkeys(shapes, self.nothing) for _ in range(longest))
        return items, certain


def either(pairs: Iterable[tuple[Key, W]]) -> dict[Key, W]:
    """Weights collected by what they belong to."""
    found: dict[Key, W] = {}
    for key, w in pairs:
        found[key] = found[key] | w if key in found else w
    return found


_merged = either


def _surely_behind(segments: tuple[Segment, ...]) -> list[tuple[frozenset[str], bool]]:
    """For each segment the names that those behind it surely read, and whether the next surely goes on from it."""
    found = [(frozenset[str](), True)]
    for segment in reversed(segments[1:]):
        names = found[-1][0] | surely_read(segment.body)
        found.append((names, surely_goes_on(segment.body)))
    found.reverse()
    return found


def only(env: Env, names: frozenset[str]) -> Env:
    """What the lines of these names hold."""
    if not env or not names:
        return ()
    return tuple(pair for pair in env if pair[0] in names)


def put(env: Env, name: str, held: Held) -> Env:
    return tuple(sorted((*(pair for pair in env if pair[0] != name), (name, held)), key=lambda pair: pair[0]))


def drop(env: Env, names: frozenset[str]) -> Env:
    return tuple(pair for pair in env if pair[0] not in names) if names else env


def sorted_flows(held: Held) -> tuple[Flow, ...]:
    """What a line can hold, in an order that does not change from run to run."""
    if isinstance(held, OneOf):
        return tuple(sorted(held.flows, key=_order))
    return (held,)


def _order(flow: Flow) -> tuple[int, tuple[Shape, ...]]:
    return (1, flow.shapes) if isinstance(flow, TensorList) else (0, (flow,))


def _one_of(flows: set[Flow]) -> Held:
    return next(iter(flows)) if len(flows) == 1 else OneOf(frozenset(flows))


def _with(before: TensorList, after: Flow) -> TensorList:
    values = (*before.shapes, *spliced(after))
    ordered = before.ordered and (not isinstance(after, TensorList) or after.ordered)
    return TensorList(values) if ordered else _unordered(values)


def _unordered(shapes: tuple[Shape, ...]) -> TensorList:
    return TensorList(tuple(sorted(shapes)), ordered=len(set(shapes)) < 2)

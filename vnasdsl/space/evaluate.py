"""The walk through all networks of a space at once: what can come out of each part, and the ways to make it.

A state is what flows (a shape, or several) and what the named lines that are still read hold. Each part is walked once
for every state that reaches it, equal states are put together, and a line that nothing reads any more is forgotten: so
the walk takes as long as there are states, not as there are networks.

`Walk` follows no shapes, only how many values lists have: enough to count. `Analysis` in `shapes` follows shapes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from vnasdsl.language.diagnostics import UserError
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
from vnasdsl.space.parts import MOST_WAYS, has_choices, shapes_decide, structural_count, structural_ways
from vnasdsl.space.reads import all_reads, line_names, reads, unsure_lines, unsure_lines_of, uses_previous
from vnasdsl.space.states import (
    UNKNOWN,
    Env,
    Flow,
    Held,
    OneOf,
    State,
    TensorList,
    drop,
    extended,
    flows_of,
    inserted,
    length,
    one_of,
    only,
    put,
    spliced,
    unordered,
    value_of,
)
from vnasdsl.space.ways import NOTHING, Edge, Taken, Tied, Unsure, Ways, either, gather, within

States: TypeAlias = dict[State, Ways]
Outcomes: TypeAlias = dict[Flow, Ways]

MOST_STATES = 64
"""States after one line; of more, it is forgotten which lines go together."""
MOST_SETS = 20_000
"""Sets of shapes that come together in one layer."""
MOST_SHAPES = 5_000_000
"""Shapes in all the sets that come together in the layers of one space."""
MOST_IN_ORDER = 256
"""Lists after one line that differ only in order; of more, the order is forgotten."""


class CannotCountError(UserError):
    """There are too many combinations of choices that depend on each other."""


class Walk:
    """`outcomes` of elements: what can come out, each with the ways to make it. Shared parts are walked once."""

    most_states = 2_000
    knows_shapes = False
    """Whether what has no shape is at fault."""

    def __init__(self) -> None:
        self.leaves_out = False
        """Whether networks leave out lines that nothing reads in them."""
        self.overapproximate = False
        """Whether states have been put together that differ: then there may be outcomes that no network has."""
        self._known: dict[tuple[int, Held, Env], tuple[Element, Outcomes]] = {}
        self._together = 0

    # ---------------------------------------------------------------- segments

    def start(self, given: Iterable[tuple[str, Held]]) -> States:
        """given: what the inputs are, by name; the first line takes the first one."""
        given = tuple(given)
        return {(given[0][1], tuple(sorted(given))): NOTHING}

    def through(self, segments: Iterable[Segment], states: States) -> list[States]:
        """The states before the first segment and after each of them. Names of lines outside of stages go on."""
        segments = tuple(segments)
        later = [all_reads(segment.body for segment in segments[i:]) for i in range(len(segments) + 1)]
        unsure = unsure_lines_of(segments)
        found = [gather(((flow, only(env, later[0])), w) for (flow, env), w in states.items())]
        for segment, keep, lines in zip(segments, later[1:], unsure, strict=True):
            if segment.name:
                states = self.step(found[-1], segment.body) or self.lost(found[-1])
            else:
                states = self.lines(segment.body, found[-1], keep, unsure=lines)
            found.append(gather(((flow, only(env, keep)), w) for (flow, env), w in states.items()))
        return found

    # ------------------------------------------------------------- layer by layer

    def layer(self, element: LayerCall, flow: Flow) -> Outcomes:
        return {UNKNOWN: NOTHING}

    def joined(self, element: Join, shapes: tuple[Shape, ...]) -> Outcomes:
        return {UNKNOWN: NOTHING}

    def around(self, element: BodyLayer, flow: Flow, env: Env) -> Outcomes:
        """A layer around a body."""
        return gather((UNKNOWN, ways) for ways in self.outcomes(element.body, UNKNOWN, env).values())

    def when(self, element: When, flow: Flow, env: Env) -> Outcomes:
        if has_choices(element.then) or has_choices(element.otherwise):
            raise CannotCountError("shapes decide which choices there are")
        both = (self.outcomes(side, flow, env) for side in (element.then, element.otherwise))
        return {after: NOTHING for outcomes in both for after in outcomes}

    def deferred(self, element: DeferredCall, flow: Flow, env: Env) -> Outcomes:
        if structural_count(element) > MOST_WAYS:
            raise CannotCountError(f"a call can be closed in {structural_count(element):,} ways")
        return gather(
            (after, _closed(element, texts) + ways)
            for texts in structural_ways(element)
            for after, ways in self.outcomes(element.make(texts), flow, env).items()
        )

    def too_few(self, element: Pick, count: int) -> None:
        """There is less to pick from than must be picked."""

    def too_many(self, element: Join | Many | Pick) -> None:
        """There are more than `MOST_SETS` ways for shapes to come together, or `MOST_SHAPES` in them. Raises."""
        raise CannotCountError("too many sets of shapes can come together")

    def too_many_states(self) -> None:
        """More than `most_states` states are about to be put together. May raise."""
        raise CannotCountError("too many lists and shapes go together")

    def enter(self, group: Group) -> None:
        """A use of a block begins."""

    def leave(self, group: Group, outcomes: Outcomes) -> Outcomes:
        """A use of a block ends: what comes out of it."""
        return outcomes

    # ------------------------------------------------------------------ elements

    def step(self, states: States, element: Element, label: str = "", index: int | None = None) -> States:
        """The states after an element. Names of its choices begin with the label."""
        pairs = []  # no generators here and below: levels of blocks in blocks are levels of calls
        for (flow, env), ways in states.items():
            for after, more in self.outcomes(element, flow, env).items():
                pairs.append(((after, env), ways + within(more, label, index)))
        return gather(pairs)

    def outcomes(self, element: Element, flow: Held, env: Env = ()) -> Outcomes:
        """What can come out of an element, where `flow` comes in and named lines hold `env`."""
        if env and not uses_previous(element):
            flow = UNKNOWN
        key = (id(element), flow, only(env, reads(element)) if env else ())
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = (element, self._outcomes(element, flow, key[2]))
        return known[1]  # the element is kept with it: an id is only unique while its object lives

    def _outcomes(self, element: Element, flow: Held, env: Env) -> Outcomes:
        if isinstance(flow, OneOf):
            return gather(pair for each in flows_of(flow) for pair in self.outcomes(element, each, env).items())
        match element:
            case LayerCall():
                return self.layer(element, flow)
            case NameRef():
                return self.read(element, env)
            case Group():
                return self.group(element, flow, env)
            case Repeat():
                states: States = {(flow, env): NOTHING}
                for i, item in enumerate(element.items):
                    states = self.step(states, item, element.label, i)
                return gather((each, ways) for (after, _), ways in states.items() for each in flows_of(after))
            case LayerChoice():
                pairs = []
                for option in element.options:
                    for after, ways in self.outcomes(option.element, flow, env).items():
                        pairs.append((after, Taken(element.key, option.text) + ways))
                found = gather(pairs)
            case BodyLayer():
                found = self.around(element, flow, env)
            case Join():
                found = self.join(element, flow, env)
            case Many():
                found = self.many(element, flow, env)
            case Pick():
                found = self.pick(element, flow, env)
            case When():
                found = self.when(element, flow, env)
            case DeferredCall():
                found = self.deferred(element, flow, env)
        return {after: within(ways, element.label) for after, ways in found.items()} if element.label else found

    def group(self, group: Group, flow: Flow, env: Env) -> Outcomes:
        entered: States = {(flow, env): NOTHING}
        if group.block is not None:
            entered = self.begin(group, flow, env)
            self.enter(group)
        pairs = []
        for state, before in entered.items():
            states = self.lines(group, {state: NOTHING})
            if group.out is not None:
                states = self.step(states, group.out)
            pairs += [(after, before + ways) for after, ways in self._ends(group, state, states).items()]
        found = gather(pairs)
        return found if group.block is None else self.leave(group, found)

    def _ends(self, group: Group, state: State, states: States) -> Outcomes:
        """What comes out of a group that was entered in a state."""
        found = gather(
            (each, ways)
            for (after, _), ways in states.items()
            for each in flows_of(after)
            if each != UNKNOWN or not self.knows_shapes
        )
        if group.tied and has_choices(group):
            whole = shapes_decide(group)  # otherwise choices depend on the lengths of the lists that are handed in
            given = tuple(each if whole else length(each) for each in (state[0], *(held for _, held in state[1])))
            return {after: Tied(ways, group, given, split=len(found) > 1) for after, ways in found.items()}
        return {after: within(ways, group.label) for after, ways in found.items()}

    def begin(self, group: Group, flow: Flow, env: Env) -> States:
        """The states in which the lines of a block begin: what is handed to it by name, as far as it is read."""
        outside = line_names(group).outside
        states: States = {(flow, ()): NOTHING}
        for name, value in group.inputs:
            given = self.outcomes(value, flow, env).items()
            states = gather(
                ((flow, put(inner, name, one) if name in outside else inner), ways + more)
                for (_, inner), ways in states.items()
                for one, more in given
            )
        return states

    def lines(
        self,
        group: Group,
        states: States,
        keep: frozenset[str] = frozenset(),
        unsure: frozenset[int] | None = None,
        only: Iterable[int] | None = None,
    ) -> States:
        """The states after the lines of a group, or after those of these numbers.

        A name is forgotten where nothing reads it any more, but for those to keep. `unsure`: the lines that some
        networks leave out, those of `unsure_lines` unless they are given.
        """
        names = line_names(group)
        if not self.leaves_out or not names.named:
            unsure = frozenset()
        elif unsure is None:
            unsure = unsure_lines(group)
        for i in range(len(group.lines)) if only is None else only:
            before = states
            if i in unsure:
                states = self._unsure_line(states, group.lines[i])
            else:
                for item in group.lines[i]:
                    states = self.step(states, item)
            states = states or self.lost(before)
            if names.named:
                states = self.kept(states, group.name_of(i), names.ends[i] - keep)
                if len(states) > self.most_states:
                    states = self.overapproximated(states)
        return states

    def line(self, states: States, line: Iterable[Element]) -> States:
        """The states after the elements of one line."""
        for item in line:
            states = self.step(states, item)
        return states

    def _unsure_line(self, states: States, line: tuple[Element, ...]) -> States:
        return gather(
            (after, before + (ways if ways is NOTHING else Unsure(ways)))
            for state, before in states.items()
            for after, ways in self.line({state: NOTHING}, line).items()
        )

    def lost(self, before: States) -> States:
        """The states after a line that gives nothing because it is at fault: later lines may read others."""
        return {(UNKNOWN, env): ways for (_, env), ways in before.items()}

    def kept(self, states: States, name: str, gone: frozenset[str]) -> States:
        """The states after a line that is read by a name (or none), where some names are not read any more."""
        if not name and not gone:
            return states
        held = name and name not in gone
        return gather(
            ((flow, drop(put(env, name, flow) if held else env, gone)), ways) for (flow, env), ways in states.items()
        )

    def overapproximated(self, states: States) -> States:
        """One state for all of them. Every network is still among what follows, and more than there is may be."""
        self.too_many_states()
        self.overapproximate = True
        held: dict[str, set[Held]] = {}
        for _, env in states:
            for name, each in env:
                held.setdefault(name, set()).add(each)
        env = tuple((name, one_of(held[name])) for name in sorted(held))
        return {(one_of({flow for flow, _ in states}), env): either(states.values())}

    def read(self, element: NameRef, env: Env) -> Outcomes:
        found: Outcomes = {}
        for flow in flows_of(dict(env).get(element.wire, UNKNOWN)):
            if element.index is None:
                found[flow] = NOTHING
                continue
            values = spliced(flow)
            if isinstance(flow, TensorList) and not flow.ordered:
                self.overapproximate = self.overapproximate or len(set(values)) > 1
                found.update((value, NOTHING) for value in values)
            elif element.index < len(values):
                found[values[element.index]] = NOTHING
        return found

    # --------------------------------------------------------------- side by side

    def together(self, shapes: int, sets: int, element: Join | Many | Pick) -> None:
        """Some more shapes come together in a layer, which has so many sets of them."""
        self._together += shapes
        if sets > MOST_SETS or self._together > MOST_SHAPES:
            self.too_many(element)

    def join(self, element: Join, flow: Flow, env: Env) -> Outcomes:
        """What a layer of several inputs gives does not depend on their order, so that it is not kept in mind."""
        sets: dict[tuple[Shape, ...], Ways] = {(): NOTHING}
        orders: dict[tuple[Shape, ...], tuple[Shape, ...]] = {(): ()}
        for item in element.inputs:
            given = [(spliced(after), more) for after, more in self.outcomes(item, flow, env).items()]
            shapes = len(given) * sum(map(len, sets)) + len(sets) * sum(len(values) for values, _ in given)
            self.together(shapes, 0, element)
            pairs, before, orders = [], orders, {}
            for key, ways in sets.items():
                for values, more in given:
                    order = (*before[key], *values)
                    both = tuple(sorted(order))
                    orders.setdefault(both, order)
                    pairs.append((both, ways + more))
                self.together(0, len(orders), element)
            sets = gather(pairs)
        return gather(
            (after, ways + more)
            for key, ways in sets.items()
            for after, more in self.joined(element, orders[key]).items()
        )

    def many(self, element: Many, flow: Flow, env: Env) -> Outcomes:
        lists: dict[TensorList, Ways] = {TensorList(()): NOTHING}
        for i, item in enumerate(element.items):
            found = self.outcomes(item, flow, env)
            given = [(after, ways if item.label else within(ways, "", i)) for after, ways in found.items()]
            self.together(len(given) * sum(len(before.shapes) for before in lists), 0, element)
            lists = gather(
                (extended(before, after), ways + more) for before, ways in lists.items() for after, more in given
            )
            if len(lists) > MOST_IN_ORDER:
                lists = gather((unordered(before.shapes), ways) for before, ways in lists.items())
            self.together(0, len(lists), element)
        return {flow: ways for flow, ways in lists.items()}  # noqa: C416

    def pick(self, element: Pick, flow: Flow, env: Env) -> Outcomes:
        items = self._items(element, flow, env)
        if len(items) < element.least:
            self.too_few(element, len(items))
        sets: dict[tuple[int, tuple[Shape, ...]], Ways] = {(0, ()): Edge(element.key)}
        for i, (text, given) in enumerate(items):
            found = []
            size = 0
            for (count, shapes), ways in sets.items():
                if count + len(items) - i > element.least:  # enough are left to leave this one out
                    found.append(((count, shapes), ways))
                if count < element.most:
                    taken = ways + Edge(element.key, text)
                    for after, more in given.items():
                        both = taken if more is NOTHING else taken + more
                        found.append(((count + 1, inserted(shapes, after)), both))
                    size += (count + 1) * len(given)
            sets = gather(found)
            self.together(size, len(sets), element)
        return gather((unordered(shapes), ways) for (count, shapes), ways in sets.items() if count >= element.least)

    def _items(self, element: Pick, flow: Flow, env: Env) -> list[tuple[str, Outcomes]]:
        """What comes out of each thing that can be picked. A list that can be one of several stands for as many values
        as the longest has, each of them anything that is in one of the lists."""
        items: list[tuple[str, Outcomes]] = []
        held = dict(env)
        for option in element.options:
            part = option.element
            of_list = isinstance(part, NameRef) and part.index is None
            flows = flows_of(held.get(part.wire, UNKNOWN)) if isinstance(part, NameRef) and of_list else ()
            longest = max((len(each.shapes) for each in flows if isinstance(each, TensorList)), default=None)
            if longest is None:
                items.append((option.text, self.outcomes(part, flow, env)))
                continue
            self.overapproximate = self.overapproximate or len(flows) > 1
            shapes = dict.fromkeys(shape for each in flows for shape in spliced(each))
            for i in range(longest):
                given = spliced(flows[0])[i : i + 1] if len(flows) == 1 else shapes
                items.append((value_of(option, i).text, dict.fromkeys(given, NOTHING)))
        return items


def _closed(element: DeferredCall, texts: Iterable[str]) -> Ways:
    """The choices of a call that is closed; those on which no others depend take any value."""
    ways: Ways = NOTHING
    for field, text in zip(element.fields, texts, strict=True):
        options = field.options if field.options and not field.structural else (text,)
        ways = ways + either(Taken(field.key, option, real=field.low is not None) for option in options)
    return ways

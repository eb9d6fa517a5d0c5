"""Finds the choices of a space that make a network: the space is read from its output back.

An element that has to give a certain node says what has to come in, and what the lines that it reads by name have to
give; so each line is read once it is known what of it is needed, and a line that nothing needs is not read at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from vnasdsl.layers.base import LayerError
from vnasdsl.network.nodes import SINGLE
from vnasdsl.network.reading import BEAM, ZERO, Made, Number, Wants, Way, Ways, at, both, copy, listed
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
    together,
)
from vnasdsl.space.parts import gives_list
from vnasdsl.space.shapes import LayerRules
from vnasdsl.space.values import side_of

if TYPE_CHECKING:
    from vnasdsl.network.graph import NetworkGraph

Allowed: TypeAlias = "Callable[[str, int | None, Number], bool]"
"""Whether a line, or a value of a list by its place there, may be a node."""


class Demands(Ways):
    """Reads the elements of a space against one network, from the output back."""

    def __init__(self, network: NetworkGraph, rules: LayerRules, uses: Sequence[Group], allowed: Allowed):
        super().__init__(network, rules, uses)
        self.allowed = allowed
        readers = [0] * len(self.nodes)
        for inputs in self.inputs:
            for source in inputs:
                readers[source] += 1
        self._shared = frozenset(number for number, count in enumerate(readers) if count > 1)
        self._longest: dict[str, int] = {}
        """The most values of lists by name, of all that have that name."""
        self._places: dict[tuple[int, int], NameRef] = {}
        self._known: dict[object, tuple[Element, tuple[Way, ...]]] = {}

    def space(self, segments: Sequence[Segment], names: Sequence[str], ends: Mapping[str, Number]) -> list[Way]:
        """The ways to read a whole space. `names`: of its inputs; `ends`: what the stages of the network give."""
        for segment in segments:
            self._measure(segment.body)
        ways: Iterable[Way] = (Way(self.output),)
        for segment in reversed(segments):
            if not segment.name:
                ways = self._lines(segment.body.lines, segment.body.names, ways)
                continue
            found = []
            for way in ways:
                if way.x is None:
                    found.append(way)
                elif ends.get(segment.name, way.x) == way.x:
                    found += self._before(way, segment.body)
            ways = self._distinct(found)
        given = {name: Wants((number,)) for name, number in zip(names, self.given, strict=True)}
        first = self.given[0]
        return [w for w in ways if w.x in (None, first) and all(given.get(n) == want for n, want in w.demands)]

    def read(self, element: Element, wants: Wants) -> tuple[Way, ...]:
        """The ways in which an element gives the first of these values."""
        if gives_list(element):
            return self._ways(element, wants)
        found: tuple[Way, ...] = ()
        first = wants.values[:1]
        if first == (None,) or (not first and wants.open):
            found = (Way(),)
        elif first:
            found = self._ways(element, Wants(first))
        if wants.zeros and not (first and first[0] is not None and self.is_none(first[0])):
            found += tuple(way._replace(taken=0) for way in self._ways(element, Wants((ZERO,))))
        return found

    def _ways(self, element: Element, wants: Wants) -> tuple[Way, ...]:
        key = (id(element), wants, bool(self._tied))
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = (element, self._distinct(self._read(element, wants)))
        return known[1]

    def _before(self, way: Way, element: Element) -> Iterator[Way]:
        """A way after an element that gives what has to come in."""
        if way.x is None:
            yield way
            return
        for before in self.read(element, Wants((way.x,))):
            whole = self._and(way, before)
            if whole is not None:
                yield whole._replace(taken=way.taken)

    # ------------------------------------------------------------------- layers

    def _read(self, element: Element, wants: Wants) -> Iterable[Way]:
        value = wants.values[0] if wants.values else None
        match element:
            case NameRef():
                return self._name(element, wants)
            case Group():
                return self._group(element, wants)
            case Many():
                return self._labelled(element, self._in_order(element.items, wants, numbered=True))
            case Pick():
                return self._pick(element, wants)
            case When():
                return self._when(element, wants)
            case LayerChoice():
                return self._choice(element, wants)
            case DeferredCall():
                return self._deferred(element, wants)
        assert value is not None
        match element:
            case LayerCall():
                return self._layer(element, value)
            case BodyLayer():
                return self._body(element, value)
            case Join():
                return self._join(element, value)
            case Repeat():
                return self._repeat(element, value)

    def _labelled(self, element: Element, ways: Iterable[Way]) -> Iterator[Way]:
        return (way._replace(made=at(element.label, way.made)) for way in ways)

    def _layer(self, element: LayerCall, value: Number) -> Iterator[Way]:
        name = element.layer.name
        if value == ZERO:
            if name in ("none", "skip"):
                yield Way(ZERO if name == "skip" else None)
            return
        if name == "skip":
            yield Way(value)
        elif self.is_layer(value, element):
            yield Way(self.inputs[value][0], used=self._own(value))

    def _own(self, number: Number) -> frozenset[Number]:
        return frozenset((number,)) if number in self._shared else frozenset()

    def _name(self, element: NameRef, wants: Wants) -> Iterator[Way]:
        name, values = element.wire, wants.values
        if not gives_list(element):
            place = element.index
            value = values[0]
            if value is None or value == ZERO or self.allowed(name, place, value):
                wanted = wants if place is None else Wants((*[None] * place, value), True)
                yield Way(demands=((name, wanted),))
            return
        for count in range(len(values) + 1):
            known = [(i, v) for i, v in enumerate(values[:count]) if v is not None and v != ZERO]
            if wants.zeros or all(self.allowed(name, i, v) for i, v in known):
                yield Way(demands=((name, Wants(values[:count], False, wants.zeros)),), taken=count)
        if wants.open:
            yield Way(demands=((name, wants),), taken=len(values))

    def _body(self, element: BodyLayer, value: Number) -> Iterator[Way]:
        if value == ZERO or not self.is_layer(value, element):
            return
        end, before = self.inputs[value]
        entered = before if self.enters[value] is None else self.enters[value]
        own = Way(used=self._own(value))
        for way in self.read(element.body, Wants((end,))):
            whole = self._and(own, way) if way.x in (None, entered) else None
            if whole is not None:
                yield whole._replace(x=before, made=at(element.label, whole.made))

    def _join(self, element: Join, value: Number) -> Iterator[Way]:
        name = element.layer.name
        summed = name == "sum"
        asked = []
        if value != ZERO and self.is_layer(value, element):
            asked.append((Wants(self.inputs[value], zeros=summed), self._own(value)))
        if name in SINGLE:  # a single input is handed on
            asked.append((Wants(() if summed and value == ZERO else (value,), zeros=summed), frozenset()))
        for wants, own in asked:
            for way in self._in_order(element.inputs, wants):
                whole = self._and(Way(used=own), way) if way.taken == len(wants.values) else None
                if whole is not None:
                    yield whole._replace(made=at(element.label, whole.made))

    # -------------------------------------------------------------- several in a row

    def _repeat(self, element: Repeat, value: Number) -> Iterator[Way]:
        ways: tuple[Way, ...] = (Way(value),)
        for i, item in reversed(list(enumerate(element.items))):
            found = []
            for way in ways:
                bare = way._replace(made=())
                # Copies that change nothing first: of several ways to choose, the one with the skips at the end.
                for before in sorted(self._before(bare, item), key=lambda before: before.x != bare.x):
                    found.append(before._replace(made=both(copy(i, before.made), way.made)))
            ways = self._distinct(found)
        return self._labelled(element, ways)

    def _group(self, group: Group, wants: Wants) -> Iterable[Way]:
        self._measure(group)
        self._tied += group.tied
        ways: Iterable[Way]
        if group.out is not None:
            ways = self._lines(group.lines, group.names, self.read(group.out, wants))
        elif group.lines:
            *lines, last = group.lines
            ends = (before for way in self.read(last[-1], wants) for before in self._through(way, last[:-1]))
            ways = self._lines(lines, group.names, ends)
        else:
            ways = (Way(wants.values[0]),)
        self._tied -= group.tied
        if group.tied:
            ways = [left for way in ways if (left := self._left(group, way, wants)) is not None]
        else:
            ways = self._labelled(group, ways)
        return ways if group.block is None else (way for inner in ways for way in self._handed(group, inner))

    def _left(self, group: Group, way: Way, wants: Wants) -> Way | None:
        """The start of a tied block, whose choices are those of all its uses."""
        assert group.block is not None
        own = frozenset((name, values, wants.values[0]) for name, values in listed(way.made, group.block))
        agreed = self._agreed(way.tied, own)
        return None if agreed is None else way._replace(tied=agreed, made=())

    def _handed(self, group: Group, way: Way) -> tuple[Way, ...]:
        """A way before the use of a block, with what it is handed by name."""
        needed = dict(way.demands)
        ways: tuple[Way, ...] = (way._replace(demands=()),)
        for name, handed in group.inputs:
            if name in needed:
                inputs = [one._replace(taken=0) for one in self._whole(handed, needed[name])]
                ways = self._distinct(both for a in ways for b in inputs if (both := self._beside(a, b)) is not None)
        return ways

    def _lines(self, lines: Sequence[Sequence[Element]], names: Sequence[str], ends: Iterable[Way]) -> tuple[Way, ...]:
        """Ways before some lines. `ends`: ways after them."""
        ways = self._distinct(ends)
        for i, line in reversed(list(enumerate(lines))):
            name = names[i] if names else ""
            if gives_list(line[-1]):
                ways = tuple(sorted(ways, key=lambda way, name=name: self._disorder(way, name)))  # type: ignore[misc]
            ways = self._distinct(before for way in ways for before in self._line(name, line, way))
        return ways

    def _disorder(self, way: Way, name: str) -> int:
        """How far a list is from what the network has in its own order: the reading that is nearest counts."""
        values = next((wants.values for called, wants in way.demands if called == name), ())
        known = [value for value in values if value is not None]
        return len(values) - len(known) + (known != sorted(known))

    def _line(self, name: str, line: Sequence[Element], way: Way) -> Iterator[Way]:
        """A way before a line that has to give what the next one takes, and what is read by its name."""
        wanted = next((want for called, want in way.demands if called == name), None) if name else None
        if way.x is not None:
            wanted = Wants((way.x,)) if wanted is None else self._meet(wanted, Wants((way.x,)))
            if wanted is None:
                return
        bare = way._replace(x=None, demands=tuple(pair for pair in way.demands if not name or pair[0] != name))
        if wanted is None:
            yield bare
            return
        for before in self._whole(line[-1], wanted):
            whole = self._and(bare, before)
            if whole is not None:
                yield from self._through(whole._replace(taken=way.taken), line[:-1])

    def _through(self, way: Way, items: Sequence[Element]) -> Iterable[Way]:
        """A way after a chain."""
        ways: tuple[Way, ...] = (way,)
        for item in reversed(items):
            ways = self._distinct(before for each in ways for before in self._before(each, item))
        return ways

    def _whole(self, element: Element, wants: Wants) -> Iterator[Way]:
        """The ways in which an element gives all of these values."""
        return (way for way in self.read(element, wants) if way.taken >= len(wants.values))

    # -------------------------------------------------------------------- lists

    def _in_order(self, items: Sequence[Element], wants: Wants, numbered: bool = False) -> tuple[Way, ...]:
        """Items that together give the first of these values; choices of copies without labels are named by number."""
        ways: tuple[Way, ...] = (Way(taken=0),)
        for i, item in enumerate(items):
            found = []
            for way in ways:
                for after in self.read(item, self._after(wants, way.taken)):
                    if numbered and not item.label:
                        after = after._replace(made=copy(i, after.made))
                    whole = self._beside(way, after)
                    if whole is not None:
                        found.append(whole)
            ways = self._distinct(found)
        return ways

    def _after(self, wants: Wants, count: int) -> Wants:
        return wants._replace(values=wants.values[count:])

    def _pick(self, element: Pick, wants: Wants) -> Iterator[Way]:
        states: list[tuple[Way, tuple[str, ...]]] = [(Way(taken=0), ())]
        for option in element.options:
            for text, part in self._pool(option.text, option.element):
                found: dict[object, tuple[Way, tuple[str, ...]]] = {}
                for way, texts in states:
                    for after, taken in self._taken(way, texts, text, part, wants, element.most):
                        key = after if self._tied else after._replace(made=())
                        found.setdefault((key, len(taken)), (after, taken))
                if len(found) > 4 * BEAM:
                    self.cut = True
                states = list(found.values())[: 4 * BEAM]
        for way, texts in states:
            if element.least <= len(texts):
                made = both(("choice", element.key, (together(texts),)), way.made)
                yield way._replace(made=at(element.label, made))

    def _taken(
        self, way: Way, texts: tuple[str, ...], text: str, part: Element, wants: Wants, most: int
    ) -> Iterator[tuple[Way, tuple[str, ...]]]:
        """An option of a pick that is taken, or not: values of a list that nothing takes are better at its end."""
        for after in self.read(part, self._after(wants, way.taken)) if len(texts) < most else ():
            whole = self._beside(way, after)
            if whole is not None:
                yield whole, (*texts, text)
        yield way, texts

    def _pool(self, text: str, part: Element) -> Iterator[tuple[str, Element]]:
        """An option of a pick; a list that is read by name stands for each of its values."""
        if isinstance(part, NameRef) and gives_list(part):
            for i in range(self._longest.get(part.wire, 0)):
                yield f"{text}[{i}]", self._value_of(part, i)
        else:
            yield text, part

    def _value_of(self, part: NameRef, index: int) -> NameRef:
        return self._places.setdefault((id(part), index), replace(part, index=index))

    def _measure(self, group: Group) -> None:
        """Keeps how long the lists with names of a group can be."""
        lines = [(name, line[-1]) for name, line in zip(group.names, group.lines, strict=False)]
        for name, element in (*group.inputs, *lines):
            if name and gives_list(element):
                length = self._length(element)
                if length > self._longest.get(name, 0):
                    self._longest[name] = length
                    self._known.clear()

    def _length(self, element: Element) -> int:
        """The most values that an element gives."""
        match element:
            case Many():
                return sum(map(self._length, element.items))
            case Pick():
                return sum(self._length(option.element) for option in element.options)
            case LayerChoice():
                return max(self._length(option.element) for option in element.options)
            case NameRef() if gives_list(element):
                return self._longest.get(element.wire, 0)
            case Group() if gives_list(element):
                self._measure(element)
                return self._length(element.out or element.items[-1])
        return 1

    # ------------------------------------------------------------------- choices

    def _when(self, element: When, wants: Wants) -> Iterator[Way]:
        for side in (element.then, element.otherwise):
            for way in self.read(side, wants):
                with suppress(LayerError):
                    if way.x is None or way.x == ZERO or side_of(element, self.shape(way.x)) is side:
                        yield way._replace(made=at(element.label, way.made))

    def _choice(self, element: LayerChoice, wants: Wants) -> Iterator[Way]:
        # What one use of a tied block does not tell apart another may: such options together are one way.
        alike: dict[Way, list[str]] = {}
        for option in element.options:
            for way in self.read(option.element, wants):
                alike.setdefault(way, []).append(option.text)
        for way, texts in alike.items():
            yield way._replace(made=at(element.label, both(("choice", element.key, tuple(texts)), way.made)))

    def _deferred(self, element: DeferredCall, wants: Wants) -> Iterator[Way]:
        for texts, closed in self.closings(element):
            own: Made = ()
            for f, text in zip(element.fields, texts, strict=True):
                own = both(own, ("choice", f.key, (text,)))
            for way in self.read(closed, wants):
                yield way._replace(made=at(element.label, both(own, way.made)))

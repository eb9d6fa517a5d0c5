"""Reading what has several values: lists, joins and picks of edges."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from vnasdsl.layers.base import LayerError
from vnasdsl.network.made import Made, at, both, copy
from vnasdsl.network.nodes import SINGLE
from vnasdsl.network.reading import BEAM, UNUSED, ZERO, Env, Extent, Reading, Value, Way, many
from vnasdsl.space.elements import Element, Group, Join, LayerChoice, Many, NameRef, Pick, together
from vnasdsl.space.parts import gives_list


class ListReplay(Reading):
    """Reads lists, joins and picks."""

    def _many(self, element: Many, x: Value, env: Env) -> list[Way]:
        ways: tuple[Way, ...] = (Way(()),)
        for i, item in enumerate(element.items):
            more = [
                Way(many(b.value), b.used, b.tied, b.made if item.label else copy(i, b.made))
                for b in self.read(item, x, env)
            ]
            if not any(way.value == (UNUSED,) for way in more):
                more.append(Way((UNUSED,)))
            ways = self._distinct(
                c._replace(value=(*many(a.value), *many(b.value)))
                for a in ways
                for b in self._next(a, more)
                if (c := self._then(a, b)) is not None
            )
        return [way._replace(made=at(element.label, way.made)) for way in ways]

    def _next(self, before: Way, more: Sequence[Way]) -> Iterable[Way]:
        """The next values of a list: in the order of the network, the unused ones last, of equal nodes the first."""
        if self.extent is Extent.ALL:
            return more
        values = many(before.value)
        live = [value for value in values if value is not UNUSED]
        found: dict[object, Way] = {}
        for way in more:
            some = many(way.value)
            if not all(v is UNUSED or (len(live) == len(values) and (not live or _before(live[-1], v))) for v in some):
                continue
            one = some[0] if len(some) == 1 else None
            key = (self.alike[one], way.tied) if isinstance(one, int) and one >= 0 else way
            if key not in found or (isinstance(one, int) and _before(one, many(found[key].value)[0])):
                found[key] = way
        return found.values()

    def _join(self, element: Join, x: Value, env: Env) -> list[Way]:
        name = element.layer.name
        ways: tuple[Way, ...] = (Way(()),)
        for i, item in enumerate(element.inputs):
            after = (way for a in ways for way in self._input(item, x, env, a, name, i == 0))
            if i == len(element.inputs) - 1:
                after = (way for way in after if len(values := many(way.value)) < 2 or (name, values) in self._joins)
            ways = self._distinct(after)
        found = []
        for way in ways:
            values = many(way.value)
            made = at(element.label, way.made)
            if name == "sum" and not values:
                found.append(way._replace(value=ZERO, made=made))
            if len(values) == 1 and name in SINGLE:
                found.append(way._replace(value=values[0], made=made))
            for number in self._joins.get((name, values), ()):  # type: ignore[arg-type]
                try:
                    applied = self.rules.join(element, tuple(self.shape(v) for v in values))  # type: ignore[arg-type]
                except LayerError:
                    continue
                if self._fits(number, applied, element):
                    found.append(Way(number, way.used | self._own(number), way.tied, made))
        return [*found, Way(UNUSED)]

    def _input(self, item: Element, x: Value, env: Env, before: Way, name: str, first: bool) -> Iterator[Way]:
        """An input of a join after those before it; a list one by one, while some join of the network reads that."""
        if isinstance(item, Many):
            ways = [(before, ())]  # type: list[tuple[Way, Made]]
            for i, each in enumerate(item.items):
                found: dict[object, tuple[Way, Made]] = {}
                for a, made in ways:
                    for c in self._input(each, x, env, a._replace(made=()), name, first and i == 0):
                        inner = both(made, c.made if each.label else copy(i, c.made))
                        found.setdefault((c[:3], inner if self._tied else ()), (c, inner))
                ways = list(found.values())[: 4 * BEAM]
            for way, made in ways:
                yield way._replace(made=both(before.made, at(item.label, made)))
            return
        if gives_list(item) and isinstance(item, (LayerChoice, Group)) and not self._tied:
            bare = before._replace(made=())
            for way in self._list_of(item, x, env, bare, name, first):
                yield way._replace(made=both(before.made, at(item.label, way.made)))
            return
        yield from self._given(item, x, env, before, name, first)

    def _given(self, item: Element, x: Value, env: Env, before: Way, name: str, first: bool) -> Iterator[Way]:
        """What a part gives as inputs of a join, after those before it."""
        summed = name == "sum"
        start = many(before.value)
        for b in self._pick(item, x, env, name, start) if isinstance(item, Pick) else self.read(item, x, env):
            values = many(b.value)
            if UNUSED in values or (ZERO in values and not summed):
                continue
            joined = self._summed(start, values, first) if summed else (*start, *values)
            if joined is None:
                continue
            self.trace.joined.setdefault(name, set()).add(joined)
            if len(joined) < 2 or joined in self._starts.get(name, ()):
                together = self._then(before, b)
                if together is not None:
                    yield together._replace(value=joined)

    def _list_of(
        self, item: LayerChoice | Group, x: Value, env: Env, before: Way, name: str, first: bool
    ) -> Iterator[Way]:
        """A choice of lists, or a block that gives one, value by value: kept is what a join of the network reads."""
        if isinstance(item, LayerChoice):
            for option in item.options:
                for way in self._input(option.element, x, env, before, name, first):
                    yield way._replace(made=both(("choice", item.key, (option.text,)), way.made))
            return
        parts = [*item.items, *([item.out] if item.out is not None else [])]
        if item.tied or item.inputs or any(item.names):
            yield from self._given(item, x, env, before, name, first)
            return
        for start in self._chain(parts[:-1], Way(x), env if item.block is None else ()):
            together = self._then(before, start)
            if together is not None:
                inner = env if item.block is None else ()
                yield from self._input(
                    parts[-1], start.value, inner, together._replace(value=before.value), name, first
                )

    def _summed(self, before: tuple[Value, ...], values: tuple[Value, ...], first: bool) -> tuple[Value, ...] | None:
        """Inputs of a sum with some more. It leaves out `none`; a sum of nothing else is the first one."""
        values = tuple(v for v in values if v != ZERO)
        zeros = [isinstance(v, int) and self.nodes[v].operation == "none" for v in (*before, *values)]
        if any(zeros) and (len(zeros) > 1 or (values and not first)):
            return None
        return (*before, *values)

    def _pick(self, element: Pick, x: Value, env: Env, name: str = "", start: tuple[Value, ...] = ()) -> Iterator[Way]:
        """Edges; where they are inputs of a join, its name and the inputs before them are given."""
        known = dict(env)
        summed = name == "sum"
        fitting = self._starts.get(name, set()) if name else self._slices
        states: list[tuple[Way, tuple[str, ...]]] = [(Way(()), ())]
        for text, ways in self._pool(element, x, env, known):
            found: dict[object, tuple[Way, tuple[str, ...]]] = {}
            for a, texts in states:
                found.setdefault((a[:3], len(texts), a.made if self._tied else ()), (a, texts))
            for a, texts in states:
                if len(texts) == element.most:
                    continue
                for b in ways:
                    if b.value is UNUSED or (b.value == ZERO and not summed):
                        continue
                    values = (
                        self._summed(many(a.value), many(b.value), not texts)
                        if summed
                        else (*many(a.value), *many(b.value))
                    )
                    if values is None or (len(start) + len(values) > 1 and (*start, *values) not in fitting):
                        continue
                    joined = self._then(a, b)
                    if joined is not None:
                        key = (values, joined[1:3], len(texts) + 1, joined.made if self._tied else ())
                        found.setdefault(key, (joined._replace(value=values), (*texts, text)))
            states = list(found.values())[: 4 * BEAM]
        for way, texts in states:
            if element.least <= len(texts):
                made = both(("choice", element.key, (together(texts),)), way.made)
                yield way._replace(made=at(element.label, made))

    def _pool(
        self, element: Pick, x: Value, env: Env, known: dict[str, Value]
    ) -> Iterator[tuple[str, tuple[Way, ...]]]:
        """What can be picked: a list that is read by name stands for each of its values."""
        for option in element.options:
            part = option.element
            whole = isinstance(part, NameRef) and part.index is None
            value = known.get(part.wire) if isinstance(part, NameRef) and whole else None
            if isinstance(value, tuple):
                yield from ((f"{option.text}[{i}]", (Way(v),)) for i, v in enumerate(value))
            else:
                yield option.text, self.read(part, x, env)


def _before(a: Value, b: Value) -> bool:
    return isinstance(a, int) and isinstance(b, int) and a < b

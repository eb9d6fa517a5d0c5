"""Reads a network as an instance of a space: the space is walked with nodes of the network as its values.

A layer call gives the nodes of the network that apply this layer to what came in; a name gives what its line gave. What
is seen on the way (`Trace`) is what the error is made from when there is no way through.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import product

from vnasdsl.language.diagnostics import VnsError
from vnasdsl.layers.base import LayerError
from vnasdsl.network.made import Made, at, both, copy, listed, written
from vnasdsl.network.reading import (
    BEAM,
    MOST_CALLS,
    UNUSED,
    ZERO,
    Env,
    Extent,
    State,
    Value,
    Way,
    many,
    put,
)
from vnasdsl.network.replay_lists import ListReplay
from vnasdsl.space.deferred import first_value
from vnasdsl.space.elements import (
    BodyLayer,
    DeferredArgument,
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
from vnasdsl.space.values import holds, with_shape


class Replay(ListReplay):
    """Reads the elements of a space against one network."""

    def _read(self, element: Element, x: Value, env: Env) -> Iterable[Way]:
        match element:
            case LayerCall():
                return self._layer(element, x)
            case NameRef():
                return self._name(element, dict(env))
            case Group():
                return self._group(element, x, env)
            case Repeat():
                return self._repeat(element, x, env)
            case BodyLayer():
                return self._body(element, x, env)
            case Join():
                return self._join(element, x, env)
            case Many():
                return self._many(element, x, env)
            case Pick():
                return self._pick(element, x, env)
            case When():
                return self._when(element, x, env)
            case LayerChoice():
                return self._choice(element, x, env)
            case DeferredCall():
                return self._deferred(element, x, env)

    # ------------------------------------------------------------------- layers

    def _layer(self, element: LayerCall, x: Value) -> list[Way]:
        name = element.layer.name
        found = [Way(ZERO)] if name == "none" else []  # it adds nothing to a sum, or it is a layer
        if x is UNUSED or isinstance(x, tuple):
            return found or [Way(UNUSED)]
        if x == ZERO:
            return [Way(ZERO)] if name in ("skip", "none") else [Way(UNUSED)]
        try:
            applied = self.rules.apply(element, self.shape(x))
        except LayerError:
            return found
        if name == "skip" and applied.output == self.shape(x):
            return [Way(x)]
        fitting = [n for n in self._after.get((x,), ()) if self._fits(n, applied, element)]
        found += [Way(n, self._own(n)) for n in fitting]
        if not found:
            self._miss(x, element)
        return found or [Way(UNUSED)]

    def _name(self, element: NameRef, env: dict[str, Value]) -> list[Way]:
        value = env[element.wire]
        if element.index is None:
            return [Way(value)]
        if isinstance(value, tuple) and element.index < len(value):
            return [Way(value[element.index])]
        return [Way(UNUSED)] if value is UNUSED else []

    def _body(self, element: BodyLayer, x: Value, env: Env) -> Iterator[Way]:
        body = element.layer.body
        assert body is not None
        found = False
        if isinstance(x, int) and x != ZERO:
            for number in self._after.get((x,), ()):
                if self.nodes[number].layer is not element.layer:
                    continue
                end = self.inputs[number][0]
                try:
                    applied = self.rules.leave(element, self.shape(x), self.shape(end))
                except LayerError:
                    continue
                entered = self.enters[number]
                given = x if entered is None else entered
                if entered is not None:
                    self.trace.matched.add(entered)
                for way in self.read(element.body, given, env):
                    if way.value == end and self._fits(number, applied, element):
                        found = True
                        yield Way(number, way.used | self._own(number), way.tied, at(element.label, way.made))
            if not found and not any(self.nodes[n].layer is element.layer for n in self._after.get((x,), ())):
                self._miss(x, element)
        if not found:
            yield Way(UNUSED)

    # ------------------------------------------------------- several layers in a row

    def _repeat(self, element: Repeat, x: Value, env: Env) -> list[Way]:
        ways: tuple[Way, ...] = (Way(x),)
        for i, item in enumerate(element.items):

            def following(before: Way, i: int = i, item: Element = item) -> Iterator[Way]:
                return (way._replace(made=copy(i, way.made)) for way in self.read(item, before.value, env))

            ways = self._distinct(self._all(ways, following))
        for way in ways:
            known = self.trace.crowded.get(way.value)
            if element.items and (known is None or len(known.items) < len(element.items)):
                self.trace.crowded[way.value] = element
        return [way._replace(made=at(element.label, way.made)) for way in ways]

    def _group(self, group: Group, x: Value, env: Env) -> list[Way]:
        states: list[tuple[State, Way]] = [((x, () if group.block is not None else env), Way(x))]
        for name, handed in group.inputs:
            given = self.read(handed, x, env)
            states = [
                ((x, put(inner, name, b.value)), c)
                for (_, inner), a in states
                for b in given
                if (c := self._then(a, b)) is not None
            ]
        found: list[Way] = []
        followed = group.tied and self.alternatives
        self.simplified |= group.tied and not followed
        self._tied += followed
        self._sites.append((x, group))
        for state, outer in states:
            for (value, inner), way in self._lines(group.lines, group.names, [(state, Way(x))]):
                ends: Iterable[Way] = (way,)
                if group.out is not None:
                    ends = self._all((way,), lambda _, v=value, e=inner: self.read(group.out, v, e))  # type: ignore[misc]
                found += self._all((outer,), lambda _, ends=ends: filter(None, (self._left(group, e) for e in ends)))  # type: ignore[misc]
        self._sites.pop()
        self._tied -= followed
        found.sort(key=lambda way: way.value is UNUSED)
        return found

    def _left(self, group: Group, end: Way) -> Way | None:
        """The end of a group; the choices of a tied block are those of all its uses."""
        if not group.tied:
            return end._replace(made=at(group.label, end.made))
        assert group.block is not None
        agreed = self._agreed(end.tied, Way(end.value, tied=frozenset(listed(end.made, group.block))))
        return None if agreed is None else Way(end.value, end.used, agreed)

    def _lines(
        self, lines: Sequence[tuple[Element, ...]], names: Sequence[str], states: list[tuple[State, Way]]
    ) -> list[tuple[State, Way]]:
        for i, line in enumerate(lines):
            name = names[i] if names else ""
            found: dict[object, tuple[State, Way]] = {}
            for (value, env), way in states:
                ends = self._chain(line, Way(value), env)
                if name:
                    ends = self._named(name, ends)
                following = [(end, whole) for end in ends if (whole := self._then(way, end)) is not None]
                if name and not following:  # all that fits stands elsewhere
                    following = [(Way(UNUSED), way)]
                for end, whole in following:
                    inner = put(env, name, end.value) if name else env
                    key = (end.value, inner, whole.used, whole.tied, whole.made if self._tied else ())
                    found.setdefault(key, ((end.value, inner), whole))
                    if len(found) >= 4 * BEAM:
                        self.trace.cut = True
                        break
            states = list(found.values())
        return states

    def _named(self, name: str, ends: tuple[Way, ...]) -> tuple[Way, ...]:
        """The ways to read a line with a name. A network leaves out a line that nothing reads, and values of a list."""
        live = [way for way in ends if way.value is not UNUSED]
        if self.extent is Extent.NAMED:
            called = tuple(way for way in live if way.value in self.called.get(name, ()))
            return called or (*(way for way in live if way.value in self.has_name), Way(UNUSED))
        if self.extent is Extent.ALL:
            return (*live, Way(UNUSED))
        whole = [way for way in live if not (isinstance(way.value, tuple) and UNUSED in way.value)]
        return tuple(whole or sorted(live, key=lambda way: -len(many(way.value)))) or (Way(UNUSED),)

    # ------------------------------------------------------------------- choices

    def _when(self, element: When, x: Value, env: Env) -> list[Way]:
        if not isinstance(x, int) or x == ZERO:
            return [Way(UNUSED)]
        try:
            test = with_shape(element.test, self.shape(x))
        except LayerError:
            return []
        side = element.then if holds(test) else element.otherwise  # type: ignore[arg-type]
        return [way._replace(made=at(element.label, way.made)) for way in self.read(side, x, env)]

    def _choice(self, element: LayerChoice, x: Value, env: Env) -> list[Way]:
        found = [(option, way) for option in element.options for way in self.read(option.element, x, env)]
        found.sort(key=lambda pair: pair[1].value is UNUSED)
        if not self._tied:
            return [self._chosen(element, (option.text,), way) for option, way in found]
        # What one use of a tied block does not tell apart another may: such options together are one way.
        alike: dict[Way, dict[str, None]] = {}
        for option, way in found:
            alike.setdefault(way, {})[option.text] = None
        return [self._chosen(element, tuple(texts), way) for way, texts in alike.items()]

    def _chosen(self, element: LayerChoice, texts: tuple[str, ...], way: Way) -> Way:
        return way._replace(made=at(element.label, both(("choice", element.key, texts), way.made)))

    def _deferred(self, element: DeferredCall, x: Value, env: Env) -> list[Way]:
        found = []
        for texts in self._closings(element):
            try:
                made = element.make(texts)
            except VnsError:
                continue
            own: Made = ()
            for f, text in zip(element.fields, texts, strict=True):
                own = both(own, ("choice", f.key, (text,)))
            found += [way._replace(made=at(element.label, both(own, way.made))) for way in self.read(made, x, env)]
        return [way for way in found if way.value is not UNUSED] or found

    def _closings(self, element: DeferredCall) -> Iterator[tuple[str, ...]]:
        """Values for the open arguments: those with which the network uses the same block, else all of them."""
        found: dict[tuple[str, ...], None] = {}
        for bound in self._calls.get(element.call.function, ()):
            values = dict(bound)
            texts = tuple(written(values[f.key], f) if f.key in values else None for f in element.fields)
            if None not in texts:
                found[texts] = None  # type: ignore[index]
        if found:
            yield from found
            return
        columns = [f.options or self._real_values(f) for f in element.fields]
        for count, texts in enumerate(product(*columns)):
            if count == MOST_CALLS:
                self.trace.cut = True
                return
            yield texts

    def _real_values(self, f: DeferredArgument) -> tuple[str, ...]:
        assert f.low is not None and f.high is not None
        return tuple(repr(n) for n in sorted(self._reals) if f.low <= n <= f.high) or (first_value(f),)

    # ------------------------------------------------------------------- spaces

    def space(self, segments: Sequence[Segment], names: Sequence[str], stage_ends: dict[str, Value]) -> list[Way]:
        """The ways to read a whole space. `names`: of its inputs; `stage_ends`: what the stages of the network give,
        by name."""
        given = tuple(zip(names, self.given, strict=True))
        states: list[tuple[State, Way]] = [((given[0][1], tuple(sorted(given))), Way(given[0][1]))]
        for segment in segments:
            if not segment.name:
                states = self._lines(segment.body.lines, segment.body.names, states)
                continue
            found: dict[object, tuple[State, Way]] = {}
            for (x, env), a in states:
                for b in self.read(segment.body, x, env):
                    self.trace.ends.setdefault(segment.name, set()).add(b.value)
                    c = self._then(a, b)
                    if c is not None and stage_ends.get(segment.name, b.value) == b.value:
                        found.setdefault((b.value, env, c.used, c.tied), ((b.value, env), c))
            states = list(found.values())
        return [way for (x, _), way in states if x == self.output]

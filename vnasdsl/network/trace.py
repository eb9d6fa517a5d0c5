"""Elements followed from the input to the output: which layer gets what from which other layer.

What comes out is a list of nodes in the order of the text, each with the numbers of the nodes it reads. Of a network
these are its layers; with choices, those of the network that they make; with `every`, those of all candidates at once,
joined where one of several is to be chosen (a shape is then None where candidates disagree).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from vnasdsl.language.printer import print_inline
from vnasdsl.language.source import Span
from vnasdsl.layers.base import Applied, Layer, LayerError, Shape, Value
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
    first_value,
    inside,
    join,
    label_text,
    picked,
)
from vnasdsl.space.values import holds, resolve_arguments, with_shape

Values: TypeAlias = "int | tuple[int, ...]"
"""What a line gives: the number of a node, or those of a list."""
Env: TypeAlias = dict[str, Values]


@dataclass(frozen=True)
class Node:
    """A layer, a join, the end of a body in braces, the input, or (with `every`) where candidates come together."""

    label: str
    operation: str
    inputs: tuple[int, ...]
    entering: Shape | None
    shape: Shape | None
    site: Span
    layer: Layer | None = None
    """None for what is no layer of the text."""
    arguments: tuple[tuple[str, Value], ...] = ()
    attributes: tuple[tuple[str, Value], ...] = ()
    macs: int = 0
    params: int = 0
    enter: int | None = None
    """Of the end of a body: the node that stands for what the body is given, when that is not what came before."""


class Tracer:
    """Follows elements. Raises: LayerError where a layer cannot stand (with `every` its shape is unknown instead)."""

    def __init__(self, classes: int, choices: Mapping[str, str] | None = None, every: bool = False):
        self.classes = classes
        self.choices = choices or {}
        self.every = every
        self.nodes: list[Node] = []
        self.made: dict[str, str] = {}
        """The choices that were met, in the order of the text; what `choices` does not say is the first option."""
        self.lists: dict[int, tuple[NameRef, set[int]]] = {}
        """For every Read that gave several values: how many."""
        self.uses: list[tuple[Group, Values]] = []
        """The uses of blocks, and what each gave."""
        self._times = 1
        self._site: Span | None = None

    # ------------------------------------------------------------------ spaces

    def segments(self, segments: Iterable[Segment], name: str, shape: Shape, span: Span) -> int:
        """Follow a whole space from its input on; the number of the last node."""
        x: Values = self.add(Node(name, "input", (), shape, shape, span))
        env: Env = {name: x}
        for segment in segments:
            # The names of a stage live in it; those between stages are read behind them, too.
            scope = dict(env) if segment.name else env
            x = self.walk(segment.body, x, segment.name, "", scope)
        return one(x)

    def add(self, node: Node) -> int:
        self.nodes.append(node)
        return len(self.nodes) - 1

    def shape(self, number: int) -> Shape | None:
        return self.nodes[number].shape

    # ---------------------------------------------------------------- elements

    def child(self, element: Element, x: Values, place: str, path: str, env: Env) -> Values:
        return self.walk(element, x, join(place, element.label), path, env)

    def walk(self, element: Element, x: Values, place: str, path: str, env: Env) -> Values:
        """Follow an element: `place` is its name (its own label included), `path` the path of its surroundings."""
        here = inside(element, path)
        match element:
            case LayerCall():
                return self._op(element, one(x), place)
            case NameRef():
                value = env[element.wire]
                if element.index is not None:
                    return many(value)[element.index]
                if isinstance(value, tuple):
                    self.lists.setdefault(id(element), (element, set()))[1].add(len(value))
                return value
            case Group():
                return self._group(element, x, place, path, env)
            case BodyLayer():
                return self._wrap(element, one(x), place, here, env)
            case Join():
                inputs = [v for item in element.inputs for v in many(self.child(item, x, place, here, env))]
                return self._join(element, tuple(inputs), place)
            case Many():
                found: list[int] = []
                for i, item in enumerate(element.items):
                    where = (join(place, item.label), here) if item.label else (f"{place}.{i}", f"{here}[{i}]")
                    found += many(self.walk(item, x, *where, env))
                return tuple(found)
            case Pick():
                return self._pick(element, x, place, here, env)
            case When():
                return self._when(element, x, place, here, env)
            case LayerChoice():
                return self._alternatives(element, x, place, here, env)
            case DeferredCall():
                return self._open(element, x, place, here, env)
            case Repeat():
                for i, item in enumerate(element.items):
                    x = self.walk(item, x, f"{place}.{i}", f"{here}[{i}]", env)
                return x

    def _op(self, op: LayerCall, x: int, place: str) -> int:
        shape = self.shape(x)
        applied = self._applied(op, shape)
        return self._layer(op, op.layer, (x,), shape, applied, place)

    def _applied(self, op: LayerCall, shape: Shape | None) -> Applied | None:
        if shape is None:
            return None
        try:
            return op.layer.apply(resolve_arguments(op.arguments, shape), shape, self.classes)
        except LayerError:
            if self.every:
                return None
            raise

    def _layer(
        self,
        element: LayerCall | Join | BodyLayer,
        layer: Layer,
        inputs: tuple[int, ...],
        entering: Shape | None,
        applied: Applied | None,
        place: str,
        operation: str | None = None,
        enter: int | None = None,
    ) -> int:
        site = self._site or element.span
        node = Node(place, operation or layer.name, inputs, entering, None, site, layer, element.arguments)
        if applied is not None:
            node = Node(
                place,
                operation or layer.name,
                inputs,
                entering,
                applied.output,
                site,
                layer,
                element.arguments,
                applied.attributes,
                applied.macs * self._times,
                applied.params,
                enter,
            )
        return self.add(node)

    def _group(self, group: Group, x: Values, place: str, path: str, env: Env) -> Values:
        here = inside(group, path)
        outer = self._site
        scope = env
        if group.block is not None:
            around = place[: -len(group.label) - 1] if group.label and place.endswith(f".{group.label}") else ""
            scope = {name: self.child(value, x, around, path, env) for name, value in group.inputs}
            if self._site is None:
                self._site = group.span
        for i, line in enumerate(group.lines):
            for item in line:
                x = self.child(item, x, place, here, scope)
            if group.name_of(i):
                scope[group.name_of(i)] = x
        value = x if group.out is None else self.child(group.out, x, place, here, scope)
        self._site = outer
        if group.block is not None:
            self.uses.append((group, value))
        return value

    def _wrap(self, wrap: BodyLayer, x: int, place: str, here: str, env: Env) -> int:
        body = wrap.layer.body
        assert body is not None
        shape = self.shape(x)
        arguments = resolve_arguments(wrap.arguments, shape) if shape is not None else {}
        enter, given = None, x
        applied = None
        if shape is not None:
            entered = body.enter(arguments, shape)
            if entered != shape:
                site = self._site or wrap.span
                name = f"{wrap.layer.name} in"
                given = self.add(Node(join(place, "enter"), name, (x,), shape, entered, site))
                enter = given
            times = body.times(arguments)
        else:
            times = 1
        self._times *= times
        end = one(self.walk(wrap.body, given, place, here, env))
        self._times //= times
        after = self.shape(end)
        if shape is not None and after is not None:
            try:
                applied = body.leave(arguments, shape, after, self.classes)
            except LayerError:
                if not self.every:
                    raise
        residual = wrap.layer.name == "residual"
        name = join(place, "add" if residual else wrap.layer.name if not wrap.label else "leave")
        operation = "add" if residual else wrap.layer.name
        return self._layer(wrap, wrap.layer, (end, x), after, applied, name, operation, enter)

    def _join(self, element: Join, inputs: tuple[int, ...], place: str) -> int:
        shapes = [self.shape(i) for i in inputs]
        known = tuple(s for s in shapes if s is not None)
        applied = None
        first = known[0] if known else None
        if inputs and len(known) == len(shapes):
            assert element.layer.join is not None
            try:
                arguments = resolve_arguments(element.arguments, known[0])
                applied = element.layer.join(arguments, known, self.classes)
            except LayerError:
                if not self.every:
                    raise
        elif not self.every:
            raise LayerError("E0303", f"`{element.layer.name}` has no inputs")
        return self._layer(element, element.layer, inputs, first, applied, place)

    # ----------------------------------------------------------------- choices

    def _decided(self, name: str, first: str) -> str:
        self.made[name] = value = self.choices.get(name, first)
        return value

    def _pick(self, pick: Pick, x: Values, place: str, here: str, env: Env) -> Values:
        values: dict[str, Element] = {}
        for option in pick.options:
            element = option.element
            value = env.get(element.wire) if isinstance(element, NameRef) and element.index is None else None
            if isinstance(value, tuple):
                self.walk(element, x, "", "", env)  # keeps how many there are
                assert isinstance(element, NameRef)
                values.update({f"{option.text}[{i}]": replace(element, index=i) for i in range(len(value))})
            else:
                values[option.text] = element
        taken = tuple(values)
        if not self.every:
            taken = picked(self._decided(join(here, pick.key), " + ".join(taken[: pick.least])))
        if not all(text in values for text in taken):
            raise LayerError("E0303", f"`{join(here, pick.key)}` has no such options")
        return tuple(v for text in taken for v in many(self.child(values[text], x, place, here, env)))

    def _when(self, when: When, x: Values, place: str, here: str, env: Env) -> Values:
        shape = self.shape(one(x))
        if shape is None:
            ends = [self.child(e, x, place, here, env) for e in (when.then, when.otherwise)]
            return self._together([one(e) for e in ends], join(place, "mix"), when.span)
        test = with_shape(when.test, shape)
        return self.child(when.then if holds(test) else when.otherwise, x, place, here, env)  # type: ignore[arg-type]

    def _alternatives(self, element: LayerChoice, x: Values, place: str, here: str, env: Env) -> Values:
        if self.every:
            ends = [self.walk(o.element, x, join(place, label_text(o.text)), here, dict(env)) for o in element.options]
            if any(isinstance(end, tuple) for end in ends):
                return max((many(end) for end in ends), key=len)  # lists of one kind: the longest shows all of it
            return self._together([one(end) for end in ends], join(place, "mix"), element.span)
        text = self._decided(join(here, element.key), element.options[0].text)
        option = next((o for o in element.options if o.text == text), None)
        if option is None:
            raise LayerError("E0303", f"`{text}` is no option of `{join(here, element.key)}`")
        return (
            self.walk(option.element, x, place, here, env)
            if not option.element.label
            else self.child(option.element, x, place, here, env)
        )

    def _together(self, ends: list[int], place: str, span: Span) -> int:
        shapes = {self.shape(end) for end in ends}
        shape = shapes.pop() if len(shapes) == 1 else None
        return self.add(Node(place, "mix", tuple(dict.fromkeys(ends)), shape, shape, span))

    def _open(self, element: DeferredCall, x: Values, place: str, here: str, env: Env) -> Values:
        if self.every:
            sources = self._sources(element.make(tuple(first_value(f) for f in element.fields)), x, place, here, env)
            entering = self.shape(sources[0])
            return self.add(Node(place, print_inline(element.call), sources, entering, None, element.span))
        texts = tuple(self._decided(join(here, f.key), first_value(f)) for f in element.fields)
        return self.walk(element.make(texts), x, place, here, env)

    def _sources(self, made: Element, x: Values, place: str, here: str, env: Env) -> tuple[int, ...]:
        """What goes into a call whose arguments are open: what was handed to its block, or what came before."""
        given = made.inputs if isinstance(made, Group) else ()
        found = [v for _, value in given for v in many(self.child(value, x, place, here, env))]
        return tuple(dict.fromkeys(found)) or (one(x),)


def one(value: Values) -> int:
    """The only value. Raises: LayerError for a list."""
    if isinstance(value, tuple):
        raise LayerError("E0303", "a list of values cannot go on as one")
    return value


def many(value: Values) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value,)

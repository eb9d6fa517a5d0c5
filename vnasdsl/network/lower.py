"""From a space to the graph of one network: one walk over its elements that asks for each choice where it occurs.

With `decide` the result is one network. Without, it is every candidate at once: the options of a choice come together
in a node `mix`, and what depends on an open choice (a shape, a cost) is left empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from vnasdsl.language.diagnostics import UserError, error
from vnasdsl.language.printer import print_inline
from vnasdsl.language.source import Span
from vnasdsl.layers.base import Applied, LayerError, Shape
from vnasdsl.network.nodes import SINGLE, Attributes, LayerNode, Part, Section, Values, many, one
from vnasdsl.space.decisions import Decide, Decision, NoSuchNetworkError
from vnasdsl.space.elements import (
    POISON,
    BodyLayer,
    DeferredCall,
    Element,
    Group,
    Join,
    LayerCall,
    LayerChoice,
    Many,
    NameRef,
    Option,
    Pick,
    Repeat,
    Segment,
    When,
    inside,
    join,
    label_text,
    picked,
)
from vnasdsl.space.parts import first_value
from vnasdsl.space.shapes import LayerRules
from vnasdsl.space.states import pool
from vnasdsl.space.values import side_of

if TYPE_CHECKING:
    from vnasdsl.network.graph import NetworkGraph

Env = dict[str, Values]
Result = TypeVar("Result")


class At(NamedTuple):
    """Where an element stands."""

    label: str
    """By the names that its weights have."""
    origin: str
    """In the space; the same as the label, but that a supernet has its options in the label."""
    path: str
    """By the names of choices, which those of a tied block share."""

    def inner(self, label: str) -> At:
        """One level down; the path is that of the element around, to which `inside` adds its own."""
        return At(join(self.label, label), join(self.origin, label), self.path)

    def copy(self, number: int, path: str) -> At:
        """One of several copies."""
        return At(f"{self.label}.{number}", f"{self.origin}.{number}", f"{path}[{number}]")


def lower(
    segments: Iterable[Segment],
    given: Sequence[tuple[str, Shape]],
    rules: LayerRules,
    decide: Decide | None,
    name: str = "",
    lowerer: type[Lowerer] | None = None,
) -> NetworkGraph:
    """The graph of one network of a space, or (without `decide`) of all its candidates.

    given: the inputs and their shapes; the first line takes the first one.
    lowerer: another kind of walk.

    Raises: VnsError where a layer does not fit; UserError for a value that its choice does not have.
    """
    walker = (lowerer or Lowerer)(rules, decide)
    graph = walker.graph
    graph.graph["name"] = name
    env: Env = {}
    for place, (label, shape) in enumerate(given):  # the first one's label says all
        attributes: Attributes = (("input", place),) if place else ()
        env[label] = graph.add(LayerNode(label, "input", (), shape, shape, attributes=attributes))
    value = env[given[0][0]]
    sections = []
    for segment in segments:
        scope = dict(env) if segment.name else env  # names of a stage are known in it alone
        around = (segment.name,) if segment.name else ()
        walker.region = around
        part = walker.group(segment.body, value, At(segment.name, segment.name, ""), scope)
        sections.append(Section(segment.name, part))
        value = part.value
    graph.sections = tuple(sections)
    graph.output = one(value)
    graph.decisions = walker.decisions
    return graph


class Lowerer:
    """Walks elements and adds their layers to a graph."""

    def __init__(self, rules: LayerRules, decide: Decide | None = None):
        self.rules = rules
        self.decide = decide
        from vnasdsl.network.graph import NetworkGraph

        self.graph = NetworkGraph()
        self.decisions: dict[str, Decision] = {}
        self.region: tuple[str, ...] = ()
        self._times = 1
        self._site: Span | None = None

    # ----------------------------------------------------------------- elements

    def child(self, element: Element, x: Values, at: At, env: Env) -> Part:
        """An element inside another that stands at `at`: its own label is added."""
        return self.walk(element, x, at.inner(element.label), env)

    def walk(self, element: Element, x: Values, at: At, env: Env) -> Part:
        """An element that stands at `at` (its own label included; `at.path` is the path of what is around it)."""
        match element:
            case LayerCall():
                return self._call(element, x, at)
            case NameRef():
                return self._read(element, x, env)
            case Group():
                return self.group(element, x, at, env)
            case BodyLayer():
                return self._body(element, x, at, env)
            case Repeat():
                return self._repeat(element, x, at, env)
            case Join():
                return self._join(element, x, at, env)
            case Many():
                return self._many(element, x, at, env)
            case Pick():
                return self._pick(element, x, at, env)
            case When():
                return self._when(element, x, at, env)
            case LayerChoice():
                return self._choice(element, x, at, env)
            case DeferredCall():
                return self._deferred(element, x, at, env)

    def _call(self, element: LayerCall, x: Values, at: At) -> Part:
        before = one(x, element)
        shape = self.graph.node(before).shape
        applied = self._apply(element, shape)
        if element.layer.name == "skip" and applied is not None and applied.output == shape:
            return Part(element, element.label, x, before)
        key = self._add(element, at, element.layer.name, (before,), shape, applied)
        return Part(element, element.label, x, key, key)

    def _read(self, element: NameRef, x: Values, env: Env) -> Part:
        value = env[element.wire]
        if element.index is not None:
            values = many(value)
            if element.index >= len(values):
                raise NoSuchNetworkError(f"`{element.wire}` has {len(values)} values, not {element.index + 1}")
            value = values[element.index]
        return Part(element, element.label, x, value)

    def group(self, element: Group, x: Values, at: At, env: Env) -> Part:
        """Lines; those of a stage or chain add their names to `env`, those of a block have names of their own."""
        own = At(at.label, at.origin, inside(element, at.path))
        outer_site, outer_region = self._site, self.region
        scope = env
        inputs: list[tuple[str, Part]] = []
        if element.block is not None:
            around = At(_without(at.label, element.label), _without(at.origin, element.label), at.path)
            inputs = [(name, self.child(value, x, around, env)) for name, value in element.inputs]
            scope = {name: part.value for name, part in inputs}
            self._site = self._site or element.span
            self.region = (*self.region, at.label)
        value = x
        lines = []
        for i, line in enumerate(element.lines):
            parts = []
            for item in line:
                part = self.child(item, value, own, scope)
                value = part.value
                parts.append(part)
            lines.append(tuple(parts))
            if element.names and element.names[i]:
                scope[element.names[i]] = value
        out = None if element.out is None else self.child(element.out, value, own, scope)
        self._site, self.region = outer_site, outer_region
        return Part(
            element, element.label, x, value if out is None else out.value, None, tuple(lines), tuple(inputs), out
        )

    def _body(self, element: BodyLayer, x: Values, at: At, env: Env) -> Part:
        before = one(x, element)
        shape = self.graph.node(before).shape
        given, enter, times = before, None, 1
        if shape:
            entered, times = self._fits(lambda: self.rules.enter(element, shape), element)
            if entered != shape:
                node = LayerNode(
                    self.graph.free(join(at.label, "enter")), f"{element.layer.name} in", (before,), entered, shape
                )
                given = enter = self.graph.add(replace(node, span=self._site or element.span, region=self.region))
        self._times *= times
        inner = self.group(element.body, given, At(at.label, at.origin, inside(element, at.path)), env)
        self._times //= times
        end = one(inner.value, element)
        after = self.graph.node(end).shape
        applied = self._apply(element, shape, after)
        residual = element.layer.name == "residual"
        last = "add" if residual else "leave" if element.label else element.layer.name
        operation = "add" if residual else element.layer.name
        key = self._add(element, at.inner(last), operation, (end, before), after, applied, enter)
        return Part(element, element.label, x, key, key, ((inner,),))

    def _repeat(self, element: Repeat, x: Values, at: At, env: Env) -> Part:
        here = inside(element, at.path)
        value, parts = x, []
        for i, item in enumerate(element.items):
            part = self.walk(item, value, at.copy(i, here), env)
            value = part.value
            parts.append(part)
        return Part(element, element.label, x, value, None, (tuple(parts),), path=here)

    def _join(self, element: Join, x: Values, at: At, env: Env) -> Part:
        own = At(at.label, at.origin, inside(element, at.path))
        parts = tuple(self.child(item, x, own, env) for item in element.inputs)
        return self._joined(element, x, at, parts)

    def _joined(self, element: Join, x: Values, at: At, parts: tuple[Part, ...]) -> Part:
        inputs = tuple(key for part in parts for key in many(part.value))
        name = element.layer.name
        if name == "sum":  # `none` adds nothing; a sum of nothing else is `none`
            some = tuple(key for key in inputs if self.graph.node(key).operation != "none")
            inputs = some or inputs[:1]
        shapes = tuple(self.graph.node(key).shape for key in inputs)
        applied = self._apply(element, *shapes)
        if len(inputs) == 1 and name in SINGLE:
            return Part(element, element.label, x, inputs[0], None, (parts,))
        key = self._add(element, at, name, inputs, shapes[0] if shapes else (), applied)
        return Part(element, element.label, x, key, key, (parts,))

    def _many(self, element: Many, x: Values, at: At, env: Env) -> Part:
        here = inside(element, at.path)
        parts = []
        for i, item in enumerate(element.items):
            if item.label:
                parts.append(self.child(item, x, At(at.label, at.origin, here), env))
            else:
                parts.append(self.walk(item, x, at.copy(i, here), env))
        values = tuple(key for part in parts for key in many(part.value))
        return Part(element, element.label, x, values, None, (tuple(parts),), path=here)

    # ------------------------------------------------------------------ choices

    def ask(self, decision: Decision) -> str:
        """The value of a choice; that of a tied block is asked for at its first use only."""
        assert self.decide is not None
        known = self.decisions.get(decision.name)
        value = self.decide(decision) if known is None else known.value
        if not decision.allows(value):
            raise decision.refuse(value)
        if known is None:
            self.decisions[decision.name] = replace(decision, value=value)
        return value

    def _choice(self, element: LayerChoice, x: Values, at: At, env: Env) -> Part:
        here = inside(element, at.path)
        name = join(here, element.key)
        texts = element.texts
        if self.decide is not None:
            value = self.ask(Decision(name, element.kind, texts, element.span))
            option = element.options[texts.index(value)].element
            part = self.child(option, x, At(at.label, at.origin, here), env)
            part.label = element.label
            return part
        parts = tuple(self._option(option, x, at, here, env) for option in element.options)
        ends = [part.value for part in parts]
        if any(isinstance(end, tuple) for end in ends):
            value_ = max((many(end) for end in ends), key=len)  # lists of one kind: the longest shows all of them
            return Part(element, element.label, x, value_, None, (parts,), texts=texts, choice=name)
        return self._mix(element, x, at, parts, texts, name)

    def _option(self, option: Option, x: Values, at: At, here: str, env: Env) -> Part:
        region = self.region
        label = join(at.label, label_text(option.text))
        self.region = (*region, label)
        part = self.walk(option.element, x, At(label, join(at.origin, option.element.label), here), dict(env))
        self.region = region
        return part

    def _mix(
        self, element: LayerChoice | When, x: Values, at: At, parts: tuple[Part, ...], texts: tuple[str, ...], name: str
    ) -> Part:
        ends = [one(part.value, element) for part in parts]
        shapes = {self.graph.node(end).shape for end in ends}
        shape = shapes.pop() if len(shapes) == 1 else ()
        node = LayerNode(self.graph.free(join(at.label, "mix")), "mix", tuple(ends), shape, shape, span=element.span)
        key = self.graph.add(replace(node, region=self.region))
        return Part(element, element.label, x, key, key, (parts,), texts=texts, choice=name)

    def _pick(self, element: Pick, x: Values, at: At, env: Env) -> Part:
        here = inside(element, at.path)
        name = join(here, element.key)
        options = pool(element, lambda wire: len(held) if isinstance(held := env.get(wire), tuple) else None)
        texts = tuple(option.text for option in options)
        if len(texts) < element.least:
            raise UserError(f"choice `{name}` takes at least {element.least}, and there are {len(texts)}")
        taken = texts
        if self.decide is not None:
            most = min(element.most, len(texts))
            taken = picked(self.ask(Decision(name, element.kind, texts, element.span, element.least, most)))
        own = At(at.label, at.origin, here)
        parts = tuple(self.child(option.element, x, own, env) for option in options if option.text in taken)
        values = tuple(key for part in parts for key in many(part.value))
        if self.decide is None:
            return Part(element, element.label, x, values, None, (parts,), texts=texts, choice=name)
        made = Many(element.label, tuple(part.element for part in parts), element.span)
        return Part(made, element.label, x, values, None, (parts,), choice=name)

    def _when(self, element: When, x: Values, at: At, env: Env) -> Part:
        own = At(at.label, at.origin, inside(element, at.path))
        shape = self.graph.node(one(x, element)).shape
        if not shape:
            parts = tuple(self.child(side, x, own, env) for side in (element.then, element.otherwise))
            return self._mix(element, x, at, parts, (print_inline(element.test), "else"), "")
        part = self.child(self._fits(lambda: side_of(element, shape), element), x, own, env)
        part.label = element.label or part.label
        return part

    def _deferred(self, element: DeferredCall, x: Values, at: At, env: Env) -> Part:
        here = inside(element, at.path)
        if self.decide is not None:
            texts = []
            for f in element.fields:
                name = join(here, f.key)
                texts.append(self.ask(Decision(name, f.kind, f.options, f.span, low=f.low, high=f.high)))
            part = self.walk(element.make(tuple(texts)), x, At(at.label, at.origin, here), env)
            part.label = element.label
            return part
        made = element.make(tuple(first_value(f) for f in element.fields))
        given = made.inputs if isinstance(made, Group) else ()
        own = At(at.label, at.origin, here)
        parts = tuple(self.child(value, x, own, env) for _, value in given)
        sources = dict.fromkeys(key for part in parts for key in many(part.value))
        inputs = tuple(sources) or (one(x, element),)
        shape = self.graph.node(inputs[0]).shape
        node = LayerNode(self.graph.free(at.label), print_inline(element.call), inputs, (), shape, span=element.span)
        key = self.graph.add(replace(node, region=self.region))
        return Part(element, element.label, x, key, key, (parts,))

    # -------------------------------------------------------------------- nodes

    def _apply(self, element: LayerCall | Join | BodyLayer, *shapes: Shape) -> Applied | None:
        """What a layer makes of shapes; None where one is open, or (with every candidate) where it does not fit."""
        if () in shapes or element.layer is POISON:
            return None
        if self.decide is None:
            with suppress(LayerError):
                return self.rules.apply(element, *shapes)
            return None
        return self._fits(lambda: self.rules.apply(element, *shapes), element)

    def _fits(self, rule: Callable[[], Result], element: Element) -> Result:
        """What a rule gives. Raises: VnsError at the place of the element where it does not fit."""
        try:
            return rule()
        except LayerError as fault:
            span = self._site or element.span
            raise error(fault.code, fault.message, span, help=fault.help) from None

    def _add(
        self,
        element: LayerCall | Join | BodyLayer,
        at: At,
        operation: str,
        inputs: tuple[str, ...],
        input_shape: Shape,
        applied: Applied | None,
        enter: str | None = None,
    ) -> str:
        known = applied or Applied(())
        return self.graph.add(
            LayerNode(
                self.graph.free(at.label),
                operation,
                inputs,
                known.output,
                input_shape,
                known.macs * self._times,
                known.params,
                known.attributes,
                element.layer,
                known.code,
                self._site or element.span,
                at.origin,
                self.region,
                enter,
            )
        )


def choosing(choices: Mapping[str, str], space: str) -> Decide:
    """Answers with these choices. The answer raises UserError for a choice that is not among them."""

    def decide(decision: Decision) -> str:
        if decision.name not in choices:
            raise UserError(f"choice `{decision.name}` of `{space}` is still open")
        return choices[decision.name]

    return decide


def _without(place: str, label: str) -> str:
    """The place around an element with this label."""
    return place[: -len(label) - 1] if label and place.endswith(f".{label}") else ""

"""One network of a space: every choice is asked for in the order of the text, given those before it.

A choice exists only where those before it let it: inside an option that is taken, among as many values as a list has.
Those of a tied block are asked for at its first use and hold at all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from random import Random

from vnasdsl.language.diagnostics import UserError, VnsError
from vnasdsl.layers.base import LayerError, Shape
from vnasdsl.space.decisions import Decide, Decision, Form, every, form_of
from vnasdsl.space.elements import (
    POISON,
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
    has_choices,
    inside,
    join,
    picked,
    relabel,
)
from vnasdsl.space.flow import UNKNOWN, Flow, TensorList, pool, read, spliced
from vnasdsl.space.values import holds, resolve_arguments, with_shape


@dataclass(frozen=True)
class Resolved:
    """A network as elements: every choice made, in the order of the text."""

    decisions: tuple[Decision, ...]
    segments: tuple[Segment, ...]

    @property
    def made(self) -> dict[str, str]:
        return {decision.name: decision.value for decision in self.decisions}


def resolve(
    segments: Iterable[Segment],
    decide: Decide,
    input_name: str = "",
    shape: Shape = UNKNOWN,
    classes: int = 0,
) -> Resolved:
    """Make every choice of a space.

    With the shape of the input, choices inside `a if frames > 1 else b` are those of the side that is taken; without
    it both sides are asked for. Raises: UserError for a value that its choice does not have.
    """
    resolver = Resolver(decide, classes)
    env: dict[str, Flow] = {input_name: shape}
    flow: Flow = shape
    made = []
    for segment in segments:
        body, flow, inner = resolver.group(segment.body, "", flow, env)
        if not segment.name:
            env = inner
        made.append(Segment(segment.name, body))
    return Resolved(tuple(resolver.made.values()), tuple(made))


def complete(
    segments: Iterable[Segment],
    made: Mapping[str, str],
    random: Random,
    input_name: str = "",
    shape: Shape = UNKNOWN,
    classes: int = 0,
) -> Resolved:
    """The network of some choices: what they do not say, or say wrongly there, is drawn choice by choice."""

    def decide(decision: Decision) -> str:
        value = made.get(decision.name)
        return value if value is not None and decision.allows(value) else decision.draw(random)

    return resolve(segments, decide, input_name, shape, classes)


def assignments(element: Element, path: str) -> Iterator[tuple[tuple[tuple[str, str], ...], Element]]:
    """Every network below an element: its choices in the order of the text, and the element with them made.

    Raises: UserError where one of them is a real number.
    """

    def walk(decide: Decide) -> tuple[tuple[tuple[str, str], ...], Element]:
        resolver = Resolver(decide)
        made, _ = resolver.walk(element, path, UNKNOWN, {})
        return tuple((d.name, d.value) for d in resolver.made.values()), made

    return every(walk)


def networks(
    segments: tuple[Segment, ...], input_name: str = "", shape: Shape = UNKNOWN, classes: int = 0
) -> Iterator[Resolved]:
    """Every network of a space, in the order of the options in the text. Raises: UserError for a real choice."""
    return every(lambda decide: resolve(segments, decide, input_name, shape, classes))


class Shapes:
    """What layers give for a shape; unknown where nothing fits or is not followed. Faults are said elsewhere."""

    def __init__(self, classes: int):
        self.classes = classes

    def op(self, op: LayerCall, flow: Flow) -> Flow:
        if flow == UNKNOWN or isinstance(flow, TensorList) or op.layer is POISON:
            return UNKNOWN
        try:
            return op.layer.apply(resolve_arguments(op.arguments, flow), flow, self.classes).output
        except LayerError:
            return UNKNOWN

    def joined(self, element: Join, values: tuple[Shape, ...]) -> Flow:
        if not values or UNKNOWN in values:
            return UNKNOWN
        assert element.layer.join is not None
        try:
            return element.layer.join(resolve_arguments(element.arguments, values[0]), values, self.classes).output
        except LayerError:
            return UNKNOWN

    def entered(self, wrap: BodyLayer, flow: Flow) -> Shape:
        """What the body of a layer is given."""
        if flow == UNKNOWN or isinstance(flow, TensorList):
            return UNKNOWN
        assert wrap.layer.body is not None
        try:
            return wrap.layer.body.enter(resolve_arguments(wrap.arguments, flow), flow)
        except LayerError:
            return UNKNOWN

    def left(self, wrap: BodyLayer, flow: Flow, after: Flow) -> Flow:
        """What comes out of a layer around a body, where `flow` comes in and `after` out of the body."""
        if UNKNOWN in (flow, after) or isinstance(flow, TensorList) or isinstance(after, TensorList):
            return UNKNOWN
        assert wrap.layer.body is not None
        try:
            return wrap.layer.body.leave(resolve_arguments(wrap.arguments, flow), flow, after, self.classes).output
        except LayerError:
            return UNKNOWN


class Resolver:
    """Walks elements in the order of the text and asks for each choice once."""

    def __init__(self, decide: Decide, classes: int = 0):
        self.decide = decide
        self.shapes = Shapes(classes)
        self.made: dict[str, Decision] = {}

    def ask(self, decision: Decision) -> str:
        """The value of a choice; that of a tied block has one from its first use on."""
        known = self.made.get(decision.name)
        if known is not None:
            if not decision.allows(known.value):
                raise decision.refuse(known.value)
            return known.value
        value = self.decide(decision)
        if not decision.allows(value):
            raise decision.refuse(value)
        self.made[decision.name] = replace(decision, value=value)
        return value

    def walk(self, element: Element, path: str, flow: Flow, env: Mapping[str, Flow]) -> tuple[Element, Flow]:
        """An element that stands at `path` with its choices made, and what it gives for what comes in."""
        match element:
            case LayerCall():
                return element, self.shapes.op(element, flow)
            case NameRef():
                return element, read(element, env)
            case Group():
                body, after, _ = self.group(element, path, flow, env)
                return body, after
            case Repeat():
                items = []
                here = inside(element, path)
                for i, item in enumerate(element.items):
                    made, flow = self.walk(item, f"{here}[{i}]", flow, env)
                    items.append(made)
                return (element if same(items, element.items) else replace(element, items=tuple(items))), flow
            case BodyLayer():
                return self.wrap(element, path, flow, env)
            case Join() | Many():
                return self.side_by_side(element, path, flow, env)
            case Pick():
                return self.pick(element, path, flow, env)
            case When():
                return self.when(element, path, flow, env)
            case LayerChoice():
                here = inside(element, path)
                texts = tuple(option.text for option in element.options)
                name = join(here, element.key)
                value = self.ask(Decision(name, element.kind, form_of(texts), texts, span=element.span))
                option = element.options[texts.index(value)]
                made, after = self.walk(option.element, here, flow, env)
                return relabel(made, element.label), after
            case DeferredCall():
                here = inside(element, path)
                values = tuple(self.field(here, f) for f in element.fields)
                made, after = self.walk(element.make(values), here, flow, env)
                return relabel(made, element.label), after

    def field(self, here: str, f: DeferredArgument) -> str:
        form: Form = "real" if f.low is not None else form_of(f.options)
        return self.ask(Decision(join(here, f.key), f.kind, form, f.options, low=f.low, high=f.high, span=f.span))

    def reached(self, group: Group, line: int, item: int, env: Mapping[str, Flow]) -> None:
        """What is done before an item of a line is walked through; the number behind the last line is that of `out`."""

    def group(
        self, group: Group, path: str, flow: Flow, env: Mapping[str, Flow]
    ) -> tuple[Group, Flow, dict[str, Flow]]:
        """A group, what it gives, and what its lines can be read by behind them."""
        here = inside(group, path)
        inputs = []
        known: dict[str, Flow] = {} if group.block is not None else dict(env)
        for name, value in group.inputs:
            made, known[name] = self.walk(value, path, flow, env)
            inputs.append((name, made))
        lines = []
        for i, line in enumerate(group.lines):
            items = []
            for j, item in enumerate(line):
                self.reached(group, i, j, known)
                made, flow = self.walk(item, here, flow, known)
                items.append(made)
            lines.append(line if same(items, line) else tuple(items))
            if group.name_of(i):
                known[group.name_of(i)] = flow
        out = group.out
        if out is not None:
            self.reached(group, len(group.lines), 0, known)
            out, flow = self.walk(out, here, flow, known)
        kept = same(lines, group.lines) and out is group.out
        if kept and same((e for _, e in inputs), (e for _, e in group.inputs)):
            return group, flow, known
        return replace(group, lines=tuple(lines), inputs=tuple(inputs), out=out, call=None), flow, known

    def wrap(self, wrap: BodyLayer, path: str, flow: Flow, env: Mapping[str, Flow]) -> tuple[Element, Flow]:
        start = self.shapes.entered(wrap, flow)
        body, after, _ = self.group(wrap.body, inside(wrap, path), start, env)
        made = wrap if body is wrap.body else replace(wrap, body=body)
        return made, self.shapes.left(wrap, flow, after)

    def side_by_side(
        self, element: Join | Many, path: str, flow: Flow, env: Mapping[str, Flow]
    ) -> tuple[Element, Flow]:
        here = inside(element, path)
        parts = element.inputs if isinstance(element, Join) else element.items
        items: list[Element] = []
        values: list[Shape] = []
        for i, item in enumerate(parts):
            where = here if isinstance(element, Join) or item.label else f"{here}[{i}]"
            made, value = self.walk(item, where, flow, env)
            items.append(made)
            values += spliced(value)
        if isinstance(element, Many):
            made = element if same(items, parts) else replace(element, items=tuple(items))
            return made, TensorList(tuple(values))
        made = element if same(items, parts) else replace(element, inputs=tuple(items))
        return made, self.shapes.joined(element, tuple(values))

    def pick(self, element: Pick, path: str, flow: Flow, env: Mapping[str, Flow]) -> tuple[Element, Flow]:
        here = inside(element, path)
        options = pool(element, env)
        texts = tuple(option.text for option in options)
        name = join(here, element.key)
        if len(texts) < element.least:
            raise UserError(f"choice `{name}` takes at least {element.least}, and there are {len(texts)}")
        most = min(element.most, len(texts))
        value = self.ask(Decision(name, element.kind, "edges", texts, element.least, most, span=element.span))
        taken = picked(value)
        items: list[Element] = []
        values: list[Shape] = []
        for option in options:
            if option.text in taken:
                made, after = self.walk(option.element, here, flow, env)
                items.append(made)
                values += spliced(after)
        return Many(element.label, tuple(items), element.span), TensorList(tuple(values))

    def when(self, element: When, path: str, flow: Flow, env: Mapping[str, Flow]) -> tuple[Element, Flow]:
        here = inside(element, path)
        side = taken_side(element, flow)
        open_choice = has_choices(element.then) or has_choices(element.otherwise)
        if side is not None:
            made, after = self.walk(side, here, flow, env)
            return (relabel(made, element.label or made.label) if open_choice else element), after
        then, after = self.walk(element.then, here, flow, env)
        otherwise, other = self.walk(element.otherwise, here, flow, env)
        same_parts = then is element.then and otherwise is element.otherwise
        made = element if same_parts else replace(element, then=then, otherwise=otherwise)
        return made, after if after == other else UNKNOWN


def taken_side(element: When, flow: Flow) -> Element | None:
    """Which of the two stands, or None where the shape is not known."""
    if flow == UNKNOWN or isinstance(flow, TensorList):
        return None
    try:
        test = with_shape(element.test, flow)
        return element.then if holds(test) else element.otherwise  # type: ignore[arg-type]
    except (LayerError, VnsError):
        return None


def same(new: Iterable[object], old: Iterable[object]) -> bool:
    """Whether all parts are the very same objects."""
    return all(a is b for a, b in zip(new, old, strict=True))

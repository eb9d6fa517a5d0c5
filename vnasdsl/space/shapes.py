"""Shapes and costs of a space without running anything.

For an element and an input shape: every shape that can come out, each with the exact least and greatest MACs and
parameters over all choices below. Choices are independent given the shape between two layers, so going through the
layers once, shape by shape, is exact; `tests/space` holds it against brute force.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, Label, Severity, error
from vnasdsl.language.source import Span
from vnasdsl.layers import CATALOGUE
from vnasdsl.layers.base import Applied, LayerError, Shape, show_shape
from vnasdsl.space.elements import POISON, Alternatives, Element, Group, Op, Repeat, Segment, Wrap

MOST_PLACES = 20_000
"""Layers, each counted once for every shape that can reach it: what is worked out for one space."""


@dataclass(frozen=True)
class Cost:
    """Least and greatest MACs and parameters."""

    macs_min: int = 0
    macs_max: int = 0
    params_min: int = 0
    params_max: int = 0

    def __add__(self, other: Cost) -> Cost:
        """One after the other."""
        return Cost(
            self.macs_min + other.macs_min,
            self.macs_max + other.macs_max,
            self.params_min + other.params_min,
            self.params_max + other.params_max,
        )

    def __or__(self, other: Cost) -> Cost:
        """Either of the two."""
        return Cost(
            min(self.macs_min, other.macs_min),
            max(self.macs_max, other.macs_max),
            min(self.params_min, other.params_min),
            max(self.params_max, other.params_max),
        )


Outcomes = dict[Shape, Cost]


def either(costs: Iterable[tuple[Shape, Cost]]) -> Outcomes:
    """Costs collected by shape."""
    found: Outcomes = {}
    for shape, cost in costs:
        found[shape] = found[shape] | cost if shape in found else cost
    return found


class Analysis:
    """Shapes and costs of the elements of one space; faults are collected, and a faulty part has no outcomes."""

    def __init__(self, classes: int):
        self.classes = classes
        self.diagnostics: list[Diagnostic] = []
        self.unread = False
        """Whether some line could not be read; the fault was said where it was found."""
        self._known: dict[tuple[int, Shape], tuple[Element, Outcomes]] = {}
        self._applied: dict[tuple[int, Shape], tuple[Op, Applied | LayerError]] = {}
        self._sites: list[tuple[Span, str]] = []
        """The uses of blocks on the way down: where, and of which block."""
        self._reported: set[tuple[str, Span, Span]] = set()

    @property
    def failed(self) -> bool:
        """Whether a layer was found that cannot be built where it stands."""
        return any(d.severity == "error" for d in self.diagnostics)

    def apply(self, op: Op, shape: Shape) -> Applied:
        """A layer at a shape. Raises: LayerError; VnsError E0509 for too many shapes."""
        key = (id(op), shape)
        if key not in self._applied:
            if len(self._applied) == MOST_PLACES:
                message = f"up to here there are more than {MOST_PLACES:,} ways for a shape to reach a layer"
                help = "every choice of channels or stride multiplies the shapes behind it: offer fewer options"
                raise error("E0509", message, op.span, help=help)
            try:
                self._applied[key] = (op, op.layer.apply(dict(op.arguments), shape, self.classes))
            except LayerError as fault:
                self._applied[key] = (op, fault)
        result = self._applied[key][1]
        if isinstance(result, LayerError):
            raise result
        return result

    def segments(self, segments: Iterable[Segment], shape: Shape) -> Outcomes:
        outcomes: Outcomes = {shape: Cost()}
        for segment in segments:
            outcomes = self.follow(outcomes, segment.body)
        return outcomes

    def follow(self, outcomes: Outcomes, element: Element) -> Outcomes:
        """What comes out when an element is put behind what came out before."""
        return either(
            (after, cost + more)
            for before, cost in outcomes.items()
            for after, more in self.outcomes(element, before).items()
        )

    def outcomes(self, element: Element, shape: Shape) -> Outcomes:
        key = (id(element), shape)
        if key in self._known:
            return self._known[key][1]
        result = self._outcomes(element, shape)
        self._known[key] = (element, result)
        return result

    def _outcomes(self, element: Element, shape: Shape) -> Outcomes:
        match element:
            case Op():
                return self._op(element, shape)
            case Group():
                called = element.call is not None
                if called:
                    self._sites.append((element.span, element.block or ""))
                outcomes: Outcomes = {shape: Cost()}
                for item in element.items:
                    outcomes = self.follow(outcomes, item)
                if called:
                    self._sites.pop()
                return outcomes
            case Repeat():
                outcomes = {shape: Cost()}
                for item in element.items:
                    outcomes = self.follow(outcomes, item)
                return outcomes
            case Alternatives():
                return either(
                    pair for option in element.options for pair in self.outcomes(option.element, shape).items()
                )
            case Wrap():
                return self._residual(element, shape)

    def _op(self, op: Op, shape: Shape) -> Outcomes:
        if op.layer is POISON:
            self.unread = True
            return {}
        try:
            applied = self.apply(op, shape)
        except LayerError as fault:
            self.report(fault.code, fault.message, argument_span(op, fault.parameter), op.span, help=fault.help)
            return {}
        if applied.warning:
            remark = applied.warning
            message = f"`{op.layer.name}`: {remark.message}"
            place = argument_span(op, remark.parameter)
            self.report("W0401", message, place, op.span, help=remark.help, label=remark.why)
        return {applied.output: Cost(applied.macs, applied.macs, applied.params, applied.params)}

    def _residual(self, wrap: Wrap, shape: Shape) -> Outcomes:
        body = self.outcomes(wrap.body, shape)
        for after in body:
            if after != shape:
                message = f"`{wrap.layer.name}` adds {show_shape(after)} to its input {show_shape(shape)}"
                place = wrap.call.function_span or wrap.span
                more = self._changed(wrap, shape)
                self.report("E0402", message, place, place, help=_to_fit(shape, after), secondary=more)
        return {after: cost for after, cost in body.items() if after == shape}

    def _changed(self, wrap: Wrap, shape: Shape) -> tuple[Label, ...]:
        """The last part of the body that changes the shape."""
        found: tuple[Label, ...] = ()
        known = {shape}
        for item in wrap.body.items:
            shapes = {after for before in known for after in self.outcomes(item, before)}
            if shapes and shapes != known:
                made = " or ".join(show_shape(s) for s in sorted(shapes))
                found = (Label(item.span, f"makes it {made}"),)
            known = shapes
        return found

    def _where(self, message: str, span: Span) -> str:
        """The message with the line of the text in the place of the layer that it begins with.

        Inside a block that is the use of the block, so that what stands in the text is what is spoken of.
        """
        inside = bool(self._sites)
        site = " ".join((self._sites[0][0] if inside else span).text.split())
        if len(site) > 60 or "`" in site or "{" in site:
            return message
        name, rest = message[1:].split("`", 1) if message.startswith("`") else ("", "")
        if name in CATALOGUE:
            return f"`{site}`{rest}"
        return f"in `{site}`: {message}" if inside else message

    def report(
        self,
        code: str,
        message: str,
        place: Span,
        whole: Span,
        help: str | None = None,
        secondary: tuple[Label, ...] = (),
        label: str = "",
    ) -> None:
        """Keep a fault of a layer (`whole`), once for each place in the text whatever the shapes that come by.

        Inside a block the line that uses the block is the place, and `place` a second one.
        """
        site = self._sites[0][0] if self._sites else None
        key = (code, site or place, place)
        if key in self._reported:
            return
        self._reported.add(key)
        primary = Label(place, label)
        if site is not None:
            primary = Label(site, label)
            secondary = (Label(place, f"from this line of `{self._sites[-1][1]}`"), *secondary)
        severity: Severity = "warning" if code.startswith("W") else "error"
        found = Diagnostic(code, self._where(message, whole), primary, severity, secondary, help=help)
        self.diagnostics.append(found)


def argument_span(op: Op, parameter: str | None) -> Span:
    """Where an argument of a layer is written, when it is written in the layer itself."""
    if parameter is not None and isinstance(op.call, tree.Call):
        names = [p.name for p in op.layer.parameters]
        for i, argument in enumerate(op.call.arguments):
            name = argument.name or (names[i] if i < len(names) else None)
            inside = argument.span.source is op.span.source and op.span.start <= argument.span.start < op.span.end
            if name == parameter and inside:
                return argument.span
    return op.span


def _to_fit(shape: Shape, after: Shape) -> str:
    """What to do about a residual whose body changes the shape."""
    if len(shape) == len(after) == 4 and shape[1:] == after[1:]:
        return f"end the body with the {shape[0]} channels of its input: write `same`, or put the change before it"
    return "use no stride and `padding=same` inside, and put the layer that changes the size before it"

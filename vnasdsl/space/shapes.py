"""Shapes and costs of a space without running anything.

For an element and an input shape: every shape that can come out, each with the exact least and greatest MACs and
parameters over all choices below. Choices are independent given the shape between two layers, so going through the
layers once, shape by shape, is exact; `tests/space` holds it against brute force.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from vnasdsl.language.diagnostics import Diagnostic, Label
from vnasdsl.language.source import Span
from vnasdsl.layers import CATALOGUE
from vnasdsl.layers.base import Applied, LayerError, Shape, show_shape
from vnasdsl.space.elements import POISON, Alternatives, Element, Group, Op, Repeat, Segment, Wrap


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
        self._known: dict[tuple[int, Shape], tuple[Element, Outcomes]] = {}
        self._applied: dict[tuple[int, Shape], tuple[Op, Applied | LayerError]] = {}
        self._sites: list[Span] = []
        self._reported: set[tuple[str, Span, Span]] = set()

    def apply(self, op: Op, shape: Shape) -> Applied:
        """A layer at a shape. Raises: LayerError."""
        key = (id(op), shape)
        if key not in self._applied:
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
                    self._sites.append(element.span)
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
            return {}
        try:
            applied = self.apply(op, shape)
        except LayerError as fault:
            self.report(
                Diagnostic(fault.code, self._where(fault.message, op.span), self._label(op.span), help=fault.help),
                op.span,
            )
            return {}
        if applied.warning:
            message = self._where(f"`{op.layer.name}`: {applied.warning}", op.span)
            self.report(Diagnostic("W0401", message, self._label(op.span), severity="warning"), op.span)
        return {applied.output: Cost(applied.macs, applied.macs, applied.params, applied.params)}

    def _residual(self, wrap: Wrap, shape: Shape) -> Outcomes:
        body = self.outcomes(wrap.body, shape)
        fitting = {after: cost for after, cost in body.items() if after == shape}
        for after in body:
            if after != shape:
                message = f"`{wrap.layer.name}` adds {show_shape(after)} to its input {show_shape(shape)}"
                self.report(
                    Diagnostic(
                        "E0402",
                        self._where(message, wrap.span),
                        self._label(wrap.span),
                        help="both must have one shape: keep the channels (`same`) and use no stride inside",
                    ),
                    wrap.span,
                )
        return fitting

    def _where(self, message: str, span: Span) -> str:
        """The message with the line of the text in the place of the layer inside the block it uses."""
        site = " ".join((self._sites[0] if self._sites else span).text.split())
        if len(site) > 60 or "`" in site:
            return message
        name, rest = message[1:].split("`", 1) if message.startswith("`") else ("", "")
        return f"`{site}`{rest}" if name in CATALOGUE else f"in `{site}`: {message}"

    def _label(self, span: Span) -> Label:
        return Label(self._sites[0] if self._sites else span)

    def report(self, diagnostic: Diagnostic, inner: Span) -> None:
        """Keep a fault once, with the layer inside the block it comes from as a second place."""
        assert diagnostic.primary is not None
        key = (diagnostic.code, diagnostic.primary.span, inner)  # one a place, whatever the shapes that come by
        if key in self._reported:
            return
        self._reported.add(key)
        if diagnostic.primary.span != inner:
            from dataclasses import replace

            diagnostic = replace(diagnostic, secondary=(Label(inner, "comes from here"),))
        self.diagnostics.append(diagnostic)

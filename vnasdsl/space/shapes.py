"""Shapes and costs of a space without running anything: the walk with what each layer gives, and with faults.

Choices are independent given what flows between two layers, so walking the layers once, state by state, is exact. Where
it is not (uses of a tied block make the same choices, too many states are put together) costs are bounds.
"""

from __future__ import annotations

from collections.abc import Iterable

from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, Label, Severity, VnsError, error
from vnasdsl.language.source import Span
from vnasdsl.layers import CATALOGUE
from vnasdsl.layers.base import Applied, LayerError, Shape, show_shape
from vnasdsl.space.elements import (
    POISON,
    BodyLayer,
    DeferredCall,
    Element,
    Group,
    Join,
    LayerCall,
    Many,
    NameRef,
    Pick,
    Segment,
    When,
)
from vnasdsl.space.evaluate import MOST_SETS, MOST_SHAPES, MOST_STATES, Outcomes, Walk
from vnasdsl.space.parts import has_choices
from vnasdsl.space.reads import line_names
from vnasdsl.space.states import UNKNOWN, Env, Flow, TensorList, flows_of
from vnasdsl.space.values import resolve_arguments, side_of
from vnasdsl.space.ways import Costs, Layers, Repeated, Ways, gather

# ----------------------------------------------------------- what layers make of shapes


class LayerRules:
    """What layers make of shapes, computed once for equal layers and shapes, and shared by all networks of a space."""

    LARGEST = 100_000

    def __init__(self, classes: int):
        self.classes = classes
        self._known: dict[tuple[object, ...], Applied | LayerError] = {}

    def apply(self, element: LayerCall | Join | BodyLayer, *shapes: Shape) -> Applied:
        """What a layer makes of shapes: of what comes in, of all that it joins, or of what comes in and what its body
        gives; the costs of a body are not among those of its layer. Words such as `frames` in the arguments are those
        of the first shape. Raises: LayerError."""
        key = element.layer.name, element.arguments, shapes
        known = self._known.get(key)
        if known is None:
            try:
                known = self._applied(element, shapes)
            except LayerError as fault:
                known = fault
            if len(self._known) >= self.LARGEST:
                self._known.clear()
            self._known[key] = known
        if isinstance(known, LayerError):
            raise known
        return known

    def _applied(self, element: LayerCall | Join | BodyLayer, shapes: tuple[Shape, ...]) -> Applied:
        layer = element.layer
        if not shapes:
            raise LayerError("E0308", f"`{layer.name}` has nothing to join", "give it at least one input")
        given = resolve_arguments(element.arguments, shapes[0])
        if layer.join is not None:
            return layer.join(given, shapes, self.classes)
        if layer.body is not None:
            before, after = shapes
            return layer.body.leave(given, before, after, self.classes)
        return layer.apply(given, shapes[0], self.classes)

    def enter(self, element: BodyLayer, shape: Shape) -> tuple[Shape, int]:
        """The shape that the body of a layer is given, and how often it runs for one clip. Raises: LayerError."""
        given, body = resolve_arguments(element.arguments, shape), element.layer.body
        assert body is not None
        return body.enter(given, shape), body.times(given)


MOST_PLACES = 20_000
"""Layers, each counted once for every shape that can reach it: the work for one space."""


class Analysis(Walk):
    """Shapes and costs of the elements of one space; faults are collected, and a faulty part has no outcomes."""

    most_states = MOST_STATES
    knows_shapes = True

    def __init__(self, rules: LayerRules):
        super().__init__()
        self.rules = rules
        self.costs = Costs()
        self.diagnostics: list[Diagnostic] = []
        self.suspected: list[Diagnostic] = []
        """Faults found where there may be more outcomes than networks have."""
        self.unread = False
        """Whether some line could not be read; the fault was said where it was found."""
        self.missing: list[Element] = []
        """Calls whose costs are not worked out: there are too many ways to close them."""
        self._places = 0
        self._sites: list[tuple[Span, str]] = []
        """The uses of blocks on the way down: where, and of which block."""
        self._reported: set[tuple[str, Span, Span]] = set()

    @property
    def failed(self) -> bool:
        """Whether a layer was found that cannot be built where it stands."""
        return any(d.severity == "error" for d in self.diagnostics)

    def _reached(self, element: LayerCall | Join | BodyLayer) -> None:
        """A shape reaches a layer. Raises: VnsError E0509 where that happens too often."""
        self._places += 1
        if self._places > MOST_PLACES:
            message = f"up to here there are more than {MOST_PLACES:,} ways for a shape to reach a layer"
            help = "every choice of channels or stride multiplies the shapes behind it: offer fewer options"
            raise error("E0509", message, element.span, help=help)

    # ------------------------------------------------------------------- the space

    def segments(self, segments: Iterable[Segment], given: Iterable[tuple[str, Shape]]) -> dict[Shape, Ways]:
        """What comes out of a whole space."""
        segments = tuple(segments)
        last = self.through(segments, self.start(given))[-1]
        found = gather((each, ways) for (flow, _), ways in last.items() for each in flows_of(flow))
        found.pop(UNKNOWN, None)
        if not found:
            self.diagnostics += self.suspected  # nothing fits, not even where too much was let through
            self.suspected = []
        lists = [flow for flow in found if isinstance(flow, TensorList)]
        if lists and segments and segments[-1].body.items:
            self._refuse_list(segments[-1].body.items[-1], "the end of a network", lists[0])
        return {flow: ways for flow, ways in found.items() if not isinstance(flow, TensorList)}

    # -------------------------------------------------------------------- elements

    def layer(self, op: LayerCall, flow: Flow) -> Outcomes:
        if op.layer is POISON:
            self.unread = True
            return {}
        if flow == UNKNOWN:  # it reads a line that could not be made
            return {}
        if isinstance(flow, TensorList):
            return self._refuse_list(op, f"`{op.layer.name}`", flow)
        return self._outcome(op, (flow,))

    def read(self, element: NameRef, env: Env) -> Outcomes:
        return super().read(element, env) if any(name == element.wire for name, _ in env) else {}

    def joined(self, element: Join, shapes: tuple[Shape, ...]) -> Outcomes:
        if UNKNOWN in shapes:
            return {}
        return self._outcome(element, shapes)

    def _outcome(self, element: LayerCall | Join, shapes: tuple[Shape, ...]) -> Outcomes:
        self._reached(element)
        try:
            applied = self.rules.apply(element, *shapes)
        except LayerError as fault:
            self._refuse(element, fault)
            return {}
        if remark := applied.warning:
            message = f"`{element.layer.name}`: {remark.message}"
            place = argument_span(element, remark.parameter)
            self.report("W0401", message, place, element.span, help=remark.help, label=remark.why)
        return {applied.output: Layers(applied.macs, applied.params)}

    def around(self, wrap: BodyLayer, flow: Flow, env: Env) -> Outcomes:
        if flow == UNKNOWN:
            return {}
        if isinstance(flow, TensorList):
            return self._refuse_list(wrap, f"`{wrap.layer.name}`", flow)
        try:
            start, times = self.rules.enter(wrap, flow)
        except LayerError as fault:
            self._refuse(wrap, fault)
            return {}
        found: list[tuple[Flow, Ways]] = []
        for after, ways in self.outcomes(wrap.body, start, env).items():
            if isinstance(after, TensorList):
                self._refuse_list(wrap, f"`{wrap.layer.name}`", after)
                continue
            self._reached(wrap)
            try:
                applied = self.rules.apply(wrap, flow, after)
            except LayerError as fault:
                self._refuse(wrap, fault, self._changed(wrap, start, env) if fault.code == "E0402" else ())
                continue
            inner = ways if times == 1 else Repeated(ways, times)
            found.append((applied.output, inner + Layers(applied.macs, applied.params)))
        return gather(found)

    def when(self, element: When, flow: Flow, env: Env) -> Outcomes:
        if flow == UNKNOWN:
            return {}
        if isinstance(flow, TensorList):
            return self._refuse_list(element, "`if`", flow)
        try:
            side = side_of(element, flow)
        except LayerError as fault:
            self.report(fault.code, fault.message, element.test.span, element.span, help=fault.help)
            return {}
        except VnsError as fault:
            self.diagnostics += fault.diagnostics
            return {}
        return self.outcomes(side, flow, env)

    def deferred(self, element: DeferredCall, flow: Flow, env: Env) -> Outcomes:
        if element not in self.missing:
            self.missing.append(element)
        return {}

    def too_many_states(self) -> None:
        """They are put together, and costs are bounds from there on."""

    def too_few(self, element: Pick, count: int) -> None:
        message = f"cannot pick {element.least} of {count}"
        self.report("E0303", message, element.span, element.span, help=f"the list has {count}: pick at most as many")

    def too_many(self, element: Join | Many | Pick) -> None:
        many = f"{MOST_SETS:,} sets of shapes" if self._together <= MOST_SHAPES else f"{MOST_SHAPES:,} shapes in sets"
        message = f"here more than {many} can come together"
        raise error(
            "E0509", message, element.span, help="offer fewer options for the channels or strides of its inputs"
        )

    def enter(self, group: Group) -> None:
        self._sites.append((group.span, group.block or ""))

    def leave(self, group: Group, outcomes: Outcomes) -> Outcomes:
        self._sites.pop()
        if group.tied and len(outcomes) > 1 and has_choices(group):
            self.overapproximate = True  # another use of it makes the same choices, and here it could make others
        return outcomes

    # --------------------------------------------------------------------- faults

    def _refuse_list(self, element: Element, what: str, flow: TensorList) -> Outcomes:
        message = f"{what} takes one input, and a list of {len(flow.shapes)} comes in"
        help = "join it first, with a layer such as `sum` or `concat`"
        self.report("E0305", message, element.span, element.span, help=help)
        return {}

    def _refuse(self, element: LayerCall | Join | BodyLayer, fault: LayerError, more: tuple[Label, ...] = ()) -> None:
        place = argument_span(element, fault.parameter)
        self.report(fault.code, fault.message, place, argument_span(element, None), fault.help, more)

    def _changed(self, wrap: BodyLayer, shape: Shape, env: Env) -> tuple[Label, ...]:
        """The last part of the body that changes the shape."""
        found: tuple[Label, ...] = ()
        known: set[Flow] = {shape}
        if line_names(wrap.body).named:
            return found  # lines read by name need not go on from the line before
        for item in wrap.body.items:
            shapes = {after for before in known for after in self.outcomes(item, before, env)}
            if shapes and shapes != known:
                made = " or ".join(show_shape(s) for s in sorted(s for s in shapes if not isinstance(s, TensorList)))
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
        if name in CATALOGUE and not rest.startswith(" of "):  # an argument can have the name of a layer
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
        key = (code if not self.overapproximate else f"{code}?", site or place, place)
        if key in self._reported:
            return
        self._reported.add(key)
        primary = Label(place, label)
        if site is not None:
            primary = Label(site, label)
            secondary = (Label(place, f"from this line of `{self._sites[-1][1]}`"), *secondary)
        severity: Severity = "warning" if code.startswith("W") else "error"
        found = Diagnostic(code, self._where(message, whole), primary, severity, secondary, help=help)
        if not self.overapproximate:
            self.diagnostics.append(found)
        elif severity == "error":
            self.suspected.append(found)


def argument_span(op: LayerCall | Join | BodyLayer, parameter: str | None) -> Span:
    """Where an argument of a layer is written, when it is written in the layer itself, else where the layer is: of one
    around a body its name."""
    if parameter is not None and isinstance(op.call, tree.Call):
        names = [p.name for p in op.layer.parameters]
        for i, argument in enumerate(op.call.arguments):
            name = argument.name or (names[i] if i < len(names) else None)
            inside = argument.span.source is op.span.source and op.span.start <= argument.span.start < op.span.end
            if name == parameter and inside:
                return argument.span
    return (op.call.function_span if isinstance(op, BodyLayer) else None) or op.span

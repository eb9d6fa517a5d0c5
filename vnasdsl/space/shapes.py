"""Shapes and costs of a space without running anything.

For an element, what comes in and what the lines that it reads hold: everything that can come out, each with the least
and greatest MACs and parameters over all choices below. Choices are independent given what flows between two layers, so
going through the layers once, state by state, is exact; `tests/space` holds it against brute force. Where it is not
(uses of a tied block make the same choices, too many states are put together) they are bounds, and `exact` is False.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias

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
from vnasdsl.space.evaluate import MOST_SETS, MOST_SHAPES, Env, Flows, Held, either, sorted_flows
from vnasdsl.space.values import holds, resolve_arguments, with_shape
from vnasdsl.space.ways import MOST_CLOSED, LineWays, Texts, closings, line_ways, uses
from vnasdsl.space.wires import UNKNOWN, Flow, TensorList, scope

__all__ = ["MOST_PLACES", "Analysis", "Cost", "Outcomes", "argument_span", "either"]

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

    def times(self, count: int) -> Cost:
        """Run so often, with the same parameters."""
        return replace(self, macs_min=count * self.macs_min, macs_max=count * self.macs_max)

    def __or__(self, other: Cost) -> Cost:
        """Either of the two."""
        return Cost(
            min(self.macs_min, other.macs_min),
            max(self.macs_max, other.macs_max),
            min(self.params_min, other.params_min),
            max(self.params_max, other.params_max),
        )


Outcomes: TypeAlias = dict[Flow, Cost]


class Analysis(Flows[Cost]):
    """Shapes and costs of the elements of one space; faults are collected, and a faulty part has no outcomes."""

    def __init__(self, classes: int):
        super().__init__(Cost())
        self.knows_shapes = True
        self.classes = classes
        self.diagnostics: list[Diagnostic] = []
        self.suspected: list[Diagnostic] = []
        """Faults found where there may be more outcomes than networks have."""
        self.unread = False
        """Whether some line could not be read; the fault was said where it was found."""
        self.bounded = False
        """Whether some costs are bounds that perhaps no network has."""
        self.left_out = False
        """Whether lines that cost something may be left out by some networks."""
        self.missing: list[Element] = []
        """Parts whose costs are not worked out: there are too many ways to close them."""
        self._applied: dict[tuple[int, Flow, Shape], tuple[Element, Applied | LayerError]] = {}
        self._uses: dict[str, int] = {}
        """How many uses of each tied block one network can have, two for more."""
        self._sites: list[tuple[Span, str]] = []
        """The uses of blocks on the way down: where, and of which block."""
        self._reported: set[tuple[str, Span, Span]] = set()

    @property
    def failed(self) -> bool:
        """Whether a layer was found that cannot be built where it stands."""
        return any(d.severity == "error" for d in self.diagnostics)

    @property
    def exact(self) -> bool:
        """Whether the least and greatest costs are those of networks, and no more than bounds."""
        return not (self.overapproximate or self.bounded or self.missing)

    # -------------------------------------------------------- layers where they stand

    def apply(self, op: LayerCall, shape: Shape) -> Applied:
        """A layer at a shape. Raises: LayerError; VnsError E0509 for too many shapes."""

        def rule() -> Applied:
            assert op.layer.apply is not None
            return op.layer.apply(resolve_arguments(op.arguments, shape), shape, self.classes)

        return self._once((id(op), shape, ()), op, rule)

    def applied_to(self, element: Join, shapes: tuple[Shape, ...]) -> Applied:
        """A layer that joins, at the shapes of its inputs one by one. Words such as `frames` in its arguments are
        those of its first input. Raises: LayerError; VnsError E0509."""

        def rule() -> Applied:
            assert element.layer.join is not None
            if not shapes:
                raise LayerError("E0308", f"`{element.layer.name}` has nothing to join", "give it at least one input")
            return element.layer.join(resolve_arguments(element.arguments, shapes[0]), shapes, self.classes)

        return self._once((id(element), TensorList(shapes), ()), element, rule)

    def entered(self, wrap: BodyLayer, shape: Shape) -> Shape:
        """The shape that the body of a layer is given. Raises: LayerError."""
        assert wrap.layer.body is not None
        return wrap.layer.body.enter(resolve_arguments(wrap.arguments, shape), shape)

    def left(self, wrap: BodyLayer, shape: Shape, after: Shape) -> Applied:
        """A layer around a body, which makes `after` of what it is given: its own costs, without those of the body.
        Raises: LayerError; VnsError E0509."""

        def rule() -> Applied:
            assert wrap.layer.body is not None
            return wrap.layer.body.leave(resolve_arguments(wrap.arguments, shape), shape, after, self.classes)

        return self._once((id(wrap), shape, after), wrap, rule)

    def times(self, wrap: BodyLayer, shape: Shape) -> int:
        """How often the body of a layer runs for one clip."""
        assert wrap.layer.body is not None
        return wrap.layer.body.times(resolve_arguments(wrap.arguments, shape))

    def _once(
        self, key: tuple[int, Flow, Shape], element: LayerCall | Join | BodyLayer, rule: Callable[[], Applied]
    ) -> Applied:
        if key not in self._applied:
            if len(self._applied) == MOST_PLACES:
                message = f"up to here there are more than {MOST_PLACES:,} ways for a shape to reach a layer"
                help = "every choice of channels or stride multiplies the shapes behind it: offer fewer options"
                raise error("E0509", message, element.span, help=help)
            try:
                self._applied[key] = (element, rule())
            except LayerError as fault:
                self._applied[key] = (element, fault)
        result = self._applied[key][1]
        if isinstance(result, LayerError):
            raise result
        return result

    # ------------------------------------------------------------------- the space

    def segments(self, segments: Iterable[Segment], shape: Shape, input_name: str = "") -> dict[Shape, Cost]:
        """What comes out of a whole space."""
        segments = tuple(segments)
        self._uses = uses(segments)
        last = self.through(segments, self.start(shape, input_name))[-1]
        found = either(
            (each, cost) for (flow, _), cost in last.items() for each in sorted_flows(flow) if each != UNKNOWN
        )
        if not found:
            self.diagnostics += self.suspected  # nothing fits, not even where too much was let through
            self.suspected = []
        lists = [flow for flow in found if isinstance(flow, TensorList)]
        if lists and segments and segments[-1].body.items:
            self._refuse_list(segments[-1].body.items[-1], "the end of a network", lists[0])
        return {flow: cost for flow, cost in found.items() if not isinstance(flow, TensorList)}

    # -------------------------------------------------------------------- elements

    def op(self, op: LayerCall, flow: Flow) -> Outcomes:
        if op.layer is POISON:
            self.unread = True
            return {}
        if flow == UNKNOWN:  # it reads a line that could not be made
            return {}
        if isinstance(flow, TensorList):
            return self._refuse_list(op, f"`{op.layer.name}`", flow)
        try:
            applied = self.apply(op, flow)
        except LayerError as fault:
            self.report(fault.code, fault.message, argument_span(op, fault.parameter), op.span, help=fault.help)
            return {}
        self._remark(op, applied)
        return {applied.output: Cost(applied.macs, applied.macs, applied.params, applied.params)}

    def read(self, element: NameRef, env: Env) -> Outcomes:
        return super().read(element, env) if any(name == element.wire for name, _ in env) else {}

    def joined(self, element: Join, shapes: tuple[Shape, ...]) -> Outcomes:
        if UNKNOWN in shapes:
            return {}
        try:
            applied = self.applied_to(element, shapes)
        except LayerError as fault:
            place = argument_span(element, fault.parameter)
            self.report(fault.code, fault.message, place, element.span, help=fault.help)
            return {}
        self._remark(element, applied)
        return {applied.output: Cost(applied.macs, applied.macs, applied.params, applied.params)}

    def wrap(self, wrap: BodyLayer, flow: Flow, env: Env) -> Outcomes:
        place = wrap.call.function_span or wrap.span
        if flow == UNKNOWN:
            return {}
        if isinstance(flow, TensorList):
            return self._refuse_list(wrap, f"`{wrap.layer.name}`", flow)
        try:
            start, times = self.entered(wrap, flow), self.times(wrap, flow)
        except LayerError as fault:
            self.report(fault.code, fault.message, self._in_wrap(wrap, fault), place, help=fault.help)
            return {}
        found: list[tuple[Flow, Cost]] = []
        for after, cost in self.outcomes(wrap.body, start, env).items():
            if isinstance(after, TensorList):
                self._refuse_list(wrap, f"`{wrap.layer.name}`", after)
                continue
            try:
                applied = self.left(wrap, flow, after)
            except LayerError as fault:
                changed = fault.code == "E0402"
                more = self._changed(wrap, start, env) if changed else ()
                help = fault.help or (_to_fit(flow, after) if changed else None)
                self.report(fault.code, fault.message, self._in_wrap(wrap, fault), place, help, more)
                continue
            own = Cost(applied.macs, applied.macs, applied.params, applied.params)
            found.append((applied.output, cost.times(times) + own))
        return either(found)

    def _in_wrap(self, wrap: BodyLayer, fault: LayerError) -> Span:
        whole = wrap.call.function_span or wrap.span
        return argument_span(wrap, fault.parameter) if fault.parameter else whole

    def when(self, element: When, flow: Flow, env: Env) -> Outcomes:
        if flow == UNKNOWN:
            return {}
        if isinstance(flow, TensorList):
            return self._refuse_list(element, "`if`", flow)
        try:
            test = with_shape(element.test, flow)
            side = element.then if holds(test) else element.otherwise  # type: ignore[arg-type]
        except LayerError as fault:
            self.report(fault.code, fault.message, element.test.span, element.span, help=fault.help)
            return {}
        except VnsError as fault:
            self.diagnostics += fault.diagnostics
            return {}
        return self.outcomes(side, flow, env)

    def open(self, element: DeferredCall, flow: Flow, env: Env) -> Outcomes:
        ways = closings(element)
        if ways is not None:
            return either(pair for texts in ways for pair in self.outcomes(element.make(texts), flow, env).items())
        lines = line_ways(element)
        if lines is None:
            if element not in self.missing:
                self.missing.append(element)
            return {}
        return self._line_by_line(element, lines, flow, env)

    def _line_by_line(self, element: DeferredCall, lines: LineWays, flow: Flow, env: Env) -> Outcomes:
        """An open call of a block of which each line depends on few of its arguments: line by line, keeping in mind
        the arguments that later lines depend on as well."""
        first = lines.first
        states: dict[tuple[Held, Env], dict[Texts, Cost]] = {}
        for (start, inner), cost in self.begin(first, flow, env, every=True).items():
            states[start, inner] = {(): cost}
        self.enter(first)
        for i, depends in enumerate(lines.depends):
            is_out = i == len(first.lines)
            if is_out and first.out is None:
                break
            later = lines.depends[i + 1 :]
            found: dict[tuple[Held, Env], dict[Texts, Cost]] = {}
            for (before, inner), by_texts in states.items():
                for known, cost in by_texts.items():
                    for taken in lines.ways(depends, known):
                        group = lines.group(taken)
                        after: dict[tuple[Held, Env], Cost] = {(before, inner): cost}
                        for item in (group.out,) if is_out else group.lines[i]:
                            assert item is not None
                            after = self.step(after, item)
                        after = self.kept(after, "" if is_out else group.name_of(i), frozenset())
                        left = tuple((n, text) for n, text in taken if any(n in names for names in later))
                        for state, total in after.items():
                            mine = found.setdefault(state, {})
                            mine[left] = mine[left] | total if left in mine else total
            if sum(len(by_texts) for by_texts in found.values()) > MOST_CLOSED:
                self.overapproximate = True  # the lines behind no longer know which arguments those before them had
                found = {state: either(((), c) for c in by_texts.values()) for state, by_texts in found.items()}
            states = found
        ends = either(
            (each, cost)
            for (after, _), by_texts in states.items()
            for cost in by_texts.values()
            for each in sorted_flows(after)
        )
        return self.leave(first, ends, flow, ())

    def or_nothing(self, w: Cost) -> Cost:
        if w == Cost():
            return w
        self.bounded = self.left_out = True
        return Cost(0, w.macs_max, 0, w.params_max)

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

    def leave(self, group: Group, outcomes: Outcomes, flow: Held, env: Env) -> Outcomes:
        self._sites.pop()
        if group.tied and self._uses.get(group.block or "", 0) > 1:
            self.bounded = True
            self.overapproximate = self.overapproximate or len(outcomes) > 1
        return outcomes

    # --------------------------------------------------------------------- faults

    def _refuse_list(self, element: Element, what: str, flow: TensorList) -> Outcomes:
        message = f"{what} takes one input, and a list of {len(flow.shapes)} comes in"
        help = "join it first, with a layer such as `sum` or `concat`"
        self.report("E0305", message, element.span, element.span, help=help)
        return {}

    def _remark(self, element: LayerCall | Join, applied: Applied) -> None:
        if applied.warning:
            remark = applied.warning
            message = f"`{element.layer.name}`: {remark.message}"
            place = argument_span(element, remark.parameter)
            self.report("W0401", message, place, element.span, help=remark.help, label=remark.why)

    def _changed(self, wrap: BodyLayer, shape: Shape, env: Env) -> tuple[Label, ...]:
        """The last part of the body that changes the shape."""
        found: tuple[Label, ...] = ()
        known: set[Flow] = {shape}
        if scope(wrap.body).named:
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

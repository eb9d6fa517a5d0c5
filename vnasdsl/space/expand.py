"""From the syntax tree to a tree of layers: blocks used in place, choices named, copies made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, Label, VnsError, error
from vnasdsl.language.printer import print_inline
from vnasdsl.language.source import Span
from vnasdsl.layers import CATALOGUE
from vnasdsl.layers.base import show_value
from vnasdsl.space.definitions import Definitions, behind_input, nodes
from vnasdsl.space.elements import (
    Alternatives,
    Element,
    Group,
    Op,
    Option,
    Repeat,
    Segment,
    Wrap,
    children,
    poison,
    relabel,
)
from vnasdsl.space.names import Namer, check_name, two_alike
from vnasdsl.space.options import (
    MOST_OPTIONS,
    OpenChoice,
    check_distinct,
    first_choice,
    option_expressions,
    replace_node,
    too_many_options,
)
from vnasdsl.space.values import COMPARISON, coerce, evaluate, expression_of, number, substitute

MOST_LAYERS = 20_000
"""Layers that one space may expand to, every option of every choice counted."""
DEEPEST = 120
"""Levels of layers in blocks, residuals, copies and choices: keeps every recursive walk far from Python's limit."""
MOST_CALLS = 15_000
"""Calls that one file may expand to: a call with several choices is expanded once for every combination of them."""


NO_LAYERS = "it ends with a classifier such as `pool -> linear(classes)`"


class Expander:
    """Expands the bodies of one file's spaces and networks; uses of a block with the same values share their lines."""

    def __init__(self, definitions: Definitions):
        self.definitions = definitions
        self.lines: dict[tuple[object, ...], tuple[tuple[Element, ...], ...]] = {}
        self.open: list[str] = []
        self.calls = 0
        self.faults: list[Diagnostic] = []
        """What is wrong with lines that were replaced by `poison`."""
        self.sizes: dict[int, tuple[Element, int, int]] = {}

    # ------------------------------------------------------------- statements

    def segments(self, net: tree.Space | tree.Network, input_name: str) -> tuple[Segment, ...]:
        """The stages of a space or network, and the lines between them."""
        segments: list[Segment] = []
        loose: list[tree.Statement] = []
        stages = [s for s in net.body if isinstance(s, tree.Stage)]
        namer = Namer([s for s in net.body if isinstance(s, tree.Wire)])
        self.faults += namer.faults
        for stage in stages:
            with self.collecting():
                check_name(stage.name, "stage", stage.name_span)
                if stage.name in namer.used or stage.name in namer.given:
                    first = next(s.name_span for s in stages if s.name == stage.name)
                    raise two_alike(stage.name, stage.name_span, namer.given.get(stage.name, first))
            namer.used.add(stage.name)

        def flush() -> None:
            if loose:
                lines = self.body(loose, namer, input_name if not segments else None)
                span = loose[0].span.to(loose[-1].span)
                segments.append(Segment("", Group("", lines, span)))
                loose.clear()

        for statement in net.body:
            if isinstance(statement, tree.Stage):
                flush()
                own = self.namer(statement.body)
                lines = self.body(statement.body, own, input_name if not segments else None)
                segments.append(Segment(statement.name, Group(statement.name, lines, statement.span)))
            elif isinstance(statement, (tree.Line, tree.Wire)):
                loose.append(statement)
        flush()
        with self.collecting():
            if sum(isinstance(s, tree.Input) for s in net.body) == 1:
                line = next(s for s in net.body if isinstance(s, tree.Input))
                check_name(line.name, "input", line.name_span)
            if not segments:
                raise error("E0306", f"`{net.name}` has no layers", net.name_span, help=NO_LAYERS)
            if sum(self.size(s.body) for s in segments) > MOST_LAYERS:
                message = f"`{net.name}` expands to more than {MOST_LAYERS:,} layers"
                raise error("E0502", message, net.name_span, help="use fewer copies, or fewer options")
            for segment in segments:
                if self.depth(segment.body) > DEEPEST:
                    raise error("E0108", f"layers inside layers more than {DEEPEST} deep", segment.body.span)
        large = self.calls > MOST_CALLS or sum(self.size(s.body) for s in segments) > MOST_LAYERS
        if large or any(self.depth(s.body) > DEEPEST for s in segments):
            # Nothing may walk through what has just been refused.
            return tuple(Segment(s.name, Group(s.name, ((poison(s.body.span),),), s.body.span)) for s in segments)
        return tuple(segments)

    def body(
        self, statements: Sequence[tree.Statement], namer: Namer, input_name: str | None = None
    ) -> tuple[tuple[Element, ...], ...]:
        lines = []
        for statement in statements:
            try:
                if isinstance(statement, tree.Line):
                    lines.append(self.line(statement.value, namer, None, input_name))
                elif isinstance(statement, tree.Wire):
                    lines.append(self.line(statement.value, namer, statement.name, input_name))
                else:
                    lines.append((poison(statement.span),))
            except VnsError as fault:
                self.faults += fault.diagnostics
                lines.append((poison(statement.span),))
            input_name = None
        return tuple(line for line in lines if line)

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Keep the faults raised inside and go on."""
        try:
            yield
        except VnsError as fault:
            self.faults += fault.diagnostics

    def namer(self, statements: Sequence[tree.Statement]) -> Namer:
        namer = Namer([s for s in statements if isinstance(s, tree.Wire)])
        self.faults += namer.faults
        return namer

    def line(
        self, value: tree.Expression, namer: Namer, label: str | None, input_name: str | None
    ) -> tuple[Element, ...]:
        items = behind_input(value, input_name)
        if label is not None and len(items) > 1:
            inner = Namer()
            return (Group(label, (tuple(self.part(item, inner) for item in items),), value.span),)
        return tuple(self.part(item, namer, label) for item in items)

    def part(self, expression: tree.Expression, namer: Namer, label: str | None = None) -> Element:
        """One of several layers: a fault in it leaves the others to be looked at."""
        try:
            return self.layer(expression, namer, label)
        except VnsError as fault:
            self.faults += fault.diagnostics
            return poison(expression.span)

    # ------------------------------------------------------------ expressions

    def layer(self, expression: tree.Expression, namer: Namer, label: str | None = None) -> Element:
        """An expression in the place of a layer. Without a label it gets one from `namer`."""
        match expression:
            case tree.Name():
                call = tree.Call(expression.id, span=expression.span, function_span=expression.span)
                return self.call(call, namer, label)
            case tree.Call():
                return self.call(expression, namer, label)
            case tree.Chain():
                inner = Namer()
                lines = (tuple(self.part(item, inner) for item in expression.items),)
                return Group(label or namer.label("chain"), lines, expression.span)
            case tree.Choice():
                return self.alternatives(expression, label or namer.label("layer"))
            case tree.Binary(op="*"):
                return self.repeat(expression, label or namer.label("stack"))
            case tree.Conditional():
                test = expression.test
                holds = COMPARISON[test.op](number(test.left), number(test.right))
                return self.layer(expression.then if holds else expression.otherwise, namer, label)
        raise VnsError(())  # said already, by the check of names

    def alternatives(self, choice: tree.Choice, label: str) -> Alternatives:
        """`a | b` between layers: a choice of kind `op`."""
        if len(choice.options) > MOST_OPTIONS:
            raise too_many_options(len(choice.options), choice.span)
        inner = Namer()
        options = tuple(Option(print_inline(o), self.part(o, inner), o.span) for o in choice.options)
        check_distinct(options)
        return Alternatives(label, "op", "op", options, choice.span)

    def repeat(self, expression: tree.Binary, label: str) -> Element:
        """`N * x`: N copies, each with its own weights and choices; a choice of N is a choice of kind `number`."""
        open_choice = first_choice(expression.left)
        if open_choice is not None:
            options = []
            for value in option_expressions(open_choice):
                count = replace_node(expression.left, open_choice, value)
                copies = self.repeat(replace(expression, left=count), "")
                options.append(Option(print_inline(value), copies, value.span))
            check_distinct(options)
            return Alternatives(label, "number", "number", tuple(options), open_choice.span)
        count = evaluate(expression.left)
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            if isinstance(count, int) and not isinstance(count, bool):
                raise error("E0303", f"the number of copies must be at least 0, found {count}", expression.left.span)
            message = f"the number of copies must be a whole number, found `{show_value(count)}`"
            raise error("E0302", message, expression.left.span)
        item = relabel(self.layer(expression.right, Namer()), "")
        layers = count * self.size(item)
        if layers > MOST_LAYERS:
            raise error(
                "E0502",
                f"{count:,} copies make {layers:,} layers: at most {MOST_LAYERS:,} are allowed",
                expression.left.span,
                help="use a smaller number of copies",
            )
        return Repeat(label, (item,) * count, expression.span)

    def call(self, call: tree.Call, namer: Namer, label: str | None) -> Element:
        """A layer or a block; a choice among its arguments becomes a choice between calls."""
        definitions = self.definitions
        if call.function not in CATALOGUE and call.function not in definitions.blocks:
            raise VnsError(())  # said already, by the check of names
        self.calls += 1
        if self.calls > MOST_CALLS:
            if self.calls > MOST_CALLS + 1:
                raise VnsError(())  # said already
            message = f"the choices up to here make more than {MOST_CALLS:,} combinations and copies of calls"
            help = "a call is expanded for every combination of the choices among its arguments: use fewer of them"
            raise error("E0502", message, call.function_span or call.span, help=help)
        bound = definitions.bind(call)
        wraps = call.function in CATALOGUE and CATALOGUE[call.function].wraps
        if label is None and not wraps:
            label = namer.label(call.function)
        for name, value in bound.items():
            if any(isinstance(node, tree.Call) for node in nodes(value)):
                raise VnsError(())  # said already: a layer cannot stand where a value is expected
            open_choice = first_choice(value)
            if open_choice is not None:
                return self.value_choice(call, name, open_choice, label or "")
        if call.function in CATALOGUE:
            return self.catalogue_layer(call, bound, namer, label or "")
        return self.block(call, bound, label or "")

    def value_choice(self, call: tree.Call, parameter: str, choice: OpenChoice, label: str) -> Alternatives:
        """`head(48 | 56, 2)`: a choice named by the parameter, between `head(48, 2)` and `head(56, 2)`."""
        options = []
        for value in option_expressions(choice):
            arguments = tuple(
                replace(a, value=replace_node(a.value, choice, value))
                if any(n is choice for n in nodes(a.value))
                else a
                for a in call.arguments
            )
            self.calls += 1  # putting the option in its place is as much work as a call
            element = self.call(replace(call, arguments=arguments), Namer(), "")
            options.append(Option(print_inline(value), element, value.span))
        check_distinct(options)
        kind = self.definitions.kind_of(call.function, parameter)
        return Alternatives(label, parameter, kind, tuple(options), choice.span)

    def catalogue_layer(self, call: tree.Call, bound: dict[str, tree.Expression], namer: Namer, label: str) -> Element:
        layer = CATALOGUE[call.function]
        arguments = []
        faults: list[Diagnostic] = []
        readable = True
        for parameter in layer.parameters:
            value = parameter.default
            if parameter.name in bound:
                expression = bound[parameter.name]
                try:
                    value = coerce(parameter, evaluate(expression), expression.span, layer)
                except VnsError as fault:
                    readable = False
                    faults += (_used_in(d, call, self.open) for d in fault.diagnostics)
            arguments.append((parameter.name, value))
        if not readable:
            raise VnsError(faults)
        if layer.wraps:
            if call.body is None:
                raise VnsError(())  # said already, by the check of names
            inner = self.namer(call.body) if label else namer
            body = Group("", self.body(call.body, inner), call.span)
            return Wrap(label, layer, tuple(arguments), body, replace(call, body=None), call.span)
        return Op(label, layer, tuple(arguments), self.closed(call), call.span)

    def block(self, call: tree.Call, bound: dict[str, tree.Expression], label: str) -> Group:
        block = self.definitions.blocks[call.function]
        if block.name in self.open:
            if block.name in self.definitions.recursion.circular:
                raise VnsError(())  # said already, by the check of names
            path = " -> ".join(f"`{name}`" for name in [*self.open[self.open.index(block.name) :], block.name])
            raise error("E0207", f"block `{block.name}` uses itself: {path}", call.function_span or call.span)
        values: dict[str, tree.Expression] = {}
        for parameter in block.parameters:
            expression = bound.get(parameter.name, parameter.default)
            assert expression is not None
            values[parameter.name] = expression_of(evaluate(expression), expression.span)
        known = tuple((name, evaluate(value)) for name, value in values.items())
        key = (block.name, repr(known))  # not the values themselves: 1, 1.0 and true are equal
        if key not in self.lines:
            self.open.append(block.name)
            known_faults = len(self.faults)
            try:
                statements = [substitute(s, values) for s in block.body]
                self.lines[key] = self.body(statements, self.namer(block.body))  # type: ignore[arg-type]
            except RecursionError:
                raise error("E0108", f"blocks use blocks more than {DEEPEST} deep", call.span) from None
            finally:
                self.open.pop()
                self.faults[known_faults:] = [_used_at(fault, call.span) for fault in self.faults[known_faults:]]
        group = Group(label, self.lines[key], call.span, block.name, known, self.closed(call))
        if self.depth(group) > DEEPEST:
            raise error("E0108", f"blocks use blocks more than {DEEPEST} deep", call.span)
        return group

    def closed(self, call: tree.Call) -> tree.Expression:
        """The call as it is printed: values worked out, a bare name where there is nothing in the parentheses."""
        arguments = tuple(
            a
            if isinstance(a.value, (tree.Dims, tree.Number, tree.Tuple)) and not _computed(a.value)
            else replace(a, value=expression_of(evaluate(a.value), a.span))
            for a in call.arguments
        )
        if not arguments and call.body is None:
            return tree.Name(call.function, span=call.span)
        return replace(call, arguments=arguments)

    def size(self, element: Element) -> int:
        """Layers below an element, every option counted."""
        return self.measure(element)[0]

    def depth(self, element: Element) -> int:
        """Levels of elements in elements."""
        return self.measure(element)[1]

    def measure(self, element: Element) -> tuple[int, int]:
        """Size and depth."""
        if id(element) not in self.sizes:
            below = element.items if isinstance(element, Repeat) else [child for child, _ in children(element, "")]
            inner = [self.measure(child) for child in below]
            size = sum(size for size, _ in inner) + isinstance(element, (Op, Wrap))
            depth = 1 + max((depth for _, depth in inner), default=0)
            self.sizes[id(element)] = (element, size, depth)  # an id is only unique while its object lives
        return self.sizes[id(element)][1:]


def _used_in(fault: Diagnostic, call: tree.Call, blocks: Sequence[str]) -> Diagnostic:
    """A fault of a value, with the layer inside the block that the value was handed to."""
    place, layer = fault.primary, call.function_span or call.span
    if place is None or not blocks or call.span.start <= place.span.start < call.span.end:
        return fault
    used = Label(layer, f"used by this layer of `{blocks[-1]}`")
    return replace(fault, secondary=(*fault.secondary, used))


def _used_at(fault: Diagnostic, use: Span) -> Diagnostic:
    """A fault inside a block with the use of the block whose values lead to it; faults of names need none."""
    place = fault.primary.span if fault.primary else use
    inside = place.source is use.source and use.start <= place.start < use.end
    if inside or fault.secondary or fault.code.startswith("E02"):
        return fault
    return replace(fault, secondary=(Label(use, "in this use of the block"),))


def _computed(value: tree.Expression) -> bool:
    return any(isinstance(n, (tree.Binary, tree.Conditional, tree.Name)) for n in nodes(value))

"""From the syntax tree to a tree of layers: blocks used in place, choices named, copies made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from math import prod

from vnasdsl.elaborate.definition_checks import after_input, not_a_layer
from vnasdsl.elaborate.definitions import Definitions
from vnasdsl.elaborate.expand.arguments import (
    EMPTY_LIST,
    OpenField,
    as_value,
    closed,
    counted,
    hand_over,
    handed_function,
    handed_on,
    is_layer,
    join,
    layer_arguments,
    list_item,
    many,
    open_fields,
    reads_lines,
    used_at,
    whole_clips_read,
    with_value,
)
from vnasdsl.elaborate.options import (
    DEEPEST,
    MOST_CALLS,
    MOST_COMBINATIONS,
    MOST_LAYERS,
    MOST_OPTIONS,
    OPTIONS_A_CALL,
    Measures,
    check_distinct,
    option_expressions,
    too_many_options,
    value_of,
)
from vnasdsl.elaborate.scope import Handed, Namer, Scope
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, Label, VnsError, error
from vnasdsl.language.printer import print_inline
from vnasdsl.language.source import Span
from vnasdsl.language.walk import walk
from vnasdsl.layers.base import Value
from vnasdsl.space.elements import (
    BodyLayer,
    DeferredCall,
    Element,
    Group,
    LayerCall,
    LayerChoice,
    NameRef,
    Option,
    Repeat,
    Segment,
    When,
    poison,
)
from vnasdsl.space.parts import gives_list
from vnasdsl.space.reads import reads
from vnasdsl.space.values import evaluate, expression_of, holds, reads_shape, substitute, with_shape

__all__ = ["MOST_LAYERS", "Expander"]

NO_LAYERS = "it ends with a classifier such as `pool -> linear(classes)`"


class Expander:
    """Expands the bodies of one file's spaces and networks; uses of a block with the same values share their lines."""

    def __init__(self, definitions: Definitions):
        self.definitions = definitions
        self.bodies: dict[tuple[object, ...], Group] = {}
        self.open: list[str] = []
        self.calls = 0
        self.tied = 0
        """How many tied blocks are being expanded: in them options are called as the text of the block has them."""
        self.faults: list[Diagnostic] = []
        """What is wrong with lines that were replaced by `poison`."""
        self.measures = Measures()
        self.elsewhere: dict[str, Span] = {}
        """Every line of the space or network that has a name."""

    # ------------------------------------------------------------------ bodies

    def segments(self, net: tree.Space | tree.Network) -> tuple[Segment, ...]:
        """The stages of a space or network, and the lines between them."""
        segments: list[Segment] = []
        self.elsewhere = {n.name: n.name_span for n in walk(net) if isinstance(n, tree.Wire)}
        inputs = [s.name for s in net.body if isinstance(s, tree.Input)]
        scope = Scope(_namer(net.body), frozenset(inputs))
        scope = scope.with_lines(net.body)
        statements = [s for s in net.body if isinstance(s, (tree.Stage, tree.Line, tree.Wire, tree.Out))]
        for _, group in groupby(statements, lambda s: id(s) if isinstance(s, tree.Stage) else None):
            run = list(group)
            first, span = run[0], run[0].span.to(run[-1].span)
            given = inputs[0] if inputs and not segments else None
            if isinstance(first, tree.Stage):
                inner = replace(scope, namer=_namer(first.body))
                inner = replace(inner, later={**scope.later, **scope.with_lines(first.body).later})
                body, _ = self.body(first.body, inner, span, first.name, given)
            else:
                body, scope = self.body(run, scope, span, "", given)
            segments.append(Segment(body.label, body))
        try:
            if not segments:
                raise error("E0306", f"`{net.name}` has no layers", net.name_span, help=NO_LAYERS)
            if self.calls > MOST_CALLS:
                raise VnsError(())  # said already
            self.measures.check(net, segments)
        except VnsError as fault:
            self.faults += fault.diagnostics  # and nothing may walk through what is too large
            return tuple(Segment(s.name, Group(s.name, ((poison(s.body.span),),), s.body.span)) for s in segments)
        return tuple(segments)

    def body(
        self,
        statements: Sequence[tree.Statement],
        scope: Scope,
        span: Span,
        label: str = "",
        input_name: str | None = None,
    ) -> tuple[Group, Scope]:
        """The lines of a body, and what is known after them."""
        lines: list[tuple[Element, ...]] = []
        names: list[str] = []
        out: Element | None = None
        for statement in statements:
            name = statement.name if isinstance(statement, tree.Wire) else ""
            line: tuple[Element, ...] = (poison(statement.span),)
            try:
                if isinstance(statement, tree.Out):
                    out = list_item(self, statement.value, scope, "out")
                    continue
                if isinstance(statement, tree.Wire):
                    own = replace(scope, current=name)
                    line = self.line(statement.value, own, name, input_name)
                    line = line or (NameRef(name, input_name or "", statement.span),)
                elif isinstance(statement, tree.Line):
                    line = self.line(statement.value, scope, None, input_name)
            except VnsError as fault:
                self.faults += fault.diagnostics
            if isinstance(statement, tree.Wire):
                scope = scope.reading(name, is_list=gives_list(line[-1]))
            if line:
                lines.append(line)
                names.append(name)
            input_name = None
        return Group(label, tuple(lines), span, names=tuple(names) if any(names) else (), out=out), scope

    def line(
        self, value: tree.Expression, scope: Scope, label: str | None, input_name: str | None
    ) -> tuple[Element, ...]:
        if isinstance(value, tree.List):
            return (many(self, value, scope, label or scope.namer.label("list")),)
        items = after_input(value, input_name)
        if label is not None and len(items) > 1:
            return (self.chain(items, scope, label, value.span),)
        return tuple(self.part(item, scope, label) for item in items)

    def chain(self, items: Sequence[tree.Expression], scope: Scope, label: str, span: Span) -> Group:
        inner = scope.inner()
        return Group(label, (tuple(self.part(item, inner) for item in items),), span)

    # ------------------------------------------------------------------ layers

    def part(self, expression: tree.Expression, scope: Scope, label: str | None = None) -> Element:
        """One of several layers: a fault in it leaves the others to be looked at."""
        try:
            return self.layer(expression, scope, label)
        except VnsError as fault:
            self.faults += fault.diagnostics
            return poison(expression.span)

    def layer(self, expression: tree.Expression, scope: Scope, label: str | None = None) -> Element:
        """An expression in the place of a layer. Without a label it gets one from the scope's namer."""
        match expression:
            case tree.Name():
                return self.name(expression, scope, label)
            case tree.Call():
                return self.call(expression, scope, label)
            case tree.Chain():
                return self.chain(expression.items, scope, scope.label(label, "chain"), expression.span)
            case tree.Choice():
                return self.alternatives(expression, scope, scope.label(label, "layer"))
            case tree.Binary(op="*"):
                return self.repeat(expression, scope, scope.label(label, "stack"))
            case tree.Conditional():
                return self.conditional(expression, scope, label)
            case tree.List():
                message = "a list of layers needs a number of copies, or a layer that joins it"
                help = "write `2 * [a, b]` for a, b one after the other, or `concat([a, b])` for both side by side"
                raise error("E0305", message, expression.span, help=help)
            case tree.Pick():
                message = "a `pick` gives several inputs: a layer must join them"
                raise error("E0305", message, expression.span, help="for instance `sum(pick 2 of [a, b, c])`")
        raise VnsError(() if isinstance(expression, tree.Gap) else not_a_layer(expression))

    def name(self, name: tree.Name, scope: Scope, label: str | None) -> Element:
        """A name in the place of a layer: one handed to the block, an earlier line, or a layer without arguments."""
        if name.id in scope.layers:
            handed = scope.layers[name.id]
            inner = handed.scope.inner(scope.namer)
            around, self.open = self.open, list(handed.open)
            try:
                return self.layer(handed.expression, inner, scope.label(label, name.id))
            finally:
                self.open = around
        if name.id in scope.lists:
            message = f"`{name.id}` is a list: a layer must join its values"
            help = f"for instance `mean({name.id})`, or `{name.id}` among what a `pick` chooses from"
            raise error("E0305", message, name.span, help=help)
        if name.id in scope.wires:
            return NameRef(scope.label(label, name.id), name.id, name.span)
        if not self.definitions.knows(name.id):
            if name.id in scope.later:
                raise scope.reads_later(name)
            if name.id in self.elsewhere:
                made = (Label(self.elsewhere[name.id], "made here"),)
                help = "lines named in a stage are read in this stage only: name it outside of a stage"
                raise error("E0209", f"`{name.id}` cannot be read here", name.span, secondary=made, help=help)
        return self.call(tree.Call(name.id, span=name.span, function_span=name.span), scope, label)

    def conditional(self, expression: tree.Conditional, scope: Scope, label: str | None) -> Element:
        if not reads_shape(expression.test):
            return self.layer(expression.then if holds(expression.test) else expression.otherwise, scope, label)
        with_shape(expression.test, (1, 1, 1, 1))
        for side in (expression.test.left, expression.test.right):
            if not reads_shape(side):
                evaluate(side)
        then = self.part(expression.then, scope, label)
        otherwise = self.part(expression.otherwise, scope, label)
        return When("", expression.test, then, otherwise, expression.span)

    def alternatives(self, choice: tree.Choice, scope: Scope, label: str) -> LayerChoice:
        """`a | b` between layers: a choice of kind `op`. In a tied block an option is called as the text of the block
        has it, the same in every use."""
        if len(choice.options) > MOST_OPTIONS:
            raise too_many_options(len(choice.options), choice.span)
        inner = scope.inner()
        options = []
        for option in choice.options:
            text = self.definitions.text_of(option) if self.tied else print_inline(option)
            options.append(Option(text, self.part(option, inner), option.span))
        check_distinct(options)
        return LayerChoice(label, "op", "op", tuple(options), choice.span)

    def repeat(self, expression: tree.Binary, scope: Scope, label: str) -> Element:
        """`N * x`: N copies, each with its own weights and choices; a choice of N is a choice of kind `number`. The
        copies of a list are its layers in turn."""
        parts: list[Element] = []  # the same ones, however many copies
        copied = expression.right

        def copies(count: int, label: str) -> Element:
            items = copied.items if isinstance(copied, tree.List) else (copied,)
            parts[:] = parts or [self.layer(item, scope.inner(), "") for item in items]
            if not parts:
                raise error("E0308", "there is nothing in the list", copied.span, help=EMPTY_LIST)
            return Repeat(label, tuple(parts[i % len(parts)] for i in range(count)), expression.span)

        return counted(self, expression, label, copies)

    # ------------------------------------------------------------------- calls

    def call(self, call: tree.Call, scope: Scope, label: str | None) -> Element:
        """A layer or a block; a choice among its arguments becomes a choice between calls."""
        if call.function in scope.layers:
            call = handed_function(call, scope.layers[call.function])
        if not self.definitions.knows(call.function):
            raise VnsError(())  # said already, by the check of names
        self.calls += 1
        if self.calls > MOST_CALLS:
            if self.calls > MOST_CALLS + 1:
                raise VnsError(())  # said already
            message = f"the choices up to here make more than {MOST_CALLS:,} combinations and copies of calls"
            help = "a call is expanded for every combination of the choices among its arguments: use fewer of them"
            raise error("E0502", message, call.function_span or call.span, help=help)
        bound = self.definitions.bind(call)
        layer = self.definitions.layers.get(call.function)
        label = label or "" if layer is not None and layer.wraps else scope.label(label, call.function)
        fields = open_fields(call, bound, scope, self.definitions)
        if fields:
            ways = prod(len(f.options) for _, f in fields)
            many = ways > MOST_COMBINATIONS or any(f.low is not None for _, f in fields)
            return (self.open_call if many else self.value_choice)(call, fields, scope, label)
        if layer is None:
            return self.block(call, bound, scope, label)
        if layer.join is not None:
            return join(self, call, layer, scope, label)
        arguments = layer_arguments(call, layer, bound, self.open)
        if not layer.wraps:
            return LayerCall(label, layer, arguments, closed(call), call.span)
        if call.body is None:
            raise VnsError(())  # said already, by the check of names
        inner = scope.inner(_namer(call.body)) if label else scope
        body, _ = self.body(call.body, inner.with_lines(call.body), call.span)
        if layer.body is not None and layer.body.apart:
            self.faults += whole_clips_read(call, reads(body) & scope.wires)
        return BodyLayer(label, layer, arguments, body, replace(call, body=None), call.span)

    def value_choice(self, call: tree.Call, fields: Sequence[OpenField], scope: Scope, label: str) -> LayerChoice:
        """`head(48 | 56, 2)`: a choice named by the parameter, between `head(48, 2)` and `head(56, 2)`; inside each
        option the choices that are left."""
        (choice, first), *rest = fields
        options = []
        for value in option_expressions(choice):
            self.calls += 1  # putting the option in its place is as much work as a call
            made = with_value(call, choice, value)
            element = self.value_choice(made, rest, scope, "") if rest else self.call(made, scope.inner(), "")
            options.append(Option(print_inline(value), element, value.span))
        check_distinct(options)
        return LayerChoice(label, first.key, first.kind, tuple(options), choice.span)

    def open_call(self, call: tree.Call, fields: Sequence[OpenField], scope: Scope, label: str) -> DeferredCall:
        """A call of too many combinations to write them all out: each is made when it is asked for."""
        for _, f in fields:
            self.calls += len(f.options) // OPTIONS_A_CALL
            check_distinct([Option(text, poison(f.span), f.span) for text in f.options])
        known: dict[tuple[str, ...], Element] = {}
        definitions, tied = self.definitions, self.tied

        def make(texts: tuple[str, ...]) -> Element:
            if texts not in known:
                made = call
                for (choice, f), text in zip(fields, texts, strict=True):
                    made = with_value(made, choice, value_of(choice, f, text))
                expander = Expander(definitions)
                expander.tied = tied
                element = expander.call(made, scope.inner(), "")
                if expander.faults:
                    raise VnsError(expander.faults)
                known[texts] = element
            return known[texts]

        return DeferredCall(label, tuple(f for _, f in fields), make, call, call.span)

    def block(self, call: tree.Call, bound: dict[str, tree.Expression], scope: Scope, label: str) -> Group:
        block = self.definitions.blocks[call.function]
        if block.name in self.open:
            if block.name in self.definitions.recursion.circular:
                raise VnsError(())  # said already, by the check of names
            path = " -> ".join(f"`{name}`" for name in [*self.open[self.open.index(block.name) :], block.name])
            raise error("E0207", f"block `{block.name}` uses itself: {path}", call.function_span or call.span)
        as_values = self.definitions.read_as_values(block.name)
        values: dict[str, tree.Expression] = {}
        inputs: list[tuple[str, Element]] = []
        layers: dict[str, Handed] = {}
        known: list[tuple[str, Value]] = []
        for parameter in block.parameters:
            expression = bound.get(parameter.name)
            if expression is None:  # a default may use the parameters before it
                assert parameter.default is not None
                expression = substitute(parameter.default, values)
                assert expression is not None
            if parameter.name in as_values:
                expression = as_value(expression, scope, parameter.name, self.definitions)
            if parameter.name in as_values or not is_layer(expression, scope, self.definitions):
                known.append((parameter.name, evaluate(expression)))
                values[parameter.name] = expression_of(evaluate(expression), expression.span)
            elif reads_lines(expression, scope, self.definitions):
                inputs.append((parameter.name, list_item(self, expression, scope.inner(), parameter.name)))
            else:
                handed = hand_over(expression, scope, self.open)
                layers[parameter.name] = handed
                known.append((parameter.name, print_inline(handed.closed)))
        names = frozenset(name for name, _ in inputs)
        lists = frozenset(name for name, element in inputs if gives_list(element))
        key = (block.name, repr(known), tuple(name for name, _ in inputs), lists, bool(self.tied))
        if key not in self.bodies:
            self.open.append(block.name)
            self.tied += block.tied
            known_faults = len(self.faults)
            try:
                statements = [substitute(s, values) for s in block.body]
                own = Scope(_namer(block.body), names, lists, layers=layers).with_lines(block.body)
                self.bodies[key], _ = self.body(statements, own, call.span)
            except RecursionError:
                raise error("E0108", f"blocks use blocks more than {DEEPEST} deep", call.span) from None
            finally:
                self.open.pop()
                self.tied -= block.tied
                self.faults[known_faults:] = [used_at(fault, call.span) for fault in self.faults[known_faults:]]
        group = replace(
            self.bodies[key],
            label=label,
            span=call.span,
            block=block.name,
            bound=tuple(known),
            call=None if inputs or layers else closed(handed_on(call, scope)),  # type: ignore[arg-type]
            inputs=tuple(inputs),
            tied=block.tied,
        )
        if self.measures.of(group)[2] > DEEPEST:
            raise error("E0108", f"blocks use blocks more than {DEEPEST} deep", call.span)
        return group


def _namer(statements: Sequence[tree.Statement]) -> Namer:
    return Namer(s.name for s in statements if isinstance(s, (tree.Wire, tree.Stage)))

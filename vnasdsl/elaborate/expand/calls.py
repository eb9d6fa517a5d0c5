"""Calls of layers and blocks: open arguments, layers and lines that are handed over, and the lines of blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod

from vnasdsl.elaborate.expand.base import DEEPEST, MOST_CALLS, MOST_COMBINATIONS, MOST_HANDED
from vnasdsl.elaborate.expand.lists import Lists
from vnasdsl.elaborate.options import (
    OpenChoice,
    all_choices,
    check_distinct,
    option_expressions,
    real_bounds,
    replace_node,
    value_of,
)
from vnasdsl.elaborate.real_arguments import points
from vnasdsl.elaborate.scope import Handed, Scope
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, Label, VnsError, error
from vnasdsl.language.printer import print_inline
from vnasdsl.language.source import Span
from vnasdsl.language.walk import walk
from vnasdsl.layers import CATALOGUE
from vnasdsl.layers.base import Layer, Value
from vnasdsl.space.elements import (
    BodyLayer,
    DeferredArgument,
    DeferredCall,
    Element,
    FromShape,
    Group,
    LayerCall,
    LayerChoice,
    Option,
    poison,
)
from vnasdsl.space.parts import gives_list
from vnasdsl.space.reads import reads
from vnasdsl.space.values import WORDS, coerce, evaluate, expression_of, reads_shape, substitute


class Calls(Lists):
    """A call in the place of a layer."""

    def call(self, call: tree.Call, scope: Scope, label: str | None) -> Element:
        """A layer or a block; a choice among its arguments becomes a choice between calls."""
        definitions = self.definitions
        if call.function in scope.layers:
            call = self.handed_function(call, scope.layers[call.function])
        if not self.is_function(call.function):
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
            label = scope.namer.label(call.function)
        fields = self.open_fields(call, bound, scope)
        if fields:
            ways = prod(len(f.options) for _, f in fields)
            if ways > MOST_COMBINATIONS or any(f.low is not None for _, f in fields):
                return self.open_call(call, fields, scope, label or "")
            return self.value_choice(call, fields, scope, label or "")
        if call.function in CATALOGUE:
            return self.catalogue_layer(call, bound, scope, label or "")
        return self.block(call, bound, scope, label or "")

    def handed_function(self, call: tree.Call, handed: Handed) -> tree.Call:
        """A use, with arguments, of a layer or block that was handed over by its name."""
        name = handed.expression
        while isinstance(name, tree.Name) and name.id in handed.scope.layers:
            handed = handed.scope.layers[name.id]
            name = handed.expression
        if not isinstance(name, tree.Name):
            message = f"`{call.function}` is used with arguments: expected the name of a block or layer"
            raise error("E0305", message, name.span, help="hand over the name alone, such as `relu`")
        return replace(call, function=name.id)

    def open_fields(
        self, call: tree.Call, bound: Mapping[str, tree.Expression], scope: Scope
    ) -> list[tuple[OpenChoice, DeferredArgument]]:
        """The choices among the arguments of a call, in the order of the text: those in a layer handed to a block are
        made by the call as well, once for all its uses in the block."""
        fields: list[tuple[OpenChoice, DeferredArgument]] = []
        taken: dict[str, int] = {}
        for name, value in bound.items():
            is_layer = call.function not in CATALOGUE and self.is_layer(value, scope)
            if not is_layer and any(isinstance(node, tree.Call) for node in walk(value)):
                raise VnsError(())  # said already: a layer cannot stand where a value is expected
            for choice in all_choices(value):
                taken[name] = taken.get(name, 0) + 1
                key = name if taken[name] == 1 else f"{name}{taken[name]}"
                kind = "op" if is_layer else self.definitions.kind_of(call.function, name)
                structural = self.is_structural(call.function, name, value, is_layer)
                bounds = real_bounds(choice)
                if bounds is not None:
                    ends = points(self.definitions, call.function, name, *bounds) if value is choice else None
                    field = DeferredArgument(key, kind, (), choice.span, *bounds, structural, name, ends)
                    fields.append((choice, field))
                else:
                    texts = tuple(print_inline(o) for o in option_expressions(choice))
                    fields.append(
                        (choice, DeferredArgument(key, kind, texts, choice.span, None, None, structural, name))
                    )
        return fields

    def is_structural(self, function: str, parameter: str, value: tree.Expression, is_layer: bool) -> bool:
        """Whether other choices below a call may depend on one in this argument."""
        if is_layer and any(self.definitions.has_choices(n.id) for n in walk(value) if isinstance(n, tree.Name)):
            return True
        if is_layer and any(self.definitions.has_choices(n.function) for n in walk(value) if isinstance(n, tree.Call)):
            return True
        if not self.definitions.has_choices(function):
            return False
        return is_layer or self.definitions.is_structural(function, parameter)

    def value_choice(
        self, call: tree.Call, fields: Sequence[tuple[OpenChoice, DeferredArgument]], scope: Scope, label: str
    ) -> LayerChoice:
        """`head(48 | 56, 2)`: a choice named by the parameter, between `head(48, 2)` and `head(56, 2)`; inside each
        option the choices that are left."""
        (choice, first), *rest = fields
        options = []
        for value in option_expressions(choice):
            self.calls += 1  # putting the option in its place is as much work as a call
            closed = _with_value(call, choice, value)
            element: Element
            if rest:
                element = self.value_choice(closed, rest, scope, "")
            else:
                element = self.call(closed, scope.inner(), "")
            options.append(Option(print_inline(value), element, value.span))
        check_distinct(options)
        return LayerChoice(label, first.key, first.kind, tuple(options), choice.span)

    def open_call(
        self, call: tree.Call, fields: Sequence[tuple[OpenChoice, DeferredArgument]], scope: Scope, label: str
    ) -> DeferredCall:
        """A call of too many combinations to write them all out: each is made when it is asked for."""
        for _, f in fields:
            check_distinct([Option(text, poison(f.span), f.span) for text in f.options])
        known: dict[tuple[str, ...], Element] = {}
        definitions, tied = self.definitions, self.tied

        def make(texts: tuple[str, ...]) -> Element:
            if texts not in known:
                closed = call
                for (choice, f), text in zip(fields, texts, strict=True):
                    closed = _with_value(closed, choice, value_of(choice, f, text))
                expander = type(self)(definitions)
                expander.tied = tied
                element = expander.call(closed, scope.inner(), "")
                if expander.faults:
                    raise VnsError(expander.faults)
                known[texts] = element
            return known[texts]

        own = tuple(f for _, f in fields)
        return DeferredCall(label, own, make, call, call.span)

    def layer_arguments(
        self, call: tree.Call, layer: Layer, bound: Mapping[str, tree.Expression]
    ) -> tuple[tuple[str, Value], ...]:
        """The values of a layer's parameters. Raises: VnsError with every one that is wrong."""
        arguments: list[tuple[str, Value]] = []
        faults: list[Diagnostic] = []
        readable = True
        for parameter in layer.parameters:
            value = parameter.default
            if parameter.name in bound:
                expression = bound[parameter.name]
                try:
                    if reads_shape(expression):
                        value = FromShape(expression, parameter, layer)
                    else:
                        value = coerce(parameter, evaluate(expression), expression.span, layer)
                except VnsError as fault:
                    readable = False
                    faults += (_used_in(d, call, self.open) for d in fault.diagnostics)
            arguments.append((parameter.name, value))
        if not readable:
            raise VnsError(faults)
        return tuple(arguments)

    def catalogue_layer(self, call: tree.Call, bound: dict[str, tree.Expression], scope: Scope, label: str) -> Element:
        layer = CATALOGUE[call.function]
        if layer.join is not None:
            return self.join(call, layer, scope, label)
        arguments = self.layer_arguments(call, layer, bound)
        if layer.wraps:
            if call.body is None:
                raise VnsError(())  # said already, by the check of names
            inner = scope.inner(self.namer(call.body)) if label else scope
            body, _ = self.body(call.body, inner.with_lines(call.body))
            group = Group("", body.lines, call.span, names=body.names, out=body.out)
            if layer.body is not None and layer.body.apart:
                self.faults += _whole_clips_read(call, reads(group) & scope.wires)
            return BodyLayer(label, layer, arguments, group, replace(call, body=None), call.span)
        return LayerCall(label, layer, arguments, self.closed(call), call.span)

    def is_layer(self, expression: tree.Expression, scope: Scope) -> bool:
        """Whether an argument is a layer and no value."""
        match expression:
            case tree.Name():
                known = expression.id in scope.wires or expression.id in scope.layers or expression.id in scope.later
                return known or self.is_function(expression.id)
            case tree.Chain() | tree.Call():
                return True
            case tree.Choice():
                return any(self.is_layer(option, scope) for option in expression.options)
            case tree.Conditional():
                return self.is_layer(expression.then, scope) or self.is_layer(expression.otherwise, scope)
            case tree.Binary(op="*"):
                return self.is_layer(expression.right, scope)
            case tree.List():
                return any(self.is_layer(item, scope) for item in expression.items)
        return False

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
        lists: set[str] = set()
        layers: dict[str, Handed] = {}
        known: list[tuple[str, Value]] = []
        for parameter in block.parameters:
            expression = bound.get(parameter.name)
            if expression is None:  # a default may use the parameters in front of it
                assert parameter.default is not None
                expression = substitute(parameter.default, values)  # type: ignore[assignment]
                assert expression is not None
            if parameter.name in as_values:
                expression = self.as_value(expression, scope, parameter.name)
            if parameter.name in as_values or not self.is_layer(expression, scope):
                values[parameter.name] = expression_of(evaluate(expression), expression.span)
                known.append((parameter.name, evaluate(expression)))
            elif self.reads_lines(expression, scope):
                element = self.list_item(expression, scope.inner(), parameter.name)
                inputs.append((parameter.name, element))
                if gives_list(element):
                    lists.add(parameter.name)
            else:
                size = self.handed_size(expression, scope)
                closed = self.handed_on(expression, scope)
                handed = Handed(expression, replace(scope, later={}), closed, size, tuple(self.open))
                layers[parameter.name] = handed
                known.append((parameter.name, print_inline(closed)))
        key = (block.name, repr(known), tuple(name for name, _ in inputs), tuple(sorted(lists)), bool(self.tied))
        if key not in self.bodies:
            self.open.append(block.name)
            self.tied += block.tied
            known_faults = len(self.faults)
            try:
                statements = [substitute(s, values) for s in block.body]
                names = frozenset(name for name, _ in inputs)
                own = Scope(self.namer(block.body), names, frozenset(lists), layers=layers)
                self.bodies[key], _ = self.body(statements, own.with_lines(block.body))  # type: ignore[arg-type]
            except RecursionError:
                raise error("E0108", f"blocks use blocks more than {DEEPEST} deep", call.span) from None
            finally:
                self.open.pop()
                self.tied -= block.tied
                self.faults[known_faults:] = [_used_at(fault, call.span) for fault in self.faults[known_faults:]]
        body = self.bodies[key]
        printed = None if inputs or layers else self.closed(self.handed_on(call, scope))  # type: ignore[arg-type]
        group = Group(
            label,
            body.lines,
            call.span,
            block.name,
            tuple(known),
            printed,
            body.names,
            tuple(inputs),
            body.out,
            block.tied,
        )
        if self.depth(group) > DEEPEST:
            raise error("E0108", f"blocks use blocks more than {DEEPEST} deep", call.span)
        return group

    def as_value(self, expression: tree.Expression, scope: Scope, parameter: str) -> tree.Expression:
        """What is handed to a parameter that the block reads as a value: a word such as `relu` is one.

        Raises: VnsError E0305 for a layer."""
        while isinstance(expression, tree.Name) and expression.id in scope.layers:
            handed = scope.layers[expression.id]
            expression, scope = handed.expression, handed.scope
        is_word = isinstance(expression, tree.Name) and expression.id in WORDS
        if is_word or not self.is_layer(expression, scope):
            return expression
        label = Label(expression.span, "this is a layer")
        message = f"`{parameter}` is read as a value, and is handed a layer"
        raise VnsError(Diagnostic("E0305", message, label, help="hand over a number, sizes or a word"))

    def reads_lines(self, expression: tree.Expression, scope: Scope) -> bool:
        """Whether a layer reads a line by its name."""
        names = scope.wires | scope.later.keys()
        return any(isinstance(node, tree.Name) and node.id in names for node in walk(expression))

    def handed_size(self, expression: tree.Expression, scope: Scope) -> int:
        """How many names and calls there are in a layer that is handed on. Raises: VnsError E0502."""
        size = 0
        for node in walk(expression):
            if isinstance(node, (tree.Name, tree.Call)):
                inner = scope.layers.get(node.id if isinstance(node, tree.Name) else node.function)
                size += 1 if inner is None else 1 + inner.size
        if size > MOST_HANDED:
            message = f"what is handed on here is made of more than {MOST_HANDED:,} layers"
            help = "it is put together anew in every block that hands it on: name it in fewer places"
            raise error("E0502", message, expression.span, help=help)
        return size

    def handed_on(self, expression: tree.Expression, scope: Scope) -> tree.Expression:
        """A layer that is handed on, with what was handed to this block, and to those around, in the place of names."""
        handed = {name: h.closed for name, h in scope.layers.items()}
        return substitute(expression, handed) if handed else expression  # type: ignore[return-value]

    def closed(self, call: tree.Call) -> tree.Expression:
        """The call as it is printed: values worked out, a bare name where there is nothing in the parentheses."""
        arguments = tuple(
            a
            if reads_shape(a.value)
            or (isinstance(a.value, (tree.Dims, tree.Number, tree.Tuple)) and not _computed(a.value))
            else replace(a, value=expression_of(evaluate(a.value), a.span))
            for a in call.arguments
        )
        if not arguments and call.body is None:
            return tree.Name(call.function, span=call.span)
        return replace(call, arguments=arguments)


def _whole_clips_read(call: tree.Call, names: frozenset[str]) -> list[Diagnostic]:
    """A fault for every line outside of a layer that runs its body on parts of the clip that the body reads."""
    first = {node.id: node.span for node in reversed(list(walk(call))) if isinstance(node, tree.Name)}
    return [
        Diagnostic(
            "E0410",
            f"`{name}` is read inside of `{call.function}`, and made outside of it",
            Label(first.get(name, call.span)),
            help=f"the body runs on each part of the clip, `{name}` is of the whole clip: join it behind the braces",
        )
        for name in sorted(names)
    ]


def _with_value(call: tree.Call, choice: OpenChoice, value: tree.Expression) -> tree.Call:
    """The call with an option in the place of one of its choices."""
    arguments = tuple(
        replace(a, value=_size(replace_node(a.value, choice, value))) if any(n is choice for n in walk(a.value)) else a
        for a in call.arguments
    )
    return replace(call, arguments=arguments)


def _size(value: tree.Expression) -> tree.Expression:
    """A size whose numbers are all known is written as one: `(3, 3, 3)` as `3x3x3`."""
    if isinstance(value, tree.Tuple) and all(isinstance(item, tree.Number) for item in value.items):
        return expression_of(evaluate(value), value.span)
    return value


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
    return any(isinstance(n, (tree.Binary, tree.Conditional, tree.Name)) for n in walk(value))

"""Arguments of calls: the choices among them, values of layers, and layers that are handed to blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from vnasdsl.elaborate.definitions import Definitions
from vnasdsl.elaborate.expand.measure import MOST_HANDED
from vnasdsl.elaborate.options import OpenChoice, all_choices, option_expressions, real_bounds, replace_node
from vnasdsl.elaborate.scope import Handed, Scope
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, Label, VnsError, error
from vnasdsl.language.printer import print_inline
from vnasdsl.language.source import Span
from vnasdsl.language.walk import names_used, walk
from vnasdsl.layers.base import Layer, Value
from vnasdsl.space.elements import DeferredArgument, FromShape, same
from vnasdsl.space.values import WORDS, coerce, evaluate, expression_of, reads_shape, substitute

OpenField: TypeAlias = tuple[OpenChoice, DeferredArgument]
"""A choice among the arguments of a call, and what it chooses."""


OPEN_KINDS = {tree.Choice, tree.Range, tree.Call, tree.Gap}
"""An argument without any of these leaves no choice open."""
COMPUTED = (tree.Binary, tree.Conditional, tree.Name)


def is_layer(expression: tree.Expression, scope: Scope, definitions: Definitions) -> bool:
    """Whether an argument is a layer and no value."""
    match expression:
        case tree.Name(id=name):
            return name in scope.wires or name in scope.layers or name in scope.later or definitions.knows(name)
        case tree.Chain() | tree.Call():
            return True
        case tree.Choice(options=parts) | tree.List(items=parts):
            return any(is_layer(part, scope, definitions) for part in parts)
        case tree.Conditional():
            return any(is_layer(way, scope, definitions) for way in (expression.then, expression.otherwise))
        case tree.Binary(op="*"):
            return is_layer(expression.right, scope, definitions)
    return False


def open_fields(
    call: tree.Call, bound: Mapping[str, tree.Expression], scope: Scope, definitions: Definitions
) -> list[OpenField]:
    """The choices among the arguments of a call, those in layers handed to a block included, in the file's order."""
    fields: list[OpenField] = []
    for name, value in bound.items():
        kinds = {type(node) for node in walk(value)}
        if not kinds & OPEN_KINDS:
            continue
        layer = call.function not in definitions.layers and is_layer(value, scope, definitions)
        if not layer and tree.Call in kinds:
            raise VnsError(())  # said already: a layer cannot stand where a value is expected
        for i, choice in enumerate(all_choices(value), 1):
            key = name if i == 1 else f"{name}{i}"
            kind = "op" if layer else definitions.kind_of(call.function, name)
            structural = _is_structural(call.function, name, value, layer, definitions)
            bounds = real_bounds(choice)
            if bounds is None:
                texts = tuple(print_inline(o) for o in option_expressions(choice))
                field = DeferredArgument(key, kind, texts, choice.span, None, None, structural, name)
            else:
                field = DeferredArgument(key, kind, (), choice.span, *bounds, structural, name)
            fields.append((choice, field))
    return fields


def _is_structural(
    function: str, parameter: str, value: tree.Expression, is_layer: bool, definitions: Definitions
) -> bool:
    """Whether other choices below a call may depend on one in this argument."""
    if is_layer:
        used = any(definitions.has_choices(name) for name, _ in names_used(value))
        return used or definitions.has_choices(function)
    return definitions.has_choices(function) and definitions.is_structural(function, parameter)


def with_value(call: tree.Call, choice: OpenChoice, value: tree.Expression) -> tree.Call:
    """The call with an option in the place of one of its choices; a size whose numbers are all known is written as
    one, `(3, 3, 3)` as `3x3x3`."""
    arguments = []
    for argument in call.arguments:
        new = replace_node(argument.value, choice, value)
        if new is not argument.value:
            if isinstance(new, tree.Tuple) and all(isinstance(item, tree.Number) for item in new.items):
                new = expression_of(evaluate(new), new.span)
            argument = replace(argument, value=new)
        arguments.append(argument)
    return replace(call, arguments=tuple(arguments))


def layer_arguments(
    call: tree.Call, layer: Layer, bound: Mapping[str, tree.Expression], blocks: Sequence[str]
) -> tuple[tuple[str, Value], ...]:
    """The values of a layer's parameters. Raises: VnsError with every one that is wrong."""
    arguments: list[tuple[str, Value]] = []
    faults: list[Diagnostic] = []
    readable = True  # faults that were reported before leave no diagnostic here
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
                faults += (_used_in(d, call, blocks) for d in fault.diagnostics)
        arguments.append((parameter.name, value))
    if not readable:
        raise VnsError(faults)
    return tuple(arguments)


def closed(call: tree.Call) -> tree.Expression:
    """The call as it is printed: values worked out, a bare name where there is nothing in the parentheses."""
    if not call.arguments and call.body is None:
        return tree.Name(call.function, span=call.span)
    values = [_worked_out(a.value, a.span) for a in call.arguments]
    if same(values, (a.value for a in call.arguments)):
        return call
    return replace(call, arguments=tuple(replace(a, value=v) for a, v in zip(call.arguments, values, strict=True)))


def _worked_out(value: tree.Expression, span: Span) -> tree.Expression:
    if isinstance(value, (tree.Number, tree.Dims)) or reads_shape(value):
        return value
    if isinstance(value, tree.Tuple) and not any(isinstance(n, COMPUTED) for n in walk(value)):
        return value
    return expression_of(evaluate(value), span)


# ------------------------------------------------------- layers handed to blocks


def handed_function(call: tree.Call, handed: Handed) -> tree.Call:
    """A use, with arguments, of a layer or block that was handed over by its name."""
    name = handed.expression
    while isinstance(name, tree.Name) and name.id in handed.scope.layers:
        handed = handed.scope.layers[name.id]
        name = handed.expression
    if not isinstance(name, tree.Name):
        message = f"`{call.function}` is used with arguments: expected the name of a block or layer"
        raise error("E0305", message, name.span, help="hand over the name alone, such as `relu`")
    return replace(call, function=name.id)


def as_value(expression: tree.Expression, scope: Scope, parameter: str, definitions: Definitions) -> tree.Expression:
    """What is handed to a parameter that the block reads as a value, a word included. Raises: VnsError E0305."""
    while isinstance(expression, tree.Name) and expression.id in scope.layers:
        handed = scope.layers[expression.id]
        expression, scope = handed.expression, handed.scope
    is_word = isinstance(expression, tree.Name) and expression.id in (WORDS.keys() | definitions.catalogue.words)
    if is_word or not is_layer(expression, scope, definitions):
        return expression
    label = Label(expression.span, "this is a layer")
    message = f"`{parameter}` is read as a value, and is handed a layer"
    raise VnsError(Diagnostic("E0305", message, label, help="hand over a number, sizes or a word"))


def reads_lines(expression: tree.Expression, scope: Scope, definitions: Definitions) -> bool:
    """Whether a layer reads a line by its name."""
    return any(n.id in scope.wires or n.id in scope.later for n in definitions.layer_names(expression))


def hand_over(expression: tree.Expression, scope: Scope, blocks: Sequence[str]) -> Handed:
    """A layer as it is handed to a block. Raises: VnsError E0502 for one that is too large."""
    inner = [scope.layers.get(name) for name, _ in names_used(expression)]
    size = len(inner) + sum(handed.size for handed in inner if handed is not None)
    if size > MOST_HANDED:
        message = f"what is handed on here is made of more than {MOST_HANDED:,} layers"
        help = "it is put together anew in every block that hands it on: name it in fewer places"
        raise error("E0502", message, expression.span, help=help)
    return Handed(expression, replace(scope, later={}), handed_on(expression, scope), size, tuple(blocks))


def handed_on(expression: tree.Expression, scope: Scope) -> tree.Expression:
    """A layer with what was handed to this block, and to those around, in the place of names."""
    handed = {name: h.closed for name, h in scope.layers.items()}
    return substitute(expression, handed) if handed else expression


# ------------------------------------------------------------------------ faults


def whole_clips_read(call: tree.Call, names: frozenset[str]) -> list[Diagnostic]:
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


def _used_in(fault: Diagnostic, call: tree.Call, blocks: Sequence[str]) -> Diagnostic:
    """A fault of a value, with the layer inside the block that the value was handed to."""
    place, layer = fault.primary, call.function_span or call.span
    if place is None or not blocks or call.span.start <= place.span.start < call.span.end:
        return fault
    used = Label(layer, f"used by this layer of `{blocks[-1]}`")
    return replace(fault, secondary=(*fault.secondary, used))


def used_at(fault: Diagnostic, use: Span) -> Diagnostic:
    """A fault inside a block with the use of the block whose values lead to it; faults of names need none."""
    place = fault.primary.span if fault.primary else use
    inside = place.source is use.source and use.start <= place.start < use.end
    if inside or fault.secondary or fault.code.startswith("E02"):
        return fault
    return replace(fault, secondary=(Label(use, "in this use of the block"),))

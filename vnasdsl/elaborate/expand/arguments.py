"""Arguments of calls: the choices among them, values of layers, layers handed to blocks, and lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from vnasdsl.elaborate.definitions import Definitions
from vnasdsl.elaborate.options import (
    MOST_HANDED,
    MOST_LAYERS,
    OpenChoice,
    all_choices,
    check_distinct,
    option_expressions,
    pick_range,
    real_bounds,
    replace_node,
)
from vnasdsl.elaborate.scope import Handed, Namer, Scope, leading_name
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, Label, VnsError, error
from vnasdsl.language.printer import print_inline
from vnasdsl.language.source import Span
from vnasdsl.language.walk import names_used, walk
from vnasdsl.layers.base import Layer, Value, show_value
from vnasdsl.space.elements import (
    NOTHING,
    DeferredArgument,
    Element,
    FromShape,
    Group,
    Join,
    LayerChoice,
    Many,
    NameRef,
    Option,
    Pick,
)
from vnasdsl.space.parts import gives_list
from vnasdsl.space.values import WORDS, coerce, evaluate, expression_of, reads_shape, substitute

if TYPE_CHECKING:
    from vnasdsl.elaborate.expand import Expander

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
    if all(value is a.value for value, a in zip(values, call.arguments, strict=True)):
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


# ---------------------- several values side by side: lists, copies, picked edges, joins

EMPTY_LIST = "write what it holds between the brackets, such as `[a, b]`"


def list_item(expander: Expander, expression: tree.Expression, scope: Scope, label: str | None = None) -> Element:
    """An expression where several values may stand: an input of a layer that joins, an item of a list."""
    match expression:
        case tree.Name(id=name) if name in scope.wires:
            return NameRef(scope.label(label, name), name, expression.span, several=name in scope.lists)
        case tree.List():
            return many(expander, expression, scope, scope.label(label, "list"))
        case tree.Binary(op="*"):
            return copies(expander, expression, scope, scope.label(label, "copies"))
        case tree.Pick():
            return pick_of(expander, expression, scope, scope.label(label, "pick"))
        case tree.Chain():
            begins = leading_name(expression)
            if begins is not None and begins in scope.wires:
                return stream(expander, expression, begins, scope, scope.label(label, begins))
    return expander.part(expression, scope, label)


def stream(expander: Expander, chain: tree.Chain, begins: str, scope: Scope, label: str) -> Element:
    """`a -> conv(8, 1x1x1)` as an item: called by the line that it reads."""
    first, *rest = chain.items
    inner = scope.inner()
    if begins in scope.lists:
        return expander.layer(first, inner)  # says that it is a list
    after = [expander.part(item, inner, "" if len(rest) == 1 else None) for item in rest]
    return Group(label, ((NameRef("", begins, first.span), *after),), chain.span)


def many(expander: Expander, items: tree.List, scope: Scope, label: str) -> Element:
    if len(items.items) == 1 and isinstance(items.items[0], tree.Binary):
        return copies(expander, items.items[0], scope, label)
    inner = scope.inner()
    return Many(label, tuple(list_item(expander, item, inner) for item in items.items), items.span)


def copies(expander: Expander, expression: tree.Binary, scope: Scope, label: str) -> Element:
    """`N * x` where several values may stand: N copies side by side."""
    if expression.op != "*":
        raise VnsError(())  # said already, by the check of names
    items: list[Element] = []  # the same one, however many copies

    def side_by_side(count: int, label: str) -> Element:
        items[:] = items or [list_item(expander, expression.right, scope.inner(), "")]
        return Many(label, (items[0],) * count, expression.span)

    return counted(expander, expression, label, side_by_side)


def counted(expander: Expander, expression: tree.Binary, label: str, make: Callable[[int, str], Element]) -> Element:
    """What `make` makes of the number on the left, or the choice between what it makes of each number there."""
    open_choice = next(all_choices(expression.left), None)
    if open_choice is not None:
        options = []
        for value in option_expressions(open_choice):
            count = replace_node(expression.left, open_choice, value)
            made = counted(expander, replace(expression, left=count), "", make)
            options.append(Option(print_inline(value), made, value.span))
        check_distinct(options)
        return LayerChoice(label, "number", "number", tuple(options), open_choice.span)
    count = evaluate(expression.left)
    if isinstance(count, bool) or not isinstance(count, int):
        message = f"a number of copies must be a whole number, found `{show_value(count)}`"
        raise error("E0302", message, expression.left.span)
    if count < 0:
        message = f"a number of copies cannot be negative, found {count}"
        raise error("E0303", message, expression.left.span)
    expander.calls += 1
    made = make(min(count, MOST_LAYERS + 1), label)
    layers = expander.measures.of(made)[0]
    if layers > MOST_LAYERS or count > MOST_LAYERS:
        message = f"{count:,} copies make {max(layers, count):,} layers: at most {MOST_LAYERS:,} are allowed"
        raise error("E0502", message, expression.left.span, help="use a smaller number of copies")
    return made


def pick_of(expander: Expander, pick: tree.Pick, scope: Scope, label: str) -> Pick:
    if not isinstance(pick.pool, tree.List):
        help = "for instance `pick 2 of [a, b, c]`"
        raise error("E0305", "expected a list to pick from", pick.pool.span, help=help)
    least, most = pick_range(pick.count)
    if not pick.pool.items:
        raise error("E0308", "there is nothing to pick from", pick.pool.span, help=EMPTY_LIST)
    inner = scope.inner(Namer((NOTHING,)))
    options: list[Option] = []
    lists = False
    for item in pick.pool.items:
        element = list_item(expander, item, inner)
        lists = lists or gives_list(element)
        if isinstance(element, Many) and not any(e.label for e in element.items):
            for i, each in enumerate(element.items):
                one = f"{element.label}[{i}]"
                options.append(Option(one, Group(one, ((each,),), item.span), item.span))
        else:
            options.append(Option(element.label, element, item.span))
    if most < 1:
        raise error("E0308", "an empty `pick` leaves nothing to join", pick.count.span, help="pick up to 1 at least")
    if most > len(options) and not lists:
        message = f"cannot pick {most} of {len(options)}"
        raise error("E0303", message, pick.count.span, help=f"the list has {len(options)}: pick at most as many")
    return Pick(label, "edges", "edges", least, most, tuple(options), pick.span)


def join(expander: Expander, call: tree.Call, layer: Layer, scope: Scope, label: str) -> Element:
    """A layer of several inputs. An only input that is a list, copies or a pick leaves its label to the layer."""
    given = [a.value for a in call.arguments if a.name is None]
    if not given:
        help = f"it is written `{layer.name}(a, b)`: lines by their names, or layers that all begin here"
        raise error("E0301", f"`{layer.name}` needs something to join", call.function_span or call.span, help=help)
    inner = scope.inner()
    own = "" if len(given) == 1 and not isinstance(given[0], (tree.Name, tree.Call, tree.Chain)) else None
    inputs = tuple(list_item(expander, value, inner, own) for value in given)
    arguments = layer_arguments(call, layer, expander.definitions.bind(call), expander.open)
    printed = closed(replace(call, arguments=tuple(a for a in call.arguments if a.name is not None)))
    if isinstance(printed, tree.Name):
        printed = tree.Call(printed.id, span=call.span, function_span=call.function_span)
    assert isinstance(printed, tree.Call)
    return Join(label, layer, arguments, inputs, printed, call.span)

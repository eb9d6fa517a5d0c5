"""Several values side by side: lists, copies, picked edges, and the layers that join them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from vnasdsl.elaborate.expand.arguments import closed, layer_arguments
from vnasdsl.elaborate.expand.measure import MOST_LAYERS
from vnasdsl.elaborate.names import Namer
from vnasdsl.elaborate.options import check_distinct, first_choice, option_expressions, pick_range, replace_node
from vnasdsl.elaborate.scope import Scope, leading_name
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import VnsError, error
from vnasdsl.language.printer import print_inline
from vnasdsl.layers.base import Layer, show_value
from vnasdsl.space.elements import NOTHING, Element, Group, Join, LayerChoice, Many, NameRef, Option, Pick
from vnasdsl.space.parts import gives_list
from vnasdsl.space.values import evaluate

if TYPE_CHECKING:
    from vnasdsl.elaborate.expand import Expander

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
    open_choice = first_choice(expression.left)
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

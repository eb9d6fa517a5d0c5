"""Several values side by side: lists, copies, picked edges, and the layers that join them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from vnasdsl.elaborate.expand.base import EMPTY_LIST, MOST_LAYERS, Base
from vnasdsl.elaborate.options import check_distinct, first_choice, option_expressions, pick_range, replace_node
from vnasdsl.elaborate.scope import Scope, leading_name
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import VnsError, error
from vnasdsl.language.printer import print_inline
from vnasdsl.layers.base import Layer, Value, show_value
from vnasdsl.space.elements import Element, Group, Join, LayerChoice, Many, NameRef, Option, Pick
from vnasdsl.space.parts import gives_list
from vnasdsl.space.values import evaluate


class Lists(Base):
    """Expressions that give several values."""

    def layer_arguments(
        self, call: tree.Call, layer: Layer, bound: Mapping[str, tree.Expression]
    ) -> tuple[tuple[str, Value], ...]:
        """The values of a layer's parameters. Raises: VnsError with every one that is wrong."""
        raise NotImplementedError

    def closed(self, call: tree.Call) -> tree.Expression:
        """The call as it is printed: values worked out, a bare name where there is nothing in the parentheses."""
        raise NotImplementedError

    def list_item(self, expression: tree.Expression, scope: Scope, label: str | None = None) -> Element:
        """An expression where several values may stand: an input of a layer that joins, an item of a list."""
        match expression:
            case tree.Name() if expression.id in scope.wires:
                label = scope.namer.label(expression.id) if label is None else label
                return NameRef(label, expression.id, expression.span, several=expression.id in scope.lists)
            case tree.List():
                return self.many(expression, scope, scope.namer.label("list") if label is None else label)
            case tree.Binary(op="*"):
                return self.copies(expression, scope, scope.namer.label("copies") if label is None else label)
            case tree.Pick():
                return self.pick(expression, scope, scope.namer.label("pick") if label is None else label)
            case tree.Chain():
                begins = leading_name(expression)
                if begins in scope.wires:
                    assert begins is not None
                    return self.stream(expression, scope, scope.namer.label(begins) if label is None else label)
        return self.part(expression, scope, label)

    def stream(self, chain: tree.Chain, scope: Scope, label: str) -> Element:
        """`a -> conv(8, 1x1x1)` as an item: called by the line that it reads."""
        first, *rest = chain.items
        inner = scope.inner()
        if leading_name(chain) in scope.lists:
            return self.layer(first, inner)  # says that it is a list
        read = NameRef("", leading_name(chain) or "", first.span)
        behind = [self.part(item, inner, "" if len(rest) == 1 else None) for item in rest]
        return Group(label, ((read, *behind),), chain.span)

    def many(self, items: tree.List, scope: Scope, label: str) -> Element:
        if len(items.items) == 1 and isinstance(items.items[0], tree.Binary):
            return self.copies(items.items[0], scope, label)
        inner = scope.inner()
        return Many(label, tuple(self.list_item(item, inner) for item in items.items), items.span)

    def copies(self, expression: tree.Binary, scope: Scope, label: str) -> Element:
        """`N * x` where several values may stand: N copies side by side."""
        if expression.op != "*":
            raise VnsError(())  # said already, by the check of names

        items: list[Element] = []  # the same one, however many copies

        def side_by_side(count: int, label: str) -> Element:
            items[:] = items or [self.list_item(expression.right, scope.inner(), "")]
            return Many(label, (items[0],) * count, expression.span)

        return self.counted(expression, label, side_by_side)

    def counted(self, expression: tree.Binary, label: str, copies: Callable[[int, str], Element]) -> Element:
        """What `copies` makes of the number on the left, or the choice between what it makes of each number there."""
        open_choice = first_choice(expression.left)
        if open_choice is not None:
            options = []
            for value in option_expressions(open_choice):
                count = replace_node(expression.left, open_choice, value)
                made = self.counted(replace(expression, left=count), "", copies)
                options.append(Option(print_inline(value), made, value.span))
            check_distinct(options)
            return LayerChoice(label, "number", "number", tuple(options), open_choice.span)
        count = evaluate(expression.left)
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            if isinstance(count, int) and not isinstance(count, bool):
                message, code = f"a number of copies cannot be negative, found {count}", "E0303"
            else:
                message, code = f"a number of copies must be a whole number, found `{show_value(count)}`", "E0302"
            raise error(code, message, expression.left.span)
        self.calls += 1
        made = copies(min(count, MOST_LAYERS + 1), label)
        layers = self.layers(made)
        if layers > MOST_LAYERS or count > MOST_LAYERS:
            raise error(
                "E0502",
                f"{count:,} copies make {max(layers, count):,} layers: at most {MOST_LAYERS:,} are allowed",
                expression.left.span,
                help="use a smaller number of copies",
            )
        return made

    def pick(self, pick: tree.Pick, scope: Scope, label: str) -> Pick:
        if not isinstance(pick.pool, tree.List):
            help = "for instance `pick 2 of [a, b, c]`"
            raise error("E0305", "expected a list to pick from", pick.pool.span, help=help)
        least, most = pick_range(pick.count)
        if not pick.pool.items:
            raise error("E0308", "there is nothing to pick from", pick.pool.span, help=EMPTY_LIST)
        inner = scope.inner()
        options: list[Option] = []
        lists = False
        for item in pick.pool.items:
            element = self.list_item(item, inner)
            lists = lists or gives_list(element)
            if isinstance(element, Many) and not any(e.label for e in element.items):
                for i, each in enumerate(element.items):
                    one = f"{element.label}[{i}]"
                    options.append(Option(one, Group(one, ((each,),), item.span), item.span))
            else:
                options.append(Option(element.label, element, item.span))
        if least < 1:
            raise error("E0308", "an empty `pick` leaves nothing to join", pick.count.span, help="pick at least 1")
        if most > len(options) and not lists:
            message = f"cannot pick {most} of {len(options)}"
            raise error("E0303", message, pick.count.span, help=f"the list has {len(options)}: pick at most as many")
        return Pick(label, "edges", "edges", least, most, tuple(options), pick.span)

    def join(self, call: tree.Call, layer: Layer, scope: Scope, label: str) -> Element:
        """A layer of several inputs. An only input that is a list, copies or a pick leaves its label to the layer."""
        given = [a.value for a in call.arguments if a.name is None]
        if not given:
            help = f"it is written `{layer.name}(a, b)`: lines by their names, or layers that all begin here"
            raise error("E0301", f"`{layer.name}` needs something to join", call.function_span or call.span, help=help)
        if any(
            isinstance(v, tree.List) and all(isinstance(i, tree.Number) for i in v.items) and v.items for v in given
        ):
            raise VnsError(())  # said already, by the check of names
        inner = scope.inner()
        own = "" if len(given) == 1 and not isinstance(given[0], (tree.Name, tree.Call, tree.Chain)) else None
        inputs = tuple(self.list_item(value, inner, own) for value in given)
        arguments = self.layer_arguments(call, layer, self.definitions.bind(call))
        named = replace(call, arguments=tuple(a for a in call.arguments if a.name is not None))
        printed = self.closed(named)
        assert isinstance(printed, (tree.Call, tree.Name))
        if isinstance(printed, tree.Name):
            printed = tree.Call(printed.id, span=call.span, function_span=call.function_span)
        return Join(label, layer, arguments, inputs, printed, call.span)

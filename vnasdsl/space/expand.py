"""From the syntax tree to a tree of layers: blocks used in place, choices named, copies made."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import prod

from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, Label, VnsError, error
from vnasdsl.language.printer import print_inline
from vnasdsl.language.source import Span
from vnasdsl.layers import CATALOGUE
from vnasdsl.layers.base import Layer, Value, show_value
from vnasdsl.space.definitions import Definitions, behind_input, nodes
from vnasdsl.space.elements import (
    Alternatives,
    Element,
    FromShape,
    Group,
    Join,
    Many,
    Op,
    Open,
    OpenField,
    Option,
    Pick,
    Read,
    Repeat,
    Segment,
    When,
    Wrap,
    children,
    poison,
)
from vnasdsl.space.names import Namer, check_name, two_alike
from vnasdsl.space.options import (
    MOST_OPTIONS,
    OpenChoice,
    all_choices,
    check_distinct,
    first_choice,
    option_expressions,
    pick_range,
    real_bounds,
    replace_node,
    too_many_options,
    value_of,
)
from vnasdsl.space.scope import Handed, Scope, leading_name
from vnasdsl.space.values import (
    coerce,
    evaluate,
    expression_of,
    holds,
    reads_shape,
    substitute,
    with_shape,
)
from vnasdsl.space.ways import depends, points

MOST_LAYERS = 11_000
"""Layers that one network may expand to."""
MOST_OPTIONAL_LAYERS = 60_000
"""Layers that one space may expand to, every option of every choice counted; of numbers of copies the largest."""
DEEPEST = 120
"""Levels of layers in blocks, residuals, copies and choices: keeps every recursive walk far from Python's limit."""
MOST_CALLS = 15_000
"""Calls that one file may expand to: a call with several choices is expanded once for every combination of them."""


MOST_COMBINATIONS = 512
"""Combinations of the choices among one call's values that are written out; a call of more is closed when needed."""

NO_LAYERS = "it ends with a classifier such as `pool -> linear(classes)`"
EMPTY_LIST = "write what it holds between the brackets, such as `[a, b]`"


@dataclass(frozen=True)
class Body:
    """The lines of a body with the names that they are read by, and what it gives."""

    lines: tuple[tuple[Element, ...], ...]
    names: tuple[str, ...] = ()
    out: Element | None = None


class Expander:
    """Expands the bodies of one file's spaces and networks; uses of a block with the same values share their lines."""

    def __init__(self, definitions: Definitions):
        self.definitions = definitions
        self.bodies: dict[tuple[object, ...], Body] = {}
        self.open: list[str] = []
        self.calls = 0
        self.tied = 0
        """How many tied blocks are being expanded: in them options are called as the text of the block has them."""
        self.faults: list[Diagnostic] = []
        """What is wrong with lines that were replaced by `poison`."""
        self.sizes: dict[int, tuple[Element, int, int]] = {}
        self.elsewhere: dict[str, Span] = {}
        """Every line of the space or network that has a name."""

    # ------------------------------------------------------------- statements

    def segments(self, net: tree.Space | tree.Network, input_name: str) -> tuple[Segment, ...]:
        """The stages of a space or network, and the lines between them."""
        segments: list[Segment] = []
        loose: list[tree.Statement] = []
        stages = [s for s in net.body if isinstance(s, tree.Stage)]
        self.elsewhere = {n.name: n.name_span for n in nodes(net) if isinstance(n, tree.Wire)}
        namer = Namer([s for s in net.body if isinstance(s, tree.Wire)])
        self.faults += namer.faults
        for stage in stages:
            with self.collecting():
                check_name(stage.name, "stage", stage.name_span)
                if stage.name in namer.used or stage.name in namer.given:
                    first = next(s.name_span for s in stages if s.name == stage.name)
                    raise two_alike(stage.name, stage.name_span, namer.given.get(stage.name, first))
            namer.used.add(stage.name)
        scope = Scope(namer, frozenset((input_name,)) if input_name else frozenset()).with_lines(net.body)
        with self.collecting():
            if input_name in scope.later:
                line = next(s for s in net.body if isinstance(s, tree.Input))
                raise two_alike(input_name, scope.later[input_name].name_span, line.name_span)

        def flush() -> None:
            nonlocal scope
            if loose:
                body, scope = self.body(loose, scope, input_name if not segments else None)
                span = loose[0].span.to(loose[-1].span)
                group = Group("", body.lines, span, names=body.names, out=body.out)
                segments.append(Segment("", group))
                loose.clear()

        for statement in net.body:
            if isinstance(statement, tree.Stage):
                flush()
                own = replace(scope, namer=self.namer(statement.body), later=scope.later)
                inner = replace(own, later={**own.later, **own.with_lines(statement.body).later})
                body, _ = self.body(statement.body, inner, input_name if not segments else None)
                group = Group(statement.name, body.lines, statement.span, names=body.names, out=body.out)
                segments.append(Segment(statement.name, group))
            elif isinstance(statement, (tree.Line, tree.Wire, tree.Out)):
                loose.append(statement)
        flush()
        most = MOST_OPTIONAL_LAYERS if isinstance(net, tree.Space) else MOST_LAYERS
        with self.collecting():
            if sum(isinstance(s, tree.Input) for s in net.body) == 1:
                line = next(s for s in net.body if isinstance(s, tree.Input))
                check_name(line.name, "input", line.name_span)
            if not segments:
                raise error("E0306", f"`{net.name}` has no layers", net.name_span, help=NO_LAYERS)
            if sum(self.size(s.body) for s in segments) > most:
                message = f"`{net.name}` expands to more than {most:,} layers"
                raise error("E0502", message, net.name_span, help="use fewer copies, or fewer options")
            for segment in segments:
                if self.depth(segment.body) > DEEPEST:
                    raise error("E0108", f"layers inside layers more than {DEEPEST} deep", segment.body.span)
        large = self.calls > MOST_CALLS or sum(self.size(s.body) for s in segments) > most
        if large or any(self.depth(s.body) > DEEPEST for s in segments):
            # Nothing may walk through what has just been refused.
            return tuple(Segment(s.name, Group(s.name, ((poison(s.body.span),),), s.body.span)) for s in segments)
        return tuple(segments)

    def body(
        self, statements: Sequence[tree.Statement], scope: Scope, input_name: str | None = None
    ) -> tuple[Body, Scope]:
        """The lines of a body, and what is known behind them."""
        lines: list[tuple[Element, ...]] = []
        names: list[str] = []
        out: Element | None = None
        for statement in statements:
            name = ""
            line: tuple[Element, ...]
            try:
                if isinstance(statement, tree.Line):
                    line = self.line(statement.value, scope, None, input_name)
                elif isinstance(statement, tree.Wire):
                    own = replace(scope, current=statement.name)
                    line = self.line(statement.value, own, statement.name, input_name)
                    name = statement.name
                    line = line or (Read(name, input_name or "", statement.span),)
                elif isinstance(statement, tree.Out):
                    out = self.list_item(statement.value, scope, "out")
                    continue
                else:
                    line = (poison(statement.span),)
            except VnsError as fault:
                self.faults += fault.diagnostics
                line = (poison(statement.span),)
            if isinstance(statement, tree.Wire):
                name = statement.name
                scope = scope.reading(name, is_list=bool(line) and gives_list(line[-1], scope.lists))
            if line:
                lines.append(line)
                names.append(name)
            input_name = None
        return Body(tuple(lines), tuple(names) if any(names) else (), out), scope

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
        self, value: tree.Expression, scope: Scope, label: str | None, input_name: str | None
    ) -> tuple[Element, ...]:
        if isinstance(value, tree.List):
            return (self.many(value, scope, label or scope.namer.label("list")),)
        items = behind_input(value, input_name)
        if label is not None and len(items) > 1:
            inner = scope.inner()
            return (Group(label, (tuple(self.part(item, inner) for item in items),), value.span),)
        return tuple(self.part(item, scope, label) for item in items)

    def part(self, expression: tree.Expression, scope: Scope, label: str | None = None) -> Element:
        """One of several layers: a fault in it leaves the others to be looked at."""
        try:
            return self.layer(expression, scope, label)
        except VnsError as fault:
            self.faults += fault.diagnostics
            return poison(expression.span)

    # ------------------------------------------------------------ expressions

    def layer(self, expression: tree.Expression, scope: Scope, label: str | None = None) -> Element:
        """An expression in the place of a layer. Without a label it gets one from the scope's namer."""
        match expression:
            case tree.Name():
                return self.name(expression, scope, label)
            case tree.Call():
                return self.call(expression, scope, label)
            case tree.Chain():
                inner = scope.inner()
                lines = (tuple(self.part(item, inner) for item in expression.items),)
                return Group(scope.namer.label("chain") if label is None else label, lines, expression.span)
            case tree.Choice():
                return self.alternatives(expression, scope, scope.namer.label("layer") if label is None else label)
            case tree.Binary(op="*"):
                return self.repeat(expression, scope, scope.namer.label("stack") if label is None else label)
            case tree.Conditional():
                return self.conditional(expression, scope, label)
            case tree.List():
                message = "a list of layers needs a number of copies, or a layer that joins it"
                help = "write `2 * [a, b]` for a, b one after the other, or `concat([a, b])` for both side by side"
                raise error("E0305", message, expression.span, help=help)
            case tree.Pick():
                help = "for instance `sum(pick 2 of [a, b, c])`"
                raise error(
                    "E0305", "a `pick` gives several inputs: a layer must join them", expression.span, help=help
                )
        raise VnsError(())  # said already, by the check of names

    def name(self, name: tree.Name, scope: Scope, label: str | None) -> Element:
        """A name in the place of a layer: one handed to the block, an earlier line, or a layer without arguments."""
        if name.id in scope.layers:
            handed = scope.layers[name.id]
            inner = handed.scope.inner(scope.namer)
            return self.layer(handed.expression, inner, scope.namer.label(name.id) if label is None else label)
        if name.id in scope.lists:
            message = f"`{name.id}` is a list: a layer must join its values"
            help = f"for instance `mean({name.id})`, or `{name.id}` among what a `pick` chooses from"
            raise error("E0305", message, name.span, help=help)
        if name.id in scope.wires:
            return Read(scope.namer.label(name.id) if label is None else label, name.id, name.span)
        call = tree.Call(name.id, span=name.span, function_span=name.span)
        if not self.is_function(name.id) and name.id in scope.later:
            raise self.reads_later(name, scope)
        if not self.is_function(name.id) and name.id in self.elsewhere:
            made = (Label(self.elsewhere[name.id], "made here"),)
            help = "lines named in a stage are read in this stage only: name it outside of a stage"
            message = f"`{name.id}` cannot be read here"
            raise VnsError(Diagnostic("E0209", message, Label(name.span), secondary=made, help=help))
        return self.call(call, scope, label)

    def reads_later(self, name: tree.Name, scope: Scope) -> VnsError:
        message = f"`{name.id}` is read before it is made"
        later: tuple[Label, ...] = (Label(scope.later[name.id].name_span, "made here"),)
        help = "lines read only lines above them: put this one behind it, or read another"
        way = scope.way_round(name.id)
        if name.id == scope.current:
            message, later, way = f"`{name.id}` reads itself", (), []
        notes = (f"a circle: {' reads '.join(f'`{n}`' for n in way)}",) if way else ()
        return VnsError(Diagnostic("E0209", message, Label(name.span), secondary=later, notes=notes, help=help))

    def is_function(self, name: str) -> bool:
        return name in CATALOGUE or name in self.definitions.blocks

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

    def alternatives(self, choice: tree.Choice, scope: Scope, label: str) -> Alternatives:
        """`a | b` between layers: a choice of kind `op`."""
        if len(choice.options) > MOST_OPTIONS:
            raise too_many_options(len(choice.options), choice.span)
        inner = scope.inner()
        options = tuple(Option(self.option_text(o), self.part(o, inner), o.span) for o in choice.options)
        check_distinct(options)
        return Alternatives(label, "op", "op", options, choice.span)

    def option_text(self, option: tree.Expression) -> str:
        """An option as it is called. In a tied block that is what the text of the block says, the same in every use."""
        if self.tied:
            option = self.definitions.as_written(option)
        return print_inline(option)

    def repeat(self, expression: tree.Binary, scope: Scope, label: str) -> Element:
        """`N * x`: N copies, each with its own weights and choices; a choice of N is a choice of kind `number`. The
        copies of a list are its layers in turn."""

        parts: list[Element] = []  # the same ones, however many copies

        def copies(count: int, label: str) -> Element:
            if isinstance(expression.right, tree.List):
                parts[:] = parts or [self.layer(item, scope.inner(), "") for item in expression.right.items]
                if not parts:
                    raise error("E0308", "there is nothing in the list", expression.right.span, help=EMPTY_LIST)
            else:
                parts[:] = parts or [self.layer(expression.right, scope.inner(), "")]
            return Repeat(label, tuple(parts[i % len(parts)] for i in range(count)), expression.span)

        return self.counted(expression, label, copies)

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
            return Alternatives(label, "number", "number", tuple(options), open_choice.span)
        count = evaluate(expression.left)
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            if isinstance(count, int) and not isinstance(count, bool):
                message, code = f"a number of copies cannot be negative, found {count}", "E0303"
            else:
                message, code = f"a number of copies must be a whole number, found `{show_value(count)}`", "E0302"
            raise error(code, message, expression.left.span)
        self.calls += 1
        made = copies(min(count, MOST_LAYERS + 1), label)
        layers = self.size(made)
        if layers > MOST_LAYERS or count > MOST_LAYERS:
            raise error(
                "E0502",
                f"{count:,} copies make {max(layers, count):,} layers: at most {MOST_LAYERS:,} are allowed",
                expression.left.span,
                help="use a smaller number of copies",
            )
        return made

    # ------------------------------------------------------------- lists, joins

    def list_item(self, expression: tree.Expression, scope: Scope, label: str | None = None) -> Element:
        """An expression where several values may stand: an input of a layer that joins, an item of a list."""
        match expression:
            case tree.Name() if expression.id in scope.wires:
                return Read(
                    scope.namer.label(expression.id) if label is None else label, expression.id, expression.span
                )
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
        read = Read("", leading_name(chain) or "", first.span)
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
            lists = lists or gives_list(element, scope.lists)
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

    # ------------------------------------------------------------------- calls

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
    ) -> list[tuple[OpenChoice, OpenField]]:
        """The choices among the arguments of a call, in the order of the text: those in a layer handed to a block are
        made by the call as well, once for all its uses in the block."""
        fields: list[tuple[OpenChoice, OpenField]] = []
        taken: dict[str, int] = {}
        for name, value in bound.items():
            is_layer = call.function not in CATALOGUE and self.is_layer(value, scope)
            if not is_layer and any(isinstance(node, tree.Call) for node in nodes(value)):
                raise VnsError(())  # said already: a layer cannot stand where a value is expected
            for choice in all_choices(value):
                taken[name] = taken.get(name, 0) + 1
                key = name if taken[name] == 1 else f"{name}{taken[name]}"
                kind = "op" if is_layer else self.definitions.kind_of(call.function, name)
                structural = self.is_structural(call.function, name, value, is_layer)
                bounds = real_bounds(choice)
                if bounds is not None:
                    ends = points(self.definitions, call.function, name, *bounds) if value is choice else None
                    field = OpenField(key, kind, (), choice.span, *bounds, structural, name, ends)
                    fields.append((choice, field))
                else:
                    texts = tuple(print_inline(o) for o in option_expressions(choice))
                    fields.append((choice, OpenField(key, kind, texts, choice.span, None, None, structural, name)))
        return fields

    def is_structural(self, function: str, parameter: str, value: tree.Expression, is_layer: bool) -> bool:
        """Whether other choices below a call may depend on one in this argument."""
        if is_layer and any(self.definitions.has_choices(n.id) for n in nodes(value) if isinstance(n, tree.Name)):
            return True
        if is_layer and any(self.definitions.has_choices(n.function) for n in nodes(value) if isinstance(n, tree.Call)):
            return True
        if not self.definitions.has_choices(function):
            return False
        return is_layer or self.definitions.is_structural(function, parameter)

    def value_choice(
        self, call: tree.Call, fields: Sequence[tuple[OpenChoice, OpenField]], scope: Scope, label: str
    ) -> Alternatives:
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
        return Alternatives(label, first.key, first.kind, tuple(options), choice.span)

    def open_call(
        self, call: tree.Call, fields: Sequence[tuple[OpenChoice, OpenField]], scope: Scope, label: str
    ) -> Open:
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
                expander = Expander(definitions)
                expander.tied = tied
                element = expander.call(closed, scope.inner(), "")
                if expander.faults:
                    raise VnsError(expander.faults)
                known[texts] = element
            return known[texts]

        own = tuple(f for _, f in fields)
        block = definitions.blocks.get(call.function)
        return Open(label, own, make, call, call.span, None if block is None else depends(block, own))

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
            return Wrap(label, layer, arguments, group, replace(call, body=None), call.span)
        return Op(label, layer, arguments, self.closed(call), call.span)

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
            if not self.is_layer(expression, scope):
                values[parameter.name] = expression_of(evaluate(expression), expression.span)
                known.append((parameter.name, evaluate(expression)))
            elif self.reads_lines(expression, scope):
                element = self.list_item(expression, scope.inner(), parameter.name)
                inputs.append((parameter.name, element))
                if gives_list(element, scope.lists):
                    lists.add(parameter.name)
            else:
                text = self.handed_text(expression, scope)
                layers[parameter.name] = Handed(expression, replace(scope, later={}), text)
                known.append((parameter.name, text))
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
        printed = None if inputs or layers else self.closed(call)
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

    def reads_lines(self, expression: tree.Expression, scope: Scope) -> bool:
        """Whether a layer reads a line by its name."""
        names = scope.wires | scope.later.keys()
        return any(isinstance(node, tree.Name) and node.id in names for node in nodes(expression))

    def handed_text(self, expression: tree.Expression, scope: Scope) -> str:
        """A layer that is handed on as it is written, with what was handed to this block in the place of its names."""
        handed = {name: h.expression for name, h in scope.layers.items()}
        closed = substitute(expression, handed) if handed else expression
        return print_inline(closed)  # type: ignore[arg-type]

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

    def size(self, element: Element) -> int:
        """Layers below an element, every option counted."""
        return self.measure(element)[0]

    def depth(self, element: Element) -> int:
        """Levels of elements in elements."""
        return self.measure(element)[1]

    def measure(self, element: Element) -> tuple[int, int]:
        """Size and depth."""
        if id(element) not in self.sizes:
            below = [] if isinstance(element, Open) else _parts(element)
            inner = [self.measure(child) for child in below]
            together = max if isinstance(element, Alternatives) and element.key == "number" else sum
            size = together([size for size, _ in inner] or [0]) + isinstance(element, (Op, Wrap, Join, Open))
            depth = 1 + max((depth for _, depth in inner), default=0)
            self.sizes[id(element)] = (element, size, depth)  # an id is only unique while its object lives
        return self.sizes[id(element)][1:]


def gives_list(element: Element, lists: Collection[str]) -> bool:
    """Whether an element gives several values; `lists` are the lines around it that do."""
    match element:
        case Many() | Pick():
            return True
        case Read():
            return element.wire in lists and element.index is None
        case Alternatives():
            return any(gives_list(option.element, lists) for option in element.options)
        case Group():
            if element.block is not None:
                lists = {name for name, value in element.inputs if gives_list(value, lists)}
            last = element.out or (element.items[-1] if element.items else None)
            return last is not None and gives_list(last, lists)
    return False


def _parts(element: Element) -> Sequence[Element]:
    if isinstance(element, (Repeat, Many)):
        return element.items
    return [child for child, _ in children(element, "")]


def _with_value(call: tree.Call, choice: OpenChoice, value: tree.Expression) -> tree.Call:
    """The call with an option in the place of one of its choices."""
    arguments = tuple(
        replace(a, value=replace_node(a.value, choice, value)) if any(n is choice for n in nodes(a.value)) else a
        for a in call.arguments
    )
    return replace(call, arguments=arguments)


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

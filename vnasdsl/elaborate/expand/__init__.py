"""From the syntax tree to a tree of layers: blocks used in place, choices named, copies made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vnasdsl.elaborate.definition_checks import after_input, not_a_layer
from vnasdsl.elaborate.expand.base import DEEPEST, EMPTY_LIST, MOST_CALLS, MOST_IN_ALL_OPTIONS, MOST_LAYERS, Body
from vnasdsl.elaborate.expand.calls import Calls
from vnasdsl.elaborate.options import MOST_OPTIONS, check_distinct, too_many_options
from vnasdsl.elaborate.scope import Scope
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, Label, VnsError, error
from vnasdsl.language.printer import print_inline
from vnasdsl.language.walk import walk
from vnasdsl.space.elements import Element, Group, LayerChoice, NameRef, Option, Repeat, Segment, When, poison
from vnasdsl.space.parts import gives_list
from vnasdsl.space.values import evaluate, holds, reads_shape, with_shape

__all__ = ["MOST_LAYERS", "Expander"]

NO_LAYERS = "it ends with a classifier such as `pool -> linear(classes)`"


class Expander(Calls):
    """Expands the bodies of one file's spaces and networks; uses of a block with the same values share their lines."""

    def segments(self, net: tree.Space | tree.Network, input_name: str) -> tuple[Segment, ...]:
        """The stages of a space or network, and the lines between them."""
        segments: list[Segment] = []
        unstaged: list[tree.Statement] = []
        self.elsewhere = {n.name: n.name_span for n in walk(net) if isinstance(n, tree.Wire)}
        scope = Scope(self.namer(net.body), frozenset((input_name,)) if input_name else frozenset())
        scope = scope.with_lines(net.body)

        def flush() -> None:
            nonlocal scope
            if unstaged:
                body, scope = self.body(unstaged, scope, input_name if not segments else None)
                span = unstaged[0].span.to(unstaged[-1].span)
                group = Group("", body.lines, span, names=body.names, out=body.out)
                segments.append(Segment("", group))
                unstaged.clear()

        for statement in net.body:
            if isinstance(statement, tree.Stage):
                flush()
                own = replace(scope, namer=self.namer(statement.body), later=scope.later)
                inner = replace(own, later={**own.later, **own.with_lines(statement.body).later})
                body, _ = self.body(statement.body, inner, input_name if not segments else None)
                group = Group(statement.name, body.lines, statement.span, names=body.names, out=body.out)
                segments.append(Segment(statement.name, group))
            elif isinstance(statement, (tree.Line, tree.Wire, tree.Out)):
                unstaged.append(statement)
        flush()
        try:
            if not segments:
                raise error("E0306", f"`{net.name}` has no layers", net.name_span, help=NO_LAYERS)
            self.check_size(net, segments)
        except VnsError as fault:
            self.faults += fault.diagnostics  # and nothing may walk through what is too large
            return tuple(Segment(s.name, Group(s.name, ((poison(s.body.span),),), s.body.span)) for s in segments)
        return tuple(segments)

    def check_size(self, net: tree.Space | tree.Network, segments: Sequence[Segment]) -> None:
        """Raises: VnsError E0502 for too many layers, E0108 for layers too deep inside of others."""
        if self.calls > MOST_CALLS:
            raise VnsError(())  # said already
        measures = [self.measure(s.body) for s in segments]
        if sum(layers for layers, _, _ in measures) > MOST_LAYERS:
            message = f"a network of `{net.name}` can have more than {MOST_LAYERS:,} layers"
            raise error("E0502", message, net.name_span, help="use fewer copies")
        if sum(everything for _, everything, _ in measures) > MOST_IN_ALL_OPTIONS:
            message = f"the options of `{net.name}` make more than {MOST_IN_ALL_OPTIONS:,} layers"
            raise error("E0502", message, net.name_span, help="use fewer copies, or fewer options")
        for segment, (_, _, depth) in zip(segments, measures, strict=True):
            if depth > DEEPEST:
                raise error("E0108", f"layers inside layers more than {DEEPEST} deep", segment.body.span)

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
                    line = line or (NameRef(name, input_name or "", statement.span),)
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
                scope = scope.reading(name, is_list=bool(line) and gives_list(line[-1]))
            if line:
                lines.append(line)
                names.append(name)
            input_name = None
        return Body(tuple(lines), tuple(names) if any(names) else (), out), scope

    def line(
        self, value: tree.Expression, scope: Scope, label: str | None, input_name: str | None
    ) -> tuple[Element, ...]:
        if isinstance(value, tree.List):
            return (self.many(value, scope, label or scope.namer.label("list")),)
        items = after_input(value, input_name)
        if label is not None and len(items) > 1:
            inner = scope.inner()
            return (Group(label, (tuple(self.part(item, inner) for item in items),), value.span),)
        return tuple(self.part(item, scope, label) for item in items)

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
        raise VnsError(() if isinstance(expression, tree.Gap) else not_a_layer(expression))

    def name(self, name: tree.Name, scope: Scope, label: str | None) -> Element:
        """A name in the place of a layer: one handed to the block, an earlier line, or a layer without arguments."""
        if name.id in scope.layers:
            handed = scope.layers[name.id]
            inner = handed.scope.inner(scope.namer)
            around, self.open = self.open, list(handed.open)
            try:
                return self.layer(handed.expression, inner, scope.namer.label(name.id) if label is None else label)
            finally:
                self.open = around
        if name.id in scope.lists:
            message = f"`{name.id}` is a list: a layer must join its values"
            help = f"for instance `mean({name.id})`, or `{name.id}` among what a `pick` chooses from"
            raise error("E0305", message, name.span, help=help)
        if name.id in scope.wires:
            return NameRef(scope.namer.label(name.id) if label is None else label, name.id, name.span)
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
        """`a | b` between layers: a choice of kind `op`."""
        if len(choice.options) > MOST_OPTIONS:
            raise too_many_options(len(choice.options), choice.span)
        inner = scope.inner()
        options = tuple(Option(self.option_text(o), self.part(o, inner), o.span) for o in choice.options)
        check_distinct(options)
        return LayerChoice(label, "op", "op", options, choice.span)

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

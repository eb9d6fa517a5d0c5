"""Checks of names, arguments and statements that need no shapes and no expansion."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from vnasdsl.elaborate.definitions import Definitions, own_nodes
from vnasdsl.elaborate.scope import check_name
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, Fix, Label, VnsError, guess
from vnasdsl.language.limits import MAX_FOUND
from vnasdsl.language.source import Span
from vnasdsl.language.walk import names_used, walk
from vnasdsl.space.requirements import is_constraint
from vnasdsl.space.values import AXES, WORDS, coerce, evaluate

PLACES = {
    "stage": "stages stand directly in a space or a network",
    "input": "`input` stands at the top of a space or a network",
    "out": "`out` stands in a block: a space or network gives what its last line gives",
    "require": "`require` stands directly in a space or a network",
    "drop_path": "it ends the body of a `residual`, or an input of `sum`: elsewhere it would drop all of the clip",
}


def check_definitions(definitions: Definitions, items: Sequence[tree.Definition]) -> list[Diagnostic]:
    """Unknown layers and names, names that cannot be given, wrong arguments and misplaced statements."""
    blocks = [item.name for item in items if isinstance(item, tree.Block) and item.name in definitions.blocks]
    found = definitions.recursion.check(blocks)
    called = _only_called(definitions)
    for item in items:
        if len(found) < MAX_FOUND and isinstance(item, (tree.Block, tree.Space, tree.Network)):
            found += _together(_Checker(definitions, item, called).check())
    return found


def _only_called(definitions: Definitions) -> set[str]:
    """The blocks that are called and not handed to others, where their parameters must suit whoever calls them."""
    nodes = [n for item in (*definitions.blocks.values(), *definitions.nets.values()) for n in walk(item)]
    calls = [n for n in nodes if isinstance(n, tree.Call)]
    handed = walk(*(a.value for call in calls for a in call.arguments))
    return (
        {call.function for call in calls}
        - definitions.layers.keys()
        - {n.id for n in handed if isinstance(n, tree.Name)}
    )


class _Checker:
    """Checks one block, space or network."""

    def __init__(self, definitions: Definitions, item: tree.Block | tree.Space | tree.Network, called: Collection[str]):
        self.definitions = definitions
        self.called = called
        self.item = item
        self.lines = {node.name for node in walk(item) if isinstance(node, (tree.Wire, tree.Input))}
        self.blocks: Mapping[str, tree.Block] = definitions.blocks
        self.words = dict.fromkeys((*WORDS, *sorted(definitions.catalogue.words)))

    def check(self) -> list[Diagnostic]:
        item = self.item
        if isinstance(item, tree.Block):
            names = {p.name for p in item.parameters}
            return self.parameters(item) + self.body(item.body, names, "in a block") + self.doubtful(item)
        given = [s for s in item.body if isinstance(s, tree.Input)]
        return self.body(item.body, set(), "", given[0].name if given else None)

    # ------------------------------------------------------------------ names

    def name(self, name: str, what: str, span: Span) -> list[Diagnostic]:
        try:
            check_name(name, what, span, self.definitions.catalogue)
        except VnsError as fault:
            return list(fault.diagnostics)
        if name not in self.blocks or what == "stage":
            return []
        message = f"the {what} `{name}` has the name of a block"
        first = (Label(self.blocks[name].name_span, "the block"),)
        help = f"give the {what} another name: `{name}` alone would mean one or the other"
        return [Diagnostic("E0203", message, Label(span), secondary=first, help=help)]

    def parameters(self, block: tree.Block) -> list[Diagnostic]:
        """Names of parameters, and their defaults: these may use the parameters before them."""
        found: list[Diagnostic] = []
        for i, p in enumerate(block.parameters):
            if p.default is not None:
                found += self.handed(p.default, {before.name for before in block.parameters[:i]})
            found += self.name(p.name, "parameter", p.span.first(len(p.name)))
            if p.name in self.definitions.layers:
                found += self.layer_or_parameter(block, p)
        return found

    def layer_or_parameter(self, block: tree.Block, parameter: tree.Parameter) -> list[Diagnostic]:
        """A parameter that has the name of a layer may only be read as a value."""
        name = parameter.name
        calls = (
            n.function_span or n.span for n in walk(*block.body) if isinstance(n, tree.Call) and n.function == name
        )
        alone = (n.span for n in self.definitions.layer_names(*block.body) if n.id == name)
        read = min((*calls, *alone), key=lambda span: span.start, default=None)
        if read is None:
            return []
        message = f"the parameter `{name}` has the name of a layer"
        here = (Label(read, "the layer or the parameter"),)
        help = f"give the parameter another name, such as `{name}_1`"
        return [Diagnostic("E0203", message, Label(parameter.span.first(len(name))), secondary=here, help=help)]

    def doubtful(self, block: tree.Block) -> list[Diagnostic]:
        """Warnings about parameters that nothing reads, and about those that hide a size of what comes in."""
        computed: dict[str, Span] = {}
        parts = (*block.body, *(p.default for p in block.parameters if p.default is not None))
        read = {name for name, _ in names_used(*parts)}
        for node in walk(*parts):
            if isinstance(node, (tree.Binary, tree.Compare)):
                names = (n for part in (node.left, node.right) for n in own_nodes(part) if isinstance(n, tree.Name))
                computed |= {n.id: n.span for n in names}
        found: list[Diagnostic] = []
        for p in block.parameters:
            place = Label(p.span.first(len(p.name)))
            if p.name not in read and block.name in self.called:
                message = f"nothing in `{block.name}` reads the parameter `{p.name}`"
                found.append(Diagnostic("W0210", message, place, "warning", help="use it, or remove it"))
            elif p.name in AXES and p.name in computed:
                message = f"the parameter `{p.name}` hides the {p.name} that come in"
                here = (Label(computed[p.name], "the parameter is meant here"),)
                new_name = "width" if p.name == "channels" else f"{p.name}_1"
                help = f"give the parameter another name, such as `{new_name}`"
                found.append(Diagnostic("W0211", message, place, "warning", secondary=here, help=help))
        return found

    def labels(self, body: Sequence[tree.Statement]) -> list[Diagnostic]:
        """Names of the lines, stages and inputs of one body: each may be given once."""
        found: list[Diagnostic] = []
        first: dict[str, Span] = {}
        for statement in body:
            if not isinstance(statement, (tree.Wire, tree.Stage, tree.Input)):
                continue
            what = "line" if isinstance(statement, tree.Wire) else type(statement).__name__.lower()
            found += self.name(statement.name, what, statement.name_span)
            known = first.get(statement.name)
            if known is not None:
                again, once = Label(statement.name_span, "again here"), (Label(known, "first here"),)
                help = "give one of them another name: weights and choices are named by it"
                message = f"label `{statement.name}` is given twice"
                found.append(Diagnostic("E0204", message, again, secondary=once, help=help))
            first.setdefault(statement.name, statement.name_span)
        return found

    # ------------------------------------------------------------- statements

    def body(
        self, body: Sequence[tree.Statement], names: set[str], where: str, input_name: str | None = None
    ) -> list[Diagnostic]:
        """Lines, the first of which may begin with `input_name`, and statements that may not stand `where` they are
        (empty: directly in a space or network)."""
        found = self.labels(body)
        for statement in body:
            if len(found) >= MAX_FOUND:
                break
            match statement:
                case tree.Line() | tree.Wire():
                    items = after_input(statement.value, input_name)
                    branch = statement is body[-1] and where in ("in a block", "in a `residual`")
                    inner = items[:-1] if branch or isinstance(statement, tree.Wire) else items
                    found += (fault for item in inner for fault in dropping(item))
                    found += (fault for item in items for fault in self.layer(item, names))
                    input_name = None
                case tree.Stage() if not where:
                    found += self.body(statement.body, names, "in a stage", input_name)
                    input_name = None
                case tree.Input() if not where:
                    arguments = statement.value.arguments if isinstance(statement.value, tree.Call) else ()
                    found += (fault for a in arguments for fault in self.value(a.value, set()))
                case tree.Require() if not where:
                    if isinstance(statement.condition.left, tree.Name) and not is_constraint(statement.condition):
                        found += self.value(statement.condition.right, names)
                case tree.Out() if where == "in a block":
                    found += self.layer(statement.value, names)
                case _:
                    what = type(statement).__name__.lower()
                    place = Label(statement.span.first(len(what)))
                    message = f"`{what}` cannot stand {where or 'here'}"
                    found.append(Diagnostic("E0304", message, place, help=PLACES[what]))
        return found

    # ------------------------------------------------------------ expressions

    def layer(self, expression: tree.Expression, names: set[str]) -> list[Diagnostic]:
        """An expression where a layer is expected."""
        match expression:
            case tree.Chain(items=parts) | tree.List(items=parts) | tree.Choice(options=parts):
                before = parts[:-1] if isinstance(expression, tree.Chain) else ()
                return [d for part in parts for d in self.layer(part, names)] + [
                    d for part in before for d in dropping(part)
                ]
            case tree.Binary(op="*", left=copied, right=tree.Number(text=count)) if not isinstance(copied, tree.Number):
                inner = copied.span.text
                label = Label(expression.span)
                fix = Fix(expression.span, f"{count} * {inner}", f"write `{count} * {inner}`")
                return [Diagnostic("E0305", "the number of copies comes first", label, fix=fix)]
            case tree.Binary(op="*"):
                return [
                    *self.value(expression.left, names),
                    *self.layer(expression.right, names),
                    *dropping(expression.right),
                ]
            case tree.Conditional(test=test, then=then, otherwise=otherwise):
                faults = self.value(test.left, names) + self.value(test.right, names)
                return faults + self.layer(then, names) + self.layer(otherwise, names)
            case tree.Gap():
                return []  # said already, by the parser
            case tree.Name():
                if expression.id in names or expression.id in self.lines:
                    return []  # a layer handed to the block, or a line: known where it is used
                return self.call(tree.Call(expression.id, span=expression.span, function_span=expression.span), names)
            case tree.Call():
                return self.call(expression, names)
            case tree.Pick():
                return self.value(expression.count, names) + self.layer(expression.pool, names)
        return not_a_layer(expression)

    def call(self, call: tree.Call, names: set[str]) -> list[Diagnostic]:
        layer = self.definitions.layers.get(call.function)
        if layer is None and call.function not in self.blocks:
            return self.unknown(call, names)
        place = Label(call.function_span or call.span)
        found: list[Diagnostic] = []
        wraps = layer is not None and layer.wraps
        if wraps and call.body is None:
            help = f"write `{call.function} {{ ... }}` with the layers in the braces"
            return [Diagnostic("E0301", f"`{call.function}` needs a body in braces", place, help=help)]
        if call.body is not None and not wraps:
            found.append(Diagnostic("E0301", f"`{call.function}` takes no body in braces", place))
        try:
            bound = self.definitions.bind(call)
            if layer is None:
                for value in bound.values():
                    found += self.handed(value, names)
            else:
                for argument in call.arguments if layer.join is not None else ():
                    if argument.name is None:
                        found += self.layer(argument.value, names)
                found += self.arguments(call, bound, names)
        except VnsError as fault:
            found += fault.diagnostics
        if call.body is not None:
            found += self.body(call.body, names, f"in a `{call.function}`")
        return found

    def unknown(self, call: tree.Call, names: set[str]) -> list[Diagnostic]:
        """A call of what is no layer and no block: perhaps one that was handed over by its name."""
        place = call.function_span or call.span
        if call.function in names:
            return [d for a in call.arguments for d in self.handed(a.value, names)]
        if call.function in self.lines:
            message = f"the line `{call.function}` takes no arguments"
            return [Diagnostic("E0305", message, Label(place), help="write its name alone")]
        if not self.definitions.complete:
            return []
        known = [*(block for block in self.blocks if block != self.item.name), *self.definitions.layers]
        more = guess(place, call.function, known, "define a block of this name, or import the file that does")
        return [Diagnostic("E0201", f"unknown layer or block `{call.function}`", Label(place), **more)]

    def arguments(self, call: tree.Call, bound: Mapping[str, tree.Expression], names: set[str]) -> list[Diagnostic]:
        """The values of a layer's parameters; one that is the same in every use is read, even in an unused block."""
        found: list[Diagnostic] = []
        layer = self.definitions.layers[call.function]
        for parameter in layer.parameters:
            value = bound.get(parameter.name)
            if value is None:
                continue
            no_word = (
                parameter.kind == "word"
                and isinstance(value, tree.Name)
                and value.id not in (names | self.words.keys())
            )
            if isinstance(value, tree.Name) and value.id in names and value.id in parameter.words:
                message = f"the parameter `{value.id}` hides the word `{value.id}` of `{parameter.name}`"
                help = f"if the parameter is meant, another name such as `{value.id}_1` says so"
                found.append(Diagnostic("W0211", message, Label(value.span), "warning", help=help))
            if not no_word:
                found += self.value(value, names)
            if no_word or all(self.is_closed(node, names) for node in walk(value)):
                try:
                    coerce(parameter, evaluate(value), value.span, layer)
                except VnsError as fault:
                    found += fault.diagnostics
        return found

    def handed(self, value: tree.Expression, names: set[str]) -> list[Diagnostic]:
        """What is handed to a block: a value, a layer, a line, or the name of a block that it will use."""
        if any(isinstance(node, (tree.Call, tree.Chain)) for node in walk(value)):
            return self.layer(value, names)
        is_value = any(isinstance(node, (tree.Tuple, tree.Dims, tree.Number, tree.Binary)) for node in walk(value))
        layers = set() if is_value else self.definitions.layers.keys() | self.blocks.keys()
        return self.value(value, names | self.lines | layers)

    def value(self, expression: tree.Expression, names: set[str]) -> list[Diagnostic]:
        """An expression where a value is expected: every name in it must be a parameter or a word."""
        found: list[Diagnostic] = []
        for node in walk(expression):
            if isinstance(node, tree.Call):
                return [*found, layer_as_value(node.function, node.span)]
            if not isinstance(node, tree.Name) or node.id in names or node.id in self.words:
                continue
            if self.definitions.knows(node.id):
                found.append(layer_as_value(node.id, node.span))
            elif node.id not in AXES:
                shown = sorted(name for name in names - self.lines if not self.definitions.knows(name))
                own = ", ".join(f"`{name}`" for name in shown)
                help = f"the block has {own}" if own else "outside of a block only words such as `same` are known"
                more = guess(node.span, node.id, [*sorted(names), *self.words], help)
                found.append(Diagnostic("E0202", f"unknown name `{node.id}`", Label(node.span), **more))
        return found

    def is_closed(self, node: tree.Node, names: set[str]) -> bool:
        """Whether a part of a value means the same everywhere: no parameter, no choice, nothing unreadable."""
        if isinstance(node, tree.Name):
            return node.id in self.words and node.id not in names
        return not isinstance(node, (tree.Choice, tree.Range, tree.Pick, tree.Gap, tree.Call))


def _together(found: list[Diagnostic]) -> list[Diagnostic]:
    """One fault for a name that is unknown at several places of a definition."""
    first: dict[tuple[str, str], int] = {}
    kept: list[Diagnostic] = []
    for d in found:
        key = (d.code, d.message)
        if d.code not in ("E0201", "E0202") or key not in first:
            first[key] = len(kept)
            kept.append(d)
        elif d.primary is not None:
            known = kept[first[key]]
            kept[first[key]] = replace(known, secondary=(*known.secondary, Label(d.primary.span, "and here")))
    return kept


def dropping(expression: tree.Expression) -> list[Diagnostic]:
    """A fault for every `drop_path` that such a line ends with."""
    match expression:
        case tree.Call(function="drop_path"):
            place = Label(expression.function_span or expression.span)
            return [Diagnostic("E0304", "`drop_path` cannot stand here", place, help=PLACES["drop_path"])]
        case tree.Chain():
            return dropping(expression.items[-1])
        case tree.Choice(options=parts):
            return [d for part in parts for d in dropping(part)]
        case tree.Conditional():
            return dropping(expression.then) + dropping(expression.otherwise)
    return []


def layer_as_value(name: str, span: Span) -> Diagnostic:
    return Diagnostic("E0305", f"expected a value, found `{name}`", Label(span, "this is a layer"))


def not_a_layer(expression: tree.Expression) -> list[Diagnostic]:
    """What is said about a value in the place of a layer."""
    label, help = Label(expression.span, "this is a value"), None
    if isinstance(expression, tree.Binary):
        label = Label(expression.span)
        help = "copies are written `N * layer`, one layer after the other `a -> b`, a choice `a | b`"
        if expression.op == "//":
            help = "a comment begins with `#`"
    return [Diagnostic("E0305", "expected a layer or a block", label, help=help)]


def after_input(line: tree.Expression, input_name: str | None) -> Sequence[tree.Expression]:
    """The layers of a line; the first line of a net may begin with the name of the input."""
    items = line.items if isinstance(line, tree.Chain) else (line,)
    first = items[0]
    return items[1:] if isinstance(first, tree.Name) and first.id == input_name else items

"""Everything that a file and its imports define, with the checks that need no shapes and no expansion."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from vnasdsl.elaborate.names import check_name
from vnasdsl.elaborate.recursion import Recursion
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, Label, VnsError, error, guess
from vnasdsl.language.limits import MAX_FOUND
from vnasdsl.language.printer import print_inline
from vnasdsl.language.source import Span
from vnasdsl.language.syntax_comments import comment_behind
from vnasdsl.language.walk import children, walk
from vnasdsl.layers import CATALOGUE
from vnasdsl.layers.base import Parameter
from vnasdsl.space.values import AXES, WORDS, coerce, evaluate

RECIPE_KINDS = ("search", "retrain", "evaluate")


@dataclass
class Definitions:
    """Blocks, spaces, networks and recipes by name, from one file and what it imports."""

    blocks: dict[str, tree.Block] = field(default_factory=dict)
    nets: dict[str, tree.Space | tree.Network] = field(default_factory=dict)
    recipes: dict[str, tree.Recipe] = field(default_factory=dict)
    files: set[Path] = field(default_factory=set)
    """The files imported so far."""
    imported: int = 0
    """Characters in them."""
    complete: bool = True
    """False when an import could not be read: names that are not known may stand there."""
    recursion: Recursion = field(init=False)
    lines: set[str] = field(default_factory=set)
    """The names of the lines and the input of the definition that is being checked."""
    _open: dict[str, bool] = field(default_factory=dict)
    _written: dict[tuple[int, int, int, type], tree.Node] | None = None

    def __post_init__(self) -> None:
        self.recursion = Recursion(self.blocks)

    def add(self, item: tree.Definition) -> None:
        """Raises: VnsError E0203 for a name defined twice, E0205 for one that cannot be used."""
        if isinstance(item, tree.Import):
            return
        table: dict[str, tree.Definition]
        if isinstance(item, tree.Block):
            table, what = self.blocks, "block"  # type: ignore[assignment]
            if item.name in CATALOGUE:
                message = f"`{item.name}` is the name of a layer"
                raise error("E0203", message, item.name_span, help="give the block another name")
        elif isinstance(item, tree.Recipe):
            table, what = self.recipes, "recipe"  # type: ignore[assignment]
        else:
            table, what = self.nets, "network" if isinstance(item, tree.Network) else "space"  # type: ignore[assignment]
        if item.name in table:
            first = table[item.name].name_span  # type: ignore[union-attr]
            raise VnsError(
                Diagnostic(
                    "E0203",
                    f"{what} `{item.name}` is defined twice",
                    Label(item.name_span, "again here"),
                    secondary=(Label(first, "first here"),),
                )
            )
        table[item.name] = item  # also under a name that cannot be: what uses it is not at fault
        check_name(item.name, what, item.name_span)

    def parameters(self, function: str) -> tuple[Parameter | tree.Parameter, ...]:
        if function in CATALOGUE:
            return CATALOGUE[function].parameters
        return self.blocks[function].parameters

    def bind(self, call: tree.Call) -> dict[str, tree.Expression]:
        """The arguments of a call by parameter name; defaults are not filled in.

        Raises: VnsError with an E0301 for each missing, repeated or unknown argument; an empty one for a function that
        is not known, such as a parameter that a block is handed to.
        """
        if call.function not in CATALOGUE and call.function not in self.blocks:
            raise VnsError(())
        function, parameters = call.function, self.parameters(call.function)
        needed = [p.name for p in parameters if (p.required if isinstance(p, Parameter) else p.default is None)]
        if function in CATALOGUE and CATALOGUE[function].join is not None:  # what has no name is an input
            call = replace(call, arguments=tuple(a for a in call.arguments if a.name is not None))
        bound, faults, orderly = self._assign(call, [p.name for p in parameters])
        missing = [f"`{name}`" for name in needed if name not in bound]
        if missing and not faults and orderly:
            needs = f"{', '.join(missing[:-1])} and {missing[-1]}" if len(missing) > 1 else missing[0]
            place = call.function_span or call.span
            faults.append(Diagnostic("E0301", f"`{function}` needs {needs}", Label(place), help=self.usage(function)))
        if faults or not orderly:
            raise VnsError(faults)
        return bound

    def _assign(
        self, call: tree.Call, names: Sequence[str]
    ) -> tuple[dict[str, tree.Expression], list[Diagnostic], bool]:
        """The arguments by name, what is wrong with them, and False when `language.checks` has said that their order
        is wrong or a name (of an argument, or of a parameter of the block) repeated."""
        function = call.function
        first: dict[str, tree.Argument] = {}
        faults: list[Diagnostic] = []
        orderly = len(set(names)) == len(names)
        for i, argument in enumerate(call.arguments):
            named = argument.name is not None
            name = argument.name or (names[i] if i < len(names) else "")
            if not named and any(a.name for a in call.arguments[:i]):
                orderly = False
            elif not name:
                takes = f"{len(names)} argument{'s' * (len(names) != 1)}" if names else "no arguments"
                many = Label(argument.span.to(call.arguments[-1].span))
                faults.append(Diagnostic("E0301", f"`{function}` takes {takes}", many, help=self.usage(function)))
                break
            elif name not in names:
                place = argument.span.first(len(name))
                message = f"`{function}` has no parameter `{name}`"
                more = guess(place, name, names, self.usage(function))
                faults.append(Diagnostic("E0301", message, Label(place), **more))
            elif name in first and (first[name].name or not orderly):
                orderly = False
            elif name in first:
                place = argument.span.first(len(name))
                message = f"`{name}` of `{function}` is given twice"
                already = Label(first[name].span, f"`{name}` already, by its place")
                faults.append(
                    Diagnostic("E0301", message, Label(place), secondary=(already,), help=self.usage(function))
                )
            else:
                first[name] = argument
        return {name: argument.value for name, argument in first.items()}, faults, orderly

    def usage(self, function: str) -> str:
        """How a layer or block is written, as a help."""
        if function in CATALOGUE:
            return f"it is written `{CATALOGUE[function].signature}`"
        parameters = [
            p.name if p.default is None else f"{p.name}={print_inline(p.default)}"
            for p in self.blocks[function].parameters
        ]
        return f"it is written `{function}({', '.join(parameters)})`" if parameters else f"it is written `{function}`"

    def kind_of(self, function: str, parameter: str, seen: frozenset[str] = frozenset()) -> str:
        """What a parameter means: the name of the catalogue's parameter that its value flows to, such as `channels`."""
        if function in CATALOGUE or function in seen:
            return parameter
        for node in (n for statement in self.blocks[function].body for n in walk(statement)):
            copies = isinstance(node, tree.Binary) and node.op == "*" and self._is_layer(node.right)
            if copies and _mentions(node.left, parameter):  # type: ignore[attr-defined]
                return "number"
        for use in calls(self.blocks[function].body):
            if use.function not in CATALOGUE and use.function not in self.blocks:
                continue
            try:
                bound = self.bind(use)
            except VnsError:
                continue
            for name, value in bound.items():
                if any(isinstance(n, tree.Name) and n.id == parameter for n in own_nodes(value)):
                    return self.kind_of(use.function, name, seen | {function})
        return parameter

    def _is_layer(self, expression: tree.Expression) -> bool:
        """Whether copies of an expression are copies of a layer, and it is not multiplied."""
        match expression:
            case tree.Choice():
                return all(self._is_layer(option) for option in expression.options)
            case tree.Name():
                return expression.id in CATALOGUE or expression.id in self.blocks
        return isinstance(expression, (tree.Call, tree.Chain, tree.List, tree.Conditional, tree.Pick))

    def as_written(self, node: tree.Expression) -> tree.Expression:
        """An expression of a block as the text has it, before values were put in the place of parameters."""
        if self._written is None:
            self._written = {
                (id(n.span.source), n.span.start, n.span.end, type(n)): n
                for block in self.blocks.values()
                for n in walk(block)
            }
        found = self._written.get((id(node.span.source), node.span.start, node.span.end, type(node)))
        return node if found is None else found  # type: ignore[return-value]

    def has_choices(self, function: str, seen: frozenset[str] = frozenset()) -> bool:
        """Whether the text of a block, or of a block that it uses or names, leaves a choice open."""
        if function not in self.blocks or function in seen:
            return False
        if function not in self._open:
            self._open[function] = any(
                isinstance(node, (tree.Choice, tree.Range, tree.Pick))
                or (isinstance(node, tree.Call) and self.has_choices(node.function, seen | {function}))
                or (isinstance(node, tree.Name) and self.has_choices(node.id, seen | {function}))
                for node in walk(self.blocks[function])
            )
        return self._open[function]

    def is_structural(self, function: str, parameter: str, seen: frozenset[str] = frozenset()) -> bool:
        """Whether the value of a parameter may decide which other choices there are below a call."""
        if function in CATALOGUE or function not in self.blocks or function in seen:
            return False
        block = self.blocks[function]
        for node in (n for statement in block.body for n in walk(statement)):
            match node:
                case tree.Conditional(test=deciding) | tree.Binary(op="*", left=deciding) | tree.Pick(count=deciding):
                    if _mentions(deciding, parameter):
                        return True
                case tree.Choice() | tree.Range():
                    if _mentions(node, parameter):
                        return True
                case tree.Call() if node.function in self.blocks:
                    try:
                        bound = self.bind(node)
                    except VnsError:
                        return True
                    for name, value in bound.items():
                        if _mentions(value, parameter) and self.is_structural(node.function, name, seen | {function}):
                            return True
        return False

    def check(self, items: Sequence[tree.Definition]) -> list[Diagnostic]:
        """Unknown layers and names, wrong arguments and misplaced statements, all of them."""
        blocks = [item.name for item in items if isinstance(item, tree.Block) and item.name in self.blocks]
        found = self.recursion.check(blocks)
        for item in items:
            if len(found) < MAX_FOUND:
                found += _together(self._check_item(item))
        return found

    def _check_item(self, item: tree.Definition) -> list[Diagnostic]:
        found: list[Diagnostic] = []
        self.lines = {node.name for node in walk(item) if isinstance(node, (tree.Wire, tree.Input))}
        if isinstance(item, tree.Block):
            found += self._check_parameters(item)
            found += self._check_body(item.body, {p.name for p in item.parameters}, "in a block")
        elif isinstance(item, (tree.Space, tree.Network)):
            input_name = next((s.name for s in item.body if isinstance(s, tree.Input)), None)
            found += self._check_body(item.body, set(), "", input_name)
        return found

    def _check_parameters(self, block: tree.Block) -> list[Diagnostic]:
        """Names of parameters, and their defaults: these may use the parameters in front of them."""
        found: list[Diagnostic] = []
        before: set[str] = set()
        for p in block.parameters:
            if p.default is not None:
                found += self._check_handed(p.default, before)
            before = before | {p.name}
            try:
                place = p.span.first(len(p.name))
                check_name(p.name, "parameter", place)
                if p.name in CATALOGUE or p.name in WORDS:
                    what = "a layer" if p.name in CATALOGUE else "a word of the language"
                    message = f"`{p.name}` cannot be the name of a parameter: it is {what}"
                    raise error("E0205", message, place, help=f"a name such as `{p.name}_1` would do")
            except VnsError as fault:
                found += fault.diagnostics
        return found

    def _check_body(
        self, body: Sequence[tree.Statement], names: set[str], where: str, input_name: str | None = None
    ) -> list[Diagnostic]:
        """Lines, and statements that may not stand `where` they are (empty: directly in a space or network).

        `input_name`: what the first line may begin with.
        """
        found: list[Diagnostic] = []
        for statement in body:
            if len(found) >= MAX_FOUND:
                break
            match statement:
                case tree.Line() | tree.Wire():
                    for item in behind_input(statement.value, input_name):
                        found += self._check_layer(item, names)
                    input_name = None
                case tree.Stage() if not where:
                    found += self._check_body(statement.body, names, "in a stage", input_name)
                    input_name = None
                case tree.Input() if not where:
                    found += self._check_arguments(statement.value)
                case tree.Require() if not where:
                    if isinstance(statement.condition.left, tree.Name):
                        found += self._check_value(statement.condition.right, names)
                case tree.Out() if where == "in a block":
                    found += self._check_layer(statement.value, names)
                case _:
                    what = type(statement).__name__.lower()
                    place = Label(statement.span.first(len(what)))
                    message = f"`{what}` cannot stand {where or 'here'}"
                    found.append(Diagnostic("E0304", message, place, help=PLACES[what]))
        return found

    def _check_layer(self, expression: tree.Expression, names: set[str]) -> list[Diagnostic]:
        """An expression where a layer is expected."""
        match expression:
            case tree.Chain():
                return [d for item in expression.items for d in self._check_layer(item, names)]
            case tree.Choice():
                return [d for option in expression.options for d in self._check_layer(option, names)]
            case tree.Binary(op="*"):
                return self._check_value(expression.left, names) + self._check_layer(expression.right, names)
            case tree.Conditional():
                test = self._check_value(expression.test.left, names) + self._check_value(expression.test.right, names)
                then, otherwise = expression.then, expression.otherwise
                return test + self._check_layer(then, names) + self._check_layer(otherwise, names)
            case tree.Name() if expression.id in names or expression.id in self.lines:
                return []  # a layer handed to the block, or a line: known where it is used
            case tree.Name():
                call = tree.Call(expression.id, span=expression.span, function_span=expression.span)
                return self._check_call(call, names)
            case tree.Call():
                return self._check_call(expression, names)
            case tree.Pick():
                return self._check_value(expression.count, names) + self._check_layer(expression.pool, names)
            case tree.List():
                return [d for item in expression.items for d in self._check_layer(item, names)]
            case tree.Gap():
                return []  # said already, by the parser
            case _:
                return not_a_layer(expression)

    def _check_call(self, call: tree.Call, names: set[str]) -> list[Diagnostic]:
        place = call.function_span or call.span
        if call.function not in CATALOGUE and call.function not in self.blocks:
            if call.function in names:  # a block or layer handed over by its name
                return [d for a in call.arguments for d in self._check_handed(a.value, names)]
            if call.function in self.lines:
                message = f"the line `{call.function}` takes no arguments"
                return [Diagnostic("E0305", message, Label(place), help="write its name alone")]
            if not self.complete:
                return []
            help = "define a block of this name, or import the file that does"
            more = guess(place, call.function, [*self.blocks, *CATALOGUE], help)
            return [Diagnostic("E0201", f"unknown layer or block `{call.function}`", Label(place), **more)]
        found: list[Diagnostic] = []
        wraps = call.function in CATALOGUE and CATALOGUE[call.function].wraps
        if wraps and call.body is None:
            help = f"write `{call.function} {{ ... }}` with the layers in the braces"
            found.append(Diagnostic("E0301", f"`{call.function}` needs a body in braces", Label(place), help=help))
            return found
        if call.body is not None and not wraps:
            found.append(Diagnostic("E0301", f"`{call.function}` takes no body in braces", Label(place)))
            found += self._check_body(call.body, names, f"in a `{call.function}`")
        try:
            bound = self.bind(call)
            if call.function in CATALOGUE:
                if CATALOGUE[call.function].join is not None:
                    for argument in call.arguments:
                        if argument.name is None:
                            found += self._check_input(call.function, argument.value, names)
                for name, value in bound.items():
                    parameter = next(p for p in CATALOGUE[call.function].parameters if p.name == name)
                    unknown = isinstance(value, tree.Name) and value.id not in (names | WORDS.keys())
                    if parameter.kind == "word" and unknown:
                        words = " or ".join(f"`{word}`" for word in parameter.words)
                        message = f"`{name}` of `{call.function}` must be {words}"
                        found.append(Diagnostic("E0302", message, Label(value.span)))
                    else:
                        found += self._check_value(value, names)
                found += self._check_closed(call, bound)
            else:
                for value in bound.values():
                    found += self._check_handed(value, names)
        except VnsError as fault:
            found += fault.diagnostics
        if wraps and call.body is not None:
            found += self._check_body(call.body, names, f"in a `{call.function}`")
        return found

    def _check_input(self, function: str, value: tree.Expression, names: set[str]) -> list[Diagnostic]:
        """An input of a layer that joins; numbers in a list are most likely its weights."""
        if isinstance(value, tree.List) and value.items and all(isinstance(i, tree.Number) for i in value.items):
            takes = any(p.kind == "weights" for p in CATALOGUE[function].parameters)
            help = f"weights are given by name: `by={value.span.text}`" if takes else None
            message = f"expected an input of `{function}`, found numbers"
            return [Diagnostic("E0305", message, Label(value.span), help=help)]
        return self._check_layer(value, names)

    def _check_handed(self, value: tree.Expression, names: set[str]) -> list[Diagnostic]:
        """What is handed to a block: a value, a layer, a line, or the name of a block that it will use."""
        if any(isinstance(node, (tree.Call, tree.Chain)) for node in walk(value)):
            return self._check_layer(value, names)
        known = names | self.lines | CATALOGUE.keys() | self.blocks.keys()
        return self._check_value(value, known - CATALOGUE.keys() - self.blocks.keys() if _is_value(value) else known)

    def _check_arguments(self, value: tree.Expression) -> list[Diagnostic]:
        """The values of an input."""
        arguments = value.arguments if isinstance(value, tree.Call) else ()
        return [fault for argument in arguments for fault in self._check_value(argument.value, set())]

    def _check_closed(self, call: tree.Call, bound: dict[str, tree.Expression]) -> list[Diagnostic]:
        """Arguments of a layer that are the same wherever its block is used: looked at even when nothing uses it."""
        found: list[Diagnostic] = []
        layer = CATALOGUE[call.function]
        for parameter in layer.parameters:
            value = bound.get(parameter.name)
            if value is None or not all(_is_closed(node) for node in walk(value)):
                continue
            try:
                coerce(parameter, evaluate(value), value.span, layer)
            except VnsError as fault:
                found += fault.diagnostics
        return found

    def _check_value(self, expression: tree.Expression, names: set[str]) -> list[Diagnostic]:
        """An expression where a value is expected: every name in it must be a parameter or a word."""
        found = []
        for node in walk(expression):
            layers = (self.blocks.keys() | CATALOGUE.keys()) - names - WORDS.keys()
            if isinstance(node, tree.Name) and node.id in layers:
                found.append(layer_as_value(node.id, node.span))
            elif isinstance(node, tree.Name) and node.id not in names and node.id not in WORDS and node.id not in AXES:
                shown = names - CATALOGUE.keys() - self.blocks.keys() - self.lines
                own = ", ".join(f"`{name}`" for name in sorted(shown))
                help = f"the block has {own}" if own else "outside of a block only words such as `same` are known"
                more = guess(node.span, node.id, [*sorted(names), *WORDS], help)
                found.append(Diagnostic("E0202", f"unknown name `{node.id}`", Label(node.span), **more))
            elif isinstance(node, tree.Call):
                found.append(layer_as_value(node.function, node.span))
                break
        return found


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


def _is_closed(node: tree.Node) -> bool:
    """Whether a part of a value means the same everywhere: no parameter, no choice, nothing unreadable."""
    if isinstance(node, tree.Name):
        return node.id in WORDS
    return not isinstance(node, (tree.Choice, tree.Range, tree.Pick, tree.Gap, tree.Call))


def own_nodes(value: tree.Node) -> Iterator[tree.Node]:
    """The nodes of an argument but for those of calls in it: what is handed to them is theirs."""
    if not isinstance(value, tree.Call):
        yield value
        for child in children(value):
            yield from own_nodes(child)


def layer_as_value(name: str, span: Span) -> Diagnostic:
    return Diagnostic("E0305", f"expected a value, found `{name}`", Label(span, "this is a layer"))


def not_a_layer(expression: tree.Expression) -> list[Diagnostic]:
    """What is said about a value in the place of a layer: perhaps it was meant as a comment."""
    return [*comment_behind(expression)] or [_no_layer(expression)]


def _no_layer(expression: tree.Expression) -> Diagnostic:
    label = Label(expression.span, "this is a value")
    help = None
    if isinstance(expression, tree.Binary):
        label = Label(expression.span)
        help = "copies are written `N * layer`, one layer after the other `a -> b`, a choice `a | b`"
    return Diagnostic("E0305", "expected a layer or a block", label, help=help)


def behind_input(line: tree.Expression, input_name: str | None) -> Sequence[tree.Expression]:
    """The layers of a line; the first line of a net may begin with the name of the input."""
    items = line.items if isinstance(line, tree.Chain) else (line,)
    first = items[0]
    return items[1:] if isinstance(first, tree.Name) and first.id == input_name else items


PLACES = {
    "stage": "stages stand directly in a space or a network",
    "input": "`input` stands at the top of a space or a network",
    "out": "`out` stands in a block: a space or network gives what its last line gives",
    "require": "`require` stands directly in a space or a network",
}


def _is_value(value: tree.Expression) -> bool:
    """Whether an argument cannot be a layer: there is arithmetic or a size in it."""
    return any(isinstance(node, (tree.Tuple, tree.Dims, tree.Number, tree.Binary)) for node in walk(value))


def _mentions(expression: tree.Node, name: str) -> bool:
    return any(isinstance(node, tree.Name) and node.id == name for node in walk(expression))


def calls(body: Sequence[tree.Statement]) -> Iterator[tree.Call]:
    for statement in body:
        for node in walk(statement):
            if isinstance(node, tree.Call):
                yield node

"""Everything that a file and its imports define, with the checks that need no shapes and no expansion."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, Label, VnsError, did_you_mean, error
from vnasdsl.language.source import Span
from vnasdsl.layers import CATALOGUE
from vnasdsl.layers.base import Parameter
from vnasdsl.space.names import check_name
from vnasdsl.space.values import WORDS

RECIPE_KINDS = ("search", "retrain", "evaluate")


@dataclass
class Definitions:
    """Blocks, spaces, networks and recipes by name, from one file and what it imports."""

    blocks: dict[str, tree.Block] = field(default_factory=dict)
    nets: dict[str, tree.Space | tree.Network] = field(default_factory=dict)
    recipes: dict[str, tree.Recipe] = field(default_factory=dict)
    files: set[Path] = field(default_factory=set)
    """The files imported so far."""
    complete: bool = True
    """False when an import could not be read: names that are not known may stand there."""

    def add(self, item: tree.Definition) -> None:
        """Raises: VnsError E0203 for a name defined twice, E0205 for one that cannot be used."""
        if isinstance(item, tree.Import):
            return
        table: dict[str, tree.Definition]
        if isinstance(item, tree.Block):
            table, what = self.blocks, "block"  # type: ignore[assignment]
            if item.name in CATALOGUE:
                raise error(
                    "E0203", f"`{item.name}` is a layer of the catalogue", item.name_span, "choose another name"
                )
        elif isinstance(item, tree.Recipe):
            table, what = self.recipes, "recipe"  # type: ignore[assignment]
        else:
            table, what = self.nets, "network" if isinstance(item, tree.Network) else "space"  # type: ignore[assignment]
        check_name(item.name, what, item.name_span)
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
        table[item.name] = item

    def parameters(self, function: str) -> tuple[Parameter | tree.Parameter, ...]:
        if function in CATALOGUE:
            return CATALOGUE[function].parameters
        return self.blocks[function].parameters

    def bind(self, call: tree.Call) -> dict[str, tree.Expression]:
        """The arguments of a call by parameter name; defaults are not filled in.

        Raises: VnsError E0301 for a missing, repeated or unknown argument.
        """
        parameters = self.parameters(call.function)
        names = [p.name for p in parameters]
        bound: dict[str, tree.Expression] = {}
        place = call.function_span or call.span
        for i, argument in enumerate(call.arguments):
            if argument.name is None:
                if i >= len(names):
                    takes = f"{len(names)} argument{'s' * (len(names) != 1)}" if names else "no arguments"
                    raise error(
                        "E0301", f"`{call.function}` takes {takes}", argument.span, help=self.usage(call.function)
                    )
                name = names[i]
            else:
                name = argument.name
                if name not in names:
                    raise error(
                        "E0301",
                        f"`{call.function}` has no parameter `{name}`",
                        argument.span,
                        help=did_you_mean(name, names) or self.usage(call.function),
                    )
            if name in bound:
                raise error("E0301", f"`{name}` of `{call.function}` is given twice", argument.span)
            bound[name] = argument.value
        for parameter in parameters:
            needed = parameter.required if isinstance(parameter, Parameter) else parameter.default is None
            if needed and parameter.name not in bound:
                raise error(
                    "E0301", f"`{call.function}` needs `{parameter.name}`", place, help=self.usage(call.function)
                )
        return bound

    def usage(self, function: str) -> str:
        if function in CATALOGUE:
            return f"it is written `{CATALOGUE[function].signature}`"
        return f"it is written `{function}({', '.join(p.name for p in self.blocks[function].parameters)})`"

    def kind_of(self, function: str, parameter: str, seen: frozenset[str] = frozenset()) -> str:
        """What a parameter means: the name of the catalogue's parameter that its value flows to, such as `channels`."""
        if function in CATALOGUE or function in seen:
            return parameter
        for use in calls(self.blocks[function].body):
            if use.function not in CATALOGUE and use.function not in self.blocks:
                continue
            try:
                bound = self.bind(use)
            except VnsError:
                continue
            for name, value in bound.items():
                if any(isinstance(n, tree.Name) and n.id == parameter for n in nodes(value)):
                    return self.kind_of(use.function, name, seen | {function})
        return parameter

    def check(self, items: Sequence[tree.Definition]) -> list[Diagnostic]:
        """Unknown layers and names, wrong arguments and misplaced statements, all of them."""
        found: list[Diagnostic] = []
        for item in items:
            if isinstance(item, tree.Block):
                found += self._check_parameters(item)
                if item.tied:
                    found.append(_unsupported("`tied`", item.name_span))
                found += self._check_body(item.body, {p.name for p in item.parameters}, top=False)
            elif isinstance(item, (tree.Space, tree.Network)):
                input_name = next((s.name for s in item.body if isinstance(s, tree.Input)), None)
                found += self._check_body(item.body, set(), top=True, input_name=input_name)
        return found

    def _check_parameters(self, block: tree.Block) -> list[Diagnostic]:
        found: list[Diagnostic] = []
        seen: set[str] = set()
        for p in block.parameters:
            try:
                check_name(p.name, "parameter", p.span)
                if p.name in CATALOGUE or p.name in WORDS:
                    raise error("E0205", f"`{p.name}` already means something else", p.span, help="choose another name")
                if p.name in seen:
                    raise error("E0203", f"parameter `{p.name}` is named twice", p.span)
            except VnsError as fault:
                found += fault.diagnostics
            seen.add(p.name)
        return found

    def _check_body(
        self, body: Sequence[tree.Statement], names: set[str], top: bool, input_name: str | None = None
    ) -> list[Diagnostic]:
        """`input_name`: what the first line may begin with."""
        found: list[Diagnostic] = []
        for statement in body:
            match statement:
                case tree.Line() | tree.Wire():
                    for item in behind_input(statement.value, input_name):
                        found += self._check_layer(item, names)
                    input_name = None
                case tree.Stage() if top:
                    found += self._check_body(statement.body, names, top=False, input_name=input_name)
                    input_name = None
                case tree.Input() | tree.Require() if top:
                    pass
                case tree.Out():
                    found.append(_unsupported("`out`", statement.span))
                case _:
                    what = type(statement).__name__.lower()
                    found.append(
                        Diagnostic("E0304", f"`{what}` cannot stand here", Label(statement.span), help=PLACES.get(what))
                    )
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
                return self._check_layer(expression.then, names) + self._check_layer(expression.otherwise, names)
            case tree.Name():
                call = tree.Call(expression.id, span=expression.span, function_span=expression.span)
                return self._check_call(call, names)
            case tree.Call():
                return self._check_call(expression, names)
            case tree.Pick():
                return [_unsupported("`pick`", expression.span)]
            case tree.List():
                return [_unsupported("a list of layers", expression.span)]
            case _:
                return [Diagnostic("E0302", "expected a layer or a block", Label(expression.span))]

    def _check_call(self, call: tree.Call, names: set[str]) -> list[Diagnostic]:
        place = call.function_span or call.span
        if call.function not in CATALOGUE and call.function not in self.blocks:
            if call.function in names:
                return [Diagnostic("E0302", f"`{call.function}` is a value, expected a layer or a block", Label(place))]
            if not self.complete:
                return []
            known = [*self.blocks, *CATALOGUE]
            help = did_you_mean(call.function, known) or "layers are listed by `vnasdsl show --layers`"
            return [Diagnostic("E0201", f"unknown layer or block `{call.function}`", Label(place), help=help)]
        found: list[Diagnostic] = []
        wraps = call.function in CATALOGUE and CATALOGUE[call.function].wraps
        if wraps and call.body is None:
            found.append(_unsupported(f"`{call.function}` without a body in braces", call.span))
            return found
        if call.body is not None and not wraps:
            found.append(Diagnostic("E0301", f"`{call.function}` takes no body in braces", Label(place)))
        try:
            for value in self.bind(call).values():
                found += self._check_value(value, names)
        except VnsError as fault:
            found += fault.diagnostics
        if wraps and call.body is not None:
            found += self._check_body(call.body, names, top=False)
        return found

    def _check_value(self, expression: tree.Expression, names: set[str]) -> list[Diagnostic]:
        """An expression where a value is expected: every name in it must be a parameter or a word."""
        found = []
        for node in nodes(expression):
            if isinstance(node, tree.Name) and node.id not in names and node.id not in WORDS:
                help = did_you_mean(node.id, [*names, *WORDS])
                found.append(Diagnostic("E0202", f"unknown name `{node.id}`", Label(node.span), help=help))
            elif isinstance(node, tree.Call):
                found.append(
                    Diagnostic(
                        "E0302", f"a layer (`{node.function}`) cannot stand where a value is expected", Label(node.span)
                    )
                )
                break
        return found


def behind_input(line: tree.Expression, input_name: str | None) -> Sequence[tree.Expression]:
    """The layers of a line; the first line of a net may begin with the name of the input."""
    items = line.items if isinstance(line, tree.Chain) else (line,)
    first = items[0]
    return items[1:] if isinstance(first, tree.Name) and first.id == input_name else items


PLACES = {
    "stage": "stages stand directly in a space or a network",
    "input": "`input` stands at the top of a space or a network",
    "require": "`require` stands directly in a space or a network",
}


def _unsupported(construct: str, span: Span) -> Diagnostic:
    return Diagnostic("E0107", f"{construct} is part of the language but not supported yet", Label(span))


def nodes(node: tree.Node) -> Iterator[tree.Node]:
    """A node and everything below it, outside in, in the order of the text."""
    yield node
    for f in fields(node):
        value = getattr(node, f.name)
        if isinstance(value, tree.Node):
            yield from nodes(value)
        elif isinstance(value, tuple):
            for item in value:
                if isinstance(item, tree.Node):
                    yield from nodes(item)


def calls(body: Sequence[tree.Statement]) -> Iterator[tree.Call]:
    for statement in body:
        for node in nodes(statement):
            if isinstance(node, tree.Call):
                yield node

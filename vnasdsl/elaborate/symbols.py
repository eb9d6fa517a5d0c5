"""Who defines a name and who uses it: every occurrence in a file, for going to definitions, references and renaming."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from vnasdsl.elaborate.definitions import Definitions
from vnasdsl.language import tree
from vnasdsl.language.source import Span
from vnasdsl.language.walk import children, walk

Kind: TypeAlias = Literal["block", "space", "network", "recipe", "parameter", "stage", "label", "input"]


@dataclass(frozen=True)
class Symbol:
    """A name with what it belongs to: two symbols are equal when they are the same thing, in whatever file."""

    kind: Kind
    name: str
    file: str
    """The source that defines it."""
    owner: str = ""
    """The block of a parameter; the block, space, network or stage that a label, a stage or an input stands in."""


@dataclass(frozen=True)
class Occurrence:
    symbol: Symbol
    span: Span
    defines: bool = False


def occurrences(module: tree.Module, definitions: Definitions) -> list[Occurrence]:
    """Every name of a file that is defined somewhere, in the order of the text."""
    found: list[Occurrence] = []
    reader = _Reader(definitions, found)
    for item in module.items:
        reader.definition(item)
    return sorted(found, key=lambda o: o.span.start)


def symbol_of(item: tree.Block | tree.Space | tree.Network | tree.Recipe) -> Symbol:
    """The symbol that a definition defines."""
    kinds: dict[type, Kind] = {tree.Block: "block", tree.Space: "space", tree.Network: "network", tree.Recipe: "recipe"}
    return Symbol(kinds[type(item)], item.name, item.span.source.name)


@dataclass
class _Body:
    """What names mean in one body."""

    file: str
    owner: str
    parameters: dict[str, Symbol]
    labels: dict[str, Symbol]
    input: Symbol | None = None


class _Reader:
    def __init__(self, definitions: Definitions, found: list[Occurrence]):
        self.definitions = definitions
        self.found = found

    def add(self, symbol: Symbol | None, span: Span, defines: bool = False) -> None:
        if symbol is not None and span.text == symbol.name:
            self.found.append(Occurrence(symbol, span, defines))

    def definition(self, item: tree.Definition) -> None:
        if isinstance(item, tree.Import):
            return
        self.add(symbol_of(item), item.name_span, True)
        file = item.span.source.name
        if isinstance(item, tree.Block):
            parameters = {p.name: Symbol("parameter", p.name, file, item.name) for p in item.parameters}
            for p in item.parameters:
                self.add(parameters[p.name], p.span.first(len(p.name)), True)
            self.body(item.body, _Body(file, item.name, parameters, {}))
        elif isinstance(item, tree.Recipe):
            self.add(self.net(item.target.id), item.target.span)
            self.selectors(item)
        else:
            if isinstance(item, tree.Network) and item.space is not None:
                self.add(self.net(item.space.id), item.space.span)
            given = next((s for s in item.body if isinstance(s, tree.Input)), None)
            symbol = Symbol("input", given.name, file, item.name) if given is not None else None
            self.body(item.body, _Body(file, item.name, {}, {}, symbol))

    def net(self, name: str) -> Symbol | None:
        net = self.definitions.nets.get(name)
        return symbol_of(net) if net is not None else None

    def block(self, name: str) -> Symbol | None:
        block = self.definitions.blocks.get(name)
        return symbol_of(block) if block is not None else None

    # ----------------------------------------------------------------- bodies

    def body(self, statements: Sequence[tree.Statement], names: _Body) -> None:
        own = {s.name: Symbol("label", s.name, names.file, names.owner) for s in statements if isinstance(s, tree.Wire)}
        names = _Body(names.file, names.owner, names.parameters, names.labels | own, names.input)
        for statement in statements:
            match statement:
                case tree.Line():
                    self.layer(statement.value, names)
                case tree.Wire():
                    self.add(own[statement.name], statement.name_span, True)
                    self.layer(statement.value, names)
                case tree.Out():
                    self.layer(statement.value, names)
                case tree.Input():
                    self.add(Symbol("input", statement.name, names.file, names.owner), statement.name_span, True)
                case tree.Stage():
                    self.add(Symbol("stage", statement.name, names.file, names.owner), statement.name_span, True)
                    owner = f"{names.owner}.{statement.name}"
                    inner = _Body(names.file, owner, names.parameters, names.labels, names.input)
                    self.body(statement.body, inner)
                case tree.Require():
                    pass

    def layer(self, expression: tree.Node, names: _Body) -> None:
        """An expression where a layer can stand, or a value: whatever its names may mean there."""
        match expression:
            case tree.Name():
                self.add(self.meaning(expression.id, names), expression.span)
            case tree.Call():
                self.call(expression, names)
            case _:
                for part in children(expression):
                    self.layer(part, names)

    def meaning(self, name: str, names: _Body) -> Symbol | None:
        """What a name is: what was handed to the block, a line, the input, or a block."""
        of_input = names.input if names.input and names.input.name == name else None
        return names.parameters.get(name) or names.labels.get(name) or of_input or self.block(name)

    def call(self, call: tree.Call, names: _Body) -> None:
        block = self.block(call.function)
        if call.function_span is not None:
            self.add(names.parameters.get(call.function) or block, call.function_span)
        for argument in call.arguments:
            if argument.name is not None and block is not None:
                parameters = {p.name for p in self.definitions.blocks[call.function].parameters}
                symbol = Symbol("parameter", argument.name, block.file, block.name)
                if argument.name in parameters:
                    self.add(symbol, argument.span.first(len(argument.name)))
            self.layer(argument.value, names)
        if call.body is not None:
            self.body(call.body, names)

    # ---------------------------------------------------------------- recipes

    def selectors(self, recipe: tree.Recipe) -> None:
        """Stages and labels that the texts of a recipe name: `fix = ["s4.*=basic(1)"]`."""
        net = self.definitions.nets.get(recipe.target.id)
        if net is None:
            return
        tops = {label.name: label for label in _labels(net)}
        for entry in recipe.entries:
            for node in walk(entry.value):
                if not isinstance(node, tree.String):
                    continue
                match = re.match(r'"([A-Za-z_]\w*)(?=[.\[=])', node.span.text)
                if match:
                    span = Span(node.span.source, node.span.start + 1, node.span.start + match.end(1))
                    self.add(tops.get(match[1]), span)


def _labels(net: tree.Space | tree.Network) -> Iterator[Symbol]:
    """The stages of a space or network and the labels outside of them: what names of choices begin with."""
    file = net.span.source.name
    for statement in net.body:
        if isinstance(statement, tree.Stage):
            yield Symbol("stage", statement.name, file, net.name)
        elif isinstance(statement, tree.Wire):
            yield Symbol("label", statement.name, file, net.name)

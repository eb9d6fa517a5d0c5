"""Who defines a name and who uses it: every occurrence in a file, for going to definitions, references and renaming."""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vnasdsl.elaborate.definitions import Definitions
from vnasdsl.language import tree
from vnasdsl.language.source import Span
from vnasdsl.language.walk import children, walk


@dataclass(frozen=True)
class Symbol:
    """A name with what it belongs to: two symbols are equal when they are the same thing, in whatever file."""

    kind: str
    """"block", "space", "network", "recipe", "parameter", "stage", "label" or "input"."""
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


KINDS = {tree.Wire: "label", tree.Input: "input", tree.Stage: "stage"}


def occurrences(module: tree.Module, definitions: Definitions) -> list[Occurrence]:
    """Every name of a file that is defined somewhere, in the order of the text."""
    blocks = {name: _symbol(block) for name, block in definitions.blocks.items()}
    found = [o for item in module.items for o in _definition(item, definitions, ChainMap(blocks))]
    return sorted((o for o in found if o.span.text == o.symbol.name), key=lambda o: o.span.start)


def _symbol(item: tree.Block | tree.Space | tree.Network | tree.Recipe) -> Symbol:
    return Symbol(type(item).__name__.lower(), item.name, item.span.source.name)


def _definition(item: tree.Definition, definitions: Definitions, names: ChainMap[str, Symbol]) -> Iterator[Occurrence]:
    if isinstance(item, tree.Import):
        return
    yield Occurrence(_symbol(item), item.name_span, True)
    file = item.span.source.name
    if isinstance(item, tree.Block):
        parameters = {p.name: Symbol("parameter", p.name, file, item.name) for p in item.parameters}
        yield from (Occurrence(parameters[p.name], p.span.first(len(p.name)), True) for p in item.parameters)
        yield from _body(item.body, definitions, names.new_child(parameters), item.name)
        return
    target = item.target if isinstance(item, tree.Recipe) else item.space if isinstance(item, tree.Network) else None
    net = definitions.nets.get(target.id) if target is not None else None
    if target is not None and net is not None:
        yield Occurrence(_symbol(net), target.span)
    if not isinstance(item, tree.Recipe):
        given = [Symbol("input", s.name, file, item.name) for s in item.body if isinstance(s, tree.Input)]
        yield from _body(item.body, definitions, names.new_child({s.name: s for s in given[:1]}), item.name)
    elif net is not None:
        yield from _selectors(item, net)


def _body(
    body: Sequence[tree.Statement], definitions: Definitions, names: ChainMap[str, Symbol], owner: str
) -> Iterator[Occurrence]:
    own = [
        Occurrence(Symbol(KINDS[type(s)], s.name, s.span.source.name, owner), s.name_span, True)
        for s in body
        if isinstance(s, (tree.Wire, tree.Input, tree.Stage))
    ]
    yield from own
    labels = {o.symbol.name: o.symbol for o in own if o.symbol.kind == "label"}
    parameters = {name: names[name] for name in labels if name in names and names[name].kind == "parameter"}
    names = names.new_child(labels | parameters)
    for statement in body:
        if isinstance(statement, tree.Stage):
            yield from _body(statement.body, definitions, names, f"{owner}.{statement.name}")
        elif isinstance(statement, (tree.Line, tree.Wire, tree.Out)):
            yield from _names(statement.value, definitions, names, owner)
        elif isinstance(statement, tree.Require):
            for side in (statement.condition.left, statement.condition.right):
                if isinstance(side, tree.Name):
                    yield from _path(side, body, owner)


def _path(choice: tree.Name, body: Sequence[tree.Statement], owner: str) -> Iterator[Occurrence]:
    """The stage and the label in the name of a choice: `s1.wide.channels`, `s1.units[0].op`."""
    first, _, rest = choice.id.partition(".")
    name = first.partition("[")[0]
    for statement in body:
        if rest and isinstance(statement, (tree.Wire, tree.Input, tree.Stage)) and statement.name == name:
            place = choice.span.first(len(name))
            yield Occurrence(Symbol(KINDS[type(statement)], name, statement.span.source.name, owner), place)
            if isinstance(statement, tree.Stage):
                after = Span(choice.span.source, choice.span.start + len(first) + 1, choice.span.end)
                inner = tree.Name(rest, span=after)
                yield from _path(inner, statement.body, f"{owner}.{first}")


def _names(
    expression: tree.Node, definitions: Definitions, names: ChainMap[str, Symbol], owner: str
) -> Iterator[Occurrence]:
    """The names in an expression, whatever they may mean there."""
    if isinstance(expression, tree.Name) and expression.id in names:
        yield Occurrence(names[expression.id], expression.span)
    if isinstance(expression, tree.Call):
        if expression.function_span is not None and expression.function in names:
            yield Occurrence(names[expression.function], expression.function_span)
        block = definitions.blocks.get(expression.function)
        values = definitions.values_in(expression)
        parameters = ChainMap({name: symbol for name, symbol in names.items() if symbol.kind == "parameter"})
        for argument in expression.arguments:
            if block is not None and argument.name in {p.name for p in block.parameters}:
                symbol = Symbol("parameter", argument.name or "", block.span.source.name, block.name)
                yield Occurrence(symbol, argument.span.first(len(symbol.name)))
            is_value = any(argument.value is value for value in values)
            yield from _names(argument.value, definitions, parameters if is_value else names, owner)
        yield from _body(expression.body or (), definitions, names, owner)
    else:
        for part in children(expression):
            yield from _names(part, definitions, names, owner)


def _selectors(recipe: tree.Recipe, net: tree.Space | tree.Network) -> Iterator[Occurrence]:
    """Stages and labels that the strings of a recipe name: `fix = ["s4.*=basic(1)"]`."""
    file = net.span.source.name
    named = [s for s in net.body if isinstance(s, (tree.Stage, tree.Wire))]
    tops = {s.name: Symbol(KINDS[type(s)], s.name, file, net.name) for s in named}
    for node in walk(*(entry.value for entry in recipe.entries)):
        match = re.match(r'"([A-Za-z_]\w*)(?=[.\[=])', node.span.text) if isinstance(node, tree.String) else None
        if match and match[1] in tops:
            yield Occurrence(
                tops[match[1]], Span(node.span.source, node.span.start + 1, node.span.start + match.end(1))
            )

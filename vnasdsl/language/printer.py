"""From syntax tree to canonical form: parsing the result gives the tree again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isfinite

from vnasdsl.language import tree
from vnasdsl.language.grammar import MAGNITUDES, read_number
from vnasdsl.language.layout import Break, Document, Group, HardBreak, IfBroken, Indent, join, lay_out

WIDTH = 100
"""Columns of a line, as far as it can be broken."""

BODY_WIDTH = 88
"""Columns up to which a stage with a single statement is written on one line."""

# Precedence of expressions, loosest first; a part that is looser than its place needs parentheses.
CHOICE, CONDITIONAL, CHAIN, SUM, PRODUCT, RANGE, UNARY, ATOM = range(8)


class Parenthesis(str):
    """A parenthesis that only groups: the file may have more of them, or fewer."""

    __slots__ = ()


_CLOSE = Break("", closes=True)


def print_module(module: tree.Module) -> str:
    """The canonical form of a file."""
    return lay_out(module_document(module), WIDTH) + "\n" if module.items else ""


def module_document(module: tree.Module) -> Document:
    """A file before it is laid out, without a line end after the last definition."""
    pieces: list[Document] = []
    for before, item in zip((None, *module.items), module.items, strict=False):
        if before is not None:
            pieces.append(HardBreak(blank=not (isinstance(before, tree.Import) and isinstance(item, tree.Import))))
        pieces.append(_definition(item))
    return pieces


def print_definition(definition: tree.Definition) -> str:
    """The canonical form of one definition, without a line end."""
    return lay_out(_definition(definition), WIDTH)


def print_expression(expression: tree.Expression) -> str:
    """The canonical form of an expression; on one line if that takes at most WIDTH columns."""
    return lay_out(_expression(expression, CHOICE), WIDTH)


def print_inline(expression: tree.Expression) -> str:
    """An expression on one line, however long; only bodies of several statements break it."""
    document = _expression(expression, CHOICE)
    return document if isinstance(document, str) else lay_out(document, 1 << 30)


# ---------------------------------------------------------------- definitions


def _definition(definition: tree.Definition) -> Document:
    match definition:
        case tree.Import():
            return ["import ", _string(definition.path)]
        case tree.Block():
            tied = "tied " if definition.tied else ""
            parameters = [_parameter(parameter) for parameter in definition.parameters]
            header: Document = _bracketed("(", parameters, ")") if parameters else ""
            return [f"{tied}block {definition.name}", header, " ", _lines(_statement(s) for s in definition.body)]
        case tree.Space():
            return [f"space {definition.name} ", _lines(_statement(s) for s in definition.body)]
        case tree.Network():
            claim = f" : {definition.space.id}" if definition.space else ""
            return [f"network {definition.name}{claim} ", _lines(_statement(s) for s in definition.body)]
        case tree.Recipe():
            entries: list[Document] = [
                [f"{entry.key} = ", _expression(entry.value, CHOICE)] for entry in definition.entries
            ]
            return [f"{definition.kind} {definition.name} for {definition.target.id} ", _lines(entries)]


def _parameter(parameter: tree.Parameter) -> Document:
    if parameter.default is None:
        return parameter.name
    return [f"{parameter.name}=", _expression(parameter.default, CHOICE)]


def _lines(content: Iterable[Document]) -> Document:
    """A body, one line for each statement."""
    lines: list[Document] = [[HardBreak(), line] for line in content]
    return ["{", Indent(lines), HardBreak(closes=True), "}"] if lines else Group(["{", _CLOSE, "}"])


def _body(statements: Sequence[tree.Statement]) -> Document:
    """The body of a stage or a call: on one line if it is a single short statement."""
    if len(statements) != 1:
        return _lines(_statement(statement) for statement in statements)
    return Group(["{", Indent([Break(), _statement(statements[0])]), Break(closes=True), "}"], width=BODY_WIDTH)


# ----------------------------------------------------------------- statements


def _statement(statement: tree.Statement) -> Document:
    match statement:
        case tree.Line():
            return _expression(statement.value, CHOICE)
        case tree.Wire():
            return [f"{statement.name} = ", _expression(statement.value, CHOICE)]
        case tree.Out():
            return ["out ", _expression(statement.value, CHOICE)]
        case tree.Input():
            return [f"input {statement.name} = ", _expression(statement.value, CHOICE)]
        case tree.Stage():
            return [f"stage {statement.name} ", _body(statement.body)]
        case tree.Require():
            return ["require ", _compare(statement.condition)]


# ---------------------------------------------------------------- expressions


def _expression(node: tree.Expression, place: int) -> Document:
    """An expression, in parentheses if it is looser than `place`."""
    tightness = _tightness(node)
    if tightness < place:
        return Group([Parenthesis("("), Indent([Break(""), _open(node)]), _CLOSE, Parenthesis(")")])
    if tightness <= CONDITIONAL:
        # A loose expression over several lines needs parentheses, or its first line end would end it.
        return Group([IfBroken("("), Indent([Break(""), _open(node)]), _CLOSE, IfBroken(")")])
    if isinstance(node, tree.Chain):
        first, *rest = [_expression(item, SUM) for item in node.items]
        return Group([first, Indent([[Break(), "-> ", item] for item in rest])], may_span=True)
    return _open(node)


def _tightness(node: tree.Expression) -> int:
    match node:
        case tree.Choice():
            return CHOICE
        case tree.Conditional():
            return CONDITIONAL
        case tree.Chain():
            return CHAIN
        case tree.Binary():
            return SUM if node.op in ("+", "-") else PRODUCT
        case tree.Range():
            return RANGE
        case tree.Negative():
            return UNARY
    return ATOM


def _open(node: tree.Expression) -> Document:
    """An expression without parentheses around it."""
    match node:
        case tree.Gap():
            return node.span.text
        case tree.Name():
            return node.id
        case tree.Number():
            return number_text(node)
        case tree.String():
            return _string(node)
        case tree.Dims():
            return "x".join(str(size) for size in node.values)
        case tree.Tuple():
            items = [_expression(item, CHOICE) for item in node.items]
            return _bracketed("(", items, ")") if len(items) > 1 else ["(", *items, ",)"]
        case tree.List():
            return _bracketed("[", [_expression(item, CHOICE) for item in node.items], "]")
        case tree.Negative():
            return ["-", _expression(node.operand, UNARY)]
        case tree.Binary():
            place = _tightness(node)
            return [_expression(node.left, place), f" {node.op} ", _expression(node.right, place + 1)]
        case tree.Compare():
            return _compare(node)
        case tree.Conditional():
            otherwise = _expression(
                node.otherwise, CHAIN if not isinstance(node.otherwise, tree.Conditional) else CONDITIONAL
            )
            return [_expression(node.then, CHAIN), Break(), "if ", _compare(node.test), Break(), "else ", otherwise]
        case tree.Range():
            return [_expression(node.low, UNARY), "..", _expression(node.high, UNARY)]
        case tree.Pick():
            return ["pick ", _expression(node.count, SUM), " of ", _expression(node.pool, ATOM)]
        case tree.Call():
            return _call(node)
        case tree.Chain():
            return join([Break(), "-> "], [_expression(item, SUM) for item in node.items])
        case tree.Choice():
            return join([Break(), "| "], [_expression(option, CONDITIONAL) for option in node.options])


def _compare(node: tree.Compare) -> Document:
    return [_expression(node.left, SUM), f" {node.op} ", _expression(node.right, SUM)]


def _call(node: tree.Call) -> Document:
    arguments: list[Document] = []
    for argument in node.arguments:
        value = _expression(argument.value, CHOICE)
        arguments.append(value if argument.name is None else [f"{argument.name}=", value])
    bracketed = _bracketed("(", arguments, ")") if arguments or node.body is None else ""
    return [node.function, bracketed] if node.body is None else [node.function, bracketed, " ", _body(node.body)]


def _bracketed(opening: str, items: Sequence[Document], closing: str) -> Document:
    if not items:
        return Group([opening, _CLOSE, closing])
    return Group([opening, Indent([Break(""), *join([",", Break()], items), IfBroken(",")]), _CLOSE, closing])


def _string(node: tree.String) -> str:
    if "\n" in node.value or "\r" in node.value:
        raise ValueError("a string with a line end cannot be written in a .vns file")
    return '"' + node.value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def number_text(node: tree.Number) -> str:
    """A number as it was written; one made by a program in its shortest plain form."""
    if node.text and read_number(node.text) == (node.value, node.unit):
        return node.text
    value = node.value
    if value < 0 or not isfinite(value):
        raise ValueError(f"{value} cannot be written as a number; write Negative(Number)")
    if isinstance(value, float):
        mantissa, _, exponent = repr(value).partition("e")
        return f"{mantissa}e{int(exponent)}{node.unit}" if exponent else mantissa + node.unit
    for suffix in "TGM":
        if not node.unit and value and value % MAGNITUDES[suffix] == 0:
            return f"{value // MAGNITUDES[suffix]}{suffix}"
    return f"{value}{node.unit}"

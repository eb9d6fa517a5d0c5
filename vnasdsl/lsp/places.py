"""What kind of thing may stand at a place of a text, and the names that are known there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal, TypeAlias

from vnasdsl.elaborate.inputs import INPUT_KINDS
from vnasdsl.language.diagnostics import VnsError
from vnasdsl.language.lexer import Token
from vnasdsl.language.query import Cursor
from vnasdsl.language.source import Source, Span
from vnasdsl.language.syntax_context import COMPARISONS
from vnasdsl.layers.base import Layer, Parameter
from vnasdsl.space.elements import POISON
from vnasdsl.space.values import WORDS, coerce

Kind: TypeAlias = Literal[
    "definition",
    "net",
    "space",
    "path",
    "layer",
    "value",
    "argument",
    "input",
    "quantity",
    "choice",
    "key",
    "entry",
    "nothing",
]

STATEMENTS = frozenset({"stage", "input", "require"})
"""Keywords that stand only directly in a space or a network."""

_BEFORE_LAYER = frozenset({"ARROW", "VBAR", "STAR", "EQUAL", "ELSE", "OUT", "OF"})
_BEFORE_ITEM = _BEFORE_LAYER | {"COMMA", "LSQB", "LPAR"}


@dataclass(frozen=True)
class Place:
    """What may stand at a cursor. Which of the fields below say something depends on the kind."""

    kind: Kind
    keywords: frozenset[str] = frozenset()
    function: str = ""
    """The layer, block or part of a recipe whose argument stands here; the space whose choice is named here."""
    parameter: str = ""
    """The parameter whose value stands here, when it is named; else see `position`."""
    position: int = 0
    given: frozenset[str] = frozenset()
    """Arguments that are there already."""
    recipe: str = ""
    key: str = ""
    """The key of the recipe, or what is written of the name of a choice."""
    parameters: tuple[str, ...] = ()
    """The parameters of the block around."""
    lines: tuple[str, ...] = ()
    """The names of lines above, and of the input, that can be read here."""
    layers: bool = False
    """Whether a layer or a line may stand here as well as a value: in the arguments of a block, or of a join."""


def place_at(cursor: Cursor, layers: Mapping[str, Layer]) -> Place:
    """What may stand at a cursor, by the grammar and what stands before it."""
    statement = cursor.statement
    if cursor.in_string:
        return Place("path" if statement and statement[-1].type == "IMPORT" else "nothing")
    keywords = cursor.keywords
    if not cursor.open:
        return Place(_at_top(statement) if cursor.takes_name or not statement else "nothing", keywords)
    header = _header(cursor.before, cursor.open[0])
    if [t.type for t in header[:3]] == ["NAME", "NAME", "FOR"]:
        return _in_recipe(cursor, statement, header[0].text, keywords)
    if len(cursor.open) > 1 or header[0].type not in ("SPACE", "NETWORK"):
        keywords -= STATEMENTS
    if len(cursor.open) > 1 or "BLOCK" not in {t.type for t in header}:
        keywords -= {"out"}
    if not cursor.takes_name or cursor.before[cursor.open[0]].type != "LBRACE":
        return Place("nothing", keywords)
    return _in_body(cursor, statement, header, keywords, layers)


def _at_top(statement: Sequence[Token]) -> Kind:
    match [token.type for token in statement]:
        case []:
            return "definition"
        case ["NETWORK", "NAME", "COLON"]:
            return "space"
        case ["NAME", "NAME", "FOR"]:
            return "net"
    return "nothing"


def _header(tokens: Sequence[Token], brace: int) -> Sequence[Token]:
    """The tokens of a definition before its first bracket."""
    start = brace
    while start > 0 and tokens[start - 1].type != "NEWLINE":
        start -= 1
    header = tokens[start:brace]
    return header if header else tokens[brace : brace + 1]


def _in_recipe(cursor: Cursor, statement: Sequence[Token], recipe: str, keywords: frozenset[str]) -> Place:
    types = [token.type for token in statement]
    if len(cursor.open) == 1:
        if not types or types == ["NAME", "DOT"]:
            return Place("key", keywords, recipe=recipe, key="".join(token.text for token in statement))
        if types[-1] == "EQUAL":
            return Place("entry", recipe=recipe, key="".join(token.text for token in statement[:-1]))
        return Place("nothing")
    function = _called(cursor.before, cursor.open[-1])
    if function is None:
        return Place("nothing")
    argument, _, given = _argument(statement)
    if not argument:
        return Place("key", recipe=recipe, function=function, given=given)
    if [token.type for token in argument] == ["NAME", "EQUAL"]:
        return Place("entry", recipe=recipe, function=function, key=argument[0].text)
    return Place("nothing")


def _in_body(
    cursor: Cursor,
    statement: Sequence[Token],
    header: Sequence[Token],
    keywords: frozenset[str],
    known: Mapping[str, Layer],
) -> Place:
    parameters = _parameters(cursor.before, cursor.open[0]) if "BLOCK" in {t.type for t in header} else ()
    if statement and statement[0].type == "REQUIRE":
        return _in_condition(statement, header)
    lines = _lines(cursor)
    brace = max(i for i in cursor.open if cursor.before[i].type == "LBRACE")
    around = [i for i in cursor.open if i > brace]
    called = [name for i in around if (name := _called(cursor.before, i)) is not None]
    # The arguments of a block, and of a layer that joins, can be layers.
    joins = bool(called) and (called[-1] not in known or known[called[-1]].join is not None)
    takes_layers = joins and called[-1] not in INPUT_KINDS
    if not joins:
        keywords -= {"pick"}
    if not around:
        return Place(_in_braces(statement), keywords, parameters=parameters, lines=lines)
    function = _called(cursor.before, around[-1])
    if function is None:
        value = bool(called) and not (takes_layers and (not statement or statement[-1].type in _BEFORE_ITEM))
        return Place("value" if value else "layer", keywords, parameters=parameters, lines=lines)
    argument, position, given = _argument(statement)
    named = len(argument) > 1 and [t.type for t in argument[:2]] == ["NAME", "EQUAL"]
    goes_on = bool(argument) and argument[-1].type in _BEFORE_ITEM and not (named and len(argument) == 2)
    layers = takes_layers and (not argument or goes_on or (named and function not in known))
    if layers and goes_on and not named:
        return Place("layer", keywords, parameters=parameters, lines=lines)
    return Place(
        "value" if argument else "argument",
        keywords,
        function=function,
        parameter=argument[0].text if named else "",
        position=position,
        given=given,
        parameters=parameters,
        lines=lines,
        layers=layers,
    )


def _lines(cursor: Cursor) -> tuple[str, ...]:
    """The names of the lines above that can be read at a cursor: those of stages that are over are not among them."""
    tokens = cursor.before
    levels: list[list[str]] = []
    starts = 0
    for i, token in enumerate(tokens):
        if token.type in ("NEWLINE", "LBRACE"):
            starts = i + 1
        if token.type == "LBRACE":
            levels.append([])
        elif token.type == "RBRACE" and levels:
            levels.pop()
        elif token.type == "EQUAL" and levels:
            kinds = [t.type for t in tokens[starts:i]]
            if kinds in (["NAME"], ["INPUT", "NAME"]) and _is_over(tokens, i):
                levels[-1].append(tokens[i - 1].text)
    return tuple(dict.fromkeys(name for level in levels for name in level))


def _is_over(tokens: Sequence[Token], place: int) -> bool:
    """Whether a line ends before the cursor."""
    after = tokens[place:]
    return any(depth <= 0 and t.type in ("NEWLINE", "RBRACE") for t, depth in zip(after, _depths(after), strict=True))


def _depths(tokens: Sequence[Token]) -> Iterator[int]:
    """The number of brackets that are open after each token."""
    return accumulate((t.type in ("LPAR", "LSQB", "LBRACE")) - (t.type in ("RPAR", "RSQB", "RBRACE")) for t in tokens)


def _in_braces(statement: Sequence[Token]) -> Kind:
    match [token.type for token in statement]:
        case []:
            return "layer"
        case ["INPUT", *_, "EQUAL"]:
            return "input"
        case ["INPUT" | "STAGE", *_]:
            return "nothing"
        case [*_, last]:
            return "layer" if last in _BEFORE_LAYER else "value"
    return "nothing"


def _in_condition(statement: Sequence[Token], header: Sequence[Token]) -> Place:
    """After `require`: a quantity, or the name of a choice, of which a part may be there."""
    start = len(statement)
    while statement[start - 1].type in ("NAME", "DOT", "LSQB", "NUMBER", "RSQB"):
        start -= 1
    written = "".join(token.text for token in statement[start:])
    if start > 1 and statement[start - 1].type not in COMPARISONS:
        return Place("nothing")
    return Place("quantity" if start == 1 and not written else "choice", function=header[-1].text, key=written)


def _called(tokens: Sequence[Token], bracket: int) -> str | None:
    """The name before an opening parenthesis."""
    if tokens[bracket].type == "LPAR" and bracket and tokens[bracket - 1].type == "NAME":
        return tokens[bracket - 1].text
    return None


def _argument(inside: Sequence[Token]) -> tuple[Sequence[Token], int, frozenset[str]]:
    """The argument that is being written, its position, and the names given before it."""
    start, position = 0, 0
    given: set[str] = set()
    for i, (token, depth) in enumerate(zip(inside, _depths(inside), strict=True)):
        if depth == 0 and token.type == "COMMA":
            start, position = i + 1, position + 1
        if depth == 0 and token.type == "EQUAL" and i == start + 1:
            given.add(inside[start].text)
    return inside[start:], position, frozenset(given)


def _parameters(tokens: Sequence[Token], brace: int) -> tuple[str, ...]:
    """The names of a block's parameters from its header."""
    first = next((i for i in range(brace) if tokens[i].type == "LPAR"), brace)
    return tuple(
        tokens[i].text for i in range(first + 1, brace) if tokens[i].type == "NAME" and tokens[i - 1].type != "EQUAL"
    )


def words_for(parameter: Parameter | None) -> tuple[str, ...]:
    """The words that a parameter takes: `same`, `true`; all of them where the parameter is not known."""
    if parameter is None:
        return tuple(WORDS)
    nowhere = Span(Source("", ""), 0, 0)
    found = []
    for word, value in WORDS.items():
        try:
            coerce(parameter, value, nowhere, POISON)
        except VnsError:
            continue
        found.append(word)
    return tuple(found)

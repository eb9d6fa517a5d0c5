"""The lexer and parser of the grammar file: loaded from the tables that lie beside it, or else built by lark."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from functools import cache
from types import SimpleNamespace
from typing import Any, NamedTuple

import lark

from vnasdsl.language import tree
from vnasdsl.language.limits import MAX_NUMBER
from vnasdsl.language.source import Span
from vnasdsl.resources import grammar_tables, grammar_text

# ---------------------------------- from rules to syntax tree nodes, from the leaves up
# No checks here: `check` of the parser finds in the finished tree what the grammar accepts but the language does not.

MAGNITUDES = {"K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_LONGEST = len(str(MAX_NUMBER)) + 1
_TOO_LARGE = MAX_NUMBER * 10

Children = list[Any]


class _Body(NamedTuple):
    """The statements or entries between braces, with the span of the braces."""

    items: tuple[Any, ...]
    span: Span


class _Key(NamedTuple):
    text: str
    span: Span


def _span(children: Children) -> Span:
    first: Span = children[0].span
    return first.to(children[-1].span)


def _nodes(children: Children) -> tuple[Any, ...]:
    return tuple(child for child in children if isinstance(child, tree.Node))


def _whole(digits: str) -> int:
    """An int from digits; one that is too large is cut, and `checks.py` reports it."""
    digits = digits.replace("_", "").lstrip("0") or "0"
    return int(digits) if len(digits) <= _LONGEST else _TOO_LARGE


def read_number(text: str) -> tuple[int | float, str]:
    """Value and unit of a NUMBER of the grammar. Above MAX_NUMBER or infinite: out of range."""
    unit = "ms" if text.endswith("ms") else "s" if text.endswith("s") else ""
    digits = text.removesuffix(unit)
    magnitude = MAGNITUDES.get(digits[-1], 1)
    digits = digits.rstrip("KMGT").replace("_", "")
    if digits.isdigit():
        return _whole(digits) * magnitude, unit
    if magnitude == 1:
        return float(digits), unit
    exact = Decimal(digits) * magnitude
    if exact.is_finite() and exact == exact.to_integral_value():
        return _whole(str(exact.to_integral_value())), unit
    return float(exact), unit


def _block(children: Children) -> tree.Block:
    tied = children[0].type == "TIED"
    name = children[2 if tied else 1]
    parameters = tuple(child for child in children if isinstance(child, tree.Parameter))
    return tree.Block(name.text, parameters, children[-1].items, tied, span=_span(children), name_span=name.span)


def _network(children: Children) -> tree.Network:
    name, body = children[1], children[-1]
    space = tree.Name(children[3].text, span=children[3].span) if len(children) > 3 else None
    return tree.Network(name.text, space, body.items, span=_span(children), name_span=name.span)


def _recipe(children: Children) -> tree.Recipe:
    kind, name, _, target, entries = children
    of = tree.Name(target.text, span=target.span)
    return tree.Recipe(kind.text, name.text, of, entries.items, span=_span(children), name_span=name.span)


def _chain(children: Children) -> tree.Chain:
    items: list[tree.Expression] = []
    for item in _nodes(children):
        # `(a -> b) -> c` says the same as `a -> b -> c`.
        items.extend(item.items if isinstance(item, tree.Chain) else [item])
    return tree.Chain(tuple(items), span=_span(children))


def _number(children: Children) -> tree.Number:
    text = children[0].text
    value, unit = read_number(text)
    return tree.Number(value, unit, text, span=children[0].span)


def _string(token: Any) -> tree.String:
    return tree.String(re.sub(r'\\(["\\])', r"\1", token.text[1:-1]), span=token.span)


def _call(children: Children) -> tree.Call:
    function = children[0]
    arguments = tuple(child for child in children if isinstance(child, tree.Argument))
    body = children[-1].items if isinstance(children[-1], _Body) else None
    return tree.Call(function.text, arguments, body, span=_span(children), function_span=function.span)


def _argument(children: Children) -> tree.Argument:
    return tree.Argument(children[0].text if len(children) > 1 else None, children[-1], span=_span(children))


def _joined(children: Children) -> str:
    return "".join(child.text for child in children)


RULES: dict[str, Callable[[Children], Any]] = {
    "module": lambda c: tuple(child for child in c if isinstance(child, tree.Definition)),
    "gap": lambda c: tree.Line(tree.Gap(span=c[0].span), span=c[0].span),
    "expression": lambda c: c[0],
    # definitions
    "import_file": lambda c: tree.Import(_string(c[1]), span=_span(c)),
    "block": _block,
    "parameter": lambda c: tree.Parameter(c[0].text, c[2] if len(c) > 1 else None, span=_span(c)),
    "space": lambda c: tree.Space(c[1].text, c[2].items, span=_span(c), name_span=c[1].span),
    "network": _network,
    "recipe": _recipe,
    "entries": lambda c: _Body(tuple(child for child in c if isinstance(child, tree.Entry)), _span(c)),
    "entry": lambda c: tree.Entry(c[0].text, c[2], span=_span(c), key_span=c[0].span),
    "key": lambda c: _Key(_joined(c), _span(c)),
    # statements
    "body": lambda c: _Body(_nodes(c), _span(c)),
    "input": lambda c: tree.Input(c[1].text, c[3], span=_span(c), name_span=c[1].span),
    "stage": lambda c: tree.Stage(c[1].text, c[2].items, span=_span(c), name_span=c[1].span),
    "path": lambda c: tree.Name(_joined(c), span=_span(c)),
    "require": lambda c: tree.Require(c[1], span=_span(c)),
    "out": lambda c: tree.Out(c[1], span=_span(c)),
    "wire": lambda c: tree.Wire(c[0].text, c[2], span=_span(c), name_span=c[0].span),
    "line": lambda c: tree.Line(c[0], span=_span(c)),
    # expressions
    "choice_of": lambda c: tree.Choice(_nodes(c), span=_span(c)),
    "conditional_of": lambda c: tree.Conditional(c[0], c[2], c[4], span=_span(c)),
    "chain_of": _chain,
    "compare": lambda c: tree.Compare(c[1].text, c[0], c[2], span=_span(c)),
    "binary": lambda c: tree.Binary(c[1].text, c[0], c[2], span=_span(c)),
    "range_of": lambda c: tree.Range(c[0], c[2], span=_span(c)),
    "negative": lambda c: tree.Negative(c[1], span=_span(c)),
    "name": lambda c: tree.Name(c[0].text, span=c[0].span),
    "number": _number,
    "dims": lambda c: tree.Dims(tuple(map(_whole, c[0].text.split("x"))), span=c[0].span),
    "string": lambda c: _string(c[0]),
    "parenthesised": lambda c: replace(c[1], span=_span(c)),
    "tuple_of": lambda c: tree.Tuple(_nodes(c), span=_span(c)),
    "list_of": lambda c: tree.List(_nodes(c), span=_span(c)),
    "call": _call,
    "argument": _argument,
    "pick": lambda c: tree.Pick(c[1], c[3], span=_span(c)),
}
"""For each rule or alias of the grammar what is made of its children: tokens, nodes and the helpers above."""

BUILDER = SimpleNamespace(**RULES)
"""What lark is given."""


class _KeepWrongCharacters:
    """Tells lark to keep the terminals that no rule uses: the parser explains them."""

    always_accept = ("BAD_NUMBER", "BAD_STRING", "QUOTED", "BAD_NAME", "UNKNOWN")

    def process(self, stream: Iterator[Any]) -> Iterator[Any]:
        return stream


@cache
def grammar() -> lark.Lark:
    """The lexer and parser, made on first use."""
    return load(grammar_tables()) or build()


def build() -> lark.Lark:
    """What lark makes of the grammar file, which takes a tenth of a small file's check."""
    return lark.Lark(
        grammar_text(),
        parser="lalr",
        lexer="basic",
        start=["module", "expression"],
        keep_all_tokens=True,
        maybe_placeholders=False,
        postlex=_KeepWrongCharacters(),
        transformer=BUILDER,
    )


def tables() -> str:
    """What lark makes of the grammar file, as JSON that `load` reads; docs/generate.py writes it."""
    data, memo = build().memo_serialize([lark.lexer.TerminalDef, lark.grammar.Rule])
    del data["options"]["postlex"], data["options"]["transformer"]
    saved = {"lark": lark.__version__, "grammar": grammar_text(), "data": data, "memo": memo}
    return json.dumps(saved, separators=(",", ":"), sort_keys=True) + "\n"


def load(text: str | None) -> lark.Lark | None:
    """The lexer and parser from `tables()`; None if another lark or another grammar made them."""
    saved = json.loads(text) if text else {}
    if (saved.get("lark"), saved.get("grammar")) != (lark.__version__, grammar_text()):
        return None
    # JSON has no numbers as keys.
    data, memo = saved["data"], _numbered(saved["memo"])
    parser = data["parser"]["parser"]
    parser["tokens"] = _numbered(parser["tokens"])
    parser["states"] = {state: _numbered(actions) for state, actions in _numbered(parser["states"]).items()}
    return lark.Lark._load_from_dict(data, memo, postlex=_KeepWrongCharacters(), transformer=BUILDER)


def _numbered(table: dict[str, Any]) -> dict[int, Any]:
    return {int(key): value for key, value in table.items()}

"""From grammar rules to syntax tree nodes. Lark calls this as it parses, from the leaves up.

No checks here: `checks.py` finds in the finished tree what the grammar accepts but the language does not.
"""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from typing import Any, NamedTuple

from vnasdsl.language import tree
from vnasdsl.language.limits import MAX_NUMBER
from vnasdsl.language.source import Span

MAGNITUDES = {"K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_LONGEST = len(str(MAX_NUMBER)) + 1
_OPERATORS = ("+", "-", "*", "//")
_COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
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


class Builder:
    """One method for each rule or alias of the grammar; children are tokens, nodes and the helpers above."""

    def module(self, children: Children) -> tuple[tree.Definition, ...]:
        return tuple(child for child in children if isinstance(child, tree.Definition))

    def gap(self, children: Children) -> tree.Line:
        span = children[0].span
        return tree.Line(tree.Gap(span=span), span=span)

    def expression(self, children: Children) -> tree.Expression:
        return children[0]

    # definitions

    def import_file(self, children: Children) -> tree.Import:
        return tree.Import(self.string(children[1:]), span=_span(children))

    def block(self, children: Children) -> tree.Block:
        tied = children[0].type == "TIED"
        name = children[2 if tied else 1]
        parameters = tuple(child for child in children if isinstance(child, tree.Parameter))
        return tree.Block(name.text, parameters, children[-1].items, tied, span=_span(children), name_span=name.span)

    def parameter(self, children: Children) -> tree.Parameter:
        default = children[2] if len(children) > 1 else None
        return tree.Parameter(children[0].text, default, span=_span(children))

    def space(self, children: Children) -> tree.Space:
        _, name, body = children
        return tree.Space(name.text, body.items, span=_span(children), name_span=name.span)

    def network(self, children: Children) -> tree.Network:
        name, body = children[1], children[-1]
        space = tree.Name(children[3].text, span=children[3].span) if len(children) > 3 else None
        return tree.Network(name.text, space, body.items, span=_span(children), name_span=name.span)

    def recipe(self, children: Children) -> tree.Recipe:
        kind, name, _, target, entries = children
        of = tree.Name(target.text, span=target.span)
        return tree.Recipe(kind.text, name.text, of, entries.items, span=_span(children), name_span=name.span)

    def entries(self, children: Children) -> _Body:
        return _Body(tuple(child for child in children if isinstance(child, tree.Entry)), _span(children))

    def entry(self, children: Children) -> tree.Entry:
        key, _, value = children
        return tree.Entry(key.text, value, span=_span(children), key_span=key.span)

    def key(self, children: Children) -> _Key:
        return _Key("".join(child.text for child in children), _span(children))

    # statements

    def body(self, children: Children) -> _Body:
        return _Body(_nodes(children), _span(children))

    def input(self, children: Children) -> tree.Input:
        _, name, _, value = children
        return tree.Input(name.text, value, span=_span(children), name_span=name.span)

    def stage(self, children: Children) -> tree.Stage:
        _, name, body = children
        return tree.Stage(name.text, body.items, span=_span(children), name_span=name.span)

    def path(self, children: Children) -> tree.Name:
        return tree.Name("".join(child.text for child in children), span=_span(children))

    def require(self, children: Children) -> tree.Require:
        return tree.Require(children[1], span=_span(children))

    def out(self, children: Children) -> tree.Out:
        return tree.Out(children[1], span=_span(children))

    def wire(self, children: Children) -> tree.Wire:
        name, _, value = children
        return tree.Wire(name.text, value, span=_span(children), name_span=name.span)

    def line(self, children: Children) -> tree.Line:
        return tree.Line(children[0], span=_span(children))

    # expressions

    def choice_of(self, children: Children) -> tree.Choice:
        return tree.Choice(_nodes(children), span=_span(children))

    def conditional_of(self, children: Children) -> tree.Conditional:
        then, _, test, _, otherwise = children
        return tree.Conditional(then, test, otherwise, span=_span(children))

    def chain_of(self, children: Children) -> tree.Chain:
        items: list[tree.Expression] = []
        for item in _nodes(children):
            # `(a -> b) -> c` says the same as `a -> b -> c`.
            items.extend(item.items if isinstance(item, tree.Chain) else [item])
        return tree.Chain(tuple(items), span=_span(children))

    def compare(self, children: Children) -> tree.Compare:
        left, operator, right = children
        sign = operator.text if operator.text in _COMPARISONS else "<="
        return tree.Compare(sign, left, right, span=_span(children))

    def binary(self, children: Children) -> tree.Binary | tree.Gap:
        left, operator, right = children
        if operator.text not in _OPERATORS:  # put in by a repair, with the text of what stood there
            return tree.Gap(span=_span(children))
        return tree.Binary(operator.text, left, right, span=_span(children))

    def range_of(self, children: Children) -> tree.Range:
        low, _, high = children
        return tree.Range(low, high, span=_span(children))

    def negative(self, children: Children) -> tree.Negative:
        return tree.Negative(children[1], span=_span(children))

    def name(self, children: Children) -> tree.Name:
        return tree.Name(children[0].text, span=children[0].span)

    def number(self, children: Children) -> tree.Number:
        text = children[0].text
        value, unit = read_number(text)
        return tree.Number(value, unit, text, span=children[0].span)

    def dims(self, children: Children) -> tree.Dims:
        sizes = tuple(_whole(size) for size in children[0].text.split("x"))
        return tree.Dims(sizes, span=children[0].span)

    def string(self, children: Children) -> tree.String:
        text = re.sub(r'\\(["\\])', r"\1", children[0].text[1:-1])
        return tree.String(text, span=children[0].span)

    def parenthesised(self, children: Children) -> tree.Expression:
        inner: tree.Expression = children[1]
        return replace(inner, span=_span(children))

    def tuple_of(self, children: Children) -> tree.Tuple:
        return tree.Tuple(_nodes(children), span=_span(children))

    def list_of(self, children: Children) -> tree.List:
        return tree.List(_nodes(children), span=_span(children))

    def call(self, children: Children) -> tree.Call:
        function = children[0]
        arguments = tuple(child for child in children if isinstance(child, tree.Argument))
        body = children[-1].items if isinstance(children[-1], _Body) else None
        return tree.Call(function.text, arguments, body, span=_span(children), function_span=function.span)

    def argument(self, children: Children) -> tree.Argument:
        name = children[0].text if len(children) > 1 else None
        return tree.Argument(name, children[-1], span=_span(children))

    def pick(self, children: Children) -> tree.Pick:
        _, count, _, pool = children
        return tree.Pick(count, pool, span=_span(children))

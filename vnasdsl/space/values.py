"""Values: reading closed expressions, putting values in the place of block parameters, and arguments of layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import add, floordiv, mul, sub
from typing import TypeVar

from vnasdsl.language import tree
from vnasdsl.language.checks import WHOLE_NUMBERS
from vnasdsl.language.diagnostics import VnsError, error, guess
from vnasdsl.language.limits import MAX_NUMBER
from vnasdsl.language.source import Span
from vnasdsl.language.walk import rewritten, walk
from vnasdsl.layers import CATALOGUE
from vnasdsl.layers.base import Layer, LayerError, Parameter, Shape, Value, show_value
from vnasdsl.space.elements import Element, FromShape, When

N = TypeVar("N", bound=tree.Node)

LARGEST = 1_000_000
"""Largest number of channels, features or repeats, and largest size along an axis."""

RESERVED: dict[str, Value] = {**{word: word for word in ("same", "classes", "learned")}, "true": True, "false": False}
"""Values that have names in every place."""
WORDS: dict[str, Value] = {
    **{word: word for layer in CATALOGUE.values() for p in layer.parameters for word in p.words},
    **RESERVED,
}
"""Values that have names; all but `RESERVED` only in the place of an argument that takes them."""
AXES = ("channels", "frames", "rows", "columns")
"""Words that stand for the size of what comes into a layer, in the order of a shape (C, T, H, W)."""

ARITHMETIC: dict[str, Callable[[Value, Value], Value]] = {"+": add, "-": sub, "*": mul, "//": floordiv}
COMPARISON: dict[str, Callable[[Value, Value], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


class OtherWord(str):
    """A word that the language does not know. Layers of a project may take it; else the check of names says so."""


def is_number(value: Value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def reads_shape(expression: tree.Node) -> bool:
    """Whether a value depends on the shape of what comes in."""
    return any(isinstance(node, tree.Name) and node.id in AXES for node in walk(expression))


def resolve_arguments(arguments: tuple[tuple[str, Value], ...], shape: Shape) -> dict[str, Value]:
    """The arguments of a layer where `shape` (C, T, H, W) or (C,) comes in: none of them is a `FromShape` any more.

    Raises: LayerError for an axis that the shape does not have, or a value that its parameter does not take.
    """
    return {name: _resolved(value, shape) if isinstance(value, FromShape) else value for name, value in arguments}


def _resolved(value: FromShape, shape: Shape) -> Value:
    expression = with_shape(value.expression, shape)
    try:
        assert isinstance(expression, tree.Node)
        return coerce(value.parameter, evaluate(expression), value.expression.span, value.layer)  # type: ignore[arg-type]
    except VnsError as fault:
        first = fault.diagnostics[0]
        raise LayerError(first.code, first.message, first.help, value.parameter.name) from None


def with_shape(expression: tree.Node, shape: Shape) -> tree.Node:
    """An expression with the sizes of a shape in the place of the words that stand for them. Raises: LayerError."""
    used = {node.id for node in walk(expression) if isinstance(node, tree.Name) and node.id in AXES}
    known = AXES[: len(shape)]
    if not used <= set(known):
        word = min(used - set(known))
        raise LayerError("E0403", f"`{word}` is not known here: the input is a vector", "use it before `pool`")
    sizes = {
        word: tree.Number(size, text=str(size), span=expression.span) for word, size in zip(known, shape, strict=True)
    }
    return substitute(expression, {word: size for word, size in sizes.items() if word in used})


def holds(test: tree.Compare) -> bool:
    """Whether a comparison of values without choices and block parameters holds. Raises: VnsError."""
    if test.op in ("==", "!="):
        left, right = evaluate(test.left), evaluate(test.right)
        if is_number(left) == is_number(right):
            return COMPARISON[test.op](left, right)
    return COMPARISON[test.op](number(test.left), number(test.right))


def side_of(element: When, shape: Shape) -> Element:
    """Which of the two stands where a shape comes in. Raises: LayerError, VnsError."""
    test = with_shape(element.test, shape)
    return element.then if holds(test) else element.otherwise  # type: ignore[arg-type]


def evaluate(expression: tree.Expression) -> Value:
    """The value of an expression without choices and block parameters: int, float, bool, word, tuple of ints (sizes),
    or tuple of floats (a list)."""
    match expression:
        case tree.Number():
            if expression.unit:
                message = f"expected a number without a unit, found the time `{expression.text}`"
                raise error("E0302", message, expression.span)
            if abs(expression.value) > MAX_NUMBER and not isinstance(expression.value, float):
                raise VnsError(())  # said already, by the check of the tree
            return expression.value
        case tree.Dims():
            if max(expression.values) > MAX_NUMBER:
                raise VnsError(())  # said already, by the check of the tree
            return expression.values
        case tree.Name():
            if expression.id in AXES:
                message = f"`{expression.id}` is known only where a layer stands"
                help = "write it in the arguments of a layer, or in the test of `a if ... else b` between layers"
                raise error("E0302", message, expression.span, help=help)
            return WORDS.get(expression.id, OtherWord(expression.id))
        case tree.Tuple():
            items = tuple(evaluate(item) for item in expression.items)
            for item, value in zip(expression.items, items, strict=True):
                if not isinstance(value, int) or isinstance(value, bool):
                    raise error("E0302", f"a size is a whole number, found `{show_value(value)}`", item.span)
            return items
        case tree.Negative():
            return -number(expression.operand)
        case tree.Binary():
            left, right = number(expression.left), number(expression.right)
            if expression.op == "//" and right == 0:
                raise error("E0307", "division by zero", expression.right.span, "this is 0")
            result = ARITHMETIC[expression.op](left, right)
            if abs(result) > MAX_NUMBER:
                raise error("E0106", "this gives a number that is too large", expression.span, notes=(WHOLE_NUMBERS,))
            return result
        case tree.Conditional():
            return evaluate(expression.then if holds(expression.test) else expression.otherwise)
        case tree.Gap():
            raise VnsError(())  # said already, by the parser
        case tree.Pick():
            help = "`pick` chooses among the inputs of a layer such as `sum(pick 2 of [a, b, c])`"
            raise error("E0305", "expected a value, found a `pick`", expression.span, help=help)
        case tree.List():
            return tuple(float(number(item)) for item in expression.items)
        case tree.String():
            message = "expected a number, sizes or a word, found a string"
            raise error("E0302", message, expression.span, help=f"write it without quotes: `{expression.value}`")
        case tree.Call():
            raise VnsError(())  # said already, by the check of names
        case _:
            raise error("E0302", "expected a number, sizes or a word", expression.span)


def number(expression: tree.Expression) -> int | float:
    value = evaluate(expression)
    if not is_number(value):
        help = "arithmetic with the channels that come in is written `channels`, for instance `2 * channels`"
        more = {"help": help} if value == "same" else {}
        raise error("E0302", f"expected a number, found `{show_value(value)}`", expression.span, **more)
    return value


def expression_of(value: Value, span: Span) -> tree.Expression:
    """A value written down, so that it can be printed again."""
    if isinstance(value, bool):
        return tree.Name("true" if value else "false", span=span)
    if isinstance(value, str):
        return tree.Name(value, span=span)
    if isinstance(value, tuple):
        if any(isinstance(v, float) for v in value):
            return tree.List(tuple(expression_of(v, span) for v in value), span=span)
        if len(value) > 1 and all(v >= 0 for v in value):
            return tree.Dims(value, span=span)
        return tree.Tuple(tuple(expression_of(v, span) for v in value), span=span)
    if value < 0:
        return tree.Negative(expression_of(-value, span), span=span)
    return tree.Number(value, text=repr(value), span=span)


def substitute(node: N, values: Mapping[str, tree.Expression]) -> N:
    """The same tree with names replaced by expressions; unchanged parts are kept, not copied."""
    return rewritten(node, lambda n: values.get(n.id) if isinstance(n, tree.Name) else None) if values else node


def coerce(parameter: Parameter, value: Value, span: Span, owner: Layer) -> Value:
    """The value as its parameter wants it; an error naming what was expected otherwise."""

    def wrong(expected: str) -> Exception:
        message = f"`{parameter.name}` of `{owner.name}` must be {expected}, found `{show_value(value)}`"
        more = guess(span, show_value(value), parameter.words, f"it is written `{owner.signature}`")
        return error("E0302", message, span, **more)

    def whole(low: int) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong(f"a whole number{WORDS_FOR.get(parameter.kind, '')}")
        if not low <= value <= LARGEST:
            raise outside(f"from {low} to {LARGEST:,}")
        return value

    def outside(expected: str, help: str | None = None) -> Exception:
        shown = f"`{value:,}`" if isinstance(value, int) else f"`{show_value(value)}`"
        message = f"`{parameter.name}` of `{owner.name}` must be {expected}, found {shown}"
        return error("E0303", message, span, help=help)

    if isinstance(value, OtherWord):
        value = str(value)
    match parameter.kind:
        case "channels":
            return value if value == "same" else whole(1)
        case "outputs":
            return value if value in ("same", "classes") else whole(1)
        case "whole":
            return whole(0 if parameter.low is None else int(parameter.low))
        case "real":
            if not is_number(value):
                raise wrong("a number")
            assert parameter.low is not None and parameter.high is not None
            if not parameter.low <= value <= parameter.high:
                raise outside(f"from {parameter.low:g} to {parameter.high:g}")
            return float(value)
        case "word":
            if value not in parameter.words:
                raise wrong(" or ".join(f"`{word}`" for word in parameter.words))
            return value
        case "weights":
            if value == "learned":
                return value
            if not isinstance(value, tuple) or not all(isinstance(v, float) for v in value):
                raise wrong("`learned` or a list of numbers such as `[0.5, 0.25]`")
            return value
        case "share":
            if not is_number(value):
                raise wrong("a number")
            if not 0 <= value < 1:
                raise outside("at least 0 and less than 1", f"it is the {parameter.doc}; 0.5 is usual")
            return value
        case "flag":
            if not isinstance(value, bool):
                raise wrong("`true` or `false`")
            return value
        case "padding" | "sizes" if value in parameter.words:
            return value
        case "sizes" | "padding":
            low = 0 if parameter.kind == "padding" else int(1 if parameter.low is None else parameter.low)
            if isinstance(value, tuple) and any(isinstance(v, float) for v in value):
                whole_sizes = len(value) in (2, 3) and all(v == int(v) and v >= low for v in value)
                help = f"write `{show_value(tuple(map(int, value)))}`" if whole_sizes else "such as `1x3x3`"
                message = f"`{parameter.name}` of `{owner.name}` takes sizes, not a list of numbers"
                raise error("E0302", message, span, help=help)
            six = parameter.kind == "padding" and isinstance(value, tuple) and len(value) == 6
            sizes = value if six else _sizes(value, low)
            if sizes is None:
                words = "".join(f"`{word}` or " for word in parameter.words[:3])
                raise wrong(f"{words}sizes along frames, rows and columns such as `1x3x3`")
            if not all(low <= v <= LARGEST for v in sizes):
                raise outside(f"sizes from {low} to {LARGEST:,}")
            return sizes
    raise AssertionError(parameter.kind)


WORDS_FOR = {"channels": " or `same`", "outputs": ", `same` or `classes`"}


def _sizes(value: Value, low: int) -> tuple[int, int, int] | None:
    """Sizes along (frames, rows, columns): one number for all three, two for rows and columns, or three."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = (value,) * 3
    if not isinstance(value, tuple) or len(value) not in (2, 3):
        return None
    frames, rows, columns = (low, *value) if len(value) == 2 else value
    return frames, rows, columns

"""Random syntax trees, small, of every kind: `modules()` for files, `expressions()` for single values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from vnasdsl.language import tree
from vnasdsl.language.lexer import KEYWORDS
from vnasdsl.language.limits import MAX_NUMBER
from vnasdsl.language.printer import print_inline, print_module
from vnasdsl.language.source import Source, Span

SOURCE = Source("made", "")
NOWHERE = Span(SOURCE, 0, 0)
AT: dict[str, Any] = {"span": NOWHERE}
NAMED: dict[str, Any] = {"span": NOWHERE, "name_span": NOWHERE}

_WORDS = ["a", "conv", "x3", "_q", "a_rather_long_name_for_a_block", "K", "ms", "true", "search", "blocks", "x"]


def names() -> st.SearchStrategy[str]:
    made = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,6}", fullmatch=True).filter(lambda name: name not in KEYWORDS)
    return st.one_of(st.sampled_from(_WORDS), made)


def strings() -> st.SearchStrategy[tree.String]:
    text = st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]), max_size=8)
    return st.builds(tree.String, st.one_of(text, st.sampled_from(['\\"', "a.vns", "# no comment", "\\\\"])), **_at())


def numbers() -> st.SearchStrategy[tree.Number]:
    whole = st.one_of(st.integers(0, 64), st.integers(0, MAX_NUMBER), st.sampled_from([10**6, 20 * 10**9, MAX_NUMBER]))
    real = st.floats(0, allow_infinity=False, allow_nan=False)
    return st.builds(tree.Number, st.one_of(whole, real), st.sampled_from(["", "", "ms", "s"]), **_at())


def _at() -> dict[str, Any]:
    return {"span": st.just(NOWHERE)}


def _some(of: st.SearchStrategy[Any], least: int = 0, most: int = 3) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(of, min_size=least, max_size=most).map(tuple)


def _arguments(values: st.SearchStrategy[tree.Expression]) -> st.SearchStrategy[tuple[tree.Argument, ...]]:
    by_position = _some(values.map(lambda value: tree.Argument(None, value, **AT)))
    by_name = st.dictionaries(names(), values, max_size=3).map(
        lambda given: tuple(tree.Argument(name, value, **AT) for name, value in given.items())
    )
    return st.tuples(by_position, by_name).map(lambda both: both[0] + both[1])


def compares(values: st.SearchStrategy[tree.Expression]) -> st.SearchStrategy[tree.Compare]:
    return st.builds(tree.Compare, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), values, values, **_at())


def _larger(values: st.SearchStrategy[tree.Expression]) -> st.SearchStrategy[tree.Expression]:
    at = _at()
    unchained = values.filter(lambda value: not isinstance(value, tree.Chain))
    span = {"function_span": st.just(NOWHERE)}
    body = st.one_of(st.none(), _some(flat_statements(values)))
    return st.one_of(
        st.builds(tree.Tuple, _some(values, 1), **at),
        st.builds(tree.List, _some(values), **at),
        st.builds(tree.Negative, values, **at),
        st.builds(tree.Binary, st.sampled_from(["+", "-", "*", "//"]), values, values, **at),
        st.builds(tree.Conditional, values, compares(values), values, **at),
        st.builds(tree.Range, values, values, **at),
        st.builds(tree.Pick, values, values, **at),
        st.builds(tree.Call, names(), _arguments(values), body, **at, **span),
        st.builds(tree.Chain, _some(unchained, 2), **at),
        st.builds(tree.Choice, _some(values, 2), **at),
    )


def expressions(size: int = 12) -> st.SearchStrategy[tree.Expression]:
    """Expressions with at most about `size` leaves."""
    at = _at()
    leaves = st.one_of(
        st.builds(tree.Name, names(), **at),
        numbers(),
        st.builds(tree.Dims, _some(st.integers(0, 9), 2), **at),
        strings(),
    )
    return st.recursive(leaves, _larger, max_leaves=size)


def flat_statements(values: st.SearchStrategy[tree.Expression]) -> st.SearchStrategy[tree.Statement]:
    """Statements without stages inside."""
    named = {**_at(), "name_span": st.just(NOWHERE)}
    return st.one_of(
        st.builds(tree.Line, values, **_at()),
        st.builds(tree.Wire, names(), values, **named),
        st.builds(tree.Out, values, **_at()),
        st.builds(tree.Input, names(), values, **named),
        st.builds(tree.Require, compares(values), **_at()),
    )


def statements(size: int = 8) -> st.SearchStrategy[tree.Statement]:
    named = {**_at(), "name_span": st.just(NOWHERE)}
    flat = flat_statements(expressions(size))
    return st.recursive(
        flat, lambda inner: st.builds(tree.Stage, names(), _some(st.one_of(flat, inner)), **named), max_leaves=4
    )


def _recipes() -> st.SearchStrategy[tree.Recipe]:
    keys = st.lists(names(), min_size=1, max_size=2).map(".".join)
    entries = st.dictionaries(keys, expressions(6), max_size=4).map(
        lambda given: tuple(tree.Entry(key, value, span=NOWHERE, key_span=NOWHERE) for key, value in given.items())
    )
    target = st.builds(tree.Name, names(), **_at())
    kind = st.sampled_from(["search", "retrain", "evaluate"])
    return st.builds(tree.Recipe, kind, names(), target, entries, **_at(), name_span=st.just(NOWHERE))


def definitions() -> st.SearchStrategy[tree.Definition]:
    named = {**_at(), "name_span": st.just(NOWHERE)}
    body = _some(statements())
    parameters = st.dictionaries(names(), st.one_of(st.none(), expressions(4)), max_size=3).map(
        lambda given: tuple(tree.Parameter(name, default, **AT) for name, default in given.items())
    )
    space = st.one_of(st.none(), st.builds(tree.Name, names(), **_at()))
    return st.one_of(
        st.builds(tree.Import, strings(), **_at()),
        st.builds(tree.Block, names(), parameters, body, st.booleans(), **named),
        st.builds(tree.Space, names(), body, **named),
        st.builds(tree.Network, names(), space, body, **named),
        _recipes(),
    )


def modules() -> st.SearchStrategy[tree.Module]:
    return st.builds(tree.Module, _some(definitions()), **_at(), source=st.just(SOURCE))


class Shown:
    """A drawn tree whose `repr` is its text, cut short: that of the nodes can have a hundred million characters."""

    MOST = 2_000

    def __init__(self, node: Any, printed: Callable[[Any], str]):
        self.node = node
        self.printed = printed

    def __repr__(self) -> str:
        text = self.printed(self.node)
        more = len(text) - self.MOST
        return text if more <= 0 else f"{text[: self.MOST]}... and {more:,} characters more"


@st.composite
def shown_modules(draw: st.DrawFn) -> Shown:
    return Shown(draw(modules()), print_module)


@st.composite
def shown_expressions(draw: st.DrawFn) -> Shown:
    return Shown(draw(expressions(30)), print_inline)


def same(found: tree.Node, expected: tree.Node) -> bool:
    """Whether two trees are equal. A bare `==` in an assertion would have pytest print both."""
    return found == expected

"""What is kept of a text with syntax errors, and what stands at a place of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import ROOT
from vnasdsl.language import tree
from vnasdsl.language.lexer import END, KEYWORDS, Tokens
from vnasdsl.language.parser import parse, parse_partial
from vnasdsl.language.query import cursor_at, path_at
from vnasdsl.language.source import Source
from vnasdsl.language.walk import walk

TEXTS = {path.stem: path.read_text(encoding="utf-8") for path in sorted((ROOT / "spaces").glob("*.vns"))}
NOISE = [
    "{",
    "}",
    "(",
    ")",
    "\n",
    "stage ",
    "block x {",
    "search a for b {",
    "=",
    "->",
    "for",
    '"',
    "🎬",
    "|",
    "residual {",
]


def partial(text: str) -> tuple[tree.Module, list[str]]:
    module, found = parse_partial(Source("x.vns", text))
    assert module is not None
    return module, [d.code for d in found]


@pytest.mark.parametrize("name", TEXTS)
def test_a_sound_text_has_the_same_tree(name: str) -> None:
    source = Source(name, TEXTS[name])
    assert parse_partial(source) == (parse(source), ())


@pytest.mark.parametrize("name", ["tiny", "x3d3_k400"])
def test_cut_off_anywhere_the_definitions_before_are_kept(name: str) -> None:
    source = Source(name, TEXTS[name])
    items = parse(source).items
    for token in Tokens(source).items[::7]:
        module, _ = partial(source.text[: token.span.start])
        whole = tuple(item for item in items if item.span.end <= token.span.start)
        assert module.items[: len(whole)] == whole


def test_a_line_that_cannot_be_read_leaves_a_gap() -> None:
    text = "space s {\n  stage s1 {\n    bn\n    conv(8, 3 -> = bn\n    relu\n  }\n  pool\n}\nblock b { skip }\n"
    module, codes = partial(text)
    assert codes
    space, block = module.items
    assert isinstance(space, tree.Space)
    stage, pool = space.body
    assert isinstance(stage, tree.Stage)
    assert isinstance(pool, tree.Line)
    first, gap, last = (line.value for line in stage.body if isinstance(line, tree.Line))
    assert isinstance(first, tree.Name)
    assert isinstance(gap, tree.Gap)
    assert isinstance(last, tree.Name)
    assert (first.id, last.id) == ("bn", "relu")
    assert isinstance(block, tree.Block)


def test_open_braces_are_closed_where_the_next_definition_begins() -> None:
    module, codes = partial("space s {\n  stage s1 {\n    bn\n    residual {\n      conv(\n\nblock b { relu }\n")
    assert "E0104" in codes
    space, block = module.items
    assert isinstance(space, tree.Space)
    assert isinstance(block, tree.Block)
    (stage,) = space.body
    assert isinstance(stage, tree.Stage)
    assert [type(line) for line in stage.body] == [tree.Line, tree.Line]


def test_an_entry_that_cannot_be_read_is_left_out() -> None:
    module, _ = partial("search f for s {\n  epochs = 3\n  weights = sgd(lr=\n  batch = 4\n}\n")
    (recipe,) = module.items
    assert isinstance(recipe, tree.Recipe)
    assert "epochs" in [entry.key for entry in recipe.entries]


@pytest.mark.parametrize("deep", ["(" * 200 + "relu" + ")" * 200, "(\n" * 200 + "relu" + "\n)" * 200])
def test_nothing_is_read_of_a_file_nested_too_deep(deep: str) -> None:
    module, found = parse_partial(Source("x.vns", f"block x(n) {{\n  {deep}\n}}\n"))
    assert module is None
    assert [d.code for d in found] == ["E0108"]


def test_many_brackets_that_are_never_closed_are_one_fault_each() -> None:
    module, found = partial("block a {\n" + "  conv((8, 1x1x1)\n" * 120 + "}\nblock b { conv(3 3) }\n")
    assert found == ["E0104"] * 120 + ["E0101"]
    assert len(module.items) == 2


@given(
    st.sampled_from(sorted(TEXTS)),
    st.lists(st.tuples(st.floats(0, 1), st.sampled_from(NOISE), st.integers(0, 8)), max_size=4),
)
def test_every_text_has_a_tree_or_faults(name: str, changes: list[tuple[float, str, int]]) -> None:
    text = TEXTS[name]
    for share, noise, removed in changes:
        place = int(share * len(text))
        text = text[:place] + noise + text[place + removed :]
    source = Source("x.vns", text)
    module, found = parse_partial(source)
    gaps = [n for n in walk(module) if isinstance(n, tree.Gap)] if module is not None else []
    assert found or not gaps
    for node in walk(module) if module is not None else ():
        assert 0 <= node.span.start <= node.span.end <= len(text)
    cursor_at(Tokens(source), int(changes[0][0] * len(text)) if changes else 0)


def test_path() -> None:
    text = "block b {\n  residual { conv(8, 3) -> bn }\n  relu\n}\n"
    module = parse(Source("x.vns", text))
    path = path_at(module, text.index("conv") + 1)
    names = [type(node).__name__ for node in path]
    assert names == ["Module", "Block", "Line", "Call", "Line", "Chain", "Call"]


def test_keywords_at_a_cursor_are_those_that_the_grammar_takes() -> None:
    def keywords(text: str) -> frozenset[str]:
        cursor = cursor_at(Tokens(Source("x.vns", text.replace("@", ""))), text.index("@"))
        assert cursor is not None
        return cursor.keywords

    assert keywords("@") == {"block", "space", "network", "import", "tied"}
    assert keywords("space s { @") == {"stage", "input", "require", "out", "pick"}
    assert keywords("search a @") == {"for"}
    assert keywords("block b { bn @") == {"if"}
    assert keywords("tied @") == {"block"}
    assert set().union(*map(keywords, ("@", "space s { @", "search a @", "block b { bn @"))) <= KEYWORDS
    assert all(token.type != END for token in Tokens(Source("x", "bn")).items[:-1])

"""The canonical text of a file with comments: pairs of files read by eye, and comments put everywhere."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.language.strategies import Shown, same, shown_modules
from tests.support import ROOT, examples
from vnasdsl.language import format as formatting
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import VnsError
from vnasdsl.language.files import read_source
from vnasdsl.language.format import FormatError, format_text
from vnasdsl.language.lexer import Tokens, lex
from vnasdsl.language.limits import MAX_DEPTH
from vnasdsl.language.parser import parse
from vnasdsl.language.printer import print_module
from vnasdsl.language.source import Source

HERE = Path(__file__).parent
PAIRS = sorted((HERE / "format").glob("*.in.vns"))
EXAMPLES = [*sorted((ROOT / "spaces").rglob("*.vns")), *sorted((HERE / "texts").glob("*.vns"))]


def read(text: str) -> tree.Module:
    return parse(Source("x", text))


def comments(text: str) -> list[str]:
    return [token.text.rstrip() for token in lex(Source("x", text), dont_ignore=True) if token.type == "COMMENT"]


@pytest.mark.parametrize("path", PAIRS, ids=lambda path: path.name.split(".")[0])
def test_pairs(path: Path) -> None:
    expected = path.with_name(path.name.replace(".in.", ".out.")).read_text(encoding="utf-8")
    assert format_text(read_source(path)) == expected
    assert format_text(expected) == expected
    assert comments(expected) == comments(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", sorted((ROOT / "spaces").rglob("*.vns")), ids=lambda path: path.stem)
def test_the_spaces_of_the_repository_are_canonical(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert format_text(text) == text


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_without_comments_and_empty_lines_it_is_the_printed_tree(path: Path) -> None:
    source = read_source(path)
    kept = "".join(token.text for token in lex(source, dont_ignore=True) if token.type != "COMMENT")
    lines = [line for line in kept.split("\n") if line.strip()]
    assert format_text("\n".join(lines)) == print_module(parse(source))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("\n\n \n", ""),
        ("# a", "# a\n"),
        ("\n# a\r\n\r\n\r\n# b\r", "# a\n\n# b\n"),
        ("\ufeff# a\nspace s {}", "# a\nspace s {}\n"),
        ("space s {\r\n  a # x\r  b\r\n}", "space s {\n  a  # x\n  b\n}\n"),
        ("space s { a # \u2028 \x85 \U0001f600\n}", "space s {\n  a  # \u2028 \x85 \U0001f600\n}\n"),
    ],
)
def test_ends_of_lines_and_of_files(text: str, expected: str) -> None:
    assert format_text(text) == expected
    assert format_text(expected) == expected


# --------------------------------------------------------- a comment everywhere


def pieces(path: Path) -> Iterator[str]:
    """An example in parts that are read on their own: each definition with what stands before it, then the rest."""
    source = read_source(path)
    begin = 0
    for item in parse(source).items:
        yield source.text[begin : item.span.end] + "\n"
        begin = item.span.end
    yield source.text[begin:]


@cache
def signs(text: str) -> list[tuple[str, str]]:
    """What the parser reads."""
    return [(token.type, token.text.strip()) for token in Tokens(Source("x", text)).items]


def places(text: str) -> list[int]:
    """The boundaries between the tokens of a text, white space apart."""
    tokens = list(lex(Source("x", text), dont_ignore=True))
    return [t.span.start for t in tokens if t.type not in ("SPACE_BETWEEN", "NEWLINE")] + [len(text)]


def with_comment(text: str, place: int, comment: str) -> str | None:
    """The text with a comment at a place; None where the line end behind it would end a statement."""
    try:
        more = text[:place] + comment + text[place:]
        return more if signs(more) == signs(text) else None
    except VnsError:
        return None


def survives(text: str, module: tree.Module, comment: str) -> None:
    formatted = format_text(text)
    assert read(formatted) == module
    assert comments(formatted) == comments(text)
    assert comments(comment)[0] in comments(formatted)


QUICK = {"tiny", "x3d3_k400", "evanet_tiny", "peng2019_1"}
SOME = [path if path.stem in QUICK else pytest.param(path, marks=pytest.mark.slow) for path in EXAMPLES]
COMMENTS = [" # c0\n", "\n\n# c0\n", " # c0\n# c1\n\n"]


@pytest.mark.parametrize("path", SOME, ids=lambda path: path.stem)
def test_a_comment_at_a_boundary_between_tokens_survives(path: Path) -> None:
    """At about every twelfth boundary, others for each example; at every one with VNASDSL_ALL_PLACES=1 (minutes)."""
    step = 1 if os.environ.get("VNASDSL_ALL_PLACES") else 36
    tried = 0
    number = len(path.stem)
    for text in pieces(path):
        module = read(text)
        for place in places(text):
            for comment in COMMENTS:
                number += 1
                if number % step:
                    continue
                more = with_comment(text, place, comment)
                if more is not None:
                    survives(more, module, comment)
                    tried += 1
    assert tried


@pytest.mark.parametrize("path", SOME, ids=lambda path: path.stem)
def test_comments_at_all_boundaries_at_once_survive(path: Path) -> None:
    for text in pieces(path):
        found = [place for place in places(text) if with_comment(text, place, COMMENTS[0]) is not None]
        for kind, comment in enumerate(COMMENTS[:2]):
            more = text
            for count, place in reversed(list(enumerate(found))):
                more = more[:place] + comment.replace("c0", f"{kind}.{count}") + more[place:]
            assert signs(more) == signs(text)
            survives(more, read(text), f" # {kind}.0\n")


# ------------------------------------------------------------- random layout


def more_signs(text: str, random: Random) -> list[tuple[str, str]]:
    """Type and text of the signs of a canonical text, with commas and parentheses that change nothing."""
    more: list[tuple[str, str]] = []
    calls: list[bool] = []
    for token in Tokens(Source("x", text)).items[:-1]:
        kind, before = token.type, more[-1][0] if more else ""
        if kind in ("LPAR", "LSQB", "LBRACE"):
            calls.append(kind == "LSQB" or (kind == "LPAR" and before == "NAME"))
        elif kind in ("RPAR", "RSQB", "RBRACE") and calls.pop() and before not in ("LPAR", "LSQB", "COMMA"):
            more += [("COMMA", ",")] * random.randrange(2)
        if kind == "NUMBER" and random.random() < 0.3:
            more += [("LPAR", "("), (kind, token.text), ("RPAR", ")")]
        else:
            more.append((kind, token.text))
    return more


def ugly(text: str, random: Random) -> str:
    """The same tree with other white space, empty lines and comments, as the rules of the language allow."""
    parts: list[str] = []
    inside: list[str] = []
    signs = more_signs(text, random)
    following = [kind for kind, _ in signs[1:]] + ["END"]
    for (kind, sign), after in zip(signs, following, strict=False):
        if kind in ("LPAR", "LSQB", "LBRACE"):
            inside.append(kind)
        elif kind in ("RPAR", "RSQB", "RBRACE"):
            inside.pop()
        parts.append("" if kind == "NEWLINE" else sign)
        free = bool(inside) and inside[-1] != "LBRACE"
        free = free or kind in ("LBRACE", "ARROW", "VBAR") or after in ("LBRACE", "RBRACE", "ARROW", "VBAR")
        if kind == "NEWLINE" or (free and random.random() < 0.4):
            behind = f"  # {random.random():.3f} " if random.random() < 0.3 else ""
            count = random.choice([0, 0, 0, 1, 2])
            own = [f"{' ' * random.randrange(4)}# {random.random():.3f}\n" for _ in range(count)]
            own = [line + "\n" * random.choice([0, 0, 2]) for line in own]
            parts.append(f"{behind}\n" + "\n" * random.choice([0, 0, 1, 3]) + "".join(own))
        parts.append(" " * random.choice([1, 1, 2, 5]))
    return "".join(parts)


@examples(60, 8)
@given(shown_modules(), st.integers(0, 2**32))
def test_any_layout_of_a_tree_gives_a_stable_text_of_the_same_tree(drawn: Shown, seed: int) -> None:
    text = ugly(print_module(drawn.node), Random(seed))
    assert same(read(text), drawn.node)
    formatted = format_text(text)
    assert same(read(formatted), drawn.node)
    assert comments(formatted) == comments(text)
    assert format_text(formatted) == formatted
    lines = formatted.split("\n")
    assert not any(line.endswith(" ") for line in lines)
    assert "\n\n\n" not in formatted
    assert not any(before.endswith("{") and not line for before, line in pairwise(lines))


def test_comments_on_both_sides_of_a_parenthesis_that_goes_away() -> None:
    text = "space s {\n  x = f(a # 1\n    if a < (0) else # 2\n    # 3\n    ( # 4\n    0))\n}\n"
    formatted = format_text(text)
    assert same(read(formatted), read(text))
    assert comments(formatted) == ["# 1", "# 2", "# 3", "# 4"]


def test_deep_nesting() -> None:
    deep = MAX_DEPTH - 10
    for opening, inner, closing in (("f(", "a", ")"), ("[", "", "]"), ("(", "a", ")")):
        text = f"{opening * deep} # c\n {inner}{closing * deep}"
        assert "# c" in format_text(f"space s {{ x = {text} }}")


# ------------------------------------------------------------------ refusals


def test_a_text_with_errors_is_refused() -> None:
    with pytest.raises(VnsError):
        format_text("space s { a ; b }")


@pytest.mark.parametrize(
    ("lie", "reason"),
    [
        (lambda text: text.replace("  a", "  b"), "another meaning"),
        (lambda text: text.replace("# c", ""), "other comments"),
        (lambda text: text.replace("{", "}"), "has an error"),
        (lambda text: text + "# c", "other comments"),
    ],
)
def test_a_faulty_layout_is_found(monkeypatch: pytest.MonkeyPatch, lie: object, reason: str) -> None:
    honest = formatting._write
    monkeypatch.setattr(formatting, "_write", lambda *given: lie(honest(*given)))  # type: ignore[operator]
    with pytest.raises(FormatError, match=reason):
        format_text("space s { a # c\n }")


def test_a_layout_that_never_settles_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = formatting._write
    texts = iter("\n" * n for n in range(1, 99))
    monkeypatch.setattr(formatting, "_write", lambda *given: honest(*given) + next(texts))
    with pytest.raises(FormatError, match="changes it again"):
        format_text("space s { a }")

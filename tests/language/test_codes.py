"""The registry of codes: each one once, explained, and raised by the code somewhere."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import ROOT
from vnasdsl.language.codes import CODES, FAMILIES, Code, read_family
from vnasdsl.language.limits import LONGEST_NAME, MAX_BYTES, MAX_DEPTH, MAX_TOKENS

PACKAGE = ROOT / "vnasdsl"
REGISTRY = PACKAGE / "language" / "codes"


def named_codes() -> Iterator[tuple[str, Path]]:
    """Every code that stands as a text in the package, outside of the registry."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if REGISTRY in path.parents:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            text = node.value if isinstance(node, ast.Constant) else None
            if isinstance(text, str) and re.fullmatch(r"[EW][0-9]{4}", text):
                yield text, path


def test_every_code_raised_is_registered_and_every_registered_one_is_raised() -> None:
    assert {code for code, _ in named_codes()} == set(CODES)


def test_every_code_has_one_explanation() -> None:
    assert len(CODES) == sum(len(codes) for codes in FAMILIES.values())


def test_explanations_give_the_limits_that_hold() -> None:
    assert f"{MAX_BYTES:,} bytes and {MAX_TOKENS:,} words" in CODES["E0105"].why
    assert f"nested {MAX_DEPTH} deep" in CODES["E0108"].why
    assert f"at most {LONGEST_NAME} characters" in CODES["E0208"].why


def test_a_line_or_file_of_an_example_can_stand_for_several() -> None:
    text = "# Names\n\n## E0199: title\n\nWhy.\n\nWrong:\n\n```vns\na {1..3}\n\nb\n```\n\n"
    more = "```vns p{1..2}.vns encoding=latin-1\né{next}\n```\n\nRight:\n\n```vns\nc\n```\n"
    title, (code,) = read_family(text + more)
    assert title == "Names"
    assert code.bad == {"example.vns": "a 1\na 2\na 3\n\nb\n", "p1.vns": b"\xe92\n", "p2.vns": b"\xe93\n"}
    assert code.good == {"example.vns": "c\n"}


@pytest.mark.parametrize("code", CODES.values(), ids=list(CODES))
def test_explanations_are_readable(code: Code) -> None:
    assert re.fullmatch(r"[EW][0-9]{4}", code.id)
    assert code.title[0].islower() or code.title.startswith("`")
    assert not code.title.endswith(".")
    assert 2 <= len(re.findall(r"[.:?](?= |$)", code.why)) <= 9
    assert code.why[-1] == "."
    assert len(code.why) < 700

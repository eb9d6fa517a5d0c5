"""The registry of codes: each one once, explained, and raised by the code somewhere."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import ROOT
from vnasdsl.language.codes import CODES, FAMILIES, register
from vnasdsl.language.codes.code import Code, one
from vnasdsl.language.diagnostics import Diagnostic

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


def test_no_code_can_be_registered_twice() -> None:
    again = Code("E0101", "another", "why", one(""), one(""))
    with pytest.raises(ValueError, match="E0101 is registered twice"):
        register([*FAMILIES.values(), (again,)])
    assert len(CODES) == sum(len(codes) for codes in FAMILIES.values())


def test_a_diagnostic_needs_a_registered_code() -> None:
    with pytest.raises(ValueError, match="E9999"):
        Diagnostic("E9999", "no such code")


@pytest.mark.parametrize("code", CODES.values(), ids=list(CODES))
def test_explanations_are_readable(code: Code) -> None:
    assert re.fullmatch(r"[EW][0-9]{4}", code.id)
    assert code.title[0].islower() or code.title.startswith("`")
    assert not code.title.endswith(".")
    assert 2 <= len(re.findall(r"[.:?](?= |$)", code.why)) <= 8
    assert code.why[-1] == "."
    assert len(code.why) < 600

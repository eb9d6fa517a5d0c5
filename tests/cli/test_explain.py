"""`vnasdsl explain`, and the examples of every code: each is run, the fault of the wrong one shown in a golden."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable

import pytest
from click.testing import CliRunner

from tests.support import ROOT, example_faults
from vnasdsl.cli.explain import faults, shown
from vnasdsl.cli.main import cli
from vnasdsl.language.codes import CODES, Code, Files
from vnasdsl.language.diagnostics import Diagnostic
from vnasdsl.language.render import render


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong examples are run once: some reach their limit after a second."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("vnasdsl.cli.explain.faults", known_faults)
    monkeypatch.setattr("vnasdsl.cli.explain.faults", known_faults)


def known_faults(code: Code, files: Files) -> list[Diagnostic]:
    return [*example_faults(code.id)] if files is code.bad else faults(code, files)


@pytest.mark.parametrize("code", CODES.values(), ids=list(CODES))
def test_examples(code: Code, golden: Callable[[str, str], None]) -> None:
    found = example_faults(code.id)
    assert [(d.code, d.severity) for d in found] == [(code.id, code.severity)]
    assert not faults(code, code.good)
    golden(f"errors/{code.id}.txt", render(found) + "\n")


@pytest.mark.parametrize("code", CODES.values(), ids=list(CODES))
def test_messages_keep_the_style(code: Code) -> None:
    for d in example_faults(code.id):
        texts = [d.message, *d.notes, *([d.help] if d.help else []), *(label.text for label in d.secondary)]
        for text in texts:
            assert text[0] in "`.0123456789" or text[0].islower(), text
            assert not text.endswith("."), text
            assert text.count("`") % 2 == 0, text


def explain(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["explain", *arguments])
    return result.exit_code, result.output


def test_a_code_is_explained(golden: Callable[[str, str], None]) -> None:
    status, text = explain("e0601")
    assert status == 0
    golden("explain/E0601.txt", text)


@pytest.mark.parametrize("code", CODES.values(), ids=list(CODES))
def test_every_explanation_fits_the_screen(code: Code) -> None:
    status, text = explain(code.id)
    assert status == 0
    assert text.startswith(f"{code.id}: {code.title}\n")
    assert len(text.splitlines()) < 90
    assert max(map(len, text.splitlines())) <= 130


def test_all_codes_are_listed() -> None:
    status, text = explain()
    assert status == 0
    assert [line.split()[0] for line in text.splitlines() if line.startswith("  ")] == sorted(CODES, key=text.index)
    listed = json.loads(explain("--json")[1])
    assert [entry["code"] for entry in listed] == list(CODES)


def test_an_explanation_for_programs() -> None:
    got = json.loads(explain("E0703", "--json")[1])
    assert got["code"] == "E0703"
    assert got["severity"] == "error"
    assert set(got["bad"]) == {"example.vns", "blocks.vns"}
    assert "there is no file" in got["rendering"]


def test_an_unknown_code_is_helped() -> None:
    assert explain("E0333") == (1, "error: there is no code `E0333`\n  = help: did you mean `E0303`?\n")
    status, text = explain("speed")
    assert status == 1
    assert "`vnasdsl explain` lists all codes" in text


def test_long_examples_are_cut() -> None:
    ((_, text),) = shown(CODES["E0105"].bad)
    assert len(text) < 400
    assert [name for name, _ in shown(CODES["E0704"].bad)] == ["example.vns", "part1.vns", "...", "part18.vns"]


def test_the_page_of_all_codes_is_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "docs")
    errors = runpy.run_path(str(ROOT / "docs" / "generate.py"))["errors"]
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    assert page == errors(), "docs/errors.md is stale: run `python docs/generate.py`"

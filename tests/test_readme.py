"""What README.md says is true: its text compiles, its commands and targets exist."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

from tests.support import ROOT
from vnasdsl.cli.main import COMMANDS

README = (ROOT / "README.md").read_text(encoding="utf-8")


def fenced(language: str) -> list[str]:
    """The fenced blocks of README.md in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


def test_its_texts_are_right(run_cli: Callable[..., CompletedProcess[str]], tmp_path: Path) -> None:
    texts = fenced("vns")
    assert texts
    for number, text in enumerate(texts):
        (tmp_path / f"{number}.vns").write_text(text, encoding="utf-8")
        result = run_cli("check", f"{number}.vns")
        assert result.returncode == 0, result.stderr
        assert not result.stderr


def test_its_error_is_the_one_shown(run_cli: Callable[..., CompletedProcess[str]], tmp_path: Path) -> None:
    wrong = fenced("vns")[0].replace("(basic(1)", "(basc(1)")
    (tmp_path / "small.vns").write_text(wrong, encoding="utf-8")
    (shown,) = (text for text in fenced("text") if text.startswith("error["))
    assert run_cli("check", "small.vns").stderr.startswith(shown)


def test_choices_it_names_exist(run_cli: Callable[..., CompletedProcess[str]], tmp_path: Path) -> None:
    (tmp_path / "small.vns").write_text(fenced("vns")[0], encoding="utf-8")
    shown = json.loads(run_cli("show", "small.vns", "--json").stdout)
    named = set(re.findall(r"`(s\d[^` ]*\.[^` ]+)`", README))
    assert named
    assert named <= {choice["name"] for choice in shown["choices"]}


def test_its_commands_exist_and_none_is_missing() -> None:
    assert set(re.findall(r"^\| `vnasdsl ([\w-]+)", README, flags=re.MULTILINE)) == set(COMMANDS)


def test_its_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"\bmake ([\w-]+)", "\n".join(fenced("sh"))))
    assert targets >= {"demo", "test", "test-slow"}
    for target in targets:
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE)

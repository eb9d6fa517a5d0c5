"""`vnasdsl draw`: files of every kind, runs, and what it refuses."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.support import CASES, ROOT
from vnasdsl.elaborate import load

Run = Callable[..., CompletedProcess[str]]
SMALL = CASES / "emit" / "small.vns"
PATHS = {"s1": [[0.25, 0.75]]}
MIXTURES = {
    f"s1[channels={channels}].stack[{layer}].op": [0.9, 0.1] if layer else [0.2, 0.8]
    for channels in (4, 8)
    for layer in (0, 1)
}


@pytest.fixture
def search(tmp_path: Path) -> Path:
    """The folder of a finished search of `small`, as far as `draw` reads it."""
    run = tmp_path / "found"
    run.mkdir()
    (run / "space.vns").write_text(load(SMALL).get("small").text(), encoding="utf-8")
    facts: dict[str, Any] = {
        "kind": "search",
        "name": "small",
        "classes": list("abcde"),
        "fix": {},
        "overrides": {"frames": None, "size": None, "classes": None},
        "recipe": {"temperature": 1.0},
    }
    write_json(run / "run.json", facts)
    write_json(run / "choices.json", {"choices": {}, "path_weights": PATHS, "mixture_weights": MIXTURES})
    return run


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def title(path: Path) -> str:
    return ElementTree.parse(path).getroot().get("aria-label") or ""


def test_every_kind_of_file(run_cli: Run, tmp_path: Path) -> None:
    for name, start in (("a.svg", b"<svg "), ("a.PNG", b"\x89PNG"), ("a.mmd", b"---\n"), ("a.dot", b'digraph "small')):
        result = run_cli("draw", SMALL, "small_a", "-o", name)
        assert (result.returncode, result.stdout, result.stderr) == (0, f"wrote {name}\n", "")
        assert (tmp_path / name).read_bytes().startswith(start)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_the_same_bytes_in_another_process(run_cli: Run, run_process: Run, tmp_path: Path) -> None:
    run_process("draw", SMALL, "small", "-o", "a.svg", env={"PYTHONHASHSEED": "1"})
    run_process("draw", SMALL, "small", "-o", "sub/b.svg", env={"PYTHONHASHSEED": "2", "LC_ALL": "C"})
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "sub" / "b.svg").read_bytes()
    assert run_cli("draw", SMALL, "small", "-o", "a.svg").stdout == "unchanged a.svg\n"


def test_a_run_is_shown(run_cli: Run, search: Path, tmp_path: Path) -> None:
    result = run_cli("draw", search, "-o", "a.svg")
    assert (result.returncode, result.stderr) == (0, "")
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert title(tmp_path / "a.svg").endswith("searched in found")
    assert "clip, 3 × 4 × 16 × 16 → s1 channels=8: 0.7500" in text
    assert "s1.stack[1].op: basic(1) 0.900, skip 0.100" in text
    assert "s1.stack[0].op: skip is taken" in text


def test_a_run_with_fixed_choices(run_cli: Run, search: Path, tmp_path: Path) -> None:
    facts = json.loads((search / "run.json").read_text(encoding="utf-8"))
    write_json(search / "run.json", {**facts, "fix": {"s1.conv.channels": ["8"]}})
    mixtures = {f"s1.stack[{layer}].op": [0.5, 0.5] for layer in (0, 1)}
    write_json(search / "choices.json", {"path_weights": {"s1": [[1.0]]}, "mixture_weights": mixtures})
    result = run_cli("draw", search, "-o", "a.svg")
    assert (result.returncode, result.stderr) == (0, "")
    assert "4 networks" in title(tmp_path / "a.svg")


def test_a_search_that_has_not_finished(run_cli: Run, search: Path) -> None:
    (search / "choices.json").unlink()
    result = run_cli("draw", search, "-o", "a.svg")
    assert result.returncode == 1
    assert "has not finished" in result.stderr


def refused(run_cli: Run, status: int, message: str, *arguments: str | Path) -> None:
    result = run_cli("draw", *arguments)
    assert (result.returncode, result.stdout) == (status, "")
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_what_is_refused(run_cli: Run, search: Path, tmp_path: Path) -> None:
    refused(run_cli, 1, "did you mean `.svg`?", SMALL, "small", "-o", "a.svgg")
    refused(run_cli, 1, "ends in .svg, .png, .mmd, .dot", SMALL, "small", "-o", "a")
    refused(run_cli, 2, "Missing option '-o'", SMALL, "small")
    refused(run_cli, 1, "is not a run folder of vnasdsl", tmp_path, "-o", "a.svg")
    refused(run_cli, 2, "give its folder alone", search, "--layers", "-o", "a.svg")
    refused(run_cli, 2, "give its folder alone", search, "--frames", "2", "-o", "a.svg")
    assert not (tmp_path / "a.svg").exists()


@pytest.mark.parametrize("name", ["run.json", "choices.json"])
@pytest.mark.parametrize(
    "content", ["", "[1]", "{}", '{"kind": "search", "path_weights": {"s1": 3}, "mixture_weights": {}}']
)
def test_damaged_runs_are_refused(run_cli: Run, search: Path, name: str, content: str) -> None:
    (search / name).write_text(content, encoding="utf-8")
    result = run_cli("draw", search, "-o", "a.svg")
    assert result.returncode == 1
    assert result.stderr.startswith("error: ")


def test_help_has_examples(run_cli: Run) -> None:
    shown = run_cli("draw", "--help").stdout
    assert "vnasdsl draw spaces/x3d3.vns -o x3d3.svg" in shown
    assert "draw" in run_cli("--help").stdout


def test_no_torch_for_a_finished_search(run_process: Run, search: Path, tmp_path: Path) -> None:
    """A picture does not wait for torch to be imported."""
    shutil.copytree(search, tmp_path / "again")
    (tmp_path / "torch.py").write_text("raise ImportError('torch is not needed')\n", encoding="utf-8")
    result = run_process("draw", "again", "-o", "a.svg", env={"PYTHONPATH": f"{tmp_path}:{ROOT}"})
    assert (result.returncode, result.stderr) == (0, "")

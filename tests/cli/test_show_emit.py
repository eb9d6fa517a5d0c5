"""`show --layers` and `show --emit`, whole outputs; bars for streams that cannot show blocks."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.support import CASES, ROOT
from vnasdsl.elaborate import load

Run = Callable[..., CompletedProcess[str]]
Golden = Callable[[str, str], None]
SMALL = CASES / "emit" / "small.vns"


@pytest.mark.parametrize(
    ("target", "arguments", "name"),
    [
        ("small", ["--emit", "tree"], "tree.txt"),
        ("small", ["--emit", "space"], "space.txt"),
        ("small", ["--emit", "graph"], "graph.txt"),
        ("small_a", ["--emit", "graph"], "graph_network.txt"),
        ("small_a", ["--emit", "python"], "python.txt"),
        ("small", [], "table.txt"),
        ("small", ["--layers"], "layers.txt"),
        ("small_a", ["--layers"], "layers_network.txt"),
        ("small_a", [], "table_network.txt"),
    ],
)
def test_whole_output(run_cli: Run, golden: Golden, target: str, arguments: list[str], name: str) -> None:
    result = run_cli("show", SMALL, target, *arguments)
    assert (result.returncode, result.stderr) == (0, "")
    golden(f"emit/{name}", result.stdout)


def test_the_tree_of_a_file_holds_all_its_definitions(run_cli: Run) -> None:
    lines = run_cli("show", SMALL, "--emit", "tree").stdout.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == [
        "Block name='basic'",
        "Space name='small'",
        "Network name='small_a'",
    ]


def test_python_is_what_compile_writes(run_cli: Run) -> None:
    shown = run_cli("show", ROOT / "spaces" / "x3d3_k400.vns", "--emit", "python").stdout
    assert shown == (ROOT / "generated" / "x3d3_k400.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("space", ["x3d3", "x3d3_k400", "tiny", "tiny_spatial"])
def test_tables_fit_100_columns(run_cli: Run, space: str) -> None:
    for arguments in ([], ["--layers"]):
        shown = run_cli("show", ROOT / "spaces" / f"{space}.vns", *arguments).stdout
        assert max(map(len, shown.splitlines())) <= 100, arguments


def test_bars_without_unicode(run_process: Run) -> None:
    shown = run_process("show", SMALL, "small_a", env={"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}).stdout
    assert "####" in shown
    assert shown.isascii()


def test_one_view_at_a_time(run_cli: Run) -> None:
    result = run_cli("show", SMALL, "small_a", "--layers", "--json")
    assert result.returncode == 2
    assert "--layers, --emit and --json exclude each other" in result.stderr


@pytest.mark.parametrize("name", ["peng2019_tiny", "evanet_tiny", "assemblenet_tiny", "tinyvideonet_tiny"])
def test_every_choice_is_in_the_expanded_space(run_cli: Run, name: str) -> None:
    path = ROOT / "spaces" / f"{name}.vns"
    shown = run_cli("show", path, "--emit", "space").stdout
    named = set(re.findall(r"choice (\S+) of kind", shown))
    assert named == {choice.name for choice in load(path).get().choices if not choice.name.startswith("clip.")}


def test_what_is_read_and_joined_in_the_expanded_space(run_cli: Run, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("", encoding="utf-8")
    text = """space s {
  input clip = video(frames=2 | 4, segments=2, size=8, classes=2)
  a = conv(4, 1x1x1)
  b = [a, clip -> conv(4, 3x1x1)]
  weighted(pick 1..2 of [a, b], by=learned) -> (relu if frames > 2 else hardswish)
  pool -> linear(classes)
}
"""
    (tmp_path / "s.vns").write_text(text, encoding="utf-8")
    shown = run_cli("show", tmp_path / "s.vns", "--emit", "space").stdout.splitlines()
    assert shown[1] == "  input clip = video(frames=2 | 4, size=8, frame_stride=1, classes=2, segments=2, channels=3)"
    lines = [line.strip() for line in shown]
    for expected in (
        "2 values",
        "b.a = a",
        "weighted = weighted(by=learned)",
        "choice weighted.edges of kind edges: 1..2 of a | b",
        "if frames > 2, else",
    ):
        assert expected in lines, expected


def test_an_argument_that_depends_on_the_shape_is_shown_as_written(run_cli: Run) -> None:
    shown = run_cli("show", ROOT / "spaces" / "evanet_a.vns", "--emit", "space").stdout
    assert "avg_pool(kernel=(2 if frames > 1 else 1, rows, columns), stride=1x1x1, padding=valid)" in shown

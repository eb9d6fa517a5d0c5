"""`show --layers` and `show --emit`, whole outputs; bars for streams that cannot show blocks."""

from __future__ import annotations

from collections.abc import Callable
from subprocess import CompletedProcess

import pytest

from tests.support import CASES, ROOT

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


def test_bars_without_unicode(run_cli: Run) -> None:
    shown = run_cli("show", SMALL, "small_a", env={"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}).stdout
    assert "####" in shown
    assert shown.isascii()


def test_one_view_at_a_time(run_cli: Run) -> None:
    result = run_cli("show", SMALL, "small_a", "--layers", "--json")
    assert result.returncode == 2
    assert "--layers, --emit and --json exclude each other" in result.stderr

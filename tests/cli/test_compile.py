"""`vnasdsl compile`: what it writes, what it leaves alone, what it refuses."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from torch.utils.flop_counter import FlopCounterMode

from tests.support import ROOT
from vnasdsl.cli.main import cli
from vnasdsl.elaborate import Overrides, load

TINY, SPATIAL = "tiny.vns", "tiny_spatial.vns"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (TINY, SPATIAL):
        shutil.copy(ROOT / "spaces" / name, tmp_path)
    (tmp_path / "pyproject.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_compile(*arguments: str) -> Result:
    result = CliRunner().invoke(cli, ["compile", *arguments])
    assert "Traceback" not in result.output and "bug in vnasdsl" not in result.output, result.output
    return result


def test_check_of_missing_stale_and_edited_files(here: Path, golden: Callable[[str, str], None]) -> None:
    result = run_compile("--check", SPATIAL)
    assert result.exit_code == 1 and not (here / "generated").exists()
    assert result.stdout.startswith("--- /dev/null\n+++ generated/tiny_spatial.py")
    assert run_compile(SPATIAL).exit_code == 0
    assert run_compile("--check", SPATIAL).exit_code == 0
    written = here / "generated" / "tiny_spatial.py"
    text = written.read_text()
    (here / SPATIAL).write_text((here / SPATIAL).read_text().replace("head(48, 1)", "head(40, 1)"))
    result = run_compile("--check", SPATIAL)
    assert result.exit_code == 1 and written.read_text() == text
    golden("compile/stale.diff", result.stdout)
    assert run_compile(SPATIAL).exit_code == 0
    assert run_compile("--check", SPATIAL).exit_code == 0
    edited = written.read_text().replace("nn.Dropout(0.2)", "nn.Dropout(0.3)")
    written.write_text(edited)
    assert run_compile("--check", SPATIAL).exit_code == 1


def test_edited_files_are_not_lost(here: Path) -> None:
    run_compile(SPATIAL)
    written = here / "generated" / "tiny_spatial.py"
    written.write_text(written.read_text() + "# mine\n")
    result = run_compile(SPATIAL, TINY)
    assert result.exit_code == 1 and "tiny_spatial.py" in result.stderr
    assert written.read_text().endswith("# mine\n") and not (here / "generated" / "tiny_supernet.py").exists()
    assert run_compile(SPATIAL, "--force").exit_code == 0
    assert not written.read_text().endswith("# mine\n")


def test_equal_files_are_not_touched(here: Path) -> None:
    run_compile(TINY, SPATIAL)
    folder = here / "generated"
    assert sorted(path.name for path in folder.iterdir()) == ["tiny_spatial.py", "tiny_supernet.py"]
    for path in folder.iterdir():
        os.utime(path, ns=(1, 1))
        path.chmod(0o644)
    result = run_compile(TINY, SPATIAL)
    assert result.stdout.count("unchanged") == 2
    assert {path.stat().st_mtime_ns for path in folder.iterdir()} == {1}
    (here / TINY).write_text("# a comment more\n" + (here / TINY).read_text())
    run_compile(TINY)
    assert {path.stat().st_mtime_ns for path in folder.iterdir()} == {1}, "comments are no part of the code"


def test_overrides_reach_shapes_costs_and_code(here: Path) -> None:
    assert run_compile(SPATIAL, "--frames", "4", "--size", "16", "--classes", "5", "-o", "small").exit_code == 0
    text = (here / "small" / "tiny_spatial.py").read_text()
    space = load(here / SPATIAL, Overrides(4, 16, 5)).get()
    assert "Input (B, 3, 4, 16, 16)" in text and "Output (B, 5)" in text
    assert f"{space.macs[0]:,} MACs".replace(",", " ") in text
    module: dict[str, type[torch.nn.Module]] = {}
    exec(text, module)  # noqa: S102
    with FlopCounterMode(display=False) as counter:
        assert module["Network"]()(torch.randn(1, 3, 4, 16, 16)).shape == (1, 5)
    assert counter.get_total_flops() == 2 * space.macs[0]


def test_one_of_a_file_by_name(here: Path) -> None:
    both = (here / TINY).read_text() + (ROOT / "spaces" / SPATIAL).read_text().replace(
        "block stem", "block stem2"
    ).replace("stem(8)", "stem2(8)").replace("block head", "block head2").replace("head(", "head2(").replace(
        "block head22", "block head2"
    )
    (here / "both.vns").write_text(both)
    assert run_compile("both.vns:tiny_spatial", "-o", "one").exit_code == 0
    assert [path.name for path in (here / "one").iterdir()] == ["tiny_spatial.py"]
    assert run_compile("both.vns", "-o", "two").exit_code == 0
    assert len(list((here / "two").iterdir())) == 2
    result = run_compile("both.vns:tini")
    assert result.exit_code == 1 and "did you mean `tiny`" in result.stderr


def test_two_results_of_one_name_are_refused(here: Path) -> None:
    (here / "other").mkdir()
    shutil.copy(here / SPATIAL, here / "other" / SPATIAL)
    result = run_compile(SPATIAL, f"other/{SPATIAL}")
    assert result.exit_code == 1 and "tiny_spatial.py" in result.stderr
    assert run_compile(SPATIAL, SPATIAL).exit_code == 0, "the same file twice is no conflict"
    body = "input clip = video(frames=2, size=4, classes=2)\n"
    (here / "clash.vns").write_text(
        f"space a {{ {body} stage s {{ conv(2 | 3, 1x1x1) }}\n pool -> linear(classes) }}\n"
        f"network a_supernet {{ {body} pool -> linear(classes) }}\n"
    )
    result = run_compile("clash.vns")
    assert result.exit_code == 1 and "a_supernet.py" in result.stderr


def test_faults(here: Path) -> None:
    for arguments in (["nowhere.vns"], ["."], [f"{TINY}:nothing"]):
        assert run_compile(*arguments).exit_code == 1
    (here / "recipes.vns").write_text("block a { relu }\n")
    result = run_compile("recipes.vns")
    assert result.exit_code == 1 and "no space or network" in result.stderr
    (here / "file").write_text("")
    assert run_compile(TINY, "-o", "file/under").exit_code == 1
    assert run_compile(TINY, "-o", "file").exit_code == 2
    assert run_compile().exit_code == 2
    (here / "generated").mkdir()
    (here / "generated" / "tiny_supernet.py").mkdir()
    assert run_compile(TINY).exit_code == 1


def test_source_names_that_would_break_a_comment(here: Path) -> None:
    name = 'we"""ird\\name.vns'
    shutil.copy(here / SPATIAL, here / name)
    assert run_compile(name, "-o", "odd").exit_code == 0
    compile((here / "odd" / "tiny_spatial.py").read_text(), "x", "exec")
    assert run_compile(name, "-o", "odd").stdout.startswith("unchanged")

"""`vnasdsl check`: every faulty text of tests/cases/bad gives the diagnostics beside it, and never a traceback."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.support import CASES, ROOT, cli_environment
from vnasdsl.cli.main import cli

BAD = sorted((CASES / "bad").glob("*.vns"))
HELPERS = {"circle.vns"}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of its own with the faulty texts in it."""
    for path in BAD:
        shutil.copy(path, tmp_path)
    (tmp_path / "pyproject.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    for name, value in {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "100"}.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def check(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["check", *arguments])


def diagnostics(*arguments: str) -> list[dict[str, Any]]:
    result = check(*arguments, "--json")
    assert result.exit_code == 1, result.output[:500]
    found: list[dict[str, Any]] = json.loads(result.stdout)["diagnostics"]
    return found


@pytest.mark.parametrize("name", [path.stem for path in BAD if path.name not in HELPERS])
def test_faulty_texts(name: str, here: Path, golden: Callable[[str, str], None]) -> None:
    result = check(f"{name}.vns")
    assert result.exit_code == 1, result.output
    assert "Traceback" not in result.output and "bug in vnasdsl" not in result.output
    golden(f"bad/{name}.txt", result.stderr)
    for diagnostic in diagnostics(f"{name}.vns"):
        start = diagnostic["span"]["start"]
        assert diagnostic["span"]["file"] and start["line"] >= 1 and start["column"] >= 1, diagnostic


def test_good_texts_and_all_faults_of_several_files(here: Path) -> None:
    tiny = str(ROOT / "spaces" / "tiny.vns")
    result = check("recursion.vns", tiny, "empty_space.vns")
    assert result.exit_code == 1
    assert "E0207" in result.stderr and "E0306" in result.stderr
    assert "110 592 networks in 9 choices" in result.stdout
    assert check(tiny).exit_code == 0


def test_a_missing_file_does_not_hide_the_faults_of_others(here: Path) -> None:
    result = check("nowhere.vns", "recursion.vns")
    assert result.exit_code == 1
    assert "nowhere.vns" in result.stderr and "E0207" in result.stderr


def test_a_folder_and_an_unreadable_file(here: Path) -> None:
    (here / "folder.vns").mkdir()
    result = check("folder.vns")
    assert result.exit_code == 1 and "folder.vns" in result.stderr and "Traceback" not in result.stderr


def test_imports_stay_in_the_project_whatever_links_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outside = tmp_path / "outside"
    project = tmp_path / "project"
    outside.mkdir()
    project.mkdir()
    (project / "pyproject.toml").write_text("")
    (outside / "secret.vns").write_text("block secret { relu }\n")
    os.symlink(outside / "secret.vns", project / "link.vns")
    os.symlink(outside, project / "folder")
    (project / "binary.vns").write_bytes(b"\x00\xff\x80")
    (project / "dir.vns").mkdir()
    monkeypatch.chdir(project)
    for text, code in (
        ("link.vns", "E0701"),
        ("folder/secret.vns", "E0701"),
        ("../outside/secret.vns", "E0701"),
        (str(outside / "secret.vns"), "E0701"),
        ("a.vns", "E0702"),
        ("./x/../a.vns", "E0702"),
        ("dir.vns", "E0703"),
        ("binary.vns", "E01"),
    ):
        (project / "a.vns").write_text(f'import "{text}"\n')
        found = diagnostics("a.vns")
        assert found[0]["code"].startswith(code), (text, found)
        assert "secret {" not in str(found)


HOSTILE = {
    "nested brackets": "space s { input c = video(4, 8)\n " + "(" * 5000 + "relu" + ")" * 5000 + "}",
    "nested residuals": "space s { input c = video(4, 8)\n " + "residual { " * 99 + "relu" + " }" * 99 + "}",
    "blocks in blocks": "block b0 { relu }\n"
    + "".join(f"block b{i + 1} {{ residual {{ residual {{ b{i} }} }} }}\n" for i in range(400))
    + "space s { input c = video(4, 8)\n b400 -> pool -> linear(classes) }",
    "doubling blocks": "block b0 { relu | skip }\n"
    + "".join(f"block b{i + 1} {{ b{i} -> b{i} }}\n" for i in range(80))
    + "space s { input c = video(4, 8)\n b80 -> pool -> linear(classes) }",
    "copies of copies": "space s { input c = video(4, 8)\n 1000 * (1000 * (1000 * relu)) -> pool -> linear(classes) }",
    "digits": "space s { input c = video(4, 8)\n " + "9" * 5000 + " * relu -> pool -> linear(classes) }",
    "numbers of networks": "space s { input c = video(4, 8)\n 50000 * (relu | skip) -> pool -> linear(classes) }",
    "options": "space s { input c = video(4, 8)\n dropout(" + " | ".join(f"0.{i:05}1" for i in range(5000)) + ") }",
    "states": "space s { input c = video(4, 8)\n stage a { conv(1..999, 1x1x1) }\n pool -> linear(classes) }\n"
    "search g for s { strategy = gradient }",
    "large frames": "space s { input c = video(10**9, 8)\n pool -> linear(classes) }",
    "a null": "space s { input c = video(4, 8)\n relu\0 }",
    "nothing": "}",
    "overflow": "space s { input c = video(4, 8)\n dropout(1e308 * 1e308) -> pool -> linear(classes) }",
    "not a number": "space s { input c = video(4, 8)\n dropout(1e999 - 1e999) -> pool -> linear(classes) }",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_give_diagnostics(name: str, here: Path) -> None:
    (here / "h.vns").write_text(HOSTILE[name])
    found = diagnostics("h.vns")
    assert found and all(d["span"]["start"]["line"] for d in found)
    assert len(check("h.vns").output) < 20_000


def test_one_choice_is_counted_as_one(here: Path) -> None:
    space = "space s {\n  input clip = video(frames=4, size=8)\n  conv(4 | 8, 1x1x1) -> pool -> linear(classes)\n}\n"
    (here / "one.vns").write_text(space)
    assert check("one.vns").stdout.rstrip().endswith("2 networks in 1 choice")


def test_overrides_are_followed(here: Path) -> None:
    k400 = str(ROOT / "spaces" / "x3d3_k400.vns")
    assert "15783796736 MACs, 13447792 parameters, in space x3d3" in check(k400).stdout
    # 101 instead of 400 classes: 299 fewer rows of 512 weights and a bias.
    expected = f"{15783796736 - 299 * 512} MACs, {13447792 - 299 * 513} parameters"
    assert expected in check(k400, "--classes", "101").stdout
    result = check(k400, "--frames", "0")
    assert result.exit_code in (1, 2) and "Traceback" not in result.output


def test_compile_check_and_show_import_nothing_heavy(tmp_path: Path) -> None:
    code = """
import sys
from vnasdsl.cli.main import cli
for arguments in (["check", FILE], ["show", FILE], ["show", FILE, "--json"], ["compile", FILE, "-o", "out"]):
    try:
        cli(arguments, standalone_mode=False)
    except SystemExit as stop:
        assert not stop.code, arguments
    assert arguments[0] != "check" or "networkx" not in sys.modules
heavy = {"torch", "av", "matplotlib", "numpy"} & set(sys.modules)
assert not heavy, heavy
""".replace("FILE", repr(str(ROOT / "spaces" / "tiny.vns")))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=cli_environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_standard_input(here: Path) -> None:
    text = (ROOT / "spaces" / "tiny.vns").read_text(encoding="utf-8")
    result = CliRunner().invoke(cli, ["check", "-"], input=text)
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, "<stdin>: ok")
    shutil.copy(ROOT / "spaces" / "tiny.vns", here)
    result = CliRunner().invoke(cli, ["check", "-"], input='import "tiny.vns"\nnetwork n : tiny { baisc(1) }\n')
    assert result.exit_code == 1
    assert " --> <stdin>:2:20" in result.stderr


def test_names_of_files_never_reach_the_terminal_as_they_are(here: Path) -> None:
    for name, text in (("a\x1b[31m\nb.vns", "tiny"), ("c\x1b[31m\nd.vns", "")):
        source = ROOT / "spaces" / "tiny.vns"
        (here / name).write_text(source.read_text(encoding="utf-8") if text else "block b { * }\n", encoding="utf-8")
        for command in (["check", name], ["fmt", "--check", name], ["fmt", "--diff", name]):
            output = CliRunner().invoke(cli, command).output
            assert "\x1b[31m" not in output
            assert name.split("\n")[1] not in output.splitlines()

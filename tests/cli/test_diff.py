"""`vnasdsl diff`: what it can be pointed at, its exit status, its formats, and git."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from click.testing import CliRunner

from tests.support import CASES, ROOT, cli_environment
from vnasdsl.cli.main import cli

Golden = Callable[[str, str], None]
ENDINGS = {"text": "txt", "markdown": "md", "json": "json"}
GOLDENS = ("diff_network", "diff_space", "diff_chosen", "diff_outside")
TINY = ROOT / "spaces" / "tiny.vns"
LIBRARY = """block layer(channels) {
  conv(channels, 1x3x3, stride=1x2x2) -> bn -> relu
}
"""
NETWORK = """import "lib/blocks.vns"

network n {
  input clip = video(frames=4, size=16, classes=3)

  stage s1 {
    layer(4)
    layer(8)
  }
  pool -> linear(classes)
}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, in no repository."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    return tmp_path


@pytest.fixture
def repository(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of two commits: a layer more in front, then a larger kernel in the imported block."""
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    git("init", "-q", "-b", "main")
    git("config", "user.name", "A")
    git("config", "user.email", "a@example.org")
    (here / "lib").mkdir()
    (here / "lib" / "blocks.vns").write_text(LIBRARY)
    (here / "n.vns").write_text(NETWORK)
    git("add", ".")
    git("commit", "-q", "-m", "first")
    (here / "n.vns").write_text(NETWORK.replace("    layer(4)\n", "    layer(2)\n    layer(4)\n"))
    (here / "lib" / "blocks.vns").write_text(LIBRARY.replace("1x3x3", "3x3x3"))
    git("commit", "-q", "-a", "-m", "second")
    return here


def git(*arguments: str) -> str:
    environment = cli_environment({"GIT_PAGER": "cat"})
    result = subprocess.run(["git", *arguments], capture_output=True, text=True, env=environment, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def diff(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(cli, ["diff", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


# ------------------------------------------------------------------------ formats


@pytest.mark.parametrize("form", ENDINGS)
@pytest.mark.parametrize("case", GOLDENS)
def test_golden(case: str, form: str, golden: Golden, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CASES / case)
    status, out, err = diff("before.vns", "after.vns", "--format", form)
    assert (status, err) == (1, "")
    golden(f"{case}/expected.{ENDINGS[form]}", out)
    if form == "text":
        assert max(map(len, out.splitlines())) <= 100


@pytest.mark.parametrize("case", GOLDENS)
def test_golden_textconv(case: str, golden: Golden, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CASES / case)
    status, out, err = diff("--textconv", "after.vns")
    assert (status, err) == (0, "")
    golden(f"{case}/textconv.txt", out)


@pytest.mark.parametrize("form", ENDINGS)
def test_equal(form: str) -> None:
    status, out, _ = diff(TINY, TINY, "--format", form)
    assert status == 0
    assert json.loads(out)["equal"] is True if form == "json" else out.lower().startswith("no difference")


def test_it_is_a_light_command_with_a_status(run_cli: Callable[..., CompletedProcess[str]]) -> None:
    probe = "import sys; from vnasdsl.cli import diff; from vnasdsl.show.diff import text"
    code = f"{probe}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, env=cli_environment())
    result = run_cli("diff", ROOT / "spaces" / "x3d3.vns", ROOT / "spaces" / "x3d3_k400.vns")
    assert result.returncode == 1
    assert "chosen: 32 choices" in result.stdout
    assert "\x1b" not in result.stdout


def test_overrides_are_for_both_sides() -> None:
    status, out, _ = diff(TINY, TINY, "--frames", "16", "--size", "64", "--classes", "5", "--format", "json")
    assert status == 0
    assert json.loads(out)["compared"][0]["before"]["macs"] == json.loads(out)["compared"][0]["after"]["macs"]


# ------------------------------------------------------------------------ targets


def test_a_name_on_one_side_is_meant_on_the_other(here: Path) -> None:
    two = LIBRARY + NETWORK.partition("\n\n")[2] + NETWORK.partition("\n\n")[2].replace("network n", "network m")
    (here / "a.vns").write_text(two)
    (here / "b.vns").write_text(two.replace("layer(8)", "layer(16)", 1))
    assert diff("a.vns:n", "b.vns")[0] == 1
    assert diff("a.vns", "b.vns:m")[0] == 0
    assert diff("a.vns:n", "a.vns:m")[0] == 0
    status, _, err = diff("a.vns:other", "b.vns")
    assert status == 2
    assert "no space or network `other`" in err
    (here / "c.vns").write_text(two.replace("network n", "network p").replace("network m", "network q"))
    status, _, err = diff("a.vns:n", "c.vns")
    assert status == 2
    assert "name one of `p`, `q`" in err


def test_a_run_folder_is_its_network_or_its_space(here: Path) -> None:
    run = here / "run"
    run.mkdir()
    status, _, err = diff("run", TINY)
    assert status == 2
    assert "neither network.vns nor space.vns" in err
    (run / "space.vns").write_bytes(TINY.read_bytes())
    status, out, _ = diff("run", TINY)
    assert status == 0
    assert str(Path("run", "space.vns")) in out
    (run / "network.vns").write_bytes((ROOT / "spaces" / "tiny_spatial.vns").read_bytes())
    status, out, _ = diff("run", TINY)
    assert status == 1
    assert str(Path("run", "network.vns")) in out


@pytest.mark.parametrize("arguments", [(), ("a.vns",), ("a", "b", "c"), ("--textconv",), ("a", "b", "--format", "x")])
def test_wrong_usage(arguments: tuple[str, ...]) -> None:
    assert diff(*arguments)[0] == 2


def test_files_that_cannot_be_compared(here: Path) -> None:
    (here / "bad.vns").write_text("network n {")
    for target, message in {
        "bad.vns": "error[E0104]",
        "missing.vns": "the file does not exist",
        "missing.vns:n": "the file does not exist",
        "HEAD:n.vns": "no git repository",
    }.items():
        status, out, err = diff(target, TINY)
        assert (status, out) == (2, "")
        assert message in err


def test_a_file_that_is_not_there_as_git_has_it() -> None:
    status, out, _ = diff(os.devnull, TINY)
    assert status == 1
    assert "+ space tiny" in out


# ---------------------------------------------------------------------- revisions


def test_a_revision_brings_its_own_imports(repository: Path) -> None:
    assert diff("HEAD:n.vns", "n.vns")[0] == 0
    (repository / "lib" / "blocks.vns").write_text("this is no text")
    status, out, _ = diff("HEAD~1:n.vns", "HEAD:n.vns:n", "--format", "json")
    assert status == 1
    (pair,) = json.loads(out)["compared"]
    changes = [(c["what"], c["after"]["text"]) for c in pair["changes"] if c["change"] == "changed"]
    assert changes == [("block", "layer(channels)"), ("stage", "s1")]
    added = [line["after"]["text"] for c in pair["changes"] for line in c["inside"] if line["change"] == "added"]
    assert added == ["layer(2)"]
    git("add", ".")
    assert diff("HEAD:n.vns", ":n.vns")[0] == 2


def test_a_revision_from_a_folder_below(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository / "lib")
    assert diff("HEAD:n.vns", "../n.vns")[0] == 0
    assert diff("HEAD:./blocks.vns", "HEAD:lib/blocks.vns")[0] == 0
    assert diff("HEAD:blocks.vns", "HEAD~1:../lib/blocks.vns")[0] == 1


def test_faults_of_revisions(repository: Path) -> None:
    for target, message in {
        "nope:n.vns": "unknown git revision `nope`",
        "--help:n.vns": "unknown git revision",
        "HEAD:missing.vns": "revision `HEAD` has no file `missing.vns`",
        "HEAD:../n.vns": "has no file",
        ":missing.vns": "no file `missing.vns` is staged",
        "HEAD:n.vns:x": "`HEAD:n.vns` has no space or network `x`",
    }.items():
        status, out, err = diff("--", target, "n.vns")
        assert (status, out) == (2, ""), target
        assert message in err
    (repository / "lib" / "blocks.vns").write_text(LIBRARY.replace("conv(", "conf("))
    git("commit", "-q", "-a", "-m", "broken")
    _, _, err = diff("HEAD:n.vns", "HEAD~1:n.vns")
    assert "HEAD:lib/blocks.vns:2:" in err


# ---------------------------------------------------------------- git's own commands


def configure(repository: Path) -> None:
    """The three lines that docs/git.md gives, with this interpreter's vnasdsl."""
    text = (ROOT / "docs" / "git.md").read_text(encoding="utf-8")
    (block,) = [b for b in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) if "textconv" in b and "config" in b]
    lines = block.splitlines()
    assert len(lines) == 3
    command = f"{shlex.quote(sys.executable)} -m vnasdsl diff"
    for line in lines:
        if line.startswith("git config "):
            _, _, key, value = shlex.split(line)
            git("config", key, value.replace("vnasdsl diff", command))
        else:
            subprocess.run(line, shell=True, check=True, cwd=repository)


def test_git_diff_and_log_show_meaning(repository: Path) -> None:
    configure(repository)
    changed = git("diff", "HEAD~1", "HEAD", "--", "n.vns")
    assert "+    layer(2)  # 2 x " in changed
    assert "MACs" in changed
    assert "shapes and costs are not known" not in changed
    log = git("log", "-p", "--", "n.vns")
    assert log.count("network n {") == 2
    assert "-network n" not in log
    path = repository / "n.vns"
    path.write_text("# a remark\n" + path.read_text().replace("layer(4)", "layer( 4 )"))
    assert not [line for line in git("diff").splitlines() if re.match(r"[+-](?!\+\+|--)", line)]
    assert "+# a remark" in git("diff", "--no-textconv")


def test_git_shows_what_cannot_be_read(repository: Path) -> None:
    configure(repository)
    (repository / "n.vns").write_text(NETWORK.replace("stage s1 {", "stage {"))
    out = git("diff")
    assert "+# this file cannot be read" in out
    assert "stage {" in out
    (repository / "n.vns").write_text(NETWORK.replace("lib/", "nowhere/"))
    assert "+# shapes and costs are not known" in git("diff")


@pytest.mark.slow
def test_git_difftool(repository: Path) -> None:
    configure(repository)
    for tool in (("-t", "vns"), ("-x", f"{shlex.quote(sys.executable)} -m vnasdsl diff")):
        out = git("difftool", "-y", *tool, "HEAD~1", "HEAD", "--", "n.vns")
        assert "+ layer(2)" in out
        assert "~ block layer(channels)" in out
    (repository / "new.vns").write_text(NETWORK)
    git("add", "new.vns")
    assert "+ network n:" in git("difftool", "-y", "-t", "vns", "HEAD", "--", "new.vns")

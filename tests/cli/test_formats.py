"""How commands show faults: the formats, the environment, colours, and GitHub's problem matcher."""

from __future__ import annotations

import io
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.support import ROOT, example_faults
from vnasdsl.cli.main import cli
from vnasdsl.cli.options import colored
from vnasdsl.language.codes import CODES
from vnasdsl.language.render import render

WRONG = """\
network small {
  input clip = video(frames=8, size=32, classes=10)
  cnv(16, 3x3x3) -> bn -> relu
  pool -> linear(classes)
}
"""
RIGHT = WRONG.replace("cnv", "conv")
CONCISE = "wrong.vns:3:3: error[E0201]: unknown layer or block `cnv`\n"


@pytest.fixture(autouse=True)
def texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("VNASDSL_FORMAT", "FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    Path("wrong.vns").write_text(WRONG)
    Path("right.vns").write_text(RIGHT)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def test_check_in_every_format() -> None:
    full = run("check", "wrong.vns")
    assert (full.exit_code, full.stdout) == (1, "")
    assert full.stderr.startswith("error[E0201]: unknown layer or block `cnv`\n --> wrong.vns:3:3\n")
    concise = run("check", "wrong.vns", "--format", "concise")
    assert (concise.exit_code, concise.stdout, concise.stderr) == (1, "", CONCISE)
    github = run("check", "wrong.vns", "--format", "github")
    assert (github.exit_code, github.stderr) == (1, "")
    assert github.stdout.startswith("::error file=wrong.vns,line=3,col=3,endLine=3,endColumn=6,title=E0201::unknown")
    as_json = run("check", "wrong.vns", "right.vns", "--format", "json")
    assert (as_json.exit_code, as_json.stderr) == (1, "")
    assert [d["code"] for d in json.loads(as_json.stdout)["diagnostics"]] == ["E0201"]
    assert run("check", "wrong.vns", "right.vns", "--json").stdout == as_json.stdout


def test_check_without_faults() -> None:
    assert run("check", "right.vns", "--format", "concise").stdout.startswith("right.vns: ok\n")
    empty = run("check", "right.vns", "--json")
    assert (empty.exit_code, json.loads(empty.stdout)["diagnostics"]) == (0, [])


@pytest.mark.parametrize("command", [["compile"], ["show"], ["fmt", "--check"]])
def test_other_commands_show_faults_alike(command: list[str]) -> None:
    Path("wrong.vns").write_text(WRONG.replace("cnv(", "conv(16 "))
    result = run(*command, "wrong.vns", "--format", "concise")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[0].startswith("wrong.vns:3:11: error[E0101]: ")


def test_the_environment_sets_the_format(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VNASDSL_FORMAT", "concise")
    assert run("check", "wrong.vns").stderr == CONCISE
    assert run("search", "wrong.vns", "--data", "synthetic", "--out", "run").stderr == CONCISE
    assert "-->" in run("check", "wrong.vns", "--format", "full").stderr
    monkeypatch.setenv("VNASDSL_FORMAT", "loud")
    result = run("check", "wrong.vns")
    assert result.exit_code == 2
    assert "VNASDSL_FORMAT is `loud`, and none of full, concise, json, github" in result.stderr


def test_faults_that_are_in_no_text_keep_the_format() -> None:
    Path("two.vns").write_text(RIGHT + RIGHT.replace("small", "other"))
    as_json = run("show", "two.vns:smal", "--format", "json")
    assert as_json.exit_code == 1
    (found,) = json.loads(as_json.stderr)["diagnostics"]
    assert (found["code"], found["span"], found["help"]) == (None, None, "did you mean `small`?")
    assert run("show", "two.vns:smal", "--format", "github").stderr == (
        "::error::`two.vns` has no space or network `smal`%0Ahelp: did you mean `small`?\n"
    )
    assert run("show", "two.vns:smal", "--format", "concise").stderr == (
        "error: `two.vns` has no space or network `smal`\n"
    )


def test_json_is_for_errors_too() -> None:
    Path("two.vns").write_text(RIGHT + RIGHT.replace("small", "other"))
    result = run("show", "two.vns:smal", "--json")
    assert (result.exit_code, result.stdout) == (1, "")
    (found,) = json.loads(result.stderr)["diagnostics"]
    assert found["help"] == "did you mean `small`?"
    assert run("show", "two.vns:smal", "--json", "--format", "concise").stderr.startswith("error: ")
    same = run("diff", "right.vns", "right.vns", "--json")
    assert json.loads(same.stdout)["equal"] is True
    assert same.stdout == run("diff", "right.vns", "right.vns", "--format", "json").stdout


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environment", "terminal", "pipe"),
    [
        ({"TERM": "xterm"}, True, False),
        ({"TERM": "dumb"}, False, False),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False, False),
        ({"TERM": "xterm", "NO_COLOR": ""}, True, False),
        ({"FORCE_COLOR": "1"}, True, True),
        ({"TERM": "xterm", "FORCE_COLOR": "0"}, False, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
    ],
)
def test_colours(environment: dict[str, str], terminal: bool, pipe: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert colored(Terminal()) is terminal
    assert colored(io.StringIO()) is pipe


def test_colours_reach_the_output_only_where_they_are_wanted(
    run_cli: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    assert "\x1b" not in run_cli("check", "wrong.vns").stderr
    forced = run_cli("check", "wrong.vns", env={"NO_COLOR": "", "FORCE_COLOR": "1"}).stderr
    assert forced.startswith("\x1b[1;31merror[E0201]\x1b[0m")


MATCHERS = json.loads((ROOT / "editors" / "github" / "problem-matcher.json").read_text())["problemMatcher"]


def matched(line: str) -> dict[str, str] | None:
    """What GitHub reads out of a line: the groups of the first matcher that fits."""
    for matcher in MATCHERS:
        (pattern,) = matcher["pattern"]
        match = re.search(pattern["regexp"], line)
        if match:
            return {name: match[group] for name, group in pattern.items() if name != "regexp"}
    return None


@pytest.mark.parametrize("code", CODES.values(), ids=list(CODES))
def test_the_problem_matcher_reads_concise_lines(code: object) -> None:
    assert isinstance(code, type(CODES["E0101"]))
    for diagnostic in example_faults(code.id):
        got = matched(render([diagnostic], "concise"))
        assert got is not None
        assert got["code"] == code.id
        assert got["severity"] == code.severity
        assert got["message"] == diagnostic.message
        assert diagnostic.primary is not None
        span = diagnostic.primary.span
        assert got["file"] == span.source.name
        if span.source.text:
            assert (got["line"], got["column"]) == (str(span.line), str(span.column))


def test_the_problem_matcher_leaves_other_lines_alone() -> None:
    for line in run("check", "right.vns").stdout.splitlines() + run("check", "wrong.vns").stderr.splitlines():
        assert matched(line) is None
    assert len({matcher["owner"] for matcher in MATCHERS}) == len(MATCHERS)

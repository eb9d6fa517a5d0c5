"""Files that come with vnasdsl, by name: in imports, on the command line and in an editor."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import RunCli
from tests.support import SPACES, shipped
from vnasdsl.elaborate import load, load_source
from vnasdsl.elaborate.imports import shipped_names, split_target
from vnasdsl.language.diagnostics import UserError, VnsError
from vnasdsl.language.source import Source
from vnasdsl.lsp import completion, features, navigation
from vnasdsl.lsp.documents import Documents, analyse

COPY = (SPACES / "evanet_a.vns").read_text(encoding="utf-8").replace('"evanet.vns"', '"vnasdsl:evanet"')


def test_an_import_by_name_is_that_file(tmp_path: Path) -> None:
    """A shipped network outside of the repository still lies in its space."""
    (tmp_path / "mine.vns").write_text(COPY, encoding="utf-8")
    for program in (load(tmp_path / "mine.vns"), load_source(Source("a text", COPY), None)):
        network = program.get()
        assert network.claimed_choices() == shipped("evanet_a").get().claimed_choices()


@pytest.mark.parametrize(
    ("name", "help"),
    [("evanett", "did you mean `vnasdsl:evanet`?"), ("zzz", "shipped are assemblenet, ")],
)
def test_an_unknown_name_is_an_error_at_its_place(tmp_path: Path, name: str, help: str) -> None:
    with pytest.raises(VnsError) as caught:
        load_source(Source("x", f'import "vnasdsl:{name}"\n'), None)
    (fault,) = caught.value.diagnostics
    assert (fault.code, fault.message) == ("E0703", f"vnasdsl comes with no space `{name}`")
    assert help in (fault.help or (fault.fix.description if fault.fix else ""))


def test_other_imports_need_a_file() -> None:
    with pytest.raises(VnsError, match="E0701: a text that is not in a file cannot import one"):
        load_source(Source("x", 'import "evanet.vns"\n'), None)


def test_targets_of_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert split_target("vnasdsl:x3d3") == (SPACES / "x3d3.vns", None)
    assert split_target("vnasdsl:zoo/x3d:x3d_m") == (SPACES / "zoo/x3d.vns", "x3d_m")
    assert split_target("vnasdsl:mini:space") == (SPACES / "mini.vns", "space")
    assert {split_target(f"vnasdsl:{name}")[0] for name in shipped_names()} == set(SPACES.rglob("*.vns"))
    with pytest.raises(UserError, match=r"did you mean `x3d3`\?"):
        split_target("vnasdsl:x3d4")
    with pytest.raises(UserError, match=r"did you mean `zoo/r3d_18`\?"):
        split_target("vnasdsl:r3d_18")
    (tmp_path / "vnasdsl:x3d3").mkdir()
    monkeypatch.chdir(tmp_path)
    assert split_target("vnasdsl:x3d3") == (Path("vnasdsl:x3d3"), None)


def test_commands_take_them(run_cli: RunCli, tmp_path: Path) -> None:
    assert run_cli("show", "vnasdsl:x3d3_k400").stdout.startswith("network x3d3_k400 : x3d3\n")
    assert run_cli("check", "vnasdsl:x3d3_k400").stdout.startswith("vnasdsl:x3d3_k400: ok\n")
    assert run_cli("diff", "vnasdsl:tiny", str(SPACES / "tiny.vns")).returncode == 0
    (tmp_path / "mine.vns").write_text(COPY, encoding="utf-8")
    assert run_cli("fmt", "--check", "mine.vns").returncode == 0
    wrong = run_cli("show", "vnasdsl:x3d4")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "vnasdsl comes with no space `x3d4`\n  = help: did you mean `x3d3`?" in wrong.stderr


def test_an_editor_knows_them(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    documents = Documents()
    text = documents.put((tmp_path / "mine.vns").as_uri(), COPY, 1)
    assert analyse(documents, text).diagnostics == ()
    place = COPY.index("vnasdsl:") + 4
    there = navigation.definition(documents, text, place)
    assert there is not None
    assert Path(there.source.name) == SPACES / "evanet.vns"
    offered = {c.label for c in completion.candidates(documents, text, place)[1]}
    assert {f"vnasdsl:{name}" for name in shipped_names()} <= offered


def test_an_editor_corrects_a_name(tmp_path: Path) -> None:
    documents = Documents()
    wrong = COPY.replace("vnasdsl:evanet", "vnasdsl:evanett")
    analysis = analyse(documents, documents.put((tmp_path / "mine.vns").as_uri(), wrong, 1))
    (fix,) = (fix for fault in analysis.diagnostics for fix in features.fixes(fault))
    assert wrong[: fix.span.start] + fix.replacement + wrong[fix.span.end :] == COPY

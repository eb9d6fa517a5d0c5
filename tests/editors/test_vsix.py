"""The extension of VS Code as it is packed, and the hooks of pre-commit."""

from __future__ import annotations

import json
import re
import runpy
import shlex
import shutil
import subprocess
import zipfile
from fnmatch import fnmatch
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from tests.support import ROOT
from vnasdsl.language.codes import CODES

VSCODE = ROOT / "editors" / "vscode"
MANIFEST = "{http://schemas.microsoft.com/developer/vsx-schema/2011}"
TYPES = "{http://schemas.openxmlformats.org/package/2006/content-types}"


@pytest.fixture(scope="module")
def vsix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    build = runpy.run_path(str(VSCODE / "build.py"))
    made: Path = build["build"](tmp_path_factory.mktemp("vsix"))
    again: Path = build["build"](tmp_path_factory.mktemp("again"))
    assert made.read_bytes() == again.read_bytes()
    return made


def test_the_package_holds_what_its_manifests_name(vsix: Path) -> None:
    with zipfile.ZipFile(vsix) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        package = json.loads(archive.read("extension/package.json"))
        manifest = ElementTree.fromstring(archive.read("extension.vsixmanifest"))
        types = ElementTree.fromstring(archive.read("[Content_Types].xml"))
    identity = manifest.find(f".//{MANIFEST}Identity")
    assert identity is not None
    assert (identity.get("Id"), identity.get("Version")) == (package["name"], package["version"])
    for asset in manifest.iter(f"{MANIFEST}Asset"):
        assert asset.get("Path") in names
    endings = {entry.get("Extension") for entry in types.iter(f"{TYPES}Default")}
    parts = {entry.get("PartName") for entry in types.iter(f"{TYPES}Override")}
    for name in names:
        if name != "[Content_Types].xml":
            assert Path(name).suffix in endings or f"/{name}" in parts
    (language,) = package["contributes"]["languages"]
    (grammar,) = package["contributes"]["grammars"]
    for path in (package["main"], language["configuration"], grammar["path"]):
        assert f"extension/{path.removeprefix('./')}" in names


def test_no_other_packer_takes_more(vsix: Path) -> None:
    """`vsce package` takes every file of the folder that .vscodeignore does not name."""
    ignored = [line for line in (VSCODE / ".vscodeignore").read_text().splitlines() if line and line[0] != "#"]
    here = {path.relative_to(VSCODE).as_posix() for path in VSCODE.rglob("*") if path.is_file()}
    taken = {name for name in here if not any(fnmatch(name, pattern) for pattern in ignored)}
    with zipfile.ZipFile(vsix) as archive:
        packed = {name.removeprefix("extension/") for name in archive.namelist() if name.startswith("extension/")}
    assert "build.py" not in packed | taken
    assert {name for name in taken if not name.startswith("node_modules/")} <= packed


def test_json_and_javascript_are_sound(vsix: Path) -> None:
    with zipfile.ZipFile(vsix) as archive:
        configuration = json.loads(archive.read("extension/language-configuration.json"))
    assert configuration["comments"] == {"lineComment": "#"}
    re.compile(configuration["indentationRules"]["increaseIndentPattern"])
    node = shutil.which("node")
    if node is not None:
        subprocess.run([node, "--check", str(VSCODE / "extension.js")], check=True)


def test_the_problem_matcher_reads_one_line_errors(run_cli, tmp_path: Path) -> None:
    (matcher,) = json.loads((VSCODE / "package.json").read_text(encoding="utf-8"))["contributes"]["problemMatchers"]
    (tmp_path / "x.vns").write_text("block b {\n  con(8, 3)\n}\n", encoding="utf-8")
    result = run_cli("check", "--format", "concise", "x.vns")
    (line,) = result.stderr.splitlines()
    found = re.fullmatch(matcher["pattern"]["regexp"], line)
    assert found is not None
    assert found[1].endswith("x.vns")
    assert (found[2], found[3], found[4]) == ("2", "3", "error")
    assert found[5] in CODES


HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))


def test_hooks_have_what_pre_commit_asks_for() -> None:
    assert [hook["id"] for hook in HOOKS] == ["vnasdsl-check", "vnasdsl-fmt", "vnasdsl-compile"]
    for hook in HOOKS:
        assert {"id", "name", "entry", "language"} <= set(hook)
        assert set(hook) <= {"id", "name", "description", "entry", "language", "files", "pass_filenames"}
        assert hook["language"] == "python"
        assert re.search(hook["files"], "spaces/x.vns")
        assert not re.search(hook["files"], "README.md")


def test_hooks_run(run_cli, tmp_path: Path) -> None:
    text = (ROOT / "spaces" / "tiny.vns").read_text(encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text("", encoding="utf-8")
    file = tmp_path / "tiny.vns"

    def run(hook: str, *arguments: str) -> int:
        (entry,) = [h["entry"] for h in HOOKS if h["id"] == hook]
        program, *words = shlex.split(entry)
        assert program == "vnasdsl"
        status: int = run_cli(*words, *arguments).returncode
        return status

    file.write_text(text, encoding="utf-8")
    assert run("vnasdsl-check", "tiny.vns") == 0
    assert run("vnasdsl-compile", "tiny.vns") == 1  # nothing is compiled yet
    assert run_cli("compile", "tiny.vns").returncode == 0
    assert run("vnasdsl-compile", "tiny.vns") == 0
    file.write_text(text.replace("basic(2)", "basic( 2)"), encoding="utf-8")
    assert run("vnasdsl-fmt", "tiny.vns") == 0  # pre-commit fails because a file has changed
    assert file.read_text(encoding="utf-8") == text
    file.write_text(text.replace("basic(2)", "basic(3)"), encoding="utf-8")
    assert run("vnasdsl-compile", "tiny.vns") == 1
    file.write_text(text.replace("basic(2)", "basik(2)"), encoding="utf-8")
    assert run("vnasdsl-check", "tiny.vns") == 1

"""`vnasdsl-lang`, which hooks, editors and CI jobs install, works with the packages that it requires, without torch."""

from __future__ import annotations

import email
import json
import re
import subprocess
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement

from tests.packaging.installs import CLEAN, build_wheel, make_environment, run, run_in_turn
from tests.support import ROOT, SPACES
from vnasdsl import __version__
from vnasdsl.cli.errors import FULL_ONLY

NEEDS_TORCH = (
    ("search", "tiny.vns", "--data", "synthetic"),
    ("retrain", "x3d3_k400.vns", "--data", "synthetic", "--out", "runs/again"),
    ("evaluate", "runs/none"),
    ("derive", "runs/none"),
    ("data", "synthetic", "videos"),
    ("predict", "runs/none", "a.mp4"),
    ("export", "runs/none"),
    ("bench", "x3d3_k400.vns"),
    ("demo",),
    ("draw", "tiny.vns", "-o", "tiny.png"),
)


def required(requirements: list[str], extra: str = "") -> Iterator[Requirement]:
    for requirement in map(Requirement, requirements):
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            yield requirement


def closure(requirements: list[str], extra: str = "") -> set[str]:
    """The distributions of this environment that some requirements bring, theirs included."""
    found: set[str] = set()
    waiting = list(required(requirements, extra))
    while waiting:
        requirement = waiting.pop()
        name = requirement.name.lower().replace("_", "-")
        if name not in found:
            found.add(name)
            theirs = distribution(name).requires or []
            for each in ("", *requirement.extras):
                waiting += required(theirs, each)
    return found


def lend(names: set[str], folder: Path) -> None:
    """Make distributions of this environment importable from a folder, and nothing else of it."""
    folder.mkdir()
    for name in names:
        for file in distribution(name).files or ():
            top = file.parts[0]
            place = Path(str(distribution(name).locate_file(top)))
            if top not in ("..", "__pycache__") and not (folder / top).exists() and place.exists():
                (folder / top).symlink_to(place)


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """An environment with the wheel and exactly the packages that it requires for the extra `lsp`."""
    folder = tmp_path_factory.mktemp("light")
    wheel = build_wheel(ROOT, folder)
    with zipfile.ZipFile(wheel) as archive:
        about = email.message_from_bytes(archive.read(f"vnasdsl_lang-{__version__}.dist-info/METADATA"))
    names = closure(about.get_all("Requires-Dist", []), extra="lsp")
    lend(names, folder / "lent")
    environment = make_environment(folder / "venv", wheel, [folder / "lent"])
    return SimpleNamespace(bin=environment / "bin", command=environment / "bin" / "vnasdsl", names=names, about=about)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("tiny", "x3d3", "x3d3_k400"):
        (tmp_path / f"{name}.vns").write_bytes((SPACES / f"{name}.vns").read_bytes())
    return tmp_path


def test_it_brings_nothing_that_only_searches_need(light: SimpleNamespace) -> None:
    assert {"click", "lark", "pygls"} <= light.names and not FULL_ONLY & light.names
    script = f"from importlib.util import find_spec; print(*map(find_spec, {sorted(FULL_ONLY)}))"
    assert set(run(light.bin / "python", "-c", script, cwd=light.bin).split()) == {"None"}
    searching = required(light.about.get_all("Requires-Dist"), "search")
    assert {requirement.name.replace("-", "_") for requirement in searching} >= FULL_ONLY


def test_what_hooks_and_ci_jobs_call(light: SimpleNamespace, project: Path) -> None:
    (project / "wrong.vns").write_text("network n { input clip = video(frames=4, size=16)\n nothing(3) }\n")
    expected = {
        "check tiny.vns x3d3.vns x3d3_k400.vns": (0, "tiny.vns: ok"),
        "fmt --check tiny.vns": (0, ""),
        "show x3d3_k400.vns": (0, "MACs"),
        "diff tiny.vns x3d3.vns": (1, "input frames=8 -> frames=16"),
        "compile tiny.vns -o out": (0, "tiny_supernet.py"),
        "compile --check tiny.vns -o out": (0, ""),
        "draw tiny.vns -o tiny.svg": (0, ""),
        "explain E0201": (0, "E0201"),
        "new first": (0, ""),
        "check wrong.vns": (1, ""),
    }
    commands = [line.split() for line in expected]
    for result, (status, text) in zip(
        run_in_turn(light.bin / "python", commands, project), expected.values(), strict=True
    ):
        assert result.returncode == status and text in result.stdout, result
    assert "torch" in (project / "out" / "tiny_supernet.py").read_text(encoding="utf-8")
    assert "E0201" in run(light.command, "explain", "E0201", cwd=project)  # by its name on the path


def test_the_library_says_what_it_lacks(light: SimpleNamespace, project: Path) -> None:
    script = """
import vnasdsl
space = vnasdsl.load("vnasdsl:tiny")
assert space.sample(0).macs > 0 and space._repr_html_() and vnasdsl.diff(space, "tiny.vns").equal
try:
    vnasdsl.search
except ModuleNotFoundError as fault:
    print(fault)
"""
    said = run(light.bin / "python", "-c", script, cwd=project)
    assert re.fullmatch(r"`vnasdsl.search` needs `\w+`, which `vnasdsl-lang` leaves out: pip install vnasdsl\n", said)


def test_every_hook_is_a_command_that_works(light: SimpleNamespace, project: Path) -> None:
    import yaml

    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    for hook in hooks:
        assert hook["language"] == "python"  # pre-commit then runs `pip install .`, which is `vnasdsl-lang`
        assert hook["entry"].startswith("vnasdsl ")
    commands = [[*hook["entry"].split()[1:], "tiny.vns"] for hook in hooks]
    for result in run_in_turn(light.bin / "python", [["compile", "tiny.vns"], *commands], project):
        assert result.returncode == 0, result


def test_an_editor_is_served(light: SimpleNamespace, project: Path) -> None:
    def message(**content: object) -> bytes:
        body = json.dumps({"jsonrpc": "2.0", **content}).encode()
        return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)

    begin = {"processId": None, "rootUri": project.as_uri(), "capabilities": {}}
    talk = [
        message(id=1, method="initialize", params=begin),
        message(method="initialized", params={}),
        message(id=2, method="shutdown"),
        message(method="exit"),
    ]
    served = subprocess.run(
        [light.command, "lsp"],
        input=b"".join(talk),
        cwd=project,
        env=CLEAN,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert b'"capabilities"' in served.stdout, served.stderr.decode()


def test_a_command_that_needs_more_says_what_to_install(light: SimpleNamespace, project: Path) -> None:
    before = sorted(project.rglob("*"))
    for result in run_in_turn(light.bin / "python", NEEDS_TORCH, project):
        assert result.returncode == 1, result
        assert "error: this needs `" in result.stderr and "pip install vnasdsl" in result.stderr, result
        assert "Traceback" not in result.stderr
    assert sorted(project.rglob("*")) == before
    names = [[*(words[:2] if words[0] == "data" else words[:1]), "--help"] for words in NEEDS_TORCH]
    for result in run_in_turn(light.bin / "python", names, project):
        assert result.returncode == 0 and "Usage:" in result.stdout, result


def test_the_other_distribution_has_everything(tmp_path: Path) -> None:
    wheel = build_wheel(ROOT / "distributions" / "vnasdsl", tmp_path)
    with zipfile.ZipFile(wheel) as archive:
        assert all(name.startswith(f"vnasdsl-{__version__}.dist-info/") for name in archive.namelist())
        about = email.message_from_bytes(archive.read(f"vnasdsl-{__version__}.dist-info/METADATA"))
    assert about["Version"] == __version__
    needed = list(map(Requirement, about.get_all("Requires-Dist")))
    always = [str(requirement) for requirement in needed if requirement.marker is None]
    assert always == [f"vnasdsl-lang[search]=={__version__}"]
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    forwarded = {requirement.extras.pop() for requirement in needed if requirement.marker is not None}
    assert forwarded == extras.keys() - {"search", "dev"}

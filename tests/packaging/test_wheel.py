"""What users install: the wheel carries everything and works in a clean environment, away from the repository."""

from __future__ import annotations

import email
import shutil
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.packaging.installs import build_wheel, make_environment, run, run_in_turn
from tests.support import ROOT
from vnasdsl import __version__

ABOUT = f"vnasdsl_lang-{__version__}.dist-info"
MOST_BYTES = 1_000_000


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def clean(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel; the dependencies are those of the running one."""
    lent = sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
    return make_environment(tmp_path_factory.mktemp("clean") / "venv", wheel, list(map(Path, lent)))


def files_under(folder: str) -> set[str]:
    """Files of a folder of the repository, as paths from its root."""
    files = (path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(ROOT).as_posix() for path in files}


def test_wheel_carries_code_grammar_templates_and_spaces(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.startswith(f"{ABOUT}/")}
        metadata = email.message_from_bytes(archive.read(f"{ABOUT}/METADATA"))
        entry_points = archive.read(f"{ABOUT}/entry_points.txt").decode()
        assert f"{ABOUT}/licenses/LICENSE" in archive.namelist()
    assert wheel.stat().st_size < MOST_BYTES
    inside = {f"vnasdsl/_{name}" for folder in ("grammar", "templates", "spaces") for name in files_under(folder)}
    assert "vnasdsl/_grammar/vns.lark" in inside
    assert "vnasdsl/_spaces/tiny.vns" in inside
    assert names == files_under("vnasdsl") | inside
    assert metadata["Version"] == __version__
    assert metadata["License-Expression"] == "Apache-2.0"
    assert "vnasdsl = vnasdsl.cli.main:main" in entry_points


def test_sdist_gives_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    run(sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", tmp_path, cwd=ROOT)
    (sdist,) = tmp_path.glob("*.tar.gz")
    shutil.unpack_archive(sdist, tmp_path)
    again = build_wheel(tmp_path / f"vnasdsl_lang-{__version__}", tmp_path)
    with zipfile.ZipFile(wheel) as first, zipfile.ZipFile(again) as second:
        assert sorted(first.namelist()) == sorted(second.namelist())
        for name in first.namelist():
            assert first.read(name) == second.read(name), name


def test_the_repository_is_not_importable_there(clean: Path, tmp_path: Path) -> None:
    python = clean / "bin" / "python"
    where = run(python, "-c", "import vnasdsl; print(vnasdsl.__file__)", cwd=tmp_path).strip()
    assert Path(where).is_relative_to(clean)
    path = run(python, "-c", "import sys; print(*sys.path, sep='\\n')", cwd=tmp_path).splitlines()
    assert str(ROOT) not in path


def test_compiles_and_runs_the_wheels_own_tiny(clean: Path, tmp_path: Path) -> None:
    script = "from vnasdsl.resources import spaces_dir; print(spaces_dir() / 'tiny.vns')"
    tiny = Path(run(clean / "bin" / "python", "-c", script, cwd=tmp_path).strip())
    assert tiny.is_relative_to(clean)
    commands = ["new first", f"check {tiny}", f"compile {tiny} -o out", f"compile --check {tiny} -o out"]
    for result in run_in_turn(clean / "bin" / "python", [line.split() for line in commands], tmp_path):
        assert result.returncode == 0, result
    assert (tmp_path / "first" / "spaces" / "tiny.vns").read_bytes() == tiny.read_bytes()
    assert (tmp_path / "out" / "tiny_supernet.py").is_file()
    command = clean / "bin" / "vnasdsl"
    assert run(command, "--version", cwd=tmp_path) == f"vnasdsl, version {__version__}\n"
    run(command, "check", "spaces/tiny.vns", "spaces/x3d3_k400.vns", cwd=tmp_path / "first")
    build = "import tiny_supernet; print(sum(p.numel() for p in tiny_supernet.Supernet().parameters()))"
    assert int(run(clean / "bin" / "python", "-c", build, cwd=tmp_path / "out")) > 0


def test_shipped_files_are_there_by_name(clean: Path, tmp_path: Path) -> None:
    """A new project passes its own checks, files import by name, and so does the library."""
    python = clean / "bin" / "python"
    run(clean / "bin" / "vnasdsl", "new", "first", cwd=tmp_path)
    project = tmp_path / "first"
    text = (ROOT / "spaces" / "x3d3_k400.vns").read_text(encoding="utf-8").replace('"x3d3.vns"', '"vnasdsl:x3d3"')
    (project / "mine.vns").write_text(text, encoding="utf-8")
    assert 'import "vnasdsl:x3d3"' in text
    spaces = " ".join(f"spaces/{name}.vns" for name in ("tiny", "x3d3", "x3d3_k400"))
    commands = [
        f"check {spaces} mine.vns",
        f"compile --check {spaces}",
        "compile vnasdsl:x3d3_k400 -o out",
        "zoo",
        "show vnasdsl:zoo/slow",  # it imports a file beside it
        "compile vnasdsl:zoo/slow -o out",
        "new second --space zoo/slow",
        "check second/spaces/zoo/slow.vns",
    ]
    results = run_in_turn(python, [line.split() for line in commands], project)
    assert [result for result in results if result.returncode] == []
    assert "slow_r50" in results[3].stdout
    assert "from vnasdsl_zoo/slow." in (project / "out" / "slow_r50.py").read_text(encoding="utf-8")
    assert "from vnasdsl_x3d3_k400." in (project / "out" / "x3d3_k400.py").read_text(encoding="utf-8")
    script = "import vnasdsl; print(vnasdsl.load('mine.vns').macs == vnasdsl.load('vnasdsl:x3d3_k400').macs)"
    assert run(python, "-c", script, cwd=project) == "True\n"

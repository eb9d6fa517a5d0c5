"""What users install: the wheel carries everything and works in a clean environment, away from the repository."""

from __future__ import annotations

import email
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.support import ROOT
from vnasdsl import __version__

# Everything but the interpreter's own paths would let the repository in by another door.
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VNASDSL"))}


def run(*args: str | Path, cwd: Path, status: int = 0) -> str:
    """Run a command in the clean environment and give back its output; it must end with `status`."""
    result = subprocess.run(list(map(str, args)), cwd=cwd, env=CLEAN, capture_output=True, text=True, check=False)
    assert result.returncode == status, f"{args}\n{result.stdout}\n{result.stderr}"
    return result.stdout


def build_wheel(source: Path, folder: Path) -> Path:
    """Build a wheel with the build backend of the running environment, so that nothing is downloaded."""
    run(
        *(sys.executable, "-m", "pip", "--quiet", "wheel", source),
        *("--no-deps", "--no-build-isolation", "--wheel-dir", folder),
        cwd=folder,
    )
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def clean(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel; the dependencies are those of the running one, by a path file.

    A path file adds a folder but not what the path files inside it add: an editable install stays outside.
    """
    folder = tmp_path_factory.mktemp("clean") / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=ROOT.parent)
    python = folder / "bin" / "python"
    packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip())
    run(sys.executable, "-m", "pip", "--quiet", "--python", python, "install", "--no-deps", wheel, cwd=folder)
    lent = sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
    (packages / "lent.pth").write_text("\n".join(lent) + "\n", encoding="utf-8")
    return folder


def files_under(folder: str) -> set[str]:
    """Files of a folder of the repository, as paths from its root."""
    files = (path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(ROOT).as_posix() for path in files}


def test_wheel_carries_code_grammar_templates_and_spaces(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.startswith(f"vnasdsl-{__version__}.dist-info/")}
        metadata = email.message_from_bytes(archive.read(f"vnasdsl-{__version__}.dist-info/METADATA"))
        entry_points = archive.read(f"vnasdsl-{__version__}.dist-info/entry_points.txt").decode()
        assert f"vnasdsl-{__version__}.dist-info/licenses/LICENSE" in archive.namelist()
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
    again = build_wheel(tmp_path / f"vnasdsl-{__version__}", tmp_path)
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
    command = clean / "bin" / "vnasdsl"
    run(command, "new", "first", cwd=tmp_path)
    assert (tmp_path / "first" / "spaces" / "tiny.vns").read_bytes() == tiny.read_bytes()
    run(command, "check", "spaces/tiny.vns", "spaces/x3d3_k400.vns", cwd=tmp_path / "first")
    assert run(command, "--version", cwd=tmp_path) == f"vnasdsl, version {__version__}\n"
    run(command, "check", tiny, cwd=tmp_path)
    run(command, "compile", tiny, "-o", "out", cwd=tmp_path)
    assert (tmp_path / "out" / "tiny_supernet.py").is_file()
    run(command, "compile", "--check", tiny, "-o", "out", cwd=tmp_path)
    build = "import tiny_supernet; print(sum(p.numel() for p in tiny_supernet.Supernet().parameters()))"
    assert int(run(clean / "bin" / "python", "-c", build, cwd=tmp_path / "out")) > 0

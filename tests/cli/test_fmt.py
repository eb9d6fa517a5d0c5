"""`vnasdsl fmt`: files, folders, the standard input, what it refuses and what it leaves alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.support import cli_environment
from vnasdsl.cli import fmt
from vnasdsl.cli.main import cli
from vnasdsl.language.format import FormatError

UGLY = "space s {a # why\n\n\n\nb}"
PRETTY = "space s {\n  a  # why\n\n  b\n}\n"
FAULTY = "space s { a ; b }\n"


def run(*args: str, input: bytes | None = None) -> Result:
    return CliRunner().invoke(cli, ["fmt", *args], input=input)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(name: str, text: str) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8"))
    return path


def test_a_folder_is_searched(folder: Path) -> None:
    ugly = [write(name, UGLY) for name in ("b.vns", "a/c.vns", "a/d/e.vns")]
    left = [write(name, UGLY) for name in (".venv/x.vns", "a/.hidden/x.vns", "note.txt", "x.vns.bak")]
    write("pretty.vns", PRETTY)
    result = run()
    assert result.exit_code == 0
    assert result.stdout.replace(os.sep, "/") == "formatted b.vns\nformatted a/c.vns\nformatted a/d/e.vns\n"
    assert result.stderr == "3 formatted, 1 unchanged\n"
    assert {path.read_text() for path in ugly} == {PRETTY}
    assert {path.read_text() for path in left} == {UGLY}
    assert run(".", "a", "b.vns").stderr == "4 unchanged\n"


def test_a_named_file_is_formatted_whatever_its_name(folder: Path) -> None:
    path = write(".venv/x.txt", UGLY)
    assert run(str(path)).exit_code == 0
    assert path.read_text() == PRETTY


def test_an_equal_file_is_not_touched(folder: Path) -> None:
    path = write("x.vns", PRETTY)
    os.utime(path, ns=(10**18, 10**18))
    path.chmod(0o444)
    before = path.stat()
    assert run("x.vns").exit_code == 0
    after = path.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_permissions_and_links_are_kept(folder: Path) -> None:
    path = write("real/x.vns", UGLY)
    path.chmod(0o640)
    Path("link.vns").symlink_to(path)
    assert run("link.vns", "real").exit_code == 0
    assert Path("link.vns").is_symlink()
    assert (path.read_text(), path.stat().st_mode & 0o777) == (PRETTY, 0o640)
    assert [p.name for p in Path("real").iterdir()] == ["x.vns"]


def test_check_writes_nothing_and_names_the_files(folder: Path) -> None:
    path = write("x.vns", UGLY)
    write("y.vns", PRETTY)
    result = run("--check")
    assert (result.exit_code, result.stdout) == (1, "would format x.vns\n")
    assert result.stderr == "1 would be formatted, 1 unchanged\n"
    assert path.read_text() == UGLY
    assert run("--check", "y.vns").exit_code == 0


@pytest.mark.parametrize("more", [(), ("--check",)])
def test_diff_writes_nothing_and_shows_the_lines(folder: Path, more: tuple[str, ...]) -> None:
    path = write("x.vns", "space s {\n  a\n\n\n  b # \x85 \u2028 x\n}")
    write("y.vns", PRETTY)
    before = path.read_bytes()
    result = run("--diff", *more)
    assert result.exit_code == 1
    assert result.stdout == (
        "--- x.vns\n+++ x.vns (formatted)\n@@ -1,6 +1,5 @@\n space s {\n   a\n \n-\n-  b # \x85 \u2028 x\n-}\n"
        "\\ No newline at end of file\n+  b  # \x85 \u2028 x\n+}\n"
    )
    assert path.read_bytes() == before
    assert run("--diff", "y.vns").exit_code == 0


def test_line_ends_become_those_of_unix_and_a_byte_order_mark_goes(folder: Path) -> None:
    path = write("x.vns", "\ufeff" + PRETTY.replace("\n", "\r\n"))
    assert run("--check", "x.vns").exit_code == 1
    assert "-  b\r\n" in run("--diff", "x.vns").stdout_bytes.decode()
    assert run("x.vns").exit_code == 0
    assert path.read_bytes() == PRETTY.encode()
    assert run("--check", "x.vns").exit_code == 0


def test_standard_input(folder: Path) -> None:
    result = run("-", input=UGLY.replace("\n", "\r\n").encode())
    assert (result.exit_code, result.stdout_bytes, result.stderr) == (0, PRETTY.encode(), "")
    assert run("-", "--check", input=PRETTY.encode()).exit_code == 0
    checked = run("-", "--check", input=UGLY.encode())
    assert (checked.exit_code, checked.stdout) == (1, "would format <stdin>\n")
    assert run("-", "--diff", input=UGLY.encode()).stdout.startswith("--- <stdin>\n+++ <stdin> (formatted)\n")
    faulty = run("-", input=FAULTY.encode())
    assert (faulty.exit_code, faulty.stdout) == (1, "")
    assert "<stdin>:1:13" in faulty.stderr
    assert run("-", input=b"\xff").exit_code == 1
    assert run("-", "x.vns").exit_code == 2


def test_faulty_files_are_reported_and_the_others_formatted(folder: Path) -> None:
    faulty = write("a.vns", FAULTY)
    path = write("b.vns", UGLY)
    Path("c.vns").write_bytes(b"# \xff")
    result = run(".", "missing.vns")
    assert result.exit_code == 1
    assert result.stdout == "formatted b.vns\n"
    for text in ("a.vns:1:13", "c.vns", "not UTF-8", "missing.vns", "does not exist", "1 formatted, 3 with errors"):
        assert text in result.stderr
    assert (faulty.read_text(), path.read_text()) == (FAULTY, PRETTY)


def test_a_file_that_cannot_be_written_is_reported(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str, text: str) -> None:
        if path == "a.vns":
            raise PermissionError(13, "Permission denied", path)
        Path(path).write_text(text)

    monkeypatch.setattr(fmt, "write_atomic", refuse)
    write("a.vns", UGLY)
    write("b.vns", UGLY)
    result = run()
    assert (result.exit_code, result.stdout) == (1, "formatted b.vns\n")
    assert "error: `a.vns` cannot be written: permission denied" in result.stderr


def test_a_failed_proof_is_a_bug_and_leaves_the_file_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = fmt.format_text

    def fail(source: object) -> str:
        if getattr(source, "name", "") in ("a.vns", "<stdin>"):
            raise FormatError("the formatted text has other comments")
        return honest(source)  # type: ignore[arg-type]

    monkeypatch.setattr(fmt, "format_text", fail)
    path = write("a.vns", UGLY)
    other = write("b.vns", UGLY)
    write("c.vns", FAULTY)
    result = run()
    assert result.exit_code == 70
    assert "this is a bug in vnasdsl: `a.vns` is left as it is: the formatted text has other comments" in result.stderr
    assert (path.read_text(), other.read_text()) == (UGLY, PRETTY)
    assert (run("-", input=b"").exit_code, run("-", input=b"").stdout) == (70, "")


def test_a_folder_without_texts_is_no_error(folder: Path) -> None:
    result = run()
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no .vns files here\n")


def test_nothing_heavy_is_imported(folder: Path) -> None:
    write("x.vns", UGLY)
    program = (
        "import sys\nfrom vnasdsl.cli.main import cli\ncli(['fmt'], standalone_mode=False)\n"
        "heavy = {'torch', 'networkx', 'jinja2', 'pydantic', 'numpy', 'av'}\n"
        "print({name.split('.')[0] for name in sys.modules} & heavy)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], env=cli_environment(), capture_output=True, text=True, check=True
    )
    assert result.stdout == "formatted x.vns\nset()\n"

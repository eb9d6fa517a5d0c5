"""Reading .vns files."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import NoReturn

import pytest

from vnasdsl.language.diagnostics import VnsError
from vnasdsl.language.files import read_source
from vnasdsl.language.limits import MAX_BYTES
from vnasdsl.language.render import render


def fault(path: str | Path) -> tuple[str, str]:
    with pytest.raises(VnsError) as caught:
        read_source(path)
    (diagnostic,) = caught.value.diagnostics
    return diagnostic.code, render([diagnostic])


def test_a_file_is_named_as_given_and_its_lines_end_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.vns").write_bytes("\ufeffé\r\nb\rc\n".encode())
    monkeypatch.chdir(tmp_path)
    source = read_source("./a.vns")
    assert (source.name, source.text) == ("./a.vns", "é\nb\nc\n")
    assert read_source(tmp_path / "a.vns").name == str(tmp_path / "a.vns")


def test_what_is_not_there_or_not_a_file(tmp_path: Path) -> None:
    code, text = fault("no/such/file.vns")
    assert code == "E0103" and text == "error[E0103]: the file does not exist\n --> no/such/file.vns"
    code, text = fault(tmp_path)
    assert code == "E0103" and "this is a folder, not a file" in text
    for name in ("a\0b", "x" * 5000, str(tmp_path / "a.vns" / "b.vns"), "\udcff.vns"):
        (tmp_path / "a.vns").touch()
        assert fault(name)[0] == "E0103"


def test_a_file_that_may_not_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> NoReturn:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert fault("a.vns") == ("E0103", "error[E0103]: the file cannot be read: Permission denied\n --> a.vns")


def test_text_that_is_not_utf8_is_shown_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "a.vns"
    path.write_bytes(b"block b {\r\n  caf\xe9\r\n}\n")
    code, text = fault(path)
    assert code == "E0102"
    assert (
        text
        == f"""\
error[E0102]: the file is not UTF-8: byte 0xe9 at offset 16
 --> {path}:2:6
  |
2 |   caf\N{REPLACEMENT CHARACTER}
  |      ^
  |
  = help: save the file as UTF-8"""
    )


@pytest.mark.parametrize("data", [b"\xff\xfea\x00", b"\x80", b"a\xc3", b"\xed\xa0\x80", b"\xf5\x80\x80\x80"])
def test_other_encodings_give_a_fault(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.vns"
    path.write_bytes(data)
    assert fault(path)[0] == "E0102"


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    path = tmp_path / "a.vns"
    path.write_bytes(b"#" * MAX_BYTES)
    assert len(read_source(path).text) == MAX_BYTES
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    code, text = fault(path)
    assert code == "E0105" and f"{MAX_BYTES:,} bytes" in text

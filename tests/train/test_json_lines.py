from __future__ import annotations

from pathlib import Path

import pytest

from vnasdsl.language.diagnostics import UserError
from vnasdsl.train.run_folder import JsonLines


def test_a_line_cut_short_by_a_kill_does_not_count(tmp_path: Path) -> None:
    file = JsonLines(tmp_path / "lines.jsonl")
    assert file.read() == []
    for epoch in (1, 2, 3):
        file.append({"epoch": epoch})
    with file.path.open("a") as stream:
        stream.write('{"epoch": 4, "tra')
    assert [record["epoch"] for record in file.read()] == [1, 2, 3]
    file.write(file.read()[:2])
    assert file.path.read_text() == '{"epoch": 1}\n{"epoch": 2}\n'


@pytest.mark.parametrize("line", [b"{", b"[1]", b"\xff\xfe"])
def test_a_damaged_line_is_named(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b'{"epoch": 1}\n' + line + b'\n{"epoch": 3}\n')
    with pytest.raises(UserError, match="is damaged in line 2"):
        JsonLines(path).read()

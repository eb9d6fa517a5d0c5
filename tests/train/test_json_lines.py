from __future__ import annotations

import json
from pathlib import Path

import pytest

from vnasdsl.language.diagnostics import UserError
from vnasdsl.runs.folder import JsonLines


def test_a_line_cut_short_by_a_kill_does_not_count(tmp_path: Path) -> None:
    file = JsonLines(tmp_path / "lines.jsonl")
    assert file.read() == []
    for epoch in (1, 2, 3):
        file.append({"epoch": epoch})
    with file.path.open("a") as stream:
        stream.write('{"epoch": 4, "tra')
    assert [record["epoch"] for record in file.read()] == [1, 2, 3]
    file.write(file.read()[:2])
    assert [json.loads(line)["epoch"] for line in file.path.read_text().splitlines()] == [1, 2]


def test_records_come_back_as_they_were(tmp_path: Path) -> None:
    record = {"loss": 0.1 + 0.2, "name": 'größer \u2028 "', "pair": [1, None], "inner": {"": True}, "small": 5e-324}
    file = JsonLines(tmp_path / "lines.jsonl")
    file.append(record)
    file.append({"pair": (1, 2)})
    assert file.read() == [record, {"pair": [1, 2]}]
    before = file.path.read_bytes()
    file.write(file.read())
    assert file.path.read_bytes() == before


@pytest.mark.parametrize("line", [b"{", b"[1]", b"\xff\xfe", b"{}", b"3", b'{"epoch": 2, "crc": 7}'])
def test_a_damaged_line_is_named(tmp_path: Path, line: bytes) -> None:
    file = JsonLines(tmp_path / "lines.jsonl")
    file.write({"epoch": epoch} for epoch in (1, 2, 3))
    lines = file.path.read_bytes().splitlines(keepends=True)
    file.path.write_bytes(lines[0] + line + b"\n" + lines[2])
    with pytest.raises(UserError, match="is damaged in line 2") as caught:
        file.read()
    assert "delete that line" in str(caught.value.help)
    file.path.write_bytes(lines[0] + lines[2])
    assert file.read() == [{"epoch": 1}, {"epoch": 3}]


def test_no_flipped_bit_goes_unnoticed(tmp_path: Path) -> None:
    file = JsonLines(tmp_path / "lines.jsonl")
    file.append({"epoch": 1, "top1": 0.25, "name": "a"})
    whole = file.path.read_bytes()
    for place in range(len(whole) - 1):
        file.path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        with pytest.raises(UserError):
            file.read()


def test_nothing_is_written_that_is_no_json(tmp_path: Path) -> None:
    file = JsonLines(tmp_path / "lines.jsonl")
    with pytest.raises(ValueError, match="not JSON compliant"):
        file.append({"loss": float("nan")})
    assert file.read() == []

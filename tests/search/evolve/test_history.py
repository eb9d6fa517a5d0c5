"""trials.jsonl: nothing lost, nothing half."""

from __future__ import annotations

from pathlib import Path

import pytest

from vnasdsl.language.diagnostics import UserError
from vnasdsl.searching.evolve.history import History, Record

RECORDS = (
    Record(0, "trained", (), (), {"a": "1"}, 10, 5, {"latency_cpu": {"ms": 1.5}}, 0.5, {"top1": 0.5}, text="é\n"),
    Record(1, "dropped", (0,), ("step a: 1 -> 2",), {"a": "2"}, 10, 5, limit="params <= 4"),
    Record(2, "duplicate", (0,), (), {"a": "1"}, twin=0),
    Record(3, "failed", (0, 1), ("x",), {"a": "3"}, error="no", edges={"n.edges": [0.25, 0.75]}),
)


def filled(folder: Path) -> History:
    history = History(folder)
    for record in RECORDS:
        history.add(record, {"seconds": 1.0} if record.id in (0, 3) else None)
    return history


def read(folder: Path) -> list[Record]:
    history = History(folder)
    history.read()
    return history.records


def test_what_is_written_is_read(tmp_path: Path) -> None:
    filled(tmp_path)
    assert read(tmp_path) == list(RECORDS)
    assert (tmp_path / "trials.jsonl").read_text(encoding="utf-8").count("\n") == 4
    assert (tmp_path / "times.jsonl").read_text(encoding="utf-8").count("\n") == 2
    assert History(tmp_path / "none").records == [] and read(tmp_path / "none") == []


def test_a_line_cut_short_is_cut_off_wherever_the_kill_came(tmp_path: Path) -> None:
    filled(tmp_path)
    whole = (tmp_path / "trials.jsonl").read_bytes()
    last = whole.rstrip(b"\n").rfind(b"\n") + 1
    for end in range(last, len(whole)):
        (tmp_path / "trials.jsonl").write_bytes(whole[:end])
        history = History(tmp_path)
        history.read()
        assert history.records == list(RECORDS[:3])
    history.add(RECORDS[3])
    assert (tmp_path / "trials.jsonl").read_bytes() == whole


@pytest.mark.parametrize("line", ["{}", "[]", "not json", '{"id": 1, "other": 2}'])
def test_a_damaged_file_is_named(line: str, tmp_path: Path) -> None:
    (tmp_path / "trials.jsonl").write_text(line + "\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"trials\.jsonl` is damaged"):
        read(tmp_path)

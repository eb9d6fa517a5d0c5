"""The table of all networks: what a kill left incomplete is trained again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from exhaustive import keep_whole, main

from tests.support import ROOT
from vnasdsl.data.synthetic.make import Settings, make


def test_a_table_that_was_cut_short_keeps_whole_trainings(tmp_path: Path) -> None:
    table = tmp_path / "table.jsonl"
    assert keep_whole(table, {"0": 1}) == set()
    rows = [{"label": "0", "seed": 0}, {"label": "1", "seed": 0}, {"label": "1", "seed": 0}, {"label": "2", "seed": 0}]
    whole = "".join(json.dumps(row) + "\n" for row in rows)
    table.write_text(whole + '{"label": "2", "se', encoding="utf-8")
    assert keep_whole(table, {"0": 1, "1": 2, "2": 2}) == {("0", 0), ("1", 0)}
    assert table.read_text(encoding="utf-8") == "".join(whole.splitlines(keepends=True)[:3])


def test_a_table_of_one_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    videos = tmp_path / "videos"
    make(videos, Settings(classes=2, clips=4, test_clips=2, sizes=((48, 64),), lengths=(16, 16)))
    space, table = tmp_path / "mini.vns", tmp_path / "table.jsonl"
    text = (ROOT / "spaces" / "mini.vns").read_text(encoding="utf-8")
    space.write_text(text.replace("epochs = 12", "epochs = 1"), encoding="utf-8")
    arguments = ["--data", f"synthetic:{videos}", "--out", str(table), "--workers", "1", "--limit", "1"]
    monkeypatch.setattr("sys.argv", ["exhaustive.py", str(space), *arguments])
    main()
    lines = [json.loads(line) for line in table.read_text(encoding="utf-8").splitlines()]
    assert lines and {line["label"] for line in lines} == {"0"}
    assert all(0 <= line["top1"] <= 1 and line["macs"] > 0 and line["seed"] == 0 for line in lines)

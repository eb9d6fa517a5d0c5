"""The table of all networks: what a kill left incomplete is trained again."""

from __future__ import annotations

import json
from pathlib import Path

from exhaustive import keep_whole


def test_a_table_that_was_cut_short_keeps_whole_trainings(tmp_path: Path) -> None:
    table = tmp_path / "table.jsonl"
    assert keep_whole(table, {"0": 1}) == set()
    rows = [{"label": "0", "seed": 0}, {"label": "1", "seed": 0}, {"label": "1", "seed": 0}, {"label": "2", "seed": 0}]
    whole = "".join(json.dumps(row) + "\n" for row in rows)
    table.write_text(whole + '{"label": "2", "se', encoding="utf-8")
    assert keep_whole(table, {"0": 1, "1": 2, "2": 2}) == {("0", 0), ("1", 0)}
    assert table.read_text(encoding="utf-8") == "".join(whole.splitlines(keepends=True)[:3])

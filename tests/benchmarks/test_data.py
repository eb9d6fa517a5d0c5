from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks import data
from vnasdsl.data import Video
from vnasdsl.data.decode import read_for
from vnasdsl.data.index import scan


def test_it_runs_and_gives_every_ratio(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    small = data.Case("small", "libx264", ".mp4", (32, 48), 20, 16, videos=2)
    monkeypatch.setattr(data, "CASES", (small, small))
    monkeypatch.setattr(data, "PASSES", 1)
    monkeypatch.setattr(sys, "argv", ["data.py", "--small", "--minutes", "0.01"])
    data.main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[:2] for line in lines[2:4]] == [["| small", "1"], ["| small", "2"]]
    assert "against one from its start" in lines[-1]


def test_the_reference_decodes_the_clips_that_the_loader_cuts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = data.Case("", "mpeg4", ".avi", (32, 48), 40, 16)
    video = Video(str(data.encode(tmp_path / "v.avi", case)), 0, "")
    data.INDICES[video.path] = scan(video.path)
    cut: list[list[int]] = []
    loader = data.ClipLoader([video], case.shape, batch=1, workers=0, cache_bytes=0)
    monkeypatch.setattr(
        "vnasdsl.data.cache.read_for",
        lambda path, index, wanted, *how: cut.append(list(wanted)) or read_for(path, index, wanted, *how),
    )
    for epoch in range(3):
        list(loader(epoch))
        assert list(data.clips_of([video], case.shape, epoch)) == [(video.path, cut[-1][0], cut[-1][-1])]

"""A run goes on, and is decoded, only with the videos it was started with."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result

from vnasdsl.data import DataSet, Video, open_data
from vnasdsl.train.identity import differing_videos, video_facts

Command = Callable[..., Result]


def data_set(root: str, *names: str) -> DataSet:
    train = tuple(Video(f"{root}/train/{name}.avi", number % 2, "ab"[number % 2]) for number, name in enumerate(names))
    return DataSet("folder:videos", "folder", ("a", "b"), train, (Video(f"{root}/test/t.avi", 0, "a"),))


def test_a_moved_data_set_is_the_same() -> None:
    here, there = data_set("/here", "x", "y"), data_set("/elsewhere/deep", "x", "y")
    assert video_facts(here) == video_facts(there)
    assert video_facts(replace(here, train=here.train[::-1])) == video_facts(here)


def test_what_differs_is_told() -> None:
    before = json.loads(json.dumps(video_facts(data_set("/d", "x", "y", "z"))))
    assert differing_videos(before, video_facts(data_set("/d", "x", "y"))) == ["3 training videos then, 2 now"]
    same_number = "3 training videos then and now, but not the same files and labels"
    assert differing_videos(before, video_facts(data_set("/d", "x", "y", "w"))) == [same_number]
    assert differing_videos(before, video_facts(data_set("/d", "y", "x", "z"))) == [same_number]  # other labels
    assert differing_videos(None, video_facts(data_set("/d", "x"))) == []


@pytest.mark.parametrize("added", [False, True], ids=["removed", "added"])
def test_other_videos_are_refused(
    added: bool, vnasdsl: Command, space: Path, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In the layout `folder`, what stands in a folder belongs to it.
    for part, found in (
        ("train", open_data(f"synthetic:{videos}").train),
        ("test", open_data(f"synthetic:{videos}").test),
    ):
        for video in found:
            folder = tmp_path / "videos" / part / video.class_name
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(video.path, folder)
    monkeypatch.chdir(tmp_path)
    search = ["search", space, "--data", "folder:videos", "--out", "run", "--device", "cpu", "--set", "epochs=1", "-q"]
    retrain = ["retrain", "run", "--device", "cpu", "--set", "epochs=1", "-q"]
    for command in (search, retrain):
        assert vnasdsl(*command).exit_code == 0
    network = Path("run/network.vns").stat().st_mtime_ns

    one = next(Path("videos/train").glob("*/*.avi"))
    if added:
        shutil.copy(one, one.with_name("new.avi"))
    else:
        one.unlink()
    for command in ([*search, "--resume"], [*retrain, "--resume"], ["derive", "run", "-q"]):
        result = vnasdsl(*command)
        message = " ".join(result.output.split())
        assert result.exit_code == 1 and "the videos of `folder:videos` are not those `run" in message, result.output
        assert f"24 training videos then, {25 if added else 23} now" in message and "test videos" not in message
    assert Path("run/network.vns").stat().st_mtime_ns == network

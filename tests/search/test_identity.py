"""A run is resumed, and decoded, only with the space, weights and videos it was started with."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result

from vnasdsl.data import DataSet, Video, open_data
from vnasdsl.language.diagnostics import UserError
from vnasdsl.train.run_folder import require_same_videos, video_facts

Command = Callable[..., Result]


def data_set(root: str, *names: str) -> DataSet:
    train = tuple(Video(f"{root}/train/{name}.avi", number % 2, "ab"[number % 2]) for number, name in enumerate(names))
    return DataSet("folder:videos", "folder", ("a", "b"), train, (Video(f"{root}/test/t.avi", 0, "a"),))


def test_a_moved_data_set_is_the_same() -> None:
    here, there = data_set("/here", "x", "y"), data_set("/elsewhere/deep", "x", "y")
    assert video_facts(here) == video_facts(there)
    assert video_facts(replace(here, train=here.train[::-1])) == video_facts(here)


def test_what_differs_is_named() -> None:
    before = {"videos": json.loads(json.dumps(video_facts(data_set("/d", "x", "y", "z"))))}

    def fault(*names: str) -> str:
        with pytest.raises(UserError) as caught:
            require_same_videos(
                Path("run"), before, {"data": "folder:d", "videos": video_facts(data_set("/d", *names))}
            )
        return caught.value.message.partition(": ")[2]

    assert fault("x", "y") == "it had 3 training videos and has 2"
    others = "its 3 training videos are other files, or have other labels"
    assert fault("x", "y", "w") == others
    assert fault("y", "x", "z") == others


def test_a_run_is_what_its_space_says_not_where_its_file_is(
    vnasdsl: Command, searched: Path, space: Path, videos: Path, tmp_path: Path
) -> None:
    run, moved = tmp_path / "run", tmp_path / "elsewhere" / "renamed.vns"
    shutil.copytree(searched, run)
    moved.parent.mkdir()
    moved.write_text("# another comment\n" + space.read_text())
    search = ["search", moved, "--data", f"synthetic:{videos}", "--out", run, "--device", "cpu", "-q", "--resume"]
    assert vnasdsl(*search).exit_code == 0
    assert (run / "network.vns").read_bytes() == (searched / "network.vns").read_bytes()
    assert (run / "run.json").read_bytes() == (searched / "run.json").read_bytes()

    moved.write_text(space.read_text().replace("head(6 | 8, 1)", "head(6 | 10, 1)"))
    result = vnasdsl(*search)
    message = " ".join(result.output.split())
    assert result.exit_code == 1
    assert "`space.vns` has changed: `stage s3 { head(6 | 8, 1) }` is now `stage s3 { head(6 | 10, 1) }`" in message


def test_retraining_is_what_the_starting_weights_hold_not_their_file(
    vnasdsl: Command, searched: Path, videos: Path, tmp_path: Path
) -> None:
    network = tmp_path / "a.vns"
    shutil.copy(searched / "network.vns", network)
    shutil.copy(searched / "network.safetensors", tmp_path / "a.safetensors")
    settings = ("epochs=1", "batch=4", "scale=18", "clips=1", "crops=1", "workers=0")
    more = [word for setting in settings for word in ("--set", setting)]
    more += ["--data", f"synthetic:{videos}", "--out", tmp_path / "run", "--device", "cpu", "-q"]
    assert vnasdsl("retrain", network, "--weights", tmp_path / "a.safetensors", *more).exit_code == 0
    network.rename(tmp_path / "b.vns")
    (tmp_path / "a.safetensors").rename(tmp_path / "b.safetensors")
    again = ["retrain", tmp_path / "b.vns", *more, "--resume", "--weights"]
    result = vnasdsl(*again, tmp_path / "b.safetensors")
    assert result.exit_code == 0, result.output
    other = vnasdsl(*again, tmp_path / "run" / "network.safetensors")
    assert other.exit_code == 1 and "it started from other weights" in " ".join(other.output.split())


def test_other_videos_are_rejected(
    vnasdsl: Command, space: Path, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = open_data(f"synthetic:{videos}")
    for part, found in (("train", data.train), ("test", data.test)):
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

    def check(now: int) -> None:
        for command in ([*search, "--resume"], [*retrain, "--resume"], ["derive", "run", "-q"]):
            result = vnasdsl(*command)
            message = " ".join(result.output.split())
            assert result.exit_code == 1 and "the videos of `folder:videos` are not those `run" in message, message
            assert f"it had 24 training videos and has {now}" in message and "test videos" not in message
        assert Path("run/network.vns").stat().st_mtime_ns == network

    one = next(Path("videos/train").glob("*/*.avi"))
    new = shutil.copy(one, one.with_name("new.avi"))
    check(25)
    Path(new).unlink()
    one.unlink()
    check(23)

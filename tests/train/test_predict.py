"""Predictions of a network whose answers are known: class `bright` where the picture is bright, else `dark`."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.conftest import RunCli
from tests.data.videos import encode
from vnasdsl import predict
from vnasdsl.data.timeline import annotate, frame_times
from vnasdsl.elaborate import load
from vnasdsl.language.diagnostics import UserError
from vnasdsl.train.generated import build
from vnasdsl.train.predict import find_videos, open_trained

NETWORK = """\
network lamp {
  input clip = video(frames=2, size=8, classes=2)
  pool -> linear(classes)
}

evaluate quick for lamp {
  clips = 4
  crops = 2
  scale = 12
}
"""
DARK, BRIGHT = 40, 220


@pytest.fixture(scope="module")
def lamp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lamp")
    (folder / "lamp.vns").write_text(NETWORK)
    (folder / "classes.txt").write_text("dark\nbright\n")
    module = build(load(folder / "lamp.vns").get())
    weights = {name: torch.zeros_like(tensor) for name, tensor in module.state_dict().items()}
    for tensor in weights.values():
        if tensor.shape == (2, 3):
            tensor.copy_(torch.tensor([[-1.0], [1.0]]).expand(2, 3) / 3)
    save_file(weights, folder / "lamp.safetensors")
    return folder


def flat(*levels: int) -> list[np.ndarray]:
    return [np.full((24, 32, 3), level, np.uint8) for level in levels]


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a second dark, then half a second bright."""
    path = tmp_path_factory.mktemp("videos") / "evening.mp4"
    return encode(path, flat(*[DARK] * 12, *[BRIGHT] * 13), codec="libx264")


def expected(level: int) -> float:
    """The score of `bright` for a flat picture, by hand."""
    x = (level / 255 - 0.45) / 0.225
    return math.exp(x) / (math.exp(x) + math.exp(-x))


def test_scores_in_time_are_those_of_each_clip(lamp: Path, evening: Path) -> None:
    (found,) = predict(lamp / "lamp.vns", [evening], weights=lamp / "lamp.safetensors", workers=0, device="cpu")
    assert found.error is None and found.seconds == pytest.approx(1.0)
    assert [moment.top[0].name for moment in found.moments] == ["0", "0", "1", "1"]  # no labels: by number
    assert [(m.start, m.end) for m in found.moments] == [
        pytest.approx(span) for span in ((0.0, 0.08), (0.32, 0.4), (0.6, 0.68), (0.92, 1.0))
    ]
    bright = [{each.name: each.score for each in moment.top}["1"] for moment in found.moments]
    assert bright == pytest.approx([expected(DARK)] * 2 + [expected(BRIGHT)] * 2, abs=0.01)
    assert {each.name: each.score for each in found.top}["1"] == pytest.approx(sum(bright) / 4)
    assert [(round(start, 2), round(end, 2), best.name) for start, end, best in found.spans()] == [
        (0.0, 0.4, "0"),
        (0.6, 1.0, "1"),
    ]


def test_a_broken_file_is_named_and_the_others_are_predicted(
    run_cli: RunCli, lamp: Path, evening: Path, tmp_path: Path
) -> None:
    videos = tmp_path / "some" / "deeper"
    videos.mkdir(parents=True)
    (videos / "a.mp4").write_bytes(b"no video")
    (videos / "b.mp4").write_bytes(evening.read_bytes())
    (videos / "notes.txt").write_text("not a video")
    os.mkfifo(videos / "c.mp4")
    given = ("--weights", lamp / "lamp.safetensors", "--labels", lamp / "classes.txt", "--device", "cpu", "-q")
    result = run_cli("predict", lamp / "lamp.vns", "some", *given, "--clips", "2", "--json")
    assert result.returncode == 1 and "some/deeper/a.mp4 cannot be read" in result.stderr
    first, second = json.loads(result.stdout)
    assert first["path"].endswith("a.mp4") and first["error"] and first["top"] == []
    assert second["error"] is None and [m["top"][0]["name"] for m in second["moments"]] == ["dark", "bright"]

    good = run_cli("predict", lamp / "lamp.vns", "some/**/b*", *given)
    assert good.returncode == 0 and "b.mp4  1.0 s" in good.stdout and "0.6 to    1.0 s  bright" in good.stdout

    for words, reason in (
        (("gone.mp4",), "there is no video `gone.mp4`"),
        (("*.mkv",), "there is no video in `*.mkv`"),
        (("some", "-o", "one.mp4"), "`one.mp4` is one file, for 2 videos"),
        (("some/deeper/b.mp4", "-o", "some/deeper/b.mp4"), "is the video itself"),
    ):
        bad = run_cli("predict", lamp / "lamp.vns", *words, *given)
        assert bad.returncode == 1 and reason in bad.stderr and bad.stdout == ""


def test_weights_that_do_not_fit_or_are_missing(lamp: Path, evening: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no weights"):
        predict(lamp / "lamp.vns", [evening])
    with pytest.raises(UserError, match=r"has no `model.json`"):
        predict(tmp_path, [evening])
    (tmp_path / "three.txt").write_text("a\nb\nc\n")
    with pytest.raises(UserError, match="does not fit this network"):
        open_trained(lamp / "lamp.vns", lamp / "lamp.safetensors", tmp_path / "three.txt")


def test_the_same_file_is_read_once(evening: Path) -> None:
    assert find_videos([evening, evening.parent, str(evening.parent / "*.mp4")]) == [str(evening)]


@pytest.mark.parametrize("rotation", [0, 90])
def test_an_annotated_copy_has_every_frame_at_its_time_and_a_caption(tmp_path: Path, rotation: int) -> None:
    times = [0, 40, 200, 240, 500]
    source = encode(tmp_path / "in.mp4", flat(*[DARK] * 3, *[BRIGHT] * 2), times=times, rotation=rotation)
    shown: list[float] = []

    def caption(time: float) -> tuple[str, ...]:
        shown.append(time)
        return ("late",) if time > 0.21 else ()

    annotate(str(source), tmp_path / "out" / "copy.mp4", caption, lines=1)
    assert shown == pytest.approx([time / 1000 for time in times])
    assert frame_times(str(tmp_path / "out" / "copy.mp4"))[:5] == pytest.approx(shown)
    with av.open(str(tmp_path / "out" / "copy.mp4")) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    width, height = (320, 240) if rotation == 0 else (336, 448)
    assert all(frame.shape == (height + 22, width, 3) for frame in frames)
    assert [round(frame[:height].mean(), -1) for frame in frames] == [DARK] * 3 + [BRIGHT] * 2
    assert [frame[height:].max() > 128 for frame in frames] == [False] * 3 + [True] * 2
    assert not list((tmp_path / "out").glob(".*"))

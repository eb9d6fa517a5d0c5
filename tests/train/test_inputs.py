"""Networks of several inputs, fed with videos and with maps that were computed before."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import vnasdsl
from tests.support import run_here
from vnasdsl.data import ClipShape, open_data
from vnasdsl.data.clips import ClipLoader, ViewLoader
from vnasdsl.data.index import scan
from vnasdsl.data.sampling import Stream
from vnasdsl.data.synthetic.make import Settings, make
from vnasdsl.elaborate.inputs import Input
from vnasdsl.elaborate.program import load_source
from vnasdsl.language.diagnostics import UserError
from vnasdsl.language.source import Source
from vnasdsl.searching.estimate import Estimate
from vnasdsl.train.inputs import largest, packed_shape, taking_inputs, unpacked
from vnasdsl.train.recipes import GradientRecipe

SIZE = (24, 32)
TWO = """
space two {
  input rgb = video(frames=4, size=16, classes=2)
  input motion = optical_flow(frames=4, size=16)
  stage s1 {
    a = rgb -> conv(4, 1x3x3, stride=1x2x2) -> bn -> relu
    b = motion -> conv(4, 1x3x3, stride=1x2x2) -> bn -> relu
    concat(a, b) -> (conv(same, 3x1x1) | conv(same, 1x3x3))
  }
  pool -> linear(classes)
}

search quick for two {
  strategy = one_shot
  epochs = 1
  batch = 4
  scored = 2
  finalists = 0
  workers = 0
}

retrain again for two {
  epochs = 1
  batch = 4
  clips = 2
  crops = 2
  workers = 0
}
"""


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Videos of two classes in `videos`, and for each in `flow` an array: to the right its frame number, down 7."""
    folder = tmp_path_factory.mktemp("streams")
    make(folder / "videos", Settings(classes=2, clips=6, test_clips=2, sizes=(SIZE,), lengths=(6, 8)))
    data = open_data(f"synthetic:{folder / 'videos'}")
    for video in (*data.train, *data.test):
        count = scan(video.path).frames
        maps = np.full((count - 1, *SIZE, 2), 7, dtype=np.uint8)  # flow has a frame less
        maps[..., 0] = 10 * np.arange(count - 1)[:, None, None]
        file = folder / "flow" / video.class_name / f"{Path(video.path).stem}.npy"
        file.parent.mkdir(parents=True, exist_ok=True)
        np.save(file, maps)
    return folder


def spec(videos: Path) -> str:
    return f"synthetic:{videos / 'videos'}?motion={videos / 'flow'}"


FLOW = Stream("motion", 2, is_flow=True)


def test_streams_are_read_at_the_frames_of_their_clips_and_mirrored_with_them(videos: Path) -> None:
    data = open_data(spec(videos))
    shape = ClipShape(3, 16, 1, scale=SIZE, streams=(FLOW,))
    alone = ClipShape(3, 16, 1, scale=SIZE)
    settings = {"batch": 6, "workers": 0, "seed": 3, "flip": True}
    clips, labels = next(iter(ClipLoader(data.train, shape, **settings)(2)))  # type: ignore[arg-type]
    plain, same = next(iter(ClipLoader(data.train, alone, **settings)(2)))  # type: ignore[arg-type]
    assert torch.equal(clips[:, :3], plain) and torch.equal(labels, same)
    right, down = ((clips[:, 3:] * 0.5 + 0.5) * 255).round().unbind(1)
    assert (down == 7).all()
    mirrored = right[:, 0, 0, 0] > 127  # 255 - 10 n, where 10 n is at most 60
    assert mirrored.any() and not mirrored.all()
    numbers = torch.where(mirrored[:, None], 255 - right[..., 0, 0], right[..., 0, 0]) / 10
    assert (numbers == numbers.round()).all()
    steps = numbers.diff(dim=1)
    assert ((steps == 1) | ((steps == 0) & (numbers[:, 1:] >= 4))).all()  # the last frame of a video has that before it


def test_views_have_the_same_maps_in_every_crop(videos: Path) -> None:
    data = open_data(spec(videos))
    shape = ClipShape(2, 16, 1, scale=20, streams=(FLOW,))
    views, _, _ = next(iter(ViewLoader(data.test[:1], shape, clips=2, crops=3, workers=0)))
    assert views.shape == (6, 5, 2, 16, 16)
    right = ((views[:, 3] * 0.5 + 0.5) * 255).round() / 10
    frames = scan(data.test[0].path).frames
    expected = [[0, 1]] * 3 + [[frames - 2, min(frames - 1, frames - 2)]] * 3
    assert right[..., 0, 0].tolist() == expected


def test_pictures_and_videos_of_several_folders_share_the_channels(videos: Path, tmp_path: Path) -> None:
    import av

    data = open_data(f"synthetic:{videos / 'videos'}")
    (video,) = data.test[:1]
    count = scan(video.path).frames
    for place, value in (("u", 40), ("v", 200)):
        folder = tmp_path / place / Path(video.path).stem
        folder.mkdir(parents=True)
        for number in range(count):
            picture = np.full((*SIZE, 3), value + number, dtype=np.uint8)
            av.VideoFrame.from_ndarray(picture, format="rgb24").to_image().save(folder / f"{number:03}.png")
    from vnasdsl.data.streams import with_streams

    found = with_streams([video], {"motion": f"{tmp_path / 'u'}+{tmp_path / 'v'}"})
    views, _, _ = next(
        iter(ViewLoader(found, ClipShape(2, 16, scale=SIZE, streams=(FLOW,)), clips=1, crops=1, workers=0))
    )
    start = int((views[0, 3, 0, 0, 0] * 127.5 + 127.5).round()) - 40
    assert torch.allclose(
        views[0, 3] * 127.5 + 127.5, torch.tensor([40.0 + start, 41.0 + start])[:, None, None], atol=0.01
    )
    assert torch.allclose(
        views[0, 4] * 127.5 + 127.5, torch.tensor([200.0 + start, 201.0 + start])[:, None, None], atol=0.01
    )


def test_a_two_stream_network_is_searched_trained_evaluated_and_used(videos: Path, tmp_path: Path) -> None:
    """By the commands, and what the runs leave behind says how to use the network."""
    file = tmp_path / "two.vns"
    file.write_text(TWO)

    def run(*words: object) -> str:
        done = run_here(*words, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("search", file, "--data", spec(videos), "--out", "found", "--device", "cpu", "-q")
    run("retrain", "found", "--out", "trained", "--device", "cpu", "-q")
    cut = json.loads((tmp_path / "trained" / "model.json").read_text())["preprocessing"]
    assert cut["streams"] == [{"name": "motion", "channels": 2, "is_flow": True}]
    report = json.loads((tmp_path / "trained" / "report.json").read_text())
    again = json.loads(run("evaluate", "trained", "--device", "cpu", "-q", "--json"))
    assert again["top1"] == pytest.approx(report["top1"]) if "top1" in report else again["views"] == 4 * 4
    video = open_data(spec(videos)).test[0].path
    (seen,) = json.loads(
        run("predict", "trained", video, "--stream", f"motion={videos / 'flow'}", "--device", "cpu", "--json")
    )
    assert seen["error"] is None and len(seen["moments"]) == 2
    (called,) = vnasdsl.predict(tmp_path / "trained", video, streams={"motion": str(videos / "flow")}, device="cpu")
    assert called.top[0].score == pytest.approx(seen["top"][0]["score"])
    run("export", "trained", "-o", "two.pt2")
    lacking = run_here("predict", "trained", video, "--device", "cpu", cwd=tmp_path)
    assert lacking.returncode == 1 and "the data has no maps for the input `motion`" in lacking.stderr
    without = run_here(
        "retrain", "found/network.vns", "--data", f"synthetic:{videos / 'videos'}", "--out", "no", cwd=tmp_path
    )
    assert without.returncode == 1 and "the data has no maps for the input `motion`" in without.stderr
    assert not (tmp_path / "no").exists()


def test_a_video_without_maps_is_named(videos: Path, tmp_path: Path) -> None:
    (tmp_path / "flow").mkdir()
    with pytest.raises(UserError, match="12 of 12 videos have no maps"):
        open_data(f"synthetic:{videos / 'videos'}?motion={tmp_path / 'flow'}")
    with pytest.raises(UserError, match="does not exist"):
        open_data(f"synthetic:{videos / 'videos'}?motion={tmp_path / 'elsewhere'}")


def test_maps_of_too_few_channels_make_a_video_unreadable(videos: Path, tmp_path: Path) -> None:
    data = open_data(f"synthetic:{videos / 'videos'}?motion={videos / 'flow'}")
    shape = ClipShape(2, 16, scale=SIZE, streams=(Stream("motion", 5),))
    loader = ViewLoader(data.test, shape, clips=1, crops=1, workers=0)
    with pytest.raises(UserError):
        list(loader)
    assert all("it has 2 channels, and 5 come from 1 places" in reason for reason in loader.faults.files.values())


SLOW = (Input("fast", 8, 16, 2), Input("slow", 2, 8, 8), Input("grey", 8, 16, 2, channels=1))


class Given(nn.Module):
    def forward(self, *given: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return given


def test_inputs_of_fewer_frames_and_smaller_size_are_taken_out_of_the_largest() -> None:
    clips = torch.rand(2, 3, 8, 16, 16)
    assert packed_shape(SLOW) == (3, 8, 16, 16)
    fast, slow, grey = taking_inputs(Given(), SLOW)(clips)
    assert torch.equal(fast, clips)
    assert torch.allclose(
        slow,
        nn.functional.interpolate(
            clips[:, :, ::4].transpose(1, 2).flatten(0, 1), (8, 8), mode="bilinear", antialias=True
        )
        .unflatten(0, (2, 2))
        .transpose(1, 2),
    )
    assert torch.allclose(grey[:, 0], 0.299 * clips[:, 0] + 0.587 * clips[:, 1] + 0.114 * clips[:, 2], atol=1e-6)
    assert [tuple(each.shape[1:]) for each in unpacked(clips, SLOW)] == [one.shape for one in SLOW]
    assert len(taking_inputs(Given(), SLOW)(fast, slow, grey)) == 3  # each given by itself


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ((Input("a", 8, 16), Input("b", 4, 16)), "do not show the same time"),
        ((Input("a", 8, 16), Input("b", 8, kind="spectrogram", channels=1, bins=9)), "sound is not read"),
        ((Input("a", 8, 16, channels=4),), "videos cannot give the 4 channels of `a`"),
    ],
)
def test_inputs_that_videos_cannot_give_are_refused(inputs: tuple[Input, ...], says: str) -> None:
    with pytest.raises(UserError, match=says):
        largest(inputs)


def test_the_memory_of_a_supernet_of_two_inputs_is_estimated() -> None:
    space = load_source(Source("two.vns", TWO), None).get("two")
    estimate = Estimate(space, torch.device("cuda"))
    one, two = (estimate.peak(GradientRecipe(batch=batch)) for batch in (4, 8))
    assert one < two

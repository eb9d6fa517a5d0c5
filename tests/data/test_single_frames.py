"""The classes of the synthetic sets differ over time and in nothing else, in the encoded files, through the loaders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.data.videos import clip_loader, view_loader
from tests.support import some_slow
from vnasdsl.data import DataSet, open_data
from vnasdsl.data.synthetic.make import Settings, make

CLASSES, CHANCE = 8, 1 / 8


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    folder: Path = tmp_path_factory.mktemp("synthetic") / "set"
    make(folder, Settings())
    return open_data(f"synthetic:{folder}")


@pytest.fixture(scope="module")
def periods(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    folder: Path = tmp_path_factory.mktemp("periods") / "set"
    make(folder, Settings(task="periods"))
    return open_data(f"synthetic:{folder}")


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    """Fewer and smaller videos of the motions."""
    folder: Path = tmp_path_factory.mktemp("few") / "set"
    make(folder, Settings(clips=24, test_clips=12, sizes=((36, 48),), lengths=(8, 12)))
    return open_data(f"synthetic:{folder}")


@pytest.fixture(scope="module")
def few_periods(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    folder: Path = tmp_path_factory.mktemp("few_periods") / "set"
    make(folder, Settings(task="periods", clips=1, test_clips=5))
    return open_data(f"synthetic:{folder}")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Stage(nn.Sequential):
    """A (2+1)-D step: spatial convolution, then a temporal one of 3 taps, `dilation` apart (0: 1 x 1 x 1 instead)."""

    def __init__(self, inputs: int, width: int, stride: int, dilation: int):
        temporal = (3, 1, 1) if dilation else (1, 1, 1)
        super().__init__(
            nn.Conv3d(inputs, width, (1, 3, 3), (1, stride, stride), (0, 1, 1), bias=False),
            nn.BatchNorm3d(width),
            nn.ReLU(),
            nn.Conv3d(width, width, temporal, 1, (dilation, 0, 0), (max(1, dilation), 1, 1), bias=False),
            nn.BatchNorm3d(width),
            nn.ReLU(),
        )


def accuracy(data: DataSet, dilations: tuple[int, ...], epochs: int) -> float:
    """Test accuracy of a small network of these temporal dilations, trained from scratch: 8 frames of 32 x 32."""
    torch.manual_seed(0)
    widths, strides = (12, 16, 24, 32), (2, 2, 2, 1)
    stages = [
        Stage(inputs, width, stride, dilation)
        for inputs, width, stride, dilation in zip((3, *widths), widths, strides, dilations, strict=False)
    ]
    model = nn.Sequential(*stages, nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(widths[-1], CLASSES))
    loader = clip_loader(data.train, frames=8, size=32, scale=(36, 48), batch=16, workers=0, drop_last=True)
    optimiser = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, nesterov=True, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.1, total_steps=epochs * len(loader))
    for epoch in range(epochs):
        for clips, labels in loader(epoch):
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(clips), labels).backward()
            optimiser.step()
            schedule.step()
    model.eval()
    right = 0
    with torch.no_grad():
        views = view_loader(data.test, frames=8, size=32, scale=36, clips=2, crops=1, batch=16, workers=0)
        for pictures, labels, _ in views:
            scores = model(pictures).softmax(1).view(-1, 2, CLASSES).mean(1)
            right += int((scores.argmax(1) == labels[::2]).sum())
    return right / len(data.test)


@pytest.mark.slow
def test_a_small_network_learns_the_classes(data: DataSet) -> None:
    assert accuracy(data, (2, 2, 1, 1), epochs=16) > 0.6


@pytest.mark.slow
def test_without_temporal_operations_it_stays_near_chance(data: DataSet) -> None:
    assert accuracy(data, (0, 0, 0, 0), epochs=16) < 2 * CHANCE


def _features(data: DataSet, videos_of: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Statistics of single frames: colours, contrast, fineness along both axes (motion could leave blur behind)."""
    rows, labels = [], []
    videos = getattr(data, videos_of)
    for pictures, label, _ in view_loader(videos, frames=1, size=36, scale=36, clips=4, crops=1, batch=32, workers=0):
        frames = pictures[:, :, 0]
        across, down = frames.diff(dim=3), frames.diff(dim=2)
        parts = (
            frames.mean((2, 3)),
            frames.std((2, 3)),
            across.abs().mean((2, 3)),
            down.abs().mean((2, 3)),
            across.diff(dim=3).abs().mean((2, 3)),
            down.diff(dim=2).abs().mean((2, 3)),
        )
        rows.append(torch.cat(parts, 1))
        labels.append(label)
    return torch.cat(rows), torch.cat(labels)


@pytest.mark.parametrize("task", some_slow(["few", "data", "periods"], ["data", "periods"]))
def test_statistics_of_single_frames_do_not_tell_the_classes(task: str, request: pytest.FixtureRequest) -> None:
    """Least squares on 18 statistics and their squares, learnt on training files, stays near chance on test files."""
    data: DataSet = request.getfixturevalue(task)
    (seen, labels), (unseen, truth) = _features(data, "train"), _features(data, "test")
    mean, spread = seen.mean(0), seen.std(0)

    def design(rows: torch.Tensor) -> torch.Tensor:
        scaled = (rows - mean) / spread
        return torch.cat([scaled, scaled.square(), torch.ones(len(rows), 1)], 1).double()

    wanted = nn.functional.one_hot(labels, CLASSES).double()
    weights = torch.linalg.lstsq(design(seen), wanted, driver="gelsd").solution
    right = ((design(unseen) @ weights).argmax(1) == truth).double().mean().item()
    assert right < 1.5 * CHANCE


def test_frames_a_period_apart_are_alike_and_nearer_ones_are_not(few_periods: DataSet) -> None:
    """The smallest lag at which clips repeat themselves tells the class of (nearly) every file."""
    right = 0
    for clips, labels, _ in view_loader(
        few_periods.test, frames=16, size=32, scale=36, clips=1, crops=1, batch=16, workers=0
    ):
        grey = clips.mean(1)
        differences = torch.stack([(grey[:, lag:] - grey[:, :-lag]).square().mean((1, 2, 3)) for lag in range(1, 9)], 1)
        alike = differences < 1.3 * differences.amin(1, keepdim=True)
        right += int((alike.int().argmax(1) == labels).sum())
    assert right > 0.95 * len(few_periods.test)

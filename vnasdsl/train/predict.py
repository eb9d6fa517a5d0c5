"""A trained network, from the folder of a run or a .vns file with its weights, and what it sees in videos: the top
classes of each, in all and over time, scored as in an evaluation."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from glob import glob, has_magic
from itertools import groupby
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor, nn

from vnasdsl.data import FaultLog, Video
from vnasdsl.data.clips import ViewLoader
from vnasdsl.data.layouts.common import VIDEO_SUFFIXES
from vnasdsl.data.loader import MEAN, STD
from vnasdsl.data.sampling import ClipShape, clip_frames, even_starts
from vnasdsl.data.streams import require_streams, with_streams
from vnasdsl.data.timeline import frame_times
from vnasdsl.elaborate import Overrides, Space, load
from vnasdsl.elaborate.imports import split_target
from vnasdsl.language.diagnostics import UserError
from vnasdsl.train.devices import autocast, pick_device
from vnasdsl.train.generated import build
from vnasdsl.train.model_file import Preprocessing, Protocol, model_path, read_model
from vnasdsl.train.recipe_text import resolve_recipe
from vnasdsl.train.weights import load_exactly, weights_for


@dataclass(frozen=True)
class TrainedNetwork:
    """A network with its weights, and how videos reach it."""

    name: str
    network: Space
    module: nn.Module
    """In evaluation mode, on the CPU."""
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    protocol: Protocol


def open_trained(
    target: str | Path, weights: str | Path | None = None, labels: str | Path | None = None
) -> TrainedNetwork:
    """The network of a run's folder, or of `FILE.vns` or `FILE.vns:NAME`.

    weights: instead of those that the model file names, perhaps as `torchvision:FILE`; labels: a file with
    a class name in each line, where there is no model file. Without either, classes are called by their number.
    Raises: VnsError, UserError.
    """
    path, name = split_target(str(target))
    if not path.exists():
        raise UserError(f"there is no network `{target}`", "name the folder of a run, or a .vns file")
    source = path / "network.vns" if path.is_dir() else path
    described = model_path(source)
    if described.is_file() and name is None:
        if labels is not None:
            raise UserError(f"`{described}` names the classes already", "leave the labels out")
        return _described(source, described, weights)
    if path.is_dir():
        raise UserError(
            f"`{path}` has no `{described.name}`, which says how to use its network",
            f"finish the run with --resume, or write it with `vnasdsl derive {path}`",
        )
    if weights is None:
        raise UserError(f"`{target}` has no weights: there is no `{described.name}` beside it", "give --weights")
    names = None if labels is None else _read_labels(Path(labels))
    program = load(source, Overrides(classes=None if names is None else len(names)))
    network = program.get(name)
    recipe = resolve_recipe("evaluate", program.get_recipe("evaluate", network.name))
    protocol = Protocol(clips=recipe.clips, crops=recipe.crops, precision=recipe.precision)
    classes = names or tuple(map(str, range(network.input.classes)))
    return _opened(network, Path(weights), classes, Preprocessing.of(network.inputs.given, recipe), protocol)


def _described(source: Path, described: Path, weights: str | Path | None) -> TrainedNetwork:
    model = read_model(described)
    network = load(model.network.find(source.parent), Overrides(classes=len(model.classes))).get()
    if weights is None and model.weights is None:
        raise UserError(f"`{source}` has no weights: its search trained none", "train it with `vnasdsl retrain`")
    file = model.weights.find(source.parent) if weights is None and model.weights else Path(weights or "")
    return _opened(network, file, model.classes, model.preprocessing, model.protocol)


def _opened(
    network: Space, weights: Path, classes: tuple[str, ...], preprocessing: Preprocessing, protocol: Protocol
) -> TrainedNetwork:
    if network.kind != "network":
        raise UserError(f"`{network.name}` is a space: only a network has weights")
    with torch.random.fork_rng(devices=[]):  # new weights, without changing what is drawn elsewhere
        module = build(network)
    load_exactly(module, weights_for(module.state_dict(), weights), f"`{weights}`")
    return TrainedNetwork(network.name, network, module.eval(), classes, preprocessing, protocol)


def _read_labels(file: Path) -> tuple[str, ...]:
    try:
        names = tuple(line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as fault:
        raise UserError(f"the labels `{file}` cannot be read: {fault}") from None
    if not names or len(set(names)) < len(names):
        raise UserError(f"`{file}` has no class names, or one twice", "write one in each line")
    return names


BATCH = 16


@dataclass(frozen=True)
class ClassScore:
    """A class with its score, from 0 to 1: softmax, or sigmoid where videos have several labels."""

    name: str
    score: float


@dataclass(frozen=True)
class Moment:
    """What is seen in one clip, from `start` to `end` in seconds."""

    start: float
    end: float
    top: tuple[ClassScore, ...]


@dataclass(frozen=True)
class Prediction:
    """What is seen in a video. `error` says why it could not be read; there is nothing else then."""

    path: str
    top: tuple[ClassScore, ...] = ()
    """The best classes, scores averaged over all views, best first."""
    moments: tuple[Moment, ...] = ()
    """The same for each clip, in time."""
    seconds: float = 0.0
    """Length of the video."""
    error: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def spans(self) -> list[tuple[float, float, ClassScore]]:
        """Start, end, and best class with its mean score, clips in a row with the same best class taken together."""
        found = []
        for name, group in groupby(self.moments, key=lambda moment: moment.top[0].name):
            row = list(group)
            found.append((row[0].start, row[-1].end, ClassScore(name, fmean(each.top[0].score for each in row))))
        return found


def find_videos(paths: Sequence[str | Path]) -> list[str]:
    """Files as they are, all videos in and below folders, and what matches a pattern such as `clips/*.mp4`.

    Raises: UserError for a path that is not there, and when there is no video.
    """
    found: list[str] = []
    for given in paths:
        path = Path(given)
        if path.is_dir():
            found += sorted(
                str(file) for file in path.rglob("*") if file.suffix.lower() in VIDEO_SUFFIXES and file.is_file()
            )
        elif path.is_file():
            found.append(str(path))
        elif has_magic(str(given)):
            found += sorted(file for file in glob(str(given), recursive=True) if Path(file).is_file())  # noqa: PTH207
        else:
            raise UserError(f"there is no video `{given}`", "name files, folders, or a pattern such as 'clips/*.mp4'")
    if not found:
        raise UserError(f"there is no video in {', '.join(f'`{path}`' for path in paths)}")
    return list(dict.fromkeys(found))


def predict_each(
    model: TrainedNetwork,
    files: Sequence[str],
    top: int = 5,
    clips: int | None = None,
    crops: int | None = None,
    workers: int = 2,
    device: str = "auto",
    streams: Mapping[str, str] | None = None,
) -> Generator[Prediction]:
    """Predictions as they are made: readable files in order, each unreadable one before the next that can be read.

    streams: where the maps for further inputs lie, as `data.streams` has it.
    """
    place, shape, protocol = pick_device(device), model.preprocessing.clip_shape, model.protocol
    clips, crops = clips or protocol.clips, crops or protocol.crops
    module = model.module.to(place).eval()
    videos = with_streams([Video(file, 0, Path(file).parent.name) for file in files], streams or {})
    require_streams(videos, shape.streams)
    faults = FaultLog(max_share=1.0)
    workers = min(workers, len(files) - 1)
    loader = ViewLoader(
        videos, shape, clips=clips, crops=crops, batch=BATCH, workers=workers, faults=faults, device=place
    )
    told: set[str] = set()
    waiting: list[Tensor] = []
    with closing(loader), torch.inference_mode():
        for views, _, numbers in loader:
            with autocast(place, protocol.precision):
                logits = module(_normalised(views, model).to(place))
            for score, number in zip(protocol.of_outputs(logits).cpu(), numbers.tolist(), strict=True):
                waiting.append(score)
                if len(waiting) == clips * crops:
                    yield from _failed(faults, told)
                    yield _prediction(model, files[number], torch.stack(waiting), clips, shape, top)
                    waiting.clear()
        yield from _failed(faults, told)


def _failed(faults: FaultLog, told: set[str]) -> Iterator[Prediction]:
    for path, reason in faults.files.items():
        if path not in told:
            told.add(path)
            yield Prediction(path, error=reason)


def _normalised(views: Tensor, model: TrainedNetwork) -> Tensor:
    """Views as the network wants them; the loader normalises by `MEAN` and `STD`."""
    wanted = model.preprocessing
    if wanted.mean == (MEAN,) * 3 and wanted.deviation == (STD,) * 3:
        return views
    mean, deviation = (torch.tensor(each).view(3, 1, 1, 1) for each in (wanted.mean, wanted.deviation))
    return torch.cat([(views[:, :3] * STD + MEAN - mean) / deviation, views[:, 3:]], dim=1)


def _prediction(model: TrainedNetwork, path: str, scores: Tensor, clips: int, shape: ClipShape, top: int) -> Prediction:
    """scores: (clips * crops, classes), clip by clip."""
    if not scores.isfinite().all():
        raise UserError(
            f"the network scores `{path}` with NaN: its weights are damaged, or have diverged",
            "take an earlier checkpoint, or train it again with a smaller learning rate",
        )

    def best(of: Tensor) -> tuple[ClassScore, ...]:
        values, places = of.topk(min(top, len(model.classes)))
        return tuple(
            ClassScore(model.classes[i], value) for i, value in zip(places.tolist(), values.tolist(), strict=True)
        )

    times = frame_times(path)
    length = len(times) - 1
    by_clip = scores.view(clips, -1, scores.shape[1]).mean(dim=1)
    moments = []
    for starts, of_clip in zip(even_starts(length, clips, shape), by_clip, strict=True):
        shown = clip_frames(starts, length, shape)
        moments.append(Moment(times[min(shown)], times[max(shown) + 1], best(of_clip)))
    return Prediction(path, best(scores.mean(dim=0)), tuple(moments), times[-1])

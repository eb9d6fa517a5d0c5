"""`search`, `retrain`, `evaluate` and `predict`, the commands of these names as functions."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from rich.console import Console

from vnasdsl.api.models import Model, Network, Space
from vnasdsl.api.requests import (
    Asked,
    Target,
    evaluation_request,
    free_folder,
    search_request,
    training_request,
)
from vnasdsl.api.run import Run
from vnasdsl.elaborate import Overrides
from vnasdsl.language.diagnostics import Error
from vnasdsl.searching.run import Outcome, search_space
from vnasdsl.train.devices import pick_device
from vnasdsl.train.evaluation import Evaluation
from vnasdsl.train.launch import Work, on_devices, require_shared_steps
from vnasdsl.train.predict import Prediction, find_videos, open_trained, predict_each
from vnasdsl.train.progress import Logger, Reporter, loggers_of
from vnasdsl.train.retrain import Trained, evaluate_file
from vnasdsl.train.retrain import retrain as train
from vnasdsl.train.shortages import explained

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class Progress:
    """What a progress function is called with. Epochs may be trials, or networks; a prediction has one epoch."""

    event: Literal["begin", "epoch", "step", "finished", "note", "end"]
    """`begin` and `end` of a phase; the beginning of an `epoch`; a `step` done; an epoch `finished`; a `note`."""
    title: str
    """The phase, such as `search` or `retrain`."""
    epoch: int
    """From 1; of `begin`, how many were done before."""
    epochs: int
    step: int
    """Steps that are done in this epoch."""
    steps: int
    text: str
    """A note, or the summary of an epoch; empty for the others."""


Callback: TypeAlias = Callable[[Progress], object]


class CallbackReporter(Reporter):
    """Shows nothing, and tells a function of its progress, or nobody. Warnings are Python's."""

    def __init__(self, callback: Callback | None, loggers: Sequence[Logger] = ()):
        super().__init__(quiet=True, console=Console(quiet=True), loggers=loggers)
        self._callback = callback

    def warn(self, text: str) -> None:
        warnings.warn(text, stacklevel=3)

    def note(self, text: str) -> None:
        self._tell("note", text)

    def begin(self, title: str, epochs: int, done: int) -> None:
        super().begin(title, epochs, done)
        self._epoch, self._step, self._steps = done, 0, 0
        self._tell("begin")

    def epoch(self, number: int, steps: int) -> None:
        super().epoch(number, steps)
        self._tell("epoch")

    def step(self, values: Callable[[], str]) -> None:
        super().step(values)
        self._tell("step")

    def finished(self, number: int, summary: str) -> None:
        super().finished(number, summary)
        self._tell("finished", summary)

    def end(self) -> None:
        super().end()
        self._tell("end")

    def _tell(self, event: Any, text: str = "") -> None:
        if self._callback is not None:
            self._callback(Progress(event, self._title, self._epoch, self._epochs, self._step, self._steps, text))


def reporter_for(progress: bool | Callback, loggers: Sequence[Logger] = ()) -> Reporter:
    """`True`: the bar of the commands, on stderr; a function: it; `False`: nobody. Of torchrun's the first process."""
    if int(os.environ.get("RANK", 0)):
        return CallbackReporter(None)
    if progress is True:
        return Reporter(loggers=loggers)
    return CallbackReporter(progress or None, loggers)


PathLike: TypeAlias = str | os.PathLike[str]


def search(
    space: Space | PathLike,
    data: str,
    out: PathLike | None = None,
    *,
    exclude: PathLike | None = None,
    recipe: str | None = None,
    settings: Mapping[str, Any] | None = None,
    target_macs: float | None = None,
    target_params: float | None = None,
    fix: Mapping[str, Sequence[str]] | None = None,
    open_: Sequence[str] = (),
    frames: int | None = None,
    size: int | None = None,
    device: str = "auto",
    devices: int = 1,
    seed: int | None = None,
    workers: int | str | None = None,
    resume: bool = False,
    log: Sequence[str] = (),
    progress: bool | Callback = False,
) -> Run:
    """Search a space on videos, as `vnasdsl search` does, and return the run with the network that was found.

    space: what `load` gave, or `FILE[:NAME]`; its recipe is the search recipe in its file, or the one named `recipe`.
    data: such as `ucf101:DIR` or `synthetic`. exclude: a list of videos to leave out. out: the folder of the run;
    without, runs/NAME, numbered.
    settings: keys of the recipe and their values, such as `{"epochs": 20, "weights.lr": 0.05}`.
    target_macs, target_params: what the gradient is to end at. fix: leaves a choice, a kind or a pattern only these
    options; open_: searches what the recipe fixes. frames, size: instead of the file's; the data give the classes.
    device: `auto`, `cpu`, `cuda` or `cuda:N`. devices: GPUs, or on the CPU processes, that train together; a script
    then starts below `if __name__ == "__main__":`. workers: processes that decode videos, or where trials run.
    resume: continue the run in `out`. log: `tensorboard` or `wandb`, written into the run too.
    progress: True for the bar of the command, or a function of a `Progress`.

    An interruption by Ctrl-C leaves a run that can be resumed. Raises: VnsError, UserError; OSError where a file cannot
    be written.
    """
    target = _target(space)
    with _explained():
        asked = Asked(target, data, _path(exclude), recipe, _texts(settings), Overrides(frames, size), seed, workers)
        request = search_request(asked, fix or {}, open_, target_macs, target_params)
        folder = free_folder(Path("runs"), request.space.name, resume) if out is None else Path(out)
        require_shared_steps(request.recipes["search"], devices)
        with _reporting(progress, log, folder) as reporter:
            work: Work[Outcome | None] = partial(search_space, request, folder, resume=resume)
            on_devices(work, device, devices, reporter)
    return Run(folder)


def retrain(
    network: Run | Network | PathLike,
    data: str | None = None,
    out: PathLike | None = None,
    *,
    exclude: PathLike | None = None,
    weights: PathLike | None = None,
    mapping: PathLike | None = None,
    recipe: str | None = None,
    settings: Mapping[str, Any] | None = None,
    frames: int | None = None,
    size: int | None = None,
    device: str = "auto",
    devices: int = 1,
    seed: int | None = None,
    workers: int | None = None,
    resume: bool = False,
    log: Sequence[str] = (),
    progress: bool | Callback = False,
) -> Run:
    """Train a network on the whole training set and evaluate it, as `vnasdsl retrain` does; the run of the training.

    network: a run, whose data and inherited weights are taken; or a network, with `data` and `out`.
    out: without, the folder `retrained` in the run. weights: a .safetensors file to start from, what torchvision or
    pytorchvideo published as `torchvision:FILE`, or "none" to start from scratch; mapping: a file that gives its
    tensors the names of the network. The other arguments are those of `search`. Raises: as `search`.
    """
    with _explained():
        overrides = Overrides(frames, size)
        asked = Asked(_target(network), data, _path(exclude), recipe, _texts(settings), overrides, seed, workers)
        job = training_request(asked, _path(weights), None if out is None else Path(out), _path(mapping))
        with _reporting(progress, log, job.folder) as reporter:
            work: Work[Trained] = partial(
                train, job.network, job.recipes, job.data, job.folder, start=job.start, resume=resume
            )
            on_devices(work, device, devices, reporter)
    return Run(job.folder)


def evaluate(
    network: Run | Network | PathLike,
    data: str | None = None,
    *,
    exclude: PathLike | None = None,
    weights: PathLike | None = None,
    recipe: str | None = None,
    settings: Mapping[str, Any] | None = None,
    clips: int | None = None,
    crops: int | None = None,
    frames: int | None = None,
    size: int | None = None,
    device: str = "auto",
    workers: int | None = None,
    progress: bool | Callback = False,
) -> Evaluation:
    """Evaluate a network on test videos over several views of each, as `vnasdsl evaluate` does.

    network: a run, whose data and weights are taken; or a network, with `data` and `weights`. clips, crops: instead of
    the recipe's. The other arguments are those of `search`. Raises: as `search`.
    """
    given = {key: value for key, value in (("clips", clips), ("crops", crops)) if value is not None}
    with _explained(), _reporting(progress) as reporter:
        overrides = Overrides(frames, size)
        values = _texts({**(settings or {}), **given})
        asked = Asked(_target(network), data, _path(exclude), recipe, values, overrides, workers=workers)
        job = evaluation_request(asked, None if weights is None else Path(weights), reporter)
        return evaluate_file(job.network, job.weights, job.recipe, job.videos, pick_device(device), reporter)


def predict(
    network: Run | PathLike,
    videos: PathLike | Sequence[PathLike],
    *,
    weights: PathLike | None = None,
    labels: PathLike | None = None,
    top: int = 5,
    clips: int | None = None,
    crops: int | None = None,
    device: str = "auto",
    workers: int = 2,
    streams: Mapping[str, str] | None = None,
    progress: bool | Callback = False,
) -> list[Prediction]:
    """What a trained network sees in videos, as `vnasdsl predict` does: of each its best classes, in all and over time.

    network: a run, or a .vns file with its weights. videos: files, folders and patterns. Predictions come in their
    order; of a file that cannot be read the prediction has only an `error`. labels: a file with a class in each line,
    where no model file names them. streams: for each further input the folder with its maps. Raises: VnsError,
    UserError.
    """
    paths = [videos] if isinstance(videos, str | os.PathLike) else videos
    files = find_videos([os.fspath(path) for path in paths])
    target = network.folder if isinstance(network, Run) else os.fspath(network)
    with _explained(), _reporting(progress) as reporter:
        model = open_trained(target, _path(weights), _path(labels))
        reporter.begin("predict", 1, 0)
        reporter.epoch(1, len(files))
        found = {}
        with closing(predict_each(model, files, top, clips, crops, workers, device, streams)) as predictions:
            for prediction in predictions:
                found[prediction.path] = prediction
                reporter.step(lambda path=prediction.path: path)
    return [found[file] for file in files]


def _target(given: Run | Model | PathLike) -> Target:
    if isinstance(given, Run):
        return str(given.folder)
    return given._loaded if isinstance(given, Model) else os.fspath(given)


def _path(given: PathLike | None) -> str | None:
    return None if given is None else os.fspath(given)


def _texts(settings: Mapping[str, Any] | None) -> dict[str, str]:
    """Values of a recipe as they are written: `true`, `0.1`, `(18, 24)`, `["a"]`; a text stands for itself."""
    texts = {}
    for key, value in (settings or {}).items():
        texts[key] = json.dumps(value) if isinstance(value, bool | list) else str(value)
    return texts


@contextmanager
def _reporting(progress: bool | Callback, log: Sequence[str] = (), folder: Path = Path()) -> Iterator[Any]:
    """A reporter whose bar ends with the work, whatever happens. log, folder: what else it writes, and where."""
    reporter = reporter_for(progress, loggers_of(tuple(log), folder))
    try:
        yield reporter
    finally:
        reporter.end()
        reporter.close()


@contextmanager
def _explained() -> Iterator[None]:
    """What the machine runs out of, memory or disk, is said as a UserError."""
    try:
        yield
    except Error:
        raise
    except Exception as fault:
        shortage = explained(fault)
        if shortage is None:
            raise
        raise shortage from fault

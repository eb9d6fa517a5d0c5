"""Search by gradient descent through a relaxed space, decoded by Viterbi (Zhou et al. 2021, DARTS, DenseNAS)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from torch import Tensor

from vnasdsl.codegen import compile_supernet, inherited_names
from vnasdsl.derive import Decoded
from vnasdsl.language.diagnostics import UserError
from vnasdsl.search.child import score_child
from vnasdsl.search.monitor import Monitor, decode_supernet
from vnasdsl.search.supernet import SupernetSearch
from vnasdsl.search.task import Found, SearchTask
from vnasdsl.show.curves import curves_png, paths_png
from vnasdsl.space import Space
from vnasdsl.space.trellis import Trellis, trellis
from vnasdsl.train.clips import training_clips, views
from vnasdsl.train.devices import seed_everything
from vnasdsl.train.evaluation import Evaluation, evaluate_views
from vnasdsl.train.generated import load_generated
from vnasdsl.train.loop import run_epochs
from vnasdsl.train.progress import megas, percent
from vnasdsl.train.weights import load_exactly

# Passes over the same videos for different purposes must not see the same clips: pass numbers far apart.
_VALIDATE_PASSES, _CALIBRATION_PASS = 1_000_000, 2_000_000


class GradientStrategy:
    """Choices that keep the shape become mixtures, choices that change it become states joined by path weights."""

    name = "gradient"
    takes = "choices between layers of one shape, and choices at the head of a stage that change it"

    def check(self, space: Space) -> None:
        trellis(space)

    def search(self, task: SearchTask) -> Found:
        seed_everything(task.recipe.seed)
        model = _supernet(task)
        columns = trellis(task.space)
        monitor = Monitor(columns, _macs_of(task.space), _scorer(task), task.recipe.score_from, task.recipe.epochs)
        search = SupernetSearch(
            model,
            task.recipe,
            train=lambda epoch: training_clips(task.parts.train, task.shape, task.recipe, epoch, task.faults),
            validate=lambda number: training_clips(
                task.parts.validate, task.shape, task.recipe, _VALIDATE_PASSES + number, task.faults
            ),
            device=task.device,
            monitor=monitor,
        )
        run_epochs(search, task.recipe.epochs, task.run, task.reporter, task.resume)
        return _found(task, model, columns)

    def derive(self, task: SearchTask, checkpoint: str) -> Found:
        kept = task.run.checkpoints.load(checkpoint)
        if kept is None:
            raise UserError(f"`{task.run.path}` has no checkpoint yet", "go on with the search by --resume")
        seed_everything(task.recipe.seed)
        model = _supernet(task)
        load_exactly(model, kept.weights, f"checkpoint `{checkpoint}`")
        return _found(task, model, trellis(task.space))

    def pictures(self, task: SearchTask) -> Iterator[tuple[str, bytes]]:
        yield "curves.png", curves_png(task.run.metrics(), task.recipe.warmup)
        learnt = json.loads((task.run / "choices.json").read_text(encoding="utf-8"))
        yield (
            "paths.png",
            paths_png(trellis(task.space), learnt["path_weights"], learnt["mixture_weights"], learnt["path"]),
        )


def _supernet(task: SearchTask) -> Any:
    source = compile_supernet(task.space, task.source_name)
    path = task.run / "supernet.py"
    if not path.exists():
        task.run.write("supernet.py", source)
    supernet: Any = load_generated(path, "Supernet", source)
    return supernet(path_weights=task.recipe.paths, temperature=task.recipe.temperature).to(task.device)


def _macs_of(space: Space) -> Callable[[dict[str, str]], int]:
    known: dict[tuple[tuple[str, str], ...], int] = {}

    def macs(choices: dict[str, str]) -> int:
        key = tuple(choices.items())
        if key not in known:
            known[key] = space.choose(choices).macs[0]
        return known[key]

    return macs


def _calibration(task: SearchTask) -> Iterable[Tensor]:
    """Clips of the train part for batch-norm statistics, the same ones every time."""
    if task.recipe.recalibrate:
        batches = training_clips(task.parts.train, task.shape, task.recipe, _CALIBRATION_PASS, task.faults)
        for clips, _ in islice(batches, task.recipe.recalibrate):
            yield clips.to(task.device)


def _evaluate(task: SearchTask, model: Any) -> Evaluation:
    batches = views(task.parts.inference, task.shape, task.recipe, task.faults)
    return evaluate_views(model, batches, task.classes, task.device, task.recipe.precision)


def _scorer(task: SearchTask) -> Callable[[Any, dict[str, str]], Evaluation]:
    return lambda model, choices: score_child(
        model, choices, lambda: _calibration(task), lambda child: _evaluate(task, child)
    )[0]


def _found(task: SearchTask, model: Any, columns: Trellis) -> Found:
    """Decode, score on the inference part and take the weights out."""
    decoded = decode_supernet(model, columns)
    names = inherited_names(task.space, decoded.choices)
    score, weights = score_child(
        model, decoded.choices, lambda: _calibration(task), lambda child: _evaluate(task, child), names
    )
    report: dict[str, Any] = {**decoded.to_dict(), **_learnt(model, decoded)}
    macs_of = _macs_of(task.space)
    greedy = report["greedy"]
    greedy["macs"] = macs_of(decoded.greedy_choices)
    if decoded.greedy_choices != decoded.choices:
        greedy["top1"] = _scorer(task)(model, decoded.greedy_choices).top1
    else:
        greedy["top1"] = score.top1
    return Found(decoded.choices, weights, score.as_dict(), report, tuple(_lines(decoded, report)))


def _learnt(model: Any, decoded: Decoded) -> dict[str, Any]:
    """All probabilities, for choices.json and the pictures."""
    return {
        "path": list(decoded.path),
        "stages": list(decoded.stages),
        "labels": list(decoded.labels),
        "probabilities": model.probabilities(),
        "path_weights": {
            name: matrix.detach().double().tolist() for name, matrix in model.path_probabilities().items()
        },
        "mixture_weights": {
            name: row.detach().double().tolist() for name, row in model.mixture_probabilities().items()
        },
    }


def _lines(decoded: Decoded, report: dict[str, Any]) -> Iterator[str]:
    shown = [f"{stage} {label}" for stage, label in zip(decoded.stages, decoded.labels, strict=True) if label]
    path = " -> ".join(shown) or "the space has one path"
    yield f"Viterbi path: {path} (log probability {decoded.log_probability:.4f})"
    greedy = report["greedy"]
    if greedy["same"]:
        yield "the greedy path is the same"
    else:
        shown = [
            f"{stage} {label}" for stage, label in zip(decoded.stages, decoded.greedy_labels, strict=True) if label
        ]
        yield (
            f"greedy would have given: {' -> '.join(shown)} (log probability {decoded.greedy_log_probability:.4f}),"
            f" {percent(greedy['top1'])} on the inference part, {megas(greedy['macs'])}"
        )


strategy = GradientStrategy()

"""Search by gradient descent through a relaxed space, decoded by Viterbi (Zhou et al. 2021, DARTS, DenseNAS)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from vnasdsl.codegen import compile_supernet, inherited_names
from vnasdsl.derive import Decoded
from vnasdsl.elaborate import Space
from vnasdsl.language.diagnostics import UserError
from vnasdsl.relax.trellis import trellis
from vnasdsl.search.child import score_child
from vnasdsl.search.monitor import Monitor, decode_supernet
from vnasdsl.search.supernet import SupernetSearch
from vnasdsl.search.task import SearchResult, SearchTask
from vnasdsl.show.curves import curves_png
from vnasdsl.show.paths import paths_png
from vnasdsl.train.clips import EvaluationViews, TrainingClips
from vnasdsl.train.devices import seed_everything
from vnasdsl.train.evaluation import Evaluation, evaluate_views
from vnasdsl.train.generated import load_generated
from vnasdsl.train.loop import run_epochs
from vnasdsl.train.progress import megas, percent
from vnasdsl.train.recipes import SearchRecipe
from vnasdsl.train.weights import load_exactly

# Passes over the same videos for different purposes must not see the same clips: pass numbers far apart.
_VALIDATE_PASSES, _CALIBRATION_PASS = 1_000_000, 2_000_000


class GradientStrategy:
    """Choices that keep the shape become mixtures, choices that change it become states joined by path weights."""

    name = "gradient"
    takes = (
        "choices between layers of one shape, choices at the head of a stage that change it,"
        " and so many of the edges into a sum"
    )

    def check(self, space: Space, recipe: SearchRecipe) -> None:
        trellis(space)

    def search(self, task: SearchTask) -> SearchResult:
        with closing(_Session(task)) as session:
            monitor = Monitor(
                session.trellis,
                session.macs,
                lambda _, choices: session.score(choices)[0],
                task.recipe.score_from,
                task.recipe.epochs,
            )
            search = SupernetSearch(
                session.model,
                task.recipe,
                train=session.train,
                validate=lambda number: session.validate(_VALIDATE_PASSES + number),
                device=task.device,
                monitor=monitor,
            )
            run_epochs(search, task.recipe.epochs, task.run, task.reporter, task.resume)
            return session.found()

    def derive(self, task: SearchTask, checkpoint: str) -> SearchResult:
        kept = task.run.checkpoints.load(checkpoint)
        if kept is None:
            raise UserError(f"`{task.run.path}` has no checkpoint yet", "go on with the search by --resume")
        with closing(_Session(task)) as session:
            load_exactly(session.model, kept.weights, f"checkpoint `{checkpoint}`")
            return session.found()

    def pictures(self, task: SearchTask) -> Iterator[tuple[str, bytes]]:
        yield "curves.png", curves_png(task.run.metrics(), task.recipe.warmup)
        learnt = json.loads((task.run / "choices.json").read_text(encoding="utf-8"))
        yield (
            "paths.png",
            paths_png(
                trellis(task.space),
                learnt["path_weights"],
                learnt["mixture_weights"],
                learnt["path"],
                learnt["choices"],
            ),
        )


class _Session:
    """The supernet of a task with the clips it needs; a decoded network is scored and taken out here."""

    def __init__(self, task: SearchTask):
        seed_everything(task.recipe.seed)
        self.task = task
        self.trellis = trellis(task.space)
        self.model = _supernet(task)
        self.train = TrainingClips(task.parts.train, task.shape, task.recipe, task.faults)
        self.validate = TrainingClips(task.parts.validate, task.shape, task.recipe, task.faults)
        self.inference = EvaluationViews(task.parts.inference, task.shape, task.recipe, task.faults)
        self._macs: dict[tuple[tuple[str, str], ...], int] = {}

    def close(self) -> None:
        for clips in (self.train, self.validate, self.inference):
            clips.close()

    def macs(self, choices: dict[str, str]) -> int:
        """MACs of the network the choices make."""
        key = tuple(choices.items())
        if key not in self._macs:
            self._macs[key] = self.task.space.choose(choices).macs
        return self._macs[key]

    def score(
        self, choices: dict[str, str], names: dict[str, str] | None = None
    ) -> tuple[Evaluation, dict[str, Tensor]]:
        """Accuracy on the inference part, and with `names` the weights, as `score_child` gives them."""
        task = self.task

        def evaluate(child: Any) -> Evaluation:
            return evaluate_views(child, self.inference, task.classes, task.device, task.recipe.precision)

        return score_child(self.model, choices, self._calibration, evaluate, names)

    def _calibration(self) -> Iterator[Tensor]:
        """Clips of the train part for batch-norm statistics, the same ones every time."""
        if self.task.recipe.recalibrate:
            for clips, _ in islice(self.train(_CALIBRATION_PASS), self.task.recipe.recalibrate):
                yield clips.to(self.task.device)

    def found(self) -> SearchResult:
        """Decode, score on the inference part and take the weights out."""
        decoded = decode_supernet(self.model, self.trellis)
        score, weights = self.score(decoded.choices, inherited_names(self.task.space, decoded.choices))
        report: dict[str, Any] = {**decoded.to_dict(), **_learnt(self.model, decoded)}
        same = decoded.greedy_choices == decoded.choices
        report["greedy"]["macs"] = self.macs(decoded.greedy_choices)
        report["greedy"]["top1"] = score.top1 if same else self.score(decoded.greedy_choices)[0].top1
        return SearchResult(decoded.choices, weights, score.as_dict(), report, tuple(_lines(decoded, report)))


def _supernet(task: SearchTask) -> Any:
    source = compile_supernet(task.space, task.source_name)
    path = task.run / "supernet.py"
    if not path.exists():
        task.run.write("supernet.py", source)
    supernet: Any = load_generated(path, "Supernet", source)
    model = supernet(path_weights=task.recipe.paths, temperature=task.recipe.temperature)
    if task.recipe.start:
        with torch.no_grad():
            for parameter in model.choice_parameters():
                parameter.normal_(0.0, task.recipe.start)
    return model.to(task.device)


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
    if not shown:  # a space without states, such as one of cells, has one path
        return
    path = " -> ".join(shown)
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

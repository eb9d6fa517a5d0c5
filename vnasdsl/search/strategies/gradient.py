"""Search by gradient descent through a supernet, decoded by Viterbi (Zhou et al. 2021, DARTS, DenseNAS)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from vnasdsl.codegen import compile_supernet, inherited_names
from vnasdsl.derive import Decoded
from vnasdsl.elaborate import Space
from vnasdsl.relax.trellis import trellis
from vnasdsl.search.monitor import Monitor, decode_supernet, learned_probabilities
from vnasdsl.search.supernet import SupernetSearch, as_child
from vnasdsl.search.task import SearchResult, SearchTask
from vnasdsl.show.curves import curves_png
from vnasdsl.show.draw.learnt import Learnt
from vnasdsl.show.paths import paths_png
from vnasdsl.train.clips import evaluation_views, training_clips
from vnasdsl.train.devices import seed_everything
from vnasdsl.train.evaluation import Evaluation, evaluate_views
from vnasdsl.train.generated import load_generated
from vnasdsl.train.loop import run_epochs
from vnasdsl.train.progress import megas, percent
from vnasdsl.train.recipes import GradientRecipe
from vnasdsl.train.weights import load_exactly

# Passes over the same videos for different purposes must not see the same clips: pass numbers far apart.
_VALIDATE_PASSES, _CALIBRATION_PASS = 1_000_000, 2_000_000
Task = SearchTask[GradientRecipe]


class GradientStrategy:
    """Choices that keep the shape become mixtures, choices that change it become states joined by path weights."""

    name = "gradient"

    def check(self, space: Space, recipe: GradientRecipe) -> None:
        trellis(space)

    def search(self, task: Task) -> SearchResult:
        with closing(_Session(task)) as session:
            recipe = task.recipe
            monitor = Monitor(session.trellis, session.macs, session.score, recipe.score_from, recipe.epochs)
            search = SupernetSearch(
                session.model,
                recipe,
                train=session.train,
                validate=lambda number: session.validate(_VALIDATE_PASSES + number),
                device=task.device,
                monitor=monitor,
            )
            run_epochs(search, recipe.epochs, task.run, task.reporter, task.resume)
            return session.result()

    def derive(self, task: Task, checkpoint: str) -> SearchResult:
        kept = task.run.checkpoints.load(checkpoint)
        with closing(_Session(task)) as session:
            load_exactly(session.model, kept.weights, f"checkpoint `{checkpoint}`")
            return session.result()

    def pictures(self, task: Task) -> Iterator[tuple[str, bytes]]:
        yield "curves.png", curves_png(task.run.metrics.read(), task.recipe.warmup)
        learned = json.loads((task.run / "choices.json").read_text(encoding="utf-8"))
        keys = ("path_weights", "mixture_weights", "path", "choices")
        yield "paths.png", paths_png(trellis(task.space), Learnt("", *(learned[key] for key in keys)))


class _Session:
    """The supernet of a task and its clips; a decoded network is scored and extracted here."""

    def __init__(self, task: Task):
        seed_everything(task.recipe.seed)
        self.task = task
        self.trellis = trellis(task.space)
        self.model = _supernet(task)
        self.train = training_clips(task.parts.train, task.shape, task.recipe, task.faults)
        self.validate = training_clips(task.parts.validate, task.shape, task.recipe, task.faults)
        self.inference = evaluation_views(task.parts.inference, task.shape, task.recipe, task.faults)
        self._macs: dict[tuple[tuple[str, str], ...], int] = {}

    def close(self) -> None:
        for clips in (self.train, self.validate, self.inference):
            clips.close()

    def macs(self, choices: Mapping[str, str]) -> int:
        """MACs of the network that the choices make."""
        key = tuple(choices.items())
        if key not in self._macs:
            self._macs[key] = self.task.space.choose(choices).macs
        return self._macs[key]

    def score(self, choices: dict[str, str]) -> Evaluation:
        """Accuracy of a network on the inference part, with the weights of the supernet."""
        return self._score(choices, {})[0]

    def _score(self, choices: dict[str, str], names: Mapping[str, str]) -> tuple[Evaluation, dict[str, Tensor]]:
        """The accuracy of a network, and its weights. names: of its tensors, to those of the supernet."""
        task = self.task
        with as_child(self.model, choices, self._calibration()) as child:
            evaluation = evaluate_views(child, self.inference, task.classes, task.device, task.recipe.precision)
            state = child.state_dict()
            return evaluation, {own: state[shared].detach().cpu().clone() for own, shared in names.items()}

    def _calibration(self) -> Iterator[Tensor]:
        """Clips of the train part for batch-norm statistics, the same ones every time."""
        if self.task.recipe.recalibrate:
            for clips, _ in islice(self.train(_CALIBRATION_PASS), self.task.recipe.recalibrate):
                yield clips.to(self.task.device)

    def result(self) -> SearchResult:
        """Decode, score on the inference part and extract the weights."""
        decoded = decode_supernet(self.model, self.trellis)
        score, weights = self._score(decoded.choices, inherited_names(self.task.space, decoded.choices))
        paths, mixtures = learned_probabilities(self.model)
        report: dict[str, Any] = {
            **decoded.to_dict(),
            "path": list(decoded.path),
            "stages": list(decoded.stages),
            "labels": list(decoded.labels),
            "probabilities": self.model.probabilities(),
            "path_weights": paths,
            "mixture_weights": mixtures,
        }
        same = decoded.greedy_choices == decoded.choices
        report["greedy"]["macs"] = self.macs(decoded.greedy_choices)
        report["greedy"]["top1"] = score.top1 if same else self.score(decoded.greedy_choices).top1
        return SearchResult(decoded.choices, weights, score.as_dict(), report, tuple(_lines(decoded, report["greedy"])))


def _supernet(task: Task) -> Any:
    source = compile_supernet(task.space, "space.vns")  # the copy in the run: the user's file may be renamed
    supernet: Any = load_generated(task.run / "supernet.py", "Supernet", source)
    model = supernet(path_weights=task.recipe.paths, temperature=task.recipe.temperature)
    if task.recipe.start:
        with torch.no_grad():
            for parameter in model.choice_parameters():
                parameter.normal_(0.0, task.recipe.start)
    return model.to(task.device)


def _lines(decoded: Decoded, greedy: Mapping[str, Any]) -> Iterator[str]:
    def shown(labels: tuple[str, ...]) -> str:
        return " -> ".join(f"{stage} {label}" for stage, label in zip(decoded.stages, labels, strict=True) if label)

    if not any(decoded.labels):  # a space without states, such as one of cells, has one path
        return
    yield f"Viterbi path: {shown(decoded.labels)} (log probability {decoded.log_probability:.4f})"
    if greedy["same"]:
        yield "the greedy path is the same"
    else:
        yield (
            f"greedy path: {shown(decoded.greedy_labels)} (log probability {decoded.greedy_log_probability:.4f}),"
            f" {percent(greedy['top1'])} on the inference part, {megas(greedy['macs'])}"
        )


strategy = GradientStrategy()

"""Search by gradient descent through a supernet, decoded by Viterbi (Zhou et al. 2021, DARTS, DenseNAS)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from vnasdsl.derive import UNITS, Decoded, Measure, top_networks
from vnasdsl.elaborate import Space
from vnasdsl.language.diagnostics import UserError
from vnasdsl.relax.trellis import trellis
from vnasdsl.searching.finalists import Finalists, distinct
from vnasdsl.searching.monitor import Monitor, decode_supernet, learned_probabilities
from vnasdsl.searching.probable import Comparison, Wanted
from vnasdsl.searching.session import Session
from vnasdsl.searching.supernet import SupernetSearch
from vnasdsl.searching.task import SearchResult, SearchTask
from vnasdsl.show.charts import charts_png, training_charts
from vnasdsl.show.draw import render
from vnasdsl.show.draw.trellis import Learnt, trellis_picture
from vnasdsl.train import ranks
from vnasdsl.train.loop import run_epochs
from vnasdsl.train.progress import megas, percent
from vnasdsl.train.recipe_parts import Nothing
from vnasdsl.train.recipes import GradientRecipe
from vnasdsl.train.weights import load_exactly

# Passes over the same videos for different purposes must not see the same clips: pass numbers far apart.
_VALIDATE_PASSES = 1_000_000
# Choices decoded for each finalist: some make the same network, as in which of equal layers is skipped.
_SPARE = 4
Task = SearchTask[GradientRecipe]


class GradientStrategy:
    """Choices that keep the shape become mixtures, choices that change it become states joined by path weights."""

    name = "gradient"

    def check(self, space: Space, recipe: GradientRecipe) -> None:
        trellis(space)
        if recipe.samples and any(choice.is_subset for choice in space.choices):
            raise UserError(
                f"`samples` draws no edges, which `{space.name}` has to choose", "search it with --set samples=0"
            )
        measure, target = _target(recipe)
        if measure is not None and target is not None:
            low, high = getattr(space, measure)
            if not low <= target <= high:
                raise UserError(
                    f"no network of `{space.name}` has {target:,.0f} {UNITS[measure]}",
                    f"the target must be from {low:,} to {high:,}",
                )

    def search(self, task: Task) -> SearchResult:
        with _Session(task) as session:
            recipe = task.recipe
            watched = session.trellis, session.macs, session.score
            monitor = Monitor(*watched, recipe.score_from, recipe.epochs, recipe.skips)
            search = SupernetSearch(
                session.model,
                recipe,
                train=session.train,
                validate=lambda number: session.validate(_VALIDATE_PASSES + number),
                device=task.device,
                monitor=monitor,
            )
            run_epochs(search, recipe.epochs, task.run, task.reporter, task.resume)
            return session.result(train=True)

    def derive(self, task: Task, checkpoint: str, wanted: Wanted | None = None) -> SearchResult:
        """wanted: the most probable network and those after it, in the place of what is decoded."""
        kept = task.run.checkpoints.load(checkpoint)
        with _Session(task) as session:
            load_exactly(session.model, kept.weights, f"checkpoint `{checkpoint}`")
            return session.result(wanted=wanted)

    def pictures(self, task: Task) -> Iterator[tuple[str, bytes]]:
        yield "curves.png", charts_png(training_charts("", task.run.metrics.read(), task.recipe.warmup))
        learned = json.loads((task.run / "choices.json").read_text(encoding="utf-8"))
        keys = ("path_weights", "mixture_weights", "path", "choices")
        learnt = Learnt("", *(learned[key] for key in keys))
        yield "paths.png", render(trellis_picture(task.space, learnt), ".png")


class _Session(Session):
    """The supernet of a task with its trellis."""

    def __init__(self, task: Task):
        recipe = task.recipe
        super().__init__(task, path_weights=recipe.paths, temperature=recipe.temperature)
        self.trellis = trellis(task.space)
        if recipe.start:
            with torch.no_grad():
                for parameter in self.model.choice_parameters():
                    parameter.normal_(0.0, recipe.start)

    def result(self, train: bool = False, wanted: Wanted | None = None) -> SearchResult:
        """Decode, score on the inference part and extract the weights. train: the finalists not trained yet."""
        decoded = decode_supernet(self.model, self.trellis, self.task.recipe.skips)
        if wanted is not None:
            return self._probable(decoded, wanted)
        score, weights = self.extract(decoded.choices)
        report: dict[str, Any] = {
            **decoded.to_dict(),
            "path": list(decoded.path),
            "labels": list(decoded.labels),
            **self._learned(decoded),
        }
        same = decoded.greedy.choices == decoded.choices
        report["greedy"]["macs"] = self.macs(decoded.greedy.choices)
        report["greedy"]["top1"] = score.top1 if same and score else self.top1(decoded.greedy.choices)
        lines = tuple(_lines(decoded, report["greedy"]))
        finalists, best = Finalists(self.task), self._best(decoded)
        if best:
            ranks.leave()
        trained = finalists.train(best) if train and best else finalists.known(best)
        if trained:
            return finalists.result(trained, report, lines)
        lines += tuple(over_target(self.task.space, self.task.recipe, self.task.run.path, decoded.choices))
        return SearchResult(decoded.choices, weights, score, report, lines)

    def _learned(self, decoded: Decoded) -> dict[str, Any]:
        paths, mixtures = learned_probabilities(self.model)
        probabilities = self.model.probabilities()
        return {
            "stages": list(decoded.stages),
            "probabilities": probabilities,
            "path_weights": paths,
            "mixture_weights": mixtures,
        }

    def _probable(self, decoded: Decoded, wanted: Wanted) -> SearchResult:
        """The most probable network within a budget."""
        skips = self.task.recipe.skips
        compared = Comparison(self.task.space, learned_probabilities(self.model), wanted, decoded, skips)
        first = compared.top[0]
        score, weights = self.extract(first.choices)
        compared.score(lambda choices: score.top1 if score and choices == first.choices else self.top1(choices))
        report = {
            "path": list(first.path),
            "labels": list(first.labels),
            "log_probability": first.log_probability,
            **self._learned(decoded),
            "probable": compared.as_dict(),
        }
        lines = tuple(compared.lines())
        return SearchResult(first.choices, weights, score, report, lines, pictures=compared.pictures())

    def _best(self, decoded: Decoded) -> dict[int, dict[str, str]]:
        """The finalists: the most probable networks, within the target where there is one."""
        count, found = self.task.recipe.finalists, [decoded.choices, decoded.greedy.choices]
        if count:
            # Of a space of cells, where edges or tied blocks decide, and where nothing is within the target there are
            # only those that are decoded.
            with suppress(UserError):
                learned = learned_probabilities(self.model)
                probable = top_networks(self.task.space, *learned, _SPARE * count, *_target(self.task.recipe))
                found = [network.choices for network in probable]
        return distinct(self.task.space, dict(enumerate(found, 1)), count)


def _target(recipe: GradientRecipe) -> tuple[Measure | None, float | None]:
    """What the expected cost is to be."""
    cost = recipe.cost
    return (None, None) if isinstance(cost, Nothing) or cost.target is None else (cost.kind, cost.target)


def over_target(space: Space, recipe: GradientRecipe, run: Path, choices: Mapping[str, str]) -> Iterator[str]:
    """What to do about a network above the target, which only the mean of all networks meets."""
    measure, target = _target(recipe)
    if measure is not None and target is not None:
        cost = getattr(space.choose(choices), measure)
        if cost > target:
            command = f"vnasdsl derive {run} --max-{measure} {target:.0f}"
            yield f"{cost:,} {UNITS[measure]} are more than the target; the most probable network within it: {command}"


def _lines(decoded: Decoded, greedy: Mapping[str, Any]) -> Iterator[str]:
    def shown(labels: tuple[str, ...]) -> str:
        return " -> ".join(f"{stage} {label}" for stage, label in zip(decoded.stages, labels, strict=True) if label)

    if not any(decoded.labels):  # a space without states, such as one of cells, has one path
        return
    yield f"Viterbi path: {shown(decoded.labels)} (log probability {decoded.log_probability:.4f})"
    if greedy["same"]:
        yield "the greedy path is the same"
    else:
        accuracy = "" if greedy["top1"] is None else f", {percent(greedy['top1'])} on the inference part"
        yield (
            f"greedy path: {shown(decoded.greedy.labels)} (log probability {decoded.greedy.log_probability:.4f})"
            f"{accuracy}, {megas(greedy['macs'])}"
        )


strategy = GradientStrategy()

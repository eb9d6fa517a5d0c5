"""Which networks are scored with the weights of a supernet, how, and scores.jsonl: one line for each.

Batches are decoded once and kept. Networks that begin alike share the work: what a stage gives out is kept until a
network differs in that stage or before it.

They are ranked by exp(-loss), the (geometric) mean probability of the right class: shared weights leave many networks
with nearly equal accuracies, and the loss says more about them (our own; benchmarks/RESULTS.md compares the two).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from math import exp
from random import Random
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from vnasdsl.language.diagnostics import UserError, VnsError
from vnasdsl.runs.folder import JsonLines
from vnasdsl.searching.evolve.bounds import Bounds, Candidate
from vnasdsl.searching.evolve.engine import MAX_DRAWS, fitness
from vnasdsl.searching.evolve.history import Record
from vnasdsl.searching.evolve.propose import Population, child
from vnasdsl.searching.one_shot.training import draw
from vnasdsl.searching.session import Session
from vnasdsl.searching.task import SearchTask
from vnasdsl.space.counting import CannotCountError
from vnasdsl.train.batchnorm import recalibrate, statistics_restored
from vnasdsl.train.clips import evaluation_views
from vnasdsl.train.evaluation import Evaluation, NoNumbersError, evaluate_views
from vnasdsl.train.progress import megas, percent
from vnasdsl.train.recipes import EvolutionRecipe, OneShotRecipe

_BATCH_BYTES, _OUTPUT_BYTES = 2**32, 2**30
"""The most memory for decoded batches, and for what stages give out."""

T = TypeVar("T")
Views = tuple[Tensor, Tensor, Tensor]
"""Views (B, 3, T, H, W), their labels and the numbers of their videos."""
Outputs = list[Tensor | None]


@dataclass(frozen=True)
class Scorer:
    """Says how good a network is with the weights of the supernet."""

    session: Session
    shared: SharedStages
    calibration: Sequence[Tensor]
    validate: Iterable[Views]

    def score(self, choices: dict[str, str]) -> Evaluation:
        """Accuracy of a network on the validate part."""
        model, task = self.session.model, self.session.task
        model.set_choices(choices)
        model.eval()
        self.shared.begin()
        recalibrate(model, self.shared.numbered("calibrate", self.calibration))
        batches = self.shared.numbered("validate", self.validate)
        return evaluate_views(model, batches, task.classes, task.device, task.recipe.precision)


@contextmanager
def scoring(session: Session) -> Iterator[Scorer]:
    """The scorer of a supernet, which afterwards is as it was."""
    task, model = session.task, session.model
    videos = evenly(task.parts.validate, task.recipe.score_videos)
    shared = SharedStages(list(model.stages().values()))
    with (
        closing(evaluation_views(videos, task.shape, task.recipe, task.faults, task.device)) as views,
        statistics_restored(model),
        shared.remembering(),
    ):
        kept = in_memory(views, task.device)
        if kept is None:
            task.reporter.warn(
                f"the clips that networks are scored on take more than {_BATCH_BYTES >> 30} GiB, so each network"
                " decodes them again; fewer `score_videos` make this fast"
            )
        try:
            yield Scorer(session, shared, list(session.calibration()), views if kept is None else kept)
        finally:
            model.set_choices(None)


class SharedStages:
    """Stages that remember what they gave out for each batch, for the next network that begins like the last."""

    def __init__(self, stages: Sequence[nn.Module], most: int = _OUTPUT_BYTES):
        """most: bytes; a stage that would need more remembers nothing."""
        self.stages = stages
        self.most = most
        self._made: list[Hashable] = [None] * len(stages)
        """The choices made in each stage of the last network."""
        self._outputs: list[dict[Hashable, Outputs]] = [{} for _ in stages]
        self._too_large = [False] * len(stages)
        self._too_large[-1] = True  # nothing reads it
        self._begins_alike = 0
        """Stages, from the first, that are as in the last network."""
        self._batch: Hashable = None

    @contextmanager
    def remembering(self) -> Iterator[None]:
        for number, stage in enumerate(self.stages):
            stage.forward = self._remember(number, stage.forward)
        try:
            yield
        finally:
            for stage in self.stages:
                del stage.forward  # the method of its class shows again

    def begin(self) -> None:
        """Another network is chosen."""
        made = [_choices_made(stage) for stage in self.stages]
        self._begins_alike = next(
            (i for i, (a, b) in enumerate(zip(made, self._made, strict=True)) if a != b), len(made)
        )
        self._made = made
        for outputs in self._outputs[self._begins_alike :]:
            outputs.clear()

    def numbered(self, use: str, batches: Iterable[T]) -> Iterator[T]:
        """The same batches. Stages have to know which one they see."""
        for number, batch in enumerate(batches):
            self._batch = use, number
            yield batch

    def _remember(self, number: int, forward: Callable[..., Outputs]) -> Callable[..., Outputs]:
        def remember(inputs: Outputs, weights: Tensor) -> Outputs:
            later = self._outputs[number + 1 : self._begins_alike]
            if any(self._batch in outputs for outputs in later):
                return inputs  # nothing reads it
            known = self._outputs[number]
            if self._batch in known:
                return known[self._batch]
            made = forward(inputs, weights)
            if not self._too_large[number] and not torch.is_grad_enabled():
                known[self._batch] = made
                if sum(_bytes(one) for outputs in self._outputs for one in outputs.values()) > self.most:
                    self._too_large[number] = True
                    known.clear()
            return made

        return remember


def _choices_made(stage: nn.Module) -> Hashable:
    return tuple(module.chosen for module in stage.modules() if hasattr(module, "chosen"))


def _bytes(tensors: Iterable[Tensor | None]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors if tensor is not None)


def in_memory(batches: Iterable[Views], device: torch.device, most: int = _BATCH_BYTES) -> list[Views] | None:
    """The batches on a device; None where they would take too much."""
    found: list[Views] = []
    total = 0
    for batch in batches:
        total += _bytes(batch)
        if total > most:
            return None
        views, labels, videos = batch
        found.append((views.to(device), labels, videos))
    return found


def evenly(items: Sequence[T], most: int) -> list[T]:
    """At most so many of some items, evenly over them."""
    count = min(most, len(items))
    return [items[i * len(items) // count] for i in range(count)]


Choices = dict[str, str]


class Ranking:
    """The networks of a run by their scores in the supernet."""

    def __init__(self, task: SearchTask[OneShotRecipe], bounds: Bounds):
        self.task = task
        self.recipe = task.recipe
        self.bounds = bounds
        self.file = JsonLines(task.run / "scores.jsonl")
        self.records: list[Record] = []
        self._known: dict[int, Record] = {}

    def read(self) -> None:
        """Read what is scored already. Raises: UserError when the file is damaged."""
        try:
            self.records = [_record(**line) for line in self.file.read()]
        except TypeError as fault:
            raise UserError(f"`{self.file.path}` is damaged: {fault}", "remove it to score again") from None
        self._known = {record.id: record for record in self.records}

    def excess(self, choices: Choices) -> float:
        """By how much a network breaks the limits; 0 for one that keeps them."""
        if not self.bounds.bounds:
            return 0.0
        try:
            return self.bounds.excess(Candidate(self.task.space, choices))
        except (UserError, VnsError):
            return float("inf")

    # ------------------------------------------------------------------ scoring

    def fill(self, scorer: Scorer) -> None:
        """Score what is not scored yet."""
        self.file.write(record_line(record) for record in self.records)  # without a line cut short by a kill
        networks = self._enumerated()
        total = self.recipe.scored if networks is None else len(networks)
        reporter = self.task.reporter
        reporter.begin("scores", 1, 0)
        reporter.epoch(1, total)
        try:
            for record in self._evolved(scorer) if networks is None else self._each(scorer, networks):
                reporter.step(partial(_shown, record))
        finally:
            reporter.end()
        if not self.records:
            raise UserError(
                f"no network of `{self.task.space.name}` keeps the limits", "raise the limits, or offer cheaper options"
            )
        best = self.ranked()[0]
        failed = [record for record in self.records if record.score is None]
        if best in failed:
            raise UserError(
                "every network scores videos with NaN: the weights of the supernet have diverged",
                "search again with a smaller learning rate (--set weights.lr=...) or with --set grad_clip=5.0",
            )
        reporter.finished(1, f"{len(self.records):,} networks, best {_shown(best)}")
        if failed:
            reporter.warn(
                f"{len(failed):,} of {len(self.records):,} networks score videos with NaN, so they rank last; the"
                f" first of them has the id {failed[0].id} in `{self.file.path}`"
            )

    def _enumerated(self) -> list[Choices] | None:
        """Every network within the limits; None where they are too many."""
        try:
            size = self.task.space.size
        except CannotCountError:
            return None
        if size is None or size > self.recipe.enumerate_up_to:
            return None
        return [choices for choices in self.task.space.networks() if self.excess(choices) == 0]

    def _each(self, scorer: Scorer, networks: list[Choices]) -> Iterator[Record]:
        for number, choices in enumerate(networks):
            yield self._score(scorer, number, choices)

    def _evolved(self, scorer: Scorer) -> Iterator[Record]:
        """Generations of children of the best so far, the first one drawn (Guo et al. 2020, algorithm 1)."""
        recipe = self.recipe
        settings = EvolutionRecipe(population=recipe.population)
        population = Population(recipe.population, settings.sample, aging=False)
        seen: set[frozenset[tuple[str, str]]] = set()
        for begin in range(0, recipe.scored, recipe.population):
            generation: list[Choices] = []
            for number in range(begin, min(begin + recipe.population, recipe.scored)):
                choices = self._new(population, settings, number, seen)
                if choices is None:
                    break
                seen.add(frozenset(choices.items()))
                generation.append(choices)
            if not generation:
                return
            # Networks that begin alike are scored one after the other.
            order = sorted(range(len(generation)), key=lambda i: tuple(generation[i].values()))
            records = {}
            for i in order:
                records[i] = self._score(scorer, begin + i, generation[i])
                yield records[i]
            for i in range(len(generation)):
                if records[i].fitness is not None:
                    population.add(records[i])

    def _new(
        self, population: Population, settings: EvolutionRecipe, number: int, seen: set[frozenset[tuple[str, str]]]
    ) -> Choices | None:
        """A network that is not seen yet; None when none is found."""
        random = Random(f"vnasdsl score {self.recipe.seed}:{number}")
        for misses in range(MAX_DRAWS):
            if population.members:
                choices = child(self.task.space, population, settings, number, random, misses).choices
            else:
                choices = draw(self.task.space, self.excess, random)
            if frozenset(choices.items()) not in seen and self.excess(choices) == 0:
                return choices
        return None

    def _score(self, scorer: Scorer, number: int, choices: Choices) -> Record:
        """The record of a network, which is on the disk before anything follows from it."""
        known = self._known.get(number)
        if known is not None and known.choices == choices:
            return known
        costs, _ = self.bounds.broken(Candidate(self.task.space, choices))
        score, value = None, None
        with suppress(NoNumbersError):
            evaluation = scorer.score(choices)
            score = {key: getattr(evaluation, key) for key in ("top1", "top5", "loss")}
            value = fitness(exp(-evaluation.loss), costs, self.recipe)
        record = _record(id=number, choices=choices, fitness=value, score=score, macs=costs.macs, params=costs.params)
        self.file.append(record_line(record))
        self.records.append(record)
        return record

    # ------------------------------------------------------------------ results

    def ranked(self) -> list[Record]:
        """Best first; of networks with equal fitness the cheaper one; last those without a score."""
        return sorted(self.records, key=lambda r: (r.fitness is None, -(r.fitness or 0.0), r.macs or 0, r.id))


def _record(**line: Any) -> Record:
    """The record of a line of scores.jsonl."""
    return Record(status="failed" if line.get("score") is None else "trained", parents=(), mutations=(), **line)


def record_line(record: Record) -> dict[str, Any]:
    """A line of scores.jsonl."""
    return {key: getattr(record, key) for key in ("id", "choices", "fitness", "score", "macs", "params")}


def _shown(record: Record) -> str:
    accuracy = "none (NaN)" if record.score is None else percent(record.score["top1"])
    return f"accuracy {accuracy}  {megas(record.macs or 0)}"

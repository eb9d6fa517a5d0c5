"""Which networks are scored, and scores.jsonl: one line for each, in the order in which they are scored.

They are ranked by exp(-loss), the (geometric) mean probability of the right class: shared weights leave many networks
with nearly equal accuracies, and the loss says more about them (our own; benchmarks/RESULTS.md compares the two).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from math import exp
from random import Random
from typing import Any

from vnasdsl.language.diagnostics import UserError, VnsError
from vnasdsl.runs.folder import JsonLines
from vnasdsl.searching.evolve.bounds import Bounds, Candidate
from vnasdsl.searching.evolve.engine import MAX_DRAWS, fitness
from vnasdsl.searching.evolve.history import Record
from vnasdsl.searching.evolve.propose import Population, child
from vnasdsl.searching.one_shot.sampling import draw
from vnasdsl.searching.one_shot.scoring import Scorer
from vnasdsl.searching.task import SearchTask
from vnasdsl.space.counting import CannotCountError
from vnasdsl.train.evaluation import NoNumbersError
from vnasdsl.train.progress import megas, percent
from vnasdsl.train.recipes import EvolutionRecipe, OneShotRecipe

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

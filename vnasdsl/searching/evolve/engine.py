"""The loop of a search by trials: draw, check, train, record, until the budget is spent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count
from math import log10
from pathlib import Path
from random import Random
from typing import Any

from torch import Tensor

from vnasdsl.language.diagnostics import UserError, VnsError
from vnasdsl.searching.evolve.bounds import Bounds, Candidate, Costs, Measure
from vnasdsl.searching.evolve.history import History, Record
from vnasdsl.searching.evolve.propose import Proposer
from vnasdsl.searching.evolve.standings import Standings
from vnasdsl.searching.evolve.trial import Outcome, Trial, edges_by_choice, run_trial
from vnasdsl.searching.pool import Result, pool_of
from vnasdsl.searching.task import SearchTask
from vnasdsl.space.counting import CannotCountError
from vnasdsl.train.progress import megas, percent
from vnasdsl.train.recipe_parts import Score
from vnasdsl.train.recipes import EvolutionRecipe, RankedRecipe, TrialRecipe
from vnasdsl.train.weights import load_weights

MAX_DRAWS = 500
"""Draws in a row that may be dropped before a search ends."""
UNFIT = "its parts do not fit together"
_FIRST_FAILURES = 3


@dataclass(frozen=True)
class _Begun:
    """A network that is being trained, with the record it has so far."""

    candidate: Candidate
    costs: Costs
    record: Record


class TrialSearch:
    """A search in a run folder. After `run` its history is complete, or the run was interrupted."""

    def __init__(self, task: SearchTask[Any], proposer: Proposer, measure: Measure):
        self.task = task
        self.recipe: TrialRecipe = task.recipe
        self.proposer = proposer
        self.history = History(task.run.path)
        self.standings = Standings()
        self.bounds = Bounds(task.space, self.recipe, measure)
        self._tried: dict[str, int] = {}
        """Fingerprint of every network that is or was trained, to its trial."""
        self._begun: dict[int, _Begun] = {}
        self._drawn: set[tuple[tuple[str, str], ...]] = set()
        self._misses: Counter[str] = Counter()
        """Draws since the last training that were not trained, by reason."""
        self._spent = 0
        self._ids: Iterator[int] = count()

    # ------------------------------------------------------------------ the loop

    def run(self) -> None:
        """Spend what is left of the budget. Raises: UserError when no network meets the limits or none trains."""
        task, recipe, reporter = self.task, self.recipe, self.task.reporter
        if task.resume:
            self._resume()
        # Trials report the videos that they cannot read; how many videos there are is known here.
        task.faults.expect(video.path for part in (task.parts.train, task.parts.validate) for video in part)
        reporter.begin("trial", recipe.rounds, self._spent)
        try:
            with pool_of(recipe) as pool:
                exhausted = False
                while self._spent < recipe.rounds:
                    while not exhausted and pool.free and self._may_begin():
                        trial = self._next()
                        exhausted = trial is None
                        if trial is not None:
                            pool.submit(trial.id, run_trial, trial)
                    if not self._begun:
                        break
                    self._finish(pool.next())
        finally:
            reporter.end()
        if self._spent < recipe.rounds:
            reasons = "; ".join(f"{number} draws: {reason}" for reason, number in self._misses.items())
            reporter.warn(
                f"the search ends after {self._spent} of {recipe.rounds} trials: no other network was found"
                f" ({reasons or 'all were drawn'})"
            )

    def _may_begin(self) -> bool:
        return self._spent + len(self._begun) < self.recipe.rounds and self.proposer.ready(len(self._begun))

    def read(self) -> None:
        """Everything that the run folder knows."""
        self.history.read()
        for record in self.history.records:
            self._note(record)

    def _resume(self) -> None:
        self.read()
        used = {record.id for record in self.history.records}
        self._ids = (number for number in count() if number not in used)
        if used:
            self.task.reporter.note(f"resuming after {self._spent} of {self.recipe.rounds} trials")

    def _note(self, record: Record) -> None:
        """What follows from a record."""
        self._drawn.add(tuple(record.choices.items()))
        if record.status in ("dropped", "duplicate"):
            self._misses[record.limit or "duplicate"] += 1
            return
        self._misses.clear()
        self._spent += 1
        assert record.fingerprint is not None
        self._tried.setdefault(record.fingerprint, record.id)
        if record.status == "trained":
            self.standings.add(record)
            if record.twin is None:
                self.proposer.learn(record)

    # ----------------------------------------------------------------- one trial

    def _next(self) -> Trial | None:
        """The next network that is worth training; None when none is found."""
        if self._spent + len(self._begun) >= self.recipe.new_networks and self.standings.trainings:
            return self._again()
        while self._misses.total() < MAX_DRAWS and not self._all_drawn():
            number = next(self._ids)
            found = self._examine(number, Random(f"vnasdsl trial {self.recipe.seed}:{number}"))
            if isinstance(found, _Begun):
                self._begun[number] = found
                self._drawn.add(tuple(found.record.choices.items()))
                self._tried[found.candidate.fingerprint] = number
                return self._trial(found)
            self.history.add(found)
            self._note(found)
        if not self._tried:
            raise self.bounds.give_up(self.history.records)
        return None

    def _again(self) -> Trial:
        """The network that leads is trained once more."""
        first = self.standings.next({begun.record.twin for begun in self._begun.values()})
        record = replace(first, id=next(self._ids), parents=(), mutations=(), twin=first.id)
        record = replace(record, fitness=None, score=None, edges={})
        assert record.macs is not None and record.params is not None
        begun = _Begun(
            Candidate(self.task.space, record.choices), Costs(record.macs, record.params, record.latency), record
        )
        self._begun[record.id] = begun
        return self._trial(begun)

    def _all_drawn(self) -> bool:
        return self._size is not None and len(self._drawn) >= self._size

    @cached_property
    def _size(self) -> int | None:
        """The number of networks; None where they are infinitely many, or not counted."""
        try:
            return self.task.space.size
        except CannotCountError:
            return None

    def _examine(self, number: int, random: Random) -> _Begun | Record:
        """A network with its costs, or the record that says why it is not trained."""
        record = Record(number, "dropped", (), (), {})
        try:
            proposal = self.proposer.propose(len(self._begun), self._misses.total(), random)
            record = replace(
                record, parents=proposal.parents, mutations=proposal.mutations, choices=dict(proposal.choices)
            )
            candidate = Candidate(self.task.space, record.choices)
            fingerprint, graph = candidate.fingerprint, candidate.graph
        except (UserError, VnsError) as fault:
            return replace(record, limit=UNFIT, error=_first_line(fault))
        if fingerprint in self._tried:
            twin = self._tried[fingerprint]
            return replace(record, status="duplicate", twin=twin, macs=graph.macs, params=graph.params)
        costs, broken = self.bounds.broken(candidate)
        record = replace(record, macs=costs.macs, params=costs.params, latency=costs.latency)
        if broken is not None:
            return replace(record, limit=broken.text)
        text = candidate.network.text()
        return _Begun(candidate, costs, replace(record, fingerprint=fingerprint, text=text))

    def _trial(self, begun: _Begun) -> Trial:
        record, recipe = begun.record, self.recipe
        start = None
        if isinstance(recipe, EvolutionRecipe) and recipe.inherit and record.parents:
            parent = record.parents[0]
            if self.weights(parent, f"#{record.id} starts from new weights instead of those of its parent #{parent}"):
                start = self.weights_of(parent).read_bytes()
        return Trial.of(self.task, record, recipe, (recipe.seed * 1_000_003 + record.id) % 2**32, start)

    def _finish(self, result: Result) -> None:
        """Record the outcome of a trial."""
        assert isinstance(result.key, int)
        begun = self._begun.pop(result.key)
        outcome = Outcome.of(result)
        if outcome.error is not None:
            record = replace(begun.record, status="failed", error=outcome.error)
        else:
            score = outcome.figures
            record = replace(
                begun.record,
                status="trained",
                score=score,
                fitness=fitness(score["top1"], begun.costs, self.recipe),
                edges=edges_by_choice(begun.candidate.graph, outcome.edges),
            )
            self.task.run.write(f"weights/{self.weights_of(record.id).name}", outcome.weights)
        times = {"seconds": round(outcome.seconds, 2), "attempts": result.attempts, "inherited": outcome.inherited}
        self.history.add(record, times)
        self._note(record)
        shown = {"macs": record.macs, "params": record.params, "fitness": record.fitness, **(record.score or {})}
        self.task.reporter.record(self._spent, {"trial": {**shown, "seconds": times["seconds"]}})
        for file, reason in outcome.unreadable.items():
            self.task.faults.add(file, reason)
        self._drop_weights()
        self.task.reporter.finished(self._spent, self._summary(record))
        self._require_one_trained()

    def _require_one_trained(self) -> None:
        """Raises: UserError when every trial so far has failed: the fault is not in single networks."""
        failed = self.history.of("failed")
        last = self._all_drawn() and not self._begun
        enough = len(failed) >= min(_FIRST_FAILURES, self.recipe.rounds) or last
        if enough and not self.history.of("trained"):
            raise UserError(f"each of the first {len(failed)} trials failed; the last: {failed[-1].error}")

    # -------------------------------------------------------------------- results

    def best(self, number: int = 1) -> list[Record]:
        """The best networks by the mean of their trainings."""
        return self.standings.best(number)

    def weights_of(self, number: int) -> Path:
        """The file of a trial's weights; only those that are still needed are kept."""
        return self.task.run / "weights" / f"{number:05d}.safetensors"

    def weights(self, number: int, otherwise: str) -> dict[str, Tensor]:
        """The weights of a trial; where they are lost, none and a warning of what happens `otherwise`."""
        try:
            return load_weights(self.weights_of(number))
        except UserError as fault:
            self.task.reporter.warn(f"{fault.message}: {otherwise}")
            return {}

    def _drop_weights(self) -> None:
        best, left = max(1, self.recipe.ensemble), self.recipe.rounds - max(self._spent, self.recipe.new_networks)
        wanted = self.best(best) + (self.standings.leaders(best + left) if left > 0 else [])
        keep = {self.standings.last(record).id for record in wanted} | self.proposer.needed()
        names = {self.weights_of(number).name for number in keep}
        for path in (self.task.run / "weights").glob("*.safetensors"):
            if path.name not in names:
                path.unlink()

    def _summary(self, record: Record) -> str:
        if record.status == "failed":
            return f"#{record.id} failed: {(record.error or '').splitlines()[0]}"
        best = self.best()[0]
        assert record.score is not None
        top1 = self.standings.mean(best, "top1")
        mark = "best" if best.id == record.id else f"best {percent(top1)} (#{best.id})"
        dropped = len(self.history.of("dropped"))
        out = f"  {dropped:,} dropped" if dropped else ""
        again = "" if record.twin is None else f" (#{record.twin} again)"
        return f"#{record.id}{again} accuracy {percent(record.score['top1'])}  {megas(record.macs or 0)}  {mark}{out}"


def fitness(top1: float, costs: Costs, recipe: RankedRecipe) -> float:
    """An accuracy and a cost under the objective."""
    objective = recipe.objective
    if not isinstance(objective, Score):
        return top1
    cost = costs.of(objective.cost)
    assert cost is not None
    return top1 - objective.weight * log10(max(cost, 1e-9))


def _first_line(fault: UserError | VnsError) -> str:
    message = fault.diagnostics[0].message if isinstance(fault, VnsError) else fault.message
    return message.splitlines()[0]

"""The loop of a search by trials: draw, check, train, record, until the budget is spent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import count
from math import log10
from pathlib import Path
from random import Random
from typing import Any

from vnasdsl.elaborate import Space
from vnasdsl.language.diagnostics import UserError, VnsError
from vnasdsl.search.evolve.bounds import Bounds, Costs, Measure
from vnasdsl.search.evolve.edges import edges_by_choice
from vnasdsl.search.evolve.history import History, Record
from vnasdsl.search.evolve.proof import lies_in
from vnasdsl.search.evolve.propose import Proposal
from vnasdsl.search.evolve.trial import Outcome, Trial, run_trial
from vnasdsl.search.pool import Result, make_pool
from vnasdsl.search.task import SearchTask
from vnasdsl.train.progress import megas, percent
from vnasdsl.train.recipes import Score, SearchRecipe

MOST_DRAWS = 500
"""Draws one after the other that may come to nothing before a search ends."""
UNFIT = "its parts do not fit together"
_FIRST_FAILURES = 3


class Proposer:
    """What decides on the next network. Everything it knows comes from records, in their order."""

    def ready(self, waiting: int) -> bool:
        """Whether it can propose now. waiting: networks that are being trained."""
        raise NotImplementedError

    def propose(self, waiting: int, random: Random) -> Proposal:
        raise NotImplementedError

    def learn(self, record: Record) -> None:
        """Take in a trained network."""

    def needed(self) -> set[int]:
        """The trials whose weights it will start others from."""
        return set()


@dataclass
class _Waiting:
    """A network that is being trained."""

    id: int
    proposal: Proposal
    network: Space
    text: str
    costs: Costs


@dataclass
class TrialSearch:
    """A search in a run folder. After `run` its history is complete, or the run was interrupted."""

    task: SearchTask
    proposer: Proposer
    measure: Measure
    history: History = field(init=False)
    tried: dict[str, int] = field(init=False, default_factory=dict)
    """Text of every network that is or was trained to its trial."""

    def __post_init__(self) -> None:
        self.history = History(self.task.run.path)
        self.bounds = Bounds(self.task.space, self.task.recipe, self.measure)
        self._waiting: dict[int, _Waiting] = {}
        self._drawn: set[tuple[tuple[str, str], ...]] = set()
        self._misses: Counter[str] = Counter()
        self._spent = 0
        self._ids: Iterator[int] = count()

    # ------------------------------------------------------------------ the loop

    def run(self) -> None:
        """Spend what is left of the budget. Raises: UserError when no network meets the limits or none trains."""
        task, recipe = self.task, self.task.recipe
        if task.resume:
            self._take_up()
        data = str(task.run.facts()["data"])
        # Trials report the videos that they cannot read; how many there are is known here.
        task.faults.expect(video.path for part in (task.parts.train, task.parts.validate) for video in part)
        task.reporter.begin("trial", recipe.rounds, self._spent)
        try:
            with make_pool(recipe.pool, threads=recipe.threads, memory=recipe.memory, timeout=recipe.timeout) as pool:
                exhausted = False
                while self._spent < recipe.rounds:
                    while (
                        not exhausted
                        and pool.free
                        and self._spent + len(self._waiting) < recipe.rounds
                        and self.proposer.ready(len(self._waiting))
                    ):
                        begun = self._next()
                        if begun is None:
                            exhausted = True
                        else:
                            self._waiting[begun.id] = begun
                            pool.submit(begun.id, run_trial, self._trial(begun, data))
                    if not self._waiting:
                        break
                    self._finish(pool.next())
        finally:
            task.reporter.end()
        if self._spent < recipe.rounds:
            task.reporter.warn(
                f"the search ends after {self._spent} of {recipe.rounds} trials: no other network was found"
                f" ({self._told_misses()})"
            )

    def _take_up(self) -> None:
        """The state that the records of a run lead to."""
        self.history.read()
        for record in self.history.records:
            self._note(record)
        used = {record.id for record in self.history.records}
        self._ids = (number for number in count() if number not in used)
        if used:
            self.task.reporter.note(f"going on after {self._spent} of {self.task.recipe.rounds} trials")

    def _note(self, record: Record, times: Mapping[str, Any] | None = None) -> None:
        """What follows from a record."""
        self._drawn.add(tuple(record.choices.items()))
        if record.status in ("dropped", "duplicate"):
            self._misses[record.limit or "duplicate"] += 1
            if record.limit is not None and record.macs is not None and record.params is not None:
                self.bounds.missed(record.limit, Costs(record.macs, record.params, record.latency))
            return
        self._misses.clear()
        self._spent += 1
        assert record.text is not None
        self.tried[record.text] = record.id
        if record.status == "trained":
            self.proposer.learn(record)

    # ----------------------------------------------------------------- one trial

    def _next(self) -> _Waiting | None:
        """The next network that is worth training; None when none is found."""
        space = self.task.space
        while self._misses.total() < MOST_DRAWS and not self._all_drawn():
            number = next(self._ids)
            random = Random(f"vnasdsl trial {self.task.recipe.seed}:{number}")
            try:
                proposal = self.proposer.propose(len(self._waiting), random)
                found = self._examine(number, proposal)
            except (UserError, VnsError) as fault:  # of a choice that two places cannot make alike
                proposal = Proposal({})
                found = Record(number, "dropped", (), (), {}, limit=UNFIT, error=_first_line(fault))
            if isinstance(found, _Waiting):
                self._drawn.add(tuple(proposal.choices.items()))
                self.tried[found.text] = number
                return found
            self.history.add(found)
            self._note(found)
        if not self.tried:
            raise self.bounds.give_up(space, self._misses.total(), self._misses)
        return None

    def _all_drawn(self) -> bool:
        return self._size is not None and len(self._drawn) >= self._size

    @cached_property
    def _size(self) -> int | None:
        """The number of networks; None where they are infinitely many, or not counted."""
        try:
            return self.task.space.size
        except UserError:
            return None

    def _examine(self, number: int, proposal: Proposal) -> _Waiting | Record:
        """A network with its costs, or the record that says why it is not trained."""
        dropped = Record(number, "dropped", proposal.parents, proposal.mutations, proposal.choices)
        try:
            network = self.task.space.network(proposal.choices)
            _ = network.cost
        except (UserError, VnsError) as fault:
            return _changed(dropped, limit=UNFIT, error=_first_line(fault))
        if not lies_in(network, self.task.space, proposal.choices):
            return _changed(dropped, limit=UNFIT, error="the text of the network is not what its choices say")
        text = network.text()
        costs = Costs(network.macs[0], network.params[0])
        if text in self.tried:
            figures = {"macs": costs.macs, "params": costs.params}
            return _changed(dropped, status="duplicate", twin=self.tried[text], **figures)
        costs, broken = self.bounds.broken(network)
        if broken is not None:
            return _changed(dropped, limit=broken.text, macs=costs.macs, params=costs.params, latency=costs.latency)
        return _Waiting(number, proposal, network, text, costs)

    def _trial(self, begun: _Waiting, data: str) -> Trial:
        recipe = self.task.recipe
        start = None
        if recipe.inherit and begun.proposal.parents:
            path = self.weights_of(begun.proposal.parents[0])
            start = path.read_bytes() if path.is_file() else None
        return Trial(
            begun.id,
            begun.text,
            recipe.model_dump(),
            data,
            len(self.task.classes),
            (recipe.seed * 1_000_003 + begun.id) % 2**32,
            str(self.task.device),
            start,
        )

    def _finish(self, result: Result) -> None:
        """Record what came of a trial."""
        assert isinstance(result.key, int)
        begun = self._waiting.pop(result.key)
        outcome = result.value if result.error is None else Outcome(error=result.error)
        assert isinstance(outcome, Outcome)
        common: dict[str, Any] = {
            "macs": begun.costs.macs,
            "params": begun.costs.params,
            "latency": begun.costs.latency,
            "text": begun.text,
        }
        record = Record(begun.id, "failed", begun.proposal.parents, begun.proposal.mutations, begun.proposal.choices)
        if outcome.error is not None:
            record = _changed(record, error=outcome.error, **common)
        else:
            score = {key: outcome.score[key] for key in ("top1", "top5", "loss")}
            record = _changed(
                record,
                status="trained",
                score=score,
                fitness=fitness(score["top1"], begun.costs, self.task.recipe),
                edges=edges_by_choice(self.task.space, begun.proposal.choices, begun.network, outcome.edges),
                **common,
            )
            path = self.weights_of(record.id)
            path.parent.mkdir(exist_ok=True)
            self.task.run.write(str(path.relative_to(self.task.run.path)), outcome.weights)
        times = {"seconds": round(outcome.seconds, 2), "attempts": result.attempts, "inherited": outcome.inherited}
        self.history.add(record, times)
        self._note(record)
        for file, reason in outcome.unreadable.items():
            self.task.faults.add(file, reason)
        self._drop_weights()
        self.task.reporter.passed(self._spent, self._summary(record))
        self._require_some()

    def _require_some(self) -> None:
        """Raises: UserError when every trial so far has failed: the fault is not that of single networks."""
        failed = self.history.of("failed")
        enough = len(failed) >= min(_FIRST_FAILURES, self.task.recipe.rounds) or (
            self._all_drawn() and not self._waiting
        )
        if enough and not self.history.of("trained"):
            raise UserError(f"each of the first {len(failed)} trials failed; the last: {failed[-1].error}")

    # -------------------------------------------------------------------- results

    def best(self, number: int = 1) -> list[Record]:
        """The best networks; of equal ones the cheaper, then the earlier."""
        trained = self.history.of("trained")
        return sorted(trained, key=lambda r: (-(r.fitness or 0.0), r.macs or 0, r.id))[:number]

    def weights_of(self, number: int) -> Path:
        """The file of a trial's weights; only those that are still needed are kept."""
        return self.task.run / "weights" / f"{number:05d}.safetensors"

    def _drop_weights(self) -> None:
        keep = {record.id for record in self.best(max(1, self.task.recipe.ensemble))} | self.proposer.needed()
        names = {self.weights_of(number).name for number in keep}
        for path in (self.task.run / "weights").glob("*.safetensors"):
            if path.name not in names:
                path.unlink()

    def _summary(self, record: Record) -> str:
        cost = megas(record.macs or 0)
        dropped = len(self.history.of("dropped"))
        out = f"  {dropped:,} dropped" if dropped else ""
        if record.status == "failed":
            return f"#{record.id} failed: {(record.error or '').splitlines()[0]}"
        assert record.score is not None
        best = self.best()[0]
        mark = "  best" if best.id == record.id else f"  best {percent((best.score or {})['top1'])} (#{best.id})"
        return f"#{record.id} accuracy {percent(record.score['top1'])}  {cost}{mark}{out}"

    def _told_misses(self) -> str:
        return "; ".join(f"{number} draws: {reason}" for reason, number in self._misses.items()) or "all were drawn"


def fitness(top1: float, costs: Costs, recipe: SearchRecipe) -> float:
    """What the objective makes of an accuracy and a cost."""
    objective = recipe.objective
    if not isinstance(objective, Score):
        return top1
    cost = costs.of(objective.cost)
    assert cost is not None
    return top1 - objective.weight * log10(max(cost, 1e-9))


def _first_line(fault: UserError | VnsError) -> str:
    message = fault.diagnostics[0].message if isinstance(fault, VnsError) else fault.message
    return message.splitlines()[0]


def _changed(record: Record, **changes: Any) -> Record:
    return replace(record, **changes)

"""The last round of a search through a supernet: the best networks are trained apart, as trials are, and compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vnasdsl.elaborate import Space
from vnasdsl.language.diagnostics import UserError
from vnasdsl.search.evolve.bounds import Candidate
from vnasdsl.search.evolve.history import Record
from vnasdsl.search.evolve.strategy import inference_scores
from vnasdsl.search.evolve.trial import Outcome, Trial, run_trial
from vnasdsl.search.pool import make_pool
from vnasdsl.search.task import SearchResult, SearchTask
from vnasdsl.train.evaluation import summarise
from vnasdsl.train.progress import megas, percent
from vnasdsl.train.recipes import RandomRecipe, SearchRecipe
from vnasdsl.train.run_folder import JsonLines
from vnasdsl.train.weights import load_weights


class Finalists:
    """finalists.jsonl and the weights beside it. A network that is trained already is not trained again."""

    def __init__(self, task: SearchTask[Any]):
        self.task = task
        self.file = JsonLines(task.run / "finalists.jsonl")

    def train(self, networks: Sequence[Mapping[str, str]]) -> list[Record]:
        """Train each of some networks; their records in the same order. Raises: UserError when every training fails."""
        task, recipe = self.task, self.task.recipe
        known = self._known()
        self.file.write(self.file.read())  # without a line cut short by a kill
        records = {place: known[key] for place, one in enumerate(networks) if (key := _key(one)) in known}
        number = max((record.id for record in known.values()), default=-1) + 1
        reporter = task.reporter
        reporter.begin("finalist", len(networks), len(records))
        try:
            with make_pool(recipe.pool, threads=recipe.threads, memory=recipe.memory, timeout=recipe.timeout) as pool:
                begun: dict[int, Record] = {}
                for place, choices in enumerate(networks):
                    if place not in records:
                        begun[place] = self._begun(number + len(begun), choices)
                        pool.submit(place, run_trial, self._trial(begun[place]))
                while pool.pending:
                    result = pool.next()
                    outcome = result.value if result.error is None else Outcome(error=result.error)
                    assert isinstance(result.key, int)
                    record = self._ended(begun[result.key], outcome)
                    records[result.key] = record
                    reporter.finished(len(records), _shown(record))
        finally:
            reporter.end()
        found = [records[place] for place in range(len(networks))]
        if all(record.error is not None for record in found):
            raise UserError(f"none of {len(found)} finalists could be trained; the last: {found[-1].error}")
        return found

    def trained(self, networks: Sequence[Mapping[str, str]]) -> list[Record]:
        """The records of those that are trained already."""
        known = self._known()
        found = (known.get(_key(choices)) for choices in networks)
        return [record for record in found if record is not None and record.score is not None]

    def result(self, records: Sequence[Record], report: dict[str, Any], lines: Sequence[str]) -> SearchResult:
        """The best on the validate part (of equal ones that of the smaller loss), scored on the inference part.

        report, lines: what led to the finalists.
        """
        trained = [record for record in records if record.score is not None]
        best = min(trained, key=lambda r: (-(r.score or {})["top1"], (r.score or {})["loss"], r.macs or 0))
        weights = load_weights(self.weights_of(best))
        score = summarise(inference_scores(self.task, best, weights), self.task.classes).as_dict()
        report["finalists"] = [
            {key: getattr(record, key) for key in ("choices", "score", "macs", "params", "error")} for record in records
        ]
        place = records.index(best) + 1
        lines = (*lines, f"best of {len(trained)} finalists: the one of place {place}, {_shown(best)}")
        return SearchResult(best.choices, weights, score, report, lines, "its own short training")

    def weights_of(self, record: Record) -> Path:
        return self.task.run / "finalists" / f"{record.id:05d}.safetensors"

    def _known(self) -> dict[tuple[tuple[str, str], ...], Record]:
        """What is trained already. Raises: UserError when the file is damaged."""
        lines = self.file.read()
        try:
            records = [Record(**{**line, "parents": (), "mutations": ()}) for line in lines]
        except TypeError as fault:
            raise UserError(
                f"`{self.file.path}` is damaged: {fault}", "remove it to train the finalists again"
            ) from None
        return {_key(record.choices): record for record in records}

    def _begun(self, number: int, choices: Mapping[str, str]) -> Record:
        network = self.task.space.network(choices)
        macs, params, text = network.macs[0], network.params[0], network.text()
        return Record(number, "failed", (), (), dict(choices), macs=macs, params=params, text=text)

    def _trial(self, record: Record) -> Trial:
        """All finalists start from the same seed: that of the search."""
        task = self.task
        assert record.text is not None
        recipe = trial_recipe(task.recipe).model_dump()
        return Trial(
            record.id, record.text, recipe, task.data.name, len(task.classes), task.recipe.seed, str(task.device)
        )

    def _ended(self, record: Record, outcome: Outcome) -> Record:
        if outcome.error is not None:
            record = replace(record, error=outcome.error)
        else:
            score = {key: outcome.score[key] for key in ("top1", "top5", "loss")}
            record = replace(record, status="trained", score=score, fitness=score["top1"])
            self.task.run.write(f"finalists/{self.weights_of(record).name}", outcome.weights)
        for file, reason in outcome.unreadable.items():
            self.task.faults.add(file, reason)
        self.file.append(record.as_dict())
        return record


def distinct(space: Space, networks: Iterable[Mapping[str, str]], count: int) -> list[dict[str, str]]:
    """The first `count` networks that differ; different choices may make the same one."""
    found: dict[str, dict[str, str]] = {}
    rest = iter(networks)
    while len(found) < count and (choices := next(rest, None)) is not None:
        found.setdefault(Candidate(space, dict(choices)).fingerprint, dict(choices))
    return list(found.values())


def trial_recipe(recipe: Any) -> RandomRecipe:
    """The recipe by which finalists are trained: that of the search, for fewer epochs."""
    shared = {key: getattr(recipe, key) for key in SearchRecipe.model_fields if key != "strategy"}
    return RandomRecipe(**{**shared, "epochs": recipe.finalist_epochs})


def _key(choices: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(choices.items()))


def _shown(record: Record) -> str:
    if record.score is None:
        return f"failed: {(record.error or '').splitlines()[0]}"
    return f"{percent(record.score['top1'])} on the validate part, {megas(record.macs or 0)}"

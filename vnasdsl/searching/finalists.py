"""The last round of a search through a supernet: the best networks are trained apart, as trials are, and compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from vnasdsl.elaborate import Space
from vnasdsl.language.diagnostics import UserError
from vnasdsl.runs.folder import JsonLines
from vnasdsl.searching.evolve.bounds import Candidate
from vnasdsl.searching.evolve.history import Record
from vnasdsl.searching.evolve.strategy import inference_score
from vnasdsl.searching.evolve.trial import Outcome, Trial, run_trial
from vnasdsl.searching.pool import pool_of
from vnasdsl.searching.task import SearchResult, SearchTask
from vnasdsl.train.progress import megas, percent
from vnasdsl.train.recipes import RandomRecipe, SearchRecipe
from vnasdsl.train.weights import load_weights


class Finalists:
    """finalists.jsonl and the weights beside it. A network that is trained already is not trained again.

    Networks and their records are known by place: that in the opinion of the supernet, from 1.
    """

    def __init__(self, task: SearchTask[Any]):
        self.task = task
        self.file = JsonLines(task.run / "finalists.jsonl")

    def train(self, networks: Mapping[int, Mapping[str, str]]) -> dict[int, Record]:
        """Train each of some networks. Raises: UserError when every training fails."""
        task, recipe = self.task, self.task.recipe
        known = self._known()
        self.file.write(self.file.read())  # without a line cut short by a kill
        records = {place: known[key] for place, one in networks.items() if (key := _key(one)) in known}
        number = max((record.id for record in known.values()), default=-1) + 1
        reporter = task.reporter
        reporter.begin("finalist", len(networks), len(records))
        try:
            with pool_of(recipe) if task.pool is None else nullcontext(task.pool) as pool:
                begun: dict[int, Record] = {}
                for place, choices in networks.items():
                    if place not in records:
                        begun[place] = self._begun(number + len(begun), choices)
                        # All start from the same seed: that of the search.
                        trial = Trial.of(task, begun[place], trial_recipe(recipe), recipe.seed)
                        pool.submit(place, run_trial, trial)
                while pending := begun.keys() - records.keys():
                    result = pool.next(pending)
                    assert isinstance(result.key, int)
                    record = self._ended(begun[result.key], Outcome.of(result))
                    records[result.key] = record
                    reporter.finished(len(records), _shown(record))
        finally:
            reporter.end()
        found = {place: records[place] for place in networks}
        if not _trained(found):
            *_, last = found.values()
            raise UserError(f"none of {len(found)} finalists could be trained; the last: {last.error}")
        return found

    def known(self, networks: Mapping[int, Mapping[str, str]]) -> dict[int, Record]:
        """The records of those that are trained already; none where every training failed."""
        known = self._known()
        found = {place: known[key] for place, one in networks.items() if (key := _key(one)) in known}
        return found if _trained(found) else {}

    def result(self, records: Mapping[int, Record], report: dict[str, Any], lines: Sequence[str]) -> SearchResult:
        """The best on the validate part (of equal ones that of the smaller loss), scored on the inference part.

        report, lines: what led to the finalists.
        """
        trained = _trained(records)
        place, best = min(
            trained.items(), key=lambda one: (-(one[1].score or {})["top1"], (one[1].score or {})["loss"], one[1].macs)
        )
        weights = load_weights(self.weights_of(best))
        score = inference_score(self.task, best, weights)
        report["finalists"] = [
            {"place": place, **{key: getattr(record, key) for key in ("choices", "score", "macs", "params", "error")}}
            for place, record in records.items()
        ]
        lines = (*lines, f"best of {len(trained)} trained finalists: the one of place {place}, {_shown(best)}")
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

    def _ended(self, record: Record, outcome: Outcome) -> Record:
        if outcome.error is not None:
            record = replace(record, error=outcome.error)
        else:
            score = outcome.figures
            record = replace(record, status="trained", score=score, fitness=score["top1"])
            self.task.run.write(f"finalists/{self.weights_of(record).name}", outcome.weights)
        for file, reason in outcome.unreadable.items():
            self.task.faults.add(file, reason)
        self.file.append(record.as_dict())
        return record


def distinct(space: Space, networks: Mapping[int, Mapping[str, str]], count: int) -> dict[int, dict[str, str]]:
    """The first `count` networks, by place, that differ; different choices may make the same one."""
    found: dict[str, int] = {}
    for place, choices in networks.items():
        if len(found) == count:
            break
        found.setdefault(Candidate(space, dict(choices)).fingerprint, place)
    return {place: dict(networks[place]) for place in found.values()}


def _trained(records: Mapping[int, Record]) -> dict[int, Record]:
    return {place: record for place, record in records.items() if record.score is not None}


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

"""One-shot search: a supernet trained by single paths scores networks, and the best are trained apart (Guo et al.
2020)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from vnasdsl.derive import UNITS
from vnasdsl.elaborate import Space
from vnasdsl.language.diagnostics import UserError
from vnasdsl.relax.trellis import trellis
from vnasdsl.searching.evolve.bounds import Bounds
from vnasdsl.searching.evolve.history import Record
from vnasdsl.searching.finalists import Finalists, distinct
from vnasdsl.searching.one_shot.ranking import Ranking, record_line, scoring
from vnasdsl.searching.one_shot.training import PathTraining, Sampler
from vnasdsl.searching.probable import Wanted
from vnasdsl.searching.session import Session
from vnasdsl.searching.task import SearchResult, SearchTask
from vnasdsl.show.charts import charts_png, pareto_chart, training_charts
from vnasdsl.train import ranks
from vnasdsl.train.loop import run_epochs
from vnasdsl.train.progress import megas, percent
from vnasdsl.train.recipes import OneShotRecipe
from vnasdsl.train.weights import load_exactly

_REPORTED = 20
"""Networks of the ranking in report.json; scores.jsonl has all."""
Task = SearchTask[OneShotRecipe]


class OneShotStrategy:
    """The supernet is that of the gradient; its alphas and betas take no part."""

    name = "one_shot"

    def check(self, space: Space, recipe: OneShotRecipe) -> None:
        trellis(space)
        bounds = _bounds(space, recipe)
        if bounds.quantities - {"macs", "params"}:
            raise UserError(
                "the strategy `one_shot` measures no latency: too many networks are drawn",
                "limit `macs` or `params`, or search with --set strategy=evolution",
            )
        bounds.require_reachable()

    def search(self, task: Task) -> SearchResult:
        recipe = task.recipe
        ranking = _ranking(task)
        with Session(task) as session:
            sampler = Sampler(task.space, recipe.sampling, recipe.seed, ranking.excess)
            training = PathTraining(session.model, recipe, session.train, sampler, task.device)
            run_epochs(training, recipe.epochs, task.run, task.reporter, task.resume)
            ranks.leave()
            with scoring(session) as scorer:
                ranking.fill(scorer)
            del scorer  # with the clips in it
            ranked = ranking.ranked()
            return _result(session, ranked, range(1, len(ranked) + 1), train=True)

    def derive(self, task: Task, checkpoint: str, wanted: Wanted | None = None) -> SearchResult:
        """checkpoint: "last", "best" or a place of the ranking; wanted: the best within a budget."""
        ranked = _ranking(task).ranked()
        if not ranked:
            raise UserError(f"`{task.run.path}` has no scored network yet", "continue the search with --resume")
        among = range(1, len(ranked) + 1)
        if checkpoint not in ("last", "best"):
            if not (checkpoint.isdigit() and int(checkpoint) in among):
                raise UserError(
                    f"the ranking of `{task.run.path}` has no place `{checkpoint}`",
                    f"give `best`, or a place from 1 to {len(ranked)}",
                )
            if wanted is not None:
                raise UserError(f"the network of place {checkpoint} is one, not the best within a budget or of several")
            among = range(int(checkpoint), int(checkpoint) + 1)
        with Session(task) as session:
            load_exactly(session.model, task.run.checkpoints.load("last").weights, "the checkpoint")
            return _result(session, ranked, among if wanted is None else _within(ranked, wanted), wanted)

    def pictures(self, task: Task) -> Iterator[tuple[str, bytes]]:
        yield "curves.png", charts_png(training_charts("", task.run.metrics.read(), 0))
        ranking = _ranking(task)
        chosen = json.loads((task.run / "choices.json").read_text(encoding="utf-8"))["choices"]
        records = [record.__dict__ for record in ranking.records]
        winner = next(record.id for record in ranking.records if record.choices == chosen)
        title = "Accuracy in the supernet against cost"
        if (chart := pareto_chart("", title, records, winner, "scored")) is not None:
            yield "pareto.png", charts_png([chart])


def _bounds(space: Space, recipe: OneShotRecipe) -> Bounds:
    def measure(network: Space, device: str) -> dict[str, Any]:
        raise AssertionError("`check` lets no latency through")

    return Bounds(space, recipe, measure)


def _ranking(task: Task) -> Ranking:
    ranking = Ranking(task, _bounds(task.space, task.recipe))
    ranking.read()
    return ranking


def _within(ranked: Sequence[Record], wanted: Wanted) -> list[int]:
    """The places of the networks within a budget. Raises: UserError when none is scored, or for a curve."""
    if wanted.curve:
        raise UserError(
            "--curve is of the probabilities of a gradient search",
            "`pareto.png` in the run has the scores of a one-shot search against MACs",
        )
    limit = float("inf") if wanted.limit is None else wanted.limit
    found = [place for place, record in enumerate(ranked, 1) if getattr(record, wanted.measure) <= limit]
    if not found:
        least = min(getattr(record, wanted.measure) for record in ranked)
        raise UserError(
            f"no network that was scored has at most {limit:,.0f} {UNITS[wanted.measure]}: the cheapest has {least:,}",
            f"search with --set limits.{wanted.measure}=..., or raise the limit",
        )
    return found


def _result(
    session: Session, ranked: Sequence[Record], among: Sequence[int], wanted: Wanted | None = None, train: bool = False
) -> SearchResult:
    """The best of some places of the ranking: the best finalist that is trained, as its accuracy is its own; without
    one the first, with the supernet's weights.

    among: the places, from 1; wanted: shows so many of them; train: the finalists that are not trained yet.
    """
    task, chosen = session.task, ranked[among[0] - 1]
    finalists = Finalists(task)
    best = distinct(task.space, {place: ranked[place - 1].choices for place in among}, task.recipe.finalists)
    records = finalists.train(best) if train and best else finalists.known(best)
    trained = {place: record.score for place, record in records.items() if record.score is not None}
    shown = 0 if wanted is None else wanted.count
    report: dict[str, Any] = {
        "strategy": "one_shot",
        "scored": len(ranked),
        "ranking": [
            {"place": place, **record_line(ranked[place - 1]), "trained": trained.get(place)}
            for place in among[: max(_REPORTED, shown)]
        ],
    }
    lines = [f"best of {len(ranked):,} networks scored in the supernet: {_shown(ranked[0])}"]
    if among[0] != 1:
        lines.append(f"the first of those asked for: place {among[0]}, {_shown(chosen)}")
    for place in among[:shown]:
        own = f", {percent(trained[place]['top1'])} trained" if place in trained else ", not trained"
        lines.append(f"{place}. {_shown(ranked[place - 1])}, {ranked[place - 1].params:,} parameters{own}")
    if trained:
        return finalists.result(records, report, lines)
    report["validate"] = chosen.score
    score, weights = session.extract(chosen.choices)
    return SearchResult(chosen.choices, weights, score, report, tuple(lines))


def _shown(record: Record) -> str:
    accuracy = "none (NaN)" if record.score is None else percent(record.score["top1"])
    return f"{accuracy} on the validate part, {megas(record.macs or 0)}"


strategy = OneShotStrategy()

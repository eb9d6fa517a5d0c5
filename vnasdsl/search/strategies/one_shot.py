"""One-shot search: a supernet trained by single paths scores networks, and the best are trained apart (Guo et al.
2020)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from vnasdsl.derive import UNITS
from vnasdsl.elaborate import Space
from vnasdsl.language.diagnostics import UserError
from vnasdsl.relax.trellis import trellis
from vnasdsl.search.evolve.bounds import Bounds
from vnasdsl.search.evolve.history import Record
from vnasdsl.search.finalists import Finalists, distinct
from vnasdsl.search.one_shot.ranking import Ranking, record_line
from vnasdsl.search.one_shot.sampling import Sampler
from vnasdsl.search.one_shot.scoring import scoring
from vnasdsl.search.one_shot.training import PathTraining
from vnasdsl.search.probable import Wanted
from vnasdsl.search.session import Session
from vnasdsl.search.task import SearchResult, SearchTask
from vnasdsl.show.curves import training_png
from vnasdsl.show.evolution import pareto_png
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
            return _result(session, ranking.ranked(), train=True)

    def derive(self, task: Task, checkpoint: str, wanted: Wanted | None = None) -> SearchResult:
        """checkpoint: "last", "best" or a place of the ranking; wanted: the best within a budget."""
        ranked = _ranking(task).ranked()
        if not ranked:
            raise UserError(f"`{task.run.path}` has no scored network yet", "continue the search with --resume")
        if wanted is not None:
            ranked = _within(ranked, wanted)
        place = 0
        if checkpoint not in ("last", "best"):
            if not (checkpoint.isdigit() and 1 <= int(checkpoint) <= len(ranked)):
                raise UserError(
                    f"the ranking of `{task.run.path}` has no place `{checkpoint}`",
                    f"give `best`, or a place from 1 to {len(ranked)}",
                )
            place = int(checkpoint)
        with Session(task) as session:
            load_exactly(session.model, task.run.checkpoints.load("last").weights, "the checkpoint")
            return _result(session, ranked, place, shown=0 if wanted is None else wanted.count)

    def pictures(self, task: Task) -> Iterator[tuple[str, bytes]]:
        yield "curves.png", training_png({"paths of the supernet": task.run.metrics.read()})
        ranking = _ranking(task)
        chosen = json.loads((task.run / "choices.json").read_text(encoding="utf-8"))["choices"]
        records = [record.__dict__ for record in ranking.records]
        winner = next(record.id for record in ranking.records if record.choices == chosen)
        yield "pareto.png", pareto_png(records, winner, "scored", "in the supernet")


def _bounds(space: Space, recipe: OneShotRecipe) -> Bounds:
    def measure(network: Space, device: str) -> dict[str, Any]:
        raise AssertionError("`check` lets no latency through")

    return Bounds(space, recipe, measure)


def _ranking(task: Task) -> Ranking:
    ranking = Ranking(task, _bounds(task.space, task.recipe))
    ranking.read()
    return ranking


def _within(ranked: list[Record], wanted: Wanted) -> list[Record]:
    """The networks within a budget. Raises: UserError when none is scored, or for a curve."""
    if wanted.curve:
        raise UserError(
            "--curve is of the probabilities of a gradient search",
            "`pareto.png` in the run has the scores of a one-shot search against MACs",
        )
    limit = float("inf") if wanted.limit is None else wanted.limit
    found = [record for record in ranked if getattr(record, wanted.measure) <= limit]
    if not found:
        least = min(getattr(record, wanted.measure) for record in ranked)
        raise UserError(
            f"no network that was scored has at most {limit:,.0f} {UNITS[wanted.measure]}: the cheapest has {least:,}",
            f"search with --set limits.{wanted.measure}=..., or raise the limit",
        )
    return found


def _result(
    session: Session, ranked: list[Record], place: int = 0, shown: int = 0, train: bool = False
) -> SearchResult:
    """The best finalist; without finalists the first of the ranking, with the supernet's weights.

    place: that of the ranking instead; shown: networks in the lines; train: the finalists that are not trained yet.
    """
    task = session.task
    report: dict[str, Any] = {
        "strategy": "one_shot",
        "scored": len(ranked),
        "ranking": [{"place": i, **record_line(record)} for i, record in enumerate(ranked[: max(_REPORTED, shown)], 1)],
    }
    lines = [f"best of {len(ranked):,} networks scored in the supernet: {_shown(ranked[0])}"]
    lines += [f"{i}. {_shown(record)}, {record.params:,} parameters" for i, record in enumerate(ranked[:shown], 1)]
    chosen = ranked[max(0, place - 1)]
    if place:
        lines.append(f"place {place} of the ranking: {_shown(chosen)}")
    finalists = Finalists(task)
    best = distinct(task.space, (record.choices for record in ranked), 0 if place else task.recipe.finalists)
    trained = finalists.train(best) if train and best else finalists.trained(best)
    if trained:
        return finalists.result(trained, report, lines)
    report["validate"] = chosen.score
    score, weights = session.extract(chosen.choices)
    return SearchResult(chosen.choices, weights, score.as_dict(), report, tuple(lines))


def _shown(record: Record) -> str:
    assert record.score is not None
    return f"{percent(record.score['top1'])} on the validate part, {megas(record.macs or 0)}"


strategy = OneShotStrategy()

"""How good are the networks that each strategy finds, judged by a table in which every network was trained?

python benchmarks/quality.py --runs runs/quality

On spaces/mini.vns with the data set `periods` and the table benchmarks/truth/mini.jsonl, every variant is searched with
several seeds. What it finds is looked up in the table: its rank, its regret (points behind the best), and the same for
the best it finds within three budgets of MACs. A run that is finished is not repeated, so the command resumes.

The cost of a search is its CPU time divided by that of training one network of the table, measured in the same process.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch
from exhaustive import Job, train_one
from truth import Network, Table

from vnasdsl.api.requests import checked_recipe, evaluate_recipe, find_recipe
from vnasdsl.data import open_data
from vnasdsl.derive import top_networks
from vnasdsl.elaborate import Overrides, load
from vnasdsl.searching.finalists import Finalists, distinct
from vnasdsl.searching.pool import make_pool
from vnasdsl.searching.run import Request, reopen, search_space
from vnasdsl.searching.task import SearchTask
from vnasdsl.train.progress import Reporter
from vnasdsl.train.recipes import Recipe
from vnasdsl.train.retrain import Start, retrain

ROOT = Path(__file__).resolve().parent.parent
SPACE = ROOT / "spaces" / "mini.vns"

# Settings on top of the recipe of the file. The first is the recipe itself: the default.
_ALONE = {"finalists": "0"}
_GRADIENT = {
    "strategy": "gradient",
    "epochs": "80",
    "warmup": "60",
    "score_from": "80",
    "samples": "4",
    "choices": "adam(lr=0.05, betas=(0.5, 0.999), decay=1e-3)",
    "cost": "none",
    "paths": "mass",
}
_SHORTER = {"epochs": "40", "warmup": "30", "score_from": "40"}
VARIANTS: dict[str, dict[str, str]] = {
    "default": {},
    "one_shot, widths apart": {"widths": "apart", **_ALONE},
    "one_shot, fair": {"sampling": "fair", "epochs": "20", **_ALONE},
    "gradient, shared": {**_GRADIENT, "mode": "shared"},
    "gradient, paths": {**_GRADIENT, "mode": "paths"},
    "gradient, operations": {**_GRADIENT, **_SHORTER, "mode": "operations"},
    "gradient, full": {**_GRADIENT, **_SHORTER, "mode": "full"},
    "gradient, shared, of the mixture": {**_GRADIENT, "mode": "shared", "samples": "0"},
}

# What may close the gap between the mixture and the network decoded from it, in a search of half the length.
_BASE = {**_GRADIENT, **_SHORTER, "mode": "shared", "samples": "0"}
_FULL = {**_BASE, "mode": "full"}
DECIDING: dict[str, dict[str, str]] = {
    "shared": _BASE,
    "shared, warm-up of 10 epochs": {**_BASE, "warmup": "10"},
    "shared, warm-up of 20 epochs": {**_BASE, "warmup": "20"},
    "shared, anneal": {**_BASE, "anneal": "(5, 0.1)"},
    "shared, anneal, 80 epochs": {**_GRADIENT, "mode": "shared", "samples": "0", "anneal": "(5, 0.1)"},
    "shared, entropy": {**_BASE, "entropy": "0.5"},
    "shared, skip_dropout": {**_BASE, "skip_dropout": "0.5"},
    "shared, skips": {**_BASE, "skips": "0"},
    "shared, samples": {**_BASE, "samples": "4"},
    "shared, finalists": {**_BASE, "finalists": "5"},
    "full": _FULL,
    "full, anneal": {**_FULL, "anneal": "(5, 0.1)"},
    "full, gumbel": {**_FULL, "gumbel": "true"},
    "full, gumbel and anneal": {**_FULL, "gumbel": "true", "anneal": "(5, 0.1)"},
}

# The rows of Table 6 (Zhou et al. 2021): which choices are searched, and what the others are fixed to.
_OPERATIONS = {"op": ("basic(1)", "basic(2)", "basic(4)")}
_NUMBER = {"op": ("basic(1)", "skip")}
_WIDE = {"s2.head.channels": ("12",), "s3.head.channels": ("24",)}
TABLE_6: dict[str, dict[str, tuple[str, ...]]] = {
    "channels": {"op": ("basic(1)",)},
    "operations": {**_OPERATIONS, **_WIDE},
    "number": {**_NUMBER, **_WIDE},
    "channels, operations": _OPERATIONS,
    "channels, number": _NUMBER,
    "operations, number": _WIDE,
    "all": {},
}


@dataclass(frozen=True)
class Search:
    """One search."""

    variant: str
    settings: dict[str, str]
    fixes: dict[str, tuple[str, ...]]
    seed: int
    out: str
    space: str
    data: str
    budgets: tuple[int, ...]
    finalists_within: bool
    judged: bool
    """Whether its cost and its opinion are wanted too."""
    reference: str
    """Source of the network whose training is the unit of cost."""


def run(job: Search) -> dict[str, Any]:
    """Search, and say what was found, what the search thought of every network, and what it cost."""
    torch.set_num_threads(1)
    data = open_data(job.data)
    program = load(job.space, Overrides(classes=len(data.classes)))
    space = program.get()
    after = checked_recipe("retrain", find_recipe(program, "retrain", space), {}, job.seed, 0)
    recipes: dict[str, Recipe] = {
        "search": checked_recipe("search", find_recipe(program, "search", space), job.settings, job.seed, 0),
        "retrain": after,
        "evaluate": evaluate_recipe(None, after, {}),
    }
    out, quiet, device = Path(job.out), Reporter(quiet=True), torch.device("cpu")
    # The unit of cost; it also decodes the videos.
    unit = train_one(Job(job.reference, job.data, after.model_dump()))["seconds"] if job.judged else None
    began = time.process_time()
    found = search_space(
        Request(space, job.fixes, recipes, data), out, device, quiet, resume=(out / "run.json").exists()
    )
    seconds = time.process_time() - began
    assert found is not None and found.weights is not None
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    fixed = {
        choice.name: options[0]
        for selector, options in job.fixes.items()
        if len(options) == 1
        for choice in space.select(selector)
    }
    result = {"variant": job.variant, "seed": job.seed, "choices": fixed | report["choices"]}
    if unit is None:
        return result
    opinion = list(_opinion(out))
    within = {str(budget): _within(out, opinion, budget, job.finalists_within) for budget in job.budgets}
    with_budgets = time.process_time() - began
    start = Start.read(found.weights)
    inherited = retrain(found.network, recipes, data, out / "retrained", device, quiet, start, resume=True)
    return {
        **result,
        "greedy": report.get("greedy", {}).get("choices"),
        "within": within,
        "opinion": opinion,
        "score": report["inference"]["top1"],
        "retrained": inherited.evaluation.top1,
        "trainings": seconds / unit,
        "trainings_with_budgets": with_budgets / unit,
    }


def _opinion(run: Path) -> Iterator[tuple[dict[str, str], float, int]]:
    """Choices of every network the search has an opinion of, the opinion (more is better), MACs; the best first."""
    scores = run / "scores.jsonl"
    if scores.exists():
        lines = [json.loads(line) for line in scores.read_text(encoding="utf-8").splitlines()]
        rows = [(line["choices"], line["fitness"], line["macs"]) for line in lines if line["fitness"] is not None]
        yield from sorted(rows, key=lambda row: -row[1])
        return
    learned = json.loads((run / "choices.json").read_text(encoding="utf-8"))
    if "path_weights" in learned:
        space = reopen(run)[1]
        assert space.size is not None
        probable = top_networks(space, learned["path_weights"], learned["mixture_weights"], space.size)
        yield from ((network.choices, network.log_probability, network.macs) for network in probable)


def _within(
    path: Path, opinion: Sequence[tuple[dict[str, str], float, int]], budget: int, train: bool
) -> dict[str, str] | None:
    """The best within a budget: of its finalists, which are trained if wanted, else by opinion."""
    allowed = [choices for choices, _, macs in opinion if macs <= budget]
    run, space, recipe, data = reopen(path)
    count = getattr(recipe, "finalists", 0)
    if not allowed or count < 2 or not train:
        return allowed[0] if allowed else None
    task = SearchTask.of(space, recipe, data, run, torch.device("cpu"), Reporter(quiet=True), resume=True)
    finalists = Finalists(task)
    best = distinct(space, dict(enumerate(allowed, 1)), count)
    return finalists.result(finalists.train(best), {}, ()).choices


# ---------------------------------------------------------------- judgement


@dataclass(frozen=True)
class Row:
    """A variant, judged over its seeds."""

    name: str
    ranks: list[int]
    regrets: list[float]
    first: list[int]
    """Ranks of the networks that are first in the opinion of each search."""
    within: dict[int, list[tuple[int, float]]]
    """By budget: rank among the networks within it, and regret."""
    cost: float
    cost_with_budgets: float
    correlations: list[float]
    greedy: list[float]
    """Regret of the greedy network less that of the decoded one."""
    inherited: list[float]
    """Points by which retraining from the search's weights is better than training anew (the table)."""
    not_retrained: list[float]


def judge(name: str, results: Sequence[Mapping[str, Any]], table: Table, budgets: Mapping[int, Table]) -> Row:
    found = [table.of(result["choices"]) for result in results]
    within: dict[int, list[tuple[int, float]]] = {}
    for budget, part in budgets.items():
        inside = [part.of(choices) for result in results if (choices := result["within"].get(str(budget)))]
        within[budget] = [(part.rank(network), part.regret(network)) for network in inside]
    correlations = [
        spearman([score for _, score, _ in result["opinion"]], [table.of(c).mean for c, _, _ in result["opinion"]])
        for result in results
        if result["opinion"]
    ]
    greedy = [
        table.regret(table.of(result["greedy"])) - table.regret(network)
        for result, network in zip(results, found, strict=True)
        if result["greedy"]
    ]
    return Row(
        name,
        [table.rank(network) for network in found],
        [table.regret(network) for network in found],
        [table.rank(table.of(result["opinion"][0][0])) for result in results if result["opinion"]],
        within,
        statistics.fmean(result["trainings"] for result in results),
        statistics.fmean(result["trainings_with_budgets"] for result in results),
        correlations,
        greedy,
        [100 * (result["retrained"] - network.mean) for result, network in zip(results, found, strict=True)],
        [100 * result["score"] for result in results],
    )


def random_search(table: Table, trainings: int, budgets: Mapping[int, Table]) -> tuple[list[int], dict[int, list[int]]]:
    """Ranks of the best of so many networks, drawn and judged by one training each; 1000 times."""

    def best(part: Table, seed: int) -> int:
        random = Random(seed)
        drawn = random.sample(part.networks, min(trainings, len(part.networks)))
        return part.rank(max(drawn, key=lambda network: random.choice(network.scores)))

    return (
        [best(table, seed) for seed in range(1000)],
        {budget: [best(part, seed) for seed in range(1000)] for budget, part in budgets.items()},
    )


def spearman(first: Sequence[float], second: Sequence[float]) -> float:
    """Rank correlation; equal values share their mean rank."""
    return statistics.correlation(_ranks(first), _ranks(second))


def _ranks(values: Sequence[float]) -> list[float]:
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    begin = 0
    while begin < len(order):
        end = begin
        while end < len(order) and values[order[end]] == values[order[begin]]:
            end += 1
        for place in order[begin:end]:
            ranks[place] = (begin + end - 1) / 2
        begin = end
    return ranks


# ---------------------------------------------------------------- the report


Results = Mapping[str, Sequence[Mapping[str, Any]]]


def report_table_6(results: Results, table: Table) -> Iterator[str]:
    """Markdown."""
    yield "| searched | accuracy: mean (least to most) | MACs: mean | rank: median |"
    yield "|---|---|---|---|"
    for name, found in results.items():
        networks = [table.of(result["choices"]) for result in found]
        scores = [100 * network.mean for network in networks]
        macs = statistics.fmean(network.macs for network in networks) / 1e6
        rank = statistics.median(table.rank(network) for network in networks)
        spread = f"{statistics.fmean(scores):.1f} ({min(scores):.1f} to {max(scores):.1f})"
        yield f"| {name} | {spread} | {macs:.2f}M | {rank:g} |"


def report(results: Results, table: Table, budgets: Mapping[int, Table]) -> Iterator[str]:
    """Markdown."""
    rows = [judge(name, found, table, budgets) for name, found in results.items()]
    size, names = len(table.networks), " | ".join(f"within {budget / 1e6:.2f}M" for budget in budgets)
    yield f"{size} networks; best {100 * table.best.mean:.1f} %, median {_median_score(table):.1f} %."
    yield ""
    yield f"| search | cost in trainings (share) | rank of {size}: median (worst) | regret | {names} |"
    yield "|---|---|---|---|" + "---|" * len(budgets)
    for row in rows:
        each = (
            f"{statistics.median(r for r, _ in found):g} of {len(part.networks)},"
            f" {statistics.median(g for _, g in found):.1f}"
            if (found := row.within[budget])
            else "-"
            for budget, part in budgets.items()
        )
        yield (
            f"| {row.name} | {row.cost:.1f} ({100 * row.cost / size:.1f} %)"
            f" | {statistics.median(row.ranks):g} ({max(row.ranks)}) | {statistics.median(row.regrets):.1f} | "
            + " | ".join(each)
            + " |"
        )
        trainings = max(1, round(row.cost))
        ranks, within = random_search(table, trainings, budgets)
        cells = " | ".join(f"{statistics.median(within[b]):g} of {len(part.networks)}" for b, part in budgets.items())
        yield (
            f"| random search, {trainings} trainings | {trainings} ({100 * trainings / size:.1f} %)"
            f" | {statistics.median(ranks):g} ({max(ranks)}) | | {cells} |"
        )
    yield ""
    columns = (
        "rank correlation with the truth",
        "rank of its first network",
        "not retrained",
        "inherited less fresh weights",
        "greedy less Viterbi",
    )
    yield f"| search | {' | '.join(columns)} |"
    yield "|---|---|---|---|---|---|"
    for row in rows:
        greedy = f"{statistics.fmean(row.greedy):+.1f}" if row.greedy else "-"
        known = f"{statistics.fmean(row.correlations):.2f}" if row.correlations else "-"
        first = f"{statistics.median(row.first):g} ({max(row.first)})" if row.first else "-"
        yield (
            f"| {row.name} | {known} | {first} | {statistics.fmean(row.not_retrained):.1f} %"
            f" | {statistics.fmean(row.inherited):+.1f} | {greedy} |"
        )


def _median_score(table: Table) -> float:
    return 100 * statistics.median(network.mean for network in table.networks)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", type=Path, default=SPACE)
    parser.add_argument("--data", default="periods")
    parser.add_argument("--table", type=Path, default=ROOT / "benchmarks" / "truth" / "mini.jsonl")
    parser.add_argument("--runs", type=Path, required=True, help="where the run folders go")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", action="append", metavar="VARIANT", help=f"one of {', '.join(VARIANTS)}; repeatable")
    parser.add_argument("--deciding", action="store_true", help="the keys that make a gradient search decide, in turn")
    parser.add_argument("--table-6", action="store_true", help="what is searched against accuracy and MACs")
    parser.add_argument("--no-finalists-within", action="store_true", help="take the first network within each budget")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE", help="a variant")
    given = parser.parse_args()

    known = DECIDING if given.deciding else VARIANTS
    variants = {name: known[name] for name in given.only} if given.only else dict(known)
    if given.settings:
        variants = {" ".join(given.settings): dict(setting.split("=", 1) for setting in given.settings)}
    fixes: dict[str, dict[str, tuple[str, ...]]] = {}
    if given.table_6:
        settings = next(iter(variants.values())) if given.only or given.settings else {}
        variants, fixes = dict.fromkeys(TABLE_6, settings), TABLE_6
    space = load(given.space, Overrides(classes=len(open_data(given.data).classes))).get()
    table = Table.read(given.table, space)
    budgets = {budget: table.within(budget) for budget in table.budgets()}
    typical = sorted(table.networks, key=_seconds)[len(table.networks) // 2]
    reference = space.network(typical.choices, name=space.name).text()

    results: dict[str, dict[int, dict[str, Any]]] = {name: {} for name in variants}
    with make_pool(given.workers) as pool:
        for seed in range(given.seeds):
            for name, settings in variants.items():
                out = given.runs / f"{re.sub('[^a-z0-9_.]+', '-', name)}-{seed}"
                kept = out / "quality.json"
                if kept.exists():
                    results[name][seed] = json.loads(kept.read_text(encoding="utf-8"))
                    continue
                job = Search(
                    variant=name,
                    settings=settings,
                    fixes=fixes.get(name, {}),
                    seed=seed,
                    out=str(out),
                    space=str(given.space),
                    data=given.data,
                    budgets=() if given.table_6 else tuple(budgets),
                    finalists_within=not given.no_finalists_within,
                    judged=not given.table_6,
                    reference=reference,
                )
                pool.submit((name, seed, kept), run, job)
        while pool.pending:
            ended = pool.next()
            if ended.error is not None:
                raise SystemExit(f"{ended.key}: {ended.error}")
            name, seed, kept = ended.key  # type: ignore[misc]
            kept.write_text(json.dumps(ended.value), encoding="utf-8")
            results[name][seed] = ended.value
            print(f"{name}, seed {seed}: rank {table.rank(table.of(ended.value['choices']))}", file=sys.stderr)
    ended_runs = {name: [found[seed] for seed in sorted(found)] for name, found in results.items()}
    print("\n".join(report_table_6(ended_runs, table) if given.table_6 else report(ended_runs, table, budgets)))


def _seconds(network: Network) -> float:
    return network.seconds or 0.0


if __name__ == "__main__":  # workers import this file anew
    main()

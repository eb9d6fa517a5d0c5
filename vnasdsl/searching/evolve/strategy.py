"""What evolution and random search share as strategies: everything but the next network to try."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from statistics import fmean
from typing import Any

from torch import Tensor

from vnasdsl.codegen import compile_network
from vnasdsl.elaborate import Space
from vnasdsl.language.diagnostics import UserError
from vnasdsl.searching.bench import STABLE, network_latency
from vnasdsl.searching.evolve.bounds import Bounds
from vnasdsl.searching.evolve.engine import TrialSearch
from vnasdsl.searching.evolve.history import Record
from vnasdsl.searching.evolve.propose import Proposer
from vnasdsl.searching.evolve.trial import network_of
from vnasdsl.searching.task import SearchResult, SearchTask
from vnasdsl.show.charts import charts_png, family_picture, pareto_chart
from vnasdsl.show.draw import render
from vnasdsl.train.clips import clip_shape, evaluation_views
from vnasdsl.train.devices import pick_device, torch_threads
from vnasdsl.train.evaluation import Evaluation, Scores, score_views, summarise
from vnasdsl.train.generated import build
from vnasdsl.train.model_file import Metrics, write_model
from vnasdsl.train.progress import Reporter, percent
from vnasdsl.train.recipes import TrialRecipe
from vnasdsl.train.weights import load_exactly, load_weights, save_weights

Task = SearchTask[Any]


class TrialStrategy(ABC):
    """A strategy whose networks are trained one by one."""

    name: str

    @abstractmethod
    def proposer(self, space: Space, recipe: Any) -> Proposer:
        """What decides on the next network."""

    def check(self, space: Space, recipe: TrialRecipe) -> None:
        bounds = Bounds(space, recipe, Stopwatch(recipe.threads))
        if "latency_gpu" in bounds.quantities:
            try:
                pick_device("cuda")
            except UserError:
                raise UserError(
                    "`latency_gpu` cannot be measured: this machine has no GPU",
                    "limit `latency_cpu`, or search on a machine with one",
                ) from None
        bounds.require_reachable()

    def search(self, task: Task) -> SearchResult:
        search = self._search(task)
        search.run()
        return self._result(task, search, search.best()[0])

    def derive(self, task: Task, checkpoint: str) -> SearchResult:
        search = self._search(task)
        search.read()
        trained = {str(record.id): record for record in search.history.of("trained") if record.twin is None}
        if not trained:
            raise UserError(f"`{task.run.path}` has no trained network yet", "continue the search with --resume")
        if checkpoint not in ("last", "best", *trained):
            raise UserError(
                f"`{task.run.path}` has no trained network `{checkpoint}`",
                "give `best`, or the number of a trained one in its trials.jsonl",
            )
        return self._result(task, search, trained.get(checkpoint, search.best()[0]))

    def pictures(self, task: Task) -> Iterator[tuple[str, bytes]]:
        search = self._search(task)
        search.read()
        records = [record.__dict__ for record in search.history.records]
        winner = search.best()[0].id
        title = "Accuracy of short trainings against cost"
        if (chart := pareto_chart("", title, records, winner, "trained")) is not None:
            yield "pareto.png", charts_png([chart])
        yield "family.png", render(family_picture(records, winner), ".png")

    def _search(self, task: Task) -> TrialSearch:
        return TrialSearch(task, self.proposer(task.space, task.recipe), Stopwatch(task.recipe.threads, task.reporter))

    def _result(self, task: Task, search: TrialSearch, record: Record) -> SearchResult:
        last = search.standings.last(record)
        weights = search.weights(last.id, f"the network of trial #{record.id} is written without weights")
        score = inference_score(task, record, weights) if weights else None
        report = _report(search, record)
        lines = list(_lines(report, record))
        if task.recipe.ensemble and task.parts.inference:
            chosen = search.best(task.recipe.ensemble)
            ensemble = _write_ensemble(
                task, [(record, search.weights_of(search.standings.last(record).id)) for record in chosen]
            )
            report["ensemble"] = ensemble
            members = ", ".join(f"#{record.id}" for record in chosen)
            lines.append(f"ensemble of {len(chosen)} ({members}): {percent(ensemble['inference']['top1'])} top-1")
        return SearchResult(record.choices, weights, score, report, tuple(lines), "its own short training")


class Stopwatch:
    """Measures networks on this machine, and warns once when the times vary too much."""

    def __init__(self, threads: int, reporter: Reporter | None = None):
        self.threads = threads
        self.reporter = reporter
        self._warned = False

    def __call__(self, network: Space, device: str) -> Mapping[str, Any]:
        """device: "cpu" or "gpu". Returns: as `network_latency`."""
        latency = network_latency(network, "cuda" if device == "gpu" else device, threads=self.threads)
        if not latency["stable"] and self.reporter is not None and not self._warned:
            self._warned = True
            self.reporter.warn(
                f"the latency is not stable: its spread is {percent(latency['spread'])}, more than {percent(STABLE)};"
                " other programs may be using this machine; trials.jsonl marks every such measurement"
            )
        return latency


def _report(search: TrialSearch, best: Record) -> dict[str, Any]:
    records = search.history.records
    return {
        "strategy": search.task.recipe.strategy,
        "trial": best.id,
        "parents": list(best.parents),
        "mutations": list(best.mutations),
        "validate": search.standings.last(best).score,
        "fitness": search.standings.mean(best),
        "trainings": [training.score for training in search.standings.trainings[best.id]],
        "latency": best.latency,
        "drawn": len(records),
        "trained": len(search.standings.trainings),
        "again": len(search.history.of("trained")) - len(search.standings.trainings),
        "failed": len(search.history.of("failed")),
        "duplicates": len(search.history.of("duplicate")),
        "dropped": dict(Counter(record.limit for record in search.history.of("dropped"))),
    }


def _lines(report: dict[str, Any], best: Record) -> Iterator[str]:
    origin = f"child of {' and '.join(f'#{parent}' for parent in best.parents)}" if best.parents else "drawn at random"
    each = [training["top1"] for training in report["trainings"]]
    mean = f" (mean of its {len(each)} trainings)" if len(each) > 1 else ""
    yield (
        f"best of {report['trained']:,} trained networks: #{best.id}, {percent(fmean(each))} on the"
        f" validate part{mean}, {origin}"
    )
    for quantity, measured in best.latency.items():
        unstable = "" if measured["stable"] else ", not stable"
        yield f"{quantity}: {measured['ms']:.3g} ms a clip (spread {percent(measured['spread'])}{unstable})"
    dropped = ", ".join(f"{number:,} by `{limit}`" for limit, number in report["dropped"].items())
    yield (
        f"drawn {report['drawn'] - report['again']:,}: {report['trained']:,} trained, {report['failed']:,} failed,"
        f" {report['duplicates']:,} duplicates, {sum(report['dropped'].values()):,} dropped"
        + (f" ({dropped})" if dropped else "")
    )


def inference_scores(task: SearchTask[Any], record: Record, weights: Mapping[str, Tensor]) -> Scores:
    """The averaged scores of a trained network on the inference part, with clips as its own input says."""
    assert record.text is not None
    network = network_of(record.text, len(task.classes), task.space.definitions.catalogue.files)
    model = build(network)
    load_exactly(model, dict(weights), f"the file of trial {record.id}")
    shape = clip_shape(network.inputs.given, task.recipe)
    with (
        torch_threads(task.recipe.threads),  # as in its training, so that sums are equal to the last bit
        closing(evaluation_views(task.parts.inference, shape, task.recipe, task.faults, task.device)) as views,
    ):
        return score_views(model.to(task.device), views, task.device, task.recipe.precision)


def inference_score(task: SearchTask[Any], record: Record, weights: Mapping[str, Tensor]) -> Evaluation | None:
    """The accuracy of a trained network on the inference part; None without videos."""
    if not task.parts.inference:
        return None
    return summarise(inference_scores(task, record, weights), task.classes, task.parts.inference)


def _write_ensemble(task: SearchTask[Any], chosen: Sequence[tuple[Record, Path]]) -> dict[str, Any]:
    """Write source, code and weights of each into RUN/ensemble and evaluate them together: the mean of their softmax.

    chosen: networks with the files of their weights.

    Returns: for report.json, the members and their accuracy on the inference part, alone and together.
    """
    members, each = [], []
    for place, (record, path) in enumerate(chosen, 1):
        assert record.text is not None
        weights = load_weights(path)
        name = f"ensemble/{place}"
        text = task.run.write(f"{name}.vns", record.text)
        network = network_of(record.text, len(task.classes), task.space.definitions.catalogue.files)
        task.run.write(f"{name}.py", compile_network(network, text.name))
        file = task.run / f"{name}.safetensors"
        save_weights(file, weights, {"trial": str(record.id)})
        scores = inference_scores(task, record, weights)
        each.append(scores)
        alone = summarise(scores, task.classes)
        write_model(task.run, text, network, file, Metrics.of("inference", alone.as_dict()))
        members.append({"file": f"{name}.vns", "trial": record.id, "top1": alone.top1, "top5": alone.top5})
    return {"members": members, "inference": summarise(Scores.mean_of(each), task.classes).as_dict()}

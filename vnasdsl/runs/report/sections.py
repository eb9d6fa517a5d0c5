"""What a report shows of one run."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from markupsafe import Markup

from vnasdsl.language.diagnostics import UserError, VnsError
from vnasdsl.runs.folder import RunReader
from vnasdsl.runs.predictions import ClassFigures, Predictions
from vnasdsl.runs.report.heats import Heat, probability_heats
from vnasdsl.runs.report.pictures import film_strip, inline
from vnasdsl.runs.report.verdict import Finding, findings
from vnasdsl.show.charts import Chart, pareto_chart, training_charts
from vnasdsl.show.diff import FileDiff, compare
from vnasdsl.show.diff.text import as_text
from vnasdsl.show.draw.network import network_picture
from vnasdsl.show.draw.trellis import trellis_picture
from vnasdsl.show.evolution import family_picture
from vnasdsl.show.numbers import amount

_STRATEGIES = {
    "gradient": "gradient search",
    "one_shot": "one-shot search",
    "evolution": "search by evolution",
    "random": "random search",
    "training": "training of one network",
}


@dataclass(frozen=True)
class WorstVideo:
    path: str
    truth: str
    predicted: str
    share: float
    """The score of the right class."""
    strip: str
    """Frames, as the address of a picture; empty where the file cannot be read."""


@dataclass(frozen=True)
class View:
    """One run."""

    id: str
    run: RunReader
    title: str
    what: str
    tiles: list[tuple[str, str]]
    """(figure, what it is), the most important first."""
    findings: list[Finding]
    charts: list[Chart]
    choices: list[Heat]
    """The probabilities of every choice by epoch."""
    trellis: Markup | None = None
    network: Markup | None = None
    network_text: str = ""
    diff: str = ""
    """From the space to the network."""
    family: Markup | None = None
    classes: list[ClassFigures] = field(default_factory=list)
    confusion: Heat | None = None
    worst: list[WorstVideo] = field(default_factory=list)
    facts: list[tuple[str, str]] = field(default_factory=list)
    recipe: str = ""
    command: str = ""
    following: list[View] = field(default_factory=list)
    """The trainings in folders below."""


def view_of(run: RunReader, key: str, elsewhere: Collection[Path] = (), videos: int = 12) -> View:
    """key: what the ids of its parts begin with; elsewhere: resolved folders of runs that have sections of their own.

    Raises: UserError, VnsError.
    """
    below = [each for each in run.following() if each.path.resolve() not in elsewhere]
    following = [view_of(each, f"{key}-{number}", videos=videos) for number, each in enumerate(below, 1)]
    predictions = run.predictions
    warmup = int(run.recipe.get("warmup") or 0)
    charts = training_charts(key, run.metrics, warmup)
    winner = _winner(run)
    for title, records, what in (
        ("Trained networks: accuracy against cost", run.trials, "trained"),
        ("Networks in the supernet: accuracy against cost", run.scores, "scored"),
    ):
        pareto = pareto_chart(key, title, records, winner, what)
        charts += [pareto] if pareto else []
    return View(
        key,
        run,
        f"{run.path.resolve().parent.name}/{run.name}" if run.name == "retrained" else run.name,
        f"{_STRATEGIES.get(run.strategy, run.strategy)} of {run.facts.get('name', '')} on {run.facts.get('data', '')}",
        list(_tiles(run)),
        [*_after(below), *findings(run)],
        charts,
        probability_heats(key, run.metrics, run.choices.get("probabilities") or {}, run.choices.get("choices") or {}),
        trellis=_trellis(run, key),
        network=_network(run, key),
        network_text=run.text("network.vns"),
        diff=_diff(run),
        family=_family(run, winner, key),
        classes=list(predictions.table) if predictions else [],
        confusion=_confusion(key, predictions) if predictions else None,
        worst=list(_worst(predictions, videos)) if predictions else [],
        facts=list(_facts(run)),
        recipe=run.text("recipe.vns"),
        command=shlex.join(["vnasdsl", *map(str, run.facts.get("command") or [])]),
        following=following,
    )


def _after(trainings: Iterable[RunReader]) -> Iterator[Finding]:
    """What the network of a search came to when it was trained."""
    for run in trainings:
        if run.result:
            top1, videos = run.result["top1"], run.result["videos"]
            yield Finding("plain", f"Trained ({run.name}): {100 * top1:.1f} % top-1 on {videos} test videos.")


def _tiles(run: RunReader) -> Iterator[tuple[str, str]]:
    if run.best is not None:
        share, what = run.best
        yield f"{100 * share:.1f} %", f"top-1, {what}"
    if run.result:
        yield f"{100 * run.result['top5']:.1f} %", "top-5"
        if run.result.get("mean_class") is not None:
            yield f"{100 * run.result['mean_class']:.1f} %", "mean class accuracy"
    if run.network is not None:
        yield amount(run.network.macs[0]), "MACs per clip"
        yield f"{run.network.params[0]:,}", "parameters"
    if run.seconds:
        yield _duration(run.seconds), f"for {len(run.metrics)} epochs"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _winner(run: RunReader) -> int | None:
    """The number of the network that was chosen, among those with lines of their own."""
    if isinstance(run.report.get("trial"), int):
        return int(run.report["trial"])
    chosen = run.choices.get("choices")
    if run.scores:
        return next((record["id"] for record in run.scores if record["choices"] == chosen), None)
    trained = [trial for trial in run.trials if trial["status"] == "trained" and trial.get("score")]
    return max(trained, key=lambda trial: trial["score"]["top1"])["id"] if trained else None


def _trellis(run: RunReader, key: str) -> Markup | None:
    """Of a finished gradient search; of a space of cells there is none."""
    if run.kind == "search" and run.choices.get("path_weights"):
        with suppress(UserError, VnsError):
            return inline(trellis_picture(run.space, run.learnt), f"{key}-trellis")
    return None


def _network(run: RunReader, key: str) -> Markup | None:
    with suppress(UserError, VnsError):  # one too large to be drawn is still there as text
        return inline(network_picture(run.network), f"{key}-network") if run.network is not None else None
    return None


def _diff(run: RunReader) -> str:
    if run.kind != "search" or run.network is None:
        return ""
    with suppress(UserError, VnsError):
        return as_text(FileDiff("space.vns", "network.vns", compared=(compare(run.space, run.network),)))
    return ""


def _family(run: RunReader, winner: int | None, key: str) -> Markup | None:
    if not run.trials or winner is None:
        return None
    return inline(family_picture(run.trials, winner), f"{key}-family")


def _confusion(key: str, predictions: Predictions) -> Heat:
    sums = predictions.confusion.sum(axis=1, keepdims=True).clip(min=1)
    shares = (predictions.confusion / sums).round(4).tolist()
    return Heat(f"{key}-confusion", "Confusion matrix", predictions.classes, predictions.classes, shares)


def _worst(predictions: Predictions, number: int) -> Iterator[WorstVideo]:
    for place in predictions.worst(number):
        label, best = predictions.labels[place], predictions.predicted[place]
        if label != best:
            path = predictions.videos[place]
            names = predictions.classes[label], predictions.classes[best]
            yield WorstVideo(path, *names, float(predictions.scores[place, label]), film_strip(path))


def _facts(run: RunReader) -> Iterator[tuple[str, str]]:
    """Data and environment."""
    facts = run.facts
    yield "folder", str(run.path)
    yield "data", str(facts.get("data", ""))
    for part, found in (facts.get("videos") or {}).items():
        yield f"{part} videos", f"{found['videos']} ({found['digest'][:12]})"
    yield "classes", str(len(run.classes))
    yield "seed", str(facts.get("seed", ""))
    for name, options in run.fixes.items():
        yield f"fixed: {name}", ", ".join(options)
    yield "device", f"{facts.get('devices', 1)} x {facts.get('device', '')}"
    for name, version in (facts.get("versions") or {}).items():
        yield name, str(version)

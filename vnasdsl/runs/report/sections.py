"""What a report shows of one run."""

from __future__ import annotations

import io
import shlex
from base64 import b64encode
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

from markupsafe import Markup

from vnasdsl.language.diagnostics import UserError, VnsError
from vnasdsl.runs.folder import RunReader
from vnasdsl.runs.predictions import ClassFigures, Predictions
from vnasdsl.show.charts import Chart, family_picture, pareto_chart, training_charts
from vnasdsl.show.diff import FileDiff, compare
from vnasdsl.show.diff.text import as_text
from vnasdsl.show.draw.formats import svg
from vnasdsl.show.draw.network import network_picture
from vnasdsl.show.draw.picture import Picture
from vnasdsl.show.draw.trellis import trellis_picture
from vnasdsl.show.numbers import amount


@dataclass(frozen=True)
class Heat:
    """Shares from 0 to 1 as colours."""

    id: str
    title: str
    names: Sequence[str]
    """Of the rows."""
    columns: Sequence[str]
    values: Sequence[Sequence[float]]
    taken: int | None = None
    """The row that was chosen."""


def probability_heats(
    run: str, metrics: Sequence[Mapping[str, Any]], final: Mapping[str, Mapping[str, float]], taken: Mapping[str, str]
) -> list[Heat]:
    """The probabilities of every choice by epoch; of a run whose metrics have none, those at its end.

    final: in choices.json; taken: the option that was chosen.
    """
    recorded = [record for record in metrics if record.get("probabilities")]
    steps: list[Mapping[str, Mapping[str, float]]] = [record["probabilities"] for record in recorded]
    columns = [f"epoch {record['epoch']}" for record in recorded]
    if not steps and final:
        steps, columns = [final], ["end"]
    heats = []
    for number, (choice, options) in enumerate(steps[-1].items() if steps else ()):
        if len(options) > 1:
            names = list(options)
            values = [[step.get(choice, {}).get(option, 0.0) for step in steps] for option in names]
            chosen = names.index(taken[choice]) if taken.get(choice) in names else None
            heats.append(Heat(f"{run}-choice{number}", choice, names, columns, values, chosen))
    return heats


_FRAMES, _HEIGHT = 4, 96
"""Of the strip of frames of a video."""


def inline(picture: Picture, key: str) -> Markup:
    """A drawing that follows the page's colours. key: what its description is called, once in the page."""
    text = svg(picture).replace('"vns-description"', f'"{key}"')
    return Markup(text)  # `svg` has escaped every text


def film_strip(path: str) -> str:
    """A few frames of a video side by side, as the address of a JPEG; "" where it cannot be read."""
    from matplotlib.image import imsave  # these take a second, and only here

    from vnasdsl.data.cache import VideoStore
    from vnasdsl.data.index import UnreadableVideo

    def evenly(length: int) -> list[int]:
        return [round((2 * place + 1) * length / (2 * _FRAMES) - 0.5) for place in range(_FRAMES)]

    with suppress(UnreadableVideo, OSError):
        frames = VideoStore().read(path, evenly, _HEIGHT, 0)
        strip = frames.transpose(0, 1).flatten(1, 2).numpy()  # (H, frames x W, 3)
        buffer = io.BytesIO()
        imsave(buffer, strip, format="jpg", pil_kwargs={"quality": 80})
        return "data:image/jpeg;base64," + b64encode(buffer.getvalue()).decode("ascii")
    return ""


_DECIDED, _OPEN = 0.5, 0.9
"""Mean entropy of the choices up to which they count as decided, and from which as open."""
_COLLAPSED, _GAP = 0.9, 0.2
"""Share of skips from which a search has collapsed; accuracy by which the decoded network may be behind."""


@dataclass(frozen=True)
class Finding:
    tone: Literal["good", "warn", "plain"]
    text: str


def findings(run: RunReader) -> Iterator[Finding]:
    """The sentences of a run, the most important first."""
    yield _state(run)
    if run.kind == "search":
        yield from _choices(run)
    unreadable = run.report.get("unreadable") or {}
    if unreadable:
        yield Finding("warn", f"{len(unreadable)} videos were unreadable and skipped: `vnasdsl data check` names them.")


def _state(run: RunReader) -> Finding:
    done, planned, what = run.progress
    if run.state == "running":
        return Finding("plain", f"It is running: {done} of {planned} {what} are done. The figures are those so far.")
    if run.state == "stopped":
        return Finding("warn", f"It stopped after {done} of {planned} {what}; `--resume` continues it.")
    top1, videos = run.result.get("top1"), run.result.get("videos")
    if top1 is None:
        return Finding("plain", f"It finished: {done} {what}.")
    chance = 1 / len(run.classes)
    where = "videos of the inference part" if run.kind == "search" else "test videos"
    text = f"{100 * top1:.1f} % top-1 on {videos} {where}; guessing gives {100 * chance:.1f} %."
    return Finding("good" if top1 > 2 * chance else "warn", text)


def _choices(run: RunReader) -> Iterator[Finding]:
    last = run.metrics[-1] if run.metrics else {}
    entropy = last.get("entropy")
    if entropy:
        mean = fmean(entropy.values())
        text = f"Mean entropy of the choices at the end: {mean:.2f} (1 is open, 0 decided)."
        if mean >= _OPEN:
            yield Finding("warn", f"{text} They are hardly decided: search longer, or with a larger choices.lr.")
        else:
            yield Finding("good" if mean <= _DECIDED else "plain", text)
    skips = last.get("decoded_skip_share")
    if skips is not None:
        text = f"{100 * skips:.0f} % of the layers that can be skipped are skipped."
        collapsed = " The search has collapsed." if skips >= _COLLAPSED else ""
        yield Finding("warn" if collapsed else "plain", text + collapsed)
    mixture, decoded = last.get("validate_top1"), run.result.get("top1", last.get("score_top1"))
    if mixture is not None and decoded is not None:
        text = f"The mixture scores {100 * mixture:.1f} % (validate part), the decoded network {100 * decoded:.1f} %."
        behind = mixture - decoded > _GAP
        yield Finding("warn" if behind else "plain", text + (" The search judged other networks." if behind else ""))
    for kind in ("macs", "params"):
        target, cost = last.get(f"target_{kind}"), run.report.get(kind, last.get(f"decoded_{kind}"))
        if target and cost:
            within = cost <= target
            text = (
                f"{amount(round(cost))} {'MACs' if kind == 'macs' else 'parameters'}, target {amount(round(target))}."
            )
            advice = f" `vnasdsl derive RUN --max-{kind} {target:.0f}` finds the most probable one within."
            yield Finding("good" if within else "warn", text + ("" if within else advice))
    greedy = run.report.get("greedy")
    if isinstance(greedy, dict):
        same = "the same network as" if greedy.get("same") else "another network than"
        yield Finding("plain", f"Viterbi decodes {same} argmax in each stage.")


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

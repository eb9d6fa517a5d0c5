"""The charts of a report: series of numbers, which the page draws with uPlot, and heat maps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from vnasdsl.show.evolution import pareto_front

Style = Literal["line", "dashed", "points", "steps"]
Records = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Line:
    label: str
    values: Sequence[float | None]
    style: Style = "line"
    names: Sequence[str] = ()
    """Of the points, for who rests a pointer on them."""


@dataclass(frozen=True)
class Chart:
    """Lines over the same values of x, which rise."""

    id: str
    title: str
    x_label: str
    y_label: str
    x: Sequence[float]
    lines: Sequence[Line]
    note: str = ""
    unit: bool = False
    """Whether y goes from 0 to 1."""
    shade: float = 0.0
    """Up to where the ground is shaded: the warm-up."""

    def as_dict(self) -> dict[str, Any]:
        lines = [vars(line) for line in self.lines]
        return {key: value for key, value in vars(self).items() if key not in ("id", "note")} | {"lines": lines}


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


_LOSS = {"train_loss": "train", "validate_loss": "validate"}
_ACCURACY = {
    "train_top1": "train",
    "validate_top1": "validate",
    "score_top1": "decoded network, inference part",
    "test_top1": "test videos, 1 view",
}


def training_charts(run: str, metrics: Records, warmup: int) -> list[Chart]:
    """What metrics.jsonl holds, by epoch; charts without a number are left out."""
    charts = [
        epochs(f"{run}-loss", "Loss", "cross entropy", metrics, _LOSS, shade=warmup),
        epochs(f"{run}-accuracy", "Accuracy", "top-1 in %", metrics, _ACCURACY, 100.0, shade=warmup),
        _costs(run, metrics, warmup),
        _entropies(run, metrics, warmup),
        epochs(
            f"{run}-skips",
            "Skips",
            "share of skippable layers",
            metrics,
            {"skip_share": "probability", "decoded_skip_share": "decoded network"},
            unit=True,
            shade=warmup,
        ),
    ]
    return [chart for chart in charts if chart.lines]


def epochs(
    key: str,
    title: str,
    y_label: str,
    metrics: Records,
    keys: Mapping[str, str],
    factor: float = 1.0,
    unit: bool = False,
    shade: int = 0,
) -> Chart:
    """Some keys of the records, by epoch. keys: to what they are called."""
    lines = []
    for name, label in keys.items():
        values = [None if record.get(name) is None else record[name] * factor for record in metrics]
        if any(value is not None for value in values):
            dashed = name.startswith(("target", "expected"))
            lines.append(Line(label, values, "dashed" if dashed else "line"))
    return Chart(key, title, "epoch", y_label, [record["epoch"] for record in metrics], lines, "", unit, shade)


def _costs(run: str, metrics: Records, warmup: int) -> Chart:
    kind = "params" if metrics and "target_params" in metrics[-1] else "macs"
    what = {"macs": "million MACs per clip", "params": "million parameters"}[kind]
    keys = {f"expected_{kind}": "expected", f"decoded_{kind}": "decoded network", f"target_{kind}": "target"}
    return epochs(f"{run}-cost", "Cost", what, metrics, keys, 1e-6, shade=warmup)


def _entropies(run: str, metrics: Records, warmup: int) -> Chart:
    stages = dict.fromkeys(stage for record in metrics for stage in record.get("entropy") or {})
    lines = [Line(stage, [(record.get("entropy") or {}).get(stage) for record in metrics]) for stage in stages]
    return Chart(
        f"{run}-entropy",
        "Entropy of the choices",
        "epoch",
        "1 open, 0 decided",
        [record["epoch"] for record in metrics],
        lines,
        "Mean over the choices of each stage, relative to that of a uniform choice.",
        True,
        warmup,
    )


def pareto_chart(run: str, title: str, records: Records, winner: int | None, what: str) -> Chart | None:
    """Accuracy on the validate part against MACs, the front and the winner; None without a network that has a score.

    records: the lines of trials.jsonl or scores.jsonl.
    """
    scored = [record for record in records if record.get("score") and record.get("macs")]
    scored.sort(key=lambda record: (record["macs"], -record["score"]["top1"], record["id"]))
    if not scored:
        return None
    points = [(float(record["macs"]), 100 * record["score"]["top1"]) for record in scored]
    front = set(pareto_front(points))
    names = [f"#{record['id']}" for record in scored]
    values = [y for _, y in points]
    lines = [Line(what, values, "points", names), Line("Pareto front", _only(values, front), "steps", names)]
    if any(record["id"] == winner for record in scored):
        chosen = {place for place, record in enumerate(scored) if record["id"] == winner}
        lines.append(Line("chosen", _only(values, chosen), "points", names))
    x = [macs / 1e6 for macs, _ in points]
    return Chart(f"{run}-pareto", title, "million MACs per clip", "validate top-1 in %", x, lines)


def _only(values: Sequence[float], places: Iterable[int]) -> list[float | None]:
    kept = set(places)
    return [value if place in kept else None for place, value in enumerate(values)]


def overlaid(title: str, y_label: str, runs: Mapping[str, Records], key: str, factor: float) -> Chart:
    """One key of several runs, by epoch."""
    x = sorted({record["epoch"] for metrics in runs.values() for record in metrics})
    lines = []
    for name, metrics in runs.items():
        by_epoch = {record["epoch"]: record[key] * factor for record in metrics if record.get(key) is not None}
        if by_epoch:
            lines.append(Line(name, [by_epoch.get(epoch) for epoch in x]))
    return Chart(f"all-{key}", title, "epoch", y_label, x, lines)


def probability_heats(
    run: str, metrics: Records, final: Mapping[str, Mapping[str, float]], taken: Mapping[str, str]
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

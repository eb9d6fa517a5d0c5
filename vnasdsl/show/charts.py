"""Pictures of searches and trainings: series of numbers, which a report draws with uPlot and `charts_png` as PNG, the
ancestors of a network, and confusion matrices."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any, Literal

from vnasdsl.show.draw.picture import Picture, Text, shortened, text_width
from vnasdsl.show.draw.place import place
from vnasdsl.show.draw.regions import Box, Region

Trials = Sequence[Mapping[str, Any]]
"""The lines of trials.jsonl."""


def ancestors(trials: Trials, winner: int) -> list[int]:
    """The winner, its parents, theirs and so on, oldest first."""
    parents = {trial["id"]: tuple(trial["parents"]) for trial in trials}
    found, waiting = {winner}, [winner]
    while waiting:
        new = [parent for parent in parents.get(waiting.pop(), ()) if parent not in found]
        found.update(new)
        waiting += new
    return sorted(found)


_MOST, _WIDTH, _MARGIN = 40, 1000.0, 24.0


def family_picture(trials: Trials, winner: int) -> Picture:
    """The winner and all its ancestors, from parent to child.

    In the box of each network stand its accuracy on the validate part and how it was made.
    """
    known = {str(trial["id"]): trial for trial in trials}
    family = [str(number) for number in ancestors(trials, winner)]
    shown = family[-_MOST:]
    boxes = {name: Box(name, _story(known[name]), (), (name,), f"#{name}") for name in shown}
    for name, box in boxes.items():
        box.reads = tuple(parent for parent in map(str, known[name]["parents"]) if parent in boxes)
    placed = place(Region("family", "", [*boxes.values()], ()), _WIDTH, end=False).moved(_MARGIN, 2 * _MARGIN)
    nodes = tuple(replace(node, marked=node.id == str(winner)) for node in placed.nodes)
    older = len(family) - len(shown)
    title = f"family of the winner{f' ({older} older ones left out)' if older else ''}"
    heading = Text(_MARGIN, _MARGIN, title, size=14, anchor="start", bold=True)
    words = "; ".join(node.tip for node in nodes)
    width = max(placed.width, text_width(title, 14, True)) + 2 * _MARGIN
    return Picture("family", title, words, width, placed.height + 3 * _MARGIN, nodes, placed.edges, (heading,))


def _story(trial: Mapping[str, Any]) -> list[str]:
    score = trial.get("score")
    accuracy = f"{100 * score['top1']:.1f} %" if score else str(trial["status"])
    parents = " and ".join(f"#{parent}" for parent in trial["parents"])
    return [f"{accuracy}, {f'child of {parents}' if parents else 'drawn at random'}", *trial["mutations"]]


SUFFIXES = (".png", ".svg", ".pdf")
_MOST_NUMBERS, _MOST_NAMES = 25, 120
"""Classes up to which cells hold their number, and rows and columns their names."""
_LONGEST = 160.0


def confusion_picture(classes: Sequence[str], confusion: Sequence[Sequence[int]], suffix: str, title: str) -> bytes:
    """Shares of each class by predicted class, as a picture of the kind that the suffix names.

    confusion: videos by (class, predicted class).
    """
    import matplotlib
    from matplotlib.figure import Figure

    count = len(classes)
    shares = [[number / max(1, sum(row)) for number in row] for row in confusion]
    side = min(24.0, 2.5 + count * (0.42 if count <= _MOST_NUMBERS else 0.16))
    figure = Figure(figsize=(side + 1.0, side), layout="constrained")
    axis = figure.subplots()
    shown = axis.imshow(shares, vmin=0, vmax=1, cmap="Blues")
    figure.colorbar(shown, ax=axis, label="share of the class's videos", shrink=0.8)
    if count <= _MOST_NAMES:
        names = [shortened(name.replace("$", r"\$"), _LONGEST, 11) for name in classes]
        size = 9 if count <= _MOST_NUMBERS else 6
        axis.set_xticks(range(count), names, rotation=60, ha="right", rotation_mode="anchor", fontsize=size)
        axis.set_yticks(range(count), names, fontsize=size)
    if count <= _MOST_NUMBERS:
        for i, row in enumerate(confusion):
            for j, number in enumerate(row):
                if number:
                    colour = "white" if shares[i][j] > 0.6 else "black"
                    axis.text(j, i, str(number), ha="center", va="center", fontsize=9, color=colour)
    axis.set_xlabel("predicted class")
    axis.set_ylabel("class")
    axis.set_title(title, loc="left", fontweight="bold")
    buffer = io.BytesIO()
    stamp: dict[str, Any] = {".png": {"Software": None}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}[suffix]
    with matplotlib.rc_context({"svg.hashsalt": "vnasdsl"}):  # the same bytes every time
        figure.savefig(buffer, format=suffix[1:], dpi=110, metadata=stamp)
    return buffer.getvalue()


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
    """Up to where the ground is shaded."""
    shaded: str = "warm-up"
    """What that is."""

    def as_dict(self) -> dict[str, Any]:
        lines = [vars(line) for line in self.lines]
        return {key: value for key, value in vars(self).items() if key not in ("id", "note")} | {"lines": lines}


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
    x = [record["epoch"] for record in metrics]
    return Chart(key, title, "epoch", y_label, x, lines, "", unit, shade and shade + 0.5)


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
        warmup and warmup + 0.5,
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


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Indices of the points (cost, accuracy) on the Pareto front, by increasing cost; of equal points the first."""
    order = sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1], i))
    front: list[int] = []
    for i in order:
        if not front or points[i][1] > points[front[-1]][1]:
            front.append(i)
    return front


def _only(values: Sequence[float], places: Iterable[int]) -> list[float | None]:
    kept = set(places)
    return [value if place in kept else None for place, value in enumerate(values)]


def accuracy_and_loss(runs: Mapping[str, Records]) -> list[Chart]:
    """Those of several trainings on their training clips."""
    return [
        overlaid("Loss on training clips", "cross entropy", runs, "train_loss", 1.0),
        overlaid("Accuracy on training clips", "top-1 in %", runs, "train_top1", 100.0),
    ]


def overlaid(title: str, y_label: str, runs: Mapping[str, Records], key: str, factor: float) -> Chart:
    """One key of several runs, by epoch."""
    x = sorted({record["epoch"] for metrics in runs.values() for record in metrics})
    lines = []
    for name, metrics in runs.items():
        by_epoch = {record["epoch"]: record[key] * factor for record in metrics if record.get(key) is not None}
        if by_epoch:
            lines.append(Line(name, [by_epoch.get(epoch) for epoch in x]))
    return Chart(f"all-{key}", title, "epoch", y_label, x, lines)


def budgets_chart(
    curve: Sequence[tuple[int, float]], unit: str, points: Mapping[str, tuple[int, float]], limit: float | None
) -> Chart:
    """The greatest probability within every budget, and single networks.

    curve: budgets at which it rises, with its logarithm; points: the same of a network by name, a number for those
    that are the most probable ones.
    """
    groups: dict[str, dict[float, float]] = {"most probable within": {float(cost): log for cost, log in curve}}
    for name, (cost, log) in points.items():
        if log > float("-inf"):
            groups.setdefault("written and next" if name.isdigit() else name, {})[float(cost)] = log
    x = sorted({cost for group in groups.values() for cost in group})
    lines = [Line(name, [group.get(cost) for cost in x], "points") for name, group in groups.items()]
    lines[0] = replace(lines[0], style="steps")
    title, y_label = "Probability within a budget", "log probability of the network"
    shade = (limit or 0.0) / 1e6
    return Chart("", title, f"million {unit}", y_label, [c / 1e6 for c in x], lines, shade=shade, shaded="the limit")


# ---------------------------------------------------------------------------- PNG

_DPI = 110
# Okabe and Ito: distinct also for colour-blind readers.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def charts_png(charts: Sequence[Chart]) -> bytes:
    """Charts side by side, two in a row, as PNG: the same bytes every time."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    wide, high = min(2, len(charts)) or 1, -(-len(charts) // 2) or 1
    figure = Figure(figsize=(5.5 * wide if wide > 1 else 9.0, 4.0 * high if wide > 1 else 5.5), layout="constrained")
    axes = figure.subplots(high, wide, squeeze=False).flat
    for axis, chart in zip_longest(axes, charts):
        if chart is None:
            axis.set_axis_off()
        else:
            draw_chart(axis, chart)
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_figure(buffer, dpi=_DPI, format="png", metadata={"Software": None})
    return buffer.getvalue()


def draw_chart(axis: Any, chart: Chart) -> None:
    for number, line in enumerate(chart.lines):
        known = [(x, y) for x, y in zip(chart.x, line.values, strict=True) if y is not None]
        style: dict[str, Any] = {"color": _COLOURS[number % len(_COLOURS)]}
        if line.style == "points":
            style |= {"linestyle": "", "marker": "osDv^"[number % 5]}
        else:
            style |= {"linestyle": "--" if line.style == "dashed" or number >= len(_COLOURS) else "-"}
            style |= {"drawstyle": "steps-post", "marker": "o"} if line.style == "steps" else {}
            style |= {"marker": "."} if len(known) < 40 and line.style == "line" else {}
        axis.plot([x for x, _ in known], [y for _, y in known], label=line.label, **style)
        for name, (x, y) in zip(line.names, zip(chart.x, line.values, strict=True), strict=False):
            if line.style == "steps" and y is not None:
                axis.annotate(name, (x, y), xytext=(4, 6), textcoords="offset points", fontsize=8)
    axis.set_xlabel(chart.x_label)
    axis.set_ylabel(chart.y_label)
    axis.xaxis.get_major_locator().set_params(integer=chart.x_label == "epoch")
    if chart.unit:
        axis.set_ylim(-0.03, 1.03)
    axis.grid(alpha=0.25)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    if chart.shade:
        left, right = axis.get_xlim()
        axis.axvspan(left, min(chart.shade, right), color="#000000", alpha=0.05, label=chart.shaded)
        axis.set_xlim(left, right)
    if not chart.lines:
        axis.set_title(chart.title, loc="left", fontweight="bold")
        return
    bold = {"weight": "bold", "size": 12}
    place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0.2, "alignment": "left"}
    axis.legend(title=chart.title, title_fontproperties=bold, ncols=3, fontsize=8, frameon=False, **place)

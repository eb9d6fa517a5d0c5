"""Pictures of a search: curves over the epochs, and the learnt weights with the decoded path marked."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

_DPI = 110
# Okabe and Ito: distinct also for colour-blind readers.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def curves_png(metrics: Sequence[Mapping[str, Any]], warmup: int) -> bytes:
    """Loss, accuracy, MACs and how decided the choices are, by epoch, as PNG.

    metrics: the lines of metrics.jsonl; warmup: epochs before the choices step.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 7.5), layout="constrained")
    axes = figure.subplots(2, 2)
    epochs = [record["epoch"] for record in metrics]
    loss = {"train_loss": "train", "validate_loss": "validate"}
    accuracy = {"train_top1": "train", "validate_top1": "validate", "score_top1": "decoded network, inference part"}
    cost = {"expected_macs": "expected", "decoded_macs": "decoded network", "target_macs": "target"}
    panels = (
        ("loss", "cross entropy", loss, 1.0),
        ("accuracy", "top-1 in %", accuracy, 100.0),
        ("cost", "million MACs per clip", cost, 1e-6),
    )
    for axis, (title, unit, keys, factor) in zip(axes.flat, panels, strict=False):
        for colour, (key, label) in zip(_COLOURS, keys.items(), strict=False):
            known = [record for record in metrics if record.get(key) is not None]
            points = [record["epoch"] for record in known], [record[key] * factor for record in known]
            if known:
                axis.plot(*points, label=label, color=colour, marker="." if len(known) < 40 else None)
        _finish(axis, title, unit, warmup)
    last = axes.flat[3]
    stages = list(metrics[-1].get("entropy") or {}) if metrics else []
    for number, stage in enumerate(stages):
        entropies = [record["entropy"].get(stage) for record in metrics]
        colour, line = _COLOURS[number % len(_COLOURS)], "-" if number < len(_COLOURS) else ":"
        last.plot(epochs, entropies, label=f"entropy {stage}", color=colour, linestyle=line)
    if metrics and "skip_share" in metrics[-1]:
        shares = [record.get("skip_share") for record in metrics]
        last.plot(epochs, shares, label="share of skips", color="#777777", linestyle="--")
    last.set_ylim(-0.03, 1.03)
    _finish(last, "choices", "entropy: 1 open, 0 decided", warmup, columns=4)
    return png(figure)


def training_png(
    runs: Mapping[str, Sequence[Mapping[str, Any]]], faint: Sequence[str] = (), crowd: str = "others"
) -> bytes:
    """Training loss and accuracy of several networks, by epoch, as PNG.

    runs: name to lines of metrics.jsonl; faint: names drawn in the same grey, as a `crowd`.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4), layout="constrained")
    panels = (("train_loss", "loss", "cross entropy", 1.0), ("train_top1", "accuracy", "top-1 in %", 100.0))
    for axis, (key, title, unit, factor) in zip(figure.subplots(1, 2), panels, strict=True):
        colours = iter(_COLOURS * (1 + len(runs) // len(_COLOURS)))
        for name, metrics in runs.items():
            points = [record["epoch"] for record in metrics], [record[key] * factor for record in metrics]
            if name in faint:
                axis.plot(*points, color="#aaaaaa", linewidth=1, label=crowd if name == faint[0] else None, zorder=1)
            else:
                axis.plot(*points, color=next(colours), linewidth=2, label=name)
        _finish(axis, f"{title} on training clips", unit, 0)
    return png(figure)


def budgets_png(
    curve: Sequence[tuple[int, float]], unit: str, points: Mapping[str, tuple[int, float]], limit: float | None
) -> bytes:
    """The greatest probability within every budget, and single networks, as PNG.

    curve: budgets at which it rises, with its logarithm; points: the same of a network by name.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axis = figure.subplots()
    costs, logs = zip(*curve, strict=True)
    axis.step([cost / 1e6 for cost in costs], logs, where="post", color=_COLOURS[0], label="most probable within")
    if limit is not None:
        axis.axvline(limit / 1e6, color="#777777", linestyle="--", label="limit")
    ranked = [point for name, point in points.items() if name.isdigit()]
    others = {name: [point] for name, point in points.items() if not name.isdigit()}
    marks = zip({"written and next": ranked, **others}.items(), _COLOURS[1:], "osDv", strict=False)
    for (name, found), colour, mark in marks:
        possible = [(cost / 1e6, log) for cost, log in found if log > float("-inf")]
        if possible:
            axis.scatter(*zip(*possible, strict=True), color=colour, marker=mark, label=name, zorder=3)
    axis.set_xlabel(f"million {unit}")
    axis.set_ylabel("log probability of the network")
    plain(axis)
    headed(axis, "probability within a budget", 3)
    return png(figure)


def _finish(axis: Any, title: str, unit: str, warmup: int, columns: int = 2) -> None:
    from matplotlib.ticker import MaxNLocator

    axis.set_xlabel("epoch")
    axis.set_ylabel(unit)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    plain(axis)
    if warmup:
        axis.axvspan(axis.get_xlim()[0], warmup + 0.5, color="#000000", alpha=0.05, label="warm-up")
        axis.margins(x=0)
    headed(axis, title, columns)


def plain(axis: Any) -> None:
    """A pale grid, and no frame at the top and the right."""
    axis.grid(alpha=0.25)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)


def headed(axis: Any, title: str, columns: int) -> None:
    """A title with the legend under it, both above the axes, where no data is."""
    handles, labels = axis.get_legend_handles_labels()
    if not handles:
        axis.set_title(title, loc="left", fontweight="bold")
        return
    axis.legend(
        handles,
        labels,
        title=title,
        title_fontproperties={"weight": "bold", "size": 12},
        alignment="left",
        loc="lower left",
        bbox_to_anchor=(0, 1),
        borderaxespad=0.2,
        ncols=columns,
        fontsize=8,
        frameon=False,
    )


def png(figure: Any) -> bytes:
    """A figure of matplotlib as PNG: the same bytes every time."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_figure(buffer, dpi=_DPI, format="png", metadata={"Software": None})
    return buffer.getvalue()

"""Pictures of a search: curves over the epochs, and the learnt weights with the decoded path marked."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from vnasdsl.relax.trellis import Trellis

_DPI = 110
# Okabe and Ito: told apart by people who do not see all colours.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def curves_png(metrics: Sequence[Mapping[str, Any]], warmup: int) -> bytes:
    """Loss, accuracy, MACs and how decided the choices are, by epoch, as PNG.

    metrics: the lines of metrics.jsonl; warmup: epochs before the choices step.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 7.5), layout="constrained")
    axes = figure.subplots(2, 2)
    epochs = [record["epoch"] for record in metrics]
    panels: list[tuple[str, str, dict[str, str], float]] = [
        ("loss", "cross entropy", {"train_loss": "train", "validate_loss": "validate"}, 1.0),
        (
            "accuracy",
            "top-1 in %",
            {"train_top1": "train", "validate_top1": "validate", "score_top1": "decoded network, inference part"},
            100.0,
        ),
        ("cost", "million MACs per clip", {"expected_macs": "expected", "decoded_macs": "decoded network"}, 1e-6),
    ]
    for axis, (title, unit, keys, factor) in zip(axes.flat, panels, strict=False):
        for colour, (key, label) in zip(_COLOURS, keys.items(), strict=False):
            points = [
                (epoch, record[key] * factor)
                for epoch, record in zip(epochs, metrics, strict=True)
                if record.get(key) is not None
            ]
            if points:
                axis.plot(
                    *zip(*points, strict=True), label=label, color=colour, marker="." if len(points) < 40 else None
                )
        _finish(axis, title, unit, warmup)
    last = axes.flat[3]
    stages = list(metrics[-1].get("entropy") or {}) if metrics else []
    for number, stage in enumerate(stages):
        last.plot(
            epochs,
            [record["entropy"].get(stage) for record in metrics],
            label=f"entropy {stage}",
            color=_COLOURS[number % len(_COLOURS)],
            linestyle="-" if number < len(_COLOURS) else ":",
        )
    if metrics and "skip_share" in metrics[-1]:
        last.plot(
            epochs,
            [record.get("skip_share") for record in metrics],
            label="share of skips",
            color="#777777",
            linestyle="--",
        )
    last.set_ylim(-0.03, 1.03)
    _finish(last, "choices", "entropy: 1 open, 0 decided", warmup)
    return png(figure)


def training_png(
    runs: Mapping[str, Sequence[Mapping[str, Any]]], faint: Sequence[str] = (), crowd: str = "others"
) -> bytes:
    """Training loss and accuracy of several networks, by epoch, as PNG.

    runs: name to lines of metrics.jsonl; faint: names that are drawn alike in grey, as a `crowd`.
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


def _finish(axis: Any, title: str, unit: str, warmup: int) -> None:
    from matplotlib.ticker import MaxNLocator

    axis.set_title(title, loc="left", fontweight="bold")
    axis.set_xlabel("epoch")
    axis.set_ylabel(unit)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.grid(alpha=0.25)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    if warmup:
        axis.axvspan(axis.get_xlim()[0], warmup + 0.5, color="#000000", alpha=0.05, label="warm-up")
        axis.margins(x=0)
    handles, labels = axis.get_legend_handles_labels()
    if handles:
        axis.legend(handles, labels, fontsize=8, frameon=False)


def paths_png(
    trellis: Trellis,
    path_weights: Mapping[str, Sequence[Sequence[float]]],
    mixture_weights: Mapping[str, Sequence[float]],
    path: Sequence[int],
    choices: Mapping[str, str],
) -> bytes:
    """Path weights between the states of neighbouring stages (above) and mixtures on the path (below), as PNG.

    A frame marks what was decoded: the states that Viterbi took, and the option of every layer that is there.
    """
    from matplotlib.figure import Figure

    before = dict(zip((stage.name for stage in trellis.stages[1:]), trellis.stages, strict=False))
    joined = [(number, stage) for number, stage in enumerate(trellis.stages) if len(stage.states) > 1]
    mixed = [
        (stage, stage.states[path[number]])
        for number, stage in enumerate(trellis.stages)
        if stage.states[path[number]].mixtures
    ]
    columns = max(len(joined), len(mixed), 1)
    most = max((len(state.mixtures) for _, state in mixed), default=0)
    height = (4.0 if joined else 0.5) + max(3.5, 0.25 * most + 1.5)
    figure = Figure(figsize=(max(7.0, 2.6 * columns + 1), height), layout="constrained")
    axes = figure.subplots(1 + bool(joined), columns, squeeze=False)
    for column in range(columns):
        top, bottom = axes[0][column], axes[-1][column]
        if column < len(joined):
            number, stage = joined[column]
            source = before.get(stage.name)
            rows = [state.label or source.name for state in source.states] if source is not None else ["start"]
            marks = [(path[number - 1] if number else 0, path[number])]
            _heat(top, path_weights[stage.name], rows, [state.label for state in stage.states], marks)
            top.set_title(f"into {stage.name}", loc="left", fontweight="bold")
        elif joined:
            top.set_axis_off()
        if column < len(mixed):
            stage, state = mixed[column]
            grid = [mixture_weights[mixture.name] for mixture in state.mixtures]
            marks = [
                (row, mixture.options.index(choices[mixture.choice]))
                for row, mixture in enumerate(state.mixtures)
                if choices.get(mixture.choice) in mixture.options
            ]
            layers = [mixture.choice.removeprefix(f"{stage.name}.").removesuffix(".op") for mixture in state.mixtures]
            options = [_short(o) for o in max((mixture.options for mixture in state.mixtures), key=len)]
            _heat(bottom, [[*row, *[float("nan")] * (len(options) - len(row))] for row in grid], layers, options, marks)
            bottom.set_title(f"layers of {stage.name}", loc="left", fontweight="bold")
        else:
            bottom.set_axis_off()
    where = "paths between stages (above), layers on the path (below)" if joined else "layers"
    figure.suptitle(f"learnt weights: {where}; framed: taken", fontsize=10)
    return png(figure)


def _short(option: str) -> str:
    return option if len(option) <= 26 else f"{option[:25]}…"


def _heat(
    axis: Any,
    values: Sequence[Sequence[float]],
    rows: Sequence[str],
    columns: Sequence[str],
    marks: Sequence[tuple[int, int]],
) -> None:
    from matplotlib.patches import Rectangle

    axis.imshow(values, vmin=0, vmax=1, cmap="Blues", aspect="auto")
    axis.set_xticks(range(len(columns)), columns, rotation=35, ha="right", fontsize=8)
    axis.set_yticks(range(len(rows)), rows, fontsize=8)
    for row, line in enumerate(values):
        for column, value in enumerate(line):
            if value == value:  # not where a layer has fewer options
                axis.text(
                    column,
                    row,
                    f"{value:.2f}",
                    ha="center",
                    va="center",
                    fontsize=8,
                    color="white" if value > 0.6 else "black",
                )
    for row, column in marks:
        axis.add_patch(
            Rectangle((column - 0.48, row - 0.48), 0.96, 0.96, fill=False, edgecolor="#D55E00", linewidth=2.5)
        )


def png(figure: Any) -> bytes:
    """A figure of matplotlib as PNG: the same bytes every time."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_figure(buffer, dpi=_DPI, format="png", metadata={"Software": None})
    return buffer.getvalue()

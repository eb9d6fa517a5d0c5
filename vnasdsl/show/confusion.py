"""The picture of a confusion matrix."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from vnasdsl.show.draw.metrics import shortened

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

"""Pictures are drawn from plain figures; what they look like was judged by eye."""

from __future__ import annotations

from typing import Any

import pytest
from matplotlib.figure import Figure

from vnasdsl.show import curves, evolution
from vnasdsl.show.curves import curves_png, training_png
from vnasdsl.show.evolution import pareto_png

PNG = b"\x89PNG\r\n\x1a\n"


def metrics(epochs: int) -> list[dict[str, Any]]:
    return [
        {
            "epoch": epoch,
            "train_loss": 1 / epoch,
            "train_top1": epoch / 10,
            "validate_loss": None if epoch < 3 else 1.0,
            "validate_top1": None,
            "expected_macs": 1e6,
            "decoded_macs": 1_000_000,
            "entropy": {"s2": 0.5},
            "skip_share": 0.25,
        }
        for epoch in range(1, epochs + 1)
    ]


@pytest.mark.parametrize("epochs", [0, 1, 9])
def test_curves_of_any_length(epochs: int) -> None:
    assert curves_png(metrics(epochs), 2).startswith(PNG)
    assert training_png({"a": metrics(epochs), "b": metrics(epochs)}, faint=["b"]).startswith(PNG)


def test_the_same_figures_give_the_same_bytes() -> None:
    assert curves_png(metrics(4), 2) == curves_png(metrics(4), 2)


def test_legends_cover_no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Figure] = []
    for module in (curves, evolution):
        monkeypatch.setattr(module, "png", lambda figure: kept.append(figure) or b"")
    curves_png(metrics(20), 4)
    training_png({"searched": metrics(9), "random": metrics(9)}, faint=["random"])
    trials = [
        {"id": i, "parents": (), "mutations": (), "status": "trained", "score": {"top1": i / 9}, "macs": i * 1000}
        for i in range(1, 9)
    ]
    pareto_png(trials, 8)
    axes = [axis for figure in kept for axis in figure.axes]
    assert len(axes) == 4 + 2 + 1
    for figure in kept:
        figure.draw_without_rendering()  # what is outside of the axes is given room
    for axis in axes:
        legend = axis.get_legend().get_window_extent()
        assert legend.y0 >= axis.get_window_extent().y1
        assert legend.y1 <= axis.figure.bbox.y1 and legend.x1 <= axis.figure.bbox.x1

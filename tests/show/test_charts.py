"""Pictures are drawn from plain figures; what they look like was judged by eye."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from tests.support import some_slow
from vnasdsl.show.charts import (
    Chart,
    accuracy_and_loss,
    budgets_chart,
    charts_png,
    draw_chart,
    pareto_chart,
    pareto_front,
    training_charts,
)

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


def every(epochs: int) -> list[Chart]:
    trials = [{"id": i, "status": "trained", "score": {"top1": i / 9}, "macs": i * 1000} for i in range(1, 9)]
    pareto = pareto_chart("", "Pareto", trials, 8, "trained")
    curve = [(10, -3.0), (20, -1.0)]
    budgets = budgets_chart(curve, "MACs", {"1": (20, -1.0), "greedy": (30, -2.0), "none": (1, float("-inf"))}, 25.0)
    overlaid = accuracy_and_loss({"a": metrics(epochs), "b": metrics(max(0, epochs - 1))})
    return [*training_charts("", metrics(epochs), 2), *overlaid, budgets, *([pareto] if pareto else [])]


@pytest.mark.parametrize("epochs", some_slow([0, 1, 9], {0, 9}))
def test_charts_of_any_length_are_the_same_bytes_every_time(epochs: int) -> None:
    picture = charts_png(every(epochs))
    assert picture.startswith(PNG) and picture == charts_png(every(epochs))


def test_a_budget_has_the_greatest_probability_and_the_networks_that_are_possible() -> None:
    chart = every(1)[-2]
    assert (chart.x, chart.shade) == ([1e-5, 2e-5, 3e-5], 2.5e-5)
    assert {line.label: line.values for line in chart.lines} == {
        "most probable within": [-3.0, -1.0, None],
        "written and next": [None, -1.0, None],
        "greedy": [None, None, -2.0],
    }


def test_legends_cover_no_data() -> None:
    for chart in every(20):
        figure = Figure(figsize=(9, 5.5), layout="constrained")
        axis = figure.subplots()
        draw_chart(axis, chart)
        figure.draw_without_rendering()  # what is outside of the axes is given room
        legend = axis.get_legend().get_window_extent()
        assert legend.y0 >= axis.get_window_extent().y1
        assert legend.y1 <= axis.figure.bbox.y1 and legend.x1 <= axis.figure.bbox.x1


@given(st.lists(st.tuples(st.integers(0, 5).map(float), st.integers(0, 5).map(float)), max_size=12))
def test_the_front_is_what_nothing_beats(points: list[tuple[float, float]]) -> None:
    def beaten(one: tuple[float, float]) -> bool:
        return any(o != one and o[0] <= one[0] and o[1] >= one[1] for o in points)

    front = pareto_front(points)
    assert [points[i] for i in front] == sorted({point for point in points if not beaten(point)})
    assert all(points.index(points[i]) == i for i in front)  # of equal ones the first

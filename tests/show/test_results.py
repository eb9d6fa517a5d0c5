from __future__ import annotations

from vnasdsl.show.results import Row, median_row, results_table


def row(name: str, top1: float, macs: int = 2_000_000) -> Row:
    return Row(name, top1, 1.0, macs, 1234, "scratch")


def test_the_median_is_of_each_figure_on_its_own() -> None:
    median = median_row("median", [row("a", 0.3, 5), row("b", 0.1, 9), row("c", 0.2, 1)])
    assert (median.top1, median.macs, median.params) == (0.2, 5, 1234)


def test_the_table_says_everything_within_100_columns() -> None:
    text = results_table("tiny", [row("searched", 0.987), row("random", 0.5)], 30)
    lines = text.splitlines()
    assert max(map(len, lines)) <= 100
    assert any("searched" in line and "98.7" in line and "2.00" in line and "1,234" in line for line in lines)
    assert "accuracy over 30 views of each test video" in text

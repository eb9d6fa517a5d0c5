"""What is shown: a line an epoch where there is no terminal, nothing but warnings when quiet."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from vnasdsl.train.progress import Reporter, duration, megas


def shown(quiet: bool = False, terminal: bool = False) -> str:
    text = io.StringIO()
    reporter = Reporter(quiet, Console(file=text, width=120, force_terminal=terminal))
    reporter.note("a note")
    reporter.begin("train", 3, 1)
    for epoch in (2, 3):
        reporter.epoch(epoch, 2)
        for _ in range(2):
            reporter.step(lambda: "loss 1.000")
        reporter.finished({"epoch": epoch}, "loss 1.000")
    reporter.end()
    reporter.warn("a warning")
    return text.getvalue()


def test_one_plain_line_an_epoch() -> None:
    assert shown().splitlines() == [
        "a note",
        "train 2/3  loss 1.000  0:00 left",
        "train 3/3  loss 1.000",
        "warning: a warning",
    ]


def test_quiet_shows_warnings_only() -> None:
    assert shown(quiet=True) == "warning: a warning\n"


def test_a_terminal_gets_a_bar_and_the_lines() -> None:
    text = shown(terminal=True)
    assert "2/2" in text and text.count("train 3/3") >= 2


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (65, "1:05"), (3 * 3600 + 125, "3:02:05")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("macs", "text"), [(15_783_796_736, "15.78 GMACs"), (3_200_000, "3.20 MMACs"), (65_400, "65.40 kMACs")]
)
def test_macs_for_people(macs: int, text: str) -> None:
    assert megas(macs) == text

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
        reporter.finished(epoch, "loss 1.000")
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


def test_a_narrow_terminal_cuts_nothing() -> None:
    text = io.StringIO()
    reporter = Reporter(console=Console(file=text, width=60, force_terminal=True, color_system=None))
    reporter.begin("search", 60, 11)
    reporter.epoch(12, 100)
    for _ in range(100):
        reporter.step(lambda: "accuracy 53.1 %  loss 1.234  expected 15.78 GMACs")
    reporter.end()
    assert "search 12/60" in text.getvalue() and "100/100" in text.getvalue()
    assert "…" not in text.getvalue() and "..." not in text.getvalue()


def test_a_long_epoch_has_a_plain_line_a_minute() -> None:
    text, now = io.StringIO(), [1000.0]
    reporter = Reporter(console=Console(file=text, width=120), clock=lambda: now[0])
    reporter.begin("search", 2, 0)
    asked: list[int] = []

    def values() -> str:
        asked.append(len(asked))
        return "loss 1.000  accuracy 30.0 %  expected 3.20 MMACs"

    for epoch in (1, 2):
        reporter.epoch(epoch, 6)
        for _ in range(6):
            now[0] += 25
            reporter.step(values)
        reporter.finished(epoch, "loss 0.500")
    reporter.end()
    assert text.getvalue().splitlines() == [
        "search 1/2  step 3/6  loss 1.000  accuracy 30.0 %  expected 3.20 MMACs  3:45 left",
        "search 1/2  loss 0.500  2:30 left",
        "search 2/2  step 3/6  loss 1.000  accuracy 30.0 %  expected 3.20 MMACs  1:15 left",
        "search 2/2  loss 0.500",
    ]
    assert len(asked) == 2  # figures may wait for the device: asked for only when they are shown


def test_the_time_in_all_is_said_after_the_first_steps() -> None:
    text, now = io.StringIO(), [1000.0]
    reporter = Reporter(console=Console(file=text, width=120), clock=lambda: now[0])
    reporter.begin("search", 80, 30)
    for epoch in (31, 32):
        reporter.epoch(epoch, 10)
        reporter.foretell(100)
        for step in range(10):
            now[0] += 60.0 if step == 0 else 3.0  # the first one is slower
            if step == 9:
                reporter.quiet = True  # the lines of a minute are not looked at here
            reporter.step(lambda: "")
        reporter.quiet = False
    assert "about 30:00 for 50 epochs, by the first steps" in text.getvalue()  # (50 x 10 + 100) x 3 s
    assert text.getvalue().count("about") == 1


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (65, "1:05"), (3 * 3600 + 125, "3:02:05")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("macs", "text"), [(15_783_796_736, "15.78 GMACs"), (3_200_000, "3.20 MMACs"), (65_400, "65.40 kMACs")]
)
def test_macs_for_people(macs: int, text: str) -> None:
    assert megas(macs) == text


def test_control_characters_are_made_visible() -> None:
    stream = io.StringIO()
    reporter = Reporter(console=Console(file=stream))
    reporter.warn("skipped \x1b[2Jvideo\r.avi: broken\nsecond line")
    assert stream.getvalue() == "warning: skipped ␛[2Jvideo␍.avi: broken\nsecond line\n"

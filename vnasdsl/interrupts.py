"""SIGTERM (a scheduler's, `kill`) and SIGHUP (a closed terminal) end the program as Ctrl-C does: what is finished is
kept. Processes that it starts leave that to it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_received: list[int] = []


class Ended(KeyboardInterrupt):
    """By a signal other than that of Ctrl-C."""

    def __init__(self, number: int):
        self.number = number


def status_of(interrupt: KeyboardInterrupt) -> int:
    """The exit status, as of a program that the signal has ended: 130, 143 or 129."""
    return 128 + (interrupt.number if isinstance(interrupt, Ended) else signal.SIGINT)


def interruption(problem: BaseException | None) -> KeyboardInterrupt | None:
    """The interruption that led to an error, if one did: what is ended in the middle of its work may fail in turn."""
    while problem is not None and not isinstance(problem, KeyboardInterrupt):
        problem = problem.__cause__ or problem.__context__
    return problem or (Ended(_received[0]) if _received else None)


@contextmanager
def like_ctrl_c() -> Iterator[None]:
    """Inside, SIGTERM and SIGHUP raise `Ended`, unless they are ignored (nohup) or handled otherwise."""

    def end(number: int, _frame: FrameType | None) -> None:
        _received.append(number)
        raise Ended(number)

    main = threading.current_thread() is threading.main_thread()  # no other may set handlers
    _received.clear()
    handled = [number for number in ENDING[1:] if main and signal.getsignal(number) == signal.SIG_DFL]
    for number in handled:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in handled:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def held_back() -> Iterator[None]:
    """Inside, these signals wait, so that a process is not started by half; it is born with them waiting as well."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def let_through() -> None:
    """In a process born inside `held_back`."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)

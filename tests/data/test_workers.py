"""Worker processes end with their parent. They hold its standard output open, so its end tells that all are gone."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from vnasdsl.data import ClipShape, open_data
from vnasdsl.data.clips import ClipLoader

ENDLESS = """
import sys
from vnasdsl.data import ClipShape, open_data
from vnasdsl.data.clips import ClipLoader
data = open_data(sys.argv[1])
loader = ClipLoader(data.train, ClipShape(frames=4, size=16, scale=24), batch=1, workers=2)
try:
    while True:
        for batch in loader:
            print("batch", flush=True)
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.slow
def test_workers_end_with_their_parent_and_quietly(folder_set: Callable[..., Path], how: signal.Signals) -> None:
    command = [sys.executable, "-c", ENDLESS, f"folder:{folder_set()}"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "batch\n"
        if how is signal.SIGINT:
            os.killpg(process.pid, how)  # Ctrl-C in a terminal reaches the workers too
        else:
            process.send_signal(how)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == (130 if how is signal.SIGINT else -signal.SIGKILL)
        assert errors == ""
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def test_a_loader_that_is_dropped_ends_its_workers(folder_set: Callable[..., Path]) -> None:
    """At once, as no cycle of objects holds it: its end is not left to the garbage collector."""
    loader = ClipLoader(open_data(f"folder:{folder_set()}").train, ClipShape(frames=4, size=16, scale=24), workers=1)
    gc.disable()
    try:
        assert len(list(loader)) == 1
        iterator = loader._loader._iterator
        assert iterator is not None
        workers = iterator._workers  # type: ignore[attr-defined]
        del loader, iterator
        assert [worker.exitcode for worker in workers] == [0]
    finally:
        gc.enable()


def test_memory_is_used_again_only_when_nothing_holds_it(folder_set: Callable[..., Path]) -> None:
    """Workers and normalising use the same memory again; batches that are kept stay as they were."""
    data = open_data(f"folder:{folder_set(train=8, test=1)}")
    shape = ClipShape(frames=4, size=16, scale=24)
    expected = list(ClipLoader(data.train, shape, batch=1, workers=0))
    loader = ClipLoader(data.train, shape, batch=1, workers=2)
    for _ in range(2):
        kept = [(clips[:, :, 1:], labels) for clips, labels in loader]  # views hold it too
        for (clips, labels), (others, of_others) in zip(kept, expected, strict=True):
            assert torch.equal(clips, others[:, :, 1:]) and torch.equal(labels, of_others)
    addresses = {clips.data_ptr() for clips, _ in loader}
    assert len(addresses) <= 2  # of 16 batches
    loader.close()


def test_a_pass_that_was_left_early_does_not_disturb_the_next(folder_set: Callable[..., Path]) -> None:
    data = open_data(f"folder:{folder_set(train=8, test=1)}")
    shape = ClipShape(frames=4, size=16, scale=24)
    loader, alone = (ClipLoader(data.train, shape, batch=3, workers=workers) for workers in (2, 0))
    for left_after in (1, 2, 5):
        for number, _ in enumerate(loader(0), 1):
            if number == left_after:
                break
        for (clips, _), (others, _) in zip(loader(1), alone(1), strict=True):
            assert torch.equal(clips, others)
    loader.close()

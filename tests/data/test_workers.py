"""Worker processes end with their parent. They hold its standard output open, so its end tells that all are gone."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

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

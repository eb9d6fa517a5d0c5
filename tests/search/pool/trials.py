"""Trials for the tests of pools: workers import them by name."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from torch import nn


def square(number: int) -> int:
    return number * number


def fail(text: str) -> None:
    raise ValueError(text)


def leave(status: int) -> None:
    sys.exit(status)


def process(_: Any) -> int:
    return os.getpid()


def count_calls(file: str) -> int:
    """How often this has been called with that file; fails each time."""
    with Path(file).open("a") as calls:
        calls.write("called\n")
    raise RuntimeError(Path(file).read_text().count("called"))


def die_once(file: str) -> str:
    """Ended by SIGKILL the first time."""
    if _first(file):
        os.kill(os.getpid(), signal.SIGKILL)
    return "survived"


def die(_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def allocate(count: int) -> int:
    """Takes up that many bytes for a moment."""
    return int(torch.ones(count, dtype=torch.uint8).numel())


def limits(_: Any) -> tuple[int, str | None, int]:
    """Threads of torch and of what asks the environment, and the bytes that may be allocated."""
    memory = resource.getrlimit(resource.RLIMIT_DATA)[0]
    return torch.get_num_threads(), os.environ.get("OMP_NUM_THREADS"), memory


def no_data(_: Any) -> Any:
    return lambda: None


def train(seed: int) -> list[str]:
    """The losses of a short training, to the last bit."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Conv3d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(5))
    clips, labels = torch.randn(4, 3, 4, 12, 12), torch.randint(5, (4,))
    model(clips)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for _ in range(3):
        loss = nn.functional.cross_entropy(model(clips), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item().hex())
    return losses


def hold_once(files: tuple[str, str]) -> str:
    """`hold` on the second file the first time, as the first file tells."""
    if _first(files[0]):
        hold(files[1])
    return "awake"


def hold(pipe: str) -> None:
    """Holds the named pipe open, as does a process that it starts; each writes one byte; neither ever ends."""
    with Path(pipe).open("wb", buffering=0) as end:
        child = [sys.executable, "-c", f"import os, signal\nos.write({end.fileno()}, b'x')\nwhile True: signal.pause()"]
        subprocess.Popen(child, pass_fds=[end.fileno()])
        end.write(b"x")
        while True:
            signal.pause()


def _first(file: str) -> bool:
    try:
        Path(file).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True

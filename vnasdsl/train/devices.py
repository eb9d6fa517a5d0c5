"""Where to compute, and one seed for everything random."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy
import torch

from vnasdsl.language.diagnostics import UserError
from vnasdsl.train import ranks


def pick_device(wanted: str = "auto", devices: int = 1) -> torch.device:
    """The device meant by `auto` (a GPU if there is one), `cpu`, `cuda` or `cuda:N`. Raises: UserError.

    Of several `devices` that of this rank, or the last one where no ranks are started yet: each has its own GPU.
    """
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    already = ranks.launched()
    if already > 1 and devices not in (1, already):
        raise UserError(f"torchrun has started {already} processes, not {devices}", "leave out the number of devices")
    several = max(devices, already) > 1
    if several and wanted.startswith("cuda"):
        if wanted != "cuda":
            raise UserError(f"--device {wanted} is a single device", "leave it out, or give --device cuda")
        wanted = f"cuda:{ranks.local_rank() if already > 1 else devices - 1}"
    try:
        device = torch.device(wanted)
    except RuntimeError:
        raise UserError(f"`{wanted}` is none of auto, cpu, cuda, cuda:N") from None
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if count == 0:
            raise UserError("this machine has no CUDA device", "use --device cpu or --device auto")
        if device.index is not None and device.index >= count:
            raise UserError(
                f"there is no CUDA device `{wanted}`: the last is cuda:{count - 1}",
                "use fewer --devices, or --device cpu" if several else None,
            )
    return device


def free_bytes(device: torch.device) -> int | None:
    """Memory that this process can still take; None where the system does not say."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError, IndexError):
        return None
    group = Path("/sys/fs/cgroup")
    try:  # a container may have less than its machine
        most, used = ((group / name).read_text(encoding="ascii") for name in ("memory.max", "memory.current"))
        statistics = dict(line.split() for line in (group / "memory.stat").read_text(encoding="ascii").splitlines())
        return min(free, int(most) - int(used) + int(statistics["inactive_file"]))  # files that are kept give way
    except (OSError, ValueError, KeyError):
        return free


def seed_everything(seed: int) -> None:
    """Seed python, numpy and torch (all devices)."""
    random.seed(seed)
    numpy.random.seed(seed % 2**32)
    torch.manual_seed(seed)


@contextmanager
def torch_threads(number: int) -> Iterator[None]:
    """Inside, torch computes with this many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def random_state() -> dict[str, Any]:
    """The state of every random generator, as numbers and tensors only."""
    name, keys, position, has_gauss, gauss = numpy.random.get_state()
    version, numbers, gauss_next = random.getstate()
    return {
        "python": [version, list(numbers), gauss_next],
        "numpy": [str(name), [int(key) for key in keys], int(position), int(has_gauss), float(gauss)],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def restore_random_state(state: dict[str, Any]) -> None:
    """Put every generator back to where `random_state` found it."""
    version, numbers, gauss_next = state["python"]
    random.setstate((version, tuple(numbers), gauss_next))
    name, keys, position, has_gauss, gauss = state["numpy"]
    numpy.random.set_state((name, numpy.array(keys, dtype=numpy.uint32), position, has_gauss, gauss))
    torch.set_rng_state(state["torch"].cpu())
    if torch.cuda.is_available() and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all([generator.cpu() for generator in state["cuda"]])


def autocast(device: torch.device, precision: str) -> AbstractContextManager[Any]:
    """The context for a forward pass in the precision of a recipe."""
    types = {"bf16": torch.bfloat16, "fp16": torch.float16}
    return torch.autocast(device.type, dtype=types[precision]) if precision in types else nullcontext()

"""Memory of tensors that is used again, or offered for the next one: the system maps and zeroes new memory page by
page, which takes longer than writing a clip into it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from weakref import finalize

import numpy as np
import torch
from numpy.typing import NDArray

_FREE: dict[str, list[NDArray[np.generic]]] = {"uint8": [], "float32": []}
_OFFERED: list[NDArray[np.uint8] | None] = [None]
_LARGER = 1.25
"""Memory may be so many times as large as what it is used for."""


def empty(shape: Sequence[int], kind: str) -> torch.Tensor:
    """A tensor on the CPU, uint8 or float32: the memory of one that is gone serves the next."""
    free, count = _FREE[kind], math.prod(shape)
    room = _OFFERED[-1]
    if kind == "uint8" and room is not None and count <= len(room):
        _OFFERED[-1] = None
        return torch.from_numpy(room[:count]).view(*shape)
    while free and not count <= len(free[-1]) <= _LARGER * count:
        free.pop()
    block = free.pop() if free else np.empty(count, dtype=kind)
    part = block[:count]
    finalize(part, free.append, block).atexit = False  # when no tensor uses it any more
    return torch.from_numpy(part).view(*shape)


@contextmanager
def offered(room: NDArray[np.uint8] | None) -> Iterator[None]:
    """The first `empty` tensor made here is in this memory if it fits."""
    _OFFERED.append(room)
    try:
        yield
    finally:
        _OFFERED.pop()

"""Memory of tensors that is used again: new memory is mapped and zeroed by the system page by page, which takes longer
than writing a clip into it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from weakref import finalize

import numpy as np
import torch
from numpy.typing import NDArray

_FREE: dict[str, list[NDArray[np.generic]]] = {"uint8": [], "float32": []}
_LARGER = 1.25
"""Memory may be so many times as large as what it is used for."""


def empty(shape: Sequence[int], kind: str) -> torch.Tensor:
    """A tensor on the CPU, uint8 or float32: the memory of one that is gone serves the next."""
    free, count = _FREE[kind], math.prod(shape)
    while free and not count <= len(free[-1]) <= _LARGER * count:
        free.pop()
    block = free.pop() if free else np.empty(count, dtype=kind)
    part = block[:count]
    finalize(part, free.append, block).atexit = False  # when no tensor uses it any more
    return torch.from_numpy(part).view(*shape)

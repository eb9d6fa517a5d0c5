"""SAME padding, out = ceil(in / stride), and layers with it, for the plain models of this folder.

`dilation * (kernel - 1)` zeros are put around every axis, half of them (rounded down) before it: the same on both
sides for odd kernels, and one more behind for even ones.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Sizes = tuple[int, int, int]
ONE: Sizes = (1, 1, 1)


def same_pad(x: Tensor, kernel: Sizes, dilation: Sizes = ONE, value: float = 0.0) -> Tensor:
    """`x` (B, C, T, H, W) with `value` around it."""
    pads: list[int] = []
    for k, d in zip(reversed(kernel), reversed(dilation), strict=True):  # F.pad begins with the last axis
        total = d * (k - 1)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads, value=value)


class Conv(nn.Conv3d):
    """Convolution with SAME padding; without bias unless it is asked for."""

    def __init__(
        self,
        before: int,
        channels: int,
        kernel: Sizes = ONE,
        stride: Sizes = ONE,
        dilation: Sizes = ONE,
        groups: int = 1,
        bias: bool = False,
    ) -> None:
        super().__init__(before, channels, kernel, stride, 0, dilation, groups, bias)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(same_pad(x, self.kernel_size, self.dilation))


def max_pool(x: Tensor, kernel: Sizes, stride: Sizes = ONE) -> Tensor:
    return F.max_pool3d(same_pad(x, kernel, value=float("-inf")), kernel, stride)


def avg_pool(x: Tensor, kernel: Sizes, stride: Sizes = ONE) -> Tensor:
    """Mean of what lies inside; padding is not counted."""
    inside = F.avg_pool3d(same_pad(torch.ones_like(x), kernel), kernel, stride)
    return F.avg_pool3d(same_pad(x, kernel), kernel, stride) / inside


def out_size(n: int, stride: int) -> int:
    return -(-n // stride)

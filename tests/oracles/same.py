"""SAME padding, out = ceil(in / stride), and layers with it, for the plain models of this folder.

An odd kernel has dilation * (kernel - 1) / 2 zeros on both sides, whatever the stride. An even one has as few as give
so many outputs, half of them (rounded down) before the axis: none for a kernel that is as large as its stride where
that divides the axis.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Sizes = tuple[int, int, int]
ONE: Sizes = (1, 1, 1)


def same_pad(x: Tensor, kernel: Sizes, stride: Sizes = ONE, dilation: Sizes = ONE, value: float = 0.0) -> Tensor:
    """`x` (B, C, T, H, W) with `value` around it."""
    pads: list[int] = []
    for axis in (4, 3, 2):  # F.pad begins with the last axis
        n, k, s, d = x.shape[axis], kernel[axis - 2], stride[axis - 2], dilation[axis - 2]
        total = d * (k - 1)
        if k % 2 == 0:
            total = max(0, total + 1 + (out_size(n, s) - 1) * s - n)
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
        return super().forward(same_pad(x, self.kernel_size, self.stride, self.dilation))


def max_pool(x: Tensor, kernel: Sizes, stride: Sizes = ONE) -> Tensor:
    return F.max_pool3d(same_pad(x, kernel, stride, value=float("-inf")), kernel, stride)


def avg_pool(x: Tensor, kernel: Sizes, stride: Sizes = ONE) -> Tensor:
    """Mean of what lies inside; padding is not counted."""
    inside = F.avg_pool3d(same_pad(torch.ones_like(x), kernel, stride), kernel, stride)
    return F.avg_pool3d(same_pad(x, kernel, stride), kernel, stride) / inside


def out_size(n: int, stride: int) -> int:
    return -(-n // stride)

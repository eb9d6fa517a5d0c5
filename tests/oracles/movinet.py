"""MoViNet (Kondratyuk et al. 2021) in plain torch, with its tables of units; clips have as many rows as columns."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Unit = tuple[int, int, int, int]
"""Width, wide, frames and rows of the kernel."""
A0: tuple[tuple[Unit, ...], ...] = (
    ((8, 24, 1, 5),),
    ((32, 80, 3, 3), (32, 80, 3, 3), (32, 80, 3, 3)),
    ((56, 184, 5, 3), (56, 112, 3, 3), (56, 184, 3, 3)),
    ((56, 184, 5, 3), (56, 184, 3, 3), (56, 184, 3, 3), (56, 184, 3, 3)),
    ((104, 384, 5, 3), (104, 280, 1, 5), (104, 280, 1, 5), (104, 344, 1, 5)),
)
A1: tuple[tuple[Unit, ...], ...] = (
    ((16, 40, 1, 5), (16, 40, 3, 3)),
    ((40, 96, 3, 3), (40, 120, 3, 3), (40, 96, 3, 3), (40, 96, 3, 3)),
    ((64, 216, 5, 3), (64, 128, 3, 3), (64, 216, 3, 3), (64, 168, 3, 3), (64, 216, 3, 3)),
    (
        (64, 216, 5, 3),
        (64, 216, 3, 3),
        (64, 216, 3, 3),
        (64, 128, 3, 3),
        (64, 128, 1, 5),
        (64, 216, 3, 3),
    ),
    (
        (136, 456, 5, 3),
        (136, 360, 1, 5),
        (136, 360, 1, 5),
        (136, 360, 1, 5),
        (136, 456, 1, 5),
        (136, 456, 3, 3),
        (136, 544, 1, 3),
    ),
)
A2: tuple[tuple[Unit, ...], ...] = (
    ((16, 40, 1, 5), (16, 40, 3, 3), (16, 64, 3, 3)),
    ((40, 96, 3, 3), (40, 120, 3, 3), (40, 96, 3, 3), (40, 96, 3, 3), (40, 120, 3, 3)),
    ((72, 240, 5, 3), (72, 160, 3, 3), (72, 240, 3, 3), (72, 192, 3, 3), (72, 240, 3, 3)),
    (
        (72, 240, 5, 3),
        (72, 240, 3, 3),
        (72, 240, 3, 3),
        (72, 240, 3, 3),
        (72, 144, 1, 5),
        (72, 240, 3, 3),
    ),
    (
        (144, 480, 5, 3),
        (144, 384, 1, 5),
        (144, 384, 1, 5),
        (144, 480, 1, 5),
        (144, 480, 1, 5),
        (144, 480, 3, 3),
        (144, 576, 1, 3),
    ),
)
TABLES = {"a0": (A0, 8, 480), "a1": (A1, 16, 600), "a2": (A2, 16, 640)}
"""Of each network: the units of its blocks, the width of its stem, and that of its last convolution."""
KEPT = 3
"""The block that keeps rows and columns."""


def tf_pad(x: Tensor, kernel: int, stride: int) -> Tensor:
    """SAME padding of TensorFlow along rows and columns."""
    n = x.shape[-1]
    total = max(kernel - stride if n % stride == 0 else kernel - n % stride, 0)
    return F.pad(x, (total // 2, total - total // 2) * 2)


def norm(channels: int) -> nn.BatchNorm3d:
    return nn.BatchNorm3d(channels, eps=0.001)


class Gate(nn.Module):
    def __init__(self, channels: int, stream: bool) -> None:
        super().__init__()
        seen = 2 * channels if stream else channels
        narrow = max(8, int(seen / 4 + 4) // 8 * 8)
        narrow += 8 if narrow < 0.9 * (seen // 4) else 0
        self.squeeze, self.excite = nn.Conv3d(seen, narrow, 1), nn.Conv3d(narrow, channels, 1)
        self.stream = stream

    def forward(self, x: Tensor) -> Tensor:
        if not self.stream:
            means = x.mean(dim=(2, 3, 4), keepdim=True)
            return x * self.excite(F.silu(self.squeeze(means))).sigmoid()
        frames = x.mean(dim=(3, 4), keepdim=True)
        so_far = torch.stack([frames[:, :, : t + 1].mean(dim=2) for t in range(x.shape[2])], dim=2)
        return x * F.hardsigmoid(self.excite(F.hardswish(self.squeeze(torch.cat([so_far, frames], dim=1)))))


class Body(nn.Module):
    def __init__(self, before: int, unit: Unit, stride: int, stream: bool) -> None:
        super().__init__()
        width, wide, self.time, self.side = unit
        self.stride, self.act = stride, F.hardswish if stream else F.silu
        self.stream = stream
        self.first, self.first_norm = nn.Conv3d(before, wide, 1, bias=False), norm(wide)
        kernel = (1 if stream else self.time, self.side, self.side)
        self.space = nn.Conv3d(wide, wide, kernel, (1, stride, stride), groups=wide, bias=False)
        self.space_norm = norm(wide)
        self.apart = stream and self.time > 1
        if self.apart:
            self.along, self.along_norm = nn.Conv3d(wide, wide, (self.time, 1, 1), groups=wide, bias=False), norm(wide)
        self.gate = Gate(wide, stream)
        self.last, self.last_norm = nn.Conv3d(wide, width, 1, bias=False), norm(width)
        self.factor = nn.ParameterDict({"factor": nn.Parameter(torch.zeros(1))})

    def forward(self, x: Tensor) -> Tensor:
        x = tf_pad(self.act(self.first_norm(self.first(x))), self.side, self.stride)
        half = 0 if self.stream else self.time // 2
        x = self.act(self.space_norm(self.space(F.pad(x, (0, 0, 0, 0, half, half)))))
        if self.apart:
            x = self.act(self.along_norm(self.along(F.pad(x, (0, 0, 0, 0, self.time - 1, 0)))))
        return self.factor["factor"] * self.last_norm(self.last(self.gate(x)))


class Shortcut(nn.Module):
    def __init__(self, before: int, width: int) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv3d(before, width, 1, bias=False), norm(width)

    def forward(self, x: Tensor) -> Tensor:
        inside = F.avg_pool3d(tf_pad(torch.ones_like(x), 3, 2), (1, 3, 3), (1, 2, 2))
        return self.norm(self.conv(F.avg_pool3d(tf_pad(x, 3, 2), (1, 3, 3), (1, 2, 2)) / inside))


class MoViNet(nn.Module):
    """`parts` are its modules in their order."""

    def __init__(self, blocks: tuple[tuple[Unit, ...], ...], stem: int, top: int, classes: int, stream: bool) -> None:
        super().__init__()
        self.act = F.hardswish if stream else F.silu
        self.stem, self.stem_norm = nn.Conv3d(3, stem, (1, 3, 3), (1, 2, 2), bias=False), norm(stem)
        self.bodies, self.shortcuts = nn.ModuleList(), nn.ModuleDict()
        self.parts: list[nn.Module] = [self.stem, self.stem_norm]
        before = stem
        for b, units in enumerate(blocks):
            for i, unit in enumerate(units):
                smaller = i == 0 and b != KEPT
                self.bodies.append(Body(before, unit, 2 if smaller else 1, stream))
                self.parts.append(self.bodies[-1])
                if smaller:
                    name = str(len(self.bodies) - 1)
                    self.shortcuts[name] = Shortcut(before, unit[0])
                    self.parts.append(self.shortcuts[name])
                before = unit[0]
        self.top, self.top_norm = nn.Conv3d(before, top, 1, bias=False), norm(top)
        self.dense, self.last = nn.Linear(top, 2048), nn.Linear(2048, classes)
        self.parts += [self.top, self.top_norm, self.dense, self.last]

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.stem_norm(self.stem(tf_pad(x, 3, 2))))
        for i, body in enumerate(self.bodies):
            kept = self.shortcuts[str(i)](x) if str(i) in self.shortcuts else x
            x = kept + body(x)
        x = self.act(self.top_norm(self.top(x))).mean(dim=(2, 3, 4))
        return self.last(F.silu(self.dense(x)))

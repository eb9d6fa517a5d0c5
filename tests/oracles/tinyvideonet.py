"""Tiny Video Networks (Piergiovanni, Angelova, Ryoo 2019) in plain torch, written from their description.

The reading, found by the counts of TVN-1, TVN-3 and mobile-1 (parameters and multiply-adds, all six exact):

- SAME padding everywhere. No convolution has a bias but those of squeeze-excite and gates. BN has a weight and a bias.
- A block is repeated; repeat 0 has the strides, the others stride 1. The temporal layer is there in repeats 0, 2,
  4, ... and only if more than one frame comes in and its kernel is larger than 1. A spatial kernel of 1 is nothing.
- E = filters * expand. `inner` = E in an inverted block, else filters.
- Inverted first: conv 1x1x1 to E, BN, activation.
- `std`: conv 1x1x1 to `inner`, BN, activation, conv 1xkxk with the stride to `inner`, BN, activation. `depth`: the same
  with the second convolution depthwise. The 1x1x1 runs before the stride and is there in inverted blocks as well.
  Pools keep the width and have nothing behind them.
- Temporal `conv`: conv kx1x1 to `inner`, BN, activation.
- Not inverted, expand > 0: conv 1x1x1 to E, BN.
- Squeeze-excite (ratio > 0), then gate: of the width that is there, with biases.
- Inverted: conv 1x1x1 to filters, **with BN**.
- Skip, in every repeat whose frames stay as many: conv 1x1x1 (with the spatial stride if rows or columns changed) and
  BN of the block's input, **also where the shape is the same**, added.
- Activation.
- End: mean over T, H, W, dropout 0.5, dense with bias.
- Multiply-adds: all convolutions and the dense layer, those of squeeze-excite and gates once per clip.
- The spatial and the temporal layer have ReLU or hard-swish, as the authors' code says; everything else has ReLU.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch.nn.functional as F
from torch import Tensor, nn

from tests.oracles.same import Conv, avg_pool, max_pool, out_size


@dataclass(frozen=True)
class Part:
    """The spatial or temporal layer: kind `std`, `depth`, `conv` (temporal), `max` or `avg`."""

    kind: str
    kernel: int
    stride: int = 1


@dataclass(frozen=True)
class Block:
    spatial: Part
    temporal: Part
    filters: int
    expand: int
    repeats: int = 1
    ratio: float = 0.0
    gate: bool = False
    skip: bool = False
    inverted: bool = False
    spatial_hswish: bool = False
    temporal_hswish: bool = False


@dataclass(frozen=True)
class Design:
    frames: int
    frame_stride: int
    size: int
    blocks: tuple[Block, ...]


TVN_1 = Design(
    2,
    4,
    224,
    (
        Block(Part("std", 4, 2), Part("max", 2, 2), 64, 4, 2, gate=True),
        Block(Part("max", 3, 2), Part("conv", 1), 128, 4, 1, 0.9067600752736579),
        Block(Part("depth", 5, 3), Part("avg", 1), 128, 4, 2, skip=True, gate=True),
        Block(Part("std", 3, 2), Part("avg", 1), 256, 8, 2, 0.7265534208526172, gate=True),
    ),
)
TVN_3 = Design(
    8,
    2,
    160,
    (
        Block(Part("depth", 3, 2), Part("conv", 5, 2), 64, 3, 2, 0.6457257964198263, gate=True),
        Block(Part("depth", 3, 2), Part("conv", 1), 256, 5, 4, 0.9061418818635367, skip=True),
        Block(Part("depth", 5, 4), Part("max", 3, 2), 256, 2, 4, skip=True),
        Block(Part("std", 3, 2), Part("max", 3, 3), 512, 5, 4, gate=True),
    ),
)
MOBILE_1 = Design(
    2,
    1,
    224,
    (
        Block(Part("depth", 5, 4), Part("conv", 2), 32, 3, 4, 0.004598785768716973),
        Block(
            Part("depth", 5, 4),
            Part("max", 2),
            128,
            6,
            4,
            0.8589741047143076,
            inverted=True,
            spatial_hswish=True,
            temporal_hswish=True,
        ),
    ),
)


MOBILE_2 = Design(
    2,
    1,
    224,
    (
        Block(Part("depth", 5, 4), Part("conv", 2), 32, 3, 4, 0.004598785768716973, spatial_hswish=True),
        replace(MOBILE_1.blocks[1], repeats=3),
    ),
)
TVN_2 = Design(
    2,
    7,
    256,
    (
        Block(Part("depth", 5, 3), Part("conv", 2), 64, 4, 3, 0.06667482492426025, skip=True, gate=True),
        Block(Part("std", 4, 2), Part("max", 2, 2), 128, 4, 5, 0.693452618624749, skip=True, gate=True),
        Block(Part("depth", 4, 1), Part("conv", 1), 1024, 1, 6),
        Block(Part("avg", 3, 2), Part("conv", 1), 256, 4, 1, gate=True),
        Block(Part("avg", 4, 3), Part("conv", 1), 512, 4, 6, 0.9472192794783585),
        Block(Part("depth", 3, 3), Part("max", 1), 512, 4, 4),
        Block(Part("max", 2, 1), Part("max", 1), 348, 6, 1, gate=True),
    ),
)
TVN_4 = Design(
    8,
    4,
    128,
    (
        Block(Part("std", 5, 2), Part("conv", 3, 2), 64, 4, 5, 0.4775900391242449, skip=True),
        Block(Part("depth", 5, 2), Part("max", 2, 2), 256, 6, 4, gate=True),
        Block(Part("depth", 5, 3), Part("conv", 1), 256, 8, 4, 0.25309102981899967, gate=True),
    ),
)


class SqueezeExcite(nn.Module):
    def __init__(self, channels: int, ratio: float, least: int = 8) -> None:
        super().__init__()
        narrow = max(int(channels * ratio), least)
        self.squeeze, self.excite = Conv(channels, narrow, bias=True), Conv(narrow, channels, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean(dim=(2, 3, 4), keepdim=True)
        return x * self.excite(self.squeeze(mean).relu()).sigmoid()


class ContextGate(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gate = Conv(channels, channels, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(x.mean(dim=(2, 3, 4), keepdim=True)).sigmoid()


class Pool(nn.Module):
    def __init__(self, kind: str, kernel: tuple[int, int, int], stride: tuple[int, int, int]) -> None:
        super().__init__()
        self.pool, self.kernel, self.stride = max_pool if kind == "max" else avg_pool, kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(x, self.kernel, self.stride)


class Repeat(nn.Module):
    """Repeat number `index` of a block, for maps (B, before, frames, size, size)."""

    def __init__(self, block: Block, index: int, before: int, frames: int, size: int) -> None:
        super().__init__()
        first, wide = index == 0, block.filters * block.expand
        inner = wide if block.inverted else block.filters
        stride, time_stride = (block.spatial.stride, block.temporal.stride) if first else (1, 1)
        self.layers = nn.ModuleList()
        self.frames, self.size, width = frames, size, before

        def convolution(layer: Conv, active: bool = True, hswish: bool = False) -> int:
            self.layers.append(nn.Sequential(layer, nn.BatchNorm3d(layer.out_channels)))
            if active:
                self.layers.append(nn.Hardswish() if hswish else nn.ReLU())
            return layer.out_channels

        if block.inverted:
            width = convolution(Conv(width, wide))
        spatial, k = block.spatial, block.spatial.kernel
        if k > 1:
            if spatial.kind in ("std", "depth"):
                width = convolution(Conv(width, inner), hswish=block.spatial_hswish)
                groups = inner if spatial.kind == "depth" else 1
                layer = Conv(width, inner, (1, k, k), (1, stride, stride), groups=groups)
                width = convolution(layer, hswish=block.spatial_hswish)
            else:
                self.layers.append(Pool(spatial.kind, (1, k, k), (1, stride, stride)))
            self.size = out_size(size, stride)
        temporal, k = block.temporal, block.temporal.kernel
        if index % 2 == 0 and frames > 1 and k > 1:
            if temporal.kind == "conv":
                layer = Conv(width, inner, (k, 1, 1), (time_stride, 1, 1))
                width = convolution(layer, hswish=block.temporal_hswish)
            else:
                self.layers.append(Pool(temporal.kind, (k, 1, 1), (time_stride, 1, 1)))
            self.frames = out_size(frames, time_stride)
        if not block.inverted and block.expand > 0:
            width = convolution(Conv(width, wide), active=False)
        if block.ratio > 0:
            self.layers.append(SqueezeExcite(width, block.ratio))
        if block.gate:
            self.layers.append(ContextGate(width))
        if block.inverted:
            width = convolution(Conv(width, block.filters), active=False)
        self.width, self.shortcut = width, None
        if block.skip and self.frames == frames:
            stride = stride if self.size != size else 1
            self.shortcut = nn.Sequential(Conv(before, width, stride=(1, stride, stride)), nn.BatchNorm3d(width))

    def forward(self, x: Tensor) -> Tensor:
        kept = x
        for layer in self.layers:
            x = layer(x)
        if self.shortcut is not None:
            x = x + self.shortcut(kept)
        return F.relu(x)


class TinyVideoNet(nn.Module):
    """Clips (B, 3, frames, size, size) to logits (B, classes)."""

    def __init__(self, frames: int, size: int, blocks: Sequence[Block], classes: int = 339) -> None:
        super().__init__()
        self.repeats, width = nn.Sequential(), 3
        for block in blocks:
            for index in range(block.repeats):
                repeat = Repeat(block, index, width, frames, size)
                self.repeats.append(repeat)
                width, frames, size = repeat.width, repeat.frames, repeat.size
        self.dropout, self.dense = nn.Dropout(0.5), nn.Linear(width, classes)

    def forward(self, clip: Tensor) -> Tensor:
        return self.dense(self.dropout(self.repeats(clip).mean(dim=(2, 3, 4))))


def tiny_video_net(design: Design, classes: int = 339) -> TinyVideoNet:
    return TinyVideoNet(design.frames, design.size, design.blocks, classes)

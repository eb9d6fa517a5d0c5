"""X3D in plain torch, written from Feichtenhofer 2020 (table 1, section 3) and checked against the published sizes."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

WIDTHS, DEPTHS, GATES = (24, 48, 96, 192), (3, 5, 11, 7), (8, 8, 16, 32)
EXPANSION = 2.25


def conv(
    before: int, after: int, kernel: tuple[int, int, int] = (1, 1, 1), stride: int = 1, groups: int = 1
) -> nn.Conv3d:
    padding = tuple(size // 2 for size in kernel)
    return nn.Conv3d(before, after, kernel, (1, stride, stride), padding, groups=groups, bias=False)


class Gate(nn.Module):
    def __init__(self, channels: int, narrow: int):
        super().__init__()
        self.down, self.up = nn.Conv3d(channels, narrow, 1), nn.Conv3d(narrow, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean(dim=(2, 3, 4), keepdim=True)
        return x * torch.sigmoid(self.up(torch.relu(self.down(mean))))


class Block(nn.Module):
    def __init__(self, before: int, after: int, stride: int, gate: int | None):
        super().__init__()
        wide = int(EXPANSION * after)
        self.body = nn.Sequential(
            conv(before, wide),
            nn.BatchNorm3d(wide),
            nn.ReLU(),
            conv(wide, wide, (3, 3, 3), stride, groups=wide),
            nn.BatchNorm3d(wide),
            Gate(wide, gate) if gate else nn.Identity(),
            nn.SiLU(),
            conv(wide, after),
            nn.BatchNorm3d(after),
        )
        changes = stride > 1 or before != after
        self.way = (
            nn.Sequential(conv(before, after, stride=stride), nn.BatchNorm3d(after)) if changes else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.way(x) + self.body(x))


def _blocks() -> Iterator[Block]:
    before = WIDTHS[0]
    for width, depth, gate in zip(WIDTHS, DEPTHS, GATES, strict=True):
        for number in range(depth):
            yield Block(before, width, 1 if number else 2, None if number % 2 else gate)
            before = width


class X3D(nn.Module):
    def __init__(self, classes: int = 400):
        super().__init__()
        width, wide = WIDTHS[0], int(EXPANSION * WIDTHS[-1])
        self.stem = nn.Sequential(
            conv(3, width, (1, 3, 3), 2), conv(width, width, (5, 1, 1), groups=width), nn.BatchNorm3d(width), nn.ReLU()
        )
        self.blocks = nn.Sequential(*_blocks())
        self.head = nn.Sequential(conv(WIDTHS[-1], wide), nn.BatchNorm3d(wide), nn.ReLU(), nn.AdaptiveAvgPool3d(1))
        self.features = nn.Sequential(nn.Flatten(), nn.Linear(wide, 2048, bias=False), nn.ReLU(), nn.Dropout(0.5))
        self.classify = nn.Linear(2048, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.classify(self.features(self.head(self.blocks(self.stem(x)))))

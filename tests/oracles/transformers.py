"""TimeSformer with divided attention (Bertasius et al. 2021, section 4) and UniFormer (Li et al. 2022, section 3) in
plain torch, on sequences of tokens where the texts of the zoo work on maps."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Attention(nn.Module):
    """softmax(q k' / sqrt(d)) v in each head, of tokens (B, N, C)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        weights = (q @ k.transpose(2, 3) / q.shape[3] ** 0.5).softmax(dim=3)
        return self.out((weights @ v).transpose(1, 2).flatten(2))


class Perceptron(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(F.gelu(self.first(x)))


class Divided(nn.Module):
    """Attention in time, then in space: the class token takes part in the latter, as a copy for each frame."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.time_norm, self.time, self.time_out = norm(width), Attention(width, heads), nn.Linear(width, width)
        self.space_norm, self.space = norm(width), Attention(width, heads)
        self.last_norm, self.last = norm(width), Perceptron(width)

    def forward(self, token: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """`token` (B, 1, C) and `x` (B, T, HW, C)."""
        clips, frames = x.shape[:2]
        each = x.transpose(1, 2).flatten(0, 1)
        each = self.time_out(self.time(self.time_norm(each)))
        x = x + each.unflatten(0, (clips, -1)).transpose(1, 2)
        copies = token[:, None].expand(-1, frames, -1, -1)
        seen = self.space(self.space_norm(torch.cat([copies, x], dim=2).flatten(0, 1))).unflatten(0, (clips, frames))
        token, x = token + seen[:, :, :1].mean(dim=1), x + seen[:, :, 1:]
        return token + self.last(self.last_norm(token)), x + self.last(self.last_norm(x))


class TimeSformer(nn.Module):
    def __init__(
        self, frames: int, rows: int, classes: int, width: int = 768, heads: int = 12, depth: int = 12
    ) -> None:
        super().__init__()
        self.patches = nn.Conv3d(3, width, (1, 16, 16), (1, 16, 16))
        sizes = {"space": (rows * rows, width), "time": (frames, 1, width), "token": (width,), "of_token": (width,)}
        self.learned = nn.ParameterDict((name, nn.Parameter(torch.zeros(size))) for name, size in sizes.items())
        self.layers = nn.ModuleList(Divided(width, heads) for _ in range(depth))
        self.norm, self.dense = norm(width), nn.Linear(width, classes)

    def forward(self, clips: Tensor) -> Tensor:
        x = self.patches(clips).flatten(3).permute(0, 2, 3, 1) + self.learned["space"] + self.learned["time"]
        token = (self.learned["token"] + self.learned["of_token"]).expand(len(x), 1, -1)
        for layer in self.layers:
            token, x = layer(token, x)
        return self.dense(self.norm(token[:, 0]))


class Local(nn.Module):
    """Relations of neighbours: a depthwise convolution between two linear layers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.position = nn.Conv3d(width, width, 3, padding=1, groups=width)
        self.norm, self.first = nn.BatchNorm3d(width), nn.Conv3d(width, width, 1)
        self.near, self.second = nn.Conv3d(width, width, 5, padding=2, groups=width), nn.Conv3d(width, width, 1)
        self.last_norm, self.last = nn.BatchNorm3d(width), Perceptron(width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.position(x)
        x = x + self.second(self.near(self.first(self.norm(x))))
        return x + self.last(self.last_norm(x).movedim(1, -1)).movedim(-1, 1)


class Global(nn.Module):
    """Relations of all positions of the clip."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.position = nn.Conv3d(width, width, 3, padding=1, groups=width)
        self.norm, self.attention = norm(width), Attention(width, heads)
        self.last_norm, self.last = norm(width), Perceptron(width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.position(x)
        tokens = x.flatten(2).transpose(1, 2)
        tokens = tokens + self.attention(self.norm(tokens))
        tokens = tokens + self.last(self.last_norm(tokens))
        return tokens.transpose(1, 2).reshape(x.shape)


class UniFormer(nn.Module):
    """`depths`: the blocks of its four stages."""

    def __init__(self, depths: tuple[int, ...], classes: int) -> None:
        super().__init__()
        self.stages = nn.ModuleList()
        before = 3
        for stage, (width, depth) in enumerate(zip((64, 128, 320, 512), depths, strict=True)):
            patches = nn.Conv3d(before, width, (1, 2, 2), (1, 2, 2))
            if stage == 0:
                patches = nn.Conv3d(before, width, (3, 4, 4), (2, 4, 4), (1, 0, 0))
            blocks = [Local(width) if stage < 2 else Global(width, width // 64) for _ in range(depth)]
            self.stages.append(nn.ModuleList([patches, nn.LayerNorm(width), *blocks]))
            before = width
        self.norm, self.dense = nn.BatchNorm3d(before), nn.Linear(before, classes)

    def forward(self, x: Tensor) -> Tensor:
        for patches, layer_norm, *blocks in self.stages:  # type: ignore[misc]
            x = layer_norm(patches(x).movedim(1, -1)).movedim(-1, 1)
            for block in blocks:
                x = block(x)
        return self.dense(self.norm(x).mean(dim=(2, 3, 4)))


def norm(width: int) -> nn.LayerNorm:
    return nn.LayerNorm(width, eps=1e-6)

"""EvaNet (Piergiovanni et al., ICCV 2019) in plain torch, written from its description.

The reading, found by the count of network A (400 classes, 32 804 188 parameters):

- SAME padding except in the last average pool. No convolution has a bias but the one to the classes.
- Stem: a space-time layer [t, 7, 7] with stride 2 along all axes to 64 channels, BN, ReLU. (2+1)-D is time first:
  conv tx1x1 to 64 // 2 (stride 2 along time), BN, ReLU, then conv 1x7x7 (stride 2 in space).
- Branches of a module, of width f = width // n: `1x1`: conv, BN. `conv`: conv 1x1x1 to f // 2, BN, ReLU, space-time
  layer to f, BN. `conv2`: conv 1x1x1 to f // 4, BN, ReLU, space-time layer to f // 2, BN, ReLU, space-time layer to f,
  BN. `pool`: max pool [t, 3, 3] stride 1, conv 1x1x1 to f, BN. No ReLU at the end of a branch.
- (2+1)-D of length 1 in a module keeps its two convolutions, tx1x1 with t = 1 and 1xkxk.
- Repeats 1, 3, ... (counted from 0) have t = 1 in all their convolutions; pools keep theirs. **iTGM of length 1 is the
  plain convolution 1xkxk with k * k * C_in * C_out parameters** (with the mixture the count would be 33 996 204).
- ReLU(concat(branches) + shortcut); the shortcut is a 1x1x1 convolution and BN on the first repeat of every group, also
  where the width does not change, and the input itself after it.
- iTGM: k * k * C_in * C_out + 4 * C_in * C_out + 8 parameters, whatever its length.
- Max pool [p1, 3, 3] with stride 2 along all axes; then [p1, 2, 2], [p3, 2, 2], [p4, 2, 2] with stride (1, 2, 2)
  in front of groups 2, 3 and 4.
- End: average pool over (min(T, 2), H, W) with stride 1, dropout 0.5, conv 1x1x1 to the classes with bias, mean.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.oracles.same import ONE, Conv, Sizes, max_pool, same_pad


@dataclass(frozen=True)
class Branch:
    """`kind`: 1x1, conv, conv2 or pool; `layers` the types (3d, 2plus1, itgm) and `times` the lengths of its layers."""

    kind: str
    layers: tuple[str, ...] = ()
    times: tuple[int, ...] = ()


@dataclass(frozen=True)
class Group:
    repeats: int
    branches: tuple[Branch, ...]


def pool(t: int) -> Branch:
    return Branch("pool", (), (t,))


def conv(layer: str, t: int) -> Branch:
    return Branch("conv", (layer,), (t,))


A_STEM, A_POOLS = ("2plus1", 3), (1, 1, 9)
A_GROUPS = (
    Group(2, (conv("3d", 1), pool(7))),
    Group(4, (pool(3), Branch("1x1"), conv("3d", 1), Branch("1x1"), conv("3d", 5))),
    Group(5, (pool(7), Branch("1x1"), conv("itgm", 11), pool(11))),
    Group(3, (pool(11), conv("3d", 1), conv("itgm", 3))),
)
"""Network A; the pools are p1, p3 and p4."""
WIDTHS = (256, 512, 1024, 2048)


class ITGM(nn.Module):
    """Inflated temporal Gaussian mixture: a spatial kernel times a mixture of 4 curves along time."""

    def __init__(self, before: int, channels: int, length: int, kernel: int = 3, stride: Sizes = ONE) -> None:
        super().__init__()
        self.length, self.stride, self.kernel = length, stride, (length, kernel, kernel)
        self.spatial = nn.Parameter(torch.randn(channels, before, 1, kernel, kernel) / math.sqrt(before * kernel**2))
        self.mixing = nn.Parameter(torch.randn(4, channels, before) / 10)
        self.centres, self.widths = nn.Parameter(torch.randn(4) / 2), nn.Parameter(torch.randn(4) / 2)

    def curves(self) -> Tensor:
        """f (4, length)."""
        places = torch.arange(self.length, dtype=self.centres.dtype, device=self.centres.device)
        centres = (self.length - 1) * (self.centres.tanh() + 1) / 2
        widths = torch.exp(1.5 - 2 * self.widths.tanh().abs())
        away = (places[None] - centres[:, None]) / widths[:, None]
        curves = 1 / (math.pi * widths[:, None] * away**2 + 1)
        return curves / (curves.sum(dim=1, keepdim=True) + 1e-6)

    def forward(self, x: Tensor) -> Tensor:
        along_time = torch.einsum("moi,ml->oil", self.mixing.softmax(dim=0), self.curves())
        return F.conv3d(
            same_pad(x, self.kernel, self.stride), self.spatial * along_time[..., None, None], stride=self.stride
        )


def space_time(kind: str, before: int, channels: int, t: int, kernel: int = 3, stride: Sizes = ONE) -> nn.Module:
    if kind == "3d" or (kind == "itgm" and t == 1):
        return Conv(before, channels, (t, kernel, kernel), stride)
    if kind == "itgm":
        return ITGM(before, channels, t, kernel, stride)
    half = channels // 2
    return nn.Sequential(
        Conv(before, half, (t, 1, 1), (stride[0], 1, 1)),
        nn.BatchNorm3d(half),
        nn.ReLU(),
        Conv(half, channels, (1, kernel, kernel), (1, *stride[1:])),
    )


class MaxPool(nn.Module):
    def __init__(self, kernel: Sizes, stride: Sizes = ONE) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        return max_pool(x, self.kernel, self.stride)


def branch_layers(branch: Branch, before: int, width: int, flat: bool) -> nn.Sequential:
    """`flat`: convolutions have length 1."""
    if branch.kind == "1x1":
        return nn.Sequential(Conv(before, width), nn.BatchNorm3d(width))
    if branch.kind == "pool":
        return nn.Sequential(MaxPool((branch.times[0], 3, 3)), Conv(before, width), nn.BatchNorm3d(width))
    widths = (width // 2, width) if branch.kind == "conv" else (width // 4, width // 2, width)
    layers: list[nn.Module] = [Conv(before, widths[0])]
    for i, (kind, t) in enumerate(zip(branch.layers, branch.times, strict=True)):
        layers += [nn.BatchNorm3d(widths[i]), nn.ReLU()]
        layers.append(space_time(kind, widths[i], widths[i + 1], 1 if flat else t))
    return nn.Sequential(*layers, nn.BatchNorm3d(width))


class Module(nn.Module):
    """Repeat number `index` of a group."""

    def __init__(self, branches: Sequence[Branch], index: int, before: int, width: int) -> None:
        super().__init__()
        each = width // len(branches)
        self.width = each * len(branches)
        self.branches = nn.ModuleList(branch_layers(b, before, each, index % 2 == 1) for b in branches)
        self.shortcut = None
        if index == 0:
            self.shortcut = nn.Sequential(Conv(before, self.width), nn.BatchNorm3d(self.width))

    def forward(self, x: Tensor) -> Tensor:
        kept = x if self.shortcut is None else self.shortcut(x)
        return (torch.cat([branch(x) for branch in self.branches], dim=1) + kept).relu()


class EvaNet(nn.Module):
    """Clips (B, 3, T, H, W) to logits (B, classes)."""

    def __init__(
        self,
        stem: tuple[str, int] = A_STEM,
        pools: Sequence[int] = A_POOLS,
        groups: Sequence[Group] = A_GROUPS,
        classes: int = 400,
        widths: Sequence[int] = WIDTHS,
        stem_width: int = 64,
    ) -> None:
        super().__init__()
        first, third, fourth = pools
        self.body = nn.Sequential(
            space_time(stem[0], 3, stem_width, stem[1], 7, (2, 2, 2)),
            nn.BatchNorm3d(stem_width),
            nn.ReLU(),
            MaxPool((first, 3, 3), (2, 2, 2)),
        )
        before = stem_width
        for i, (group, width) in enumerate(zip(groups, widths, strict=True)):
            if i > 0:
                self.body.append(MaxPool(((first, third, fourth)[i - 1], 2, 2), (1, 2, 2)))
            for index in range(group.repeats):
                module = Module(group.branches, index, before, width)
                self.body.append(module)
                before = module.width
        self.dropout, self.dense = nn.Dropout(0.5), Conv(before, classes, bias=True)

    def forward(self, clip: Tensor) -> Tensor:
        x = self.body(clip)
        x = F.avg_pool3d(x, (min(x.shape[2], 2), *x.shape[3:]), stride=1)
        return self.dense(self.dropout(x)).mean(dim=(2, 3, 4))

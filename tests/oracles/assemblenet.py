"""AssembleNet (Ryoo et al., ICLR 2020) in plain torch, written from its description.

The reading, found by the published count of AssembleNet-50 (339 classes, 37 273 903 parameters):

- RGB stem: conv 1x7x7 stride (1, 2, 2) to 128 // stems channels, BN, ReLU; conv 5x1x1 of the same width with temporal
  dilation r, BN, ReLU; max pool 1x3x3 stride (1, 2, 2). Flow stem: representation flow (2 channels), conv 1x7x7 stride
  (1, 2, 2), BN, ReLU, max pool 1x2x2 stride (1, 2, 2). No convolution has a bias; every BN has a weight and a bias.
- Fusion of k > 1 inputs: each is max-pooled to the smallest rows and columns among them and multiplied by its weight;
  inputs of equal width are summed. A sum narrower than the widest goes through a 1x1x1 convolution (no BN, no bias) to
  the greatest width; **the sum that already has that width has no convolution** (with one the count would be
  38 521 135). All are added. One input is passed through, and has no weight.
- **Edge weights count as parameters, given or learned**: 28 of them in AssembleNet-50, one for every input of a node
  with several. Given ones are used as they are (they are what a sigmoid gave) and take no gradient; of learned ones
  the sigmoid is taken.
- Node (level, C, r, stride): depth[level] modules. Step 0, 2, ...: conv 1x1x1 to C; step 1, 3, ...: conv 3x1x1 to C
  with temporal dilation r. BN, ReLU. Conv 1x3x3 to (64, 128, 256, 512)[level], with the node's stride in space on step
  0, BN, ReLU. Conv 1x1x1 to 4C, BN whose weight starts at 0. Plus the shortcut: on step 0 a 1x1x1 convolution to 4C
  with the node's stride and BN (also where the shape does not change), later the input itself. ReLU.
- Head: mean over T, H, W of every node of level 3, the mean of these vectors, dense with bias.
- Flow is computed with constants: it has no parameters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.oracles.same import Conv, max_pool

DEPTHS = {
    26: (2, 2, 2, 2),
    38: (2, 4, 4, 2),
    50: (3, 4, 6, 3),
    68: (3, 4, 12, 3),
    77: (3, 4, 15, 3),
    101: (3, 4, 23, 3),
}
WIDE = (64, 128, 256, 512)


@dataclass(frozen=True)
class Stem:
    kind: str  # "rgb" or "flow"
    dilation: int


@dataclass(frozen=True)
class Node:
    level: int
    inputs: tuple[int, ...]
    channels: int
    dilation: int
    stride: int
    weights: tuple[float, ...] | None = None  # after the sigmoid; None: learned


STEMS_50 = (Stem("rgb", 4), Stem("rgb", 4), Stem("flow", 1), Stem("flow", 1))
NODES_50 = (
    Node(0, (1,), 32, 1, 1),
    Node(0, (0,), 32, 4, 1),
    Node(0, (0, 1, 2, 3), 32, 1, 1, (0.13810564577579498, 0.8465337157249451, 0.3072969317436218, 0.2867436408996582)),
    Node(0, (2, 3), 32, 2, 1, (0.5846117734909058, 0.6066334843635559)),
    Node(
        1,
        (0, 4, 5, 6, 7),
        64,
        2,
        2,
        (0.16382087767124176, 0.8852924704551697, 0.4039595425128937, 0.6823437809944153, 0.5331538319587708),
    ),
    Node(
        1, (0, 2, 4, 7), 64, 1, 2, (0.028569204732775688, 0.10333596915006638, 0.7517264485359192, 0.9260114431381226)
    ),
    Node(1, (0, 5, 7), 64, 4, 2, (0.28832191228866577, 0.7627848982810974, 0.404977947473526)),
    Node(1, (0, 5), 64, 1, 2, (0.23474831879138947, 0.7841425538063049)),
    Node(
        2, (4, 8, 10, 11), 256, 1, 2, (0.27616503834724426, 0.9514784812927246, 0.6568767428398132, 0.9547983407974243)
    ),
    Node(2, (8, 9), 256, 4, 2, (0.5047007203102112, 0.8876819610595703)),
    Node(3, (12, 13), 512, 2, 2, (0.9892204403877258, 0.8454614877700806)),
)
"""Nodes 4 to 14 of AssembleNet-50; 0 to 3 are the stems."""


def representation_flow(
    clip: Tensor, iterations: int = 40, theta: float = 0.3, weight: float = 0.15, tau: float = 0.25
) -> Tensor:
    """Clips (B, C, T, H, W) to flow (B, 2, T, H, W) in pixels: along columns, along rows. TV-L1 without a pyramid.

    The mean of the channels is stretched to 0..255 in every clip. Frame t is compared with t + 1, the last with itself.
    """
    grey = clip.mean(dim=1)
    least, most = grey.amin(dim=(1, 2, 3), keepdim=True), grey.amax(dim=(1, 2, 3), keepdim=True)
    grey = 255 * (grey - least) / (most - least).clamp_min(1e-12)
    after = torch.cat([grey[:, 1:], grey[:, -1:]], dim=1)
    rows, columns = grey.shape[-2:]
    before, after = grey.reshape(-1, 1, rows, columns), after.reshape(-1, 1, rows, columns)

    def slope(image: Tensor, dim: int) -> Tensor:  # half the difference of the neighbours; at an edge its own value
        one = (1, 1, 0, 0) if dim == 3 else (0, 0, 1, 1)
        kernel = image.new_tensor([-0.5, 0, 0.5]).reshape((1, 1, 1, 3) if dim == 3 else (1, 1, 3, 1))
        return F.conv2d(F.pad(image, one, mode="replicate"), kernel)

    def forward_difference(u: Tensor, dim: int) -> Tensor:  # 0 in the last row or column
        kernel = u.new_tensor([-1, 1.0]).reshape((1, 1, 1, 2) if dim == 3 else (1, 1, 2, 1))
        return F.conv2d(F.pad(u, (0, 1, 0, 0) if dim == 3 else (0, 0, 0, 1), mode="replicate"), kernel)

    def backward_difference(p: Tensor, dim: int) -> Tensor:  # minus the adjoint of the forward difference
        inner = p.narrow(dim, 0, p.shape[dim] - 1)
        kernel = p.new_tensor([-1, 1.0]).reshape((1, 1, 1, 2) if dim == 3 else (1, 1, 2, 1))
        return F.conv2d(F.pad(inner, (1, 1, 0, 0) if dim == 3 else (0, 0, 1, 1)), kernel)

    gx, gy = slope(after, 3), slope(after, 2)
    square = gx * gx + gy * gy
    step = weight * theta
    u, v = torch.zeros_like(before), torch.zeros_like(before)
    duals = [torch.zeros_like(before) for _ in range(4)]
    for _ in range(iterations):
        rho = after - before + gx * u + gy * v
        # The threshold step: back along the gradient until rho is 0, at most by weight * theta.
        factor = (-rho / square.clamp_min(1e-12)).clamp(-step, step)
        u = u + factor * gx + theta * (backward_difference(duals[0], 3) + backward_difference(duals[1], 2))
        v = v + factor * gy + theta * (backward_difference(duals[2], 3) + backward_difference(duals[3], 2))
        slopes = [forward_difference(w, dim) for w in (u, v) for dim in (3, 2)]
        norms = [torch.sqrt(slopes[i] ** 2 + slopes[i + 1] ** 2) for i in (0, 0, 2, 2)]
        rate = tau / theta
        duals = [(p + rate * s) / (1 + rate * n) for p, s, n in zip(duals, slopes, norms, strict=True)]
    flow = torch.cat([u, v], dim=1)
    return flow.reshape(clip.shape[0], clip.shape[2], 2, rows, columns).transpose(1, 2)


class RgbStem(nn.Module):
    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.space = Conv(3, channels, (1, 7, 7), (1, 2, 2))
        self.space_bn = nn.BatchNorm3d(channels)
        self.time = Conv(channels, channels, (5, 1, 1), dilation=(dilation, 1, 1))
        self.time_bn = nn.BatchNorm3d(channels)

    def forward(self, clip: Tensor) -> Tensor:
        x = self.space_bn(self.space(clip)).relu()
        return max_pool(self.time_bn(self.time(x)).relu(), (1, 3, 3), (1, 2, 2))


class FlowStem(nn.Module):
    def __init__(self, channels: int, iterations: int) -> None:
        super().__init__()
        self.iterations = iterations
        self.space = Conv(2, channels, (1, 7, 7), (1, 2, 2))
        self.space_bn = nn.BatchNorm3d(channels)

    def forward(self, clip: Tensor) -> Tensor:
        x = self.space_bn(self.space(representation_flow(clip, self.iterations))).relu()
        return max_pool(x, (1, 2, 2), (1, 2, 2))


class Fusion(nn.Module):
    """Several maps (B, C_i, T, H_i, W_i) to one (B, max C_i, T, min H_i, min W_i)."""

    def __init__(self, widths: Sequence[int], given: Sequence[float] | None = None) -> None:
        super().__init__()
        self.widths, self.widest = tuple(widths), max(widths)
        self.given = given is not None
        if len(widths) > 1:
            start = torch.zeros(len(widths)) if given is None else torch.tensor(given)
            self.edges = nn.Parameter(start, requires_grad=given is None)
        narrow = dict.fromkeys(w for w in widths if w != self.widest)
        self.widen = nn.ModuleDict({str(width): Conv(width, self.widest) for width in narrow})

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        if len(inputs) == 1:
            return inputs[0]
        weights = self.edges if self.given else self.edges.sigmoid()
        rows, columns = min(x.shape[3] for x in inputs), min(x.shape[4] for x in inputs)
        sums: dict[int, Tensor] = {}
        for x, weight, width in zip(inputs, weights, self.widths, strict=True):
            pooled = weight * F.adaptive_max_pool3d(x, (x.shape[2], rows, columns))
            sums[width] = sums[width] + pooled if width in sums else pooled
        return sum(x if width == self.widest else self.widen[str(width)](x) for width, x in sums.items())


class Module(nn.Module):
    """One step of a node."""

    def __init__(self, before: int, channels: int, wide: int, dilation: int, stride: int, step: int) -> None:
        super().__init__()
        if step % 2 == 0:
            self.first = Conv(before, channels)
        else:
            self.first = Conv(before, channels, (3, 1, 1), dilation=(dilation, 1, 1))
        self.first_bn = nn.BatchNorm3d(channels)
        strides = (1, stride, stride)
        self.space = Conv(channels, wide, (1, 3, 3), strides)
        self.space_bn = nn.BatchNorm3d(wide)
        self.last = Conv(wide, 4 * channels)
        self.last_bn = nn.BatchNorm3d(4 * channels)
        nn.init.zeros_(self.last_bn.weight)
        self.shortcut = None
        if step == 0:
            convolution = Conv(before, 4 * channels, stride=strides)
            self.shortcut = nn.Sequential(convolution, nn.BatchNorm3d(4 * channels))

    def forward(self, x: Tensor) -> Tensor:
        kept = x if self.shortcut is None else self.shortcut(x)
        x = self.first_bn(self.first(x)).relu()
        x = self.space_bn(self.space(x)).relu()
        return (kept + self.last_bn(self.last(x))).relu()


class AssembleNet(nn.Module):
    """Clips (B, 3, T, H, W) to logits (B, classes)."""

    def __init__(
        self,
        stems: Sequence[Stem] = STEMS_50,
        nodes: Sequence[Node] = NODES_50,
        classes: int = 339,
        depth: Sequence[int] = DEPTHS[50],
        stem_width: int = 128,
        iterations: int = 40,
        per_frame: bool = False,
    ) -> None:
        super().__init__()
        width = stem_width // len(stems)
        self.stems = nn.ModuleList(
            RgbStem(width, stem.dilation) if stem.kind == "rgb" else FlowStem(width, iterations) for stem in stems
        )
        widths = [width] * len(stems)
        self.inputs = [node.inputs for node in nodes]
        self.last = [i for i, node in enumerate(nodes) if node.level == 3]
        self.fusions, self.nodes = nn.ModuleList(), nn.ModuleList()
        for node in nodes:
            fusion = Fusion([widths[i] for i in node.inputs], node.weights)
            self.fusions.append(fusion)
            steps, before = nn.Sequential(), fusion.widest
            for step in range(depth[node.level]):
                stride = node.stride if step == 0 else 1
                steps.append(Module(before, node.channels, WIDE[node.level], node.dilation, stride, step))
                before = 4 * node.channels
            self.nodes.append(steps)
            widths.append(before)
        self.per_frame = per_frame
        self.dense = nn.Linear(widths[-1], classes)

    def features(self, clip: Tensor) -> list[Tensor]:
        """The maps of all nodes of level 3."""
        made = [stem(clip) for stem in self.stems]
        for inputs, fusion, node in zip(self.inputs, self.fusions, self.nodes, strict=True):
            made.append(node(fusion([made[i] for i in inputs])))
        return [made[len(self.stems) + i] for i in self.last]

    def forward(self, clip: Tensor) -> Tensor:
        maps = self.features(clip)
        if self.per_frame:
            return frame_logits(sum(x.mean(dim=(3, 4)) for x in maps) / len(maps), self.dense)
        return self.dense(sum(x.mean(dim=(2, 3, 4)) for x in maps) / len(maps))


def frame_logits(features: Tensor, dense: nn.Linear) -> Tensor:
    """For long clips: features (B, C, T) to sum_t z_t * softmax_t(z_t / sqrt(T)), z_t the logits of frame t."""
    logits = dense(features.transpose(1, 2))
    return (logits * F.softmax(logits / math.sqrt(logits.shape[1]), dim=1)).sum(dim=1)

"""Changes of training clips on their device, the same for all frames of a clip: time is left as it is.

The operations are those of RandAugment (Cubuk et al. 2020) except equalize, with its ranges as torchvision has them.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

OPERATIONS_OF_A_CLIP = 2
_GREY = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class Augment:
    """`colour`: brightness, contrast and saturation vary by factors of 1 - colour .. 1 + colour; `magnitude` (0 to 10)
    of two random operations; 0 is off."""

    colour: float = 0.0
    magnitude: int = 0

    def __bool__(self) -> bool:
        return bool(self.colour or self.magnitude)

    def __call__(self, clip: Tensor, draw: random.Random) -> Tensor:
        """clip: (3, T, H, W), 0 to 1."""
        if self.colour:
            for change in (_brightness, _contrast, _saturation):
                clip = change(clip, draw.uniform(1 - self.colour, 1 + self.colour))
        if self.magnitude:
            for _ in range(OPERATIONS_OF_A_CLIP):
                clip = draw.choice(OPERATIONS)(clip, self.magnitude / 10, draw.choice((-1, 1)))
        return clip


def _blend(clip: Tensor, other: Tensor, factor: float) -> Tensor:
    """factor 0: the other, 1: the clip, above: further away from the other."""
    return torch.lerp(other.expand_as(clip), clip, factor).clamp_(0, 1)


def _grey(clip: Tensor) -> Tensor:
    return torch.tensordot(clip.new_tensor(_GREY), clip, dims=1)[None]


def _brightness(clip: Tensor, factor: float) -> Tensor:
    return (clip * factor).clamp_(0, 1)


def _contrast(clip: Tensor, factor: float) -> Tensor:
    return _blend(clip, _grey(clip).mean(), factor)


def _saturation(clip: Tensor, factor: float) -> Tensor:
    return _blend(clip, _grey(clip), factor)


def _sharpness(clip: Tensor, factor: float) -> Tensor:
    """0: blurred by 3 x 3 pixels."""
    kernel = clip.new_tensor([[1, 1, 1], [1, 5, 1], [1, 1, 1]]) / 13
    frames = clip.flatten(0, 1)[:, None]
    blurred = F.conv2d(F.pad(frames, (1, 1, 1, 1), mode="replicate"), kernel[None, None])
    return _blend(clip, blurred.view_as(clip), factor)


def _posterised(clip: Tensor, magnitude: float) -> Tensor:
    step = 2.0 ** round(4 * magnitude)
    return (clip * 255 / step).floor_() * step / 255


def _solarised(clip: Tensor, magnitude: float) -> Tensor:
    return torch.where(clip >= 1 - magnitude, 1 - clip, clip)


def _stretched(clip: Tensor) -> Tensor:
    low, high = clip.amin(dim=(1, 2, 3), keepdim=True), clip.amax(dim=(1, 2, 3), keepdim=True)
    return torch.where(high > low, (clip - low) / (high - low).clamp_min(1e-6), clip)


def _moved(clip: Tensor, rows: tuple[tuple[float, float, float], tuple[float, float, float]]) -> Tensor:
    """An affine map from where a pixel goes to where it comes from, in -1 .. 1 over a square picture; black outside."""
    height, width = clip.shape[2:]
    (a, b, c), (d, e, f) = rows
    theta = clip.new_tensor([[a, b * height / width, c], [d * width / height, e, f]])
    grid = F.affine_grid(theta[None], [1, 1, height, width], align_corners=False)
    frames = clip.flatten(0, 1)[None]
    return F.grid_sample(frames, grid, align_corners=False).view_as(clip)


def _rotated(clip: Tensor, magnitude: float, sign: int) -> Tensor:
    angle = sign * magnitude * math.pi / 6
    cosine, sine = math.cos(angle), math.sin(angle)
    return _moved(clip, ((cosine, -sine, 0), (sine, cosine, 0)))


Operation = Callable[[Tensor, float, int], Tensor]
"""A clip, how strongly (0 to 1), and in which direction (-1 or 1)."""

OPERATIONS: tuple[Operation, ...] = (
    lambda clip, m, sign: clip,
    lambda clip, m, sign: _brightness(clip, 1 + 0.9 * m * sign),
    lambda clip, m, sign: _contrast(clip, 1 + 0.9 * m * sign),
    lambda clip, m, sign: _saturation(clip, 1 + 0.9 * m * sign),
    lambda clip, m, sign: _sharpness(clip, 1 + 0.9 * m * sign),
    lambda clip, m, sign: _posterised(clip, m),
    lambda clip, m, sign: _solarised(clip, m),
    lambda clip, m, sign: _stretched(clip),
    _rotated,
    lambda clip, m, sign: _moved(clip, ((1, 0.3 * m * sign, 0), (0, 1, 0))),
    lambda clip, m, sign: _moved(clip, ((1, 0, 0), (0.3 * m * sign, 1, 0))),
    lambda clip, m, sign: _moved(clip, ((1, 0, 0.9 * m * sign), (0, 1, 0))),
    lambda clip, m, sign: _moved(clip, ((1, 0, 0), (0, 1, 0.9 * m * sign))),
)

"""How a synthetic video looks: a random pattern on a torus in front of a random still background.

Both are sums of random plane waves that are periodic in the frame, so the pattern has no border, can be moved exactly
by any fraction of a pixel (a change of phase), and looks the same at every position.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_PATTERN_WAVES = 10
_BACKGROUND_WAVES = 6


class _Waves:
    """A random smooth periodic field of unit variance: sum of cos(2 pi (ky y + kx x) + phase)."""

    def __init__(self, generator: np.random.Generator, count: int, finest: float, height: int, width: int):
        aspect = width / height
        angle = generator.uniform(0.0, np.pi, count)
        # Whole numbers of waves per frame, about the same wave length along both axes.
        length = generator.uniform(1.0, finest, count)
        ky = np.rint(length * np.sin(angle))
        kx = np.rint(length * aspect * np.cos(angle))
        kx[(ky == 0) & (kx == 0)] = 1.0
        self.ky, self.kx = ky, kx
        self.amplitude = np.exp(2j * np.pi * generator.random(count)) * np.sqrt(2.0 / count)
        self.rows = np.exp(2j * np.pi * np.outer(np.arange(height) / height, ky))  # (H, waves)
        self.columns = np.exp(2j * np.pi * np.outer(np.arange(width) / width, kx))  # (W, waves)
        self.aspect = aspect

    def at(self, y: float, x: float) -> Array:
        """(H, W): the field moved by y and x, both in heights of the frame."""
        moved = self.amplitude * np.exp(-2j * np.pi * (self.ky * y + self.kx * x / self.aspect))
        # Not `@`: the threads of a BLAS fight with ours over so small a product, and its sums differ between machines.
        field: Array = np.einsum("yk,xk->yx", self.rows * moved, self.columns, optimize=False).real
        return field


def random_field(generator: np.random.Generator, height: int, width: int) -> Array:
    """(H, W): a random smooth periodic field of unit variance."""
    return _Waves(generator, _PATTERN_WAVES, 3.0, height, width).at(0.0, 0.0)


class Scene:
    """One random appearance at one size; `frame` draws it with the pattern at a position."""

    def __init__(self, generator: np.random.Generator, height: int, width: int):
        self.shape = _Waves(generator, _PATTERN_WAVES, 2.75, height, width)
        background = _Waves(generator, _BACKGROUND_WAVES, 3.0, height, width).at(0.0, 0.0)
        ground, figure = _two_colours(generator)
        shade = generator.uniform(-30.0, 30.0, 3)
        self.ground = ground + background[:, :, None] * shade  # (H, W, 3)
        self.figure = figure
        self.sharpness = generator.uniform(2.0, 5.0)

    def frame(self, y: float, x: float) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB."""
        mask = 1.0 / (1.0 + np.exp(-self.sharpness * self.shape.at(y, x)))[:, :, None]
        picture = self.ground * (1.0 - mask) + self.figure * mask
        return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def _two_colours(generator: np.random.Generator) -> tuple[Array, Array]:
    """Two RGB colours that differ clearly in brightness; either may be the brighter one."""
    while True:
        first, second = generator.uniform(20.0, 235.0, (2, 3))
        if abs(float((first - second) @ np.array([0.299, 0.587, 0.114]))) > 105.0:
            return first, second

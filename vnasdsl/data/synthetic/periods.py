"""The classes of the task `periods`: random textures, one a frame, that repeat after k frames, for k = 1 to 8.

A still texture, a new texture in every frame and noise lie over them, so a single frame looks the same in every class.
A network must compare frames k apart for every k: what its temporal convolutions reach, and in which steps, decides how
well it can.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vnasdsl.data.synthetic.appearance import random_field

# Standard deviations in grey levels. Without the new textures every network whose convolutions reach far enough scores
# 100 %.
_REPEATED, _STILL, _NEW, _NOISE = 32.0, 20.0, 20.0, 13.0


@dataclass(frozen=True)
class Period:
    """A class: the number of frames after which the textures repeat."""

    frames: int

    @property
    def name(self) -> str:
        return f"Period{self.frames}"

    def pictures(
        self, length: int, height: int, width: int, generator: np.random.Generator
    ) -> Iterator[NDArray[np.uint8]]:
        """`length` frames (H, W, 3) uint8 RGB."""
        repeated = [random_field(generator, height, width) for _ in range(self.frames)]
        still = _STILL * random_field(generator, height, width)
        colour = generator.uniform(0.4, 1.0, 3) * generator.choice((-1.0, 1.0), 3)
        ground = generator.uniform(90.0, 165.0, 3)
        first = int(generator.integers(self.frames))
        for number in range(length):
            noise = generator.normal(0.0, _NOISE, (height, width))
            new = _NEW * random_field(generator, height, width)
            grey = _REPEATED * repeated[(first + number) % self.frames] + still + new + noise
            picture = ground + grey[:, :, None] * colour
            yield np.clip(np.rint(picture), 0, 255).astype(np.uint8)


PERIODS = tuple(Period(frames) for frames in range(1, 9))

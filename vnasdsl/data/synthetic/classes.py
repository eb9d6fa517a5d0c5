"""What a synthetic video shows: the classes of the tasks `motions` and `periods`.

A pattern on a torus moves in front of a still background, both sums of random plane waves that are periodic in the
frame: the pattern has no border, can be moved exactly by any fraction of a pixel, and looks the same at every position.

Of `motions` a single frame carries no information: position and appearance are drawn from one distribution for every
class. The order of the frames matters: opposite drifts and opposite circles show the same frames in reversed order. The
time scale matters: all paths have the same speed and classes share their directions, so it takes at least 4 frames to
tell swings of 4 and of 8 frames apart. Every frame is shaken a little, so that longer time spans show more. Motion is
per frame, not per second, as networks see it: the frame rate of a file, drawn at random, must not matter.

Of `periods` random textures, one a frame, repeat after k frames, for k = 1 to 8; a still texture, a new texture in
every frame and noise lie over them, so a single frame looks the same in every class. A network must compare frames k
apart for every k: what its temporal convolutions reach, and in which steps, decides how well it can.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

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


Path = NDArray[np.float64]  # (frames, 2): y, x in units of the frame's height

SPEED = 0.065  # of every motion, in heights per frame
SHAKE = 0.01  # standard deviation of the random displacement of every frame, in heights


@dataclass(frozen=True)
class Motion:
    """A class: its name in CamelCase (a folder name) and its path without start and shaking."""

    name: str
    path: Callable[[NDArray[np.float64], float], Path]  # (frame numbers, phase in 0..1) -> (frames, 2)

    def pictures(
        self, length: int, height: int, width: int, generator: np.random.Generator
    ) -> Iterator[NDArray[np.uint8]]:
        """`length` frames (H, W, 3) uint8 RGB."""
        scene = Scene(generator, height, width)
        path = draw_path(self, length, generator)
        return (scene.frame(y, x) for y, x in path)


def _drift(y: float, x: float) -> Callable[[NDArray[np.float64], float], Path]:
    """A straight line; the start is random anyway, so the phase has no effect."""
    direction = np.array([[y, x]]) / np.hypot(y, x)

    def path(frames: NDArray[np.float64], phase: float) -> Path:
        return frames[:, None] * SPEED * direction

    return path


def _swing(y: float, x: float, period: int) -> Callable[[NDArray[np.float64], float], Path]:
    """There and back in `period` frames, an even number: a triangle wave that turns on whole frames."""

    def path(frames: NDArray[np.float64], phase: float) -> Path:
        position = np.mod(frames + np.floor(phase * period), period)
        return (SPEED * np.abs(position - period / 2))[:, None] * np.array([[y, x]])

    return path


def _circle(sign: float, period: int) -> Callable[[NDArray[np.float64], float], Path]:
    """Once around in `period` frames; on a screen, whose y grows downwards, sign 1 is clockwise."""
    radius = SPEED / (2.0 * np.sin(np.pi / period))

    def path(frames: NDArray[np.float64], phase: float) -> Path:
        angle = 2.0 * np.pi * (sign * frames / period + phase)
        return radius * np.stack([np.sin(angle), np.cos(angle)], axis=1)

    return path


# A set of n classes takes the first n; the first eight need every time scale.
MOTIONS: tuple[Motion, ...] = (
    Motion("DriftRight", _drift(0, 1)),
    Motion("DriftLeft", _drift(0, -1)),
    Motion("SwingAcross", _swing(0, 1, 4)),
    Motion("SlowSwingAcross", _swing(0, 1, 8)),
    Motion("SwingUpDown", _swing(1, 0, 4)),
    Motion("SlowSwingUpDown", _swing(1, 0, 8)),
    Motion("CircleClockwise", _circle(1, 8)),
    Motion("CircleCounterclockwise", _circle(-1, 8)),
    Motion("DriftDown", _drift(1, 0)),
    Motion("DriftUp", _drift(-1, 0)),
    Motion("QuickSwingAcross", _swing(0, 1, 2)),
    Motion("QuickSwingUpDown", _swing(1, 0, 2)),
    Motion("QuickCircleClockwise", _circle(1, 4)),
    Motion("QuickCircleCounterclockwise", _circle(-1, 4)),
    Motion("DriftDownRight", _drift(1, 1)),
    Motion("DriftUpLeft", _drift(-1, -1)),
)


def draw_path(motion: Motion, frames: int, generator: np.random.Generator) -> Path:
    """(frames, 2) positions y, x in heights, shaken; the start is left to the appearance (its random phases)."""
    numbers = np.arange(frames, dtype=np.float64)
    phase = float(generator.random())
    return motion.path(numbers, phase) + generator.normal(0.0, SHAKE, size=(frames, 2))


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

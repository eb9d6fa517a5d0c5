"""The classes of the task `motions`: paths of a pattern on a torus, one function of the frame number each.

A single frame carries no information: position and appearance are drawn from one distribution for every class.
The order of the frames matters: opposite drifts and opposite circles show the same frames in reversed order.
The time scale matters: all paths have the same speed and classes share their directions, so it takes at least 4 frames
to tell swings of 4 and of 8 frames apart. Every frame is shaken a little, so that longer time spans show more.

Motion is per frame, not per second, as networks see it: the frame rate of a file, drawn at random, must not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vnasdsl.data.synthetic.appearance import Scene

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

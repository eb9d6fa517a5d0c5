"""The classes of the synthetic set: paths of a pattern on a torus, one function of the frame number each.

Why a single frame says nothing: every video starts at a position drawn uniformly on the torus, whatever its class,
so the position in each frame is uniform for every class, and appearance is drawn from the same distribution.
Why the order of the frames matters: opposite drifts show the same set of frames.
Why time scale matters: the paths cover the same extent, but in 2, 4 or 8 frames, and every frame is shaken a little,
so that a slow motion drowns in the shaking from one frame to the next and shows only over several frames, while a
quick swing repeats, and vanishes, when only every second or fourth frame is compared.

Motion is per frame, not per second: networks see frames by count (as in the paper, T consecutive frames), so the
frame rate of a file, drawn at random, must not matter. A reader that resamples by the nominal rate breaks the classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Path = NDArray[np.float64]  # (frames, 2): y, x in units of the frame's height

EXTENT = 0.25  # how far the pattern moves, peak to peak (swings) or in 8 frames (drifts)
SHAKE = 0.02  # standard deviation of the random displacement of every frame


@dataclass(frozen=True)
class Motion:
    """A class: its name in CamelCase (a folder name) and its path without start and shaking."""

    name: str
    path: Callable[[NDArray[np.float64], float], Path]  # (frame numbers, phase in 0..1) -> (frames, 2)


def _drift(y: float, x: float) -> Callable[[NDArray[np.float64], float], Path]:
    """A straight line, `EXTENT` in 8 frames; the start is random anyway, so the phase has no effect."""

    def path(frames: NDArray[np.float64], phase: float) -> Path:
        return frames[:, None] * (EXTENT / 8.0) * np.array([[y, x]])

    return path


def _swing(y: float, x: float, period: int) -> Callable[[NDArray[np.float64], float], Path]:
    """There and back in `period` frames: a triangle wave that touches both ends in every period."""

    def path(frames: NDArray[np.float64], phase: float) -> Path:
        turn = np.floor(phase * period)  # whole frames, so that a period of 2 has its full extent
        position = np.mod(frames + turn, period) / period
        return (EXTENT * 2.0 * np.abs(position - 0.5))[:, None] * np.array([[y, x]])

    return path


def _circle(sign: float, period: int) -> Callable[[NDArray[np.float64], float], Path]:
    def path(frames: NDArray[np.float64], phase: float) -> Path:
        angle = 2.0 * np.pi * (sign * frames / period + phase)
        return EXTENT / 2.0 * np.stack([np.sin(angle), np.cos(angle)], axis=1)

    return path


# A set of n classes takes the first n. Each class has a twin that differs from it in direction only, and the first
# eight hold all three scales: swings of 2 frames, drifts of 8, and swings of 8 that look like drifts for half a period.
MOTIONS: tuple[Motion, ...] = (
    Motion("DriftRight", _drift(0, 1)),
    Motion("DriftLeft", _drift(0, -1)),
    Motion("DriftDown", _drift(1, 0)),
    Motion("DriftUp", _drift(-1, 0)),
    Motion("QuickSwingAcross", _swing(0, 1, 2)),
    Motion("QuickSwingUpDown", _swing(1, 0, 2)),
    Motion("SlowSwingAcross", _swing(0, 1, 8)),
    Motion("SlowSwingUpDown", _swing(1, 0, 8)),
    Motion("SwingAcross", _swing(0, 1, 4)),
    Motion("SwingUpDown", _swing(1, 0, 4)),
    Motion("CircleClockwise", _circle(1, 8)),
    Motion("CircleCounterclockwise", _circle(-1, 8)),
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

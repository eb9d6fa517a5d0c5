"""The settings of the synthetic set, and the marker file of a finished set."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vnasdsl.data.synthetic.motions import MOTIONS
from vnasdsl.data.synthetic.periods import PERIODS
from vnasdsl.language.diagnostics import UserError

MARKER = "synthetic.json"
LAYOUTS = ("ucf101", "kinetics")
# Raised whenever the same settings make other files, so that an old cached set is not mistaken for a new one.
VERSION = 2


class SyntheticClass(Protocol):
    """A class of videos."""

    @property
    def name(self) -> str:
        """In CamelCase: a folder name."""
        ...

    def pictures(
        self, length: int, height: int, width: int, generator: np.random.Generator
    ) -> Iterator[NDArray[np.uint8]]:
        """`length` frames (H, W, 3) uint8 RGB of a random video of the class."""
        ...


# A set of n classes takes the first n.
TASKS: dict[str, Sequence[SyntheticClass]] = {"motions": MOTIONS, "periods": PERIODS}


@dataclass(frozen=True)
class Settings:
    """`clips` and `test_clips` are videos per class; `sizes` are (height, width); `lengths` is a range of frames."""

    layout: str = "ucf101"
    classes: int = 8
    clips: int = 40
    test_clips: int = 20
    sizes: tuple[tuple[int, int], ...] = ((48, 64), (54, 72), (60, 80), (72, 96))
    lengths: tuple[int, int] = (16, 32)
    seed: int = 0
    task: str = "motions"

    def __post_init__(self) -> None:
        if self.layout not in LAYOUTS:
            raise UserError(f"unknown layout `{self.layout}`", f"known layouts are {' and '.join(LAYOUTS)}")
        if self.task not in TASKS:
            raise UserError(f"unknown task `{self.task}`", f"known tasks are {' and '.join(TASKS)}")
        most = len(TASKS[self.task])
        if not 2 <= self.classes <= most:
            raise UserError(f"a synthetic set of {self.task} cannot have {self.classes} classes", f"choose 2 to {most}")
        for name, value in (("clips", self.clips), ("test clips", self.test_clips)):
            if not 1 <= value <= 100_000:
                raise UserError(f"the synthetic set cannot have {value} {name} per class", "choose 1 to 100000")
        if not self.sizes:
            raise UserError("a synthetic set needs a frame size", "as in `--size 48x64`")
        for height, width in self.sizes:
            if not (16 <= height <= 2160 and 16 <= width <= 3840 and height % 2 == 0 and width % 2 == 0):
                raise UserError(f"frames cannot be {height}x{width}", "choose even sizes of at least 16")
        shortest, longest = self.lengths
        if not 2 <= shortest <= longest <= 100_000:
            raise UserError(f"videos cannot have {shortest} to {longest} frames", "choose 2 or more frames")
        if self.seed < 0:
            raise UserError(f"the seed must be 0 or more, not {self.seed}")

    @classmethod
    def default(cls, task: str) -> Settings:
        """The set that is made on first use: periods need more videos, 960 for training."""
        return cls(task=task, clips=120, test_clips=60) if task == "periods" else cls(task=task)

    def folder_name(self) -> str:
        """The name in the cache, which holds only default sets: they differ in task, layout, seed and version."""
        name = "synthetic" if self.task == "motions" else self.task
        return f"{name}-{self.layout}-s{self.seed}-v{VERSION}"


def marker_text(settings: Settings) -> str:
    return json.dumps({"version": VERSION, **asdict(settings)}, indent=2) + "\n"


def read_marker(folder: Path) -> Settings:
    """The settings that a finished set was made with. Raises UserError when the marker is not ours."""
    try:
        held: dict[str, Any] = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        held.setdefault("task", "motions")  # sets made before there were tasks
        known = {name: held[name] for name in (field.name for field in fields(Settings))}
        known["sizes"] = tuple((int(height), int(width)) for height, width in known["sizes"])
        known["lengths"] = (int(known["lengths"][0]), int(known["lengths"][1]))
        return Settings(**known)
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        message = f"`{folder / MARKER}` does not describe a synthetic set"
        raise UserError(message, "recreate it with `vnasdsl data synthetic`") from None

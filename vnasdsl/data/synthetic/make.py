"""Make the synthetic set on disk in the layout of UCF101 or Kinetics: its settings, its files, and the marker of a
finished set."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import string
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from vnasdsl.data.synthetic.classes import MOTIONS, PERIODS
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


FRAME_RATES = (Fraction(12), Fraction(15), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(30))

# Fine and constant quantisation, so that artefacts do not grow with speed and give a class away. Rate control would
# adapt to motion; that of x264 also makes other bytes from run to run at heights that are no multiple of 16.
_OPTIONS = {
    "mpeg4": {"qmin": "3", "qmax": "3", "g": "12"},
    "libx264": {"qp": "16", "g": "24", "preset": "veryfast"},
}

# UCF101's official split k tests on seven groups of its own and trains on the rest: 1..7, 8..14, 15..21 of 25.
_GROUPS = 25
_TEST_GROUPS = {1: range(1, 8), 2: range(8, 15), 3: range(15, 22)}


@dataclass(frozen=True)
class _Job:
    """One file to make; (seed, class, number) seed its random generator, so files do not depend on each other."""

    of_class: SyntheticClass
    class_number: int
    number: int
    file: Path


def make(
    folder: Path, settings: Settings, force: bool = False, progress: Callable[[int, int], None] | None = None
) -> None:
    """Write the set to `folder`, which appears only when complete: it is made beside it and renamed.

    `progress` is called with (files made, files in all). Raises UserError as `check_may_write`.
    """
    folder = folder.expanduser().absolute()
    check_may_write(folder, force)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".making", dir=folder.parent))
    except OSError as problem:
        raise UserError(f"cannot write beside `{folder}`: {problem.strerror}", "name another folder") from None
    try:
        work.chmod(0o755)  # mkdtemp makes it private
        jobs = _ucf101(work, settings) if settings.layout == "ucf101" else _kinetics(work, settings)
        _write_all(jobs, settings, progress)
        (work / MARKER).write_text(marker_text(settings), encoding="utf-8")
        _put_in_place(work, folder)
    except OSError as problem:
        raise UserError(f"cannot write `{folder}`: {problem.strerror}", "is the disk full?") from None
    finally:
        shutil.rmtree(work, ignore_errors=True)


def check_may_write(folder: Path, force: bool) -> None:
    """Raises UserError when `folder` holds files, unless `force` is set and it holds a synthetic set."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UserError(f"`{folder}` is a file", "name a folder")
    if not any(folder.iterdir()):
        return
    if not (folder / MARKER).is_file():
        raise UserError(f"`{folder}` holds other files than a synthetic set", "name a new or empty folder")
    if not force:
        raise UserError(f"`{folder}` already holds a synthetic set", "pass --force to replace it")


def _put_in_place(work: Path, folder: Path) -> None:
    """Rename the finished set; when another process was faster, its set (the same one) stays."""
    aside = None
    if folder.exists() and any(folder.iterdir()):
        aside = work.with_suffix(".old")
        folder.rename(aside)
    try:
        work.rename(folder)
    except OSError:
        if not (folder / MARKER).is_file():
            raise
    finally:
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)


def _write_all(jobs: list[_Job], settings: Settings, progress: Callable[[int, int], None] | None) -> None:
    for parent in {job.file.parent for job in jobs}:
        parent.mkdir(parents=True, exist_ok=True)
    # Threads suffice: drawing (numpy) and encoding both release the interpreter lock.
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        pending = [pool.submit(_write_one, job, settings) for job in jobs]
        try:
            for done, future in enumerate(pending, start=1):
                future.result()
                if progress is not None:
                    progress(done, len(pending))
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _write_one(job: _Job, settings: Settings) -> None:
    generator = np.random.default_rng([settings.seed, job.class_number, job.number])
    height, width = settings.sizes[int(generator.integers(len(settings.sizes)))]
    length = int(generator.integers(settings.lengths[0], settings.lengths[1] + 1))
    rate = FRAME_RATES[int(generator.integers(len(FRAME_RATES)))]
    pictures = job.of_class.pictures(length, height, width, generator)
    codec = "mpeg4" if settings.layout == "ucf101" else "libx264"
    _encode(job.file, pictures, (height, width), rate, codec)


def _ucf101(root: Path, settings: Settings) -> list[_Job]:
    """Jobs, and the three official lists; split 1 has exactly the wanted numbers of train and test videos."""
    lists = root / "ucfTrainTestlist"
    lists.mkdir()
    classes = TASKS[settings.task][: settings.classes]
    index = "".join(f"{number} {one.name}\n" for number, one in enumerate(classes, start=1))
    (lists / "classInd.txt").write_text(index, encoding="utf-8")
    jobs: list[_Job] = []
    groups: list[tuple[int, str, int]] = []  # group, name in the lists, class number from 1
    test_groups = list(_TEST_GROUPS[1])
    train_groups = [group for group in range(1, _GROUPS + 1) if group not in test_groups]
    for class_number, one in enumerate(classes):
        for number in range(settings.clips + settings.test_clips):
            of_train = number < settings.clips
            of_part, place = (train_groups, number) if of_train else (test_groups, number - settings.clips)
            group = of_part[place % len(of_part)]
            name = f"{one.name}/v_{one.name}_g{group:02d}_c{place // len(of_part) + 1:02d}.avi"
            groups.append((group, name, class_number + 1))
            jobs.append(_Job(one, class_number, number, root / name))
    groups.sort(key=lambda row: row[1])
    for split, held_out in _TEST_GROUPS.items():
        train = [f"{name} {label}\n" for group, name, label in groups if group not in held_out]
        test = [f"{name}\n" for group, name, _ in groups if group in held_out]
        if train and test:
            (lists / f"trainlist{split:02d}.txt").write_text("".join(train), encoding="utf-8")
            (lists / f"testlist{split:02d}.txt").write_text("".join(test), encoding="utf-8")
    return jobs


def _kinetics(root: Path, settings: Settings) -> list[_Job]:
    from vnasdsl.data.layouts.readers import KINETICS_COLUMNS, clip_name

    jobs: list[_Job] = []
    generator = np.random.default_rng([settings.seed, 101])
    letters = np.array(list(string.ascii_letters + string.digits + "-_"))
    rows: dict[str, list[tuple[str, str, int, int, str]]] = {"train": [], "val": []}
    for class_number, one in enumerate(TASKS[settings.task][: settings.classes]):
        label = re.sub(r"(?<!^)(?=[A-Z])", " ", one.name).lower()  # "DriftRight" -> "drift right"
        for number in range(settings.clips + settings.test_clips):
            split = "train" if number < settings.clips else "val"
            youtube_id = "".join(generator.choice(letters, 11))
            start = int(generator.integers(0, 200))
            rows[split].append((label, youtube_id, start, start + 10, split))
            clip = root / split / label / clip_name(youtube_id, start, start + 10)
            jobs.append(_Job(one, class_number, number, clip))
    for split, listed in rows.items():
        with (root / f"{split}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow((*KINETICS_COLUMNS, "split"))
            writer.writerows(listed)
    return jobs


def _encode(path: Path, frames: Iterable[NDArray[np.uint8]], size: tuple[int, int], rate: Fraction, codec: str) -> None:
    """Write (H, W, 3) uint8 RGB frames. One thread and bit-exact flags: the same frames give the same bytes."""
    import av

    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        options = {"flags": "+bitexact", **_OPTIONS[codec]}
        stream = cast(av.VideoStream, container.add_stream(codec, rate=rate, options=options))
        stream.height, stream.width = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        if codec == "mpeg4":
            stream.bit_rate = 4_000_000
        for picture in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))

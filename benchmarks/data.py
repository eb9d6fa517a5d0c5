"""Clips a second that reach the device, as a ratio to what PyAV decodes: python benchmarks/data.py

The reference decodes the frames of the same clips and does nothing with them: it opens the file, seeks to the key
frame before the clip, and decodes to the clip's last frame, in as many processes as the loader has. Both see the same
clips in the same order, in turns, and medians of several passes count; the videos are indexed before, as in a second
epoch.

`planes`: what a GPU gets, which scales frames and gives them their colours itself. `pictures`: uint8 RGB, scaled by the
workers, what the CPU gets. `normalised`: float32 on the device, with --device cpu by the same cores that decode.

Ratios are of seconds, and of seconds of processor time of all processes, which say more where other programs run.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import active_children, get_context
from pathlib import Path
from statistics import median
from typing import Any

import av
import numpy as np
import torch

from vnasdsl.data import ClipShape, Video
from vnasdsl.data.cache import STORE
from vnasdsl.data.clips import ClipLoader
from vnasdsl.data.decode import read
from vnasdsl.data.index import scan
from vnasdsl.data.sampling import clip_frames, generator_for, random_starts

PASSES = 5
CLIP = 16
COLUMNS = ("planes", "pictures", "normalised")


@dataclass(frozen=True)
class Case:
    name: str
    codec: str
    suffix: str
    size: tuple[int, int]
    frames: int
    crop: int
    videos: int = 24

    @property
    def shape(self) -> ClipShape:
        return ClipShape(CLIP, self.crop, scale=(self.crop * 8 // 7, self.crop * 32 // 21))


CASES = (
    Case("H.264 mp4, 340 x 256, 10 s", "libx264", ".mp4", (256, 340), 250, 224),
    Case("H.264 mp4, 340 x 256, 1 s", "libx264", ".mp4", (256, 340), 25, 224),
    Case("H.264 mp4, 96 x 72, 10 s", "libx264", ".mp4", (72, 96), 250, 56, videos=48),
    Case("MPEG-4 avi, 320 x 240, 7 s", "mpeg4", ".avi", (240, 320), 180, 224),
    Case("MPEG-4 avi, 320 x 240, 1 s", "mpeg4", ".avi", (240, 320), 25, 224),
)


def encode(path: Path, case: Case, seed: int = 0) -> Path:
    """A moving texture with noise, at the rate of downloaded videos."""
    height, width = case.size
    draws = np.random.default_rng(seed)
    texture = np.kron(draws.integers(40, 200, (height // 4, width // 4, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    with av.open(str(path), "w") as container:
        options = (
            {"preset": "veryfast", "crf": "23"} if case.codec == "libx264" else {"g": "12", "qmin": "3", "qmax": "5"}
        )
        stream: Any = container.add_stream(case.codec, rate=25, options=options)
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        for number in range(case.frames):
            moved = np.roll(texture, (-2 * number % height, 3 * number % width), (0, 1))[:height, :width]
            noisy = moved + draws.integers(0, 10, (height, width, 1), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(noisy, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def decode_bare(path: str, first: int, last: int) -> None:
    """Frames `first` to `last` and those that they need, by PyAV alone."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        index = INDICES[path]
        if index.times is not None:
            container.seek(index.times[first], stream=stream, backward=True)
            end = index.times[last]
            for frame in container.decode(stream):
                if frame.pts is not None and frame.pts >= end:
                    return
        for number, _ in enumerate(container.decode(stream)):
            if number == last:
                return


INDICES: dict[str, Any] = {}


def clips_of(videos: list[Video], shape: ClipShape, epoch: int) -> Iterator[tuple[str, int, int]]:
    """The clips that a loader cuts in an epoch: path, first and last frame."""
    order = list(range(len(videos)))
    generator_for(0, epoch).shuffle(order)
    for number in order:
        path = videos[number].path
        draw = generator_for(0, epoch, number).random()
        wanted = clip_frames(random_starts([draw], INDICES[path].frames, shape), INDICES[path].frames, shape)
        yield path, min(wanted), max(wanted)


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds, and seconds of processor time of this process and its workers."""
    began, used = time.perf_counter(), processor_seconds()
    work()
    return time.perf_counter() - began, processor_seconds() - used


def processor_seconds() -> float:
    """Of this process and of its workers, by the clocks that Linux has for each process."""
    return time.process_time() + sum(time.clock_gettime(~process.pid << 3 | 2) for process in active_children())


def measure(case: Case, videos: list[Video], workers: int, device: torch.device) -> list[float]:
    """Clips a second of the reference, and the ratios of the loader to it, in seconds and in processor time."""
    INDICES.clear()
    INDICES.update({video.path: scan(video.path) for video in videos})
    STORE.clear()
    for path, index in INDICES.items():
        STORE.remember(path, index)  # processes that start now have the indices
    videos = videos * 4  # the start of a pass is to count for little, as in a real one
    how = {"batch": 4, "workers": workers, "cache_bytes": 0}
    loaders = {planes: ClipLoader(videos, case.shape, planes=planes, **how) for planes in (True, False)}
    on_device = ClipLoader(videos, case.shape, device=device, **how)
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in ("bare", *COLUMNS)}

    def received(planes: bool, epoch: int) -> None:
        for _ in loaders[planes](epoch).batches():
            pass

    def normalised(epoch: int) -> None:
        for _ in on_device(epoch):
            pass
        if device.type == "cuda":
            torch.cuda.synchronize()

    with get_context("fork").Pool(workers) as pool:
        for epoch in range(PASSES + 1):
            clips = list(clips_of(videos, case.shape, epoch))
            for name, work in (
                ("bare", lambda clips=clips: pool.starmap(decode_bare, clips, chunksize=1)),
                ("planes", lambda epoch=epoch: received(True, epoch)),
                ("pictures", lambda epoch=epoch: received(False, epoch)),
                ("normalised", lambda epoch=epoch: normalised(epoch)),
            ):
                took[name].append(seconds(work))
    for loader in (*loaders.values(), on_device):
        loader.close()
    # The first pass starts processes.
    middle = {name: [median(clock) for clock in zip(*passes[1:], strict=True)] for name, passes in took.items()}
    ratios = [middle["bare"][clock] / middle[name][clock] for clock in (0, 1) for name in COLUMNS]
    return [len(videos) / middle["bare"][0], *ratios]


def long_video(folder: Path, minutes: float) -> float:
    """What a clip in the middle of a long video costs, as a ratio to one at its start."""
    case = Case("", "libx264", ".mp4", (256, 340), int(minutes * 60 * 25), 224)
    path = str(encode(folder / "long.mp4", case))
    index = scan(path)
    middle = index.keys[len(index.keys) // 2]
    best = {0: float("inf"), middle: float("inf")}
    for _ in range(2 * PASSES):
        for first in best:
            work = lambda first=first: read(path, index, range(first, first + CLIP), case.shape.scale)  # noqa: E731
            best[first] = min(best[first], seconds(work)[1])
    return best[middle] / best[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--small", action="store_true", help="few short videos, to see that it runs")
    parser.add_argument("--videos", type=int, help="of each row, instead of 24 or 48")
    parser.add_argument("--minutes", type=float, default=10, help="length of the long video")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    names = [f"{name}{of}" for of in ("", ", CPU") for name in COLUMNS]
    print(f"| videos | workers | bare, clips/s | {' | '.join(names)} |\n|---{'|--:' * (len(names) + 2)}|")
    for case in CASES[1::3] if arguments.small else CASES:
        with tempfile.TemporaryDirectory() as folder:
            count = arguments.videos or case.videos
            files = [encode(Path(folder) / f"{number}{case.suffix}", case, number) for number in range(count)]
            videos = [Video(str(file), 0, "") for file in files]
            for workers in (1, 2):
                rate, *ratios = measure(case, videos, workers, torch.device(arguments.device))
                figures = " | ".join(f"{ratio:.2f}" for ratio in ratios)
                print(f"| {case.name} | {workers} | {rate:.0f} | {figures} |", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        minutes = 0.2 if arguments.small else arguments.minutes
        ratio = long_video(Path(folder), minutes)
    print(f"\na clip from the middle of {minutes:g} minutes, against one from its start: {ratio:.2f}")


if __name__ == "__main__":
    main()

"""Frames read from where the index says that they lie are those of a plain decoding of the whole file."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch

from vnasdsl.data.decode import read
from vnasdsl.data.index import UnreadableVideo, VideoIndex, scan
from vnasdsl.data.packets import by_kept_decoder, by_own_decoder

FRAMES = 40
H264, MPEG4 = {"preset": "veryfast", "g": "11"}, {"g": "11", "qmax": "9"}
PLAIN: dict[str, tuple[str, str, dict[str, str]]] = {
    "pyramid": (".mp4", "libx264", {**H264, "preset": "medium", "bf": "3", "x264-params": "b-pyramid=normal"}),
    "open": (".mkv", "libx264", {**H264, "bf": "3", "x264-params": "open-gop=1:b-adapt=0"}),
    "no-b": (".mp4", "libx264", {**H264, "bf": "0"}),
    "keys": (".mp4", "libx264", {"preset": "veryfast", "g": "1"}),
    "headers": (".mp4", "libx264", {**H264, "x264-params": "repeat-headers=1"}),
    "mpeg4": (".avi", "mpeg4", MPEG4),
    "mpeg4-unsigned": (".avi", "mpeg4", {**MPEG4, "flags": "+bitexact"}),
    "mpeg4-b": (".mp4", "mpeg4", {**MPEG4, "bf": "2"}),
    "mpeg4-matrix": (".avi", "mpeg4", {**MPEG4, "mpeg_quant": "1"}),
    "jpeg": (".avi", "mjpeg", {}),
    "lossless": (".mkv", "ffv1", {}),
}


def encoded(path: Path, codec: str, options: dict[str, str], seed: int, tag: str | None = None) -> str:
    draws = np.random.default_rng(seed)
    texture = np.kron(draws.integers(0, 256, (6, 8, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25, options=options)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.thread_count = 1
        if tag is not None:
            stream.codec_context.codec_tag = tag
        for number in range(FRAMES):
            picture = np.roll(texture, (2 * number, 3 * number), (0, 1)) // 2 + draws.integers(0, 64, texture.shape)
            frame = av.VideoFrame.from_ndarray(picture.astype(np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return str(path)


def plainly(path: str) -> list[np.ndarray]:
    with av.open(path) as container:
        container.streams.video[0].codec_context.thread_count = 1
        return [frame.to_ndarray() for frame in container.decode(video=0)]


def choices(seed: int) -> list[list[int]]:
    """Clips, every third frame, and frames far apart."""
    draws = random.Random(seed)
    starts = [draws.randrange(FRAMES - 8) for _ in range(3)]
    far = [sorted(draws.sample(range(FRAMES), 3)) for _ in range(3)]
    return [*(list(range(start, start + 8)) for start in starts), list(range(starts[0], FRAMES, 3)), *far]


def agree(frames: Any, wanted: list[int], whole: list[np.ndarray]) -> bool:
    found = {number: frame.to_ndarray() for number, frame in frames if number in wanted}
    return list(found) == wanted and all(np.array_equal(found[number], whole[number]) for number in wanted)


@pytest.mark.parametrize("name", PLAIN)
def test_frames_are_those_of_a_plain_decoding(tmp_path: Path, name: str) -> None:
    suffix, codec, options = PLAIN[name]
    path = encoded(tmp_path / f"x{suffix}", codec, options, 0)
    index, whole = scan(path), plainly(path)
    assert index.frames == len(whole) == FRAMES and index.packets is not None
    for wanted in choices(1):
        assert agree(by_own_decoder(path, index, wanted), wanted, whole)
        if index.packets.setup is not None:
            assert agree(by_kept_decoder(path, index, wanted), wanted, whole)
    assert (index.packets.setup is not None) == (codec in ("libx264", "mpeg4"))


def test_frames_are_counted_where_key_frames_are_not_whole(tmp_path: Path) -> None:
    """With gradual refresh a decoder that begins in the middle shows nothing until all parts have been renewed."""
    path = encoded(tmp_path / "x.mov", "libx264", {**H264, "x264-params": "intra-refresh=1"}, 0)
    index = scan(path)
    for wanted in choices(1):
        pictures, frames = read(path, index, wanted, 32)
        assert frames == FRAMES and len(pictures) == len(wanted)
        assert torch.equal(pictures, read(path, replace(index, times=None), wanted, 32)[0])


def test_a_decoder_serves_only_videos_that_it_decodes_as_their_own_would(tmp_path: Path) -> None:
    """MPEG-4 that another program signed, or none, is decoded in another way, which a decoder remembers."""
    videos: list[tuple[str, VideoIndex, list[np.ndarray]]] = []
    for name in ("pyramid", "no-b", "headers", "mpeg4", "mpeg4-unsigned", "mpeg4-b", "mpeg4-matrix"):
        for number, tag in enumerate((None, "XVID", "DIVX") if PLAIN[name][0] == ".avi" else (None, None)):
            suffix, codec, options = PLAIN[name]
            path = encoded(tmp_path / f"{name}{number}{suffix}", codec, options, number, tag)
            videos.append((path, scan(path), plainly(path)))
    order = [(video, wanted) for video in videos for wanted in choices(2)]
    random.Random(0).shuffle(order)
    kept = 0
    for (path, index, whole), wanted in order:
        frames = list(by_kept_decoder(path, index, wanted))
        kept += bool(frames)
        assert agree(frames or by_own_decoder(path, index, wanted), wanted, whole)
    assert kept > len(order) // 2
    setups = {Path(path).stem: index.packets and index.packets.setup for path, index, _ in videos}
    assert setups["pyramid0"] == setups["pyramid1"] != setups["no-b0"]
    assert len({setups[name] for name in ("mpeg40", "mpeg41", "mpeg42", "mpeg4-unsigned0", "mpeg4-matrix0")}) == 5


@pytest.mark.parametrize("name", ["pyramid", "no-b", "mpeg4"])
def test_damage_does_not_spread_to_what_is_read_next(tmp_path: Path, name: str) -> None:
    suffix, codec, options = PLAIN[name]
    sound, hurt = (encoded(tmp_path / f"{part}{suffix}", codec, options, 0) for part in ("sound", "hurt"))
    whole, index = plainly(sound), scan(sound)
    assert index.packets is not None
    content = bytearray(Path(hurt).read_bytes())
    for number in (13, 20):
        packet = index.packets.shown[number]
        middle = index.packets.places[packet] + index.packets.sizes[packet] // 2
        content[middle : middle + 8] = b"\x5a" * 8
    Path(hurt).write_bytes(content)

    def outcome(wanted: list[int]) -> object:
        try:
            return read(hurt, scan(hurt), wanted, 32)[0].tolist()
        except UnreadableVideo as problem:
            return str(problem)

    for start in (11, 12, 13, 14, 19, 21):
        wanted = list(range(start, start + 8))
        first = outcome(wanted)
        assert agree(by_own_decoder(sound, index, [0, 30]), [0, 30], whole)
        assert outcome(wanted) == first
        kept = list(by_kept_decoder(sound, index, wanted))
        assert not kept or agree(kept, wanted, whole)


def test_a_file_that_became_shorter_is_not_read_beyond_its_end(tmp_path: Path) -> None:
    path = encoded(tmp_path / "x.avi", "mpeg4", MPEG4, 0)
    index = scan(path)
    assert index.packets is not None
    os.truncate(path, index.packets.places[20] + 4)
    assert agree(by_own_decoder(path, index, [18, 19, 20, 21]), [18, 19], plainly(path))

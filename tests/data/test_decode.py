"""Frame numbers are written into the pictures: what `read` returns is checked against what was encoded."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.data.videos import encode, encode_numbered, numbered_frame, numbers_in
from vnasdsl.data.decode import read, scaled_size
from vnasdsl.data.index import UnreadableVideo, scan

ENCODINGS = {
    "mpeg4.avi": {},
    "mpeg4-b.avi": {"b_frames": 2},
    "mpeg4.mp4": {"codec": "mpeg4", "b_frames": 1},
    "h264.mp4": {"codec": "libx264"},
    "h264-b.mp4": {"codec": "libx264", "b_frames": 3, "gop": 9},
    "h264-b.avi": {"codec": "libx264", "b_frames": 2},
    "h264.mkv": {"codec": "libx264", "b_frames": 2},
    "one-key.mp4": {"codec": "libx264", "gop": 100},
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_every_frame_is_found_by_its_number(tmp_path: Path, name: str) -> None:
    path = str(encode_numbered(tmp_path / name, 40, **ENCODINGS[name]))
    index = scan(path)
    assert index.frames == 40
    for first in range(40):
        wanted = sorted({first, min(39, first + 1), min(39, first + 7)})
        pictures, length = read(path, index, wanted, 32)
        assert numbers_in(pictures) == wanted
        assert length == 40


def test_pictures_do_not_depend_on_where_decoding_starts(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    pictures = [generator.integers(0, 256, (48, 64, 3), dtype=np.uint8) for _ in range(24)]
    for name, more in (("x.mp4", {"codec": "libx264", "b_frames": 2}), ("x.avi", {})):
        path = str(encode(tmp_path / name, pictures, **more))
        index = scan(path)
        whole, _ = read(path, index, range(24), (30, 40))
        for first in (5, 6, 7, 13, 20):
            part, _ = read(path, index, [first, first + 2], (30, 40))
            assert torch.equal(part, whole[[first, first + 2]])


@pytest.mark.parametrize("name", ["v.mp4", "v.mkv"])
def test_variable_frame_rate_counts_frames_not_seconds(tmp_path: Path, name: str) -> None:
    gaps = [10, 500, 40, 33, 5, 1000, 40, 40, 7, 90] * 4
    times = [sum(gaps[:number]) for number in range(40)]
    path = str(encode_numbered(tmp_path / name, 40, codec="libx264", b_frames=2, times=times))
    index = scan(path)
    assert index.frames == 40
    for wanted in ([0, 1, 2], [17, 18, 19, 20], [37, 39]):
        assert numbers_in(read(path, index, wanted, 32)[0]) == wanted


def test_an_edit_list_that_hides_the_first_frames(tmp_path: Path) -> None:
    """Clips cut out of an MP4 without encoding again begin before their first visible frame, as many of Kinetics do."""
    path = encode_numbered(tmp_path / "cut.mp4", 40, codec="libx264", b_frames=2, gop=9)
    content = bytearray(path.read_bytes())
    place = content.index(b"elst") + 16  # version and flags, count, duration, then the time of the first visible frame
    (time,) = struct.unpack_from(">i", content, place)
    struct.pack_into(">i", content, place, time + 5 * 512)  # 512 units a frame
    path.write_bytes(content)
    index = scan(str(path))
    assert index.frames == 35
    for wanted in ([0, 1], [3, 4, 5], [14, 30], [34]):
        assert numbers_in(read(str(path), index, wanted, 32)[0]) == [number + 5 for number in wanted]


def test_odd_sizes(tmp_path: Path) -> None:
    files = {
        "odd.avi": {"height": 33, "width": 47},
        "odd.mp4": {"height": 45, "width": 31, "codec": "libx264", "pixels": "yuv444p"},
    }
    for name, more in files.items():
        path = str(encode_numbered(tmp_path / name, 12, **more))
        index = scan(path)
        assert (index.height, index.width) == (more["height"], more["width"])
        pictures, _ = read(path, index, [3, 8], 32)
        assert pictures.shape == (2, *scaled_size(more["height"], more["width"], 32), 3)
        assert numbers_in(pictures) == [3, 8]
        assert read(path, index, [3], (21, 35))[0].shape == (1, 21, 35, 3)


def _bright_corner(height: int, width: int) -> np.ndarray:
    """Black, with the top left quarter white and the top right quarter grey."""
    picture = np.zeros((height, width, 3), dtype=np.uint8)
    picture[: height // 2, : width // 2] = 255
    picture[: height // 2, width // 2 :] = 128
    return picture


def _quarters(picture: torch.Tensor) -> list[list[int]]:
    """Mean brightness of the quarters in steps of 128: 0 black, 1 grey, 2 white."""
    height, width = picture.shape[0] // 2, picture.shape[1] // 2
    parts = picture[: 2 * height, : 2 * width].to(torch.float64).view(2, height, 2, width, 3).mean(dim=(1, 3, 4))
    return [[round(value / 128) for value in row] for row in parts.tolist()]


# As a viewer sees it. The matrix in the file, a phone's, says how far to turn the stored picture clockwise.
TURNED_CLOCKWISE = {0: [[2, 1], [0, 0]], 90: [[0, 2], [0, 1]], 180: [[0, 0], [1, 2]], 270: [[1, 0], [2, 0]]}


@pytest.mark.parametrize("clockwise", [0, 90, 180, 270])
def test_rotation_metadata_is_honoured(tmp_path: Path, clockwise: int) -> None:
    """The matrix is written into the file's bytes by hand: the meaning is that of the MP4 format, not of a library."""
    plain = encode(tmp_path / "plain.mp4", [_bright_corner(32, 64)] * 4, codec="libx264")
    cosine, sine = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}[clockwise]
    one = 1 << 16
    upright = struct.pack(">9i", one, 0, 0, 0, one, 0, 0, 0, 1 << 30)
    turned = struct.pack(">9i", cosine * one, sine * one, 0, -sine * one, cosine * one, 0, 0, 0, 1 << 30)
    content = plain.read_bytes()
    track = content.index(b"tkhd")
    assert content[track + 44 : track + 80] == upright
    path = tmp_path / "turned.mp4"
    path.write_bytes(content[: track + 44] + turned + content[track + 80 :])
    pictures, _ = read(str(path), scan(str(path)), [0, 2], 16)
    assert pictures.shape[1:] == ((16, 32, 3) if clockwise % 180 == 0 else (32, 16, 3))
    assert _quarters(pictures[1]) == TURNED_CLOCKWISE[clockwise]
    squeezed, _ = read(str(path), scan(str(path)), [1], (20, 24))
    assert squeezed.shape == (1, 20, 24, 3)
    assert _quarters(squeezed[0]) == TURNED_CLOCKWISE[clockwise]


def test_scaling_keeps_the_aspect_or_takes_the_rectangle() -> None:
    assert scaled_size(240, 320, 256) == (256, 341)
    assert scaled_size(320, 240, 256) == (341, 256)
    assert scaled_size(100, 100, 32) == (32, 32)
    assert scaled_size(240, 320, (256, 342)) == (256, 342)


def test_shrinking_does_not_alias(tmp_path: Path) -> None:
    """Lines one pixel wide become even grey when shrunk to a quarter; picking every fourth line would not."""
    picture = np.zeros((128, 128, 3), dtype=np.uint8)
    picture[::2] = 255
    path = str(encode(tmp_path / "lines.mp4", [picture] * 2, codec="libx264"))
    small, _ = read(path, scan(path), [1], 32)
    inner = small[0, 4:-4].to(torch.float64)
    assert 110 < inner.mean() < 145
    assert inner.std() < 12


@pytest.mark.parametrize("content", [b"", b"no video at all\n" * 50])
def test_a_file_that_is_no_video_is_unreadable(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.avi"
    path.write_bytes(content)
    with pytest.raises(UnreadableVideo):
        scan(str(path))


def test_a_missing_file_and_a_folder_are_unreadable(tmp_path: Path) -> None:
    for path in (tmp_path / "none.avi", tmp_path):
        with pytest.raises(UnreadableVideo):
            scan(str(path))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_a_pipe_is_unreadable_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.mp4")
    with pytest.raises(UnreadableVideo, match="not a regular file"):
        scan(str(tmp_path / "x.mp4"))


def test_sound_alone_is_unreadable(tmp_path: Path) -> None:
    import av

    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), dtype=np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(UnreadableVideo, match="no video"):
        scan(str(path))


def test_an_mp4_cut_off_is_unreadable_and_an_avi_cut_off_is_read_to_its_end(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    noise = [
        np.clip(numbered_frame(number, 96, 128) + generator.integers(-4, 5, (96, 128, 3)), 0, 255).astype(np.uint8)
        for number in range(40)
    ]
    movie = encode(tmp_path / "x.mp4", noise, codec="libx264")
    movie.write_bytes(movie.read_bytes()[:2000])
    with pytest.raises(UnreadableVideo):
        scan(str(movie))
    film = encode(tmp_path / "x.avi", noise)
    film.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
    index = scan(str(film))
    assert 5 < index.frames < 40
    last = index.frames - 2  # the very last packet may itself be cut
    assert numbers_in(read(str(film), index, [0, last], 32)[0]) == [0, last]


@pytest.mark.parametrize("size", [(48, 64), (47, 64), (48, 63), (46, 61)])
def test_a_region_is_what_a_crop_of_the_whole_frame_would_be(tmp_path: Path, size: tuple[int, int]) -> None:
    """Also where it is cut out before colours are converted."""
    generator = np.random.default_rng(0)
    pictures = [generator.integers(0, 256, (48, 64, 3), dtype=np.uint8) for _ in range(4)]
    path = str(encode(tmp_path / "x.mp4", pictures, codec="libx264"))
    index, (height, width) = scan(path), size
    frames, _ = read(path, index, [0, 2, 3], size)
    for _ in range(12):
        top, left = generator.integers(0, height - 8), generator.integers(0, width - 8)
        part = slice(top, generator.integers(top + 1, height + 1)), slice(left, generator.integers(left + 1, width + 1))
        region, _ = read(path, index, [0, 2, 3], size, lambda h, w, part=part: part)
        assert torch.equal(region, frames[:, *part])

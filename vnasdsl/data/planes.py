"""Decoded frames that are scaled and get their colours on the device.

A processor core takes as long for both as for decoding MPEG-4. So for a GPU, workers only copy what a clip needs of the
planes of YUV 4:2:0, half the bytes of RGB, and `Planes.pictures` does there what FFmpeg does for the CPU, with the same
filters and roundings: most values are equal, the others differ by a few of 255. The sums of scaling are exact in
float32 (not in TF32), so all devices, and crops of any size, give the same pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import av
import numpy as np
import torch
from numpy.typing import NDArray

from vnasdsl.data.memory import empty

Region = Callable[[int, int], tuple[slice, slice]]
"""Height and width of a scaled frame to the rows and columns that are wanted."""
_LIGHT = 76309
# Of red by V, green by U and V, blue by U, in 1 / 65536 as brightness, for 8 bits of limited range, as FFmpeg has them.
_BT601 = (104597, -25675, -53279, 132201)
_BT709 = (117489, -13975, -34925, 138438)
_MATRICES = {1: _BT709, 2: _BT601, 5: _BT601, 6: _BT601}  # by what a stream says of its colours; 2: nothing
_LIMITED = (0, 1)  # ranges of brightness; 0: not said
_LEFT = 0.25
"""Where in a pixel of U and V, which is two pixels wide, its value lies, in what `SITED_LEFT` decode."""
SITED_LEFT = ("h264", "mpeg4")
_Places = tuple[tuple[float, float], tuple[float, float]]
_LARGEST = 1.5
"""Frames of at most so many times the pixels of scaled ones: larger ones would be more bytes than RGB."""


@dataclass(frozen=True)
class Layout:
    """How planes become pictures. Sizes are (height, width)."""

    source: tuple[int, int]
    size: tuple[int, int]
    """Of scaled frames."""
    corner: tuple[int, int]
    """Row and column of the source that what is stored begins at."""
    part: tuple[slice, slice]
    """Rows and columns of scaled frames that are wanted."""
    colours: tuple[int, int, int, int]
    numbers: tuple[int, ...] = ()
    """The frames of the pictures among those that are stored, in any order; none: as they are."""
    last: Callable[[torch.Tensor], torch.Tensor] | None = None
    """What is done to the pictures."""


@dataclass(frozen=True)
class Planes:
    """`pixels`: (frames, 3 / 2 h, w) uint8, below the rows of brightness side by side those of U and V."""

    pixels: torch.Tensor
    layout: Layout

    def __len__(self) -> int:
        return len(self.pixels)

    def chosen(self, numbers: Sequence[int]) -> Planes:
        """Some of the frames, in the order of the numbers."""
        stored = sorted(set(numbers))
        places = {number: place for place, number in enumerate(stored)}
        pixels = self.pixels if len(stored) == len(self.pixels) else self.pixels[stored]
        return Planes(pixels, replace(self.layout, numbers=tuple(places[number] for number in numbers)))

    def cut(self, region: Region) -> Planes:
        """A region of scaled frames, of planes of whole frames."""
        reader = PlaneReader(part_of(self.layout, region), len(self))
        for (target, window), plane in zip(reader.windows, _three(self.pixels.numpy()), strict=True):
            target[:] = plane[:, *window]
        return reader.planes(len(self))

    def then(self, last: Callable[[torch.Tensor], torch.Tensor]) -> Planes:
        """With something done to the pictures; `last` travels between processes."""
        return replace(self, layout=replace(self.layout, last=last))

    def pictures(self) -> torch.Tensor:
        """(frames, h, w, 3) uint8 RGB on the device of the planes, unless something else is done to them."""
        with torch.autocast(self.pixels.device.type, enabled=False):
            pictures = self._rgb()
        pictures = pictures[:, list(self.layout.numbers)] if self.layout.numbers else pictures
        pictures = pictures.movedim(0, -1)
        return pictures if self.layout.last is None else self.layout.last(pictures)

    def _rgb(self) -> torch.Tensor:
        layout = self.layout
        brightness, u, v = _three(self.pixels)
        light = _scaled(brightness, layout, layout.size, layout.part, 1, ((0.5, 0.5), (0.5, 0.5)))
        by_two = converts_after_scaling(layout.source, layout.size)
        if by_two:
            size = tuple(-(-side // 2) for side in layout.size)
            part = tuple(slice(side.start // 2, -(-side.stop // 2)) for side in layout.part)
            halves = _scaled(torch.stack([u, v]), layout, size, part, 2, ((0.5, 0.5), (_LEFT, _LEFT)))
            whole = halves.repeat_interleave(2, -1).repeat_interleave(2, -2)
            rows, columns = (slice(side.start % 2, side.start % 2 + side.stop - side.start) for side in layout.part)
            u, v = whole[..., rows, columns]
        else:
            u, v = _scaled(torch.stack([u, v]), layout, layout.size, layout.part, 2, ((0.5, 0.5), (_LEFT, 0.5)))
        return _rgb(light, u, v, layout.colours, by_two)


class PlaneReader:
    """Collects the wanted part of the planes of `count` frames."""

    def __init__(self, layout: Layout, count: int):
        self.layout, self.done = layout, 0
        rows, columns = _stored(layout)
        half = tuple(slice(side.start // 2, side.stop // 2) for side in (rows, columns))
        shape = count, (rows.stop - rows.start) * 3 // 2, columns.stop - columns.start
        self.pixels: NDArray[np.uint8] = empty(shape, "uint8").numpy()
        self.windows = list(zip(_three(self.pixels), ((rows, columns), half, half), strict=True))
        """Of brightness, U and V: where they are copied to, and what of a frame."""

    def put(self, frame: av.VideoFrame) -> None:
        if (frame.height, frame.width) != self.layout.source or frame.format.name != "yuv420p":  # it changes within
            frame = frame.reformat(self.layout.source[1], self.layout.source[0], "yuv420p")
        for (target, (rows, columns)), plane in zip(self.windows, frame.planes, strict=True):
            line = plane.line_size
            place = rows.start * line + columns.start
            target[self.done] = np.ndarray(target.shape[1:], np.uint8, memoryview(plane), place, (line, 1))
        self.done += 1

    def planes(self, count: int) -> Planes:
        """Of the first `count`."""
        return Planes(torch.from_numpy(self.pixels[:count]), self.layout)


def _three(pixels: Any) -> tuple[Any, Any, Any]:
    """Brightness, U and V in an array or tensor of planes."""
    height, half = pixels.shape[1] * 2 // 3, pixels.shape[2] // 2
    return pixels[:, :height], pixels[:, height:, :half], pixels[:, height:, half:]


def layout_of(frame: av.VideoFrame, size: tuple[int, int], region: Region) -> Layout | None:
    """How a frame's planes become pictures of a size; None where FFmpeg is to make them."""
    source = (frame.height, frame.width)
    if (
        frame.format.name != "yuv420p"
        or frame.rotation
        or any(side % 2 for side in source)
        or math.prod(source) > _LARGEST * math.prod(size)
        or (size[0] % 2 and converts_after_scaling(source, size))
        or frame.color_range not in _LIMITED
        or frame.colorspace not in _MATRICES
    ):
        return None
    return part_of(Layout(source, size, (0, 0), (slice(0), slice(0)), _MATRICES[frame.colorspace]), region)


def part_of(layout: Layout, region: Region) -> Layout:
    """The layout with another region of scaled frames."""
    rows, columns = (
        slice(*side.indices(length)) for side, length in zip(region(*layout.size), layout.size, strict=True)
    )
    layout = replace(layout, part=(rows, columns))
    first_row, first_column = _stored(layout)
    return replace(layout, corner=(first_row.start, first_column.start))


def converts_after_scaling(source: tuple[int, int], size: tuple[int, int]) -> bool:
    """Whether frames get their colours after they are scaled: half the time; where they shrink, colours would lose
    detail."""
    return all(0.9 * old <= new for old, new in zip(source, size, strict=True))


def _stored(layout: Layout) -> list[slice]:
    """Rows and columns of the source that the part of scaled frames is made of, even ones."""
    sides = []
    for part, old, new in zip(layout.part, layout.source, layout.size, strict=True):
        reach = 2 * math.ceil(max(1.0, old / new)) + 2  # of a filter on U and V, in pixels
        first, last = int(part.start * old / new) - reach, math.ceil(part.stop * old / new) + reach
        sides.append(slice(max(0, first // 2 * 2), min(old, -(-last // 2) * 2)))
    return sides


def _scaled(
    planes: torch.Tensor, layout: Layout, size: Sequence[int], part: Sequence[slice], per_value: int, places: _Places
) -> torch.Tensor:
    """A part of planes (..., h, w) scaled to a size, exactly: no sum needs more than 24 bits.

    per_value: pixels of the source, each way, that a value stands for.
    """
    down, across = (
        _weights(old // per_value, new, bits, place, planes.device)[wanted, first // per_value :][:, :stored]
        for old, new, bits, place, wanted, first, stored in zip(
            layout.source, size, (12, 14), places, part, layout.corner, planes.shape[-2:], strict=True
        )
    )
    rows = (planes.float() @ across.T).mul_(16).floor_().div_(16)
    return down @ rows


@lru_cache(maxsize=64)
def _weights(old: int, new: int, bits: int, places: tuple[float, float], device: torch.device) -> torch.Tensor:
    """(new, old) weights of bilinear interpolation, without aliasing where frames shrink, in 1 / 2^bits.

    places: where in a pixel its value lies, from 0 to 1, before and after.
    """
    width = max(1.0, old / new)
    centres = (torch.arange(new, dtype=torch.float64) + places[1]) * old / new - places[0]
    pixels = torch.arange(-math.ceil(width) - 1, old + math.ceil(width) + 1, dtype=torch.float64)
    weights = (1 - (pixels - centres[:, None]).abs() / width).clamp_(min=0)
    weights /= weights.sum(dim=1, keepdim=True)
    # What is rounded away goes to the largest weight, so that they sum to one.
    inside = torch.zeros(new, old, dtype=torch.float64)
    inside.index_add_(1, pixels.long().clamp(0, old - 1), weights)
    whole = (inside * 2**bits).round_()
    largest = whole.argmax(dim=1, keepdim=True)
    whole.scatter_add_(1, largest, 2**bits - whole.sum(dim=1, keepdim=True))
    return (whole / 2**bits).float().to(device)


def _rgb(
    light: torch.Tensor, u: torch.Tensor, v: torch.Tensor, colours: tuple[int, int, int, int], by_two: bool
) -> torch.Tensor:
    """(3, ...) uint8. by_two: with the roundings of FFmpeg's fast conversion, whose every term is a whole number."""

    def term(plane: torch.Tensor, zero: int, factor: int) -> torch.Tensor:
        if not by_two:
            return (plane - zero) * (factor / 65536)
        return ((plane + 0.5).floor_() - zero).mul_(math.floor(factor / 8 + 0.5) / 8192).floor_()

    light = term(light, 16, _LIGHT)
    red, green = light + term(v, 128, colours[0]), light + term(u, 128, colours[1]) + term(v, 128, colours[2])
    rgb = torch.stack([red, green, light + term(u, 128, colours[3])])
    return rgb.add_(0.5).floor_().clamp_(0, 255).to(torch.uint8)

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps

from tests.data.videos import clip_loader
from vnasdsl.data import open_data
from vnasdsl.data.augment import OPERATIONS, Augment


def picture() -> Image.Image:
    torch.manual_seed(0)
    smooth = torch.nn.functional.interpolate(torch.rand(1, 3, 5, 6), (24, 32), mode="bicubic").clamp(0, 1)
    return Image.fromarray((smooth[0].movedim(0, 2) * 255).round().byte().numpy())


def as_clip(image: Image.Image) -> torch.Tensor:
    """Two equal frames (3, 2, H, W)."""
    pixels = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8).view(image.height, image.width, 3)
    return (pixels.movedim(2, 0).float() / 255)[:, None].repeat(1, 2, 1, 1)


def turned(image: Image.Image, *map_: float) -> Image.Image:
    """By Pillow's map from where a pixel goes to where it comes from, around the middle."""
    a, b, c, d, e, f = map_
    x, y = image.width / 2, image.height / 2
    moved = (a, b, c + x - a * x - b * y, d, e, f + y - d * x - e * y)
    return image.transform(image.size, Image.Transform.AFFINE, moved, resample=Image.Resampling.BILINEAR)


PILLOW: dict[int, Callable[[Image.Image], Image.Image]] = {
    0: lambda image: image,
    1: lambda image: ImageEnhance.Brightness(image).enhance(1.45),
    2: lambda image: ImageEnhance.Contrast(image).enhance(1.45),
    3: lambda image: ImageEnhance.Color(image).enhance(1.45),
    4: lambda image: ImageEnhance.Sharpness(image).enhance(1.45),
    5: lambda image: ImageOps.posterize(image, 6),
    6: lambda image: ImageOps.solarize(image, 128),
    7: ImageOps.autocontrast,
    8: lambda image: image.rotate(15, Image.Resampling.BILINEAR),
    9: lambda image: turned(image, 1, 0.15, 0, 0, 1, 0),
    10: lambda image: turned(image, 1, 0, 0, 0.15, 1, 0),
    11: lambda image: turned(image, 1, 0, 0.225 * image.width, 0, 1, 0),
    12: lambda image: turned(image, 1, 0, 0, 0, 1, 0.225 * image.height),
}


@pytest.mark.parametrize("number", range(len(OPERATIONS)))
def test_each_operation_is_pillows(number: int) -> None:
    image = picture()
    ours = OPERATIONS[number](as_clip(image), 0.5, 1)
    theirs = as_clip(PILLOW[number](image))
    inner = (..., slice(2, -2), slice(2, -2))  # Pillow leaves out the border where it sharpens
    off = (ours - theirs)[inner].abs()
    assert (off < 0.02).float().mean() > 0.95, off.mean()  # and blends it where it shifts
    assert torch.equal(ours[:, 0], ours[:, 1])


def test_colours_vary_and_stay_in_range() -> None:
    clip = as_clip(picture())
    changed = [Augment(colour=0.5)(clip, random.Random(seed)) for seed in range(5)]
    assert all(c.min() >= 0 and c.max() <= 1 and not torch.equal(c, clip) for c in changed)
    means = [c.mean().item() for c in changed]
    assert max(means) - min(means) > 0.05
    assert not Augment() and Augment(magnitude=1)


def test_the_same_seed_and_epoch_give_the_same_clips(folder_set: Callable[..., Path]) -> None:
    data = open_data(f"folder:{folder_set(train=2)}")

    def clips(epoch: int, augment: Augment, batch: int = 4) -> torch.Tensor:
        loader = clip_loader(
            data.train, frames=4, size=16, scale=24, batch=batch, workers=0, augment=augment, shuffle=False
        )
        return torch.cat([clips for clips, _ in loader(epoch)])

    strong = Augment(0.4, 9)
    assert torch.equal(clips(1, strong), clips(1, strong, batch=1))
    assert not torch.equal(clips(1, strong), clips(2, strong))
    assert not torch.equal(clips(1, strong), clips(1, Augment()))
    torch.testing.assert_close(clips(1, Augment(1e-9)), clips(1, Augment()), rtol=1e-4, atol=1e-4)

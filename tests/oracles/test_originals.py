"""The originals can be imported, and are those that were published."""

from __future__ import annotations

import pytest
import torch

from tests.oracles import originals

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("r3d_18", 33_371_472),
        ("mc3_18", 11_695_440),
        ("r2plus1d_18", 31_505_325),
        ("s3d", 8_320_048),
        ("swin3d_t", 28_158_070),
        ("mvit_v2_s", 34_537_744),
    ],
)
def test_torchvision(name: str, parameters: int) -> None:
    models = originals.load("torchvision.models.video")
    with torch.device("meta"):
        model = getattr(models, name)()
    assert sum(each.numel() for each in model.parameters()) == parameters


@pytest.mark.parametrize(("name", "parameters"), [("x3d_m", 3_794_274), ("slowfast_r50", 34_566_488)])
def test_pytorchvideo(name: str, parameters: int) -> None:
    hub = originals.load("pytorchvideo.models.hub")
    with torch.device("meta"):
        model = getattr(hub, name)()
    assert sum(each.numel() for each in model.parameters()) == parameters

"""Weights of other libraries: matched by order and shape, read without running anything."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import vnasdsl
from tests.support import run_here
from tests.train.test_checkpoint import Bomb
from vnasdsl.data.synthetic.make import Settings, make
from vnasdsl.language.diagnostics import UserError
from vnasdsl.train.weights import by_order, inherit, read_original, split_library

TEXT = """\
block unit(width) {
  residual(project=auto) {
    conv(width, 1x1x1) -> bn -> relu
    conv(width, 3x1x1) -> bn
  }
  relu
}

network n {
  input clip = video(frames=4, size=16, classes=5)
  stage s1 { conv(8, 1x3x3, stride=1x2x2) -> bn -> relu }
  stage s2 {
    unit(8)
    unit(16)
  }
  pool -> linear(classes)
}
"""


class Unit(nn.Module):
    """As libraries write them: the shortcut, here of the shape of the first convolution, is listed last."""

    def __init__(self, before: int, width: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv3d(before, width, 1, bias=False),
            nn.BatchNorm3d(width),
            nn.ReLU(),
            nn.Conv3d(width, width, (3, 1, 1), padding=(1, 0, 0), bias=False),
            nn.BatchNorm3d(width),
        )
        self.downsample: nn.Module = nn.Identity()
        if before != width:
            self.downsample = nn.Sequential(nn.Conv3d(before, width, 1, bias=False), nn.BatchNorm3d(width))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.downsample(x) + self.branch(x))


def original(classes: int = 5) -> nn.Module:
    """The network of TEXT in a library, with numbers of its own everywhere; its head is a convolution."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv3d(3, 8, (1, 3, 3), (1, 2, 2), (0, 1, 1), bias=False),
        nn.BatchNorm3d(8),
        nn.ReLU(),
        Unit(8, 8),
        Unit(8, 16),
        nn.AdaptiveAvgPool3d(1),
        nn.Conv3d(16, classes, 1),
        nn.Flatten(),
    )
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point() and tensor.ndim == 1:
            nn.init.uniform_(tensor, 0.5 if name.endswith(("var", "weight")) else -0.5, 1.0)
    return model.eval()


@pytest.fixture
def network() -> vnasdsl.Network:
    loaded = vnasdsl.load(TEXT)
    assert isinstance(loaded, vnasdsl.Network)
    return loaded


@pytest.mark.parametrize(
    "save",
    [
        lambda weights, file: torch.save(weights, file),
        lambda weights, file: torch.save({"model_state": weights, "epoch": 3}, file),
    ],
    ids=["state dictionary", "inside of more"],
)
@torch.no_grad()
def test_outputs_are_those_of_the_original(network: Any, tmp_path: Path, save: Callable[..., None]) -> None:
    theirs = original()
    save(theirs.state_dict(), tmp_path / "theirs.pth")
    (file,) = tmp_path.iterdir()
    ours = network.module(f"torchvision:{file}").eval()
    clips = torch.randn(2, 3, 4, 16, 16)
    torch.testing.assert_close(ours(clips), theirs(clips), rtol=1e-5, atol=1e-6)


def test_a_head_for_other_classes_is_left_out(network: Any, tmp_path: Path) -> None:
    theirs = original(classes=7)
    model = network.module()
    found = inherit(model, by_order(theirs.state_dict(), model.state_dict(), "it"))
    assert found.missing == ("linear.weight", "linear.bias") and not found.misshapen and not found.unused
    torch.save(theirs.state_dict(), tmp_path / "theirs.pth")
    with pytest.raises(UserError, match=r"does not fit this network: 2 missing .*linear\.weight"):
        network.module(f"pytorchvideo:{tmp_path / 'theirs.pth'}")


class Encoder(nn.Module):
    """Two norms listed before the layers that the second comes after, as torchvision's MViT has them."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(8), nn.LayerNorm(8)
        self.first, self.wide, self.narrow = nn.Linear(8, 8), nn.Linear(8, 16), nn.Linear(16, 8)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.first(self.norm1(x))
        return x + self.narrow(torch.relu(self.wide(self.norm2(x))))


@torch.no_grad()
def test_norms_that_are_listed_elsewhere_are_matched_in_their_order() -> None:
    text = """\
network n {
  input clip = video(frames=1, size=4, classes=5)
  conv(8, 1x1x1, bias=true)
  4 * [
    residual { layer_norm -> conv(same, 1x1x1, bias=true) },
    residual { layer_norm -> conv(16, 1x1x1, bias=true) -> relu -> conv(8, 1x1x1, bias=true) }
  ]
  layer_norm -> pool -> linear(classes)
}
"""
    torch.manual_seed(0)
    theirs = nn.Sequential(nn.Linear(3, 8), Encoder(), Encoder(), nn.LayerNorm(8), nn.Linear(8, 5))
    for tensor in theirs.state_dict().values():
        nn.init.normal_(tensor)
    ours = vnasdsl.load(text).module().eval()
    ours.load_state_dict(by_order(theirs.state_dict(), ours.state_dict(), "it"))
    clips = torch.randn(2, 3, 1, 4, 4)
    expected = theirs[4](theirs[:4](clips.flatten(2).transpose(1, 2)).mean(dim=1))
    torch.testing.assert_close(ours(clips), expected, rtol=1e-4, atol=1e-4)


def test_layers_that_cannot_be_told_apart_are_refused(network: Any) -> None:
    deeper = nn.Sequential(original(), Unit(8, 8))
    with pytest.raises(UserError, match=r"`it` does not fit .* it has 2 layers with weights of \(8, 8\), .* has 1"):
        by_order(deeper.state_dict(), network.module().state_dict(), "it")


def test_weights_of_another_network_are_refused_with_those_that_have_an_original(network: Any) -> None:
    other = nn.Sequential(nn.Conv3d(3, 8, 5), nn.Linear(9, 9))
    with pytest.raises(UserError, match="it has 0 of 32 tensors") as refused:
        by_order(other.state_dict(), network.module().state_dict(), "it")
    named = str(refused.value.help).rpartition(": ")[2].split(", ")
    assert {"r3d_18", "swin3d_t", "x3d_m", "slowfast_r50"} <= set(named)
    assert not {"timesformer", "uniformer_s", "movinet_a0", "tsm_r50"} & set(named)


def test_files_that_are_none(tmp_path: Path) -> None:
    file = tmp_path / "it.pth"
    for content, reason in (
        (pickle.dumps(Bomb(tmp_path / "ran"), protocol=2), "no file of weights"),
        (b"nothing", "no file of weights"),
    ):
        file.write_bytes(content)
        with pytest.raises(UserError, match=reason):
            read_original(file)
    assert not (tmp_path / "ran").exists()
    for value in ([1], {}, {"a": 1}, {"model_state": {"a": "b"}}):
        torch.save(value, file)
        with pytest.raises(UserError, match="holds no state dictionary"):
            read_original(file)
    with pytest.raises(UserError, match="does not keep the order"):
        read_original(tmp_path / "it.safetensors")
    with pytest.raises(UserError, match="there is no file"):
        read_original(tmp_path / "gone.pth")


def test_a_file_may_have_the_name_of_a_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert split_library("torchvision:a/b.pth") == ("torchvision", Path("a/b.pth"))
    assert split_library("other:a") == (None, Path("other:a"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "torchvision:x").touch()
    assert split_library("torchvision:x") == (None, Path("torchvision:x"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The network, weights of the original for the three classes of the videos and for five, and the videos."""
    place = tmp_path_factory.mktemp("originals")
    (place / "n.vns").write_text(TEXT)
    torch.save(original(3).state_dict(), place / "three.pth")
    torch.save(original(5).state_dict(), place / "five.pth")
    make(place / "videos", Settings(classes=3, clips=2, test_clips=1, sizes=((24, 32),), lengths=(6, 8)))
    return place


def test_evaluate_and_predict_take_them(folder: Path) -> None:
    """The classes that both find are those of the original: with weights by name, nothing would fit."""
    given = ("--weights", "pytorchvideo:three.pth", "--device", "cpu", "-q", "--json")
    result = run_here("evaluate", "n.vns", *given, "--data", "synthetic:videos", cwd=folder)
    assert json.loads(result.stdout)["weights"] == "pytorchvideo:three.pth"
    video = next((folder / "videos").rglob("*.avi"))
    (folder / "labels.txt").write_text("a\nb\nc\n")
    found = run_here("predict", "n.vns", video, *given, "--labels", "labels.txt", cwd=folder)
    assert found.returncode == 0, found.stderr


def test_retrain_starts_from_them(folder: Path, tmp_path: Path) -> None:
    given = ("--weights", "torchvision:five.pth", "--data", "synthetic:videos", "--device", "cpu", "--json")
    short = ("--set", "epochs=1", "--out", tmp_path / "run")
    result = run_here("retrain", "n.vns", *given, *short, cwd=folder)
    assert result.returncode == 0, result.stderr
    floats = sum(tensor.is_floating_point() for tensor in original().state_dict().values())
    assert f"{floats - 2 + 6} tensors matched by name and shape; 2 missing from the file" in result.stderr

"""The zoo: networks equal to the originals in torchvision and pytorchvideo, and what the texts say of them."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from tests.conftest import RunCli
from tests.oracles import originals
from tests.support import ROOT
from vnasdsl.codegen.outputs import compile_space
from vnasdsl.elaborate import Overrides, Space, load
from vnasdsl.show.zoo import Published, networks_of, published
from vnasdsl.train.generated import build
from vnasdsl.train.weights import by_order, load_exactly

EQUAL = networks_of(("torchvision", "pytorchvideo"))
SMALL = {"x3d_l": (4, 96), "x3d_m": (4, 64), "x3d_s": (4, 64), "x3d_xs": (4, 64), "s3d": (16, 224)}
SMALL |= {"mvit_v1_b": (16, 224), "mvit_v2_s": (16, 224)}
"""Frames and size of the clips that outputs are compared on, where 8 x 64 x 64 are not fit."""


@cache
def zoo() -> dict[str, Published]:
    """Its networks by name."""
    return {each.network.name: each for each in published()}


def text_at(name: str, frames: int, size: int) -> Space:
    file = ROOT / "spaces" / f"{zoo()[name].file.removeprefix('vnasdsl:')}.vns"
    return load(file, Overrides(frames=frames, size=size)).get(name)


def original(each: Published, **settings: Any) -> nn.Module:
    """The model that `source` names, with logits for outputs as ours."""
    module, _, function = each.source.rpartition(".")
    if function.startswith(("x3d", "r2plus1d_r50")):
        settings["head_activation"] = None
    return getattr(originals.load(module), function)(**settings).eval()  # type: ignore[no-any-return]


def at_size(each: Published, frames: int, size: int) -> nn.Module:
    """The same for small clips, whose last maps are smaller than the windows of its pooling."""
    name = each.network.name
    if name.startswith("x3d"):
        model = original(each)
        model.blocks[5].pool.pool = nn.AdaptiveAvgPool3d(1)  # type: ignore[index,union-attr]
        return model
    if name == "slowfast_r50":
        rows = size // 32
        return original(each, head_pool_kernel_sizes=((frames // 4, rows, rows), (frames, rows, rows)))
    return original(each, **({"head_pool": None} if each.source.startswith("pytorchvideo") else {}))


def call(model: nn.Module, name: str, clips: Tensor) -> Tensor:
    if name == "slowfast_r50":  # the packing of pathways by PySlowFast and pytorchvideo
        frames = clips.shape[2]
        slow = clips[:, :, torch.linspace(0, frames - 1, frames // 4).long()]
        return model([slow, clips])  # type: ignore[no-any-return]
    return model(clips)  # type: ignore[no-any-return]


@torch.no_grad()
def fill(model: nn.Module) -> nn.Module:
    """Numbers that no initialisation has, so that nothing is equal by chance."""
    generator = torch.Generator().manual_seed(0)
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point() and tensor.ndim == 1:
            low = 0.5 if name.endswith(("running_var", "weight")) else -0.2
            tensor.uniform_(low, low + 0.5, generator=generator)
    return model


@torch.no_grad()
def assert_equal_outputs(name: str) -> None:
    torch.manual_seed(0)
    frames, size = SMALL.get(name, (8, 64))
    theirs = fill(at_size(zoo()[name], frames, size))
    ours = build(text_at(name, frames, size)).eval()
    load_exactly(ours, by_order(theirs.state_dict(), ours.state_dict(), name), name)
    clips = torch.randn(1 if size > 100 else 2, 3, frames, size, size)
    torch.testing.assert_close(ours(clips), call(theirs, name, clips), rtol=1e-5, atol=1e-5)


def test_they_have_the_published_parameters() -> None:
    """To as many digits as were published."""
    for each in zoo().values():
        stated, own = each.params, each.network.params[0]
        if stated.endswith(" M"):
            number = stated.removesuffix(" M")
            assert f"{own / 1e6:.{len(number.partition('.')[2])}f}" == number, each.network
        else:
            assert f"{own:,}".replace(",", " ") == stated, each.network


def test_those_of_the_libraries_are_equal_to_the_original() -> None:
    assert [name for name, each in zoo().items() if each.checked == "equal to the original"] == list(EQUAL)


def test_its_code_is_committed() -> None:
    files = {}
    for each in zoo().values():
        file, text = compile_space(each.network, f"spaces/{each.file.removeprefix('vnasdsl:')}.vns")
        files[file] = text
    assert {path.name: path.read_text() for path in (ROOT / "generated" / "zoo").glob("*.py")} == files


def test_one_network_is_equal_to_its_original() -> None:
    assert_equal_outputs("mc3_18")


@pytest.mark.slow
@pytest.mark.parametrize("name", EQUAL)
def test_outputs_are_equal_to_the_original_s(name: str) -> None:
    assert_equal_outputs(name)


@cache
def counted(name: str) -> tuple[int, int]:
    """Parameters and multiply-adds of the original."""
    each = zoo()[name]
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        model = original(each)
        call(model, name, torch.empty(1, *each.network.input.shape))
    return sum(p.numel() for p in model.parameters()), counter.get_total_flops() // 2


@pytest.mark.slow
@pytest.mark.parametrize("name", EQUAL)
def test_parameters_and_macs_are_the_original_s(name: str) -> None:
    assert (zoo()[name].network.params[0], zoo()[name].network.macs[0]) == counted(name)


@pytest.mark.slow
@torch.no_grad()
def test_tsm_is_the_resnet_of_images_with_the_paper_s_shift() -> None:
    """Its weights are those of torchvision's resnet50: one trained on images is what the authors begin with."""

    class Shifted(nn.Module):
        """Algorithm of Lin et al. 2019, section 3: frames of a clip are the batch of an image network."""

        def __init__(self, conv: nn.Module):
            super().__init__()
            self.conv = conv

        def forward(self, x: Tensor) -> Tensor:
            clips = x.unflatten(0, (-1, 8))
            part = clips.shape[2] // 8
            out = torch.zeros_like(clips)
            out[:, :-1, :part] = clips[:, 1:, :part]
            out[:, 1:, part : 2 * part] = clips[:, :-1, part : 2 * part]
            out[:, :, 2 * part :] = clips[:, :, 2 * part :]
            return self.conv(out.flatten(0, 1))  # type: ignore[no-any-return]

    torch.manual_seed(0)
    theirs = fill(originals.load("torchvision.models").resnet50(num_classes=400).eval())
    ours = build(text_at("tsm_r50", 8, 64)).eval()
    load_exactly(ours, by_order(theirs.state_dict(), ours.state_dict(), "it"), "it")
    for stage in (theirs.layer1, theirs.layer2, theirs.layer3, theirs.layer4):
        for unit in stage:  # type: ignore[union-attr]
            unit.conv1 = Shifted(unit.conv1)
    clips = torch.randn(2, 3, 8, 64, 64)
    expected = theirs(clips.transpose(1, 2).flatten(0, 1)).unflatten(0, (2, 8)).mean(dim=1)
    torch.testing.assert_close(ours(clips), expected, rtol=1e-5, atol=1e-5)


def test_the_list_of_the_command(run_cli: RunCli) -> None:
    rows = json.loads(run_cli("zoo", "--json").stdout)
    assert [row["name"] for row in rows] == list(zoo())
    (row,) = [row for row in rows if row["name"] == "r3d_18"]
    assert row == {
        "name": "r3d_18",
        "file": "vnasdsl:zoo/r3d_18",
        "input": {"frames": 16, "size": 112, "frame_stride": 1},
        "macs": 40_696_553_472,
        "params": 33_371_472,
        "published_params": "33 371 472",
        "source": "torchvision.models.video.r3d_18",
        "checked": "equal to the original",
    }
    lines = run_cli("zoo").stdout.splitlines()
    assert len(lines) == len(rows) + 1
    assert lines[0].split() == ["network", "file", "clip", "MACs", "parameters", "source", "checked"]
    assert any(line.startswith("r3d_18 ") and "33 371 472  torchvision.models.video.r3d_18" in line for line in lines)

"""The plain models have the published sizes: what they are compared with is the descriptions' own figures."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from tests.oracles.assemblenet import DEPTHS, NODES_50, AssembleNet, Node, Stem, representation_flow
from tests.oracles.evanet import ITGM, EvaNet
from tests.oracles.tinyvideonet import MOBILE_1, TVN_1, TVN_3, Design, tiny_video_net

torch.set_num_threads(1)


def params(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def test_assemblenet_50() -> None:
    with torch.device("meta"):
        assert params(AssembleNet(classes=339)) == 37_273_903
        assert round(params(AssembleNet(classes=157)) / 1e4) == 3690  # "36.90 M with 157 classes"
        nodes = [replace(node, channels={2: 192, 3: 256}.get(node.level, node.channels)) for node in NODES_50]
        assert params(AssembleNet(nodes=nodes, classes=339, depth=DEPTHS[101])) == 53_309_487


@pytest.mark.parametrize(
    ("design", "parameters", "macs"),
    [
        (TVN_1, 26_414_721, 4_326_160_640),
        (TVN_3, 67_709_221, 53_639_220_992),
        (MOBILE_1, 7_352_607, 5_349_648_768),
    ],
    ids=["TVN-1", "TVN-3", "mobile-1"],
)
def test_tiny_video_nets(design: Design, parameters: int, macs: int) -> None:
    with torch.device("meta"):
        model = tiny_video_net(design).eval()
        with FlopCounterMode(display=False) as counter:
            out = model(torch.empty(1, 3, design.frames, design.size, design.size))
    assert tuple(out.shape) == (1, 339)
    assert params(model) == parameters
    assert counter.get_total_flops() == 2 * macs


def test_evanet_a() -> None:
    with torch.device("meta"):
        model = EvaNet().eval()
        assert params(model) == 32_804_188
        clip = torch.empty(1, 3, 64, 224, 224)
        assert tuple(model.body(clip).shape) == (1, 2046, 16, 7, 7)
        assert tuple(model(clip).shape) == (1, 400)


def test_itgm_has_the_size_of_its_formula_whatever_its_length() -> None:
    for length in (3, 5, 11):
        layer = ITGM(6, 4, length)
        assert params(layer) == 9 * 24 + 4 * 24 + 8
        torch.testing.assert_close(layer.curves().sum(dim=1), torch.ones(4), atol=1e-5, rtol=0)
        assert tuple(layer(torch.randn(2, 6, 4, 5, 5)).shape) == (2, 4, 4, 5, 5)


@torch.no_grad()
def test_a_small_assemblenet_runs() -> None:
    nodes = (Node(0, (0, 1), 4, 2, 1, (0.25, 0.5)), Node(1, (0, 2), 4, 1, 2), Node(3, (1, 2, 3), 4, 1, 2))
    stems = (Stem("rgb", 2), Stem("flow", 1))
    for per_frame in (False, True):
        model = AssembleNet(stems, nodes, 5, DEPTHS[26], 8, iterations=3, per_frame=per_frame).eval()
        assert tuple(model(torch.randn(2, 3, 4, 32, 32)).shape) == (2, 5)
        assert [p.requires_grad for p in (f.edges for f in model.fusions)] == [False, True, True]


@torch.no_grad()
def test_flow_follows_what_moves() -> None:
    rows, columns = torch.meshgrid(torch.arange(24.0), torch.arange(24.0), indexing="ij")
    frames = [torch.exp(-((columns - 10 - t) ** 2 + (rows - 12) ** 2) / 18) for t in range(4)]
    clip = torch.stack(frames).expand(1, 3, 4, 24, 24)
    flow = representation_flow(clip)
    assert tuple(flow.shape) == (1, 2, 4, 24, 24)
    along, across = flow[0, 0, 0, 8:17, 6:15].mean().item(), flow[0, 1, 0, 8:17, 6:15].mean().item()
    assert 0.5 < along < 1.5 and abs(across) < 0.05
    assert flow[0, :, -1].abs().max() == 0  # the last frame has only itself to be compared with
    assert representation_flow(torch.zeros(1, 3, 2, 8, 8)).abs().max() == 0

"""Networks of streams, bodies and attention through the whole compiler, against the plain models of tests/oracles."""

from __future__ import annotations

import random
from itertools import chain
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from tests.codegen.code import child, read, run, shuffle, supernet
from tests.layers.built import randomise
from tests.oracles.assemblenet import AssembleNet, Node, Stem
from tests.oracles.evanet import Branch, EvaNet, Group, conv, pool
from tests.oracles.tinyvideonet import Block, Part, TinyVideoNet
from vnasdsl.codegen import compile_network
from vnasdsl.elaborate import Space

torch.set_num_threads(1)


def compiled(text: str) -> tuple[Space, Any]:
    """The network of a text and its code, with MACs, parameters and the output held against torch's count."""
    space = read(text)
    model: Any = run(compile_network(space, "made.vns"))["Network"]().eval()
    math = sdpa_kernel(SDPBackend.MATH)  # other kernels of attention are not counted
    with FlopCounterMode(display=False) as counter, torch.no_grad(), math:
        out = model(torch.randn(2, *space.input.shape))
    assert tuple(out.shape) == (2, space.input.classes)
    assert sum(p.numel() for p in model.parameters()) == space.params[0]
    assert counter.get_total_flops() == 2 * 2 * space.macs[0]
    return space, model


@torch.no_grad()
def agree(
    model: nn.Module, oracle: nn.Module, parts: list[nn.Module], clips: torch.Tensor, within: float = 1e-4
) -> None:
    """Both give the same once they have the same weights: those of `parts` in the order of the text."""
    mine = list(randomise(model).state_dict().values())
    theirs = list(chain.from_iterable(part.state_dict().values() for part in parts))
    assert sum(t.numel() for t in theirs) == sum(t.numel() for t in oracle.state_dict().values())
    assert [tuple(t.shape) for t in mine] == [tuple(t.shape) for t in theirs]
    for tensor, given in zip(theirs, mine, strict=True):
        tensor.copy_(given)
    expected = oracle.eval()(clips)
    torch.testing.assert_close(model.eval()(clips), expected, rtol=within, atol=within * float(expected.abs().max()))


ASSEMBLED = """
block rgb(channels, dilation) {
  conv(channels, 1x7x7, stride=1x2x2) -> bn -> relu
  conv(channels, 5x1x1, dilation=(dilation, 1, 1)) -> bn -> relu -> max_pool(1x3x3, stride=1x2x2)
}

block motion(channels) {
  flow(iterations=3) -> conv(channels, 1x7x7, stride=1x2x2) -> bn -> relu -> max_pool(1x2x2, stride=1x2x2)
}

block node(channels, wide, dilation, stride) {
  bottleneck(channels, wide=wide, stride=(1, stride, stride), start=0.0, project=always)
  bottleneck(channels, wide=wide, first=3x1x1, dilation=(dilation, 1, 1), start=0.0)
}

network small {
  input clip = video(frames=4, size=32, classes=5)
  r0 = clip -> rgb(4, 2)
  f1 = clip -> motion(4)
  n2 = weighted(r0, f1, by=[0.25, 0.5]) -> node(4, 64, 2, 1)
  n3 = weighted(r0, n2, f1) -> node(4, 128, 1, 2)
  n4 = weighted(f1, n2, n3, by=learned) -> node(4, 512, 1, 2)
  n5 = weighted(n3) -> node(4, 512, 1, 2)
  END
}
"""


@pytest.mark.parametrize("per_frame", [False, True])
def test_a_small_assemblenet(per_frame: bool) -> None:
    end = "mean(n4, n5) -> frame_linear(classes)" if per_frame else "mean(n4 -> pool, n5 -> pool) -> linear(classes)"
    space, model = compiled(ASSEMBLED.replace("END", end))
    nodes = (
        Node(0, (0, 1), 4, 2, 1, (0.25, 0.5)),
        Node(1, (0, 2, 1), 4, 1, 2),
        Node(3, (1, 2, 3), 4, 1, 2),
        Node(3, (3,), 4, 1, 2),
    )
    stems = (Stem("rgb", 2), Stem("flow", 1))
    oracle = AssembleNet(stems, nodes, 5, (2, 2, 2, 2), 8, iterations=3, per_frame=per_frame)
    parts = [*oracle.stems, *chain.from_iterable(zip(oracle.fusions, oracle.nodes, strict=True)), oracle.dense]
    agree(model, oracle, parts, torch.rand(2, *space.input.shape))
    trained = [name for name, p in model.named_parameters() if "edges" in name and p.requires_grad]
    assert len(trained) == 2  # of n3 and n4; those of n2 are given


GATED = """
block gated(channels) {
  x = conv(channels, 3x3x3) -> bn(eps=0.001, momentum=0.01) -> silu
  g = x -> pool -> linear(same) -> sigmoid
  product(x, g)
}

network gates {
  input clip = video(frames=4, size=8, classes=5)
  2 * gated(6)
  seen = conv(1, 1x1x1, bias=true) -> avg_pool(4x8x1, padding=valid) -> hardsigmoid
  wide = seen -> conv(6, 1x1x1)
  mask = [seen, wide]
  product(mask, seen -> pool)
  pool -> linear(classes)
}
"""


class Gated(nn.Module):
    """Feature gating as S3D-G has it, written by hand; the second time with a mask over columns and a plain one."""

    def __init__(self) -> None:
        super().__init__()
        widths = ((3, 6), (6, 6))
        self.convs = nn.ModuleList(nn.Conv3d(a, b, 3, padding=1, bias=False) for a, b in widths)
        self.norms = nn.ModuleList(nn.BatchNorm3d(6, eps=0.001, momentum=0.01) for _ in widths)
        self.gates = nn.ModuleList(nn.Linear(6, 6) for _ in widths)
        self.columns, self.mask, self.last = nn.Conv3d(6, 1, 1), nn.Conv3d(1, 6, 1, bias=False), nn.Linear(6, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for first, norm, gate in zip(self.convs, self.norms, self.gates, strict=True):
            x = nn.functional.silu(norm(first(x)))
            x = torch.einsum("bcthw,bc->bcthw", x, gate(x.mean(dim=(2, 3, 4))).sigmoid())
        columns = nn.functional.hardsigmoid(self.columns(x).mean(dim=(2, 3), keepdim=True))
        whole = columns.flatten(1).mean(dim=1)
        return self.last(torch.einsum("bw,bcw,b->bc", columns[:, 0, 0, 0] / 8, self.mask(columns)[:, :, 0, 0], whole))


def test_gates() -> None:
    space, model = compiled(GATED)
    oracle = Gated()
    parts = [m for trio in zip(oracle.convs, oracle.norms, oracle.gates, strict=True) for m in trio]
    agree(model, oracle, [*parts, oracle.columns, oracle.mask, oracle.last], torch.randn(2, *space.input.shape))
    assert [norm.momentum for norm in model.modules() if isinstance(norm, nn.BatchNorm3d)] == [0.01, 0.01]


TINY = """
network tiny {
  input clip = video(frames=4, size=20, classes=5)
  residual(project=always) {
    conv(4, 1x1x1) -> bn -> relu -> conv(4, 1x4x4, stride=1x2x2) -> bn -> relu
    conv(8, 1x1x1) -> bn
    squeeze_excite(0.3, least=3) -> context_gate
  }
  relu
  conv(4, 1x1x1) -> bn -> relu -> depthwise(1x3x3, stride=1x3x3) -> bn -> relu
  avg_pool(3x1x1, stride=2x1x1)
  conv(8, 1x1x1) -> bn -> relu
  conv(24, 1x1x1) -> bn -> relu -> conv(same, 1x1x1) -> bn -> hardswish -> depthwise(1x3x3) -> bn -> hardswish
  conv(same, 2x1x1) -> bn -> hardswish
  context_gate
  conv(12, 1x1x1) -> bn -> relu
  pool -> dropout(0.5) -> linear(classes)
}
"""


def test_a_small_tiny_video_net() -> None:
    space, model = compiled(TINY)
    blocks = (
        Block(Part("std", 4, 2), Part("max", 1), 4, 2, 1, ratio=0.3, gate=True, skip=True),
        Block(Part("depth", 3, 3), Part("avg", 3, 2), 4, 2),
        Block(
            Part("depth", 3),
            Part("conv", 2),
            12,
            2,
            gate=True,
            inverted=True,
            spatial_hswish=True,
            temporal_hswish=True,
        ),
    )
    oracle = TinyVideoNet(4, 20, blocks, 5)
    for module in oracle.modules():
        if type(module).__name__ == "SqueezeExcite":  # least=3 of 8 * 0.3
            module.squeeze, module.excite = nn.Conv3d(8, 3, 1), nn.Conv3d(3, 8, 1)
    parts = [part for repeat in oracle.repeats for part in (repeat.shortcut, repeat.layers) if part is not None]
    agree(model, oracle, [*parts, oracle.dense], torch.randn(2, *space.input.shape))


EVA = """
block point(channels) { conv(channels, 1x1x1) -> bn }

block gaussian(channels, t) { point(channels // 2) -> relu -> itgm(channels, (t, 3, 3)) -> bn }

block twice(channels, t) {
  point(channels // 4) -> relu -> conv(channels // 2, (t, 3, 3)) -> bn -> relu
  conv2plus1(channels, (t, 3, 3), order=time_first, mid=half) -> bn
}

block pooled(channels, t) { max_pool((t, 3, 3)) -> point(channels) }

network eva {
  input clip = video(frames=8, size=32, classes=5)
  conv2plus1(8, 3x7x7, stride=2, order=time_first, mid=half) -> bn -> relu
  max_pool(3x3x3, stride=2)
  residual(project=always) { concat(gaussian(5, 5), pooled(5, 3)) } -> relu
  residual { concat(gaussian(5, 1), pooled(5, 3)) } -> relu
  residual { concat(gaussian(5, 5), pooled(5, 3)) } -> relu
  max_pool(3x2x2, stride=1x2x2)
  residual(project=always) { concat(point(8), twice(8, 3)) } -> relu
  avg_pool((2 if frames > 1 else 1, rows, columns), padding=valid)
  dropout(0.5) -> conv(classes, 1x1x1, bias=true) -> pool
}
"""


def test_a_small_evanet() -> None:
    space, model = compiled(EVA)
    groups = (
        Group(3, (conv("itgm", 5), pool(3))),
        Group(1, (Branch("1x1"), Branch("conv2", ("3d", "2plus1"), (3, 3)))),
    )
    oracle = EvaNet(("2plus1", 3), (3, 1, 1), groups, 5, (10, 16), 8)
    parts: list[nn.Module] = []
    for part in oracle.body:
        parts += [part.shortcut or nn.Identity(), part.branches] if hasattr(part, "branches") else [part]
    agree(model, oracle, [*parts, oracle.dense], torch.rand(2, *space.input.shape))


LINES = """
squeeze_excite(0.5)
squeeze_excite(0)
context_gate
non_local(3)
non_local(same)
bottleneck(2)
bottleneck(3, 3x3x3, stride=1x2x2, dilation=2, expand=2, wide=5)
inverted_bottleneck(same, 3x3x3)
inverted_bottleneck(6, stride=2, activation=hardswish, expand=2, shortcut=false)
flow(iterations=2)
residual { conv(same, 1x1x1) -> squeeze_excite(1) }
residual(project=auto) { conv(6, 3x3x3, stride=2) -> residual(project=always) { relu } }
segments(2) { conv(6, 3x3x3, stride=2) -> bn }
segments(3) { residual { conv(same, 3x3x3) } -> segments(2) { conv(6, 1x1x1) -> bn } }
segments(1) { conv(6, 3x3x3) }
concat(skip, conv(3, 1x1x1), conv(same, 3x3x3) -> relu)
concat(conv(3, 1x1x1))
sum(skip, conv(same, 1x1x1) -> relu, residual { bn })
mean(skip, conv(same, 1x1x1) -> relu, bn)
mean(concat(skip, relu), concat(bn, skip))
weighted(conv(3, 1x1x1), conv(6, 1x1x1, stride=1x2x2), conv(3, 1x1x1), skip)
weighted(conv(3, 1x1x1), conv(6, 1x1x1, stride=1x3x3), by=[0.5, 1.5])
weighted(conv(6, 1x1x1))
segments(2) { pool -> linear(6) } -> linear(4)
segments(2) { weighted(skip, conv(same, 1x1x1), by=[1, 0.5]) -> frame_linear(4, dropout=0.5) } -> linear(4)
""".split("\n")[1:-1]


@pytest.mark.parametrize("line", LINES)
def test_every_layer_in_a_network(line: str) -> None:
    end = "linear(classes)" if "linear" in line else "pool -> linear(classes)"
    head = "input clip = video(frames=6, size=9, classes=3)\n  conv(4, 1x1x1) -> relu"
    compiled(f"network n {{\n  {head}\n  {line}\n  {end}\n}}\n")


def test_one_class_for_uses_of_a_block_that_differ_in_numbers_only() -> None:
    text = """
block unit(width, ratio, by, times) {
  a = bottleneck(width, stride=1x2x2) -> squeeze_excite(ratio)
  b = residual(project=auto) { conv(2 * width, 1x3x3, stride=1x2x2) } -> non_local(width)
  weighted(a, b, by=by)
  inverted_bottleneck(2 * width, expand=times)
}

network n {
  input clip = video(frames=4, size=16, classes=3)
  conv(3, 1x1x1)
  unit(2, 0.5, [0.5, 1.5], 2)
  unit(3, 0.25, [0.25, 0.75], 3)
  pool -> linear(classes)
}
"""
    code = compile_network(read(text), "made.vns")
    assert code.count("class Unit(") == 1 and "class Unit2(" not in code
    space, model = compiled(text)
    given = [p for name, p in model.named_parameters() if name.endswith("edges")]
    assert [p.tolist() for p in given] == [[0.5, 1.5], [0.25, 0.75]] and not any(p.requires_grad for p in given)
    assert space.params[0] > 0


MIXED = """
block op(k) { residual(project=auto) { bottleneck(4, kernel=k) -> squeeze_excite(0.5 | 0.25) } }

space s {
  input clip = video(frames=4, size=16, classes=3)
  stage a { conv(8 | 12, 1x3x3, stride=1x2x2) -> bn -> relu }
  stage b {
    conv(16, 1x1x1)
    2 * (op(1x3x3) | op(3x3x3) | inverted_bottleneck(same, activation=hardswish) | non_local(4) | context_gate | skip)
    weighted(skip, conv(8, 1x1x1) | conv(8, 1x3x3), by=[1.5, 0.5])
    segments(2) { conv(same, 1x1x1) | conv(same, 3x3x3) }
  }
  frame_linear(classes)
}
"""


@torch.no_grad()
def test_a_network_taken_out_of_a_supernet_gives_what_the_supernet_gives() -> None:
    space = read(MIXED)
    model = supernet(space).double()
    shuffle(model)
    model.eval()
    drawn = random.Random(3)
    clips = torch.randn(2, *space.input.shape, dtype=torch.float64)
    for _ in range(6):
        way = space.sample(drawn)
        model.set_choices(way)
        own = child(space, way, model).eval()
        torch.testing.assert_close(own(clips), model(clips))
        assert sum(p.numel() for p in own.parameters()) == space.network(way).params[0]

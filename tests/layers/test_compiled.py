"""Networks and supernets of the convolution-like layers through the whole compiler."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tests.codegen.code import child, read, run, shuffle, supernet
from vnasdsl.codegen import compile_network

torch.set_num_threads(1)
LAYERS = """
conv(6, 2x4x2, stride=1x2x1)
conv(6, 3x1x1, dilation=(2, 1, 1))
conv(6, 3x3x3, stride=2)
depthwise(1x2x2, stride=1x2x2)
depthwise(3x3x3, dilation=(1, 2, 2))
conv2plus1(8, 3x3x3)
conv2plus1(8, 3x7x7, stride=2, order=time_first, mid=half)
conv2plus1(same, 2x4x4, stride=1x2x2, mid=equal)
conv2plus1(5, 3x3x3, dilation=2, padding=valid)
itgm(8, 5x3x3)
itgm(8, 4x2x2, stride=2, components=2)
itgm(8, 1x3x3)
separable(same, 3)
separable(8, 3x5x5, stride=2)
dilated(same, 5)
dilated(8, 3, stride=1x2x2, dilation=1x2x2)
none
none(stride=2)
none(stride=1x2x2)
max_pool(2x2x2)
max_pool(9x3x3, stride=1x2x2)
avg_pool(2x2x2, stride=2)
avg_pool(9x3x3)
bn(start=0)
bn(affine=false)
bn(start=0.5)
""".split("\n")[1:-1]
HEAD = "input clip = video(frames=7, size=13, classes=3)\n  conv(4, 1x1x1) -> relu\n"


def network(lines: list[str]) -> str:
    body = "\n  ".join(lines)
    return f"network n {{\n  {HEAD}  {body}\n  pool -> linear(classes)\n}}\n"


def agrees(text: str) -> None:
    """MACs, parameters and the shape behind every layer that is a module, against the loaded code."""
    space = read(text)
    model: Any = run(compile_network(space, "made.vns"))["Network"]().eval()
    shapes: dict[str, tuple[int, ...]] = {}
    for name, module in model.named_modules():
        module.register_forward_hook(lambda m, i, out, name=name: shapes.update({name: tuple(out.shape[1:])}))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.randn(2, *space.input.shape))
    assert counter.get_total_flops() == 2 * 2 * space.macs[0]
    assert sum(p.numel() for p in model.parameters()) == space.params[0]
    rows = space.graph.order
    compared = [row for row in rows if row.label in shapes]
    assert all(shapes[row.label] == row.shape for row in compared)
    assert compared
    of_modules = {row.label: row.params for row in compared}
    found = {name: sum(p.numel() for p in model.get_submodule(name).parameters()) for name in of_modules}
    assert found == of_modules


@pytest.mark.parametrize("line", LAYERS)
def test_every_layer_in_a_network(line: str) -> None:
    agrees(network([f"{line} -> relu"]))


def test_all_of_them_in_one_network() -> None:
    agrees(network(["stage_like = conv(8, 1x1x1)", *(line for line in LAYERS if "stride" not in line), "bn -> relu"]))


def test_one_class_for_uses_of_a_block_that_differ_in_numbers_only() -> None:
    text = """
block unit(channels, length, stride) {
  conv2plus1(channels, (length, 3, 3), stride=(1, stride, stride), order=time_first, mid=half) -> bn -> relu
  itgm(same, (length, 3, 3)) -> bn(start=0) -> relu
  separable(same, 3, stride=stride)
  none(stride=1)
}
network n {
  input clip = video(frames=7, size=13, classes=3)
  unit(8, 3, 2)
  unit(12, 5, 1)
  unit(6, 3, 2)
  pool -> linear(classes)
}
"""
    code = compile_network(read(text), "made.vns")
    assert code.count("class Unit(") == 1 and "class Unit2(" not in code
    agrees(text)


MIXED = """
space s {
  input clip = video(frames=5, size=9, classes=3)
  stage a { conv2plus1(4 | 6, 3x2x2, stride=1x2x2) -> bn -> relu }
  stage b {
    2 * (itgm(same, 3x3x3) | conv2plus1(same, 3x3x3) | separable(same, 3) | dilated(same, 3) | none | skip
      | max_pool(3x2x2) | avg_pool(7x3x3) | depthwise(2x2x2) | conv(same, 2x2x2))
    bn(start=0.5)
  }
  pool -> linear(classes)
}
"""


def test_a_network_taken_out_of_a_supernet_gives_what_the_supernet_gives() -> None:
    space = read(MIXED)
    model = supernet(space).double()
    shuffle(model)
    model.eval()
    drawn = random.Random(3)
    clips = torch.randn(2, *space.input.shape, dtype=torch.float64)
    for _ in range(8):
        way = space.sample(drawn)
        model.set_choices(way)
        own = child(space, way, model).eval()
        with torch.no_grad():
            torch.testing.assert_close(own(clips), model(clips))
        assert sum(p.numel() for p in own.parameters()) == space.network(way).params[0]


def test_a_supernet_of_them_has_gradients_and_expected_macs() -> None:
    space = read(MIXED)
    model = supernet(space)
    model(torch.randn(2, *space.input.shape)).sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())
    low, high = space.macs
    assert low <= model.expected_macs().item() <= high

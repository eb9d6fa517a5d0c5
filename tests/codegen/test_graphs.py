"""Generated code of networks whose lines read each other, against the elements themselves and plain modules."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from hypothesis import given, settings
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from tests.codegen.code import child, read, run, shuffle, supernet
from tests.codegen.graphs import interpret, networks
from tests.support import ROOT, examples
from vnasdsl.codegen import compile_network
from vnasdsl.codegen.supernet import tensors
from vnasdsl.elaborate import Space


def generated(network: Space) -> Any:
    """The module in evaluation mode and double precision, no weight or statistic being 0 or 1."""
    model = run(compile_network(network, "made.vns"))["Network"]().double().eval()
    generator = torch.Generator().manual_seed(1)
    for tensor in model.state_dict().values():
        if tensor.dtype.is_floating_point:
            tensor.copy_(torch.rand(tensor.shape, generator=generator, dtype=tensor.dtype) + 0.5)
    return model


def clips(network: Space) -> Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.randn(2, *network.input.shape, generator=generator, dtype=torch.float64)


@examples(60)
@given(networks())
def test_drawn_networks_compute_what_their_elements_say(text: str) -> None:
    network = read(text)
    model = generated(network)
    assert set(model.state_dict()) == {name for names in tensors(network).values() for name in names}
    x = clips(network)
    with torch.no_grad():
        torch.testing.assert_close(model(x), interpret(network, model.state_dict(), x))
        with FlopCounterMode(display=False) as counter:
            model(x)
    assert sum(p.numel() for p in model.parameters()) == network.graph.params
    assert counter.get_total_flops() <= 2 * 2 * network.graph.macs


def test_drawn_networks_are_as_the_formatter_leaves_them(tmp_path: Path) -> None:
    @settings(examples(60), database=None, derandomize=True)
    @given(networks())
    def write(text: str) -> None:
        (tmp_path / f"drawn{len(list(tmp_path.iterdir()))}.py").write_text(compile_network(read(text), "made.vns"))

    write()
    assert len(list(tmp_path.iterdir())) >= 15
    assert_formatted(tmp_path)


def assert_formatted(folder: Path) -> None:
    settings = ["--config", str(ROOT / "pyproject.toml")]
    for command in (["format", "--check", "--isolated", "--line-length", "120"], ["check", *settings]):
        done = subprocess.run([sys.executable, "-m", "ruff", *command, str(folder)], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


STREAMS = """
block stem(c, r) {
  conv(c, 1x3x3, stride=1x2x2) -> bn -> relu
  conv(c, 3x1x1, dilation=(r, 1, 1)) -> bn -> relu
}

block module(c, t) {
  residual(project=auto) {
    conv(c, (t, 1, 1)) -> bn -> relu
    conv(2 * c, 1x1x1) -> bn
  }
  relu
}

block group(c) {
  module(c, 1)
  module(c, 3)
}

network streams {
  input clip = video(frames=4, size=8, classes=3)
  r0 = clip -> stem(2, 1)
  r1 = clip -> stem(2, 2)
  n2 = r1 -> group(2)
  n3 = weighted(r0, r1) -> group(3)
  n4 = weighted(r0, n2, n3, by=[0.25, 0.5, 0.75]) -> group(4)
  n5 = sum(n3 -> conv(8, 1x1x1), n4)
  mean(n4 -> pool, n5 -> pool)
  linear(classes)
}
"""


class Stem(nn.Module):
    def __init__(self, c: int, r: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(3, c, (1, 3, 3), (1, 2, 2), (0, 1, 1), bias=False)
        self.bn = nn.BatchNorm3d(c)
        self.conv2 = nn.Conv3d(c, c, (3, 1, 1), 1, (r, 0, 0), (r, 1, 1), bias=False)
        self.bn2 = nn.BatchNorm3d(c)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn2(self.conv2(F.relu(self.bn(self.conv(x))))))


class Bottleneck(nn.Module):
    def __init__(self, before: int, c: int, t: int) -> None:
        super().__init__()
        if before != 2 * c:
            self.projection = nn.Conv3d(before, 2 * c, 1, bias=False)
            self.projection_bn = nn.BatchNorm3d(2 * c)
        self.conv = nn.Conv3d(before, c, (t, 1, 1), padding=(t // 2, 0, 0), bias=False)
        self.bn = nn.BatchNorm3d(c)
        self.conv2 = nn.Conv3d(c, 2 * c, 1, bias=False)
        self.bn2 = nn.BatchNorm3d(2 * c)

    def forward(self, x: Tensor) -> Tensor:
        kept = self.projection_bn(self.projection(x)) if hasattr(self, "projection") else x
        return F.relu(kept + self.bn2(self.conv2(F.relu(self.bn(self.conv(x))))))


def group(before: int, c: int) -> nn.Module:
    return nn.Sequential(Bottleneck(before, c, 1), Bottleneck(2 * c, c, 3))


class Edges(nn.Module):
    def __init__(self, count: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(count))


class Streams(nn.Module):
    """The network above, written by hand in the order of its text."""

    def __init__(self) -> None:
        super().__init__()
        self.r0, self.r1 = Stem(2, 1), Stem(2, 2)
        self.g2 = group(2, 2)
        self.edges3 = Edges(2)
        self.g3 = group(2, 3)
        self.edges4 = Edges(3)
        self.wide2 = nn.Conv3d(2, 6, 1, bias=False)
        self.wide4 = nn.Conv3d(4, 6, 1, bias=False)
        self.g4 = group(6, 4)
        self.across = nn.Conv3d(6, 8, 1, bias=False)
        self.linear = nn.Linear(8, 3)

    def forward(self, clip: Tensor) -> Tensor:
        r0, r1 = self.r0(clip), self.r1(clip)
        n2 = self.g2(r1)
        a, b = torch.sigmoid(self.edges3.weights)
        n3 = self.g3(a * r0 + b * r1)
        a, b, c = self.edges4.weights
        n4 = self.g4(self.wide2(a * r0) + self.wide4(b * n2) + c * n3)
        n5 = self.across(n3) + n4
        return self.linear((n4.mean(dim=(2, 3, 4)) + n5.mean(dim=(2, 3, 4))) / 2)


def test_streams_equal_a_module_written_by_hand() -> None:
    network = read(STREAMS)
    model = generated(network)
    by_hand = Streams().double().eval()
    by_hand.load_state_dict(dict(zip(by_hand.state_dict(), model.state_dict().values(), strict=True)))
    x = clips(network)
    with torch.no_grad():
        torch.testing.assert_close(model(x), by_hand(x))


def test_streams_read_as_their_text(golden: Any) -> None:
    golden("graphs/streams.txt", compile_network(read(STREAMS), "streams.vns"))


CELLS = """
block branch(c, t) { conv(c // 2, 1x1x1) -> bn -> relu -> conv(c, (t, 3, 3)) -> bn }

block normal(a, b, c) {
  p = a -> relu -> conv(c, 1x1x1) -> bn
  q = b -> relu -> conv(c, 1x1x1) -> bn
  n1 = sum(p -> branch(c, 3), q)
  n2 = sum(p -> max_pool(3x3x3), q -> branch(c, 1), n1)
  out concat(n1, n2)
}

network cells {
  input clip = video(frames=2, size=8, classes=3)
  stem = conv(6, 1x3x3) -> bn
  c1 = normal(stem, stem, 4)
  c2 = normal(stem, c1, 4)
  c3 = normal(c1, c2, 8)
  concat([branch(4, 3), branch(6, 1), 2 * branch(2, 1)])
  level = [3 * branch(4, 1)]
  mean(level)
  concat(level, skip, c3 -> conv(2, 1x1x1) -> bn)
  pool -> linear(classes)
}
"""


class Branch(nn.Module):
    def __init__(self, before: int, c: int, t: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(before, c // 2, 1, bias=False)
        self.bn = nn.BatchNorm3d(c // 2)
        self.conv2 = nn.Conv3d(c // 2, c, (t, 3, 3), padding=(t // 2, 1, 1), bias=False)
        self.bn2 = nn.BatchNorm3d(c)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn2(self.conv2(F.relu(self.bn(self.conv(x)))))


class Cell(nn.Module):
    def __init__(self, a: int, b: int, c: int) -> None:
        super().__init__()
        self.p = nn.Sequential(nn.ReLU(), nn.Conv3d(a, c, 1, bias=False), nn.BatchNorm3d(c))
        self.q = nn.Sequential(nn.ReLU(), nn.Conv3d(b, c, 1, bias=False), nn.BatchNorm3d(c))
        self.long, self.short = Branch(c, c, 3), Branch(c, c, 1)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        p, q = self.p(a), self.q(b)
        first = self.long(p) + q
        second = F.max_pool3d(p, 3, 1, 1) + self.short(q) + first
        return torch.cat([first, second], dim=1)


class Cells(nn.Module):
    """The network above, written by hand in the order of its text."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv3d(3, 6, (1, 3, 3), padding=(0, 1, 1), bias=False), nn.BatchNorm3d(6))
        self.c1, self.c2, self.c3 = Cell(6, 6, 4), Cell(6, 8, 4), Cell(8, 8, 8)
        self.side = nn.ModuleList([Branch(16, 4, 3), Branch(16, 6, 1), Branch(16, 2, 1), Branch(16, 2, 1)])
        self.level = nn.ModuleList(Branch(14, 4, 1) for _ in range(3))
        self.last = nn.Sequential(nn.Conv3d(16, 2, 1, bias=False), nn.BatchNorm3d(2))
        self.linear = nn.Linear(18, 3)

    def forward(self, clip: Tensor) -> Tensor:
        stem = self.stem(clip)
        c1 = self.c1(stem, stem)
        c3 = self.c3(c1, self.c2(stem, c1))
        x = torch.cat([branch(c3) for branch in self.side], dim=1)
        level = [branch(x) for branch in self.level]
        x = torch.cat([*level, sum(level) / 3, self.last(c3)], dim=1)
        return self.linear(x.mean(dim=(2, 3, 4)))


def test_cells_and_lists_equal_a_module_written_by_hand() -> None:
    network = read(CELLS)
    model = generated(network)
    by_hand = Cells().double().eval()
    by_hand.load_state_dict(dict(zip(by_hand.state_dict(), model.state_dict().values(), strict=True)))
    x = clips(network)
    with torch.no_grad():
        torch.testing.assert_close(model(x), by_hand(x))


def test_cells_read_as_their_text(golden: Any, tmp_path: Path) -> None:
    code = compile_network(read(CELLS), "cells.vns")
    (tmp_path / "cells.py").write_text(code)
    assert_formatted(tmp_path)
    golden("graphs/cells.txt", code)


def classes(code: str) -> list[str]:
    return [line.split()[1].split("(")[0] for line in code.splitlines() if line.startswith("class ")]


def test_parts_of_equal_build_share_a_class() -> None:
    """Cells, branches, stems, groups: what differs between them are arguments."""
    assert classes(compile_network(read(CELLS), "x")) == ["Branch", "Normal", "Cells"]
    made = classes(compile_network(read(STREAMS), "x"))
    assert made == ["Projection", "WeightedFusion", "Stem", "Module", "Module2", "Group", "Streams"]


def test_names_that_a_forward_method_uses_itself() -> None:
    """Lines keep their names as attributes; as variables they get out of the way."""
    network = read(
        """
        block cell(F, l) { out sum(F, l -> relu) }
        network names {
          input shortcut = video(frames=2, size=4, classes=3)
          F = conv(3, 1x1x1)
          shortcut2 = conv(3, 1x1x1)
          layer = cell(F, shortcut2)
          math = [2 * conv(3, 1x1x1)]
          l = layer -> residual { sum(F, shortcut, layer) }
          concat(l, math)
          pool -> linear(classes)
        }
        """
    )
    code = compile_network(network, "x")
    model = generated(network)
    assert list(model.state_dict())[:2] == ["F.weight", "shortcut2.weight"]
    assert "F_ = self.F(shortcut)" in code and "math_ = [part(layer) for part in self.math]" in code
    x = clips(network)
    with torch.no_grad():
        torch.testing.assert_close(model(x), interpret(network, model.state_dict(), x))


def test_long_forward_methods_are_laid_out(tmp_path: Path) -> None:
    long = [f"a_rather_long_name_of_a_line_{i}" for i in range(9)]
    body = "".join(f"  {name} = clip -> conv(2, 1x1x1)\n" for name in long)
    inputs = ", ".join(long)
    network = read(
        f"""
block cell({inputs}) {{
  first = sum({", ".join(f"{name} -> conv(2, 1x1x1)" for name in long)})
  out concat({", ".join(f"{name} -> relu" for name in long)}, first)
}}
network long {{
  input clip = video(frames=2, size=4, classes=3)
{body}  cell({inputs})
  pool -> linear(classes)
}}
"""
    )
    code = compile_network(network, "x")
    assert max(map(len, code.splitlines())) <= 120
    (tmp_path / "long.py").write_text(code)
    assert_formatted(tmp_path)
    model, x = generated(network), clips(network)
    with torch.no_grad():
        torch.testing.assert_close(model(x), interpret(network, model.state_dict(), x))


def test_what_nothing_reads_is_left_out() -> None:
    network = read(
        """
        network dead {
          input clip = video(frames=2, size=4, classes=3)
          a = conv(3, 1x1x1)
          b = conv(9, 1x1x1) -> conv(3, 1x1x1)
          a -> pool -> linear(classes)
        }
        """
    )
    code = compile_network(network, "x")
    assert "self.b" not in code
    assert set(generated(network).state_dict()) == {"a.weight", "linear.weight", "linear.bias"}


def test_a_supernet_whose_options_read_lines() -> None:
    """With its choices made it is the network that they make."""
    space = read(
        """
        block edge(c) { conv(c, 1x3x3) -> bn | conv(c, 3x1x1) -> bn | max_pool(1x3x3) }
        block cell(a) {
          b = a -> edge(4)
          c = sum(b -> edge(4), a | b | b -> relu)
          out sum(c | a -> conv(4, 1x1x1), 2 * edge(4))
        }
        space wired {
          input clip = video(frames=2, size=4, classes=3)
          stage s1 {
            first = conv(4, 1x1x1)
            cell(first)
            relu | residual { conv(4, 1x1x1) }
          }
          pool -> linear(classes)
        }
        """
    )
    net = supernet(space).eval()
    shuffle(net)
    x = torch.randn(2, *space.input.shape, generator=torch.Generator().manual_seed(3))
    drawn = random.Random(0)
    for _ in range(20):
        way = space.sample(drawn)
        net.set_choices(way)
        with torch.no_grad():
            torch.testing.assert_close(net(x), child(space, way, net).eval()(x), rtol=1e-4, atol=1e-4)
    net.set_choices(None)
    assert net(x).shape == (2, 3)

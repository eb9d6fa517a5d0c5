"""Generated code of networks whose lines read each other, against the elements themselves and plain modules."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, given, settings
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from tests.codegen.code import read, run
from tests.codegen.graphs import interpret, networks
from tests.support import ROOT
from vnasdsl.codegen import compile_network
from vnasdsl.codegen.inherit import tensors
from vnasdsl.space import Space


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


def body(code: str, name: str) -> str:
    """The forward method of a class."""
    own = code.split(f"class {name}(nn.Module):")[1].split("\n\n\n")[0]
    return own[own.index("    def forward") :].rstrip() + "\n"


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(networks())
def test_drawn_networks_compute_what_their_elements_say(text: str) -> None:
    network = read(text)
    model = generated(network)
    assert tuple(model.state_dict()) == tensors(network)
    x = clips(network)
    with torch.no_grad():
        torch.testing.assert_close(model(x), interpret(network, model.state_dict(), x))
        with FlopCounterMode(display=False) as counter:
            model(x)
    assert sum(p.numel() for p in model.parameters()) == network.params[0]
    assert counter.get_total_flops() <= 2 * 2 * network.macs[0]  # what nothing reads is not computed


def test_drawn_networks_are_as_the_formatter_leaves_them(tmp_path: Path) -> None:
    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True)
    @given(networks())
    def write(text: str) -> None:
        (tmp_path / f"drawn{len(list(tmp_path.iterdir()))}.py").write_text(compile_network(read(text), "made.vns"))

    write()
    assert len(list(tmp_path.iterdir())) >= 30
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

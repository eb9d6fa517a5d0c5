"""The published networks of spaces/: their sizes as their authors count them, and outputs equal to
those of plain torch modules written from the papers (tests/oracles). That each lies in its space is shown in
tests/network/test_published_members.py."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from torch import nn

from tests.codegen.code import run
from tests.layers.test_streams import agree
from tests.oracles.assemblenet import AssembleNet
from tests.oracles.evanet import EvaNet
from tests.oracles.tinyvideonet import MOBILE_1, MOBILE_2, TVN_1, TVN_2, TVN_3, TVN_4, Design, TinyVideoNet
from tests.support import ROOT, some_slow
from vnasdsl.cli.main import cli
from vnasdsl.codegen import compile_network
from vnasdsl.elaborate import Overrides, Space
from vnasdsl.elaborate.program import load_source
from vnasdsl.language.files import read_source
from vnasdsl.language.source import Source

torch.set_num_threads(1)

TVNS = ("tvn1", "tvn2", "tvn3", "tvn4", "tvn_mobile1", "tvn_mobile2")
NAMES = ("evanet_a", "assemblenet50", "assemblenet101", *TVNS)
PARAMETERS = {
    "evanet_a": 32_804_188,
    "assemblenet50": 37_273_903,
    "assemblenet101": 53_309_487,
    "tvn1": 26_414_721,
    "tvn2": 109_438_487,
    "tvn3": 67_709_221,
    "tvn4": 43_669_005,
    "tvn_mobile1": 7_352_607,
    "tvn_mobile2": 5_528_460,
}
"""Those of assemblenet101, tvn2, tvn4 and tvn_mobile2 are counted from the oracles: their authors give none."""
MACS = {"tvn1": 4_326_160_640, "tvn3": 53_639_220_992, "tvn_mobile1": 5_349_648_768}
"""Those that their authors give."""
DESIGNS = dict(zip(TVNS, (TVN_1, TVN_2, TVN_3, TVN_4, MOBILE_1, MOBILE_2), strict=True))


@cache
def network(name: str, frames: int | None = None, size: int | None = None) -> Space:
    """A published network without its claim: other frames or sizes need not be those of its space."""
    path = ROOT / "spaces" / f"{name}.vns"
    text = read_source(path).text
    head, colon, body = text.partition(f"network {name} : ")
    assert colon
    alone = f"{head}network {name} {body[body.index('{') :]}"
    return load_source(Source(path.name, alone), path, Overrides(frames, size)).get(name)


def built(space: Space) -> Any:
    return run(compile_network(space, "made.vns"))["Network"]().eval()


@pytest.mark.parametrize("name", NAMES)
def test_parameters_and_macs(name: str) -> None:
    """That these are the modules' own figures is shown in tests/codegen/test_committed.py."""
    space = network(name)
    assert space.params == (PARAMETERS[name], PARAMETERS[name])
    assert space.macs[0] == MACS.get(name, space.macs[0])


@pytest.mark.parametrize("name", some_slow(DESIGNS, ("tvn2", "tvn3", "tvn4")))
def test_tiny_video_networks_give_what_their_oracles_give(name: str) -> None:
    design: Design = DESIGNS[name]
    space = network(name, None, 64)
    oracle = TinyVideoNet(design.frames, 64, design.blocks).double()  # their layers magnify what rounding does
    parts = [part for repeat in oracle.repeats for part in (repeat.shortcut, repeat.layers) if part is not None]
    clips = torch.randn(1, *space.input.shape, dtype=torch.float64)
    agree(built(space).double(), oracle, [*parts, oracle.dense], clips)


def test_evanet_a_gives_what_its_oracle_gives() -> None:
    space = network("evanet_a", 16, 32)
    oracle = EvaNet()
    parts: list[nn.Module] = []
    for part in oracle.body:
        parts += [part.shortcut or nn.Identity(), part.branches] if hasattr(part, "branches") else [part]
    agree(built(space), oracle, [*parts, oracle.dense], torch.rand(1, *space.input.shape))


def test_assemblenet50_gives_what_its_oracle_gives() -> None:
    space = network("assemblenet50", 4, 64)
    oracle = AssembleNet(classes=339)
    parts: list[nn.Module] = [*oracle.stems]
    for fusion, node in zip(oracle.fusions, oracle.nodes, strict=True):
        parts.append(fusion)
        for module in node:  # the text has the shortcut in front of what it goes around
            inner = [part for part in module.children() if part is not module.shortcut]
            parts += inner if module.shortcut is None else [module.shortcut, *inner]
    parts.append(oracle.dense)
    agree(built(space), oracle, parts, torch.rand(1, *space.input.shape))


def test_the_last_map_of_evanet_a() -> None:
    """By the layers that `show --json` lists."""
    result = CliRunner().invoke(cli, ["show", str(ROOT / "spaces" / "evanet_a.vns"), "--json"])
    found = json.loads(result.stdout)
    maps = [row["output_shape"] for row in found["layers"] if row["label"].startswith("g4.")]
    assert maps[-1] == [2046, 16, 7, 7]
    assert found["params"] == sum(row["params"] for row in found["layers"]) == PARAMETERS["evanet_a"]

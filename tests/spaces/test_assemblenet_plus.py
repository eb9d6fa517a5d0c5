"""AssembleNet++: its published connections lie in the space, and a peer weighs channels frame by frame."""

from __future__ import annotations

import re

import torch
from torch.utils.flop_counter import FlopCounterMode

from tests.support import ROOT, shipped_space
from vnasdsl.elaborate import Overrides, load
from vnasdsl.elaborate.program import load_source
from vnasdsl.language.source import Source
from vnasdsl.train.generated import build

torch.set_num_threads(1)
NAMES = ("r0", "r1", "f2", "f3", "o4", *(f"n{i}" for i in range(5, 15)))
# Node -> (level, what it reads, dilation), as the authors' code lists the network that they found on Charades.
NODES = {
    5: (0, (0, 1, 2, 3, 4), 1),
    6: (0, (0, 1, 4), 4),
    7: (0, (2, 3, 4), 8),
    8: (0, (2, 3, 4), 1),
    9: (1, (0, 1, 2, 4, 5, 6, 7, 8), 4),
    10: (1, (2, 3, 4, 7, 8), 1),
    11: (1, (0, 4, 5, 6, 7), 8),
    12: (2, (4, 11), 8),
    13: (2, (2, 3, 4, 5, 6, 7, 8, 10, 11), 4),
    14: (3, (12, 13), 2),
}


def test_the_published_network_makes_the_published_connections() -> None:
    """Each of its 40 edges has a gate of the same kind: which node is which is known by the names of the lines."""
    made = {"r0.rgb.dilation": "2", "r1.rgb.dilation": "4"}
    for node, (level, inputs, dilation) in NODES.items():
        here = [f"peered{i + 1 if i else ''}" for i in inputs]
        made[f"n{node}.weighted.edges"] = " + ".join(here)
        for i, name in zip(inputs, here, strict=True):
            made[f"n{node}.weighted.{name}.peer"] = "n9" if (node, i) == (13, 11) else "o4"
        made[f"n{node}.level{level}_node.dilation"] = str(dilation)
    assert shipped_space("assemblenet_plus50").claimed_choices() == made


@torch.no_grad()
def test_its_figures_are_those_of_its_code() -> None:
    space = load(ROOT / "spaces" / "assemblenet_plus50.vns", Overrides(frames=2, size=64)).get()
    assert [one.shape for one in space.inputs.given] == [(3, 2, 64, 64), (151, 2, 64, 64)]
    model = build(space).eval()
    with FlopCounterMode(display=False) as counter:
        logits = model(*(torch.rand(1, *one.shape) for one in space.inputs.given))
    assert tuple(logits.shape) == (1, 157)
    assert counter.get_total_flops() == 2 * space.macs[0]
    assert sum(p.numel() for p in model.parameters()) == space.params[0] == 38_224_775


@torch.no_grad()
def test_a_peer_weighs_each_channel_of_each_frame() -> None:
    text = (ROOT / "spaces" / "assemblenet_plus.vns").read_text()
    blocks = "".join(re.findall(r"(?ms)^block (?:gate|peered).*?^}\n", text))
    net = """
network n {
  input a = video(frames=3, size=8, classes=6)
  input b = maps(5, frames=3, size=4)
  x = a -> conv(6, 1x1x1, bias=true)
  peered(x, 6, b) -> pool
}
"""
    space = load_source(Source("n.vns", blocks + net), None).get("n")
    model = build(space).double().eval()
    first, second = (module for module in model.modules() if isinstance(module, torch.nn.Conv3d))
    a, b = (torch.randn(2, *one.shape, dtype=torch.float64) for one in space.inputs.given)
    x = first(a)
    weights = torch.einsum("btc,oc->bto", b.mean(dim=(3, 4)).transpose(1, 2), second.weight[:, :, 0, 0, 0])
    gates = torch.sigmoid(weights + second.bias).transpose(1, 2)[..., None, None]
    assert torch.allclose(model(a, b), (x * gates).mean(dim=(2, 3, 4)), atol=1e-12)

"""The exact figures of the paper's space, worked out here from Tables 1 and 2 and from nothing of the package."""

from __future__ import annotations

from itertools import pairwise
from math import prod

import pytest

from tests.support import ROOT, shipped_space
from vnasdsl.elaborate import Overrides

SPACES = ROOT / "spaces"
# (widths, layers, output size) of stages 2 to 7; Tables 1 and 2.
TABLE = (
    ((48, 56, 64), 0, 56),
    ((72, 96, 112), 5, 28),
    ((128, 144, 160, 176), 10, 14),
    ((192, 208, 224), 5, 7),
    ((240, 256, 272, 288), 5, 7),
    ((480, 496, 512), 1, 4),
)
T = 16
STEM_MACS = (3 * 32 * 49 + 32 * 32 * 3) * T * 112**2
STEM_PARAMS = 3 * 32 * 49 + 32 * 32 * 3 + 4 * 32


def cost(widths: tuple[int, ...], layers: tuple[int, ...], classes: int = 400) -> tuple[int, int]:
    """MACs and parameters of one network: its widths and layers in stages 2 to 7."""
    macs, params = STEM_MACS, STEM_PARAMS
    for (before, c), n, (_, _, size) in zip(pairwise((32, *widths)), layers, TABLE, strict=True):
        macs += (9 * before * c + n * 12 * c * c) * T * size**2
        params += 9 * before * c + 2 * c + n * (12 * c * c + 4 * c)
    return macs + widths[-1] * classes, params + (widths[-1] + 1) * classes


def test_the_size_of_x3d3() -> None:
    size = prod(len(widths) * 4**layers for widths, layers, _ in TABLE)
    assert size == 5836665117072162816
    assert shipped_space("x3d3").size == size


def test_the_network_of_table_3() -> None:
    expected = cost((64, 96, 160, 224, 288, 512), (0, 0, 6, 3, 4, 1))
    assert expected == (15783796736, 13447792)
    network = shipped_space("x3d3_k400")
    assert (network.macs, network.params) == ((expected[0],) * 2, (expected[1],) * 2)
    assert network.claim is not None
    made = network.claimed_choices() or {}
    assert [made[f"s{i}.head.channels"] for i in range(2, 8)] == ["64", "96", "160", "224", "288", "512"]
    assert sum(option != "skip" for name, option in made.items() if name.endswith(".op")) == 14


def test_least_and_greatest_of_x3d3() -> None:
    """Every term grows with every width and every layer, so the ends are the narrowest and the widest network."""
    least = cost(tuple(w[0] for w, _, _ in TABLE), (0,) * 6)
    most = cost(tuple(w[-1] for w, _, _ in TABLE), tuple(n for _, n, _ in TABLE))
    space = shipped_space("x3d3")
    assert space.macs == (least[0], most[0])
    assert space.params == (least[1], most[1])
    assert (round(least[0] / 1e9, 3), round(most[0] / 1e9, 3)) == (3.669, 33.090)


@pytest.mark.parametrize("frames, size, classes", [(8, 112, 101), (1, 224, 2), (16, 64, 400)])
def test_overrides(frames: int, size: int, classes: int) -> None:
    network = shipped_space("x3d3_k400", Overrides(frames, size, classes))
    assert network.input.shape == (3, frames, size, size)
    assert network.params[0] == 13447792 - (400 - classes) * 513
    if size == 112:  # every size is half, 7 and 4 become 4 and 2
        sizes = [size // 2**k for k in (1, 2, 3, 4)] + [4, 4, 2]
        widths, layers = (64, 96, 160, 224, 288, 512), (0, 0, 6, 3, 4, 1)
        macs = (3 * 32 * 49 + 32 * 32 * 3) * frames * sizes[0] ** 2
        for (before, c), n, s in zip(pairwise((32, *widths)), layers, sizes[1:], strict=True):
            macs += (9 * before * c + n * 12 * c * c) * frames * s**2
        assert network.macs[0] == macs + 512 * classes


def test_tied_to_the_ablation_of_table_6() -> None:
    """Channels only, operations only, number only: the sizes that are left."""
    space = shipped_space("x3d3")
    channels = 3 * 3 * 4 * 3 * 4 * 3
    assert space.fix({"op": ["basic(1)"]}).size == channels
    assert space.fix({"op": ["basic(1)", "skip"]}).size == channels * 2**26
    widest = {f"s{i}.head.channels": [str(w[-1])] for i, (w, _, _) in enumerate(TABLE, 2)}
    assert space.fix(widest).size == 4**26
    assert space.fix({**widest, "op": ["basic(1)", "basic(2)", "basic(4)"]}).size == 3**26


def test_activation_bytes_are_four_for_every_number_of_the_output() -> None:
    for row in shipped_space("tiny").layers():
        assert row.activation_bytes == 4 * prod(row.shape)

"""The published networks lie in their spaces, with the choices that their papers' tables and code state."""

from __future__ import annotations

import re
from random import Random

import pytest

from tests.support import ROOT, shipped_space
from vnasdsl.elaborate import Space
from vnasdsl.elaborate.program import load_source
from vnasdsl.language.diagnostics import VnsError
from vnasdsl.language.files import read_source
from vnasdsl.language.source import Source

# Node -> what it reads, as the authors' code lists it (AssembleNet-50); r and f are the stems.
EDGES = {
    4: "r1",
    5: "r0",
    6: "r0 r1 f2 f3",
    7: "f2 f3",
    8: "r0 n4 n5 n6 n7",
    9: "r0 f2 n4 n7",
    10: "r0 n5 n7",
    11: "r0 n5",
    12: "n4 n8 n10 n11",
    13: "n8 n9",
    14: "n12 n13",
}
LEVELS = {"level0": (4, 5, 6, 7), "level1": (8, 9, 10, 11), "level2": (12, 13)}


def claimed(name: str) -> dict[str, str]:
    network = shipped_space(name)
    return network.claimed_choices() or {}


@pytest.mark.parametrize("depth", [50, 101])
def test_assemblenet_has_the_edges_and_depth_of_the_paper(depth: int) -> None:
    made = claimed(f"assemblenet{depth}")
    assert {value for name, value in made.items() if name.endswith("steps")} == {"6" if depth == 50 else "23"}
    place = {f"n{node}": f"{level}[{i}]" for level, nodes in LEVELS.items() for i, node in enumerate(nodes)}
    found = [value for name, value in made.items() if name.endswith(".edges")]
    assert found == [" + ".join(place.get(each, each) for each in edges.split()) for edges in EDGES.values()]


def test_evanet_a_has_the_modules_of_the_paper() -> None:
    made = claimed("evanet_a")
    assert [made[f"g{i}.stack.number"] for i in (1, 2, 3, 4)] == ["2", "4", "5", "3"]
    kinds = {i: [] for i in (1, 2, 3, 4)}  # type: dict[int, list[str]]
    for name, value in made.items():
        found = re.fullmatch(r"module(\d)\.module\.concat\[\d+\]\.layer\.op", name)
        if found:
            kinds[int(found[1])].append(value.partition("(")[0])
    assert kinds == {
        1: ["single", "pooled"],
        2: ["pooled", "point", "single", "point", "single"],
        3: ["pooled", "point", "single", "pooled"],
        4: ["pooled", "single", "single"],
    }


@pytest.mark.parametrize(
    ("name", "blocks"),
    [("tvn1", 4), ("tvn2", 7), ("tvn3", 4), ("tvn4", 3), ("tvn_mobile1", 2), ("tvn_mobile2", 2)],
)
def test_tiny_video_networks_have_their_blocks(name: str, blocks: int) -> None:
    assert claimed(name)["stack.number"] == str(blocks)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("assemblenet50", "n14 = weighted(n12, n13", "n14 = weighted(n12, n11"),
        ("assemblenet50", "level1_node(64, 4)", "level1_node(64, 3)"),
        ("evanet_a", "pooled(256, 11)", "pooled(256, 13)"),
        ("evanet_a", "4 * [a2(false), a2(true)]", "4 * [a2(true), a2(false)]"),
        ("tvn1", "tvn(std, 3, 2, tavg", "tvn(std, 6, 2, tavg"),
        ("tvn3", "512, 5", "512, 9"),
    ],
)
def test_another_network_is_refused(name: str, old: str, new: str) -> None:
    path = ROOT / "spaces" / f"{name}.vns"
    text = read_source(path).text
    assert old in text
    with pytest.raises(VnsError, match="E0601"):
        load_source(Source(str(path), text.replace(old, new, 1)), path)


DRAWN = {
    "assemblenet_plus": (0,),
    "assemblenet_tiny": (0, 1, 2),
    "evanet_tiny": (0, 1, 2),
    "movinet": (0,),
    "ofa3d": (0, 1, 2),
    "peng2019": (1, 8, 11),  # edges without an operation: many choices make the same cell
    "tinyvideonet_tiny": (0, 1, 2),
}


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n == "movinet" else n for n in DRAWN])
def test_a_network_drawn_from_a_space_is_found_in_it(name: str) -> None:
    space = shipped_space(name)
    for seed in DRAWN[name]:
        network = space.network(space.sample(Random(seed)), name="child")
        loaded = load_source(Source("child.vns", network.text()), None).get("child")
        again = space.network(loaded.choices_in(space), name="child")
        assert (again.macs, again.params) == (loaded.macs, loaded.params) == (network.macs, network.params)


@pytest.mark.parametrize("name", ["assemblenet_tiny", "peng2019"])
def test_it_is_found_too_where_its_lines_have_other_names(name: str) -> None:
    space = shipped_space(name)
    for seed in range(3):
        head, body = space.network(space.sample(Random(seed)), name="child").text().split("network child")
        names = "|".join(re.findall(r"^ +(\w+) = ", body, re.MULTILINE))
        renamed = re.sub(rf"\b({names})\b(?!\()", r"\1_of_mine", body)
        assert renamed != body
        loaded = load_source(Source("child.vns", f"{head}network child{renamed}"), None).get("child")
        assert space.network(loaded.choices_in(space)).graph.fingerprint == loaded.graph.fingerprint


TIED = """
block part(time, flat) {
  conv(4, ((1 if flat == true else time), 1, 1))
}

tied block module(flat) {
  concat(5 * part(1 | 3 | 5 | 7 | 9 | 11, flat))
}

space s {
  input clip = video(frames=16, size=8, classes=3)
  1..3 * [module(false), module(true)]
  pool -> linear(classes)
}
"""


def module(times: list[int]) -> str:
    return f"concat({', '.join(f'conv(4, {time}x1x1)' for time in times)})\n"


def five(first: list[int], second: list[int], third: list[int]) -> Space:
    lines = module(first) + module(second) + module(third)
    head = "network n : s {\n  input clip = video(frames=16, size=8, classes=3)\n"
    return load_source(Source("made.vns", f"{TIED}{head}{lines}  pool -> linear(classes)\n}}\n"), None).get("n")


def test_what_one_use_of_a_tied_block_leaves_open_another_says() -> None:
    """In the second module nothing tells which of 6^5 times it has: the first and third do."""
    times = [11, 3, 1, 7, 9]
    made = five(times, [1] * 5, times).claimed_choices() or {}
    found = [made[f"module.concat[{i}].time"] for i in range(5)]
    assert found == [str(time) for time in times]


def test_uses_of_a_tied_block_that_differ_leave_the_space() -> None:
    with pytest.raises(VnsError, match="E0601"):
        five([11, 3, 1, 7, 9], [1] * 5, [11, 3, 1, 7, 5]).claimed_choices()
    with pytest.raises(VnsError, match="E0601"):
        five([11, 3, 1, 7, 9], [1, 1, 3, 1, 1], [11, 3, 1, 7, 9]).claimed_choices()

"""`import vnasdsl`: spaces and networks as a user of the library meets them."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from pathlib import Path
from random import Random
from xml.etree import ElementTree

import networkx as nx
import pytest
import torch

import vnasdsl
from tests.support import SPACES, cli_environment, run_here, shipped_space
from vnasdsl import Network, Space

SMALL = """
space small {
  input clip = video(frames=4, size=16, classes=5)
  stage s1 { conv(4 | 8, 1x3x3, stride=1x2x2) -> (bn | skip) -> relu }
  pool -> linear(classes)
}
"""


@pytest.fixture
def small() -> Space:
    return Space.load(SMALL)


def test_the_import_is_light() -> None:
    """Neither torch nor anything else that takes long is imported before it is needed."""
    script = (
        "import sys, vnasdsl; assert not {'torch', 'networkx', 'lark', 'numpy', 'pydantic'} & set(sys.modules)\n"
        "space = vnasdsl.load('vnasdsl:x3d3'); space.sample(0).code; repr(space), space._repr_html_()\n"
        "vnasdsl.diff(space, space.sample(1)); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], env=cli_environment(), check=True, timeout=120)


def test_every_public_name_is_there_and_documented() -> None:
    assert set(vnasdsl.__all__) == set(vnasdsl._PLACES) <= set(dir(vnasdsl))
    for name in vnasdsl.__all__:
        assert getattr(vnasdsl, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'serach'"):
        _ = vnasdsl.serach  # type: ignore[attr-defined]


@pytest.mark.parametrize("source", ["vnasdsl:x3d3_k400", str(SPACES / "x3d3_k400.vns"), SPACES / "x3d3_k400.vns"])
def test_load_takes_names_and_paths(source: str | Path) -> None:
    network = vnasdsl.load(source)
    assert isinstance(network, Network)
    assert repr(network) == "<Network x3d3_k400 of x3d3: 15.77 G MACs, 824.26 K parameters>" or network.macs > 0
    assert network.macs == shipped_space("x3d3_k400").macs[0]
    assert shipped_space("x3d3").network(network.choices).macs[0] == network.macs


def test_load_takes_texts_and_other_inputs(small: Space) -> None:
    assert (small.name, small.size, small.macs[0]) == ("small", 4, Network.load(small.choose(least(small)).text).macs)
    wide = Space.load(SMALL, frames=8, size=32, classes=7)
    assert (wide.input.shape, wide.input.classes) == ((3, 8, 32, 32), 7)
    both = SMALL + SMALL.replace("space small", "space other")
    assert vnasdsl.load(both, "other").name == "other"


def least(space: Space) -> dict[str, str]:
    return {choice.name: choice.options[-1 if "skip" in choice.options else 0] for choice in space.choices}


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("vnasdsl:x3d4", vnasdsl.UserError, "did you mean `x3d3`?"),
        ("nowhere.vns", vnasdsl.VnsError, "E0103: the file does not exist"),
        (SMALL + SMALL.replace("space small", "space other"), vnasdsl.UserError, "has several spaces"),
        (SMALL.replace("relu", "rleu"), vnasdsl.VnsError, "E0201: unknown layer or block `rleu`"),
        ("space x {", vnasdsl.VnsError, "E0104"),
    ],
)
def test_what_cannot_be_loaded(source: str, error: type[vnasdsl.Error], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)) as caught:
        vnasdsl.load(source)
    assert isinstance(caught.value, vnasdsl.Error)


def test_a_fault_tells_its_place() -> None:
    with pytest.raises(vnasdsl.VnsError) as caught:
        vnasdsl.load(SMALL.replace("relu", "rleu"))
    assert "--> <text>:4:" in caught.value.report
    assert [d.code for d in caught.value.diagnostics] == ["E0201"]


def test_load_of_a_class_takes_only_that(small: Space) -> None:
    with pytest.raises(vnasdsl.UserError, match="`small` is a space"):
        Network.load(SMALL)
    with pytest.raises(vnasdsl.UserError, match="`small_child` is a network"):
        Space.load(small.sample(0).text)


def test_sample_is_uniform_and_follows_the_seed(small: Space) -> None:
    assert small.sample(3).text == small.sample(3).text
    random = Random(0)
    found = [small.sample(random).text for _ in range(100)]
    assert len(set(found)) == small.size
    assert {small.choose(n.choices).text for n in map(small.sample, range(20))} <= set(found)


def test_costs_are_those_of_the_networks(small: Space) -> None:
    networks = [
        small.choose(dict(zip([c.name for c in small.choices], options, strict=True)))
        for options in itertools.product(*(c.options for c in small.choices))
    ]
    assert len(networks) == small.size
    assert small.exact
    assert small.macs == (min(n.macs for n in networks), max(n.macs for n in networks))
    assert small.params == (min(n.params for n in networks), max(n.params for n in networks))
    assert (small.cost.macs_min, small.cost.params_max) == (small.macs[0], small.params[1])
    for network in networks:
        assert network.params == sum(p.numel() for p in network.module().parameters())


def test_membership(small: Space) -> None:
    inside = Network.load(small.sample(0).text)
    assert small.contains(inside)
    assert small.choose(small.choices_of(inside)).text == inside.text
    outside = Network.load(small.sample(0).text.replace("1x3x3", "3x3x3"))
    assert not small.contains(outside)
    with pytest.raises(vnasdsl.VnsError, match="E0601"):
        small.choices_of(outside)
    assert not small.contains(Network.load(inside.text, classes=6))


def test_wrong_choices_are_said(small: Space) -> None:
    name = small.choices[0].name
    for choices, message in (
        ({"x": "1"}, "has no choice `x`"),
        ({name: "5"}, "has no option `5`"),
        ({name: "4"}, "choice"),
    ):
        with pytest.raises(vnasdsl.UserError, match=message):
            small.choose(choices)


def test_the_graph_is_one_of_networkx(small: Space) -> None:
    network = small.sample(0)
    assert nx.is_directed_acyclic_graph(network.graph)
    assert sum(node.macs for node in network.graph.order) == network.macs
    with pytest.raises(nx.NetworkXError):
        network.graph.add_node("more")


def test_a_module_and_its_weights(small: Space, tmp_path: Path) -> None:
    network = small.sample(0)
    model = network.module()
    clips = torch.randn(2, *network.input.shape)
    assert model(clips).shape == (2, 5)
    again = network.module(model.state_dict())
    torch.testing.assert_close(again.eval()(clips), model.eval()(clips))
    assert "import torch" in network.code
    first, *others = model.state_dict().items()
    with pytest.raises(vnasdsl.UserError, match="the state dictionary does not fit this network: 1 missing"):
        network.module(dict(others) | {f"other_{first[0]}": first[1]})
    with pytest.raises(vnasdsl.UserError, match="there is no file"):
        network.module(tmp_path / "none.safetensors")
    (tmp_path / "pickled.safetensors").write_bytes(b"\x80\x04")
    with pytest.raises(vnasdsl.UserError, match="is not a safetensors file"):
        network.module(tmp_path / "pickled.safetensors")


def test_format_and_parse() -> None:
    ugly = SMALL.replace("  stage", "stage   ") + "# the end\n"
    assert vnasdsl.format(ugly) == SMALL.lstrip() + "# the end\n"
    assert [item.name for item in vnasdsl.parse(ugly).items] == ["small"]  # type: ignore[union-attr]
    for function in (vnasdsl.format, vnasdsl.parse):
        with pytest.raises(vnasdsl.VnsError, match="E010"):
            function("space {")


def test_diff_says_what_the_command_says(tmp_path: Path) -> None:
    found = vnasdsl.diff("vnasdsl:x3d3", "vnasdsl:x3d3_k400")
    command = run_here("diff", "vnasdsl:x3d3", "vnasdsl:x3d3_k400", cwd=tmp_path)
    assert str(found).splitlines()[3:] == command.stdout.rstrip("\n").splitlines()[3:]
    assert not found.equal
    assert found.as_dict()["compared"][0]["what"] == "choosing"
    assert found._repr_markdown_() == found.markdown
    same = vnasdsl.diff(SMALL, Space.load(SMALL + "# a comment\n"))
    assert same.equal
    assert repr(same) == "<Difference of small and small: none>"


def test_nothing_prints_but_show(small: Space, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = small.sample(0)
    _ = (repr(small), repr(network), small.code, network.module(), vnasdsl.diff(small, network), small._repr_html_())
    assert capsys.readouterr() == ("", "")
    small.show()
    network.show(layers=True)
    table = capsys.readouterr().out
    (tmp_path / "small.vns").write_text(SMALL, encoding="utf-8")
    assert table.startswith(run_here("show", "small.vns", cwd=tmp_path).stdout)
    assert "conv channels=" in table


def test_notebooks_show_table_and_picture(small: Space, tmp_path: Path) -> None:
    for model in (small, small.sample(0)):
        table, image = model._repr_html_().split("</pre>")
        assert re.search(r"^s1 ", table, re.MULTILINE) and "data:image/svg+xml;base64," in image
        svg = model._repr_svg_()
        assert ElementTree.fromstring(svg).tag.endswith("svg")
        assert model.draw(tmp_path / "x.svg").read_text(encoding="utf-8") == svg
    with pytest.raises(vnasdsl.UserError, match=r"is not a kind of picture that can be drawn \(name a file"):
        small.draw(tmp_path / "x.gif")
    with pytest.raises(vnasdsl.UserError, match="there is no theme `dakr`"):
        small.draw(tmp_path / "x.svg", theme="dakr")


def test_reprs_are_short(small: Space) -> None:
    assert repr(small) == "<Space small: 4 networks in 2 choices>"
    assert re.fullmatch(r"<Network small_child of small: [\d.]+ K MACs, \d+ parameters>", repr(small.sample(0)))

"""Pictures: every candidate and line is there, widths follow probabilities, nothing overlaps, names do no harm."""

from __future__ import annotations

import math
import random
import re
from itertools import combinations, pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.support import CASES, ROOT, shipped, shipped_space, some_slow
from vnasdsl.derive import decode
from vnasdsl.elaborate import Space, load, load_source
from vnasdsl.elaborate.imports import shipped_names
from vnasdsl.language.diagnostics import UserError
from vnasdsl.language.source import Source
from vnasdsl.relax.trellis import trellis
from vnasdsl.show.draw import SUFFIXES, render
from vnasdsl.show.draw.formats import DARK, LIGHT, dot, mermaid, svg
from vnasdsl.show.draw.network import network_picture
from vnasdsl.show.draw.picture import NodeBox, Picture, Text, shortened, text_width
from vnasdsl.show.draw.trellis import MARGIN, MOST_WIDTH, THICK, THIN, Learnt, trellis_picture

SVG = "{http://www.w3.org/2000/svg}"
TINY = shipped_space("tiny")
X3D3 = shipped_space("x3d3")
K400 = shipped_space("x3d3_k400")
SMALL = load(CASES / "emit" / "small.vns").get("small")


def learnt_of(space: Space, seed: int = 0) -> Learnt:
    """What a search might have learnt: random probabilities and the path decoded from them."""
    draw = random.Random(seed)

    def distribution(count: int) -> list[float]:
        values = [math.exp(2 * draw.gauss(0, 1)) for _ in range(count)]
        return [value / sum(values) for value in values]

    paths, mixtures, before = {}, {}, 1
    for stage in trellis(space).stages:
        paths[stage.name] = [distribution(len(stage.states)) for _ in range(before)]
        before = len(stage.states)
        for state in stage.states:
            mixtures.update({mixture.name: distribution(len(mixture.options)) for mixture in state.mixtures})
    decoded = decode(trellis(space), paths, mixtures)
    return Learnt("a_run", paths, mixtures, decoded.path, decoded.choices)


def forty(tmp_path: Path, kind: str) -> Space:
    """A space or network of forty stages."""
    widths = "8 | 12" if kind == "space" else "8"
    lines = "2 * (basic(1) | skip)" if kind == "space" else "basic(1)\n    basic(2)"
    blocks = (ROOT / "spaces" / "tiny.vns").read_text(encoding="utf-8").partition("space tiny")[0]
    stages = "\n".join(f"  stage s{i} {{\n    head({widths}, 1)\n    {lines}\n  }}" for i in range(1, 41))
    path = tmp_path / "forty.vns"
    path.write_text(
        f"{blocks}{kind} forty {{\n  input clip = video(frames=4, size=16, classes=8)\n{stages}\n"
        "  pool -> linear(classes)\n}\n"
    )
    return load(path).get()


def overlapping(nodes: tuple[NodeBox, ...]) -> list[tuple[str, str]]:
    return [(a.id, b.id) for a, b in combinations(nodes, 2) if not beside(a, b)]


def beside(a: NodeBox, b: NodeBox) -> bool:
    return a.right <= b.x or b.right <= a.x or a.bottom <= b.y or b.bottom <= a.y


def within(a: NodeBox, b: NodeBox) -> bool:
    return b.x <= a.x and a.right <= b.right and b.y <= a.y and a.bottom <= b.bottom


def assert_tidy(picture: Picture) -> None:
    """Boxes apart and inside, their texts and bars within them, lines between the sides of their boxes."""
    assert not overlapping(picture.nodes)
    for node in picture.nodes:
        assert node.x >= 0
        assert node.y >= 0
        assert node.right <= picture.width
        assert node.bottom <= picture.height
        for text in node.texts:
            half = text_width(text.content, text.size, text.bold) / 2
            assert node.x <= text.x - half
            assert text.x + half <= node.right
            assert node.y < text.y < node.bottom
        for rect in node.rects:
            assert node.x <= rect.x
            assert rect.x + rect.width <= node.right
            assert node.y <= rect.y
            assert rect.y + rect.height <= node.bottom + 1e-6
    for frame in picture.frames:
        for node in (*picture.nodes, *picture.frames):
            assert beside(node, frame) or within(node, frame) or within(frame, node)
    places: dict[str, list[NodeBox]] = {}
    for node in picture.nodes:
        places.setdefault(node.id, []).append(node)
    for edge in picture.edges:
        assert any(edge.points[0][0] == pytest.approx(node.right) for node in places[edge.source])
        assert any(edge.points[-1][0] == pytest.approx(node.x) for node in places[edge.target])


def test_every_candidate_and_line_of_x3d3() -> None:
    picture = trellis_picture(X3D3)
    states = [node for node in picture.things if node.role == "state"]
    sizes = [1, 3, 3, 4, 3, 4, 3]
    assert [node.texts[0].content for node in states] == [
        label
        for stage in trellis(X3D3).stages
        for label in (s.label.removeprefix("channels=") or "32" for s in stage.states)
    ]
    ends = [1, *sizes, 1]
    assert len(picture.edges) == sum(a * b for a, b in pairwise(ends))
    assert len({(edge.source, edge.target) for edge in picture.edges}) == len(picture.edges)
    bars = {rect.tip.partition(":")[0] for node in states for rect in node.rects}
    assert bars == {choice.name for choice in X3D3.choices if choice.kind == "op"}
    assert picture.title == "x3d3: 5.84e18 networks, 3.67 G to 33.1 G MACs"
    assert not any(edge.marked or edge.strength is not None for edge in picture.edges)


def test_widths_follow_the_path_weights() -> None:
    learnt = learnt_of(X3D3)
    picture = trellis_picture(X3D3, learnt)
    weighted = [edge for edge in picture.edges if edge.strength is not None]
    assert len(weighted) == sum(len(row) for matrix in learnt.path_weights.values() for row in matrix)
    for edge in weighted:
        stage, target = map(int, edge.target.split("."))
        source = int(edge.source.partition(".")[2] or 0)
        name = trellis(X3D3).stages[stage].name
        weight = learnt.path_weights[name][source][target]
        assert edge.strength == weight
        assert edge.width == pytest.approx(THIN + (THICK - THIN) * weight)


def test_the_path_is_marked() -> None:
    learnt = learnt_of(X3D3)
    picture = trellis_picture(X3D3, learnt)
    marked = [node.id for node in picture.things if node.marked]
    assert marked == ["in", *(f"{stage}.{state}" for stage, state in enumerate(learnt.path)), "out"]
    assert [(edge.source, edge.target) for edge in picture.edges if edge.marked] == list(pairwise(marked))


def test_bars_are_as_high_as_probable() -> None:
    learnt = learnt_of(SMALL)
    node = next(n for n in trellis_picture(SMALL, learnt).nodes if n.id == "0.0")
    weights = learnt.mixture_weights["s1[channels=4].stack[0].op"]
    bars = [rect for rect in node.rects if rect.tip.startswith("s1.stack[0].op: basic(1) ")]
    assert [bar.height for bar in bars] == pytest.approx([30 * weight for weight in weights])
    assert [bar.role for bar in bars] == ["series0", "skip"]


@pytest.mark.parametrize("with_run", [False, True])
def test_seven_stages_fit_in_one_row(with_run: bool) -> None:
    picture = trellis_picture(X3D3, learnt_of(X3D3) if with_run else None)
    assert_tidy(picture)
    assert not any(node.ghost for node in picture.nodes)
    assert picture.width <= MOST_WIDTH + MARGIN


def test_forty_stages_go_on_in_further_rows(tmp_path: Path) -> None:
    space = forty(tmp_path, "space")
    picture = trellis_picture(space, learnt_of(space))
    assert_tidy(picture)
    assert picture.width <= MOST_WIDTH + MARGIN
    assert len([n for n in picture.things if n.role == "state"]) == 80
    assert len(picture.edges) == 2 + 39 * 4 + 2
    assert {text.content for text in picture.texts} > {f"s{i}" for i in range(1, 41)}


def test_long_names_of_stages_stay_apart(tmp_path: Path) -> None:
    text = (ROOT / "spaces" / "tiny.vns").read_text(encoding="utf-8").partition("search tiny_search")[0]
    for number in range(1, 5):
        text = text.replace(f"stage s{number} ", f"stage the_{number}_stage_with_a_very_long_name_indeed ")
    path = tmp_path / "long.vns"
    path.write_text(text, encoding="utf-8")
    picture = trellis_picture(load(path).get())
    assert_tidy(picture)
    headings = [text for text in picture.texts if text.bold and text.anchor == "middle"]
    assert len(headings) == 4
    for a, b in pairwise(headings):
        assert a.x + text_width(a.content, a.size, True) / 2 < b.x - text_width(b.content, b.size, True) / 2


def texts_of(picture: Picture) -> list[str]:
    return [text.content for text in (*picture.texts, *(t for node in picture.nodes for t in node.texts))]


def titles_of(picture: Picture) -> list[str]:
    return [text.content for frame in picture.frames for text in frame.texts]


def test_a_network_is_frames_of_stages_with_shapes_and_costs() -> None:
    picture = network_picture(K400)
    assert_tidy(picture)
    names = [node.texts[0].content for node in picture.nodes if "block" not in node.id]
    assert names[:3] == ["clip", "stem(32)", "head(64, 2)"]
    assert names[4:12] == ["head(160, 2)", *["basic(4)"] * 3, *["basic(1)"] * 2, "basic(4)", "head(224, 2)"]
    assert "s4 · 160 × 16 × 14 × 14 · 6.21 G MACs (39.4 %) · 1.99 M parameters" in titles_of(picture)
    assert "15.78 G MACs per clip, 13.45 M parameters" in picture.title


def test_each_block_is_opened_once_below() -> None:
    picture = network_picture(K400)
    titles = [text.content for text in picture.texts if text.bold and text.size == 12]
    assert titles == ["stem(32)", "head(64, 2)", "basic(4)"]
    assert "also basic(1), basic(2)" in {text.content for text in picture.texts}
    inside = [node.texts[0].content for node in picture.nodes if node.id.startswith("block2.")]
    assert inside == ["conv(same, 1x3x3) → bn → relu", "+"]


def test_costs_of_stages_count_copies_that_are_not_drawn() -> None:
    network = shipped_space("evanet_a")
    picture = network_picture(network)
    shares = [float(share) for title in titles_of(picture) for share in re.findall(r"([\d.]+) %", title)]
    assert len(shares) == 5
    assert sum(shares) == pytest.approx(100, abs=0.5)


def test_many_stages_of_a_network_go_on_in_further_rows(tmp_path: Path) -> None:
    picture = network_picture(forty(tmp_path, "network"))
    assert_tidy(picture)
    assert picture.width <= 1.25 * MOST_WIDTH
    assert [title.partition(" ")[0] for title in titles_of(picture)] == [f"s{i}" for i in range(1, 41)]


def picture_of(text: str, layers: bool = False) -> Picture:
    return network_picture(load_source(Source("drawn.vns", text), None).get(), layers)


def test_a_network_without_stages_says_each_new_shape() -> None:
    lines = "conv(16, 3x3x3) -> bn -> relu\n  conv(32, 3x3x3) -> relu\n  " * 5
    picture = picture_of(
        f"network plain {{\n  input clip = video(frames=8, size=32)\n  {lines}pool -> linear(classes)\n}}\n"
    )
    assert_tidy(picture)
    feet = [node.texts[-1].content for node in picture.nodes if "conv(32" in node.texts[0].content]
    assert len(feet) == 5 and all(foot.startswith("32 × 8 × 32 × 32 · ") for foot in feet)
    assert picture.width <= 1.25 * MOST_WIDTH


def test_a_space_says_what_is_searched() -> None:
    picture = picture_of(
        """\
block op(c) { conv(c, 1x1x1) -> bn | conv(c, 3x3x3) -> bn | skip }
space searched {
  input clip = video(frames=4 | 8, size=32 | 64, classes=5)
  stage stem { conv(8 | 12, (1 | 3 | 5, 3, 3)) -> (relu | hardswish) }
  stage body {
    1..3 * op(same)
    2 * [conv(same, 1x1x1), relu]
  }
  pool -> linear(classes)
}
"""
    )
    assert_tidy(picture)
    said = texts_of(picture)
    assert {"clip", "frames: 4 | 8", "size: 32 | 64"} <= set(said)
    assert "1..3 ×" in titles_of(picture)
    assert [title for title in titles_of(picture) if " · " in title] == [
        "stem · 12 × 8 × 64 × 64",
        "body · 12 × 8 × 64 × 64",
    ]
    assert any("conv(8 | 12, 1x3x3 | 3x3x3 | 5x3x3)" in text for text in said)
    assert {"op(same)", "conv(same, 1x1x1) → bn", "conv(same, 3x3x3) → bn", "skip"} <= set(said)
    assert "…" not in "".join(said)


def test_a_call_with_many_open_arguments_is_a_table() -> None:
    picture = network_picture(shipped_space("tinyvideonet"))
    assert_tidy(picture)
    said = texts_of(picture)
    assert {"tvn", "s: std | depth | smax | savg", "sk: 1..5", "se: 0.0..1.0", "frames: 1 | 2 | 4 | 8 | 16"} <= set(
        said
    )


@pytest.mark.parametrize("name", ["tvn1", "tvn3", "tvn_mobile1"])
def test_long_calls_are_wrapped_not_cut(name: str) -> None:
    picture = network_picture(shipped_space(name))
    assert_tidy(picture)
    assert not any("…" in text for text in texts_of(picture))


def test_a_projection_is_a_box_on_the_shortcut() -> None:
    picture = picture_of(
        """\
network projected {
  input clip = video(frames=4, size=16, classes=3)
  residual(project=auto) { conv(8, 1x3x3, stride=1x2x2) -> bn }
  relu
  residual { conv(same, 1x3x3) -> bn }
  pool -> linear(classes)
}
"""
    )
    assert_tidy(picture)
    ids = {node.texts[0].content: node.id for node in picture.nodes}
    arrows = {(edge.source, edge.target) for edge in (*picture.edges, *picture.hidden)}
    shortcut = ids["conv(8, 1x1x1, stride=1x2x2) → bn"]
    first, second = (node.id for node in picture.nodes if node.texts[0].content == "+")
    assert (ids["clip"], shortcut) in arrows and (shortcut, first) in arrows
    assert (ids["clip"], first) not in arrows
    assert (ids["relu"], second) in arrows  # a shortcut without a projection


def test_all_layers_are_drawn() -> None:
    picture = network_picture(K400, layers=True)
    assert_tidy(picture)
    assert sum(node.role == "join" for node in picture.things) == 14
    layers = [text.content for node in picture.things for text in node.texts]
    drawn = sum(text.count("conv(") for text in layers)
    assert drawn == sum(node.operation == "conv" for node in K400.graph.layers)
    assert "conv(same, 3x1x1, dilation=(4, 1, 1)) → bn → relu" in layers


def test_more_boxes_than_fit_are_refused() -> None:
    with pytest.raises(UserError, match="988 boxes"):
        network_picture(shipped_space("peng2019"), layers=True)


LARGE = {"assemblenet101", "assemblenet50", "assemblenet_plus", "assemblenet_plus50", "movinet", "peng2019"}
LARGE |= {name for name in shipped_names() if name.startswith("zoo/")}


@pytest.mark.parametrize("name", some_slow(shipped_names(), LARGE))
def test_every_published_file(name: str) -> None:
    """Nothing overlaps, no arrow goes through a box, and what the arrows say is what the graph says."""
    for space in shipped(name).spaces.values():
        picture = network_picture(space)
        assert_tidy(picture)
        assert not through_boxes(picture)
        main = {node.id for node in picture.nodes if "block" not in node.id}
        fed = {edge.target for edge in (*picture.edges, *picture.hidden)}
        assert main - fed == {one.name for one in space.inputs.given}
        if name != "assemblenet_plus":  # its connections choose among up to fourteen peers, which no box has room for
            assert not any("…" in text for text in texts_of(picture))


def through_boxes(picture: Picture) -> list[tuple[str, str]]:
    """Arrows that enter a box at which they do not end."""
    hits = []
    for edge in (*picture.edges, *picture.lines):
        for i in range(0, len(edge.points) - 1, 3):
            a, b, c, d = edge.points[i : i + 4]
            for step in range(1, 10):
                t = step / 10
                x, y = (
                    (1 - t) ** 3 * a[k] + 3 * (1 - t) ** 2 * t * b[k] + 3 * (1 - t) * t**2 * c[k] + t**3 * d[k]
                    for k in (0, 1)
                )
                hits += [
                    (edge.tip, node.id)
                    for node in picture.nodes
                    if node.x + 1 < x < node.right - 1 and node.y + 1 < y < node.bottom - 1
                ]
    return hits


# ------------------------------------------------------------------ renderers


def pictures() -> dict[str, Picture]:
    return {
        "trellis": trellis_picture(TINY),
        "search": trellis_picture(TINY, learnt_of(TINY)),
        "network": network_picture(K400),
        "layers": network_picture(K400, layers=True),
    }


@pytest.mark.parametrize("name", list(pictures()))
def test_svg_is_well_formed_and_holds_everything(name: str) -> None:
    picture = pictures()[name]
    root = ElementTree.fromstring(svg(picture))
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    assert root.get("aria-label") == picture.title
    assert root.findtext(f"{SVG}title") == picture.title
    assert root.findtext(f"{SVG}desc") == picture.description
    drawn = [group.get("data-id") for group in root.iter(f"{SVG}g")]
    assert drawn == [node.id for node in (*picture.frames, *picture.nodes)]
    lines = {(p.get("data-source"), p.get("data-target")) for p in root.iter(f"{SVG}path") if p.get("data-source")}
    assert lines == {(edge.source, edge.target) for edge in picture.edges}
    assert "http" not in svg(picture).replace('xmlns="http://www.w3.org/2000/svg"', "")


def test_the_picture_of_the_docs_is_what_is_drawn() -> None:
    """Redraw it with `vnasdsl draw spaces/x3d3.vns -o docs/images/x3d3.svg`."""
    for picture in (trellis_picture(X3D3), network_picture(K400)):
        assert render(picture, ".svg") == (ROOT / "docs" / "images" / f"{picture.name}.svg").read_bytes()


def test_themes() -> None:
    picture = trellis_picture(TINY)
    assert set(LIGHT) == set(DARK)
    light, dark, auto = (svg(picture, theme) for theme in ("light", "dark", "auto"))
    assert LIGHT["ground"] in light
    assert DARK["ground"] not in light
    assert DARK["ground"] in dark
    assert LIGHT["ground"] not in dark
    assert auto.index(LIGHT["ground"]) < auto.index("@media (prefers-color-scheme: dark)") < auto.index(DARK["ground"])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_bytes_twice(suffix: str) -> None:
    first, second = (render(trellis_picture(TINY, learnt_of(TINY)), suffix) for _ in range(2))
    assert first == second


def test_png_has_the_size_of_the_picture() -> None:
    picture = trellis_picture(TINY)
    content = render(picture, ".png")
    assert content.startswith(b"\x89PNG")
    width, height = (int.from_bytes(content[i : i + 4], "big") for i in (16, 20))
    assert width == pytest.approx(2 * picture.width, abs=2)
    assert height == pytest.approx(2 * picture.height, abs=2)
    assert render(picture, ".png", "dark") != content


HOSTILE = [
    '"><script>alert(1)</script>', "a]]>b", "<!--", "&amp;", "'\"`", "$x^2$", "\\n\\", "x\x00y\x1bz", "end", "#quot;",
    "]-->n1", '"; evil=1; "', "%%{init}%%", "\u202eabc", "\ud800", "日本語", "a\nb",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_stay_text(text: str) -> None:
    texts = (Text(50, 20, text),)
    node = NodeBox(text, 10, 10, 80, 30, "layer", texts, tip=text, group=text)
    other = NodeBox("other", 120, 10, 80, 30, "layer", (Text(160, 20, "other"),))
    picture = Picture(text, text, text, 220, 60, (node, other), ())
    root = ElementTree.fromstring(svg(picture))
    assert {child.tag for child in root.iter()} == {
        f"{SVG}{tag}" for tag in ("svg", "title", "desc", "style", "rect", "g", "text")
    }
    assert render(picture, ".png").startswith(b"\x89PNG")
    render(picture, ".svg")
    flow = mermaid(picture).splitlines()
    assert len(flow) == 8
    assert flow[3] == "flowchart LR"
    assert all(line.count('"') in (0, 2) for line in flow[3:])
    shown = dot(picture)
    assert shown.count("\n") == 10
    for line in shown.splitlines():
        assert line.replace("\\\\", "").replace('\\"', "").count('"') % 2 == 0


def test_mermaid_and_dot_of_a_search() -> None:
    learnt = learnt_of(SMALL)
    picture = trellis_picture(SMALL, learnt)
    flow, lines = mermaid(picture), dot(picture)
    assert flow.count("==>") == len(learnt.path) + 1 == lines.count('color="#d1400c"];')
    assert f'|"{learnt.path_weights["s1"][0][0]:.2f}"|' in flow
    assert lines.count(" -> ") == len(picture.edges) == flow.count("-->") + flow.count("==>")


def test_texts_are_cut_to_their_room() -> None:
    assert shortened("basic(1)", 200) == "basic(1)"
    cut = shortened("a very long name of a layer", 80)
    assert cut.endswith("…")
    assert text_width(cut) <= 80


def test_a_block_that_comes_often_in_another_is_drawn_by_itself() -> None:
    picture = network_picture(shipped_space("peng2019_tiny"))
    titles = [text.content for text in picture.texts if text.bold and text.size == 12]
    assert titles == ["normal(stem, stem, 6, 1)", "reduction(stem, c1, 12, 1)", "edge(1)", "edge(2)"]


def test_spaces_and_graphs_are_shown_in_a_line() -> None:
    assert repr(X3D3) == "<Space x3d3: a space with 32 choices>"
    assert len(repr(K400)) < 100 and len(repr(K400.graph)) < 100

"""What a search learnt as tables: layers with the same options share one, and only what was taken is framed."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from matplotlib.figure import Figure

from tests.search.fake import fake_trellis
from tests.support import shipped_space
from vnasdsl.derive import Decoded, decode
from vnasdsl.elaborate import Space, load_source
from vnasdsl.language.source import Source
from vnasdsl.relax.trellis import trellis
from vnasdsl.show import paths
from vnasdsl.show.draw.learnt import Learnt
from vnasdsl.show.paths import Table, paths_png, stage_tables

MIXED = """\
block mixed(k) {
  conv(same, (k, 3, 3)) -> bn
  relu | hardswish
  squeeze_excite(0.25 | 0.5) | skip
}
space mixed {
  input clip = video(frames=4, size=16, classes=5)
  stage s1 {
    conv(8 | 12 | 16, 1x3x3)
    2 * (mixed(1 | 3) | conv(same, 1x3x3) | skip)
    relu | hardswish
  }
  stage s2 { conv(16 | 24, 1x3x3, stride=1 | 2) }
  pool -> linear(classes)
}
"""


def weights_of(space: Space) -> tuple[dict[str, list[list[float]]], dict[str, list[float]], Decoded]:
    """Random path weights and mixture weights, and what is decoded from them."""
    draw = random.Random(3)

    def distribution(count: int) -> list[float]:
        values = [draw.random() for _ in range(count)]
        return [value / sum(values) for value in values]

    found = trellis(space)
    ways: dict[str, list[list[float]]] = {}
    mixtures: dict[str, list[float]] = {}
    before = 1
    for stage in found.stages:
        ways[stage.name] = [distribution(len(stage.states)) for _ in range(before)]
        before = len(stage.states)
        for state in stage.states:
            mixtures.update({mixture.name: distribution(len(mixture.options)) for mixture in state.mixtures})
    return ways, mixtures, decode(found, ways, mixtures)


def mixed_space() -> Space:
    return load_source(Source("mixed.vns", MIXED), None).get()


def tables_of(space: Space) -> tuple[list[list[Table]], Mapping[str, str]]:
    ways, mixtures, decoded = weights_of(space)
    return stage_tables(trellis(space), Learnt("", ways, mixtures, decoded.path, decoded.choices)), decoded.choices


def test_layers_with_the_same_options_share_a_table() -> None:
    stages, _ = tables_of(mixed_space())
    first, second = stages
    assert [table.title for table in second] == ["paths into s2"]
    ways, *layers = first
    assert ways.columns == ("channels=8", "channels=12", "channels=16")
    assert {table.columns for table in layers} == {
        ("mixed(1 | 3)", "conv(same, 1x3x3)", "skip"),
        ("1", "3"),
        ("relu", "hardswish"),
        ("squeeze_excite(0.25 | 0.5)", "skip"),
        ("0.25", "0.5"),
    }
    assert len(layers) == 5
    for table in (table for stage in stages for table in stage):
        assert all(len(row.values) == len(table.columns) for row in table.rows)


@pytest.mark.parametrize("name", ["mixed", "x3d3", "tiny", "peng2019_tiny"])
def test_every_row_has_a_name_of_its_own(name: str) -> None:
    space = mixed_space() if name == "mixed" else shipped_space(name)
    stages, _ = tables_of(space)
    for tables in stages:
        rows = [row.name for table in tables if not table.title.startswith("paths ") for row in table.rows]
        assert len(set(rows)) == len(rows)


def test_only_what_was_taken_is_framed() -> None:
    space = mixed_space()
    stages, choices = tables_of(space)
    framed: dict[str, str] = {}
    for table in stages[0][1:]:
        for row in table.rows:
            assert len(row.taken) <= 1
            assert row.counts == bool(row.taken)
            for column in row.taken:
                choice = f"s1.{row.name.partition(' in ')[0]}"
                choice = choice if choice in choices else f"{choice}.op"
                assert choice not in framed  # framed in one of the options around it, not in all
                framed[choice] = table.columns[column]
    assert framed == {
        name: option for name, option in choices.items() if name.startswith("s1.") and "channels" not in name
    }
    assert "s1.stack[0].op" in framed


def test_the_path_is_framed_from_stage_to_stage() -> None:
    ways = {"s1": [[1.0]], "s2": [[0.4, 0.6]], "s3": [[0.9, 0.1], [0.2, 0.8]]}
    mixtures = {mixture.name: [0.3, 0.7] for state in fake_trellis().stages[1].states for mixture in state.mixtures}
    taken = {mixture.choice: mixture.options[1] for mixture in fake_trellis().stages[1].states[1].mixtures}
    second, third = stage_tables(fake_trellis(), Learnt("", ways, mixtures, (0, 1, 1), taken))
    assert [(row.name, row.taken) for row in second[0].rows] == [("s1", (1,))]
    assert [(row.name, row.taken) for row in third[0].rows] == [("channels=4", ()), ("channels=6", (1,))]
    assert [(row.name, row.taken) for row in second[1].rows] == [("stack[0]", (1,)), ("stack[1]", (1,))]
    assert paths_png(fake_trellis(), Learnt("", ways, mixtures, (0, 1, 1), taken)).startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["mixed", "x3d3", "peng2019_tiny"])
def test_all_texts_are_inside_and_apart_from_other_tables(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Figure] = []
    monkeypatch.setattr(paths, "png", lambda figure: kept.append(figure) or b"")
    space = mixed_space() if name == "mixed" else shipped_space(name)
    ways, mixtures, decoded = weights_of(space)
    paths_png(trellis(space), Learnt("", ways, mixtures, decoded.path, decoded.choices))
    (figure,) = kept
    boxes: Sequence[Any] = [axis.get_tightbbox() for axis in figure.axes]
    for i, box in enumerate(boxes):
        assert box.x0 >= 0 and box.y0 >= 0
        assert box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
        for other in boxes[i + 1 :]:
            assert box.x1 <= other.x0 or other.x1 <= box.x0 or box.y1 <= other.y0 or other.y1 <= box.y0


def test_the_same_figures_give_the_same_picture() -> None:
    space = mixed_space()
    ways, mixtures, decoded = weights_of(space)
    first, second = (
        paths_png(trellis(space), Learnt("", ways, mixtures, decoded.path, decoded.choices)) for _ in range(2)
    )
    assert first == second

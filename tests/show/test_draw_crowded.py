"""Trellises with more options than colours, and more lines than can be told apart: what is left out is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.show.test_draw import assert_tidy
from vnasdsl.elaborate import Space, load
from vnasdsl.show.draw.formats import dot, mermaid
from vnasdsl.show.draw.picture import SERIES
from vnasdsl.show.draw.trellis import Learnt, trellis_picture


def many_options(folder: Path, count: int) -> Space:
    path = folder / "many.vns"
    options = " | ".join(f"conv(16, 3x3x3, dilation=(1, {n}, {n}))" for n in range(1, count + 1))
    path.write_text(
        "space many {\n  input clip = video(frames=8, size=112)\n"
        f"  stage s1 {{\n    conv(16, 3x3x3)\n    {options}\n  }}\n  pool -> linear(classes)\n}}\n",
        "utf-8",
    )
    return load(path).get()


def test_no_two_options_share_a_colour_as_long_as_there_are_some(tmp_path: Path) -> None:
    picture = trellis_picture(many_options(tmp_path, SERIES))
    assert sum(text.content.startswith("conv(") for text in picture.texts) == SERIES
    assert len({rect.role for node in picture.nodes for rect in node.rects}) == SERIES
    space = many_options(tmp_path, 60)
    picture = trellis_picture(space)
    assert sum(text.content.startswith("conv(") for text in picture.texts) == SERIES - 1
    assert any(text.content.startswith(f"{60 - SERIES + 1} other options in one colour") for text in picture.texts)
    bars = [rect for node in picture.nodes for rect in node.rects]
    assert [bar.role for bar in bars] == [*(f"series{i}" for i in range(SERIES - 1)), "other"]
    assert sum(bar.height for bar in bars) == pytest.approx(30)
    assert all(option in bars[-1].tip for option in space.choices[0].options)


def test_the_options_that_weigh_most_have_colours(tmp_path: Path) -> None:
    space = many_options(tmp_path, 60)
    name = space.choices[0].name
    weights = [0.001] * 60
    weights[40:47] = [0.1] * 7
    learnt = Learnt("runs/x", {"s1": [[1.0]]}, {name: weights}, (0,), {name: space.choices[0].options[40]})
    picture = trellis_picture(space, learnt)
    said = [text.content for text in picture.texts if text.content.startswith("conv(")]
    assert said == list(space.choices[0].options[40:47])


def crowded(folder: Path) -> Space:
    path = folder / "wide.vns"
    path.write_text(
        "space wide {\n  input clip = video(frames=8, size=32)\n  stage s1 { conv(1..30, 1x1x1) }\n"
        "  stage s2 { conv(1..20, 1x1x1) }\n  pool -> linear(classes)\n}\n",
        "utf-8",
    )
    return load(path).get()


def test_every_line_of_crowded_stages_is_drawn(tmp_path: Path) -> None:
    picture = trellis_picture(crowded(tmp_path))
    assert_tidy(picture)
    assert len(picture.edges) == 30 + 20 + 600
    assert dot(picture).count(" -> ") == mermaid(picture).count(" --> ") == 650

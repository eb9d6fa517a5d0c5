"""Pictures of a search by trials: what they show, and that they are drawn."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.image import imread

from vnasdsl.show.evolution import ancestors, family_png, pareto_front, pareto_png


@given(st.lists(st.tuples(st.integers(0, 5).map(float), st.integers(0, 5).map(float)), max_size=12))
def test_the_front_is_what_nothing_beats(points: list[tuple[float, float]]) -> None:
    def beaten(one: tuple[float, float]) -> bool:
        return any(o != one and o[0] <= one[0] and o[1] >= one[1] for o in points)

    front = pareto_front(points)
    assert [points[i] for i in front] == sorted({point for point in points if not beaten(point)})
    assert all(points.index(points[i]) == i for i in front)  # of equal ones the first


def trial(number: int, *parents: int, top1: float | None = 0.5, macs: int = 1000) -> dict[str, Any]:
    score = None if top1 is None else {"top1": top1}
    status = "failed" if top1 is None else "trained"
    mutations = ("step s2.stack[0].op: basic(1) -> basic(2)",) if parents else ()
    return {"id": number, "parents": parents, "mutations": mutations, "status": status, "score": score, "macs": macs}


FAMILY = [trial(0), trial(1), trial(2, 0), trial(3, 1), trial(4, 2, 3), trial(5, 4, top1=0.75), trial(6, 3)]


def test_ancestors_are_all_and_only_those_the_winner_comes_from() -> None:
    assert ancestors(FAMILY, 5) == [0, 1, 2, 3, 4, 5]
    assert ancestors(FAMILY, 6) == [1, 3, 6]
    assert ancestors(FAMILY, 0) == [0]


@pytest.mark.parametrize("winner", [0, 5, 6])
def test_pictures_are_drawn_the_same_every_time(winner: int) -> None:
    for draw in (pareto_png, family_png):
        picture = draw(FAMILY, winner)
        assert picture == draw(FAMILY, winner)
        pixels = imread(io.BytesIO(picture))
        assert pixels.shape[0] > 100 and pixels.shape[1] > 500 and pixels[..., :3].std() > 0.01


def test_a_longer_family_is_a_taller_picture_up_to_a_bound() -> None:
    def height(generations: int) -> int:
        chain = [trial(0), *(trial(i, i - 1) for i in range(1, generations))]
        return int(imread(io.BytesIO(family_png(chain, generations - 1))).shape[0])

    assert height(3) < height(12) < height(45) == height(60)

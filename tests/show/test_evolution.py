"""Pictures of a search by trials: what they show, and that they are drawn."""

from __future__ import annotations

import io
from typing import Any

import pytest
from matplotlib.image import imread

from vnasdsl.show.charts import ancestors, family_picture
from vnasdsl.show.draw import render


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
    picture = render(family_picture(FAMILY, winner), ".png")
    assert picture == render(family_picture(FAMILY, winner), ".png")
    pixels = imread(io.BytesIO(picture))
    assert pixels.shape[0] > 100 and pixels.shape[1] > 300 and pixels[..., :3].std() > 0.01


def test_a_longer_family_is_a_taller_picture_up_to_a_bound() -> None:
    def height(generations: int) -> int:
        chain = [trial(0), *(trial(i, i - 1) for i in range(1, generations))]
        return round(family_picture(chain, generations - 1).height)

    assert height(3) < height(12) < height(45) == height(60)

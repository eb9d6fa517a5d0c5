from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from vnasdsl.train.loop import build_optimiser, learning_rate
from vnasdsl.train.recipes import Adam, Sgd


@pytest.mark.parametrize("step", [0, 1, 33, 50, 99, 100])
def test_the_cosine_is_the_closed_formula(step: int) -> None:
    expected = 1e-4 + 0.5 * (0.02 - 1e-4) * (1 + math.cos(math.pi * step / 100))
    assert learning_rate(Sgd(lr=0.02, end=1e-4), step, 100) == pytest.approx(expected, rel=1e-12)


def test_the_cosine_runs_from_lr_to_end_and_stays() -> None:
    recipe = Sgd(lr=0.02, end=1e-4)
    assert learning_rate(recipe, 0, 10) == pytest.approx(0.02)
    assert learning_rate(recipe, 10, 10) == pytest.approx(1e-4)
    assert learning_rate(recipe, 99, 10) == pytest.approx(1e-4)


def test_torchs_own_schedule_agrees() -> None:
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=20, eta_min=1e-3)
    for step in range(20):
        assert learning_rate(Sgd(lr=0.1, end=1e-3), step, 20) == pytest.approx(
            optimiser.param_groups[0]["lr"], rel=1e-9
        )
        optimiser.step()
        schedule.step()


def test_without_an_end_the_rate_is_constant() -> None:
    assert {learning_rate(Adam(lr=3e-4), step, 10) for step in range(11)} == {3e-4}


def test_optimisers_get_what_the_recipe_says() -> None:
    parameters = [nn.Parameter(torch.zeros(1))]
    sgd = build_optimiser(Sgd(lr=0.1, momentum=0.8, decay=1e-5, nesterov=True), parameters).param_groups[0]
    assert (sgd["lr"], sgd["momentum"], sgd["weight_decay"], sgd["nesterov"]) == (0.1, 0.8, 1e-5, True)
    adam = build_optimiser(Adam(lr=0.1, betas=(0.5, 0.9), decay=1e-3), parameters).param_groups[0]
    assert (adam["lr"], adam["betas"], adam["weight_decay"]) == (0.1, (0.5, 0.9), 1e-3)

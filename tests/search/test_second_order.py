"""The choice step that looks one step of the weights ahead, against finite differences of the whole objective."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError
from torch import Tensor, nn

from tests.codegen.code import read, shuffle, supernet
from tests.search.fake import FakeSupernet, batches, fake_trellis
from vnasdsl.searching.monitor import Monitor
from vnasdsl.searching.supernet import Ahead, SupernetSearch
from vnasdsl.train.loop import Meter
from vnasdsl.train.progress import Reporter
from vnasdsl.train.recipe_parts import Adam, MacsCost, Nothing, Sgd
from vnasdsl.train.recipes import GradientRecipe

CPU = torch.device("cpu")
CELLS = """
tied block cell(a, b, c) {
  p = a -> conv(c, 1x1x1) -> bn
  q = b -> conv(c, 1x1x1) -> bn
  n = sum(pick 1 of [p -> (none | skip | conv(same, 1x3x3) -> bn), q -> (none | skip | conv(same, 3x1x1) -> bn)])
  out concat(n, q)
}

space cells {
  input clip = video(frames=2, size=4, classes=3)
  a = clip -> conv(2, 1x1x1)
  b = cell(a, a, 2)
  c = cell(a, b, 2)
  pool -> linear(classes)
}
"""
LABELS = torch.tensor([0, 1, 2, 0])


def clips(seed: int) -> Tensor:
    return torch.randn(4, 3, 2, 4, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def new_search(**keys: Any) -> SupernetSearch:
    model = supernet(read(CELLS)).double().train()
    shuffle(model)
    keys = {"choices": Sgd(lr=1.0, momentum=0.0), "cost": Nothing(), "second_order": True, **keys}
    recipe = GradientRecipe(epochs=2, warmup=0, score_from=0, **keys)
    nothing: Any = None
    search = SupernetSearch(model, recipe, nothing, nothing, CPU, nothing)
    for seed in (1, 2):  # so that there is momentum
        search.weight_step(clips(seed), LABELS, 0.1, Meter(CPU))
    return search


def objective(search: SupernetSearch, ahead: Ahead, validate: Tensor) -> float:
    """The validation loss after a real step of torch's optimiser on a copy, and the cost of its choices."""
    model = copy.deepcopy(search.model)
    settings = search.recipe.weights
    assert isinstance(settings, Sgd)
    optimiser = torch.optim.SGD(
        model.weight_parameters(), 1.0, settings.momentum, weight_decay=settings.decay, nesterov=settings.nesterov
    )
    optimiser.load_state_dict(copy.deepcopy(search.weight_optimiser.state_dict()))
    optimiser.param_groups[0]["lr"] = ahead.rate
    optimiser.zero_grad()
    F.cross_entropy(model(ahead.clips), ahead.labels).backward()
    optimiser.step()
    with torch.no_grad():
        loss = F.cross_entropy(model(validate), LABELS)
        cost = search.recipe.cost
        if isinstance(cost, MacsCost):
            loss = loss + cost.weight * torch.log(model.expected_macs() / 1e6) / torch.log(torch.tensor(cost.base))
    return float(loss)


def differences(search: SupernetSearch, ahead: Ahead, validate: Tensor, step: float = 1e-5) -> list[Tensor]:
    found = []
    for parameter in search.model.choice_parameters():
        row = torch.zeros_like(parameter)
        for i in range(parameter.numel()):
            ends = []
            for sign in (1, -1):
                with torch.no_grad():
                    parameter[i] += sign * step
                ends.append(objective(search, ahead, validate))
                with torch.no_grad():
                    parameter[i] -= sign * step
            row[i] = (ends[0] - ends[1]) / (2 * step)
        found.append(row)
    return found


def moved(search: SupernetSearch, ahead: Ahead | None, validate: Tensor) -> list[Tensor]:
    """The gradient of a choice step: with a rate of 1 it is what the choices go down."""
    before = [p.detach().clone() for p in search.model.choice_parameters()]
    search.choice_step(validate, LABELS, 1.0, Meter(CPU), ahead)
    return [b - p.detach() for b, p in zip(before, search.model.choice_parameters(), strict=True)]


@pytest.mark.parametrize(
    "weights",
    [
        Sgd(lr=0.3, momentum=0.9, decay=0.01),
        Sgd(lr=0.3, momentum=0.0),
        Sgd(lr=0.3, momentum=0.8, decay=0.1, nesterov=True),
    ],
    ids=["momentum", "plain", "nesterov"],
)
def test_the_gradient_is_that_of_the_whole_objective(weights: Sgd) -> None:
    search = new_search(weights=weights, cost=MacsCost(weight=0.5, base=10.0))
    ahead, validate = Ahead(clips(3), LABELS, 0.3), clips(4)
    by_hand = differences(search, ahead, validate)
    exact = moved(search, ahead, validate)
    assert len(exact) == 2  # alphas of the two edges; the uses of the tied block share them
    for one, other in zip(exact, by_hand, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)


def test_the_first_order_is_another_gradient() -> None:
    search = new_search(weights=Sgd(lr=0.3))
    ahead, validate = Ahead(clips(3), LABELS, 0.3), clips(4)
    by_hand = differences(search, ahead, validate)
    first = moved(search, None, validate)
    assert any((one - other).abs().max() > 1e-3 for one, other in zip(first, by_hand, strict=True))


def test_looking_ahead_leaves_weights_statistics_and_their_optimiser_as_they_are() -> None:
    search = new_search()
    before = {name: tensor.clone() for name, tensor in search.model.state_dict().items()}
    state = copy.deepcopy(search.weight_optimiser.state_dict())
    search.weight_optimiser.zero_grad()
    moved(search, Ahead(clips(3), LABELS, 0.3), clips(4))
    changed = {n for n, tensor in search.model.state_dict().items() if not torch.equal(tensor, before[n])}
    assert changed and all(name.endswith("alphas") for name in changed)
    assert str(state) == str(search.weight_optimiser.state_dict())
    assert all(parameter.grad is None for parameter in search.model.weight_parameters())


@pytest.mark.parametrize("order", ["choices_first", "weights_first"])
def test_an_epoch_looks_ahead_with_the_batch_beside(order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = GradientRecipe.model_validate(
        {"epochs": 2, "warmup": 1, "score_from": 2, "order": order, "second_order": True}
    )
    monitor = Monitor(fake_trellis(), lambda _: 10_000_000, None, 2, 2)
    torch.manual_seed(0)
    search = SupernetSearch(FakeSupernet(), recipe, lambda e: batches(3, e), lambda n: batches(2, 9 + n), CPU, monitor)
    seen: list[tuple[Tensor, float]] = []
    whole = search.choice_step

    def noted(c: Tensor, labels: Tensor, rate: float, meter: Meter, ahead: Ahead | None = None) -> None:
        assert ahead is not None
        seen.append((ahead.clips, ahead.rate))
        whole(c, labels, rate, meter, ahead)

    monkeypatch.setattr(search, "choice_step", noted)
    quiet = Reporter(quiet=True)
    search.run_epoch(2, quiet)
    assert [torch.equal(c, batch[0]) for (c, _), batch in zip(seen, batches(3, 2), strict=True)] == [True] * 3
    rates = [rate for _, rate in seen]
    assert rates == sorted(rates, reverse=True) and 0 < rates[-1] < rates[0] < 0.02


def test_recipes_that_cannot_look_ahead() -> None:
    with pytest.raises(ValidationError, match="second_order"):
        GradientRecipe(second_order=True, weights=Adam(lr=0.1))


def test_without_affine_the_norms_of_options_stay_as_they_are() -> None:
    search = new_search(affine=False)
    model = search.model
    inside = {
        f"{name}.{part}"
        for name, module in model.named_modules()
        if isinstance(module, nn.BatchNorm3d) and ".n." in name  # `n` is the line of the edges
        for part in ("weight", "bias")
    }
    assert len(inside) == 8  # two edges with one norm each, in two uses
    fresh = supernet(read(CELLS)).double().train()
    shuffle(fresh)
    for name, parameter in model.named_parameters():
        same = torch.equal(parameter, fresh.get_parameter(name))
        assert same == (name in inside or name.endswith("alphas")), name

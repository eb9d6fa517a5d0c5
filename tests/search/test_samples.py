"""Choice steps that compare drawn networks, against the expectation over all networks."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from tests.codegen.code import read, shuffle
from tests.search.test_draws import CPU, SMALL, batches, new_search, tensors
from tests.search.test_second_order import CELLS
from vnasdsl.derive import top_networks
from vnasdsl.language.diagnostics import UserError
from vnasdsl.searching.draws import mixtures_in
from vnasdsl.searching.monitor import learned_probabilities
from vnasdsl.searching.strategies.gradient import strategy
from vnasdsl.searching.supernet import SupernetSearch
from vnasdsl.train.loop import Meter
from vnasdsl.train.progress import Reporter
from vnasdsl.train.recipe_parts import Nothing, Sgd
from vnasdsl.train.recipes import GradientRecipe

Network = tuple[tuple[str, str], ...]


def sampled(mode: str = "paths") -> SupernetSearch:
    search = new_search(mode, samples=2, cost=Nothing())
    shuffle(search.model)
    search.model.double().train()
    return search


def running(search: SupernetSearch) -> Network:
    """The choices of the one network that runs."""
    made: dict[str, str] = {}
    for stage in search.model.stages().values():
        (state,) = (tuple(stage.values())[j] for j in stage.drawn)
        made.update(state.choices)
        for mixture in mixtures_in(state):
            (option,) = mixture.drawn
            made[mixture.choice] = mixture.options[option]
    return tuple(sorted(made.items()))


def log_probability(search: SupernetSearch, network: Network) -> Tensor:
    """Multiplied out along the path of a network."""
    made, source, total = dict(network), 0, torch.zeros((), dtype=torch.float64)
    for stage in search.model.stages().values():
        (place,) = (j for j, state in enumerate(stage.values()) if state.choices.items() <= made.items())
        total = total + stage.probabilities(1.0)[source, place].log()
        for mixture in mixtures_in(tuple(stage.values())[place]):
            total = total + mixture.probabilities()[mixture.options.index(made[mixture.choice])].log()
        source = place
    return total


def log_probabilities(search: SupernetSearch) -> dict[Network, float]:
    space = read(SMALL)
    assert space.size is not None
    found = top_networks(space, *learned_probabilities(search.model), space.size)
    return {tuple(sorted(network.choices.items())): network.log_probability for network in found}


@pytest.mark.parametrize("mode", ["full", "paths"])
def test_networks_are_drawn_by_their_probability_which_is_returned(mode: str) -> None:
    search = sampled(mode)
    wanted = log_probabilities(search)
    assert search.draws is not None
    times = 400
    counted: Counter[Network] = Counter()
    for number in range(times):
        log = search.draws.draw_network(number).item()
        network = running(search)
        assert log == pytest.approx(wanted[network], abs=1e-6)
        counted[network] += 1
    for network, log in wanted.items():
        share = math.exp(log)
        assert counted[network] / times == pytest.approx(share, abs=4 * math.sqrt(share / times) + 1e-3)


def test_the_gradient_is_that_of_the_expected_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    """On average over many steps, where skips lose more, and every network something that nothing else knows."""
    search = new_search("paths", samples=2, cost=Nothing())
    search.model.double().train()
    losses = {
        network: [option for _, option in network].count("skip") + (7 * place % 11) / 20
        for place, network in enumerate(sorted(log_probabilities(search)))
    }
    monkeypatch.setattr(search, "_cross_entropy", lambda *_: (torch.tensor(losses[running(search)]), torch.zeros(4, 3)))
    each = ((log_probability(search, network), loss) for network, loss in losses.items())
    expected = torch.stack([log.exp() * loss for log, loss in each]).sum()
    choices = search.model.choice_parameters()
    exact = torch.cat([gradient.flatten() for gradient in torch.autograd.grad(expected, choices)])

    steps = []
    monkeypatch.setattr(search.choice_optimiser, "step", lambda: steps.append([c.grad for c in choices]))
    for number in range(400):
        search._choice_step = number
        search.choice_step(*batches(0, 1)[0], 0.1, Meter(CPU))
    parts = [
        torch.stack([torch.zeros_like(c) if step[i] is None else step[i] for step in steps]).flatten(1)
        for i, c in enumerate(choices)
    ]
    estimates = torch.cat(parts, dim=1)
    error = estimates.std(dim=0) / math.sqrt(len(steps))
    assert ((estimates.mean(dim=0) - exact).abs() < 4 * error + 1e-9).all()
    assert (exact.abs() > 5 * error).any()  # the mean says something


@pytest.mark.parametrize("mode", ["full", "operations", "shared"])
def test_a_choice_step_moves_choices_alone_and_the_next_weight_step_runs_what_the_mode_says(mode: str) -> None:
    search = new_search(mode, samples=3)
    search.model.train()
    before = tensors(search)
    meter = Meter(CPU)
    search.choice_step(*batches(0, 1)[0], 0.1, meter)
    assert meter.text()
    changed = {name for name, tensor in tensors(search).items() if not torch.equal(tensor, before[name])}
    assert changed and {name.rpartition(".")[2] for name in changed} <= {"alphas", "betas"}
    ran: list[tuple[int, int]] = []
    step = search.weight_step

    def watched(*inputs: Any) -> None:
        stages = search.model.stages().values()
        ran.append((max(len(s.drawn) for s in stages), max(len(m.drawn) for m in mixtures_in(search.model))))
        assert all(part.noise == 0 for part in (*stages, *mixtures_in(search.model)))
        step(*inputs)

    search.weight_step = watched  # type: ignore[method-assign]
    search.run_epoch(2, Reporter(quiet=True))
    assert set(ran) == {{"full": (3, 3), "operations": (3, 1), "shared": (1, 1)}[mode]}


def test_a_search_learns_which_network_is_better(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loss depends on two choices together: neither says anything alone."""
    search = sampled()

    def loss(*_: object) -> tuple[Tensor, Tensor]:
        made = dict(running(search))
        equal = made["s2.stack[0].op"] == made["s2.stack[1].op"]
        return torch.tensor(2.0 if equal else 1.0), torch.zeros(4, 3)

    monkeypatch.setattr(search, "_cross_entropy", loss)
    for number in range(200):
        search._choice_step = number
        search.choice_step(*batches(0, 1)[0], 0.05, Meter(CPU))
    best = dict(max(log_probabilities(search).items(), key=lambda pair: pair[1])[0])
    assert best["s2.stack[0].op"] != best["s2.stack[1].op"]
    unequal = sum(
        math.exp(log)
        for network, log in log_probabilities(search).items()
        if dict(network)["s2.stack[0].op"] != dict(network)["s2.stack[1].op"]
    )
    assert unequal > 0.9


def test_what_samples_does_not_go_with_is_an_error() -> None:
    for keys in ({"samples": 1}, {"samples": 2, "gumbel": True}):
        with pytest.raises(ValidationError, match="samples"):
            GradientRecipe(**keys)
    with pytest.raises(ValidationError, match="takes no gradient"):
        GradientRecipe(samples=2, second_order=True, weights=Sgd(lr=0.1))
    with pytest.raises(UserError, match="draws no edges"):
        strategy.check(read(CELLS), GradientRecipe(samples=2))

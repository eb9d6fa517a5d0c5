"""What brings a supernet nearer to the network decoded from it: temperature, noise, entropy, dropout of skips."""

from __future__ import annotations

import copy
from collections import Counter
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.codegen.code import read, shuffle, supernet
from tests.search.test_draws import CPU, SMALL, batches, new_search
from vnasdsl.searching.deciding import Deciding, mean_entropy
from vnasdsl.searching.draws import Draws, mixtures_in
from vnasdsl.searching.monitor import entropy
from vnasdsl.train.loop import Meter
from vnasdsl.train.progress import Reporter
from vnasdsl.train.recipe_parts import Nothing
from vnasdsl.train.recipes import GradientRecipe


def small(**keys: Any) -> Any:
    model = supernet(read(SMALL), **keys).double().eval()
    shuffle(model)
    return model


CLIPS = torch.randn(2, 3, 4, 16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("weights", ["paper", "mass"])
def test_a_temperature_divides_all_logits_and_leaves_the_probabilities(weights: str) -> None:
    model = small(path_weights=weights, temperature=0.9)
    divided = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in divided.choice_parameters():
            parameter /= 5
    probabilities, macs = model.probabilities(), model.expected_macs()
    deciding = Deciding(model, GradientRecipe(epochs=5, warmup=1, anneal=(5.0, 0.2)))
    deciding.begin(1)
    torch.testing.assert_close(model(CLIPS), divided(CLIPS))
    deciding.begin(2)
    torch.testing.assert_close(model(CLIPS), divided(CLIPS))
    assert model.probabilities() == probabilities and model.expected_macs() == macs
    temperatures = []
    for epoch in (2, 3, 4, 5):
        deciding.begin(epoch)
        temperatures.append({part.temperature for part in mixtures_in(model)}.pop())
    assert temperatures == pytest.approx([5, 5 / 25 ** (1 / 3), 5 / 25 ** (2 / 3), 0.2])


def test_at_a_low_temperature_the_supernet_is_the_network_it_points_at() -> None:
    model = small(path_weights="mass")
    Deciding(model, GradientRecipe(epochs=1, warmup=0, anneal=(1.0, 1e-4))).begin(1)
    way, source = {}, 0
    relaxed = model(CLIPS)
    for stage in model.stages().values():
        source = int(stage.probabilities(1.0)[source].argmax())
        candidate = tuple(stage.values())[source]
        way.update(candidate.choices)
        way.update({m.choice: m.options[int(m.alphas.argmax())] for m in mixtures_in(candidate)})
    model.set_choices(way)
    torch.testing.assert_close(model(CLIPS), relaxed)


def test_with_gumbel_noise_the_largest_weight_is_a_draw_by_probability() -> None:
    model = small()
    without = model(CLIPS)
    draws = Draws(model, "full", seed=1)
    mixture, stage = next(mixtures_in(model)), model.stages()["s2"]
    steps, wins, states = 4000, Counter[int](), Counter[int]()
    for number in range(steps):
        draws.draw(number % 2 == 0, number)
        wins[int((mixture.alphas + mixture.noise).argmax())] += 1
        states[int(stage.running_probabilities(1.0)[0].argmax())] += 1
    for counted, weights in ((wins, mixture.probabilities()), (states, stage.probabilities(1.0)[0])):
        for i, weight in enumerate(weights.tolist()):
            assert counted[i] / steps == pytest.approx(weight, abs=0.03)
    assert not torch.allclose(without, model(CLIPS))
    draws.everything()
    torch.testing.assert_close(without, model(CLIPS))


def test_the_entropy_term_is_the_mean_over_all_choices_and_decides_them() -> None:
    model = small()
    rows: list[Tensor] = [m.probabilities() for m in mixtures_in(model)]
    rows += [row for stage in model.stages().values() if stage.betas is not None for row in stage.probabilities(1.0)]
    mean = sum(entropy(dict(enumerate(row.tolist()))) for row in rows) / len(rows)
    assert mean_entropy(model).item() == pytest.approx(mean)
    ends = []
    for weight in (0.0, 30.0):
        search = new_search("full", entropy=weight, cost=Nothing())
        shuffle(search.model)
        search.deciding.begin(3)
        search.model.train()
        for number in range(8):
            search.choice_step(*batches(number, 1)[0], 0.1, Meter(CPU))
        ends.append(mean_entropy(search.model).item())
    assert ends[1] < ends[0] - 0.1


def test_skips_are_dropped_while_weights_train_and_less_from_epoch_to_epoch() -> None:
    model = supernet(read(SMALL))
    deciding = Deciding(model, GradientRecipe(epochs=5, warmup=1, skip_dropout=0.5))
    mixture = next(mixtures_in(model))
    mixture.drawn = (mixture.options.index("skip"),)
    ones = torch.ones(4, 4, 4, 20, 20)
    shares = []
    for epoch in (1, 2, 3, 4, 5):
        deciding.begin(epoch)
        shares.append((mixture.train()(ones) == 0).float().mean().item())
        assert torch.equal(mixture.eval()(ones), ones)
    assert shares == pytest.approx([0.5, 0.5, 1 / 3, 1 / 6, 0.0], abs=0.03)
    mixture.drawn = (0,)
    mixture.train()
    assert torch.equal(mixture(ones), mixture(ones))  # what has weights is not dropped


@pytest.mark.parametrize("mode", ["full", "paths"])
def test_a_search_with_all_of_them_runs_and_stays_within_its_limit_on_skips(mode: str) -> None:
    keys: dict[str, Any] = {"anneal": (5.0, 0.1), "entropy": 0.5, "skip_dropout": 0.3, "skips": 0}
    search = new_search(mode, gumbel=mode == "full", **keys)
    search.monitor.skips = 0
    records = [search.run_epoch(epoch, Reporter(quiet=True)) for epoch in (1, 2, 3)]
    assert [record["decoded_skip_share"] for record in records] == [0, 0, 0]
    assert all(part.temperature == pytest.approx(0.1) for part in mixtures_in(search.model))

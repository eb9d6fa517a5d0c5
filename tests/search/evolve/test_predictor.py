"""Predictions of untrained networks, and what evolution does with them."""

from __future__ import annotations

from random import Random

import numpy as np

from tests.support import ROOT
from vnasdsl.elaborate import Overrides, Space, load
from vnasdsl.searching.evolve.history import Record
from vnasdsl.searching.evolve.predictor import Predictor
from vnasdsl.searching.strategies.evolution import strategy
from vnasdsl.train.recipe_parts import Limits
from vnasdsl.train.recipes import EvolutionRecipe

NETWORKS = [{"a": a, "b": b, "c": c, "d": d} for a in "123" for b in "123" for c in "123" for d in "123"]


def worth(network: dict[str, str]) -> float:
    """Every choice adds to it, and two of them interact."""
    return float(network["a"]) - 2 * float(network["b"]) + float(network["c"]) * float(network["d"])


def test_unseen_networks_come_out_in_about_their_true_order() -> None:
    random = Random(0)
    known = random.sample(NETWORKS, 40)
    unseen = [network for network in NETWORKS if network not in known]
    noisy = [worth(network) + random.gauss(0, 0.3) for network in known]
    predicted = Predictor(known, noisy).optimistic(unseen)
    assert np.corrcoef(predicted, [worth(network) for network in unseen])[0, 1] > 0.9
    drawn_worth = [worth(network) for network in random.choices(unseen, k=20)]
    assert worth(unseen[int(np.argmax(predicted))]) > max(np.median(drawn_worth), np.mean(drawn_worth) + 1)


def test_the_prediction_is_that_of_the_textbook() -> None:
    """Rasmussen and Williams (2006), Algorithm 2.1, with plain inverses."""
    predictor = Predictor(NETWORKS[:30], [worth(network) for network in NETWORKS[:30]])
    length = predictor._length
    noise = (predictor._root @ predictor._root.T)[0, 0] - 1

    def covariance(ours: list[dict[str, str]], theirs: list[dict[str, str]]) -> np.ndarray:
        return np.array([[np.exp(-sum(o[k] != t[k] for k in o) / length) for t in theirs] for o in ours])

    values = np.array([worth(network) for network in NETWORKS[:30]])
    inverse = np.linalg.inv(covariance(NETWORKS[:30], NETWORKS[:30]) + noise * np.eye(30))
    across = covariance(NETWORKS[30:], NETWORKS[:30])
    centred = values - values.mean()
    mean = values.mean() + across @ inverse @ centred
    amplitude = centred @ inverse @ centred / 30
    deviation = np.sqrt(amplitude * (1 - np.einsum("ij,jk,ik->i", across, inverse, across)))
    np.testing.assert_allclose(predictor.optimistic(NETWORKS[30:]), mean + deviation, rtol=1e-6)


def test_equal_scores_and_choices_that_others_lack() -> None:
    predictor = Predictor([{"a": "1"}, {"a": "1", "b": "2"}], [0.5, 0.5])
    values = predictor.optimistic([{"a": "1"}, {"b": "9"}, {"z": "1"}])
    assert np.allclose(values, 0.5, atol=1e-6)


def proposed(space: Space, recipe: EvolutionRecipe, seed: int) -> list[int]:
    """MACs of the networks that a search proposes where the fitness is the cost."""
    proposer, random, macs = strategy.proposer(space, recipe), Random(seed), []
    for number in range(10):
        choices = proposer.propose(0, 0, random).choices
        macs.append(space.choose(choices).macs)
        proposer.learn(Record(number, "trained", (), (), choices, fitness=float(macs[-1])))
    return macs[recipe.population :]


def test_a_child_is_the_most_promising_one_within_the_limits() -> None:
    space = load(ROOT / "spaces" / "tiny.vns", Overrides(classes=3)).get()
    least, most = space.macs
    limit = Limits(macs=(least + 2 * most) / 3)
    settings = {"population": 4, "sample": 2}
    alone = proposed(space, EvolutionRecipe(**settings, predicted=0), 0)
    guided = proposed(space, EvolutionRecipe(**settings), 0)
    limited = proposed(space, EvolutionRecipe(**settings, limits=limit), 0)
    assert np.mean(guided) > np.mean(alone)
    assert limit.macs is not None and np.mean([macs <= limit.macs for macs in limited]) > 0.9

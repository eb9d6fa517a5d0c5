"""Supernets of random spaces against enumeration, and against the networks that can be taken out of them."""

from __future__ import annotations

import math
from collections import defaultdict

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.codegen.code import child, probability, read, shuffle, supernet
from tests.space.random_spaces import FRAMES, SIZE, Made, examples, shuffled, spaces
from vnasdsl.relax.trellis import trellis


@given(spaces(most=40), st.sampled_from(["paper", "mass"]), st.sampled_from([1.0, 0.7]))
@examples(25)
def test_costs_and_probabilities_are_those_of_enumeration(made: Made, weights: str, temperature: float) -> None:
    space = read(made.text)
    assume(space.choices)
    model = supernet(space, path_weights=weights, temperature=temperature).double()
    shuffle(model)
    shape = trellis(space)
    names = [m.name for stage in shape.stages for state in stage.states for m in state.mixtures]
    assert len(names) == len(set(names))
    paths, mixtures = model.path_probabilities(), model.mixture_probabilities()
    assert list(paths) == [stage.name for stage in shape.stages]
    assert sorted(mixtures) == sorted(names)
    total = macs = params = 0.0
    counted: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for way in space.networks():
        p = probability(shape, paths, mixtures, way)
        total += p
        macs += p * space.network(way).macs[0]
        params += p * space.network(way).params[0]
        for choice, option in way.items():
            counted[choice][option] += p
    assert total == pytest.approx(1, rel=1e-9)
    assert model.expected_macs().item() == pytest.approx(macs, rel=1e-9)
    assert model.expected_params().item() == pytest.approx(params, rel=1e-9)
    told = model.probabilities()
    assert {c.name: set(c.options) for c in space.choices} == {name: set(row) for name, row in told.items()}
    for name, row in counted.items():
        there = math.fsum(row.values())
        for option, p in row.items():
            assert told[name][option] == pytest.approx(p / there, rel=1e-5)


@given(spaces(most=40))
@examples(25)
def test_a_network_taken_out_gives_the_logits_of_the_supernet_that_chose_it(made: Made) -> None:
    space = read(made.text)
    assume(space.choices)
    model = supernet(space, path_weights="mass").double()
    shuffle(model)
    clips = torch.randn(2, 3, FRAMES, SIZE, SIZE, dtype=torch.float64)
    for way in shuffled(list(space.networks()), 3):
        network = child(space, way, model)
        model.set_choices(way)
        params = sum(p.numel() for p in network.parameters())
        assert params == space.network(way).params[0] == model.expected_params().item()
        assert model.expected_macs().item() == space.network(way).macs[0]
        torch.testing.assert_close(model.eval()(clips), network.eval()(clips))


@given(spaces(most=30))
@examples(12)
def test_parameters_are_in_one_group_each(made: Made) -> None:
    space = read(made.text)
    assume(space.choices)
    model = supernet(space)
    weights, choices = model.weight_parameters(), model.choice_parameters()
    ids = [id(p) for p in [*weights, *choices]]
    assert len(ids) == len(set(ids)) and set(ids) == {id(p) for p in model.parameters()}

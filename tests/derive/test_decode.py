"""Decoding whole trellises: which choices come out."""

from __future__ import annotations

import itertools
import json
import math
import random

import pytest

from vnasdsl.derive import decode, path_probability
from vnasdsl.language.diagnostics import UserError
from vnasdsl.relax.trellis import Mixture, Stage, State, Trellis

Weights = dict[str, list[float]]
OPERATIONS = ("basic(1)", "basic(2)", "skip")


def state(stage: str, channels: int, layers: int) -> State:
    label = f"channels={channels}"
    mixtures = tuple(
        Mixture(f"{stage}[{label}].stack[{layer}].op", f"{stage}.stack[{layer}].op", OPERATIONS)
        for layer in range(layers)
    )
    return State(label, ((f"{stage}.head.channels", str(channels)),), mixtures)


TRELLIS = Trellis(
    (
        Stage("s1", (State("", (), (Mixture("s1.op", "s1.op", OPERATIONS),)),)),
        Stage("s2", (state("s2", 48, 1), state("s2", 64, 1))),
        Stage("s3", (state("s3", 72, 2), state("s3", 96, 2), state("s3", 112, 2))),
    )
)
PATHS = {
    "s1": [[1.0]],
    "s2": [[0.6, 0.4]],
    "s3": [[1 / 3, 1 / 3, 1 / 3], [0.0, 0.0, 1.0]],
}


def uniform_mixtures(**special: list[float]) -> dict[str, list[float]]:
    names = [mixture.name for stage in TRELLIS.stages for one in stage.states for mixture in one.mixtures]
    return {name: [1 / 3] * 3 for name in names} | special


def test_only_the_mixtures_on_the_path_count() -> None:
    mixtures = uniform_mixtures() | {
        "s1.op": [0.2, 0.5, 0.3],
        "s2[channels=48].stack[0].op": [0.0, 1.0, 0.0],  # greedy's state
        "s2[channels=64].stack[0].op": [0.0, 0.0, 1.0],
        "s3[channels=112].stack[1].op": [0.1, 0.45, 0.45],  # a tie goes to the first
    }
    decoded = decode(TRELLIS, PATHS, mixtures)
    assert decoded.stages == ("s1", "s2", "s3")
    assert decoded.path == (0, 1, 2)
    assert decoded.labels == ("", "channels=64", "channels=112")
    assert decoded.choices == {
        "s1.op": "basic(2)",
        "s2.head.channels": "64",
        "s2.stack[0].op": "skip",
        "s3.head.channels": "112",
        "s3.stack[0].op": "basic(1)",
        "s3.stack[1].op": "basic(2)",
    }
    assert path_probability(decoded) == pytest.approx(0.4)
    assert decoded.greedy.path == (0, 0, 0)
    assert decoded.greedy.log_probability == pytest.approx(math.log(0.2))
    assert decoded.greedy.choices["s2.head.channels"] == "48"
    assert decoded.greedy.choices["s2.stack[0].op"] == "basic(2)"


@pytest.mark.parametrize("skips", [0, 1, 2, 3])
def test_a_limit_on_skips_gives_the_most_probable_network_of_the_path_within_it(skips: int) -> None:
    draw = random.Random(skips)
    for _ in range(20):
        mixtures = {name: [draw.random(), draw.random(), 2 * draw.random()] for name in uniform_mixtures()}
        decoded = decode(TRELLIS, PATHS, mixtures, skips)
        states = [stage.states[i] for stage, i in zip(TRELLIS.stages, decoded.path, strict=True)]
        on_path = [mixture for state in states for mixture in state.mixtures]

        def probability(taken: tuple[str, ...], on_path: list[Mixture] = on_path, weights: Weights = mixtures) -> float:
            return math.prod(weights[m.name][OPERATIONS.index(o)] for m, o in zip(on_path, taken, strict=True))

        allowed = [ops for ops in itertools.product(OPERATIONS, repeat=len(on_path)) if ops.count("skip") <= skips]
        assert tuple(decoded.choices[m.choice] for m in on_path) == max(allowed, key=probability)
        assert list(decoded.greedy.choices.values()).count("skip") <= skips
        free = decode(TRELLIS, PATHS, mixtures)
        assert decoded.path == free.path and (decoded.choices == free.choices) is (
            list(free.choices.values()).count("skip") <= skips
        )


def test_to_dict_is_json() -> None:
    decoded = decode(TRELLIS, PATHS | {"s2": [[0.0, 0.0]]}, uniform_mixtures())
    data = json.loads(json.dumps(decoded.to_dict(), allow_nan=False))
    assert data["log_probability"] is None
    assert data["path"][2] == {"stage": "s3", "state": 0, "label": "channels=72"}
    assert data["greedy"]["same"] is True
    assert data["choices"] == decoded.choices


def test_every_state_can_be_decoded() -> None:
    rng = random.Random(3)
    mixtures = {name: rng.sample([0.7, 0.2, 0.1], 3) for name in uniform_mixtures()}
    for second in range(2):
        for third in range(3):
            paths = {
                "s1": [[1.0]],
                "s2": [[float(j == second) for j in range(2)]],
                "s3": [[float(j == third) for j in range(3)] for _ in range(2)],
            }
            decoded = decode(TRELLIS, paths, mixtures)
            assert decoded.path == (0, second, third)
            assert decoded.log_probability == 0.0
            for one in (TRELLIS.stages[1].states[second], TRELLIS.stages[2].states[third]):
                for mixture in one.mixtures:
                    weights = mixtures[mixture.name]
                    assert decoded.choices[mixture.choice] == OPERATIONS[weights.index(max(weights))]


def test_a_tied_choice_takes_the_largest_product() -> None:
    mixtures = (Mixture("a.op", "op", OPERATIONS), Mixture("b.op", "op", OPERATIONS))
    tied = Trellis((Stage("s", (State("", (), mixtures),)),))
    weights = {"a.op": [0.5, 0.4, 0.1], "b.op": [0.1, 0.4, 0.5]}
    assert decode(tied, {"s": [[1.0]]}, weights).choices == {"op": "basic(2)"}
    weights = {"a.op": [0.0, 0.1, 0.9], "b.op": [1.0, 0.0, 0.0]}
    assert decode(tied, {"s": [[1.0]]}, weights).choices == {"op": "basic(1)"}


def test_a_choice_shared_by_the_states_of_two_stages() -> None:
    states = (State("c=1", (("c", "1"),), ()), State("c=2", (("c", "2"),), ()))
    shared = Trellis((Stage("a", states), Stage("b", states)))
    agree = {"a": [[0.9, 0.1]], "b": [[0.9, 0.1], [0.1, 0.9]]}
    assert decode(shared, agree, {}).choices == {"c": "1"}
    with pytest.raises(UserError, match="a path cannot decide it"):
        decode(shared, {"a": [[0.9, 0.1]], "b": [[0.1, 0.9], [0.1, 0.9]]}, {})


@pytest.mark.parametrize(
    ("paths", "mixtures", "message"),
    [
        ({"s2": [[0.6, 0.4], [0.5, 0.5]]}, {}, "path weights of stage `s2` are not 1 x 2"),
        ({"s3": [[1.0], [1.0]]}, {}, "path weights of stage `s3` are not 2 x 3"),
        ({"s2": [[math.nan, 0.4]]}, {}, "path weights of stage `s2` are not probabilities"),
        ({"s2": [[-0.1, 1.1]]}, {}, "path weights of stage `s2` are not probabilities"),
        ({}, {"s1.op": [0.5, 0.5]}, "no weights for the 3 options of `s1.op`"),
        ({}, {"s1.op": [math.inf, 0.5, 0.0]}, "weights of `s1.op` are not probabilities"),
    ],
)
def test_probabilities_that_do_not_fit(
    paths: dict[str, list[list[float]]], mixtures: dict[str, list[float]], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        decode(TRELLIS, PATHS | paths, uniform_mixtures() | mixtures)


def test_missing_stage() -> None:
    with pytest.raises(UserError, match="no path weights for stage `s3`"):
        decode(TRELLIS, {"s1": [[1.0]], "s2": [[0.6, 0.4]]}, uniform_mixtures())

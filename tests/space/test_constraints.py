"""`require` lines between choices against brute force: all networks without them, less those that they exclude."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random

import pytest
import torch

from tests.codegen.code import probability, read
from tests.space.test_faults import found
from vnasdsl.derive.budget import top_networks
from vnasdsl.derive.decode import argmax_choices, decode
from vnasdsl.elaborate import Space, load_source
from vnasdsl.elaborate.symbols import occurrences
from vnasdsl.language.diagnostics import UserError, VnsError
from vnasdsl.language.source import Source
from vnasdsl.relax.trellis import trellis
from vnasdsl.searching.evolve.mutation import mutate
from vnasdsl.searching.evolve.propose import settle
from vnasdsl.searching.one_shot.training import Sampler

TEXT = """
block part(width, side) {{ conv(width, (1, side, side)) -> bn }}
space s {{
  input clip = video(frames=2, size=8, classes=3)
  stage s1 {{
    wide = part(4 | 8 | 12, 3)
    0..2 * (relu | skip)
  }}
  stage s2 {{
    wide = part(4 | 8 | 12, 1)
    time = conv(same, 3x1x1) | conv(same, 1x3x3) | skip
    again = conv(same, 3x1x1) | skip
  }}
  pool -> linear(classes)
  {conditions}
}}
"""
A, B, X, Y = "s1.wide.width", "s2.wide.width", "s2.time.op", "s2.again.op"
Allowed = Callable[[Mapping[str, str]], bool]
CASES: dict[str, tuple[str, Allowed]] = {
    "less": (f"require {A} < {B}", lambda m: int(m[A]) < int(m[B])),
    "at most": (f"require {A} <= {B}", lambda m: int(m[A]) <= int(m[B])),
    "equal": (f"require {A} == {B}", lambda m: m[A] == m[B]),
    "unequal": (f"require {X} != {Y}", lambda m: m[X] != m[Y]),
    "a number": (f"require 8 >= {B}\n  require {A} > 4", lambda m: int(m[B]) <= 8 and int(m[A]) > 4),
    "an option": (f'require {X} != "conv(same,  1x3x3)"', lambda m: m[X] != "conv(same, 1x3x3)"),
    "copies": (
        "require s1.stack[0].op == s1.stack[1].op\n  require s1.stack.number != 0",
        lambda m: m["s1.stack.number"] == "1" or m.get("s1.stack[0].op") == m.get("s1.stack[1].op", "none"),
    ),
    "inside": (f"require {X} != s1.stack[1].op", lambda m: m[X] != m.get("s1.stack[1].op")),
    "two": (f"require {A} >= {B}\n  require {X} == {Y}", lambda m: int(m[A]) >= int(m[B]) and m[X] == m[Y]),
}


def spaces(name: str) -> tuple[Space, list[dict[str, str]], list[dict[str, str]]]:
    """The space, its networks by brute force, and those that its conditions exclude."""
    conditions, allowed = CASES[name]
    every = list(read(TEXT.format(conditions="")).networks())
    kept = [made for made in every if allowed(made)]
    return read(TEXT.format(conditions=conditions)), kept, [made for made in every if made not in kept]


@pytest.mark.parametrize("name", CASES)
def test_networks_sizes_and_costs(name: str) -> None:
    space, kept, excluded = spaces(name)
    assert space.size == len(kept) < len(kept) + len(excluded)
    listed = list(space.networks())
    assert sorted(map(str, listed)) == sorted(map(str, kept))
    assert {tuple(made) for made in listed} == {tuple(made) for made in kept}  # in the order of the file
    costs = [space.price(made) for made in kept]
    assert space.macs == (min(c.macs_min for c in costs), max(c.macs_max for c in costs))
    assert space.params == (min(c.params_min for c in costs), max(c.params_max for c in costs))
    assert space.exact
    assert all(space.cheapest(goal)[0] in kept for goal in ("macs_min", "macs_max", "params_min", "params_max"))
    for made in excluded[:10]:
        with pytest.raises(UserError, match="has no network with"):
            space.choose(made)


@pytest.mark.parametrize("name", ["less", "two"])
def test_networks_are_drawn_alike_often_and_completed(name: str) -> None:
    space, kept, excluded = spaces(name)
    random = Random(1)
    drawn = Counter(str(space.sample(random)) for _ in range(50 * len(kept)))
    assert set(drawn) == set(map(str, kept))
    assert all(abs(count - 50) < 6 * 50**0.5 for count in drawn.values())
    for made in kept[:5]:
        assert space.complete(made, random) == made
    for made in excluded[:20]:
        near = space.complete(made, random)
        assert near in kept
        assert all(near[choice] == value for choice, value in made.items() if choice not in (A, B, X, Y))
    assert {str(space.complete({A: "8"}, random)[A]) for _ in range(20)} == {"8"}


@pytest.mark.parametrize("name", ["at most", "unequal"])
def test_a_network_lies_in_the_space_if_it_is_allowed(name: str) -> None:
    space, kept, excluded = spaces(name)
    plain = read(TEXT.format(conditions=""))
    for made in kept[::17]:
        other = plain.network(made).choices_in(space)
        assert other in kept and plain.choose(other).fingerprint == plain.choose(made).fingerprint
    for made in excluded[::17]:
        network = plain.network(made)
        try:
            other = network.choices_in(space)  # other choices may make the same network
        except VnsError as fault:
            assert [d.code for d in fault.diagnostics] == ["E0601"]
            assert not any(plain.choose(way).fingerprint == network.graph.fingerprint for way in kept)
        else:
            assert other in kept and plain.choose(other).fingerprint == network.graph.fingerprint


@pytest.mark.parametrize(
    "fix", [{A: ["8"]}, {A: ["4", "8"], B: ["8", "12"]}, {"channels": ["8"]}, {B: ["12"], X: ["skip"]}]
)
def test_a_space_with_fixed_choices_keeps_its_conditions(fix: dict[str, list[str]]) -> None:
    space, kept, _ = spaces("at most")
    fixed = space.fix(fix)
    options = {c.name: o for selector, o in fix.items() for c in space.select(selector)}
    left = [made for made in kept if all(made[name] in o for name, o in options.items())]
    assert fixed.size == len(left)
    gone = options.keys() - {c.name for c in fixed.choices}
    expected = [{name: value for name, value in made.items() if name not in gone} for made in left]
    assert sorted(map(str, fixed.networks())) == sorted(map(str, expected))
    with pytest.raises(UserError, match="keeps its conditions"):
        space.fix({A: ["12"], B: ["4"]})


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("seed", range(3))
def test_what_is_decoded_is_the_most_probable_network_that_is_allowed(name: str, seed: int) -> None:
    space, kept, _ = spaces(name)
    columns, random, before = trellis(space), Random(seed), 1
    paths, mixtures = {}, {}
    for stage in columns.stages:
        paths[stage.name] = [[random.random() for _ in stage.states] for _ in range(before)]
        before = len(stage.states)
        for mixture in (m for state in stage.states for m in state.mixtures):
            mixtures[mixture.name] = [random.random() for _ in mixture.options]
    tensors = [{key: torch.tensor(value) for key, value in part.items()} for part in (paths, mixtures)]
    ranked = sorted(kept, key=lambda made: -probability(columns, *tensors, made))
    found = top_networks(space, paths, mixtures, count=5)
    assert [network.choices for network in found] == ranked[:5]
    cheap = top_networks(space, paths, mixtures, 1, "macs", space.macs[0])
    assert cheap[0].macs == space.macs[0] and cheap[0].choices in kept
    decoded = decode(columns, paths, mixtures)
    assert decoded.choices in kept and decoded.greedy.choices in kept
    assert argmax_choices(columns, paths, mixtures) in kept


WRONG = {
    "no such choice": ("require s1.wide.widht <= 8", "E0511", "the space has no choice `s1.wide.widht`"),
    "no such copy": ("require s1.stack[2].op == skip", "E0511", "the space has no choice `s1.stack[2].op`"),
    "no number": (f"require {X} <= 3", "E0511", f"`<=` compares numbers, and `{X}` can be `conv(same, 3x1x1)`"),
    "a word": (f"require {A} <= same", "E0511", "expected a number, found `same`"),
    "none": (f"require {A} > 12", "E0505", f"no network of the space meets `{A} > 12`"),
    "none of both": (f"require {A} > {B}\n  require {B} > 8", "E0505", "no network of the space meets all conditions"),
    "all": (f"require {A} <= 12", "W0505", f"every network of the space meets `{A} <= 12`"),
}


@pytest.mark.parametrize("name", WRONG)
def test_conditions_that_cannot_be(tmp_path: Path, name: str) -> None:
    conditions, code, message = WRONG[name]
    fault, *_ = found(tmp_path, TEXT.format(conditions=conditions))
    assert fault.code == code
    assert message is None or message in fault.message


def test_a_property_of_the_input_is_compared_too() -> None:
    text = """space s {
      input clip = video(frames=4 | 8, size=8, classes=3)
      wide = conv(4 | 8, 3x3x3)
      pool -> linear(classes)
      require wide.channels == clip.frames
    }"""
    assert list(read(text).networks()) == [{"clip.frames": n, "wide.channels": n} for n in ("4", "8")]


def test_one_shot_and_evolution_propose_what_is_allowed() -> None:
    space, kept, _ = spaces("less")
    for sampling in ("uniform", "fair"):
        sampler = Sampler(space, sampling, 0, lambda choices: 0.0)
        assert all(path in kept for step in range(10) for path in sampler.paths(step))
    random, made = Random(2), kept[0]
    seen = set()
    for _ in range(200):
        mutated = mutate(space.decisions(made), {"resample": 1.0}, random)
        assert mutated is not None
        made = settle(space, mutated.choices, random)
        assert made in kept
        seen.add((made[A], made[B]))
    assert seen == {("4", "8"), ("4", "12"), ("8", "12")}


def test_names_in_conditions_are_renamed_with_the_lines() -> None:
    conditions = f"{CASES['less'][0]}\n  require s1.many[0].op == s1.many[1].op"
    text = TEXT.format(conditions=conditions).replace("0..2 * (relu", "many = 0..2 * (relu")
    source = Source("made.vns", text)
    program = load_source(source, None)
    places = [(o.symbol.kind, o.symbol.name) for o in occurrences(program.module, program.definitions)]
    assert (places.count(("stage", "s1")), places.count(("stage", "s2"))) == (4, 2)
    assert (places.count(("label", "wide")), places.count(("label", "many"))) == (4, 3)

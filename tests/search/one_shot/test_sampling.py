"""The paths of a step: within the limits, alike likely, or every option as often as any other."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from tests.support import ROOT
from vnasdsl.elaborate import Overrides, Space, load
from vnasdsl.elaborate.program import load_source
from vnasdsl.language.diagnostics import UserError
from vnasdsl.language.source import Source
from vnasdsl.searching.one_shot.training import Sampler, deal, draw


@pytest.fixture(scope="module")
def small() -> Space:
    return load(ROOT / "tests" / "search" / "small.vns", Overrides(classes=3)).get()


def everything(choices: dict[str, str]) -> float:
    return 0.0


def test_a_fair_step_has_every_option_of_the_largest_choices_once(small: Space) -> None:
    largest = [choice for choice in small.choices if len(choice.options) == 3]
    assert len(largest) == 2
    for seed in range(30):
        paths = deal(small, Random(seed))
        assert len(paths) == 3
        for choice in largest:
            assert Counter(path[choice.name] for path in paths) == dict.fromkeys(choice.options, 1)
        for choice in small.choices:  # two widths in three paths: one of them twice
            counts = Counter(path[choice.name] for path in paths)
            assert max(counts.values()) - min(counts[option] for option in choice.options) <= 1


def test_fair_steps_combine_options_of_different_choices_in_every_way(small: Space) -> None:
    met = {tuple(path.items()) for seed in range(200) for path in deal(small, Random(seed))}
    assert len(met) == small.size == 36


def test_a_choice_that_only_some_networks_meet_is_dealt_where_it_is_met() -> None:
    text = """
block mixed { residual { conv(same, 1x1x1 | 3x1x1) -> bn } }
space nested {
  input clip = video(frames=4, size=8, classes=3)
  stage s1 { conv(4, 1x3x3) }
  stage s2 {
    conv(4, 1x1x1)
    1 * (mixed | skip)
  }
  pool -> linear(classes)
}
"""
    space = load_source(Source("nested.vns", text), None, Overrides()).get()
    outer, inner = sorted(space.choices, key=lambda choice: len(choice.name))
    met: Counter[str] = Counter()
    for seed in range(400):
        paths = deal(space, Random(seed))
        assert Counter(path[outer.name] for path in paths) == dict.fromkeys(outer.options, 1)
        met.update(path[inner.name] for path in paths if inner.name in path)
    assert met.total() == 400 and set(met) == set(inner.options)
    assert min(met.values()) > 150  # 5 standard deviations below one half


def test_uniform_paths_are_alike_likely(small: Space) -> None:
    sampler = Sampler(small, "uniform", 0, everything)
    counts = Counter(tuple(path.items()) for step in range(3600) for path in sampler.paths(step))
    assert len(counts) == 36
    expected = 100
    chi_square = sum((count - expected) ** 2 / expected for count in counts.values())
    assert chi_square < 67  # 35 degrees of freedom: exceeded with probability 0.001


def test_uniform_paths_keep_the_limits(small: Space) -> None:
    limit = 56_000
    within = [choices for choices in small.networks() if small.choose(choices).macs <= limit]
    assert 0 < len(within) < 36
    sampler = Sampler(small, "uniform", 0, lambda choices: float(choices not in within))
    met = {tuple(path.items()) for step in range(400) for path in sampler.paths(step)}
    assert met == {tuple(choices.items()) for choices in within}


def test_no_network_within_the_limits_is_an_error_that_says_so(small: Space) -> None:
    with pytest.raises(UserError, match="keeps the limits"):
        draw(small, lambda choices: 1.0, Random(0))


def test_networks_within_a_limit_that_few_keep_are_found_too() -> None:
    tiny = load(ROOT / "spaces" / "tiny.vns", Overrides(classes=3)).get()
    least = tiny.macs[0]
    limit = 1.001 * least
    sampled = [tiny.choose(tiny.sample(Random(seed))).macs for seed in range(200)]
    assert min(sampled) > limit  # drawing alone would not find one
    for seed in range(3):
        choices = draw(tiny, lambda made: max(0.0, tiny.choose(made).macs / limit - 1), Random(seed))
        assert tiny.choose(choices).macs <= limit


def test_the_paths_of_a_step_follow_from_its_number(small: Space) -> None:
    for sampling in ("uniform", "fair"):
        one, other = (Sampler(small, sampling, 7, everything) for _ in range(2))
        later = [one.paths(step) for step in range(5)]
        assert [other.paths(step) for step in (4, 0)] == [later[4], later[0]]

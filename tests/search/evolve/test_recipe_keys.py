"""Keys of recipes that only some strategies use."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.support import ROOT
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import VnsError
from vnasdsl.language.parser import parse
from vnasdsl.language.source import Source
from vnasdsl.train.recipe_parts import MUTATIONS, Edges, Limits, Mix, Score
from vnasdsl.train.recipe_text import print_recipe, resolve_recipe
from vnasdsl.train.recipes import STRATEGIES, recipe_of


def resolved(text: str, **settings: str) -> Any:
    module = parse(Source("x.vns", text if text.startswith("search") else f"search mine for tiny {{\n{text}\n}}\n"))
    found = module.items[0]
    assert isinstance(found, tree.Recipe)
    return resolve_recipe("search", found, {key.replace("__", "."): value for key, value in settings.items()})


def fault(text: str, **settings: str) -> tuple[str, str]:
    with pytest.raises(VnsError) as caught:
        resolved(text, **settings)
    (found,) = caught.value.diagnostics
    assert found.primary is not None
    return found.code, f"{found.message} ({found.primary.span.text}; {found.help})"


def test_the_recipe_of_the_documentation() -> None:
    page = (ROOT / "docs" / "search.md").read_text(encoding="utf-8")
    match = re.search(r"^```text\n(search evolved .*?)^```", page, re.M | re.S)
    assert match is not None
    recipe = resolved(match[1])
    assert (recipe.rounds, recipe.population, recipe.sample, recipe.epochs) == (200, 10, 5, 5)
    assert recipe.limits == Limits(params=30e6, latency_cpu=40.0)
    assert recipe.mutations == Mix(resample=1, step=1, insert=1, delete=1)


@pytest.mark.parametrize("strategy", list(STRATEGIES))
def test_a_recipe_comes_back_from_its_values(strategy: str) -> None:
    recipe = recipe_of("search", {"strategy": strategy})
    assert recipe_of("search", recipe.model_dump()) == recipe and isinstance(recipe, STRATEGIES[strategy])


def test_a_child_is_trained_for_a_short_time() -> None:
    assert {name: model().epochs for name, model in STRATEGIES.items()} == {
        "gradient": 70,
        "one_shot": 70,
        "evolution": 5,
        "random": 5,
    }
    assert resolved("strategy = random\nepochs = 9").epochs == 9


FULL = """
    strategy = evolution
    mutations = mix(resample=2, edge=0.5)
    limits = at_most(params=30M, macs=5G, latency_cpu=40ms, latency_gpu=0.01s)
    objective = score(cost=latency_cpu, weight=0.2)
    guide = edges(power=2, share=0.5)
    timeout = 500ms
    memory = 8G
    pool = "ray:2"
    ensemble = 3
"""


def test_all_that_can_be_said_prints_and_reads_back() -> None:
    recipe = resolved(FULL)
    assert recipe.limits == Limits(params=30e6, macs=5e9, latency_cpu=40.0, latency_gpu=10.0)
    assert recipe.mutations == Mix(resample=2, edge=0.5) and recipe.guide == Edges(power=2, share=0.5)
    assert recipe.objective == Score(cost="latency_cpu", weight=0.2)
    assert (recipe.timeout, recipe.memory, recipe.pool) == (0.5, 8_000_000_000, "ray:2")
    text = print_recipe("search", recipe, "tiny")
    assert "latency_cpu=40.0ms" in text and "timeout" in text and "\n  warmup" not in text
    assert resolved(text) == recipe


@pytest.mark.parametrize("words", ["(resample, step)", "[resample, step]", "mix(resample=1, step=1)"])
def test_mutations_as_words(words: str) -> None:
    assert resolved(f"strategy = evolution\nmutations = {words}").mutations == Mix(resample=1, step=1)


def test_single_values_of_calls_can_be_set() -> None:
    recipe = resolved("strategy = evolution", mutations__step="3", limits__latency_cpu="40ms", limits__macs="2.5G")
    assert recipe.mutations == Mix(**{**dict.fromkeys(MUTATIONS, 1.0), "step": 3.0})  # type: ignore[arg-type]
    assert recipe.limits == Limits(latency_cpu=40.0, macs=2.5e9)


@pytest.mark.parametrize(
    ("text", "settings", "expected"),
    [
        (
            "strategy = evolution\nwarmup = 3",
            {},
            "the strategy `evolution` has no key `warmup` (warmup; `warmup` is a key of `gradient`: remove it,"
            " or set `strategy = gradient`)",
        ),
        (
            "limits.params = 3M",
            {},
            "the strategy `gradient` has no key `limits` (limits.params; `limits` is a key of `evolution`, `random`"
            " and `one_shot`: remove it, or set `strategy = evolution`)",
        ),
        (
            "",
            {"strategy": "random", "population": "3"},
            "the strategy `random` has no key `population` (population; `population` is a key of `evolution`"
            " and `one_shot`: remove it, or set `strategy = evolution`)",
        ),
    ],
)
def test_a_key_of_another_strategy_is_a_fault(text: str, settings: dict[str, str], expected: str) -> None:
    assert fault(text, **settings) == ("E0801", expected)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("mutations = (resample, stepp)", "`mutations` must be `mix(...)` or a list of `resample`, `step`, "),
        ("mutations = mix()", "`mutations` must be `mix(...)` with a weight above 0"),
        ("mutations = mix(resample=-1)", "`mutations.resample` must be at least 0"),
        ("limits = 3M", "`limits` must be `at_most(...)`, found `3M`"),
        ("limits = least(3M)", "`limits` must be `at_most(...)`, found `least(3M)`"),
        ("limits.params = 0", "`limits.params` must be more than 0"),
        ("limits.params = 3ms", "`limits.params` must be a number, found `3ms`"),
        ("guide = nodes", "`guide` must be `edges(...)` or `none(...)`, found `nodes`"),
        ("objective = score(cost=time)", "`objective.cost` must be `macs`, `params`, `latency_cpu` or `latency_gpu`"),
        ("crossover = 2", "`crossover` must be at most 1"),
        ("population = 0", "`population` must be at least 1"),
    ],
)
def test_what_evolution_cannot_be_told(line: str, message: str) -> None:
    code, found = fault(f"strategy = evolution\n{line}")
    assert code == "E0802" and found.startswith(message)


def test_another_strategy_from_outside_leaves_aside_what_only_the_first_has() -> None:
    text = "epochs = 20\nwarmup = 4\nscore_from = 15\nbatch = 3\nchoices = adam(lr=0.1)\npaths = mass"
    recipe = resolved(text, strategy="evolution", rounds="7")
    assert (recipe.strategy, recipe.epochs, recipe.batch, recipe.rounds) == ("evolution", 5, 3, 7)
    assert recipe == resolved("strategy = evolution\nbatch = 3\nrounds = 7")
    assert resolved("strategy = evolution\nepochs = 2\npopulation = 9", strategy="random").epochs == 2
    assert resolved(text, strategy="evolution", epochs="2").epochs == 2
    assert resolved("strategy = random\nepochs = 2\nrounds = 9", strategy="gradient").epochs == 70

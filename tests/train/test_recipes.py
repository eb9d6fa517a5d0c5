"""Recipes: the paper's defaults, every fault at its place, and the text of a resolved one."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from tests.support import ROOT
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import VnsError
from vnasdsl.language.parser import parse
from vnasdsl.language.source import Source
from vnasdsl.train.recipe_parts import Adam, MacsCost, Nothing, Sgd
from vnasdsl.train.recipe_text import print_recipe, recipe_keys, resolve_recipe
from vnasdsl.train.recipes import KINDS, STRATEGIES, EvaluateRecipe, GradientRecipe, RetrainRecipe


def recipe(text: str, kind: str = "search") -> tree.Recipe:
    module = parse(Source("x.vns", f"{kind} mine for tiny {{\n{text}\n}}\n"))
    found = module.items[0]
    assert isinstance(found, tree.Recipe)
    return found


def resolved(text: str, kind: str = "search", settings: dict[str, str] | None = None) -> Any:
    return resolve_recipe(kind, recipe(text, kind), settings)


def faults(text: str, settings: dict[str, str] | None = None) -> list[tuple[str, int, int, str]]:
    with pytest.raises(VnsError) as caught:
        resolved(text, settings=settings)
    found = []
    for fault in caught.value.diagnostics:
        assert fault.primary is not None
        found.append((fault.code, fault.primary.span.line, fault.primary.span.column, fault.message))
    return found


def test_the_defaults_are_the_appendix_of_the_paper() -> None:
    search = GradientRecipe()
    assert (search.epochs, search.warmup, search.score_from, search.split, search.batch) == (
        70,
        10,
        50,
        (0.6, 0.2, 0.2),
        8,
    )
    assert search.weights == Sgd(lr=0.02, end=1e-4, momentum=0.9, decay=4e-5)
    assert search.choices == Adam(lr=3e-4, betas=(0.5, 0.999), decay=1e-3)
    assert (search.paths, search.order, search.flip) == ("paper", "choices_first", False)
    retrain = RetrainRecipe()
    assert (retrain.epochs, retrain.batch, retrain.clips, retrain.crops) == (150, 16, 10, 3)
    assert retrain.weights == Sgd(lr=0.1, end=1e-4, momentum=0.9, decay=4e-5)
    assert (EvaluateRecipe().clips, EvaluateRecipe().crops) == (10, 3)


def test_the_recipe_of_the_language_page() -> None:
    search = resolved("""
        strategy = gradient
        epochs   = 60
        warmup   = 12
        weights  = sgd(lr=0.02, end=1e-4, momentum=0.9, decay=4e-5)
        choices  = adam(lr=3e-4, betas=(0.5, 0.999), decay=1e-3)
        cost     = macs(weight=0.1, base=3500)
        scale    = (40, 52)
        fix      = ["op=basic(1)|skip"]
    """)
    assert search.epochs == 60 and search.warmup == 12 and search.score_from == 42
    assert search.cost == MacsCost(weight=0.1, base=3500)
    assert search.scale == (40, 52) and search.fix == ("op=basic(1)|skip",)


def test_a_call_without_arguments_may_lose_its_brackets() -> None:
    assert resolved("cost = none").cost == Nothing()


def test_settings_win_and_reach_into_calls() -> None:
    search = resolved(
        "weights = sgd(lr=0.5, decay=0.1)\nepochs = 9",
        settings={"weights.lr": "0.25", "cost.weight": "1", "epochs": "5", "choices": "adam(lr=0.1)"},
    )
    assert search.weights == Sgd(lr=0.25, decay=0.1)
    assert search.cost == MacsCost(weight=1)
    assert search.epochs == 5 and search.choices == Adam(lr=0.1)


def test_every_fault_is_reported_at_its_place() -> None:
    text = (
        "epoch = 3\n"
        "weights = sgd(lrr=0.1)\n"
        "batch = 2.5\n"
        "split = (1, 2, 3)\n"
        'scale = (3, "a")\n'
        "cost = mac(2)\n"
        "warmup = 100\n"
        "paths = other\n"
        "flip = 1"
    )
    assert faults(text) == [
        ("E0801", 2, 1, "a search recipe has no key `epoch`"),
        ("E0801", 3, 15, "`sgd` has no key `lrr`"),
        ("E0802", 4, 9, "`batch` must be an integer, found `2.5`"),
        ("E0802", 5, 9, "`split` must be three positive shares that add up to 1, found `(1, 2, 3)`"),
        ("E0802", 6, 9, '`scale` must be an integer, found `(3, "a")`'),
        ("E0802", 7, 8, "`cost` must be `macs(...)` or `params(...)` or `none(...)`, found `mac(2)`"),
        ("E0802", 8, 10, "`warmup` must be at most `epochs`, which is 70, found `100`"),
        ("E0802", 9, 9, "`paths` must be `paper` or `mass`, found `other`"),
        ("E0802", 10, 8, "`flip` must be `true` or `false`, found `1`"),
    ]


def test_a_misspelt_key_is_helped() -> None:
    with pytest.raises(VnsError) as caught:
        resolved("epoch = 3\nweights = sgd(lr=1, momentun=0.9)")
    assert [fault.fix and fault.fix.replacement for fault in caught.value.diagnostics] == ["epochs", "momentum"]


def test_faults_of_settings_name_the_setting() -> None:
    assert faults("epochs = 3", {"weights.lrr": "1", "batch": "many", "epochs.x": "1"}) == [
        ("E0801", 1, 1, "`epochs` has no keys of its own"),
        ("E0801", 1, 1, "`sgd` has no key `lrr`"),
        ("E0802", 1, 1, "`batch` must be an integer, found `many`"),
    ]


@pytest.mark.parametrize(
    "text", ["epochs = 3 * 4", "epochs = 1..3", "weights = sgd(0.1, 0.2, 0.3, 0.4, true, 7)", "epochs = 40ms"]
)
def test_what_a_recipe_cannot_say(text: str) -> None:
    assert {code for code, *_ in faults(text)} == {"E0802"}


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_resolved_recipe_prints_and_reads_back(kind: str) -> None:
    settings = {"frame_stride": "2", "scale": "(40, 52)", "precision": "bf16"}
    if kind == "search":
        settings |= {
            "fix": '["op=basic(1)", "s2.*=48|56"]',
            "cost": "none",
            "weights": "adam(lr=1e-5, betas=(0.5, 0.9))",
        }
    first = resolve_recipe(kind, None, settings)
    text = print_recipe(kind, first, "tiny")
    found = parse(Source("recipe.vns", text)).items[0]
    assert isinstance(found, tree.Recipe) and found.kind == kind
    assert resolve_recipe(kind, found) == first


def test_every_key_has_a_type_a_default_and_a_description() -> None:
    rows = recipe_keys()
    with_keys = ("sgd", "adam", "macs", "params", "score", "at_most", "mix", "edges")
    assert {row["recipe"] for row in rows} == {*KINDS, *(f"{name}(...)" for name in with_keys)}
    assert all(row["type"] and row["description"] for row in rows)
    assert {
        "recipe": "search",
        "name": "epochs",
        "type": "integer",
        "default": "70 (gradient, one_shot), 5 (evolution, random)",
        "description": "Passes over the train part; `--set epochs=...` alone also scales the `warmup` and `score_from`"
        " of the file.",
    } in rows


def test_another_number_of_epochs_needs_no_other_setting() -> None:
    text = "epochs = 70\nwarmup = 10\nscore_from = 50"

    def counts(**settings: str) -> tuple[int, int, int]:
        got = resolved(text, settings=settings)
        return got.epochs, got.warmup, got.score_from

    assert counts(epochs="40") == (40, 5, 28)  # the row of Table 6
    assert counts(epochs="140") == (140, 20, 100)
    assert counts(epochs="1") == (1, 0, 0)
    assert counts(epochs="40", warmup="10") == (40, 10, 28)
    assert counts(seed="1") == (70, 10, 50)
    assert faults(text, {"epochs": "0"})[0][3] == "`epochs` must be at least 1, found `0`"
    assert faults(text, {"epochs": "many"})[0][3] == "`epochs` must be an integer, found `many`"


def test_recipes_need_no_torch() -> None:
    code = "import sys, vnasdsl.train.recipe_text, vnasdsl.train.recipe_text; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert run.stdout.strip() == "False"


def test_every_strategy_has_a_recipe() -> None:
    from vnasdsl.searching.strategies import get_strategy

    assert {model().strategy for model in STRATEGIES.values()} == set(STRATEGIES)
    assert {get_strategy(name).name for name in STRATEGIES} == set(STRATEGIES)

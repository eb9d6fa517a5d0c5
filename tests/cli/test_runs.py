"""From arguments to spaces and recipes: what is fixed, which recipe is meant."""

from __future__ import annotations

import random
from pathlib import Path

import click
import pytest

from tests.support import shipped, shipped_space
from vnasdsl.api.requests import checked_recipe, evaluate_recipe, fixes_of, free_folder
from vnasdsl.cli.options import fix_options
from vnasdsl.elaborate import Space
from vnasdsl.elaborate.imports import split_target
from vnasdsl.language.diagnostics import UserError
from vnasdsl.train.recipe_text import resolve_recipe
from vnasdsl.train.recipes import EvaluateRecipe, RetrainRecipe, SearchRecipe


@pytest.fixture(scope="module")
def x3d3() -> Space:
    return shipped_space("x3d3")


def fixed(space: Space, *flags: str, recipe_fix: tuple[str, ...] = (), recipe_open: tuple[str, ...] = ()) -> Space:
    """The space as the command line would leave it."""
    got: dict[str, object] = {}

    @click.command()
    @fix_options
    def command(fix: dict[str, list[str]], open_: tuple[str, ...]) -> None:
        got.update(fixes_of(space, recipe_fix, recipe_open, fix, open_))

    command.main(list(flags), standalone_mode=False)
    return space.fix(got)  # type: ignore[arg-type]


WIDTHS = "channels=64,112,176,224,288,512"


@pytest.mark.parametrize(
    ("flags", "size"),
    [
        (["--fix", "op=basic(1)"], 1296),
        (["--fix", "op=basic(1)|basic(2)|basic(4)", "--fix", WIDTHS], 3**26),
        (["--fix", "op=basic(1)|skip", "--fix", WIDTHS], 2**26),
        (["--fix", "op=basic(1)|skip"], 1296 * 2**26),
        (["--fix", WIDTHS], 4**26),
        ([], 1296 * 4**26),
    ],
    ids=["channels", "operations", "number", "channels and number", "operations and number", "all"],
)
def test_the_rows_of_table_6_are_flags(x3d3: Space, flags: list[str], size: int) -> None:
    space = fixed(x3d3, *flags)
    assert space.size == size
    assert space.network(space.sample(random.Random(0))).kind == "network"


def test_the_row_of_40_epochs_is_one_flag() -> None:
    source = shipped("x3d3").get_recipe("search", "x3d3")
    found = checked_recipe("search", source, {"epochs": "40"}, None, None)
    assert isinstance(found, SearchRecipe)
    assert (found.epochs, found.warmup, found.score_from) == (40, 5, 28)


def test_open_takes_back_what_the_recipe_fixes(x3d3: Space) -> None:
    recipe_fix = ("op=basic(1)", "channels=64|112|176|224|288|512")
    assert fixed(x3d3, "--open", "channels", recipe_fix=recipe_fix).size == 1296
    assert fixed(x3d3, "--open", "s7.*", recipe_fix=recipe_fix).size == 3 * 4
    assert fixed(x3d3, recipe_fix=recipe_fix, recipe_open=("op",)).size == 4**26


def test_the_command_line_wins_over_the_recipe(x3d3: Space) -> None:
    assert fixed(x3d3, "--fix", "op=basic(1)|skip", recipe_fix=("op=basic(1)",)).size == 1296 * 2**26


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--fix", "operation=basic(1)"], "no choice or kind of choice `operation`"),
        (["--fix", "op=basic(3)"], r"has none of the options `basic\(3\)`"),
        (["--open", "s9.*"], r"no choice or kind of choice `s9\.\*`"),
    ],
)
def test_selectors_that_select_nothing_are_errors(x3d3: Space, flags: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        fixed(x3d3, *flags)


@pytest.mark.parametrize("entry", ["op", "op=", "op=basic(1", "=skip"])
def test_a_broken_fix_in_a_recipe(x3d3: Space, entry: str) -> None:
    with pytest.raises(UserError, match="`fix` in the recipe"):
        fixes_of(x3d3, (entry,), (), {}, ())


def test_a_name_after_the_file(tmp_path: Path) -> None:
    assert split_target("spaces/x3d3.vns:x3d3") == (Path("spaces/x3d3.vns"), "x3d3")
    assert split_target("spaces/x3d3.vns") == (Path("spaces/x3d3.vns"), None)
    odd = tmp_path / "a:b"
    odd.touch()
    assert split_target(str(odd)) == (odd, None)


def test_free_folders_are_counted(tmp_path: Path) -> None:
    assert free_folder(tmp_path, "tiny", resume=False) == tmp_path / "tiny"
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny-2").mkdir()
    assert free_folder(tmp_path, "tiny", resume=False) == tmp_path / "tiny-3"
    assert free_folder(tmp_path, "tiny", resume=True) == tmp_path / "tiny-2"


def test_evaluation_follows_the_training_unless_told_otherwise() -> None:
    retrain = RetrainRecipe(scale=(40, 52), clips=4, crops=1, frame_stride=2)
    assert evaluate_recipe(None, retrain, {}) == EvaluateRecipe(scale=(40, 52), clips=4, crops=1, frame_stride=2)
    changed = resolve_recipe("retrain", None, {"scale": "48"})
    assert evaluate_recipe(None, changed, {"scale": "48"}).scale == 48

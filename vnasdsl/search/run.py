"""A search: from a space, data and recipes to a run folder with a network in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from vnasdsl.data import DataSet, open_data
from vnasdsl.elaborate import Overrides, Space, load
from vnasdsl.language.diagnostics import UserError
from vnasdsl.search.outcome import Outcome, write_outcome, write_pictures
from vnasdsl.search.strategies import get_strategy
from vnasdsl.search.task import SearchTask
from vnasdsl.train.clips import report_faults
from vnasdsl.train.progress import Reporter
from vnasdsl.train.recipe_print import print_recipes, recipes_json
from vnasdsl.train.recipe_text import read_recipes, resolve_recipe
from vnasdsl.train.recipes import Recipe, SearchRecipe
from vnasdsl.train.run_folder import RunFolder, open_run, require_same_videos, video_facts

MAY_DIFFER = {"workers", "unreadable", "pool", "memory", "timeout", "rounds"}
"""Keys of a recipe that may change when a run is resumed: where it runs, and how many trials it may have."""


@dataclass(frozen=True)
class Request:
    """What the user asked for."""

    space: Space
    """With the classes of the data, before anything is fixed."""
    fixes: Mapping[str, Sequence[str]]
    """Choice name to the options it keeps."""
    recipes: Mapping[str, Recipe]
    """By kind; `search` is used, the others are written into the run for what follows."""
    data: DataSet
    command: Sequence[str] = ()


def search_space(
    request: Request, out: Path, device: torch.device, reporter: Reporter, resume: bool = False
) -> Outcome:
    """Search, or resume the search in `out`.

    Raises: VnsError, UserError; KeyboardInterrupt leaves a run that can be resumed.
    """
    recipe, data = request.recipes["search"], request.data
    assert isinstance(recipe, SearchRecipe)
    strategy = get_strategy(recipe.strategy)
    space = request.space.fix(request.fixes) if request.fixes else request.space
    if space.kind == "network":
        raise UserError(
            f"nothing is left to search in `{space.name}`: every choice has one option",
            "open a choice with --open, or train the network as it is with `vnasdsl retrain`",
        )
    strategy.check(space, recipe)
    task = SearchTask.of(space, recipe, data, RunFolder(out), device, reporter, resume)
    open_run(out, _facts(request, recipe, device), _sources(request), resume)
    for note in data.notes:
        reporter.note(f"note: {note}")
    parts = task.parts
    reporter.note(
        f"searching {space.name}: {space.size_text()} networks; {len(parts.train)} train,"
        f" {len(parts.validate)} validate and {len(parts.inference)} inference videos; on {device}"
    )
    outcome = write_outcome(task, strategy.search(task))
    write_pictures(task, strategy)
    report_faults(task.faults, reporter)
    return outcome


def derive_again(
    path: Path,
    checkpoint: str,
    network_file: Path | None,
    device: torch.device,
    reporter: Reporter,
    workers: int | None = None,
) -> Outcome:
    """Decode a run, or one of its checkpoints, again. Raises: VnsError, UserError.

    network_file: where the network goes instead of into the run; workers: processes that decode videos, if not as many
    as the run's recipe says.
    """
    run, space, recipe, data = reopen(path)
    if workers is not None:
        recipe = recipe.model_copy(update={"workers": workers})
    strategy = get_strategy(recipe.strategy)
    task = SearchTask.of(space, recipe, data, run, device, reporter, resume=True)
    outcome = write_outcome(task, strategy.derive(task, checkpoint), network_file)
    if network_file is None:
        write_pictures(task, strategy)
    report_faults(task.faults, reporter)
    return outcome


def reopen(path: Path) -> tuple[RunFolder, Space, SearchRecipe, DataSet]:
    """The parts of a search run. Raises: UserError when it is none, or its data have changed."""
    run = RunFolder(path)
    facts = run.facts()
    if facts.get("kind") != "search":
        raise UserError(f"`{path}` is not the run of a search", "derive takes the folder that `vnasdsl search` wrote")
    data = open_data(facts["data"])
    require_same_videos(path, facts, {"data": data.name, "videos": video_facts(data)})
    space = load(run / "space.vns", Overrides(classes=len(data.classes))).get(facts["name"])
    recipe = resolve_recipe("search", read_recipes(run / "recipe.vns").get("search"))
    assert isinstance(recipe, SearchRecipe)
    return run, space.fix(facts["fix"]) if facts["fix"] else space, recipe, data


def _facts(request: Request, recipe: SearchRecipe, device: torch.device) -> dict[str, Any]:
    return {
        "kind": "search",
        "name": request.space.name,
        "data": request.data.name,
        "classes": list(request.data.classes),
        "videos": video_facts(request.data),
        "seed": recipe.seed,
        "fix": {name: list(options) for name, options in request.fixes.items()},
        "recipe": recipe.model_dump(mode="json", exclude=MAY_DIFFER),
        "device": str(device),
        "command": list(request.command),
    }


def _sources(request: Request) -> dict[str, str]:
    return {
        "space.vns": request.space.text(),
        "recipe.vns": print_recipes(request.recipes, request.space.name),
        "recipe.json": recipes_json(request.recipes),
    }

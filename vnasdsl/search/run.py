"""A whole search: from a space, data and recipes to a run folder with a network in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from vnasdsl.data import DataSet, open_data, three_way_split
from vnasdsl.elaborate import Overrides, Space, load
from vnasdsl.language.diagnostics import UserError
from vnasdsl.search.outcome import Outcome, write_outcome, write_pictures
from vnasdsl.search.strategies import get_strategy
from vnasdsl.search.task import Parts, SearchTask
from vnasdsl.train.clips import ClipShape, clip_shape, count_faults, fault_log
from vnasdsl.train.identity import differing_videos, video_facts
from vnasdsl.train.progress import Reporter
from vnasdsl.train.recipe_text import print_recipes, read_recipes, recipes_json, resolve_recipe
from vnasdsl.train.recipes import Recipe, SearchRecipe
from vnasdsl.train.run_folder import RunFolder, open_run

UNLIKE = {"workers", "unreadable", "pool", "memory", "timeout", "rounds"}
"""Keys of a recipe that may differ when a run goes on: where it is worked, and how many trials it may have in all."""


@dataclass(frozen=True)
class Request:
    """What the user asked for."""

    space: Space
    """With the classes of the data, before anything is fixed."""
    source_name: str
    fixes: Mapping[str, Sequence[str]]
    """Choice name to the options it keeps."""
    recipes: Mapping[str, Recipe]
    """By kind; `search` is used, the others are kept for what follows."""
    data: DataSet
    command: Sequence[str] = ()
    overrides: Mapping[str, int | None] | None = None


def search_space(
    request: Request, out: Path, device: torch.device, reporter: Reporter, resume: bool = False
) -> Outcome:
    """Search, or go on with the search in `out`. Raises: VnsError, UserError; KeyboardInterrupt leaves a whole run."""
    recipe = request.recipes["search"]
    assert isinstance(recipe, SearchRecipe)
    strategy = get_strategy(recipe.strategy)
    space = request.space.fix(request.fixes) if request.fixes else request.space
    if space.kind == "network":
        raise UserError(
            f"nothing is left to search in `{space.name}`: every choice has one option",
            "leave a choice open by --open, or train the network as it is by `vnasdsl retrain`",
        )
    strategy.check(space, recipe)
    parts = _parts(request.data, recipe)
    _shape(space, recipe)  # before anything is written
    run = open_run(out, _facts(request, recipe, device), _texts(request), resume)
    task = _task(space, request.source_name, recipe, parts, request.data, run, device, reporter, resume)
    for note in request.data.notes:
        reporter.note(f"note: {note}")
    reporter.note(
        f"searching {space.name}: {space.size_text()} networks, {len(parts.train)} videos train weights,"
        f" {len(parts.validate)} train choices, {len(parts.inference)} score; on {device}"
    )
    found = strategy.search(task)
    outcome = write_outcome(task, found)
    write_pictures(task, strategy)
    count_faults(task.faults, reporter)
    return outcome


def derive_again(
    path: Path,
    checkpoint: str,
    text_path: Path | None,
    device: torch.device,
    reporter: Reporter,
    workers: int | None = None,
) -> Outcome:
    """Decode a run, or one of its checkpoints, again. Raises: VnsError, UserError.

    workers: processes that decode videos, if not as many as the run's recipe says.
    """
    run, space, recipe, data = reopen(path)
    if workers is not None:
        recipe = recipe.model_copy(update={"workers": workers})
    strategy = get_strategy(recipe.strategy)
    source_name = str(run.facts().get("file", "space.vns"))
    task = _task(space, source_name, recipe, _parts(data, recipe), data, run, device, reporter, resume=True)
    outcome = write_outcome(task, strategy.derive(task, checkpoint), text_path)
    if text_path is None:
        write_pictures(task, strategy)
    count_faults(task.faults, reporter)
    return outcome


def reopen(path: Path) -> tuple[RunFolder, Space, SearchRecipe, DataSet]:
    """The parts of a search run. Raises: UserError when it is none, or its data are no longer the same."""
    run = RunFolder(path)
    facts = run.facts()
    if facts.get("kind") != "search":
        raise UserError(f"`{path}` is not the run of a search", "derive takes the folder that `vnasdsl search` wrote")
    data = open_data(facts["data"])
    if list(data.classes) != facts["classes"]:
        raise UserError(f"the classes of `{facts['data']}` are not those `{path}` was searched with")
    changed = differing_videos(facts.get("videos"), video_facts(data))
    if changed:
        raise UserError(
            f"the videos of `{facts['data']}` are not those `{path}` was searched with: {'; '.join(changed)}",
            "make the data set what it was, or search again",
        )
    space = load(run / "space.vns", Overrides(classes=len(data.classes))).get(facts["name"])
    recipe = resolve_recipe("search", read_recipes(run / "recipe.vns").get("search"))
    assert isinstance(recipe, SearchRecipe)
    return run, space.fix(facts["fix"]) if facts["fix"] else space, recipe, data


def _task(
    space: Space,
    source_name: str,
    recipe: SearchRecipe,
    parts: Parts,
    data: DataSet,
    run: RunFolder,
    device: torch.device,
    reporter: Reporter,
    resume: bool,
) -> SearchTask:
    return SearchTask(
        space,
        source_name,
        recipe,
        parts,
        data.classes,
        _shape(space, recipe),
        run,
        device,
        reporter,
        fault_log(reporter, recipe),
        resume,
    )


def _shape(space: Space, recipe: SearchRecipe) -> ClipShape:
    return clip_shape(space.input, recipe)


def _parts(data: DataSet, recipe: SearchRecipe) -> Parts:
    return Parts(*three_way_split(data.train, recipe.split, recipe.seed))


def _facts(request: Request, recipe: SearchRecipe, device: torch.device) -> dict[str, Any]:
    return {
        "kind": "search",
        "file": request.source_name,
        "name": request.space.name,
        "data": request.data.name,
        "classes": list(request.data.classes),
        "videos": video_facts(request.data),
        "seed": recipe.seed,
        "fix": {name: list(options) for name, options in request.fixes.items()},
        "overrides": dict(request.overrides or {}),
        "recipe": recipe.model_dump(mode="json", exclude=UNLIKE),
        "device": str(device),
        "command": list(request.command),
    }


def _texts(request: Request) -> dict[str, str]:
    return {
        "space.vns": request.space.text(),
        "recipe.vns": print_recipes(request.recipes, request.space.name),
        "recipe.json": recipes_json(request.recipes),
    }

"""What a run of a search has learnt, for pictures: read from its files, held against the space that is drawn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from vnasdsl.derive import decode
from vnasdsl.elaborate import Overrides, Space, load
from vnasdsl.language.diagnostics import UserError
from vnasdsl.relax.trellis import trellis
from vnasdsl.show.draw.learnt import Learnt


def is_run(path: Path) -> bool:
    return path.is_dir()


def run_space(run: Path) -> Space:
    """The space a run searches, with what was fixed. Raises: UserError when the folder is no run of a search."""
    facts = run_facts(run)
    try:
        given = {key: facts.get("overrides", {}).get(key) for key in ("frames", "size")}
        overrides = Overrides(classes=len(facts["classes"]), **given)
        name = str(facts["name"])
    except (KeyError, TypeError, AttributeError):
        raise UserError(f"`{run / 'run.json'}` is damaged") from None
    space = load(run / "space.vns", overrides).get(name)
    fixes = run_fixes(run)
    return space.fix(fixes) if fixes else space


def run_fixes(run: Path) -> dict[str, list[str]]:
    """Choice name to the options the search was left with."""
    fixes = run_facts(run).get("fix") or {}
    if not isinstance(fixes, dict) or not all(isinstance(options, list) for options in fixes.values()):
        raise UserError(f"`{run / 'run.json'}` is damaged")
    return {str(name): [str(option) for option in options] for name, options in fixes.items()}


def read_learnt(run: Path, space: Space, checkpoint: str | None = None) -> Learnt:
    """The probabilities of a finished search, or of a checkpoint, and the path decoded from them.

    space: what they must belong to. Raises: VnsError, UserError.
    """
    searched = run_space(run)
    if searched.name != space.name:
        raise UserError(f"`{run}` is a search of `{searched.name}`, not of `{space.name}`")
    found = trellis(searched)
    if trellis(space) != found:
        raise UserError(
            f"`{space.name}` is no longer the space that was searched in `{run}`",
            f"draw the run itself: vnasdsl draw {run} -o ...",
        )
    recipe = run_facts(run).get("recipe")
    recipe = recipe if isinstance(recipe, dict) else {}
    if checkpoint is not None:
        from vnasdsl.searching.monitor import checkpoint_probabilities  # torch, only where it is needed

        paths, mixtures = checkpoint_probabilities(run, checkpoint, space, float(recipe.get("temperature", 1.0)))
    else:
        paths, mixtures = _finished(run)
    try:
        decoded = decode(found, paths, mixtures, recipe.get("skips"))
    except (TypeError, AttributeError):
        raise UserError(f"`{run / 'choices.json'}` is damaged") from None
    source = run.resolve().name + (f", checkpoint {checkpoint}" if checkpoint else "")
    return Learnt(source, paths, mixtures, decoded.path, decoded.choices)


def run_facts(run: Path) -> dict[str, Any]:
    if not run.exists():
        raise UserError(f"there is no folder `{run}`")
    if not run.is_dir():
        raise UserError(f"`{run}` is not a folder", "--run takes the folder that `vnasdsl search` wrote")
    facts = _object(run / "run.json", f"`{run}` is not a run folder of vnasdsl: there is no `run.json` in it")
    if facts.get("kind") != "search":
        raise UserError(f"`{run}` is not the run of a search")
    return facts


def _finished(run: Path) -> tuple[Any, Any]:
    learnt = _object(
        run / "choices.json",
        f"the search in `{run}` has not finished: there is no `choices.json` in it",
        "give --checkpoint last, or go on with the search by --resume",
    )
    paths, mixtures = learnt.get("path_weights"), learnt.get("mixture_weights")
    if not isinstance(paths, dict) or not isinstance(mixtures, dict):
        raise UserError(f"`{run / 'choices.json'}` holds no path weights", "only a gradient search learns them")
    return paths, mixtures


def _object(path: Path, missing: str, help: str | None = None) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(missing, help) from None
    except (OSError, ValueError):
        value = None
    if not isinstance(value, dict):
        raise UserError(f"`{path}` is damaged")
    return value

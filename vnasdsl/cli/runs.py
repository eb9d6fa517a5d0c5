"""What the commands that train share: from arguments to spaces, recipes and data. No torch at import."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vnasdsl.cli.output import print_json
from vnasdsl.elaborate.shipped import split_target
from vnasdsl.interrupts import interruption, status_of
from vnasdsl.language.diagnostics import UserError, VnsError
from vnasdsl.language.visible import visible
from vnasdsl.train.recipe_text import read_recipes, resolve_recipe
from vnasdsl.train.recipes import EvaluateRecipe, Recipe, RetrainRecipe, TrialRecipe, evaluation_of
from vnasdsl.train.shortages import explained

if TYPE_CHECKING:
    from vnasdsl.data import DataSet
    from vnasdsl.elaborate import Overrides, Program, Space
    from vnasdsl.language import tree
    from vnasdsl.searching.run import Outcome
    from vnasdsl.train.progress import Reporter


@dataclass(frozen=True)
class Run:
    """The folder of a search or training that has a network, and its run.json."""

    folder: Path
    facts: dict[str, Any]

    @property
    def data(self) -> str:
        """The spec of its data. Raises: UserError when they are not to be found."""
        from vnasdsl.train.run_folder import run_data

        return run_data(self.folder, self.facts)

    @property
    def network(self) -> str:
        return str(self.folder / "network.vns")


def open_run(target: str, kind: str, recipe: str | None) -> Run | None:
    """The run that a target names, None for a file. Raises: UserError when it is neither, or has no network yet."""
    folder = Path(target)
    if not folder.is_dir():
        if not split_target(target)[0].is_file():
            raise UserError(f"there is no run and no file `{target}`")
        return None

    from vnasdsl.train.run_folder import RunFolder

    facts = RunFolder(folder).facts()
    if not (folder / "network.vns").is_file():
        raise UserError(
            f"`{folder}` has no network yet", f"finish it with --resume, or decode it with `vnasdsl derive {folder}`"
        )
    if recipe is not None:
        raise UserError("--recipe needs a FILE.vns", f"a run keeps one {kind} recipe; change its values with --set")
    return Run(folder, facts)


def open_space(target: str, data: DataSet, overrides: Overrides) -> tuple[Program, Space]:
    """The space or network of `FILE[:NAME]` for the classes of a data set. Raises: VnsError, UserError."""
    from vnasdsl.elaborate import load

    if overrides.classes not in (None, len(data.classes)):
        raise UserError(
            f"--classes is {overrides.classes}, but `{data.name}` has {len(data.classes)} classes",
            "leave --classes out: the data determine the number of classes",
        )
    file, name = split_target(target)
    program = load(file, replace(overrides, classes=len(data.classes)))
    return program, program.get(name)


def find_recipe(program: Program, kind: str, space: Space, name: str | None = None) -> tree.Recipe | None:
    """The recipe of a kind for a space or network, else for the space a network claims to lie in."""
    found = program.get_recipe(kind, space.name, name if space.claim is None else None)
    if found is None and space.claim is not None:
        found = program.get_recipe(kind, space.claim.name, name)
    return found


def checked_recipe(
    kind: str, source: tree.Recipe | None, settings: Mapping[str, str], seed: int | None, workers: int | None
) -> Recipe:
    """The resolved recipe; `--seed` and `--workers` win over `--set`. Raises: VnsError."""
    more = {key: str(value) for key, value in (("seed", seed), ("workers", workers)) if value is not None}
    return resolve_recipe(kind, source, {**settings, **more})


def search_recipe(
    source: tree.Recipe | None, settings: Mapping[str, str], seed: int | None, workers: str | None
) -> Recipe:
    """The resolved search recipe. `--workers` says where trials run, or how many processes decode videos for a
    strategy that has no trials. Raises: VnsError; UserError for workers that the strategy cannot have."""
    recipe = checked_recipe("search", source, settings, seed, None)
    if workers is None:
        return recipe
    if isinstance(recipe, TrialRecipe):
        return checked_recipe("search", source, {**settings, "pool": f'"{workers}"'}, seed, None)
    return checked_recipe("search", source, settings, seed, decoders(recipe, workers))


def decoders(search: Recipe, workers: str | None) -> int | None:
    """The number of processes that decode videos in `--workers` of a search; None where it says something else."""
    if workers is None or isinstance(search, TrialRecipe):
        return None
    if not re.fullmatch(r"\d{1,4}", workers):
        raise UserError(
            f"the strategy `{getattr(search, 'strategy', '')}` has no trials to share out: --workers is a number, of"
            f" processes that decode videos, not `{workers}`",
            "search by --set strategy=evolution to train many networks at a time",
        )
    return int(workers)


def evaluate_recipe(source: tree.Recipe | None, retrain: Recipe, settings: Mapping[str, str]) -> Recipe:
    """The evaluate recipe that goes with a retrain recipe: its own text, or the clips of the training.

    settings: what `--set` changed in the retrain recipe, which holds for the evaluation too.
    """
    assert isinstance(retrain, RetrainRecipe)
    like_training = evaluation_of(retrain)
    if source is None:
        return like_training
    changed = {key: getattr(like_training, key) for key in settings if key in EvaluateRecipe.model_fields}
    return resolve_recipe("evaluate", source).model_copy(update=changed)


def run_recipe(run: Path, kind: str) -> tree.Recipe | None:
    """The recipe of a kind that a run keeps for what follows it."""
    return read_recipes(run / "recipe.vns").get(kind)


def command_line() -> list[str]:
    """The arguments of this process, as the user gave them."""
    return sys.argv[1:]


def tell_outcome(run: Path, outcome: Outcome, again: Sequence[str], as_json: bool) -> None:
    """The last words of a search: the report, where everything is, and the arguments that retrain it."""
    follow_up = shlex.join(["vnasdsl", "retrain", *again])
    if as_json:
        print_json({"run": str(run), **outcome.as_dict(), "retrain": follow_up})
    else:
        click.echo("\n".join(map(visible, (*outcome.all_lines(), f"retrain it: {follow_up}"))))


@contextmanager
def resumable(out: Path, reporter: Reporter) -> Iterator[None]:
    """An interruption says how to go on, and so does what the machine ran out of."""
    try:
        yield
    except (UserError, VnsError):
        raise
    except (KeyboardInterrupt, Exception) as fault:
        interrupt = interruption(fault)
        shortage = None if interrupt else explained(fault)
        if interrupt is None and shortage is None:
            raise
        arguments = [argument for argument in command_line() if argument != "--resume"]
        if not any(argument.split("=")[0] == "--out" for argument in arguments):
            arguments += ["--out", str(out)]
        again = f"continue with: vnasdsl {visible(shlex.join(arguments))} --resume"
        if shortage is not None:
            raise UserError(shortage.message, f"{shortage.help}; {again}") from fault
        assert interrupt is not None
        with suppress(OSError):  # the terminal may be gone
            reporter.end()
            click.echo(f"interrupted: finished work is kept in {visible(str(out))}\n{again}", err=True)
        raise SystemExit(status_of(interrupt)) from None


def free_folder(base: Path, name: str, resume: bool) -> Path:
    """`base/name`, or `base/name-2` and so on where runs stand already; when resuming the last of them."""
    taken = [base / name, *(base / f"{name}-{number}" for number in range(2, 10_000))]
    for number, path in enumerate(taken):
        if not path.exists():
            return taken[max(0, number - 1)] if resume else path
    raise UserError(f"`{base}` is full of runs", "give a folder by --out")

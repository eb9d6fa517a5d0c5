"""What commands and library share of a search, training or evaluation: from arguments to spaces, recipes and data."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from vnasdsl.api.models import Loaded
from vnasdsl.data import DataSet, open_data
from vnasdsl.data.spec import with_option
from vnasdsl.elaborate import Overrides, Program, Space, load
from vnasdsl.elaborate.drawing import kept_options, split_options
from vnasdsl.elaborate.imports import split_target
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import UserError
from vnasdsl.runs.folder import RunReader
from vnasdsl.searching.run import Request
from vnasdsl.train.model_file import weights_of
from vnasdsl.train.progress import Reporter
from vnasdsl.train.recipe_text import read_recipes, resolve_recipe
from vnasdsl.train.recipes import EvaluateRecipe, Recipe, RetrainRecipe, TrialRecipe, evaluation_of
from vnasdsl.train.retrain import Start
from vnasdsl.train.run_folder import run_data

if TYPE_CHECKING:
    from vnasdsl.elaborate import Space


def fixes_of(
    space: Space,
    recipe_fix: Sequence[str],
    recipe_open: Sequence[str],
    fix: Mapping[str, Sequence[str]],
    open_: Sequence[str],
) -> dict[str, tuple[str, ...]]:
    """Choice name to the options it keeps: the recipe's `fix` less its `open`, then the command line's in the same way.

    Raises: UserError for a selector that selects nothing, or an option that is not there.
    """
    kept: dict[str, tuple[str, ...]] = {}
    for fixes, opened in ((_parsed(recipe_fix), recipe_open), (fix, open_)):
        for selector, options in fixes.items():
            restricted = {choice.name: choice.options for choice in space.fix({selector: options}).choices}
            for name, only in kept_options(space, {selector: options}).items():
                kept[name] = restricted.get(name) or only
        for selector in opened:
            for choice in space.select(selector):
                kept.pop(choice.name, None)
    return kept


def _parsed(entries: Sequence[str]) -> dict[str, list[str]]:
    """`fix` of a recipe: texts like "op=basic(1)|skip"."""
    parsed = {}
    for entry in entries:
        selector, equals, text = (part.strip() for part in entry.partition("="))
        try:
            if not (selector and equals and text):
                raise ValueError(f"`{entry}` is not of the form SELECTOR=OPTION|OPTION")
            parsed[selector] = split_options(text)
        except ValueError as fault:
            raise UserError(f"`fix` in the recipe: {fault}", 'for example fix = ["op=basic(1)|skip"]') from None
    return parsed


Target: TypeAlias = str | Loaded
"""A run folder or `FILE[:NAME]`, or what was loaded already."""


@dataclass(frozen=True)
class Asked:
    """What is asked of a search, training or evaluation, whatever comes out of it; None is what the target says. The
    options of the commands have the names of its fields."""

    target: Target
    data: str | None = None
    exclude: str | None = None
    """A list of videos to leave out."""
    recipe: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    overrides: Overrides = field(default_factory=Overrides)
    seed: int | None = None
    workers: int | str | None = None

    def videos(self, run: RunReader | None = None) -> DataSet:
        """The data asked for, or those of the run. Raises: UserError."""
        spec = self.data or (run_data(run.path, run.facts) if run else "")
        return open_data(spec if self.exclude is None else with_option(spec, "exclude", self.exclude))


def search_request(
    asked: Asked,
    fix: Mapping[str, Sequence[str]],
    open_: Sequence[str],
    target_macs: float | None = None,
    target_params: float | None = None,
    command: Sequence[str] = (),
) -> Request:
    """Raises: VnsError, UserError."""
    if asked.data is None:
        raise UserError("there are no data to search on", "give --data, such as --data synthetic or --data ucf101:DIR")
    videos = asked.videos()
    program, space = open_space(asked.target, videos, asked.overrides)
    settings = {**_cost(target_macs, target_params), **asked.settings}
    source = find_recipe(program, "search", space, asked.recipe)
    workers = None if asked.workers is None else str(asked.workers)
    wanted, decoding = search_recipe(source, settings, asked.seed, workers)
    after = checked_recipe("retrain", find_recipe(program, "retrain", space), {}, asked.seed, decoding)
    scoring = evaluate_recipe(find_recipe(program, "evaluate", space), after, {})
    fixes = fixes_of(space, getattr(wanted, "fix", ()), getattr(wanted, "open", ()), fix, open_)
    return Request(space, fixes, {"search": wanted, "retrain": after, "evaluate": scoring}, videos, command)


def _cost(macs: float | None, params: float | None) -> dict[str, str]:
    """The setting of a recipe that is meant by a target."""
    if macs is not None and params is not None:
        raise UserError("--target-macs and --target-params are given: a search has one target")
    kind, target = ("macs", macs) if params is None else ("params", params)
    return {} if target is None else {"cost": f"{kind}(target={target:.0f})"}


@dataclass(frozen=True)
class TrainingRequest:
    """A network to train, and from which weights."""

    network: Space
    recipes: Mapping[str, Recipe]
    data: DataSet
    folder: Path
    begin: str
    """A file of weights, or `none`."""
    start: Start | None


def training_request(
    asked: Asked, weights: str | None, out: Path | None, mapping: str | None = None
) -> TrainingRequest:
    """Raises: VnsError, UserError."""
    target, settings = asked.target, asked.settings
    run = open_run(target, "retrain", asked.recipe)
    if run is None and (asked.data is None or out is None):
        raise UserError(f"`{target}` is no run: give --data and --out to train it")
    folder = out or (run.path / "retrained" if run else Path())
    videos = asked.videos(run)
    program, network = open_space(str(run.network_file) if run else target, videos, asked.overrides)
    if network.kind != "network":
        raise UserError(f"`{network.name}` is a space: choose a network first", f"vnasdsl search {target}")
    source = run_recipe(run.path, "retrain") if run else find_recipe(program, "retrain", network, asked.recipe)
    wanted = checked_recipe("retrain", source, settings, asked.seed, asked.workers)
    scoring = run_recipe(run.path, "evaluate") if run else find_recipe(program, "evaluate", network)
    recipes = {"retrain": wanted, "evaluate": evaluate_recipe(scoring, wanted, settings)}
    begin = weights or (str(weights_of(run.path)) if run else "none")
    start = None if begin == "none" else Start.read(Path(begin), mapping)
    return TrainingRequest(network, recipes, videos, folder, begin, start)


@dataclass(frozen=True)
class EvaluationRequest:
    """A network to evaluate."""

    target: str
    network: Space
    weights: Path
    videos: DataSet
    recipe: EvaluateRecipe


def evaluation_request(asked: Asked, weights: Path | None, reporter: Reporter) -> EvaluationRequest:
    """Raises: VnsError, UserError."""
    target = asked.target
    run = open_run(target, "evaluate", asked.recipe)
    if run is None and (asked.data is None or weights is None):
        raise UserError(f"`{target}` is no run: give --data and --weights to evaluate it")
    file = weights or (weights_of(run.path) if run else Path())
    videos = asked.videos(run)
    if run is not None:
        if list(videos.classes) != run.facts["classes"]:
            raise UserError(
                f"`{videos.name}` has other classes than `{target}` was trained for:"
                f" {len(videos.classes)} and {len(run.facts['classes'])}, or other names or another order",
                "train it on these data first: vnasdsl retrain",
            )
        if asked.data is not None:
            _warn_of_seen(str(target), run.facts["data"], videos, reporter)
    program, network = open_space(str(run.network_file) if run else target, videos, asked.overrides)
    if network.kind != "network":
        raise UserError(f"`{network.name}` is a space: only a network can be evaluated")
    source = run_recipe(run.path, "evaluate") if run else find_recipe(program, "evaluate", network, asked.recipe)
    wanted = checked_recipe("evaluate", source, asked.settings, None, asked.workers)
    assert isinstance(wanted, EvaluateRecipe)
    return EvaluationRequest(str(target), network, file, videos, wanted)


def _warn_of_seen(target: str, trained_on: str, videos: DataSet, reporter: Reporter) -> None:
    """Another split's test videos may be those that a network was trained on."""
    with suppress(UserError):  # the data it was trained on may be elsewhere
        seen = {video.path for video in open_data(trained_on).train}
        count = sum(video.path in seen for video in videos.test)
        if count:
            reporter.warn(f"`{target}` was trained on {count} of these {len(videos.test)} test videos")


def open_run(target: Target, kind: str, recipe: str | None) -> RunReader | None:
    """The run that a target names, None for a file. Raises: UserError when it is neither, or has no network yet."""
    if isinstance(target, Loaded):
        return None
    folder = Path(target)
    if not folder.is_dir():
        if not split_target(target)[0].is_file():
            raise UserError(f"there is no run and no file `{target}`")
        return None

    run = RunReader(folder)
    _ = run.network_file
    if recipe is not None:
        raise UserError("--recipe needs a FILE.vns", f"a run keeps one {kind} recipe; change its values with --set")
    return run


def open_space(target: Target, data: DataSet, overrides: Overrides) -> tuple[Program, Space]:
    """The space or network of a target for the classes of a data set. Raises: VnsError, UserError."""
    if overrides.classes not in (None, len(data.classes)):
        raise UserError(
            f"--classes is {overrides.classes}, but `{data.name}` has {len(data.classes)} classes",
            "leave --classes out: the data determine the number of classes",
        )
    for_data = replace(overrides, classes=len(data.classes))
    if isinstance(target, Loaded):
        return target.program, target.for_input(for_data)
    file, name = split_target(target)
    program = load(file, for_data)
    return program, program.get(name)


def find_recipe(program: Program, kind: str, space: Space, name: str | None = None) -> tree.Recipe | None:
    """The recipe of a kind for a space or network, else for the space a network claims to lie in."""
    found = program.get_recipe(kind, space.name, name if space.claim is None else None)
    if found is None and space.claim is not None:
        found = program.get_recipe(kind, space.claim.name, name)
    return found


def checked_recipe(
    kind: str, source: tree.Recipe | None, settings: Mapping[str, str], seed: int | None, workers: int | str | None
) -> Recipe:
    """The resolved recipe; `--seed` and `--workers` win over `--set`. Raises: VnsError."""
    more = {key: str(value) for key, value in (("seed", seed), ("workers", workers)) if value is not None}
    return resolve_recipe(kind, source, {**settings, **more})


def search_recipe(
    source: tree.Recipe | None, settings: Mapping[str, str], seed: int | None, workers: str | None
) -> tuple[Recipe, int | None]:
    """The resolved search recipe, and the number of processes that decode videos where `--workers` says it: for a
    strategy with trials it says where these run. Raises: VnsError; UserError for workers it cannot have."""
    recipe = checked_recipe("search", source, settings, seed, None)
    if workers is None:
        return recipe, None
    if isinstance(recipe, TrialRecipe):
        return checked_recipe("search", source, {**settings, "pool": f'"{workers}"'}, seed, None), None
    if not re.fullmatch(r"\d{1,4}", workers):
        raise UserError(
            f"the strategy `{getattr(recipe, 'strategy', '')}` has no trials to share out: --workers is a number, of"
            f" processes that decode videos, not `{workers}`",
            "search by --set strategy=evolution to train many networks at a time",
        )
    return checked_recipe("search", source, settings, seed, workers), int(workers)


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


def free_folder(base: Path, name: str, resume: bool) -> Path:
    """`base/name`, or `base/name-2` and so on where runs stand already; when resuming the last of them."""
    taken = [base / name, *(base / f"{name}-{number}" for number in range(2, 10_000))]
    for number, path in enumerate(taken):
        if not path.exists():
            return taken[max(0, number - 1)] if resume else path
    raise UserError(f"`{base}` is full of runs", "give a folder by --out")

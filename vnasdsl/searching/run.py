"""A search: from a space, data and recipes to a run folder with a network in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from vnasdsl.codegen import compile_network
from vnasdsl.data import DataSet, open_data
from vnasdsl.elaborate import Overrides, Space, load
from vnasdsl.language.diagnostics import UserError
from vnasdsl.runs.folder import PREDICTIONS, RunReader
from vnasdsl.searching.estimate import require_memory
from vnasdsl.searching.pool import Pool
from vnasdsl.searching.probable import Wanted
from vnasdsl.searching.strategies import get_strategy
from vnasdsl.searching.strategies.gradient import GradientStrategy
from vnasdsl.searching.strategies.one_shot import OneShotStrategy
from vnasdsl.searching.task import SearchResult, SearchTask, Strategy
from vnasdsl.train import ranks
from vnasdsl.train.clips import report_faults, require_readable
from vnasdsl.train.model_file import Metrics, write_model
from vnasdsl.train.progress import Reporter, megas, percent
from vnasdsl.train.recipe_text import read_recipes, resolve_recipe
from vnasdsl.train.recipes import Recipe, SearchRecipe
from vnasdsl.train.run_folder import (
    MissingData,
    RunFolder,
    open_run,
    require_same_videos,
    run_data,
    run_facts,
    run_sources,
    video_facts,
)
from vnasdsl.train.run_lock import writing
from vnasdsl.train.weights import save_weights

MAY_DIFFER = {"workers", "unreadable", "pool", "memory", "timeout", "rounds"}
"""Keys of a recipe that may change when a run is resumed: where it runs, and how many trials it may have."""
_LEARNED = ("path", "stages", "labels", "probabilities", "path_weights", "mixture_weights")
"""Keys of a strategy's report for choices.json; large, so not all in report.json."""
_NOT_REPORTED = ("probabilities", "path_weights", "mixture_weights")


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
    pool: Pool | None = None
    """As in `SearchTask`."""


def search_space(
    request: Request, out: Path, device: torch.device, reporter: Reporter, resume: bool = False
) -> Outcome | None:
    """Search, or resume the search in `out`. An interrupted run can be resumed. Raises: VnsError, UserError.

    Of several ranks the first writes the outcome; the others return None.
    """
    recipe, data = request.recipes["search"], request.data
    assert isinstance(recipe, SearchRecipe)
    strategy = get_strategy(recipe.strategy)
    space = request.space.fix(request.fixes) if request.fixes else request.space
    if request.space.kind == "network":
        raise UserError(f"`{space.name}` is a network: there is nothing to search", "train it with `vnasdsl retrain`")
    if space.kind == "network":
        raise UserError(
            f"nothing is left to search in `{space.name}`: every choice has one option",
            "open a choice with --open, or train the network as it is with `vnasdsl retrain`",
        )
    strategy.check(space, recipe)
    task = SearchTask.of(space, recipe, data, RunFolder(out), device, reporter, resume, request.pool)
    fixes = {name: list(options) for name, options in request.fixes.items()}
    recipe_facts = recipe.model_dump(mode="json", exclude=MAY_DIFFER)
    facts = run_facts(
        "search", request.space.name, data, recipe.seed, {"fix": fixes}, recipe_facts, device, request.command
    )
    if ranks.is_first():
        require_memory(task)
    with writing(out, reporter.note):
        if ranks.is_first():
            open_run(out, facts, run_sources("space.vns", request.space, request.recipes), resume)
        ranks.meet()
        for note in data.notes:
            reporter.note(f"note: {note}")
        parts = task.parts
        reporter.note(
            f"searching {space.name}: {space.size_text()} networks; {len(parts.train)} train,"
            f" {len(parts.validate)} validate and {len(parts.inference)} inference videos; on {ranks.describe(device)}"
        )
        require_readable(data.train, recipe, task.faults, reporter)
        found = strategy.search(task)
        return _write_outcome(task, strategy, found) if ranks.is_first() else None


def derive_again(
    path: Path,
    checkpoint: str,
    network_file: Path | None,
    device: torch.device,
    reporter: Reporter,
    workers: int | None = None,
    wanted: Wanted | None = None,
    spec: str | None = None,
) -> Outcome:
    """Decode a run, or one of its checkpoints, again. Raises: VnsError, UserError.

    network_file: where the network goes instead of into the run; workers: processes that decode videos, if not as many
    as the run's recipe says; wanted: the best by probability (gradient) or score (one_shot), perhaps within a budget;
    spec: where the videos of the run are now.
    """
    run, space, recipe, data = reopen(path, reporter, spec)
    if workers is not None:
        recipe = recipe.model_copy(update={"workers": workers})
    strategy = get_strategy(recipe.strategy)
    task = SearchTask.of(space, recipe, data, run, device, reporter, resume=True)
    if wanted is not None and not isinstance(strategy, GradientStrategy | OneShotStrategy):
        raise UserError(
            f"`{path}` is a search by `{recipe.strategy}`, which has an opinion only of the networks it trained",
            "the best within a budget, or several, are those of a gradient or one-shot search",
        )
    with writing(path, reporter.note) if network_file is None else nullcontext():
        more = () if wanted is None else (wanted,)
        return _write_outcome(task, strategy, strategy.derive(task, checkpoint, *more), network_file)


def reopen(
    path: Path, reporter: Reporter | None = None, spec: str | None = None
) -> tuple[RunFolder, Space, SearchRecipe, DataSet]:
    """The parts of a search run; its data have no videos where those are not to be found, of which it warns.

    spec: where its videos are now.

    Raises: UserError when it is none, or its data have changed.
    """
    run = RunFolder(path)
    facts = run.facts()
    if facts.get("kind") != "search":
        raise UserError(f"`{path}` is not the run of a search", "derive takes the folder that `vnasdsl search` wrote")
    try:
        data = open_data(spec or run_data(path, facts))
        require_same_videos(path, facts, {"data": data.name, "videos": video_facts(data)})
    except MissingData as fault:
        (reporter or Reporter()).warn(
            f"{fault.message}: the network gets no score, and the batch-norm statistics of its search; {fault.help}"
        )
        data = DataSet(facts["data"], "", tuple(facts["classes"]), (), ())
    space = load(run / "space.vns", Overrides(classes=len(data.classes))).get(facts["name"])
    recipe = resolve_recipe("search", read_recipes(run / "recipe.vns").get("search"))
    assert isinstance(recipe, SearchRecipe)
    return run, space.fix(facts["fix"]) if facts["fix"] else space, recipe, data


@dataclass(frozen=True)
class Outcome:
    """The files of a finished search and their figures."""

    network: Space
    file: Path
    code: Path
    weights: Path | None
    score: Mapping[str, Any] | None
    """`Evaluation.as_dict()` on the inference part."""
    lines: tuple[str, ...]
    """The report for the terminal."""
    compared: Mapping[str, Any] = field(default_factory=dict)
    """Other networks beside it: the most `probable` ones where they were asked for, the `ranking` of a one-shot
    search."""
    pictures: tuple[Path, ...] = ()

    def all_lines(self) -> tuple[str, ...]:
        """The report, then the files."""
        pictures = (("picture", picture) for picture in self.pictures)
        files = (("network", self.file), ("code", self.code), ("weights", self.weights), *pictures)
        return (*self.lines, *(f"{what:<8} {path}" for what, path in files if path is not None))

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "network": str(self.file),
            "code": str(self.code),
            "weights": None if self.weights is None else str(self.weights),
            "top1": None if self.score is None else self.score["top1"],
            "top5": None if self.score is None else self.score["top5"],
            "macs": self.network.macs[0],
            "params": self.network.params[0],
            **self.compared,
        }


def _write_outcome(
    task: SearchTask[Any], strategy: Strategy[Any], found: SearchResult, network_file: Path | None = None
) -> Outcome:
    """Write network.vns, network.py, network.safetensors, choices.json, report.json/.txt, predictions and pictures.

    network_file: write only the network, there, with code and weights beside it. Without videos, a network that the run
    has already keeps its weights, with their batch-norm statistics, and its score.
    """
    network = task.space.network(found.choices)
    file = network_file or task.run / "network.vns"
    if network_file is None and not task.parts.inference and (kept := _kept(task, network, found)):
        task.reporter.note(f"`{task.run.path}` has this network already: its weights and score stay")
        return kept
    folder = RunFolder(file.parent)
    folder.write(file.name, network.text())
    code = folder.write(file.with_suffix(".py").name, compile_network(network, file.name))
    weights = file.with_suffix(".safetensors") if found.weights else None
    if weights is not None:
        save_weights(weights, found.weights, {"network": network.name})
    elif network_file is None:
        (task.run / "network.safetensors").unlink(missing_ok=True)  # of the network that was written before
    score = None if found.score is None else found.score.as_dict()
    metrics = None if score is None else Metrics.of("inference", score)
    write_model(task.run, file, network, weights, metrics)
    lines = (*found.lines, *_figure_lines(found, network, len(task.parts.inference)))
    if network_file is None:
        learned = {key: found.report[key] for key in _LEARNED if key in found.report}
        task.run.write_json("choices.json", {"choices": found.choices, **learned})
        figures = {
            "name": network.name,
            "macs": network.macs[0],
            "params": network.params[0],
            "inference": score,
            "choices": found.choices,
        }
        report = {key: value for key, value in found.report.items() if key not in _NOT_REPORTED}
        task.run.write_json("report.json", {**figures, **report, "unreadable": task.faults.files})
        task.run.write("report.txt", "\n".join(lines) + "\n")
        if found.score is not None and found.score.predictions is not None:
            found.score.predictions.write(task.run / PREDICTIONS)
        else:
            (task.run / PREDICTIONS).unlink(missing_ok=True)
        for name, content in strategy.pictures(task):
            task.run.write(name, content)
    named = "{}" if network_file is None else file.stem + ".{}"
    pictures = tuple(folder.write(named.format(name), content) for name, content in found.pictures.items())
    report_faults(task.faults, task.reporter)
    compared: dict[str, Any] = {key: found.report[key] for key in ("probable", "ranking") if key in found.report}
    return Outcome(network, file, code, weights, score, lines, compared, pictures)


def _kept(task: SearchTask[Any], network: Space, found: SearchResult) -> Outcome | None:
    """What the run holds, where it is the network found and has a score."""
    run = RunReader(task.run.path)
    score = run.report.get("inference")
    weights = run / "network.safetensors"
    if score is None or run.report.get("choices") != found.choices or not weights.is_file():
        return None
    lines = tuple(run.text("report.txt").splitlines())
    return Outcome(network, run / "network.vns", run / "network.py", weights, score, lines)


def _figure_lines(found: SearchResult, network: Space, videos: int) -> list[str]:
    lines = []
    if found.score is not None:
        lines.append(
            f"accuracy on the inference part ({videos} videos): {percent(found.score.top1)} top-1,"
            f" {percent(found.score.top5)} top-5, with weights from {found.weights_from}"
        )
    lines.append(f"cost: {megas(network.macs[0])} per clip, {network.params[0]:,} parameters")
    return lines

"""Training a network into a run folder, and evaluating one: the commands `retrain` and `evaluate`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vnasdsl.codegen import compile_network
from vnasdsl.data import DataSet, FaultLog
from vnasdsl.data.streams import require_streams
from vnasdsl.elaborate import Space
from vnasdsl.language.diagnostics import UserError
from vnasdsl.runs.folder import PREDICTIONS
from vnasdsl.train import ranks
from vnasdsl.train.clips import clip_shape, evaluation_views, fault_log, report_faults, require_readable, training_clips
from vnasdsl.train.devices import seed_everything
from vnasdsl.train.evaluation import Evaluation, evaluate_videos, evaluate_views
from vnasdsl.train.generated import build, load_generated
from vnasdsl.train.inputs import taking_inputs
from vnasdsl.train.loop import NetworkTraining, run_epochs
from vnasdsl.train.model_file import Metrics, write_model
from vnasdsl.train.progress import Reporter
from vnasdsl.train.recipes import EvaluateRecipe, Recipe, RetrainRecipe
from vnasdsl.train.run_folder import RunFolder, open_run, run_facts, run_sources
from vnasdsl.train.run_lock import writing
from vnasdsl.train.weights import (
    Inheritance,
    by_order,
    in_shape,
    inherit,
    load_exactly,
    load_weights,
    read_mapping,
    read_original,
    renamed,
    save_weights,
    split_library,
    weights_for,
)


@dataclass(frozen=True)
class Start:
    """The weights a network starts from."""

    weights: Mapping[str, Tensor]
    file: str
    """As the user named it, perhaps `torchvision:FILE`."""
    digest: str
    """Of the file's bytes."""

    @classmethod
    def read(cls, file: Path, mapping: str | None = None) -> Start:
        """mapping: a file that gives the tensors the names of this network. Raises: UserError when one is not so."""
        library, place = split_library(file)
        weights = load_weights(place) if library is None else read_original(place)
        if mapping is not None:
            weights = renamed(weights, read_mapping(mapping))
        return cls(weights, str(file), sha256(place.read_bytes()).hexdigest())

    def named(self, own: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The weights by the names of a network's own, and in their shapes where only ones differ."""
        library, _ = split_library(self.file)
        return in_shape(self.weights, own) if library is None else by_order(self.weights, own, self.file)


@dataclass(frozen=True)
class Trained:
    """A trained network."""

    run: RunFolder
    network: Space
    weights: Path
    evaluation: Evaluation
    inheritance: Inheritance | None
    """None when it was trained from scratch."""

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "network": str(self.run / "network.vns"),
            "code": str(self.run / "network.py"),
            "weights": str(self.weights),
            "inherited": None if self.inheritance is None else len(self.inheritance.matched),
            "top1": self.evaluation.top1,
            "top5": self.evaluation.top5,
            "mean_class": self.evaluation.mean_class,
            "videos": self.evaluation.videos,
            "views": self.evaluation.views,
            "macs": self.network.macs[0],
            "params": self.network.params[0],
            "per_class": self.evaluation.per_class,
        }


def retrain(
    network: Space,
    recipes: Mapping[str, Recipe],
    data: DataSet,
    out: Path,
    device: torch.device,
    reporter: Reporter,
    start: Start | None = None,
    resume: bool = False,
    command: Sequence[str] = (),
) -> Trained:
    """Train on the whole training set and evaluate on the test videos. An interrupted run can be resumed.

    network: with the classes of the data; recipes: `retrain` is used, all are written into the run. Raises: UserError.
    """
    recipe = recipes["retrain"]
    assert isinstance(recipe, RetrainRecipe)
    shape = clip_shape(network.inputs.given, recipe)
    require_streams((*data.train, *data.test), shape.streams)
    weights = {"weights": None if start is None else start.digest}
    recipe_facts = recipe.model_dump(mode="json", exclude={"workers", "unreadable"})
    facts = run_facts("retrain", network.name, data, recipe.seed, weights, recipe_facts, device, command)
    with writing(out, reporter.note):
        run = RunFolder(out)
        if ranks.is_first():
            open_run(out, facts, run_sources("network.vns", network, recipes), resume)
        ranks.meet()
        seed_everything(recipe.seed)
        made = load_generated(run / "network.py", "Network", compile_network(network, "network.vns"))()
        model = taking_inputs(made, network.inputs.given)
        inheritance = _inherit(model, start, reporter)
        faults = fault_log(reporter, recipe)
        require_readable((*data.train, *data.test), recipe, faults, reporter)
        watched = recipe.model_copy(update={"clips": 1, "crops": 1})
        with (
            closing(training_clips(data.train, shape, recipe, faults, device)) as clips,
            closing(evaluation_views(data.test, shape, watched, faults, device)) as single,
        ):
            training = NetworkTraining(
                model,
                recipe,
                clips,
                device,
                lambda net: evaluate_views(net, single, data.classes, device, recipe.precision),
                recipe.watch,
            )
            run_epochs(training, recipe.epochs, run, reporter, resume)
        if ranks.is_first():
            save_weights(run / "network.safetensors", model.state_dict(), {"network": network.name})
        evaluation = _evaluate(model, network, recipe, data, device, reporter, faults)
        report_faults(faults, reporter)
        trained = Trained(run, network, run / "network.safetensors", evaluation, inheritance)
        if ranks.is_first():
            assert evaluation.predictions is not None
            evaluation.predictions.write(run / PREDICTIONS)
            metrics = Metrics.of("test", evaluation.as_dict())
            write_model(run, run / "network.vns", network, trained.weights, metrics)
            run.write_json("report.json", {**trained.as_dict(), "unreadable": faults.files})
        return trained


def _inherit(model: nn.Module, start: Start | None, reporter: Reporter) -> Inheritance | None:
    if start is None:
        reporter.note("training from scratch")
        return None
    inheritance = inherit(model, start.named(model.state_dict()))
    if not inheritance.matched:
        raise UserError(
            f"no tensor in `{start.file}` fits this network by name and shape", "train from scratch with --weights none"
        )
    reporter.note(f"training from the weights of {start.file}: {inheritance.text()}")
    return inheritance


def evaluate_file(
    network: Space, weights: Path, recipe: EvaluateRecipe, data: DataSet, device: torch.device, reporter: Reporter
) -> Evaluation:
    """Evaluate weights from a file on the test videos. Raises: UserError when they do not fit the network."""
    model = build(network)
    load_exactly(model, weights_for(model.state_dict(), weights), f"`{weights}`")
    faults = fault_log(reporter, recipe)
    require_readable(data.test, recipe, faults, reporter)
    evaluation = _evaluate(model.to(device), network, recipe, data, device, reporter, faults)
    report_faults(faults, reporter)
    return evaluation


def _evaluate(
    model: nn.Module,
    network: Space,
    recipe: RetrainRecipe | EvaluateRecipe,
    data: DataSet,
    device: torch.device,
    reporter: Reporter,
    faults: FaultLog,
) -> Evaluation:
    reporter.note(f"evaluating {len(data.test)} videos, {recipe.clips} clips x {recipe.crops} crops of each")
    return evaluate_videos(
        model, data.test, clip_shape(network.inputs.given, recipe), recipe, data.classes, device, faults
    )

"""One trial: a network is trained for a short time and scored, in any process: it needs only its payload and videos."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import safetensors.torch
import torch
from torch import nn

from vnasdsl.data import FaultLog, open_data
from vnasdsl.elaborate import Overrides, Space
from vnasdsl.elaborate.program import load_source
from vnasdsl.elaborate.project_layers import LayerFile, catalogue_of
from vnasdsl.language.diagnostics import UserError
from vnasdsl.language.source import Source
from vnasdsl.network.graph import NetworkGraph
from vnasdsl.network.nodes import many
from vnasdsl.searching.evolve.history import Record
from vnasdsl.searching.pool import Result
from vnasdsl.searching.task import Parts, SearchTask
from vnasdsl.space.elements import picked
from vnasdsl.train.clips import clip_shape, training_clips
from vnasdsl.train.devices import pick_device, seed_everything
from vnasdsl.train.evaluation import evaluate_videos
from vnasdsl.train.generated import build
from vnasdsl.train.loop import NetworkTraining, require_sound
from vnasdsl.train.progress import Reporter
from vnasdsl.train.recipes import TrialRecipe, recipe_of
from vnasdsl.train.weights import inherit, weights_bytes


@dataclass(frozen=True)
class Trial:
    """Plain data only."""

    id: int
    text: str
    """The network as .vns, without imports."""
    recipe: dict[str, Any]
    """The values of the search recipe."""
    data: str
    """The data set, as `open_data` takes it."""
    classes: int
    seed: int
    """For weights and dropout; clips are the same for all trials of a search."""
    device: str
    start: bytes | None = None
    """Weights to start from where names and shapes match, as a safetensors file."""
    layers: tuple[LayerFile, ...] = ()
    """The files of the project that define layers."""

    @classmethod
    def of(
        cls, task: SearchTask[Any], record: Record, recipe: TrialRecipe, seed: int, start: bytes | None = None
    ) -> Trial:
        """The training of a network that was drawn."""
        assert record.text is not None
        values, layers = recipe.model_dump(), task.space.definitions.catalogue.files
        classes, device = len(task.classes), str(task.device)
        return cls(record.id, record.text, values, task.data.name, classes, seed, device, start, layers)


@dataclass(frozen=True)
class Outcome:
    """What comes back. Only `error` is set when the training cannot succeed, such as one that diverges."""

    score: dict[str, Any] = field(default_factory=dict)
    """`Evaluation.as_dict()` on the validate part."""
    weights: bytes = b""
    """A safetensors file."""
    edges: list[list[float]] = field(default_factory=list)
    """As `learned_edges`."""
    seconds: float = 0.0
    inherited: int = 0
    """Tensors taken from `start`."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """Videos that could not be read, and why."""
    error: str | None = None

    @property
    def figures(self) -> dict[str, float]:
        """Of the score, for its record."""
        return {key: self.score[key] for key in ("top1", "top5", "loss")}

    @classmethod
    def of(cls, result: Result) -> Outcome:
        """Of a trial that has ended in a pool."""
        return cls(error=result.error) if result.error is not None else result.value


def run_trial(trial: Trial) -> Outcome:
    """Train and score a network. Raises: errors that another attempt may not meet."""
    try:
        return _run(trial)
    except UserError as fault:  # another attempt would meet it again
        return Outcome(error=fault.message)


def _run(trial: Trial) -> Outcome:
    began = time.monotonic()
    recipe: TrialRecipe = recipe_of("search", trial.recipe)
    network = network_of(trial.text, trial.classes, trial.layers)
    device = pick_device(trial.device)
    data = open_data(trial.data)
    parts = Parts.of(data, recipe)
    shape = clip_shape(network.inputs.given, recipe)
    faults = FaultLog(recipe.unreadable)
    seed_everything(trial.seed)
    model = build(network)
    matched = inherit(model, safetensors.torch.load(trial.start)).matched if trial.start else ()
    with closing(training_clips(parts.train, shape, recipe, faults, device)) as clips:
        training = NetworkTraining(model, recipe, clips, device)
        quiet = Reporter(quiet=True)
        for epoch in range(1, recipe.epochs + 1):
            require_sound({"epoch": epoch, **training.run_epoch(epoch, quiet)})
    score = evaluate_videos(model, parts.validate, shape, recipe, data.classes, device, faults)
    return Outcome(
        score.as_dict(),
        weights_bytes(model.state_dict()),
        learned_edges(model),
        time.monotonic() - began,
        len(matched),
        faults.files,
    )


def network_of(text: str, classes: int, layers: tuple[LayerFile, ...] = ()) -> Space:
    """The network of a .vns source that holds nothing else."""
    source = Source("network.vns", text)
    return load_source(source, None, Overrides(classes=classes), catalogue=catalogue_of(layers)).get()


def learned_edges(model: nn.Module) -> list[list[float]]:
    """The weights from 0 to 1 that each fusion learned for its inputs; fusions in the order of the file."""
    found = []
    for module in model.modules():
        scalars = getattr(module, "edges", None)
        if isinstance(scalars, nn.Parameter) and scalars.requires_grad:  # given weights are not learned
            found.append([round(value, 6) for value in torch.sigmoid(scalars.detach().double().cpu()).tolist()])
    return found


def edges_by_choice(graph: NetworkGraph, learned: Sequence[Sequence[float]]) -> dict[str, list[float]]:
    """Learned weights by the name of their choice, in the order of the edges it took.

    learned: as `learned_edges` of the network. A choice counts if its `pick` is an input of the fusion itself and each
    edge has one weight; others are left out, and so is everything if the fusions do not fit the network.
    """
    fusions = {
        node.label: node
        for node in graph.order
        if node.operation == "weighted" and dict(node.attributes).get("by") == "learned"
    }
    if [len(node.inputs) for node in fusions.values()] != [len(weights) for weights in learned]:
        return {}
    weights_of = dict(zip(fusions, learned, strict=True))
    found: dict[str, list[float]] = {}
    for part in (part for section in graph.sections for part in section.body.walk() if part.node in weights_of):
        position = 0
        for item in part.items:
            count = len(many(item.value))
            if item.choice and len(picked(graph.choices[item.choice])) == count:
                found[item.choice] = list(weights_of[str(part.node)][position : position + count])
            position += count
    return found

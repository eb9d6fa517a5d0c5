"""One trial: a network's text is trained for a short time and scored. It needs nothing but its payload and the videos,
so it runs in this process, in another one, or on another machine.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import nn

from vnasdsl.codegen import compile_network
from vnasdsl.data import DataSet, FaultLog, open_data, three_way_split
from vnasdsl.elaborate import Overrides, Space
from vnasdsl.elaborate.program import load_source
from vnasdsl.language.diagnostics import UserError
from vnasdsl.language.source import Source
from vnasdsl.search.task import Parts
from vnasdsl.train.clips import EvaluationViews, TrainingClips, clip_shape
from vnasdsl.train.devices import pick_device, seed_everything
from vnasdsl.train.evaluation import Evaluation, evaluate_views
from vnasdsl.train.generated import load_text
from vnasdsl.train.loop import require_finite
from vnasdsl.train.network import NetworkTraining
from vnasdsl.train.progress import Reporter
from vnasdsl.train.recipes import RetrainRecipe, SearchRecipe
from vnasdsl.train.weights import inherit


@dataclass(frozen=True)
class Trial:
    """Plain data only."""

    id: int
    text: str
    """The network, standing on its own."""
    recipe: dict[str, Any]
    """The search recipe's values."""
    data: str
    """The data set, as `open_data` takes it."""
    classes: int
    seed: int
    """Of weights and dropout; clips are the same for all trials of a search."""
    device: str
    start: bytes | None = None
    """Weights to begin with where names and shapes are equal, as a safetensors file."""


@dataclass(frozen=True)
class Outcome:
    """What comes back. Only `error` is set when a training cannot succeed, such as one that diverges."""

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


def run_trial(trial: Trial) -> Outcome:
    """Train and score a network. Raises: whatever another attempt may not meet again."""
    try:
        return _run(trial)
    except UserError as fault:  # the same again, however often it is tried
        return Outcome(error=fault.message)


def _run(trial: Trial) -> Outcome:
    began = time.monotonic()
    recipe = SearchRecipe.model_validate(trial.recipe)
    network = network_of(trial.text, trial.classes)
    device = pick_device(trial.device)
    data = open_data(trial.data)
    parts = parts_of(data, recipe)
    shape = clip_shape(network.input, recipe)
    faults = FaultLog(recipe.unreadable, report=lambda line: None)
    seed_everything(trial.seed)
    model = build(network)
    matched = inherit(model, safetensors.torch.load(trial.start)).matched if trial.start else ()
    with closing(TrainingClips(parts.train, shape, recipe, faults)) as clips:
        training = NetworkTraining(model, training_recipe(recipe), clips, device)
        quiet = Reporter(quiet=True)
        for epoch in range(1, recipe.epochs + 1):
            require_finite({"epoch": epoch, **training.run_epoch(epoch, quiet)})
    with closing(EvaluationViews(parts.validate, shape, recipe, faults)) as views:
        score: Evaluation = evaluate_views(model, views, data.classes, device, recipe.precision)
    weights = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in model.state_dict().items()}
    return Outcome(
        score.as_dict(),
        safetensors.torch.save(weights),
        learned_edges(model),
        time.monotonic() - began,
        len(matched),
        faults.files,
    )


def network_of(text: str, classes: int) -> Space:
    """The network of a text that stands on its own."""
    return load_source(Source("network.vns", text), None, Overrides(classes=classes)).get()


def build(network: Space) -> nn.Module:
    """The generated module of a network, with new weights."""
    return load_text(compile_network(network, "network.vns"), "Network", Path("network.py"))()


def parts_of(data: DataSet, recipe: SearchRecipe) -> Parts:
    """The three parts of the training videos: by the recipe alone, so alike wherever a trial runs."""
    return Parts(*three_way_split(data.train, recipe.split, recipe.seed))


def training_recipe(recipe: SearchRecipe) -> RetrainRecipe:
    """The short training of a child, as the recipe of one network."""
    shared = set(RetrainRecipe.model_fields) & set(SearchRecipe.model_fields)
    return RetrainRecipe(**{key: getattr(recipe, key) for key in shared})


def learned_edges(model: nn.Module) -> list[list[float]]:
    """The weights from 0 to 1 that each fusion learned for its inputs; fusions in the order of the text."""
    found = []
    for module in model.modules():
        scalars = getattr(module, "edges", None)
        if isinstance(scalars, nn.Parameter) and scalars.requires_grad:  # those that are given are not learned
            found.append([round(value, 6) for value in torch.sigmoid(scalars.detach().double().cpu()).tolist()])
    return found

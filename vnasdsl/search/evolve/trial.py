"""One trial: a network is trained for a short time and scored. It needs only its payload and the videos, so it runs in
this process, in another one, or on another machine.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import safetensors.torch

from vnasdsl.data import FaultLog, open_data
from vnasdsl.elaborate import Overrides, Space
from vnasdsl.elaborate.program import load_source
from vnasdsl.language.diagnostics import UserError
from vnasdsl.language.source import Source
from vnasdsl.search.evolve.edges import learned_edges
from vnasdsl.search.task import Parts
from vnasdsl.train.clips import clip_shape, training_clips
from vnasdsl.train.devices import pick_device, seed_everything
from vnasdsl.train.evaluation import evaluate_videos
from vnasdsl.train.generated import build
from vnasdsl.train.loop import require_finite
from vnasdsl.train.network import NetworkTraining
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


def run_trial(trial: Trial) -> Outcome:
    """Train and score a network. Raises: errors that another attempt may not meet."""
    try:
        return _run(trial)
    except UserError as fault:  # another attempt would meet it again
        return Outcome(error=fault.message)


def _run(trial: Trial) -> Outcome:
    began = time.monotonic()
    recipe: TrialRecipe = recipe_of("search", trial.recipe)
    network = network_of(trial.text, trial.classes)
    device = pick_device(trial.device)
    data = open_data(trial.data)
    parts = Parts.of(data, recipe)
    shape = clip_shape(network.input, recipe)
    faults = FaultLog(recipe.unreadable)
    seed_everything(trial.seed)
    model = build(network)
    matched = inherit(model, safetensors.torch.load(trial.start)).matched if trial.start else ()
    with closing(training_clips(parts.train, shape, recipe, faults)) as clips:
        training = NetworkTraining(model, recipe, clips, device)
        quiet = Reporter(quiet=True)
        for epoch in range(1, recipe.epochs + 1):
            require_finite({"epoch": epoch, **training.run_epoch(epoch, quiet)})
    score = evaluate_videos(model, parts.validate, shape, recipe, data.classes, device, faults)
    return Outcome(
        score.as_dict(),
        weights_bytes(model.state_dict()),
        learned_edges(model),
        time.monotonic() - began,
        len(matched),
        faults.files,
    )


def network_of(text: str, classes: int) -> Space:
    """The network of a .vns source that holds nothing else."""
    return load_source(Source("network.vns", text), None, Overrides(classes=classes)).get()

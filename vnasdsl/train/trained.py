"""Opening a trained network: the folder of a run, or a .vns file with its weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from vnasdsl.elaborate import Overrides, Space, load
from vnasdsl.elaborate.imports import split_target
from vnasdsl.language.diagnostics import UserError
from vnasdsl.train.generated import build
from vnasdsl.train.model_file import Preprocessing, Protocol, model_path, read_model
from vnasdsl.train.recipe_text import resolve_recipe
from vnasdsl.train.weights import load_exactly, weights_for


@dataclass(frozen=True)
class TrainedNetwork:
    """A network with its weights, and how videos reach it."""

    name: str
    network: Space
    module: nn.Module
    """In evaluation mode, on the CPU."""
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    protocol: Protocol


def open_trained(
    target: str | Path, weights: str | Path | None = None, labels: str | Path | None = None
) -> TrainedNetwork:
    """The network of a run's folder, or of `FILE.vns` or `FILE.vns:NAME`.

    weights: instead of those that the model file names, perhaps as `torchvision:FILE`; labels: a file with
    a class name in each line, where there is no model file. Without either, classes are called by their number.
    Raises: VnsError, UserError.
    """
    path, name = split_target(str(target))
    if not path.exists():
        raise UserError(f"there is no network `{target}`", "name the folder of a run, or a .vns file")
    source = path / "network.vns" if path.is_dir() else path
    described = model_path(source)
    if described.is_file() and name is None:
        if labels is not None:
            raise UserError(f"`{described}` names the classes already", "leave the labels out")
        return _described(source, described, weights)
    if path.is_dir():
        raise UserError(
            f"`{path}` has no `{described.name}`, which says how to use its network",
            f"finish the run with --resume, or write it with `vnasdsl derive {path}`",
        )
    if weights is None:
        raise UserError(f"`{target}` has no weights: there is no `{described.name}` beside it", "give --weights")
    names = None if labels is None else _read_labels(Path(labels))
    program = load(source, Overrides(classes=None if names is None else len(names)))
    network = program.get(name)
    recipe = resolve_recipe("evaluate", program.get_recipe("evaluate", network.name))
    protocol = Protocol(clips=recipe.clips, crops=recipe.crops, precision=recipe.precision)
    classes = names or tuple(map(str, range(network.input.classes)))
    return _opened(network, Path(weights), classes, Preprocessing.of(network.inputs.given, recipe), protocol)


def _described(source: Path, described: Path, weights: str | Path | None) -> TrainedNetwork:
    model = read_model(described)
    network = load(model.network.find(source.parent), Overrides(classes=len(model.classes))).get()
    if weights is None and model.weights is None:
        raise UserError(f"`{source}` has no weights: its search trained none", "train it with `vnasdsl retrain`")
    file = model.weights.find(source.parent) if weights is None and model.weights else Path(weights or "")
    return _opened(network, file, model.classes, model.preprocessing, model.protocol)


def _opened(
    network: Space, weights: Path, classes: tuple[str, ...], preprocessing: Preprocessing, protocol: Protocol
) -> TrainedNetwork:
    if network.kind != "network":
        raise UserError(f"`{network.name}` is a space: only a network has weights")
    with torch.random.fork_rng(devices=[]):  # new weights, without changing what is drawn elsewhere
        module = build(network)
    load_exactly(module, weights_for(module.state_dict(), weights), f"`{weights}`")
    return TrainedNetwork(network.name, network, module.eval(), classes, preprocessing, protocol)


def _read_labels(file: Path) -> tuple[str, ...]:
    try:
        names = tuple(line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as fault:
        raise UserError(f"the labels `{file}` cannot be read: {fault}") from None
    if not names or len(set(names)) < len(names):
        raise UserError(f"`{file}` has no class names, or one twice", "write one in each line")
    return names

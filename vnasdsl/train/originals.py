"""Weights of torchvision and pytorchvideo for networks of ours: tensors are matched by shape and order, not by name."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor

from vnasdsl.language.diagnostics import UserError
from vnasdsl.show.zoo import networks_of
from vnasdsl.train.weights import load_weights

LIBRARIES = ("torchvision", "pytorchvideo")
_INSIDE = ("model_state", "state_dict")
"""Where files keep the state dictionary when they hold more."""
_SHORTCUT = re.compile(r"(^|\.)(shortcut|downsample|branch1_\w+)\d*(\.|$)")
"""Shortcuts, which libraries list before or after the layers that they go around."""

_Module: TypeAlias = dict[str, Tensor]
"""The tensors of one module, by their full names."""


def split_library(given: str | Path) -> tuple[str | None, Path]:
    """`torchvision:FILE` as library and file; without a library None."""
    library, colon, file = str(given).partition(":")
    if colon and library in LIBRARIES and not Path(str(given)).exists():
        return library, Path(file)
    return None, Path(given)


def weights_for(own: Mapping[str, Tensor], given: str | Path) -> dict[str, Tensor]:
    """The tensors of a file, or of `torchvision:FILE` by the names of a network's own. Raises: UserError."""
    library, file = split_library(given)
    return load_weights(file) if library is None else by_order(read_original(file), own, str(given))


def read_original(file: Path) -> dict[str, Tensor]:
    """A state dictionary that torch has saved. No code of the file runs. Raises: UserError."""
    if file.suffix == ".safetensors":
        raise UserError(
            f"`{file}` does not keep the order of layers: safetensors files sort them by name",
            "give the .pth or .pyth file that the library published",
        )
    if tuple(map(int, torch.__version__.split(".")[:2])) < (2, 6):
        raise UserError(
            f"files of torch are not safe to read with torch {torch.__version__}",
            "install torch 2.6 or newer, or convert the file to safetensors",
        )
    try:
        found: Any = torch.load(file, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise UserError(f"there is no file `{file}`") from None
    except Exception as fault:  # whatever a damaged or foreign file makes torch's restricted unpickler say
        reason = " ".join(str(fault).split())[:150]
        raise UserError(f"`{file}` is no file of weights: {reason}", "save `model.state_dict()` with torch") from None
    for key in _INSIDE:
        found = found.get(key, found) if isinstance(found, dict) else found
    if not isinstance(found, dict) or not found or not all(isinstance(each, Tensor) for each in found.values()):
        raise UserError(f"`{file}` holds no state dictionary", "save `model.state_dict()` with torch")
    return {str(name): tensor for name, tensor in found.items()}


def by_order(theirs: Mapping[str, Tensor], own: Mapping[str, Tensor], what: str) -> dict[str, Tensor]:
    """The tensors of another program by our names, in our shapes.

    Both list their modules in the order in which data reach them, so the n-th convolution or linear layer of a shape
    here is the n-th of that shape there, and norms belong to the layer that they follow. Only shortcuts are listed in
    different places: they are matched among themselves. Tensors that are left then, such as norms that are listed
    before other layers than they precede, are matched by shape and order where both sides have equally many. What only
    one side has, such as a head for other classes, is left out. Raises: UserError where a shape is found several times
    here and another number of times there, or where most tensors are not there.
    """
    ours, others = _by_kind(own), _by_kind(theirs)
    pairs: dict[str, str] = {}
    for kind, units in ours.items():
        same = others.get(kind, [])
        if same and len(same) != len(units):
            raise _other_layers(
                what, f"it has {len(same)} layers with weights of {_shown(kind)}, the network has {len(units)}"
            )
        for unit, other in zip(units, same, strict=False):
            pairs |= _paired(unit, other)
    left = _by_shape(theirs, set(pairs.values()))
    for shape, names in _by_shape(own, set(pairs)).items():
        if len(left.get(shape, ())) == len(names):
            pairs |= zip(names, left[shape], strict=True)
    learned = sum(tensor.is_floating_point() for tensor in own.values())
    if 2 * len(pairs) < learned:
        raise _other_layers(what, f"it has {len(pairs)} of {learned} tensors")
    fixed = {name: tensor for name, tensor in own.items() if not tensor.is_floating_point()}
    return fixed | {name: theirs[pairs[name]].reshape(own[name].shape) for name in own if name in pairs}


def _other_layers(what: str, reason: str) -> UserError:
    known = ", ".join(networks_of(LIBRARIES))
    help = f"the network must have the layers of the original; of those in `vnasdsl zoo` these have one: {known}"
    return UserError(f"`{what}` does not fit this network: {reason}", help)


def _by_shape(weights: Mapping[str, Tensor], without: set[str]) -> dict[tuple[int, ...], list[str]]:
    found: dict[tuple[int, ...], list[str]] = defaultdict(list)
    for name, tensor in weights.items():
        if tensor.is_floating_point() and name not in without:
            found[_core(tensor)].append(name)
    return found


def _by_kind(weights: Mapping[str, Tensor]) -> dict[Any, list[list[_Module]]]:
    """Layers with the norms that follow them, in their order, by shape and by whether they are in a shortcut."""
    modules: dict[str, _Module] = defaultdict(dict)
    for name, tensor in weights.items():
        if tensor.is_floating_point():
            modules[name.rpartition(".")[0]][name] = tensor
    found: dict[Any, list[list[_Module]]] = defaultdict(list)
    unit: list[_Module] = []
    for name, module in modules.items():
        if not unit or max(map(len, map(_core, module.values()))) > 1:
            unit = []
            found[bool(_SHORTCUT.search(name)), _shapes(module)].append(unit)
        unit.append(module)
    return found


def _paired(unit: Iterable[_Module], other: Iterable[_Module]) -> dict[str, str]:
    """The names of tensors there by the names of ours, for modules whose shapes agree in their order."""
    found: dict[str, str] = {}
    left = list(other)
    for module in unit:
        while left and _shapes(left[0]) != _shapes(module):
            left = left[1:]
        if left:
            found |= zip(module, left.pop(0), strict=True)
    return found


def _core(tensor: Tensor) -> tuple[int, ...]:
    """The shape without ones at its end, as a 1x1x1 convolution is a linear layer; of images with one frame."""
    shape = list(tensor.shape)
    if len(shape) == 4:
        shape.insert(2, 1)
    while shape and shape[-1] == 1:
        shape.pop()
    return tuple(shape)


def _shapes(module: _Module) -> tuple[tuple[int, ...], ...]:
    return tuple(map(_core, module.values()))


def _shown(kind: tuple[bool, tuple[tuple[int, ...], ...]]) -> str:
    shortcut, shapes = kind
    return f"{' and '.join(map(str, shapes))}{' in shortcuts' if shortcut else ''}"

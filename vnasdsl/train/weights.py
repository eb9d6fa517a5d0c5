"""Weights on disk, as safetensors; those of torchvision and pytorchvideo; and which weights a training starts from."""

from __future__ import annotations

import json
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias

import safetensors
import safetensors.torch
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from vnasdsl.files import write_atomic
from vnasdsl.language.diagnostics import UserError
from vnasdsl.show.zoo import networks_of
from vnasdsl.train.recipe_parts import Strict

_DIGEST = "sha256"


def weights_bytes(weights: Mapping[str, Tensor], about: Mapping[str, str] | None = None) -> bytes:
    """A safetensors file with tensors by name. Its header holds `about` and a SHA-256 of everything else in the file.

    The same input gives the same bytes.
    """
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in weights.items()}
    header, data = _parts(safetensors.torch.save(plain, metadata={"format": "pt", **(about or {})}))
    header["__metadata__"][_DIGEST] = _digest(header, data)
    text = _text(header)
    text += b" " * (-len(text) % 8)
    return b"".join((len(text).to_bytes(8, "little"), text, data))


def save_weights(path: Path, weights: Mapping[str, Tensor], about: Mapping[str, str] | None = None) -> None:
    """Write `weights_bytes`, atomically."""
    write_atomic(path, weights_bytes(weights, about))


def load_weights(path: Path) -> dict[str, Tensor]:
    """Tensors by name, on the CPU. Raises: UserError when the file is missing, damaged or no safetensors file."""
    return read_weights(path)[0]


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The same, and what the header says about them.

    A file that vnasdsl wrote is compared with its checksum; those of others have none.
    """
    try:
        content = path.read_bytes()
        tensors = safetensors.torch.load(content)
        header, data = _parts(content)
    except FileNotFoundError:
        raise UserError(f"there is no file `{path}`") from None
    except (safetensors.SafetensorError, OSError, ValueError) as fault:
        raise UserError(
            f"`{path}` is not a safetensors file: {' '.join(str(fault).split())}",
            "weights are read from .safetensors files only: pickled files can run arbitrary code",
        ) from None
    about = header.get("__metadata__", {})
    if about.pop(_DIGEST, None) not in (None, _digest(header, data)):
        raise UserError(
            f"`{path}` is damaged: its content does not match its checksum", "restore it from a copy, or make it anew"
        )
    return tensors, about


def _parts(file: bytes) -> tuple[dict[str, Any], memoryview]:
    """The header of a safetensors file and what follows it."""
    end = 8 + int.from_bytes(file[:8], "little")
    return json.loads(file[8:end]), memoryview(file)[end:]


def _text(header: Mapping[str, Any]) -> bytes:
    return json.dumps(header, sort_keys=True, separators=(",", ":")).encode()


def _digest(header: Mapping[str, Any], data: memoryview) -> str:
    digest = sha256(_text(header))
    digest.update(data)
    return digest.hexdigest()


@dataclass(frozen=True)
class Inheritance:
    """How a set of weights fits a network, by state-dict name."""

    matched: tuple[str, ...]
    missing: tuple[str, ...]
    """In the network, not in the weights."""
    unused: tuple[str, ...]
    """In the weights, not in the network."""
    misshapen: tuple[str, ...]
    """In both, with different shapes: `name: file (2, 3), network (2, 4)`."""

    @property
    def differences(self) -> str:
        """What does not fit; empty when everything does."""
        found = {"missing from the file": self.missing, "unused": self.unused, "of another shape": self.misshapen}
        return "; ".join(
            f"{len(names)} {words} ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
            for words, names in found.items()
            if names
        )

    def text(self) -> str:
        matched = f"{len(self.matched)} tensors matched by name and shape"
        return f"{matched}; {self.differences}" if self.differences else matched


def compare(own: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> Inheritance:
    """Which tensors of a network (`own`) can be taken from some weights."""
    common = [name for name in own if name in weights]
    return Inheritance(
        tuple(name for name in common if own[name].shape == weights[name].shape),
        tuple(name for name in own if name not in weights),
        tuple(name for name in weights if name not in own),
        tuple(
            f"{name}: file {tuple(weights[name].shape)}, network {tuple(own[name].shape)}"
            for name in common
            if own[name].shape != weights[name].shape
        ),
    )


def inherit(model: nn.Module, weights: Mapping[str, Tensor]) -> Inheritance:
    """Copy every tensor that fits by name and shape into the model."""
    own = model.state_dict()
    found = compare(own, weights)
    with torch.no_grad():
        for name in found.matched:
            own[name].copy_(weights[name])
    return found


def load_exactly(model: nn.Module, weights: Mapping[str, Tensor], what: str) -> None:
    """Copy weights that must fit the model in every name and shape. Raises: UserError naming what differs."""
    differences = compare(model.state_dict(), weights).differences
    if differences:
        raise UserError(
            f"{what} does not fit this network: {differences}",
            "it was saved from another network, or for another number of classes",
        )
    model.load_state_dict(dict(weights))


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


FACTOR = "factor"
"""In a group of parameters of an optimiser: its learning rate as a multiple of the recipe's."""


class _Rules(Strict):
    """A mapping file: regular expressions and what replaces them (`re.sub`), applied to each name in their order."""

    rules: list[tuple[str, str]]


def read_mapping(given: str) -> list[tuple[re.Pattern[str], str]]:
    """The rules of a TOML file. Raises: UserError."""
    try:
        rules = _Rules.model_validate(tomllib.loads(Path(given).read_text(encoding="utf-8")), strict=False).rules
        return [(re.compile(pattern), name) for pattern, name in rules]
    except OSError as fault:
        raise UserError(f"the mapping `{given}` cannot be read: {fault.strerror}") from None
    except (ValueError, ValidationError, re.error) as fault:
        reason = " ".join(str(fault).split())[:200]
        raise UserError(
            f"`{given}` is no mapping: {reason}",
            "it is TOML: rules = [['their name, a regular expression', 'ours'], ...]",
        ) from None


def renamed(weights: Mapping[str, Tensor], rules: Iterable[tuple[re.Pattern[str], str]]) -> dict[str, Tensor]:
    """Weights by the names that the rules make of theirs. Raises: UserError when two get the same one."""
    rules, found, origin = list(rules), dict[str, Tensor](), dict[str, str]()
    for theirs, tensor in weights.items():
        ours = theirs
        for pattern, name in rules:
            try:
                ours = pattern.sub(name, ours)
            except (re.error, IndexError) as fault:
                raise UserError(f"the mapping of `{theirs}` fails: {fault}") from None
        if ours in found:
            raise UserError(f"the mapping calls both `{origin[ours]}` and `{theirs}` `{ours}`")
        found[ours], origin[ours] = tensor, theirs
    return found


def in_shape(weights: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of 1x1x1 convolutions for linear layers, and the other way round, in the shape of the network's own."""

    def core(shape: Sequence[int]) -> str:
        return re.sub(r"(, 1)+$", "", ", ".join(map(str, shape)))

    return {
        name: tensor.reshape(own[name].shape) if name in own and core(tensor.shape) == core(own[name].shape) else tensor
        for name, tensor in weights.items()
    }


# ------------------------------------------------------------------ what learns, and how fast


def freeze(model: nn.Module, patterns: Sequence[str]) -> list[nn.Module]:
    """Stop the parameters of parts from learning; the parts, whose batch norms must stay in evaluation mode.

    Raises: UserError for a pattern without a part.
    """
    frozen = [module for pattern in patterns for _, module in _named_parts(model, pattern, "freeze")]
    for module in frozen:
        module.requires_grad_(False)
    if frozen and not any(parameter.requires_grad for parameter in model.parameters()):
        raise UserError("`freeze` leaves nothing to learn", "freeze fewer parts")
    return frozen


def parameter_groups(model: nn.Module, rates: Sequence[str]) -> list[dict[str, Any]]:
    """The learning parameters in groups, each with its `factor`: of the first of `rates` (`part=factor`) that names it.

    Raises: UserError for a pattern without a part.
    """
    factors: dict[int, float] = {}
    for rate in rates:
        pattern, _, factor = rate.rpartition("=")
        for _, module in _named_parts(model, pattern, "rates"):
            for parameter in module.parameters():
                factors.setdefault(id(parameter), float(factor))
    groups: dict[float, list[nn.Parameter]] = {1.0: []}
    for parameter in model.parameters():
        if parameter.requires_grad:
            groups.setdefault(factors.get(id(parameter), 1.0), []).append(parameter)
    return [{"params": parameters, FACTOR: factor} for factor, parameters in groups.items() if parameters]


def _named_parts(model: nn.Module, pattern: str, key: str) -> list[tuple[str, nn.Module]]:
    """The modules whose dotted name is of the pattern: `s1`, `s?.units`, `*.bn`."""
    found = [(name, module) for name, module in model.named_modules() if name and fnmatchcase(name, pattern)]
    if not found:
        known = ", ".join(f"`{name}`" for name, _ in model.named_children())
        raise UserError(f"`{key}` names `{pattern}`, and the network has no such part", f"it begins with {known}")
    return found

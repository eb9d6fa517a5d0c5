"""Weights on disk: safetensors only. Nothing here, or anywhere, unpickles a file it was given."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from vnasdsl.files import write_atomic
from vnasdsl.language.diagnostics import UserError


def save_weights(path: Path, weights: Mapping[str, Tensor], about: Mapping[str, str] | None = None) -> None:
    """Write tensors by name; `about` goes into the header."""
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in weights.items()}
    write_atomic(path, _ordered(safetensors.torch.save(plain, metadata={"format": "pt", **(about or {})})))


def _ordered(file: bytes) -> bytes:
    """The same safetensors file with the keys of its header in order: the library writes `about` in any order."""
    end = 8 + int.from_bytes(file[:8], "little")
    header = json.dumps(json.loads(file[8:end]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + file[end:]


def load_weights(path: Path) -> dict[str, Tensor]:
    """Tensors by name, on the CPU. Raises: UserError when the file is missing, damaged or no safetensors file."""
    try:
        return safetensors.torch.load_file(path)
    except FileNotFoundError:
        raise UserError(f"there is no file `{path}`") from None
    except (safetensors.SafetensorError, OSError, ValueError) as fault:
        detail = " ".join(str(fault).split())
        raise UserError(
            f"`{path}` is not a safetensors file: {detail}",
            "weights are read from .safetensors only; files that have to be unpickled can run any code and are refused",
        ) from None


@dataclass(frozen=True)
class Inheritance:
    """What a network took from a set of weights."""

    matched: tuple[str, ...]
    missing: tuple[str, ...]
    """In the network, not in the weights."""
    unused: tuple[str, ...]
    """In the weights, not in the network."""
    misshapen: tuple[str, ...]
    """In both, with different shapes: `name: file (2, 3), network (2, 4)`."""

    def text(self) -> str:
        parts = [f"{len(self.matched)} tensors matched by name and shape"]
        for words, names in (
            ("missing from the file", self.missing),
            ("of the file unused", self.unused),
            ("of another shape", self.misshapen),
        ):
            if names:
                shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
                parts.append(f"{len(names)} {words} ({shown})")
        return "; ".join(parts)


def inherit(model: nn.Module, weights: Mapping[str, Tensor]) -> Inheritance:
    """Copy every tensor that fits by name and shape into the model."""
    own = model.state_dict()
    matched = [name for name in own if name in weights and own[name].shape == weights[name].shape]
    with torch.no_grad():
        for name in matched:
            own[name].copy_(weights[name])
    return Inheritance(
        tuple(matched),
        tuple(name for name in own if name not in weights),
        tuple(name for name in weights if name not in own),
        tuple(
            f"{name}: file {tuple(weights[name].shape)}, network {tuple(own[name].shape)}"
            for name in own
            if name in weights and own[name].shape != weights[name].shape
        ),
    )


def load_exactly(model: nn.Module, weights: Mapping[str, Tensor], what: str) -> None:
    """Copy weights that must fit the model in every name and shape. Raises: UserError naming what differs."""
    own = model.state_dict()
    fits = own.keys() == weights.keys() and all(own[name].shape == weights[name].shape for name in own)
    if not fits:
        probe = {
            name: tensor for name, tensor in own.items() if name in weights and tensor.shape == weights[name].shape
        }
        missing = [name for name in own if name not in weights]
        unused = [name for name in weights if name not in own]
        misshapen = [
            f"{name} is {tuple(weights[name].shape)}, not {tuple(own[name].shape)}"
            for name in own
            if name in weights and name not in probe
        ]
        details = [
            f"{len(names)} {words} ({', '.join(names[:2])}{', ...' if len(names) > 2 else ''})"
            for words, names in (("missing", missing), ("unknown", unused), ("of another shape", misshapen))
            if names
        ]
        raise UserError(
            f"{what} does not fit this network: {'; '.join(details)}",
            "were they made from another text, or for another number of classes?",
        )
    model.load_state_dict(dict(weights))

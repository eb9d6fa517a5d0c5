"""Weights on disk: safetensors only. `originals.py` reads files of other libraries."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from vnasdsl.files import write_atomic
from vnasdsl.language.diagnostics import UserError

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

"""Training state on disk without pickle: numbers and structure as JSON, tensors as safetensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vnasdsl.files import write_atomic
from vnasdsl.language.diagnostics import UserError
from vnasdsl.train.weights import load_weights, save_weights

_VALUES, _TENSORS = "state.json", "state.safetensors"


def save_state(folder: Path, state: Mapping[str, Any]) -> None:
    """Write nested dicts, lists, tuples, numbers, strings and tensors into two files of a folder."""
    tensors: dict[str, Tensor] = {}
    values = _encode(dict(state), tensors)
    save_weights(folder / _TENSORS, tensors)
    write_atomic(folder / _VALUES, json.dumps(values) + "\n")


def load_state(folder: Path) -> dict[str, Any]:
    """What `save_state` wrote, tensors on the CPU. Raises: UserError when a file is missing or damaged."""
    tensors = load_weights(folder / _TENSORS)
    path = folder / _VALUES
    try:
        state = _decode(json.loads(path.read_text(encoding="utf-8")), tensors)
        if not isinstance(state, dict):
            raise ValueError("it holds no state")
    except FileNotFoundError:
        raise UserError(f"there is no file `{path}`") from None
    except (KeyError, TypeError, ValueError, RecursionError, OSError) as fault:
        summary = " ".join(str(fault).split())[:120]
        raise UserError(f"`{path}` is not a checkpoint of vnasdsl, or is damaged: {summary}") from None
    return state


def _encode(value: Any, tensors: dict[str, Tensor]) -> Any:
    """A value as JSON, its tensors put into `tensors`. What JSON lacks becomes an object with one key: its kind."""
    if isinstance(value, Tensor):
        name = str(len(tensors))
        tensors[name] = value
        return {"tensor": name}
    if isinstance(value, Mapping):  # as pairs: optimiser states have integer keys
        return {"dict": [[key, _encode(item, tensors)] for key, item in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": [_encode(item, tensors) for item in value]}
    if isinstance(value, list):
        return [_encode(item, tensors) for item in value]
    return value


def _decode(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    if isinstance(value, list):
        return [_decode(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "tensor":
        return torch.clone(tensors[content])
    if kind == "tuple":
        return tuple(_decode(item, tensors) for item in content)
    if kind == "dict":
        return {key: _decode(item, tensors) for key, item in content}
    raise ValueError(f"`{kind}` is unknown")

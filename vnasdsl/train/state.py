"""The state of a training on disk without pickle: numbers and structure as JSON, tensors as safetensors."""

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
    """Write dicts, lists, tuples, numbers, texts and tensors, nested at will, into two files of a folder."""
    tensors: dict[str, Tensor] = {}
    values = _plain(dict(state), tensors)
    save_weights(folder / _TENSORS, tensors)
    write_atomic(folder / _VALUES, json.dumps(values) + "\n")


def load_state(folder: Path) -> dict[str, Any]:
    """What `save_state` wrote; tensors on the CPU. Raises: UserError when a file is missing, damaged or not ours."""
    tensors = load_weights(folder / _TENSORS)
    path = folder / _VALUES
    try:
        state = _whole(json.loads(path.read_text(encoding="utf-8")), tensors)
        if not isinstance(state, dict):
            raise ValueError("it holds no state")
    except FileNotFoundError:
        raise UserError(f"there is no file `{path}`") from None
    except (KeyError, TypeError, ValueError, RecursionError, OSError) as fault:
        summary = " ".join(str(fault).split())[:120]
        raise UserError(f"`{path}` is not a checkpoint of vnasdsl, or is damaged: {summary}") from None
    return state


def _plain(value: Any, tensors: dict[str, Tensor]) -> Any:
    """JSON of a value; its tensors go into `tensors`. What JSON lacks is an object of one key that says what it is."""
    if isinstance(value, Tensor):
        name = str(len(tensors))
        tensors[name] = value
        return {"tensor": name}
    if isinstance(value, Mapping):  # as pairs: the states of optimisers are counted by whole numbers
        return {"dict": [[key, _plain(item, tensors)] for key, item in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": [_plain(item, tensors) for item in value]}
    if isinstance(value, list):
        return [_plain(item, tensors) for item in value]
    return value


def _whole(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    if isinstance(value, list):
        return [_whole(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "tensor":
        return torch.clone(tensors[content])
    if kind == "tuple":
        return tuple(_whole(item, tensors) for item in content)
    if kind == "dict":
        return {key: _whole(item, tensors) for key, item in content}
    raise ValueError(f"`{kind}` is unknown")

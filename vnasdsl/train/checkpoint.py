"""Checkpoints: everything needed to continue after the last finished epoch, complete whenever a kill comes.

checkpoints/epoch-0012/weights.safetensors    parameters and buffers
checkpoints/epoch-0012/state.json             optimisers, random generators, epoch; their tensors in state.safetensors
checkpoints/index.json                        {"last": "epoch-0012", "best": "epoch-0010"}

Nothing is pickled or unpickled.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vnasdsl.files import write_atomic
from vnasdsl.language.diagnostics import UserError
from vnasdsl.train.weights import load_weights, save_weights

_INDEX = "index.json"
_VALUES, _TENSORS = "state.json", "state.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """The state after `epoch` finished epochs."""

    epoch: int
    weights: dict[str, Tensor]
    state: dict[str, Any]


class Checkpoints:
    """The checkpoints of a run: the last one and the best one are kept."""

    def __init__(self, folder: Path):
        self.folder = folder

    def save(self, epoch: int, weights: Mapping[str, Tensor], state: Mapping[str, Any], best: bool = False) -> None:
        """Keep the state after `epoch` finished epochs as the last checkpoint, and with `best` as the best one too."""
        name = f"epoch-{epoch:04d}"
        final, temporary = self.folder / name, self.folder / f".{name}.tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        save_weights(temporary / "weights.safetensors", weights)
        _save_state(temporary, {"epoch": epoch, **state})
        shutil.rmtree(final, ignore_errors=True)
        temporary.rename(final)
        _flush_folder(self.folder)
        index = {**self.index(), "last": name, **({"best": name} if best else {})}
        write_atomic(self.folder / _INDEX, json.dumps(index) + "\n")
        for old in self.folder.iterdir():
            if old.is_dir() and old.name not in index.values():
                shutil.rmtree(old, ignore_errors=True)

    def index(self) -> dict[str, str]:
        """Names of the kept checkpoints by role; empty before the first. Raises: UserError when it is damaged."""
        path = self.folder / _INDEX
        try:
            index = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(index, dict) or not all(map(_is_plain_name, index.values())):
                raise ValueError("not an index")
        except FileNotFoundError:
            return {}
        except (ValueError, OSError) as fault:
            raise UserError(f"`{path}` is damaged: {fault}") from None
        return index

    def find(self, which: str) -> Path:
        """The folder of a checkpoint, by role ("last", "best") or name ("epoch-0012"). Raises: UserError."""
        index = self.index()
        if not index:
            raise UserError(f"`{self.folder.parent}` has no checkpoint yet", "continue the run with --resume")
        name = index.get(which, which)
        if name not in index.values():
            known = ", ".join(f"`{role}` ({kept})" for role, kept in index.items())
            raise UserError(f"`{self.folder}` has no checkpoint `{which}`", f"its checkpoints are {known}")
        return self.folder / name

    def load(self, which: str = "last") -> Checkpoint:
        """The checkpoint `find` names. Nothing in it is executed. Raises: UserError when it is missing or damaged."""
        folder = self.find(which)
        weights = load_weights(folder / "weights.safetensors")
        state = _load_state(folder)
        epoch = state.get("epoch")
        if not isinstance(epoch, int):
            raise UserError(f"`{folder}` is not a checkpoint of vnasdsl: its state has no epoch")
        return Checkpoint(epoch, weights, state)


def _is_plain_name(name: object) -> bool:
    return isinstance(name, str) and Path(name).name == name and name not in ("", ".", "..")


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _save_state(folder: Path, state: Mapping[str, Any]) -> None:
    """Write nested dicts, lists, tuples, numbers, strings and tensors into two files of a folder."""
    tensors: dict[str, Tensor] = {}
    values = _encode(dict(state), tensors)
    save_weights(folder / _TENSORS, tensors)
    write_atomic(folder / _VALUES, json.dumps(values) + "\n")


def _load_state(folder: Path) -> dict[str, Any]:
    """What `_save_state` wrote, tensors on the CPU. Raises: UserError when a file is missing or damaged."""
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

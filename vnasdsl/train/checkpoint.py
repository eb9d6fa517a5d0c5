"""Checkpoints: everything needed to continue after the last finished epoch, complete whenever a kill comes.

checkpoints/epoch-0012/weights.safetensors    parameters and buffers
checkpoints/epoch-0012/state.safetensors      epoch, optimisers, random generators: values in its header, and tensors
checkpoints/index.json                        {"last": "epoch-0012", "previous": "epoch-0011", "best": "epoch-0010"}

Both files hold a checksum of their content. Nothing is pickled or unpickled.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vnasdsl.files import flush_folder, make_folder, write_atomic
from vnasdsl.language.diagnostics import UserError
from vnasdsl.train.weights import load_weights, read_weights, save_weights

_INDEX = "index.json"
_WEIGHTS, _STATE = "weights.safetensors", "state.safetensors"
_ROLES = ("last", "previous", "best")


@dataclass(frozen=True)
class Checkpoint:
    """The state after `epoch` finished epochs."""

    epoch: int
    weights: dict[str, Tensor]
    state: dict[str, Any]


class Checkpoints:
    """The checkpoints of a run: the last one, the one before it and the best one are kept."""

    def __init__(self, folder: Path):
        self.folder = folder

    def save(self, epoch: int, weights: Mapping[str, Tensor], state: Mapping[str, Any], best: bool = False) -> None:
        """Keep the state after `epoch` finished epochs as the last checkpoint, and with `best` as the best one too."""
        name = folder_name(epoch)
        final, temporary = self.folder / name, self.folder / f".{name}.tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        make_folder(temporary)
        save_weights(temporary / _WEIGHTS, weights)
        _save_state(temporary / _STATE, {"epoch": epoch, **state})
        shutil.rmtree(final, ignore_errors=True)
        temporary.rename(final)
        flush_folder(self.folder)
        before = self.index()
        roles = {"last": name, "previous": before.get("last"), "best": name if best else before.get("best")}
        index = self._write_index(roles)
        for old in self.folder.iterdir():
            if old.is_dir() and old.name not in index.values():
                shutil.rmtree(old, ignore_errors=True)

    def _write_index(self, roles: Mapping[str, str | None]) -> dict[str, str]:
        index = {role: name for role, name in roles.items() if name is not None}
        write_atomic(self.folder / _INDEX, json.dumps(index) + "\n")
        return index

    def resume(self, warn: Callable[[str], None]) -> Checkpoint | None:
        """The checkpoint to go on from: the last one, or where that is damaged the newest whole one, which then counts
        as the last; `warn` is told. None when there is none yet. Raises: UserError when all are damaged."""
        try:
            index = self.index()
        except UserError as fault:
            warn(fault.message)
            index = {}
        names = [index[role] for role in _ROLES if role in index] or self._folders()
        damaged: dict[str, str] = {}
        for name in dict.fromkeys(names):
            try:
                found = self._read(self.folder / name)
            except UserError as fault:
                damaged[name] = fault.message
                continue
            if damaged or not index:
                reasons = "".join(f"{reason}; " for reason in damaged.values())
                warn(f"{reasons}going on from the checkpoint `{name}`")
                best = index.get("best", name)  # of those that are left the best is not known
                self._write_index({"last": name, "best": name if best in damaged else best})
            return found
        if damaged:
            raise UserError(
                f"every checkpoint of `{self.folder.parent}` is damaged: {'; '.join(damaged.values())}",
                f"restore `{self.folder}` from a copy, or start a new run with another --out",
            )
        return None

    def _folders(self) -> list[str]:
        """What checkpoints there are without an index, the newest first."""
        names = (path.name for path in self.folder.glob("epoch-*") if path.is_dir())
        return sorted(names, key=lambda name: (len(name), name), reverse=True)

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
        try:
            return self._read(folder)
        except UserError as fault:
            raise UserError(
                fault.message, "take another one by --checkpoint; a run that goes on with --resume makes it anew"
            ) from None

    def _read(self, folder: Path) -> Checkpoint:
        weights = load_weights(folder / _WEIGHTS)
        state = _load_state(folder / _STATE)
        epoch = state.get("epoch")
        if not isinstance(epoch, int):
            raise UserError(f"`{folder}` is not a checkpoint of vnasdsl: its state has no epoch")
        return Checkpoint(epoch, weights, state)


def folder_name(epoch: int) -> str:
    """Of the checkpoint after some epochs."""
    return f"epoch-{epoch:04d}"


def _is_plain_name(name: object) -> bool:
    return isinstance(name, str) and Path(name).name == name and name not in ("", ".", "..")


def _save_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write nested dicts, lists, tuples, numbers, strings and tensors."""
    tensors: dict[str, Tensor] = {}
    values = _encode(dict(state), tensors)
    save_weights(path, tensors, {"state": json.dumps(values, allow_nan=False)})


def _load_state(path: Path) -> dict[str, Any]:
    """What `_save_state` wrote, tensors on the CPU. Raises: UserError when the file is missing or damaged."""
    tensors, about = read_weights(path)
    try:
        state = _decode(json.loads(about["state"]), tensors)
        if not isinstance(state, dict):
            raise ValueError("it holds no state")
    except (KeyError, TypeError, ValueError, RecursionError) as fault:
        summary = " ".join(str(fault).split())[:120]
        raise UserError(f"`{path}` is not a checkpoint of vnasdsl: {summary}") from None
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

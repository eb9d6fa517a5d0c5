"""Checkpoints: everything needed to continue after the last finished epoch, complete whenever a kill comes.

checkpoints/epoch-0012/weights.safetensors    parameters and buffers
checkpoints/epoch-0012/state.safetensors      epoch, optimisers, random generators: values in its header, and tensors
checkpoints/best                              the name of the best of them, where epochs are scored

The last two and the best stay. Both files hold a checksum of their content. Nothing is pickled or unpickled.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vnasdsl.files import flush_folder, make_folder, write_atomic
from vnasdsl.language.diagnostics import UserError
from vnasdsl.train.weights import load_weights, read_weights, save_weights

_BEST = "best"
_WEIGHTS, _STATE = "weights.safetensors", "state.safetensors"


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
        if best:  # before it is there: a kill in between repeats the epoch, which is the best one then too
            write_atomic(self.folder / _BEST, name)
        shutil.rmtree(final, ignore_errors=True)
        temporary.rename(final)
        flush_folder(self.folder)
        kept = {*self._names()[:2], self.index().get("best")}
        for old in self.folder.iterdir():
            if old.is_dir() and old.name not in kept:
                shutil.rmtree(old, ignore_errors=True)

    def resume(self, warn: Callable[[str], None]) -> Checkpoint | None:
        """The checkpoint to go on from: the newest that is not damaged. Damaged ones are removed, and `warn` is told.
        None when there is none yet. Raises: UserError when all are damaged."""
        damaged: dict[str, str] = {}
        for name in self._names():
            try:
                found = self._read(self.folder / name)
            except UserError as fault:
                damaged[name] = fault.message
                continue
            if damaged:
                warn(f"{'; '.join(damaged.values())}; going on from the checkpoint `{name}`")
                for lost in damaged:
                    shutil.rmtree(self.folder / lost, ignore_errors=True)
            return found
        if damaged:
            raise UserError(
                f"every checkpoint of `{self.folder.parent}` is damaged: {'; '.join(damaged.values())}",
                f"restore `{self.folder}` from a copy, or start a new run with another --out",
            )
        return None

    def _names(self) -> list[str]:
        """Of all checkpoints, the newest first."""
        names = (path.name for path in self.folder.glob("epoch-*") if path.is_dir())
        return sorted(names, key=lambda name: (len(name), name), reverse=True)

    def index(self) -> dict[str, str]:
        """Names of the kept checkpoints by role; empty before the first."""
        names = self._names()
        index = dict(zip(("last", "previous"), names, strict=False))
        with suppress(OSError, UnicodeDecodeError):
            best = (self.folder / _BEST).read_text(encoding="utf-8")
            if best in names:
                index["best"] = best
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

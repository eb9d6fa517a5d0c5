"""The module that a command names: `module.py:Class`, `package.module:function`. This runs Python of the user."""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from vnasdsl.language.diagnostics import UserError, did_you_mean


def load_module(target: str, arguments: dict[str, str]) -> nn.Module:
    """Import the file or package, and call the class or function. Values of arguments are JSON, else words.

    Raises: UserError.
    """
    place, colon, name = target.rpartition(":")
    if not colon or not place or not name:
        help = "write `module.py:Class` or `package.module:function`"
        raise UserError(f"`{target}` names no class or function", help)
    found = _file(Path(place)) if place.endswith(".py") else _package(place)
    if not hasattr(found, name):
        known = [each for each in vars(found) if not each.startswith("_")]
        raise UserError(f"`{place}` has no `{name}`", did_you_mean(name, known))
    made = getattr(found, name)
    if callable(made) and not isinstance(made, nn.Module):
        try:
            made = made(**{key: _value(text) for key, text in arguments.items()})
        except Exception as fault:  # whatever it raises
            help = "give its arguments with `--arg NAME=VALUE`, or name a function without arguments"
            raise UserError(f"`{name}` cannot be called: {_said(fault)}", help) from None
    if not isinstance(made, nn.Module):
        raise UserError(f"`{target}` gives a {type(made).__name__}, not a torch.nn.Module")
    return made


def _file(path: Path) -> ModuleType:
    if not path.is_file():
        raise UserError(f"there is no file `{path}`")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)  # for dataclasses and the like; never in the place of another module
    sys.path.insert(0, str(path.resolve().parent))
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as fault:
        raise UserError(f"`{path}` cannot be imported: {_said(fault)}") from None
    finally:
        sys.path.pop(0)
    return module


def _package(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as fault:
        help = "for a file write its path: `./module.py:Class`"
        raise UserError(f"`{name}` cannot be imported: {_said(fault)}", help) from None


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _said(fault: BaseException) -> str:
    return f"{type(fault).__name__}: {' '.join(str(fault).split())[:300]}"

"""Running code that our own compiler wrote into a run folder."""

from __future__ import annotations

import importlib.util
from importlib.abc import InspectLoader
from pathlib import Path
from typing import Any, cast

from torch import nn

from vnasdsl.language.diagnostics import UserError


class _TextLoader(InspectLoader):
    """Loads a module from a text in memory, so that what was checked is what runs."""

    def __init__(self, text: str, path: Path):
        self.text = text
        self.path = path

    def get_source(self, fullname: str) -> str:
        return self.text


def load_generated(path: Path, class_name: str, compiled: str) -> type[nn.Module]:
    """The class of a generated module, executed only if the file is what the compiler makes now.

    path: the file; class_name: "Supernet" or "Network"; compiled: what the compiler makes of the text today.
    Raises: UserError when the file was edited, or comes from another version of the compiler.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"there is no file `{path}`") from None
    except (OSError, UnicodeDecodeError) as fault:
        raise UserError(f"`{path}` cannot be read: {fault}") from None
    if text != compiled:
        raise UserError(
            f"`{path}` is not what the compiler makes of the text beside it, so it is not run",
            "it was edited, or written by another version of vnasdsl; edit the .vns text instead",
        )
    return load_text(compiled, class_name, path)


def load_text(text: str, class_name: str, path: Path) -> type[nn.Module]:
    """The class of a module whose text the caller has just compiled; `path` is what tracebacks show."""
    spec = importlib.util.spec_from_loader(f"generated_{path.stem}", _TextLoader(text, path), origin=str(path))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return cast(type[nn.Module], cast(Any, module).__dict__[class_name])

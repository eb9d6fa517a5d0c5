"""Running the code that the compiler writes into a run folder."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import cast

from torch import nn

from vnasdsl.codegen import compile_network
from vnasdsl.elaborate import Space
from vnasdsl.files import write_atomic
from vnasdsl.language.diagnostics import UserError
from vnasdsl.train.inputs import taking_inputs


def load_generated(path: Path, class_name: str, source: str) -> type[nn.Module]:
    """Write generated code to `path`, and load its class. Raises: UserError when there is another file."""
    if not path.exists():
        write_atomic(path, source)
    try:
        found = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise UserError(f"`{path}` cannot be read: {fault}") from None
    if found != source:
        raise UserError(
            f"`{path}` is not what the compiler generates, so it is not run",
            "it was edited, or written by another version of vnasdsl; edit the .vns file instead",
        )
    return load_class(source, class_name, path)


def load_class(source: str, class_name: str, path: Path) -> type[nn.Module]:
    """The class of a module that the caller has just compiled; `path` is what tracebacks show."""
    module = ModuleType(f"generated_{path.stem}")
    exec(compile(source, path, "exec", dont_inherit=True), module.__dict__)  # noqa: S102
    return cast(type[nn.Module], module.__dict__[class_name])


def build(network: Space) -> nn.Module:
    """The generated module of a network, with new weights."""
    model = load_class(compile_network(network, "network.vns"), "Network", Path("network.py"))()
    return cast(nn.Module, taking_inputs(model, network.inputs.given))

"""The catalogue of layers: every `Layer` in a file of this folder is part of the language."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

from vnasdsl.layers.base import Layer


def layers_of(module: ModuleType) -> list[Layer]:
    """The layers that a module defines, alone or in a tuple."""
    values = [item for value in vars(module).values() for item in (value if isinstance(value, tuple) else (value,))]
    return [value for value in values if isinstance(value, Layer)]


def _catalogue() -> dict[str, Layer]:
    modules = (import_module(f"{__name__}.{info.name}") for info in iter_modules(__path__))
    layers = [layer for module in modules for layer in layers_of(module)]
    return {layer.name: layer for layer in sorted(layers, key=lambda layer: layer.name)}


CATALOGUE: dict[str, Layer] = _catalogue()
"""Every layer by name, in alphabetical order."""

"""What layers a text can use: those of the language, and those that its project adds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from vnasdsl.layers import CATALOGUE
from vnasdsl.layers.base import Layer


class LayerFile(NamedTuple):
    """A file of a project that defines layers: its path from the root of the project, and its text."""

    name: str
    text: str


@dataclass(frozen=True, eq=False)
class Catalogue:
    """Immutable. Every file that is loaded has its own, so projects in one process do not mix."""

    layers: Mapping[str, Layer]
    """Every layer by name, in alphabetical order."""
    files: tuple[LayerFile, ...] = ()
    """The files of the project that were run for it."""
    classes: Mapping[str, str] = field(default_factory=dict)
    """The Python source of the classes that layers of the project bring along, by name."""

    @cached_property
    def words(self) -> frozenset[str]:
        """Words that only layers of the project take as values."""
        own = (layer for name, layer in self.layers.items() if name not in CATALOGUE)
        return frozenset(word for layer in own for p in layer.parameters for word in p.words)


SHIPPED = Catalogue(CATALOGUE)
"""The layers of the language alone."""

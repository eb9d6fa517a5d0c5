"""The variables of forward methods: which names they have, and what can be read where."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from vnasdsl.codegen.units import Flow, Line
from vnasdsl.elaborate.names import BUILTINS, WORDS_OF_PYTHON

TAKEN = frozenset({"x", "self", "F", "nn", "torch", "math", "Tensor", "l", "I", "O", *BUILTINS, *WORDS_OF_PYTHON})
"""Names that a forward method uses itself, and those that are easily mistaken for digits."""
SHORTCUT = re.compile(r"shortcut\d*")


@dataclass
class Wire:
    """A value that can be read by name."""

    variable: str
    flow: Flow
    line: Line | None = None
    """The line that makes it."""
    read: bool = False


@dataclass
class Scope:
    """What can be read at a place. Parts of one body share the names of variables."""

    wires: dict[str, Wire] = field(default_factory=dict)
    variables: set[str] = field(default_factory=set)

    def inner(self) -> Scope:
        """A scope whose lines are not read outside of it."""
        return Scope(dict(self.wires), self.variables)

    def add(self, name: str, flow: Flow, line: Line | None = None) -> Wire:
        wire = Wire(self.variable(name), flow, line)
        self.wires[name] = wire
        if line is not None:
            line.variable = wire.variable
        return wire

    def variable(self, name: str) -> str:
        """A name of Python for a line: its own one, with underscores where that is taken."""
        while name in TAKEN or name in self.variables or SHORTCUT.fullmatch(name):
            name += "_"
        self.variables.add(name)
        return name

    def read(self, name: str) -> Wire:
        wire = self.wires[name]
        wire.read = True
        if wire.line is not None:
            wire.line.read = True
        return wire

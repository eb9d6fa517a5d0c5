"""Constructor arguments: what differs between the units of one class, and what it is called."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vnasdsl.codegen.literals import literal
from vnasdsl.codegen.units import ModuleStep, Step, Unit, UnitStep, below, steps_of
from vnasdsl.layers.base import Field, Value

if TYPE_CHECKING:
    from vnasdsl.codegen.classes import Classes

WIDTHS = ("in_channels", "channels", "groups", "features")
"""Roles whose values are numbers of channels: one argument can serve several of them."""
LOOP_VARIABLES = "ijklmn"
LOCAL_NAMES = frozenset(("self", "x", "super", "range", "nn", *LOOP_VARIABLES))
"""Names that a constructor uses itself."""


@dataclass
class Argument:
    """A constructor argument of a class, with its value for every unit."""

    name: str
    role: str
    values: tuple[Value, ...]
    seed: bool = False
    used: bool = False

    @property
    def annotation(self) -> str:
        first = self.values[0]
        if isinstance(first, tuple):
            columns = zip(*self.values, strict=True)
            return f"tuple[{', '.join('float' if any(isinstance(v, float) for v in c) else 'int' for c in columns)}]"
        return "float" if any(isinstance(v, float) for v in self.values) else type(first).__name__


class Arguments:
    """The arguments of one class, made as its values ask for them.

    A value that is the same in all units is a literal. One that differs is an argument: a parameter of the block if one
    has these very values, else a new one named by what it means.
    """

    def __init__(self, classes: Classes, units: list[Unit]):
        self.classes = classes
        self.units = units
        self.known: list[Argument] = []
        first = units[0]
        for i, (parameter, kind, _) in enumerate(first.seeds):
            values = tuple(unit.seeds[i][2] for unit in units)
            if len(set(map(repr, values))) > 1:
                self.known.append(Argument(self._unshadowed(parameter), kind, values, seed=True))
        self.widths = self._width_roles()

    def used(self) -> list[Argument]:
        """Those that the class needs, channels first."""
        used = [a for a in self.known if a.used]
        return sorted(used, key=lambda a: (a.role not in WIDTHS, not a.name.startswith("in_channels")))

    def value(self, values: tuple[Value, ...], role: str) -> str:
        """The text of a value inside the class: a literal, an argument, or a tuple of such."""
        if len(set(map(repr, values))) == 1:
            return literal(values[0])
        for argument in self.known:
            if repr(argument.values) == repr(values) and self._fits(argument, role):  # True == 1, but reads otherwise
                argument.used = True
                return argument.name
        if isinstance(values[0], tuple):
            parts = [self.value(column, role) for column in zip(*values, strict=True)]
            return f"({', '.join(parts)})"
        derived = self._derived(values, role)
        if derived is not None:
            return derived
        argument = Argument(self._fresh(values, role), role, values, used=True)
        self.known.append(argument)
        return argument.name

    def _fits(self, argument: Argument, role: str) -> bool:
        if argument.role == role or (argument.seed and role not in ("macs", "choice")):
            return True
        return (argument.role in WIDTHS and role in WIDTHS) or (argument.role == "dilation" and role == "padding")

    def _derived(self, values: tuple[Value, ...], role: str) -> str | None:
        """A small multiple or part of a known argument: padding of a dilation, a bottleneck's width."""
        if not all(isinstance(v, int) and not isinstance(v, bool) for v in values):
            return None
        for argument in self.known:
            if not all(isinstance(v, int) for v in argument.values):
                continue
            known = argument.seed and role in (*WIDTHS, "padding")
            if not known and (role != "padding" or argument.role not in ("dilation", "kernel")):
                continue
            for factor in range(2, 9):
                if all(v == factor * a for v, a in zip(values, argument.values, strict=True)):
                    argument.used = True
                    return f"{factor} * {argument.name}"
                if all(v == a // factor for v, a in zip(values, argument.values, strict=True)):
                    argument.used = True
                    return f"{argument.name} // {factor}"
        return None

    def _fresh(self, values: tuple[Value, ...], role: str) -> str:
        roles = self.widths.get(values, {role})
        name = role or "value"
        if role in WIDTHS and {"in_channels", "channels"} <= roles:
            name = "channels"
        taken = {a.name for a in self.known}
        if name == "channels" and name in taken:
            name = "in_channels" if role == "in_channels" else "out_channels"
        return self._unshadowed(name, taken)

    def _unshadowed(self, base: str, taken: Collection[str] = ()) -> str:
        """A name for an argument that hides nothing that the constructor itself needs."""
        name, count = base, 1
        while name in taken or name in LOCAL_NAMES or self.classes.defines(name):
            count += 1
            name = f"{base}{count}"
        return name

    def _width_roles(self) -> dict[tuple[Value, ...], set[str]]:
        """For every row of values that are numbers of channels, which roles it plays in this class."""
        rows: dict[tuple[Value, ...], set[str]] = {}

        def visit(fields: list[tuple[Field, ...]]) -> None:
            for same in zip(*fields, strict=True):
                if same[0].role in WIDTHS:
                    rows.setdefault(tuple(f.value for f in same), set()).add(same[0].role)

        def steps(parallel: Sequence[Step | None]) -> None:
            first = parallel[0]
            if isinstance(first, ModuleStep):
                visit([s.fields for s in parallel])  # type: ignore[union-attr]
            elif isinstance(first, UnitStep):
                view, _ = self.classes.arguments(first.unit)
                for argument in view.all_arguments:
                    if argument.role in WIDTHS:
                        row = tuple(argument_value(self.classes, s.unit, argument.name) for s in parallel)  # type: ignore[union-attr]
                        rows.setdefault(row, set()).add(argument.role)
                        if argument.name == "channels" and not argument.seed:
                            rows[row] |= {"in_channels", "channels"}
            for inner in zip(*map(below, parallel), strict=True):
                steps(inner)

        for parallel in zip(*map(steps_of, self.units), strict=True):
            steps(parallel)
        return rows


def argument_value(classes: Classes, unit: Unit, name: str) -> Value:
    view, i = classes.arguments(unit)
    return next(a.values[i] for a in view.all_arguments if a.name == name)

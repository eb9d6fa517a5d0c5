"""From units to classes: units of one build share a class, and what differs between them becomes its arguments.

For every number in a build the values over all units are compared. Where they agree the class has a literal. Where
they differ it has a constructor argument: a parameter of the block if one has these very values, else a new one named
by what it means (`in_channels`, `channels`). So the same block text always gives a class as one would write it by
hand, whatever its uses are.
"""

from __future__ import annotations

from collections.abc import Sequence

from vnasdsl.codegen.helpers import helper_texts
from vnasdsl.codegen.literals import class_name, literal
from vnasdsl.codegen.python import call
from vnasdsl.codegen.units import (
    FunctionStep,
    Line,
    MixtureStep,
    ModuleStep,
    RepeatStep,
    ResidualStep,
    SequenceStep,
    Step,
    Unit,
    UnitStep,
)
from vnasdsl.codegen.writer import ClassView, ClassWriter, unit_arguments
from vnasdsl.language.layout import Document


def signature(unit: Unit) -> tuple[object, ...]:
    """What must agree between units of one class: everything but the numbers."""
    block = tuple(name for name, _, _ in unit.seeds)  # a chain or stage of the same name is no use of the block
    return (unit.name, unit.doc, block, tuple(_line_signature(line) for line in unit.lines))


def _line_signature(line: Line) -> tuple[object, ...]:
    return tuple(_step_signature(step) for step in line.steps)


def _step_signature(step: Step | None) -> tuple[object, ...]:
    match step:
        case None:
            return ()
        case ModuleStep():
            shapes = tuple((f.name, len(f.value) if isinstance(f.value, tuple) else 0) for f in step.fields)
            return ("module", step.attr, step.callee, shapes)
        case FunctionStep():
            return ("function", step.expression)
        case UnitStep():
            return ("unit", step.attr, signature(step.unit))
        case ResidualStep():
            return ("residual", tuple(_line_signature(line) for line in step.lines))
        case RepeatStep() | SequenceStep():
            return ("items", step.attr, tuple(_step_signature(item) for item in step.items))
        case MixtureStep():
            options = tuple((text, _step_signature(option)) for text, option in step.options)
            return ("mixture", step.attr, options)


def inner_units(lines: Sequence[Line]) -> list[Unit]:
    """The units directly below some lines, in order."""
    found: list[Unit] = []

    def visit(step: Step | None) -> None:
        match step:
            case UnitStep():
                found.append(step.unit)
            case ResidualStep():
                found.extend(inner_units(step.lines))
            case RepeatStep() | SequenceStep():
                for item in step.items:
                    visit(item)
            case MixtureStep():
                for _, option in step.options:
                    visit(option)

    for line in lines:
        for step in line.steps:
            visit(step)
    return found


class Classes:
    """The classes of one module, in an order in which each is defined before it is used."""

    def __init__(self, roots: Sequence[Unit], taken: Sequence[str] = ()):
        self.views: list[ClassView] = []
        self.callees: set[str] = set()
        """What the modules of layers are made by: `nn.Conv3d`, or the name of a helper class."""
        self._taken = {*taken, *helper_texts()}
        self._groups: dict[tuple[object, ...], list[Unit]] = {}
        self._order: list[tuple[object, ...]] = []
        self._of: dict[int, tuple[ClassView, int]] = {}
        for root in roots:
            self._collect(root)
        for key in self._order:
            self._make(self._groups[key])

    def _collect(self, unit: Unit) -> None:
        for inner in inner_units(unit.lines):
            self._collect(inner)
        key = signature(unit)
        if key not in self._groups:
            self._groups[key] = []
            self._order.append(key)
        self._groups[key].append(unit)

    def _make(self, units: list[Unit]) -> None:
        name = class_name(units[0].name)
        count = 1
        unique = name
        while unique in self._taken:
            count += 1
            unique = f"{name}{count}"
        self._taken.add(unique)
        view = ClassWriter(self, unique, units).view()
        for i, unit in enumerate(units):
            self._of[id(unit)] = (view, i)
        self.views.append(view)

    def defines(self, name: str) -> bool:
        """Whether a name of the module is this one: a class made so far, or one of the template's own."""
        return name in self._taken

    def call(self, callee: str, arguments: Sequence[Document]) -> Document:
        """The call that makes the module of a layer."""
        self.callees.add(callee)
        return call(callee, arguments)

    def construct(self, unit: Unit) -> Document:
        """The call that makes a unit, from outside of any class: all values are literals."""
        view, i = self._of[id(unit)]
        values = [(a, literal(a.values[i])) for a in view.all_arguments]
        return call(view.name, unit_arguments(values))

    def arguments(self, unit: Unit) -> tuple[ClassView, int]:
        return self._of[id(unit)]

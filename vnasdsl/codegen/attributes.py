"""Names of the modules that a unit holds.

A layer of a line is called by its label. One inside of what a line is made of is called by the way down to it, `n6_r0`,
without the last part where a chain has only one module.
"""

from __future__ import annotations

from vnasdsl.codegen.units import (
    CALLED,
    BodyStep,
    ChainStep,
    JoinStep,
    ListStep,
    Step,
    Unit,
    UnitStep,
    below,
    steps_of,
)
from vnasdsl.elaborate.names import GENERATED, MODULE_ATTRIBUTES
from vnasdsl.space.elements import label_text


def name_attributes(unit: Unit) -> None:
    """Give every module directly in a unit the name of its attribute."""
    namer = _Namer()
    steps = list(steps_of(unit))
    namer.keep(steps)
    for step in steps:
        namer.line(step)


class _Namer:
    def __init__(self) -> None:
        self.kept: set[str] = set()
        """Labels of lines, which keep their names."""
        self.used: set[str] = set()

    def keep(self, steps: list[Step | None]) -> None:
        for step in steps:
            if isinstance(step, BodyStep):
                self.keep([inner for line in step.lines for inner in line.steps])
            elif isinstance(step, (*CALLED, JoinStep, ChainStep, ListStep)):
                self.kept.add(step.attr)

    def line(self, step: Step | None) -> None:
        """Name what one line is made of."""
        label = getattr(step, "attr", "")
        self.kept.discard(label)
        self.name(step, label)

    def inner(self, base: str) -> str:
        """A name that no line has."""
        name, count = base, 1
        while name in self.kept or name in self.used or name in MODULE_ATTRIBUTES or name in GENERATED:
            count += 1
            name = f"{base}{count}"
        self.used.add(name)
        return name

    def name(self, step: Step | None, own: str, inner: bool = False) -> None:
        """`own` is what the step is called where it is a module; `inner` for a part of what a line is made of."""
        if isinstance(step, UnitStep):
            step.attr = self._one(own or step.unit.name, inner)
            for given, parameter in zip(step.inputs, step.unit.inputs, strict=True):
                self.name(given, f"{own}_{parameter.variable}", True)
        elif isinstance(step, CALLED):
            step.attr = self._one(own or "layer", inner)
        elif isinstance(step, ChainStep):
            holding = [s for s in step.steps if holds_modules(s)]
            for s in holding:
                self.name(s, own if len(holding) == 1 else _joined(own, s), True)
        elif isinstance(step, ListStep):
            if step.together:
                step.attr = self._one(own or "list", inner)
            else:
                self._items(step.items, step.labels, own)
        elif isinstance(step, JoinStep):
            if step.module is not None:
                step.module.attr = self._one(own, inner)
            self._items(step.inputs, step.labels, own)
        elif isinstance(step, BodyStep):
            if step.shortcut is not None:
                step.shortcut.attr = self.inner(_joined(own, step.shortcut) if inner else "shortcut")
            for s in (s for line in step.lines for s in line.steps):
                if inner:
                    self.name(s, _joined(own, s), True)
                else:
                    self.line(s)

    def _one(self, own: str, inner: bool) -> str:
        return self.inner(own) if inner or own in self.used else self._line(own)

    def _line(self, own: str) -> str:
        self.used.add(own)
        return own

    def _items(self, items: list[Step | None], labels: list[str], own: str) -> None:
        for i, (item, label) in enumerate(zip(items, labels, strict=True)):
            if len(items) == 1 and not label:
                together = isinstance(item, ListStep) and item.together
                self.name(item, f"{own}_inputs" if together and own in self.used else own, True)
            else:
                self.name(item, "_".join(filter(None, (own.rstrip("_"), label_text(label) or str(i)))), True)


def _joined(own: str, step: Step) -> str:
    label = getattr(step, "attr", "")
    return "_".join(filter(None, (own.rstrip("_"), label)))


def holds_modules(step: Step | None) -> bool:
    """Whether a step, or one that it is made of, is a module."""
    if isinstance(step, CALLED):
        return True
    return any(map(holds_modules, below(step)))

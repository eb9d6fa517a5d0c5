"""Which regions share a class: those that are built alike, whatever their numbers are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vnasdsl.codegen.names import LOOP, attributes
from vnasdsl.codegen.regions import (
    Choosing,
    Copies,
    LayerModule,
    Layers,
    Module,
    Region,
    Step,
    Tensor,
    flat,
    regions_in,
    splice,
)

PLAIN = {"PaddedConv3d": "nn.Conv3d", "PaddedMaxPool3d": "nn.MaxPool3d"}
"""Helper classes that can stand for a module of torch: they only have `UNEVEN` arguments beside its own."""
UNEVEN = ("begin", "end")


class Alike:
    """Regions in groups, each of which will be a class, after those that it uses."""

    def __init__(self, roots: Sequence[Region]):
        self.roots = roots
        self.groups = self._grouped()
        while self._absorb():
            self.groups = self._grouped()

    def _grouped(self) -> list[list[Region]]:
        """Regions by what must agree between those of one class: everything but the numbers."""
        self._class: dict[Region, int] = {}
        self._periods: dict[Copies, int] = {}
        numbers: dict[object, int] = {}
        groups: list[list[Region]] = []

        def collect(region: Region) -> None:
            for inner in regions_in(region):
                collect(inner)
            _name_attributes(region.steps)
            number = numbers.setdefault(self._signature(region), len(groups))
            if number == len(groups):
                groups.append([])
            groups[number].append(region)
            self._class[region] = number

        for root in self.roots:
            collect(root)
        return groups

    def _signature(self, region: Region) -> object:
        numbers: dict[Tensor, int] = {}

        def number(value: Any) -> object:
            if isinstance(value, Tensor):
                return numbers.setdefault(value, len(numbers))
            return tuple(map(number, value))

        params = tuple((param.name, number(param.inner)) for param in region.params)
        steps = tuple(
            (
                number(step.args),
                number(step.kept or ()),
                number(step.out),
                step.attr,
                step.formula,
                step.ends_line,
                step.is_silent,
                tuple(tensor.name for tensor in flat(step.out) if tensor.read),
                self._built(step.module) if step.module is not None else None,
            )
            for step in region.steps
        )
        stage = region.kind == "stage"
        name = "" if stage else region.name
        return (name, region.kind, tuple(n for n, _, _ in region.seeds), params, steps, number(region.out))

    def _built(self, module: Module) -> object:
        """What must agree between modules at one place of a class."""
        match module:
            case Region():
                return self._class[module]
            case LayerModule():
                lengths = tuple((f.name, len(f.value)) for f in module.fields if isinstance(f.value, tuple))
                names = tuple(f.name for f in module.fields if f.name not in UNEVEN)
                lengths = tuple(pair for pair in lengths if pair[0] not in UNEVEN)
                return (PLAIN.get(module.callee, module.callee), names, lengths)
            case Copies():
                period = self.period(module)
                items = module.items[:period] if period else module.items
                return ("copies", module.sequential, period, tuple(map(self._built, items)))
            case Choosing():
                options = tuple((text, self._built(option)) for text, option in module.options)
                return ("choice", module.keep, options)
            case Layers():
                return ("layers", tuple((step.attr, self._built(step.module)) for step in module.steps if step.module))

    def period(self, copies: Copies) -> int:
        """1 or 2 where copies are equal, or two kinds in turn, but for the names of their choices; else 0."""
        if copies not in self._periods:
            self._periods[copies] = self._found_period(copies)
        return self._periods[copies]

    def _found_period(self, copies: Copies) -> int:
        made = [self._made(item, copies.path, i) for i, item in enumerate(copies.items)]
        for period in (1, 2):
            if len(made) >= period and all(m == made[i % period] for i, m in enumerate(made)):
                return period
        return 0

    def _made(self, module: Module, path: str, number: int) -> object:
        """A copy with all that is in it."""
        match module:
            case Region():
                inner = tuple(self._made(step.module, path, number) for step in module.steps if step.module)
                return (self._class[module], inner)
            case LayerModule():
                return (module.callee, tuple((f.name, repr(f.value)) for f in module.fields))
            case Copies():
                return tuple(self._made(item, path, number) for item in module.items)
            case Choosing():
                options = tuple((text, self._made(option, path, number)) for text, option in module.options)
                return (counted(module.choice, path, number, ""), module.keep, module.macs, options)
        raise AssertionError

    def _absorb(self) -> bool:
        """Write classes that only one other uses, as its only module, into that one; whether there was one."""
        around: dict[Region, Region] = {}
        for region in (region for regions in self.groups for region in regions):
            modules = [step.module for step in region.steps if step.module is not None]
            if region.kind not in ("stage", "main") and len(modules) == 1 and isinstance(modules[0], Region):
                around[modules[0]] = region
        found = False
        for regions in self.groups:
            outer = [around[region] for region in regions if region in around]
            if len(outer) == len(regions) and len({self._class[region] for region in outer}) == 1:
                found = True
                for region in regions:
                    _write_into(region, around[region])
        return found


def _write_into(region: Region, outer: Region) -> None:
    steps = outer.steps
    outer.steps = []
    for step in steps:
        if step.module is not region:
            outer.steps.append(step)
            continue
        gives = splice(region, (), outer.steps, step.args)
        instead = dict(zip(flat(step.out), flat(gives), strict=True))
        for other in steps:
            other.args = tuple(_replaced(value, instead) for value in other.args)
            other.kept = instead.get(other.kept, other.kept) if other.kept is not None else None
        outer.out = _replaced(outer.out, instead)
        if step.ends_line and outer.steps:
            outer.steps[-1].ends_line = True
    known = {name for name, _, _ in outer.seeds}
    outer.seeds = (*outer.seeds, *(seed for seed in region.seeds if seed[0] not in known))


def _replaced(value: Any, instead: dict[Tensor, Tensor]) -> Any:
    if isinstance(value, Tensor):
        return instead.get(value, value)
    return tuple(instead.get(tensor, tensor) for tensor in value)


def _name_attributes(steps: list[Step]) -> None:
    steps = [step for step in steps if step.module is not None]
    for step, attr in zip(steps, attributes([step.path for step in steps]), strict=True):
        step.attr = attr
        if isinstance(step.module, Layers):
            _name_attributes(step.module.steps)


def counted(choice: str, path: str, number: int, variable: str) -> str:
    """The name of a choice in a copy, with a loop variable in the place of the number of the copy."""
    begin = f"{path}[{number}]"
    if path and choice.startswith(begin):
        return f"{path}[{LOOP.format(variable)}]{choice[len(begin) :]}"
    return choice

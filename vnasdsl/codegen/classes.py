"""From regions to classes: regions that are built alike share one, and what differs becomes its arguments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from vnasdsl.codegen.alike import Alike, counted
from vnasdsl.codegen.forward import Forward, show_all
from vnasdsl.codegen.helpers import class_texts
from vnasdsl.codegen.names import (
    CLASSES,
    LOOP,
    LOOP_VARIABLES,
    WIDTHS,
    Argument,
    Arguments,
    Constant,
    class_name,
    numbered,
)
from vnasdsl.codegen.regions import (
    Choosing,
    Copies,
    LayerModule,
    Layers,
    Module,
    Region,
    Tensor,
    flat,
)
from vnasdsl.elaborate.project_layers import Catalogue
from vnasdsl.language.diagnostics import UserError
from vnasdsl.layers.base import Field

MOST_WRITTEN = 6
"""Copies of two kinds in turn that are written one after the other; more of them are a loop."""


# ----------------------------------------------------------------- what templates show


@dataclass(frozen=True)
class Call:
    """`nn.Conv3d(3, 8, bias=False)`: arguments with a name or without."""

    callee: str
    arguments: tuple[tuple[str, Constant], ...]
    kind: str = "call"


@dataclass(frozen=True)
class Listed:
    """Modules one after the other, `sequential`, or side by side."""

    items: tuple[Any, ...]
    sequential: bool
    kind: str = "listed"


@dataclass(frozen=True)
class Looped:
    """Copies: one module, or two in turn."""

    items: tuple[Any, ...]
    count: Constant
    variable: str
    sequential: bool
    kind: str = "looped"


@dataclass(frozen=True)
class Layered:
    """A stage of nothing but modules one after the other: each with its name and the shape that comes out."""

    layers: tuple[tuple[str, Any, str], ...]
    kind: str = "layers"


@dataclass(frozen=True)
class Choice:
    """A Mixture, or Edges of which some are kept."""

    choice: Constant
    options: tuple[tuple[str, Any], ...]
    macs: Constant
    keep: int | None
    kind: str = "choice"


@dataclass
class StatementView:
    target: str
    value: str
    shape: str


@dataclass
class ClassView:
    """A class as its template needs it."""

    name: str
    doc: str
    arguments: list[Argument]
    layers: list[tuple[str, Any]]
    """Attributes with the modules that they hold."""
    params: list[tuple[str, str]]
    gives: str
    statements: list[StatementView]


# ------------------------------------------------------------------------- classes


class Classes:
    """The classes of a module, each after those that it uses."""

    def __init__(self, roots: Sequence[Region], catalogue: Catalogue, taken: Iterable[str] = ()):
        """taken: names that no class of a region may have, next to those of helper classes."""
        self.catalogue = catalogue
        self.helper_texts = class_texts(catalogue)
        """The text of every helper class that layers can ask for."""
        self.helpers = frozenset({*self.helper_texts, *taken})
        self.taken = {*CLASSES, *self.helpers}
        for name in CLASSES & catalogue.classes.keys():
            raise UserError(
                f"a layer of the project has the class `{name}`, which generated code has, too", "rename it"
            )
        self.callees: set[str] = set()
        """What modules of layers are made by: `nn.Conv3d`, or the name of a helper class."""
        self.views: list[ClassView] = []
        self._of: dict[Region, tuple[ClassView, int]] = {}
        self.alike = Alike(roots)
        for regions in self.alike.groups:
            self._write(regions)

    def _write(self, regions: list[Region]) -> None:
        first = regions[0]
        name = first.name
        if first.kind == "stage" and len({region.name for region in regions}) > 1:
            name = "stage_body"
        name = numbered(class_name(name, self.helpers), self.taken)
        self.taken.add(name)
        view = ClassWriter(self, regions).write(name)
        self.views.append(view)
        self._of.update((region, (view, i)) for i, region in enumerate(regions))

    def of(self, region: Region) -> tuple[ClassView, int]:
        return self._of[region]

    def rows(self, regions: Sequence[Region]) -> Iterator[tuple[Argument, tuple[Any, ...]]]:
        """The arguments of the class of some regions, with the value of each."""
        numbers = [self._of[region][1] for region in regions]
        for argument in self._of[regions[0]][0].arguments:
            yield argument, tuple(argument.values[number] for number in numbers)

    def construct(self, module: Module) -> Any:
        """A module outside of any class: all values are literals."""
        return Modules(self, Arguments()).view([module])


class Modules:
    """Shows modules as the constructor of a class makes them."""

    def __init__(self, classes: Classes, arguments: Arguments):
        self.classes = classes
        self.arguments = arguments
        self.loops: list[tuple[tuple[str, ...], int, str]] = []
        """For the loops around: the path of the copies in each object, the number of the copy, the loop variable."""

    def value(self, values: tuple[Any, ...], role: str) -> Constant:
        if role == "choice":
            for paths, number, variable in reversed(self.loops):
                values = tuple(counted(v, p, number, variable) for v, p in zip(values, paths, strict=True))
        return self.arguments.value(values, role)

    def view(self, modules: Sequence[Any]) -> Any:
        """The same place in each object of the class."""
        match modules[0]:
            case LayerModule():
                return self._layer(modules)
            case Region():
                view = self.classes.of(modules[0])[0]
                parts: list[tuple[str, Constant]] = []
                for argument, row in self.classes.rows(modules):
                    positional = argument.positional and all(not name for name, _ in parts)
                    parts.append(("" if positional else argument.name, self.value(row, argument.role)))
                return Call(view.name, tuple(parts))
            case Copies():
                return self._copies(modules)
            case Choosing() as first:
                choice = self.value(tuple(m.choice for m in modules), "choice")
                options = [
                    (text, self.view([m.options[i][1] for m in modules])) for i, (text, _) in enumerate(first.options)
                ]
                macs = self.value(tuple(m.macs for m in modules), "macs")
                return Choice(choice, tuple(options), macs, first.keep)
            case Layers():
                layers = []
                for steps in zip(*(m.steps for m in modules), strict=True):
                    shape = shared_shape([step.out for step in steps])
                    layers.append((steps[0].attr, self.view([step.module for step in steps]), shape))
                return Layered(tuple(layers))
        raise AssertionError

    def _layer(self, modules: Sequence[LayerModule]) -> Call:
        widest = max(modules, key=lambda m: len(m.fields))
        self.classes.callees.add(widest.callee)
        parts: list[tuple[str, Constant]] = []
        for like in widest.fields:
            fields = [next((f for f in m.fields if f.name == like.name), _none(like)) for m in modules]
            if all(f.optional for f in fields):
                continue
            value = self.value(tuple(f.value for f in fields), like.role)
            parts.append(("" if like.positional else like.name, value))
        return Call(widest.callee, tuple(parts))

    def _copies(self, modules: Sequence[Copies]) -> Any:
        first = modules[0]
        period = self.classes.alike.period(first)
        counts = tuple(len(m.items) for m in modules)
        same = len(set(counts)) == 1
        if not period or (same and (counts[0] < 2 or (period == 2 and counts[0] <= MOST_WRITTEN))):
            return Listed(tuple(map(self.view, zip(*(m.items for m in modules), strict=True))), first.sequential)
        variable = LOOP_VARIABLES[len(self.loops) % len(LOOP_VARIABLES)]
        items = []
        for i in range(period):
            self.loops.append((tuple(m.path for m in modules), i, variable))
            items.append(self.view([m.items[i] for m in modules]))
            self.loops.pop()
        count = self.value(counts, "copies")
        used = period == 2 or _mentions(items, LOOP.format(variable))
        return Looped(tuple(items), count, variable if used else "_", first.sequential)


def shared_shape(values: Sequence[Any]) -> str:
    """The shape of a value, where it is the same in all objects."""
    shown = {show_all(value) for value in values}
    return shown.pop() if len(shown) == 1 else ""


def _none(like: Field) -> Field:
    """The field of a module that has no such argument."""
    return Field(like.name, (0, 0, 0), like.default)


def _mentions(part: Any, text: str) -> bool:
    return repr(text)[1:-1] in repr(part)


class ClassWriter(Modules):
    """Writes the class of regions that are built alike."""

    def __init__(self, classes: Classes, regions: list[Region]):
        super().__init__(classes, Arguments())
        self.regions = regions
        for i, (name, role, _) in enumerate(regions[0].seeds):
            self.arguments.seed(name, role, tuple(region.seeds[i][2] for region in regions))
        for steps in self.parallel:
            if steps[0].module is not None:
                self.note_widths([step.module for step in steps])

    @property
    def parallel(self) -> Iterator[tuple[Any, ...]]:
        return zip(*(region.steps for region in self.regions), strict=True)

    def note_widths(self, modules: Sequence[Any]) -> None:
        """Remember which roles each row of numbers of channels plays, to name arguments by."""
        widths = self.arguments.widths
        match modules[0]:
            case LayerModule() as first:
                for i, like in enumerate(first.fields):
                    if like.role in WIDTHS and all(len(m.fields) == len(first.fields) for m in modules):
                        widths.setdefault(tuple(m.fields[i].value for m in modules), set()).add(like.role)
            case Region():
                for argument, row in self.classes.rows(modules):
                    if argument.role in WIDTHS:
                        roles = widths.setdefault(row, set())
                        roles.add(argument.role)
                        if argument.name == "channels" and not argument.seed:
                            roles |= {"in_channels", "channels"}
            case Copies():
                for items in zip(*(m.items for m in modules), strict=False):
                    self.note_widths(items)
            case Choosing() as first:
                for i in range(len(first.options)):
                    self.note_widths([m.options[i][1] for m in modules])

    def write(self, name: str) -> ClassView:
        first = self.regions[0]
        forward = Forward(first).write()
        layers = []
        for steps in self.parallel:
            if steps[0].module is not None:
                layers.append((steps[0].attr, self.view([step.module for step in steps])))
        statements = []
        outs = {id(step.out): [s.out for s in steps] for steps in self.parallel for step in steps[:1]}
        for statement in forward.statements:
            parallel = outs.get(id(statement.made), [region.out for region in self.regions])
            plain = not statement.made or getattr(statement.made, "name", "") == "shortcut"
            shape = "" if plain else shared_shape(parallel)
            statements.append(StatementView(statement.target, statement.value, shape))
        gives = "Tensor" if isinstance(first.out, Tensor) else "list[Tensor]"
        return ClassView(name, self.doc(), self.arguments.used, layers, forward.params, gives, statements)

    def doc(self) -> str:
        first = self.regions[0]
        givens = [[show_all(param.inner) for param in region.params] for region in self.regions]
        outs = [show_all(region.out) for region in self.regions]
        given = givens[0]
        many = f"{len(given)} inputs"
        if all(pair == (given, outs[0]) for pair in zip(givens, outs, strict=True)):
            shape = f"{many if len(given) > 2 else ' and '.join(given)} -> {outs[0]}"
        elif all(g == [o] for g, o in zip(givens, outs, strict=True)):
            shape = "(B, C, T, H, W) -> the same shape"
        else:
            after = "(B, C)" if len(flat(first.out)[0].shape) == 1 else "(B, C', T', H', W')"
            shape = f"{'(B, C, T, H, W)' if len(given) == 1 else many} -> {after}"
        docs = {region.doc for region in self.regions}
        doc = docs.pop() if len(docs) == 1 else "Layers of a stage after its head"
        return f"{doc}: {shape}." if doc else f"{shape}."

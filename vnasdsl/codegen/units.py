"""The parts of a generated model, before it is decided which of them share a class.

A `Unit` will be one object of one class: a use of a block, a chain, a stage. Its lines are those of the text, its
numbers those of the shapes at its place. A step makes a value from what came before (`x`) and from variables of the
forward method; a value is a tensor or a list of tensors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TypeAlias

from vnasdsl.layers.base import Field, Shape, Value

Flow: TypeAlias = "Shape | list[Shape]"
"""The shape of a tensor, or those of a list of tensors."""


@dataclass
class ModuleStep:
    """`self.attr = nn.Conv3d(...)`."""

    attr: str
    callee: str
    fields: tuple[Field, ...]
    tensors: tuple[str, ...] = ()
    """Names of its parameters and buffers."""


@dataclass
class FunctionStep:
    """`F.relu({x})`."""

    expression: str


@dataclass
class ReadStep:
    """A variable, whatever came before; one tensor of it where it is a list and `index` is given."""

    variable: str
    flow: Flow
    """The shape of the variable."""
    index: int | None = None

    @property
    def many(self) -> bool:
        """Whether it gives a list."""
        return isinstance(self.flow, list) and self.index is None


@dataclass
class UnitStep:
    """`self.attr = Basic(...)`, called with `x` when the unit takes it, and with its inputs."""

    attr: str
    unit: Unit
    inputs: list[Step | None] = field(default_factory=list)


@dataclass
class BodyStep:
    """Lines with something before and behind them, such as the addition of what went in."""

    attr: str
    lines: list[Line]
    enter: str
    leave: str
    shortcut: ModuleStep | None


@dataclass
class ChainStep:
    """Steps one after the other, written where they are used."""

    attr: str
    steps: list[Step]


@dataclass
class ListStep:
    """Several values. `together` when they come from one list of modules that are called alike."""

    attr: str
    items: list[Step | None]
    labels: list[str]
    path: str
    together: bool = False


@dataclass
class JoinStep:
    """Several values made one, by an expression or by a module."""

    attr: str
    inputs: list[Step | None]
    labels: list[str]
    expression: str
    module: ModuleStep | None


@dataclass
class RepeatStep:
    """Copies one after the other."""

    attr: str
    items: list[Step]
    path: str


@dataclass
class SequenceStep:
    """A stage of nothing but blocks: `self.attr = Layers(head=Head(...), basic=Basic(...))`."""

    attr: str
    items: list[UnitStep]


@dataclass
class MixtureStep:
    """A choice of a supernet: `Mixture("s3.stack[0].op", {"basic(1)": ...}, macs=(...))`."""

    attr: str
    choice: str
    options: list[tuple[str, Step | None]]
    macs: tuple[int, ...]
    inputs: list[Step | None] = field(default_factory=list)
    """What every option is called with beside `x`."""
    takes_x: bool = True


@dataclass
class EdgesStep:
    """A choice of edges of a supernet: `Edges("n1.edges", {"a": ...}, keep=2, macs=(...))`. It gives their sum."""

    attr: str
    choice: str
    options: list[tuple[str, Step]]
    inputs: list[list[Step | None]]
    """What each candidate is called with; None is what came before."""
    keep: int
    macs: tuple[int, ...]


Step: TypeAlias = (
    ModuleStep
    | FunctionStep
    | ReadStep
    | UnitStep
    | BodyStep
    | ChainStep
    | ListStep
    | JoinStep
    | RepeatStep
    | SequenceStep
    | MixtureStep
    | EdgesStep
)
Called: TypeAlias = ModuleStep | UnitStep | RepeatStep | SequenceStep | MixtureStep | EdgesStep
"""Steps that are a module, called with what came before."""
CALLED = (ModuleStep, UnitStep, RepeatStep, SequenceStep, MixtureStep, EdgesStep)


@dataclass
class Line:
    """One line of the text, and the shape behind it."""

    steps: list[Step]
    output: Flow
    variable: str = ""
    """The name that the text gives it."""
    read: bool = False
    """Whether something reads it by its name."""


@dataclass
class Input:
    """A parameter of a forward method beside `x`."""

    variable: str
    flow: Flow


@dataclass
class Unit:
    name: str
    """What its class is named after: a block, a stage or a chain."""
    lines: list[Line]
    input: Flow
    output: Flow
    doc: str
    seeds: tuple[tuple[str, str, Value], ...] = ()
    """(parameter, kind, value) of the block it is a use of: these names are preferred for constructor arguments."""
    macs: int = 0
    """MACs outside of its mixtures."""
    inputs: list[Input] = field(default_factory=list)
    out: list[Step | None] = field(default_factory=list)
    """What it gives, as a list of one step; empty when that is what the last line gives."""
    x: str = "x"
    """The name of what comes in."""
    takes_x: bool = True
    """Whether it is called with what came before."""


def below(step: Step | None) -> Iterator[Step | None]:
    """The steps directly below a step, in the order of the text; those of a unit are not among them."""
    match step:
        case UnitStep():
            yield from step.inputs
        case MixtureStep():
            yield from step.inputs
            for _, option in step.options:
                yield option
        case EdgesStep():
            for (_, option), given in zip(step.options, step.inputs, strict=True):
                yield from given
                yield option
        case BodyStep():
            yield step.shortcut
            for line in step.lines:
                yield from line.steps
        case ChainStep():
            yield from step.steps
        case ListStep():
            yield from step.items
        case JoinStep():
            yield from step.inputs
            yield step.module
        case RepeatStep() | SequenceStep():
            yield from step.items


def steps_of(unit: Unit) -> Iterator[Step | None]:
    """The steps directly in a unit."""
    for line in unit.lines:
        yield from line.steps
    yield from unit.out


def reads_x(step: Step | None) -> bool:
    """Whether a step asks for what came before it."""
    match step:
        case ReadStep():
            return False
        case ChainStep():
            return chain_reads_x(step.steps)
        case ListStep():
            return any(map(reads_x, step.items))
        case JoinStep():
            return any(map(reads_x, step.inputs))
        case UnitStep():
            return step.unit.takes_x or any(map(reads_x, step.inputs))
        case MixtureStep():
            return step.takes_x or any(map(reads_x, step.inputs))
        case EdgesStep():
            return any(map(reads_x, chain.from_iterable(step.inputs)))
        case BodyStep():
            return "{kept}" in step.leave or lines_read_x(step.lines)
    return True


def chain_reads_x(steps: Sequence[Step]) -> bool:
    """Whether steps one after the other ask for what came before the first of them."""
    return all(map(reads_x, steps))


def live_suffix(steps: Sequence[Step]) -> Sequence[Step]:
    """The last of some steps one after the other, from the one that asks for nothing of those before it."""
    silent = [i for i, step in enumerate(steps) if not reads_x(step)]
    return steps[silent[-1] :] if silent else steps


def lines_read_x(lines: Sequence[Line], out: Sequence[Step | None] = ()) -> bool:
    """Whether some lines ask for what came before the first of them."""
    first = next((line.steps for line in lines if line.steps), None)
    if first is not None:
        return chain_reads_x(first)
    return any(line.read for line in lines) or not out or reads_x(out[0])


def variables_read(steps: Iterator[Step | None] | Sequence[Step | None]) -> dict[str, ReadStep]:
    """The variables that some steps read and do not make themselves, in the order of the text."""
    found: dict[str, ReadStep] = {}
    made: set[str] = set()

    def visit(step: Step | None) -> None:
        if isinstance(step, ReadStep):
            if step.variable not in made:
                found.setdefault(step.variable, step)
        elif isinstance(step, BodyStep):
            for line in step.lines:
                for part in live_suffix(line.steps):
                    visit(part)
                made.add(line.variable)
        elif isinstance(step, ChainStep):
            for part in live_suffix(step.steps):
                visit(part)
        elif isinstance(step, MixtureStep):
            for given in step.inputs:
                visit(given)
        elif isinstance(step, EdgesStep):
            for given in chain.from_iterable(step.inputs):
                visit(given)
        else:
            for inner in below(step):
                visit(inner)

    for each in steps:
        visit(each)
    return found

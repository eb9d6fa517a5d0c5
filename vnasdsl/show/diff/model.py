"""What a comparison finds. `as_json.py` prints these values field by field, so their names are part of its format.

Shapes are (C, T, H, W) or (C,).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from vnasdsl.layers.base import Shape
from vnasdsl.space.costs import Cost

NOTHING = Cost()
Size: TypeAlias = "int | str"
"""A number of networks, or why there is none: "infinite" or "not counted"."""


@dataclass(frozen=True)
class Detail:
    """One change inside a line: an argument, an option of a choice, the number of copies, the label.

    `before` is None for what is new, `after` for what is gone.
    """

    what: Literal["argument", "option", "copies", "label"]
    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class LineSide:
    """A line on one side. Lines of a block have no costs and shapes: those depend on where the block is used."""

    label: str
    text: str
    inputs: tuple[Shape, ...] = ()
    outputs: tuple[Shape, ...] = ()
    size: Size = 1
    cost: Cost | None = None


@dataclass(frozen=True)
class LineChange:
    change: Literal["added", "removed", "changed"]
    before: LineSide | None
    after: LineSide | None
    details: tuple[Detail, ...] = ()
    inside: tuple[LineChange, ...] = ()
    """The lines that changed in the body of a layer such as `residual { ... }`."""


@dataclass(frozen=True)
class StageSide:
    """A stage on one side, with its output and its own costs. An empty name: lines outside stages.

    No outputs and no cost: a layer in or before it has too many options to compute them.
    """

    name: str
    outputs: tuple[Shape, ...]
    size: Size
    cost: Cost | None


@dataclass(frozen=True)
class Affected:
    """Unchanged lines of a stage that have other shapes or costs than before, with their sums."""

    lines: int = 0
    before: Cost = NOTHING
    after: Cost = NOTHING


NO_LINES = Affected()


@dataclass(frozen=True)
class StageChange:
    """A stage is `affected` if its lines are unchanged but its shapes, costs or size are not."""

    change: Literal["added", "removed", "changed", "renamed", "moved", "affected"]
    before: StageSide | None
    after: StageSide | None
    lines: tuple[LineChange, ...] = ()
    affected: Affected = NO_LINES


@dataclass(frozen=True)
class BlockUse:
    """How many lines of a stage use a block."""

    stage: str
    lines: int


@dataclass(frozen=True)
class BlockChange:
    """A block whose own lines changed. `before` and `after` are its signatures."""

    change: Literal["added", "removed", "changed", "renamed"]
    before: str | None
    after: str | None
    lines: tuple[LineChange, ...] = ()
    uses: tuple[BlockUse, ...] = ()


@dataclass(frozen=True)
class ValueChange:
    """A value of the input (frames, size, frame_stride, classes), or a limit."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Definition:
    """A space or network. Its cost is None where only the costs of its single networks can be computed."""

    name: str
    kind: Literal["space", "network"]
    size: Size
    cost: Cost | None


@dataclass(frozen=True)
class Comparison:
    """Two spaces, or two networks."""

    before: Definition
    after: Definition
    what: Literal["comparison"] = field(default="comparison", init=False)
    input: tuple[ValueChange, ...] = ()
    limits: tuple[ValueChange, ...] = ()
    blocks: tuple[BlockChange, ...] = ()
    stages: tuple[StageChange, ...] = ()

    @property
    def equal(self) -> bool:
        return not (self.input or self.limits or self.blocks or self.stages)


@dataclass(frozen=True)
class Chosen:
    """One choice of the space, and the option that the network has."""

    stage: str
    """The first part of the name: a stage, a line, a tied block or the input."""
    name: str
    kind: str
    option: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class Departure:
    """The first line of a network that is not in the space."""

    message: str
    help: str | None
    line: int | None
    text: str | None


@dataclass(frozen=True)
class Choosing:
    """A space and a network: what was chosen, or where the network leaves the space. Never equal."""

    before: Definition
    after: Definition
    what: Literal["choosing"] = field(default="choosing", init=False)
    chosen: tuple[Chosen, ...] = ()
    unmade: int = 0
    """Choices of the space that do not exist after the choices made."""
    departure: Departure | None = None

    equal = False

    @property
    def space(self) -> Definition:
        return self.before if self.before.kind == "space" else self.after

    @property
    def network(self) -> Definition:
        return self.after if self.before.kind == "space" else self.before


@dataclass(frozen=True)
class FileDiff:
    """The comparison of two files, or of one definition of each. `before` and `after` are their titles."""

    before: str
    after: str
    removed: tuple[Definition, ...] = ()
    added: tuple[Definition, ...] = ()
    blocks: tuple[BlockChange, ...] = ()
    """Blocks that none of the compared definitions uses."""
    compared: tuple[Comparison | Choosing, ...] = ()

    @property
    def equal(self) -> bool:
        return not (self.removed or self.added or self.blocks) and all(pair.equal for pair in self.compared)

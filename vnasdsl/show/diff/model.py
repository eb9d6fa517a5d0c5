"""What a comparison found: plain values between computing it and showing it. Shapes are (C, T, H, W) or (C,)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from vnasdsl.layers.base import Shape
from vnasdsl.space.costs import Cost

NOTHING = Cost()

Size: TypeAlias = "int | str"
"""A number of networks, or why there is none: "infinite" or "not counted"."""
Kind: TypeAlias = Literal["added", "removed", "changed"]


@dataclass(frozen=True)
class Detail:
    """One thing that changed inside a line: an argument, an option of a choice, the number of copies, a label.

    `before` or `after` is None for what was not there.
    """

    what: Literal["argument", "option", "copies", "label"]
    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Side:
    """A line as it stands on one side. Inside a block there are no costs and shapes: it has them where it is used."""

    label: str
    text: str
    inputs: tuple[Shape, ...] = ()
    outputs: tuple[Shape, ...] = ()
    cost: Cost | None = None
    size: Size = 1


@dataclass(frozen=True)
class LineChange:
    kind: Kind
    before: Side | None
    after: Side | None
    details: tuple[Detail, ...] = ()
    inside: tuple[LineChange, ...] = ()
    """The lines that changed in the body of a layer such as `residual { ... }`; the line itself is else the same."""


@dataclass(frozen=True)
class StageSide:
    """A stage on one side: what leaves it, and its own least and greatest costs."""

    name: str
    outputs: tuple[Shape, ...]
    cost: Cost
    size: Size


@dataclass(frozen=True)
class StageChange:
    """`affected`: nothing in its lines changed, but its shapes, costs or size did. An empty name: lines outside."""

    kind: Literal["added", "removed", "changed", "renamed", "moved", "affected"]
    before: StageSide | None
    after: StageSide | None
    lines: tuple[LineChange, ...] = ()
    affected: int = 0
    """Lines that stand on both sides alike and have other shapes or costs."""
    affected_before: Cost = NOTHING
    affected_after: Cost = NOTHING


@dataclass(frozen=True)
class BlockChange:
    """A block whose body changed; `uses` are the stages that it is used in, with the number of lines."""

    kind: Literal["added", "removed", "changed", "renamed"]
    before: str | None
    after: str | None
    lines: tuple[LineChange, ...] = ()
    uses: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class ValueChange:
    """A value of the input line (frames, size, frame_stride, classes), or a limit (before or after None)."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Totals:
    """Least and greatest costs (None where they are not worked out), and the number of networks."""

    cost: Cost | None
    size: Size


@dataclass(frozen=True)
class Definition:
    """One side of a comparison."""

    name: str
    kind: Literal["space", "network"]
    totals: Totals


@dataclass(frozen=True)
class Comparison:
    """Two spaces, or two networks."""

    before: Definition
    after: Definition
    inputs: tuple[ValueChange, ...] = ()
    limits: tuple[ValueChange, ...] = ()
    blocks: tuple[BlockChange, ...] = ()
    stages: tuple[StageChange, ...] = ()

    @property
    def equal(self) -> bool:
        """No definition changed. (Shapes and costs follow from the definitions, so they cannot differ alone.)"""
        return not (self.inputs or self.limits or self.blocks or self.stages)


@dataclass(frozen=True)
class Chosen:
    """One choice of the space, and what the network has there."""

    stage: str
    """The stage, or what else its name begins with: a line, a tied block, the input."""
    name: str
    kind: str
    options: tuple[str, ...]
    option: str


@dataclass(frozen=True)
class Departure:
    """Where a network leaves a space."""

    message: str
    help: str | None
    line: int | None
    text: str | None


@dataclass(frozen=True)
class Choosing:
    """A space and a network: what was chosen, or where the network leaves the space. Never equal."""

    before: Definition
    after: Definition
    chosen: tuple[Chosen, ...] = ()
    departure: Departure | None = None
    unmade: int = 0
    """Choices of the space that do not exist for this network, because another choice left them out."""

    equal = False


@dataclass(frozen=True)
class FileDiff:
    """All of it. Titles say what was compared, as the user named it."""

    before_title: str
    after_title: str
    pairs: tuple[Comparison | Choosing, ...] = ()
    removed: tuple[Definition, ...] = ()
    added: tuple[Definition, ...] = ()
    blocks: tuple[BlockChange, ...] = ()
    """Blocks of the two files that none of the definitions compared uses."""

    @property
    def equal(self) -> bool:
        return not (self.removed or self.added or self.blocks) and all(pair.equal for pair in self.pairs)

    def titled(self, before: str, after: str) -> FileDiff:
        return replace(self, before_title=before, after_title=after)

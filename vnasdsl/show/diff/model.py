"""What a comparison finds. `as_object` gives these values field by field, so their names are part of its format.

Shapes are (C, T, H, W) or (C,).
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Literal, TypeAlias

from vnasdsl.layers.base import Shape
from vnasdsl.space.ways import Cost

Size: TypeAlias = "int | str"
"""A number of networks, or why there is none: "infinite" or "not counted"."""
What: TypeAlias = Literal["input", "limit", "block", "stage", "line"]


@dataclass(frozen=True)
class Side:
    """A part of a definition on one side: what it says, and of stages and lines what comes out and what it costs.

    The text of a stage is its name, empty for lines outside stages; that of a block is its signature. Lines of a block
    have no costs and shapes, because those depend on where the block is used; nor has what has too many options.
    """

    text: str
    outputs: tuple[Shape, ...] = ()
    size: Size = 1
    cost: Cost | None = None

    @property
    def figures(self) -> tuple[tuple[Shape, ...], Size, Cost | None]:
        return self.outputs, self.size, self.cost


@dataclass(frozen=True)
class Change:
    """A part that is on one side only, or that differs."""

    what: What
    before: Side | None
    after: Side | None
    inside: tuple[Change, ...] = ()
    """The lines of a stage, a block, or a layer such as `residual { ... }`."""
    change: Literal["added", "removed", "changed", "affected"] = "changed"
    """`affected`: what it says is unchanged, its shapes or costs are not."""


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
    changes: tuple[Change, ...] = ()
    """Those of inputs, limits, blocks and stages."""

    @property
    def equal(self) -> bool:
        return not self.changes


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
    blocks: tuple[Change, ...] = ()
    """Blocks that none of the compared definitions uses."""
    compared: tuple[Comparison | Choosing, ...] = ()

    @property
    def equal(self) -> bool:
        return not (self.removed or self.added or self.blocks) and all(pair.equal for pair in self.compared)

    def as_object(self) -> dict[str, Any]:
        """For JSON; docs/git.md describes the keys. Numbers of networks are strings: JSON readers may lose digits."""
        return {"format": 1, **_plain(self)}


def _plain(value: Any) -> Any:
    if isinstance(value, Cost):
        return {
            "macs": {"min": value.macs_min, "max": value.macs_max},
            "params": {"min": value.params_min, "max": value.params_max},
        }
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if not is_dataclass(value):
        return value
    found = {"equal": value.equal} if hasattr(value, "equal") else {}
    for f in fields(value):
        item = getattr(value, f.name)
        if f.name == "cost":
            found |= {"macs": None, "params": None} if item is None else _plain(item)
        else:
            found[f.name] = str(item) if f.name == "size" else _plain(item)
    return found

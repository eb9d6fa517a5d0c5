"""A space or network as a tree of parts that can be compared, blocks and stages, their lines, the lines in braces; and
what a comparison finds.

`as_object` gives what is found field by field, so the names are part of its format. Shapes are (C, T, H, W) or (C,).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

from vnasdsl.elaborate.space import Space
from vnasdsl.language import tree
from vnasdsl.language.printer import print_inline
from vnasdsl.language.walk import blocks_used
from vnasdsl.layers.base import Shape, Value
from vnasdsl.show.draw.texts import text_of
from vnasdsl.show.figures import LineFigures, section_figures
from vnasdsl.space.counting import CannotCountError, Counts
from vnasdsl.space.elements import (
    BodyLayer,
    DeferredCall,
    Element,
    FromShape,
    Group,
    Join,
    LayerCall,
    LayerChoice,
    NameRef,
    Pick,
    When,
)
from vnasdsl.space.parts import children, kept
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


@dataclass(frozen=True, eq=False)
class Item:
    """A part on one side."""

    what: What
    key: Hashable
    """Equal for parts that say the same, whatever comes out of them."""
    side: Side
    name: str = ""
    """The name that the file gives a line or stage."""
    inside: tuple[Item, ...] = ()

    @cached_property
    def words(self) -> Counter[str]:
        return Counter(re.findall(r"[\w.]+", self.side.text))


def stages(space: Space) -> list[Item]:
    """The stages, and between them the lines outside of stages at one place."""
    counts = Counts()
    found: list[Item] = []
    sections = list(section_figures(space))
    for segment, (whole, lines) in zip(space.segments, sections, strict=True):
        figures = {(line.span.start, line.span.end): _side("", line, counts) for line in lines}
        after = "end" if len(found) == len(sections) - 1 else found[-1].key if found else "start"
        inside = tuple(_lines(segment.body, figures))
        key = segment.name or ("outside", after)
        found.append(Item("stage", key, _side(segment.name, whole, counts), segment.name, inside))
    return found


def _lines(group: Group, figures: dict[tuple[int, int], Side]) -> Iterator[Item]:
    """The lines of a body; `skip` alone is no line."""
    for i, line in enumerate(group.lines):
        name = group.name_of(i)
        own = figures.get((line[0].span.start, line[-1].span.end), Side(""))
        only = line[0]
        inside = tuple(_lines(only.body, figures)) if isinstance(only, BodyLayer) and len(line) == 1 else ()
        text = " -> ".join(map(text_of, line))
        if name or text != "skip":
            text = f"{name} = {text}" if name else text
            key = name, tuple(map(meaning, line))
            yield Item("line", key, Side(text, own.outputs, own.size, own.cost), name, inside)
    if group.out is not None:
        yield Item("line", ("out", meaning(group.out)), Side(f"out {text_of(group.out)}"))


def _side(text: str, figures: LineFigures, counts: Counts) -> Side:
    size: Size = "not counted"
    if figures.after:  # else a layer has more options than the walk follows
        with suppress(CannotCountError):
            number = counts.of(figures.ways)
            size = "infinite" if number is None else number
    return Side(text, _distinct(figures.after), size, figures.cost)


def _distinct(shapes: Iterable[Shape]) -> tuple[Shape, ...]:
    return tuple(sorted({shape for shape in shapes if shape}))


# ------------------------------------------------------------------------ meaning


@kept
def meaning(element: Element) -> Hashable:
    """Equal for elements that mean the same. The order of options, names of arguments and defaults written out make no
    difference; a use of a block means its name and arguments, because a changed block is reported by itself."""
    match element:
        case Group() if element.block is not None:
            bound = tuple((name, _value(value)) for name, value in element.bound)
            return element.block, bound, tuple(meaning(value) for _, value in element.inputs)
        case LayerChoice():
            options = Counter(meaning(option.element) for option in element.options)
            return element.kind, frozenset(options.items())
        case DeferredCall():
            fields = tuple((f.key, f.kind, frozenset(f.options), f.low, f.high) for f in element.fields)
            return print_inline(element.call), fields
    below = tuple(meaning(child) for child, _ in children(element, ""))
    match element:
        case LayerCall() | BodyLayer() | Join():
            arguments = tuple((name, _value(value)) for name, value in element.arguments)
            return element.layer.name, arguments, below
        case NameRef():
            return element.wire, element.index
        case Pick():
            return "pick", element.least, element.most, below
        case When():
            return print_inline(element.test), below
        case Group():
            return element.names, element.tied, below
    return type(element).__name__, below


def _value(value: Value) -> str:
    """1, 1.0 and true are different values."""
    return print_inline(value.expression) if isinstance(value, FromShape) else repr(value)


# ------------------------------------------------------------------------- blocks


def used_blocks(space: Space) -> dict[str, tree.Block]:
    return {block.name: block for block in blocks_used(space.syntax.body, space.definitions.blocks)}


def block(syntax: tree.Block) -> Item:
    """A block by its own lines, without values for its parameters."""
    parameters = [p.name if p.default is None else f"{p.name}={print_inline(p.default)}" for p in syntax.parameters]
    signature = f"{syntax.name}({', '.join(parameters)})" if parameters else syntax.name
    lines = tuple(_source_lines(syntax.body))
    text = f"tied {signature}" if syntax.tied else signature
    return Item("block", (text, tuple(line.key for line in lines)), Side(text), syntax.name, lines)


def _source_lines(body: Iterable[tree.Statement]) -> Iterator[Item]:
    for s in body:
        if isinstance(s, (tree.Line, tree.Wire, tree.Out)):
            name = s.name if isinstance(s, tree.Wire) else ""
            first = f"{name} = " if name else "out " if isinstance(s, tree.Out) else ""
            text = first + one_line(s.value)
            inner = s.value.body if isinstance(s.value, tree.Call) and s.value.body is not None else ()
            yield Item("line", text, Side(text), name, tuple(_source_lines(inner)))


def one_line(written: tree.Expression) -> str:
    """An expression on one line, with semicolons between the lines of a body."""
    first, *rest = (line.strip() for line in print_inline(written).split("\n"))
    for line in rest:
        first += f" {line}" if first.endswith("{") or line.startswith("}") else f"; {line}"
    return first

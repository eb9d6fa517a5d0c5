"""What stands in a picture of a network or space: boxes, and regions (copies, choices, bodies) with boxes inside.

It is read off the parts of a `NetworkGraph`. A use of a block is one box or, where it is opened, what it consists of.
Arrows follow from the nodes: a box reads what its nodes read, and gives what they give.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from vnasdsl.layers.base import Shape
from vnasdsl.network.graph import NetworkGraph
from vnasdsl.network.nodes import LayerNode, Part, many
from vnasdsl.show.draw.texts import field_options, number_range, options_text, text_of
from vnasdsl.space.elements import BodyLayer, DeferredCall, Group, Join, LayerCall, LayerChoice, Many, Pick, Repeat

IN, OUT = "<in>", "<out>"
LINE_ROOM = 620
SIGNS = {"add": "+", "sum": "Σ", "mix": "mix"}


@dataclass(eq=False)
class Box:
    """One or more layers, or a use of a block that is not opened."""

    id: str
    texts: list[str]
    reads: tuple[str, ...]
    gives: tuple[str, ...]
    """The keys of its nodes; the last is what it hands on."""
    title: str = ""
    """The name of its line."""
    role: str = "layer"
    shape: Shape = ()
    changed: bool = False
    """Whether another shape comes out than goes in."""
    macs: int = 0
    params: int = 0
    parts: tuple[Part, ...] = ()
    """What it stands for, of a box that may hold uses of blocks."""
    colour: str = ""
    plain: bool = False
    """A single layer, which may be joined with the next into one box."""


@dataclass(eq=False)
class Region:
    """Things inside a frame, or a whole stage."""

    id: str
    title: str
    things: list[Thing]
    ends: tuple[str, ...]
    """The keys that lead to its end."""
    values: tuple[str, ...] = ()
    """What it stands for outside, if that is more than what is drawn in it."""
    options: bool = False
    """Whether one of its things is chosen, or each stands for itself: all of them lead to its end."""
    room: float = 10_000
    """The width it keeps to where that can be."""

    @property
    def gives(self) -> tuple[str, ...]:
        return (*(key for thing in self.things for key in thing.gives), *self.values)

    @property
    def reads(self) -> tuple[str, ...]:
        inside = {key for thing in self.things for key in thing.gives}
        return tuple(dict.fromkeys(key for thing in self.things for key in thing.reads if key not in inside))


Thing: TypeAlias = Box | Region


def edges(region: Region) -> list[tuple[str, str]]:
    """The arrows between the things of a region, from its entry (IN) and to its end (OUT)."""
    giver = {key: thing.id for thing in region.things for key in thing.gives}
    found = [(giver.get(key, IN), thing.id) for thing in region.things for key in thing.reads]
    if region.options:
        found += [(thing.id, OUT) for thing in region.things]
    else:
        found += [(giver.get(key, IN), OUT) for key in region.ends]
    return [pair for pair in dict.fromkeys(found) if pair[0] != pair[1]]


def boxes(things: Iterable[Thing]) -> Iterator[Box]:
    for thing in things:
        if isinstance(thing, Box):
            yield thing
        else:
            yield from boxes(thing.things)


class RegionReader:
    """Makes boxes and regions of parts.

    depth: how many uses of blocks, one inside the other, are opened; below 0 each line with a name is one box.
    """

    def __init__(self, graph: NetworkGraph, depth: int, copies: bool = False, closed: frozenset[str] = frozenset()):
        self.graph = graph
        self.depth = depth
        self.closed = closed
        """Calls of blocks that are not opened."""
        self.copies = copies
        """Whether each of several equal copies is drawn."""
        self.count = 0

    def body(self, part: Part) -> list[Thing]:
        """The lines of a stage, block or chain."""
        group = part.element
        assert isinstance(group, Group)
        found: list[Thing] = []
        for i, line in enumerate(part.lines):
            name = group.name_of(i)
            if name and self.depth < 0:
                box = self._closed(line, " -> ".join(text_of(item.element) for item in line))
                found += [replace(box, title=name)] if box is not None else []
                continue
            made = _merged([thing for item in line for thing in self.things(item)])
            if name and len(made) > 2 and _has_one_entry(made):
                made = [Region(self._id(), name, made, many(line[-1].value), room=LINE_ROOM)]
            elif name and made and isinstance(made[-1], Box):
                made[-1] = replace(made[-1], title=name, plain=False)
            found += made
        if part.out is not None:
            found += self.things(part.out)
        return _merged(found)

    def things(self, part: Part) -> list[Thing]:
        """What a part is drawn as: nothing for a `skip`."""
        element = part.element
        match element:
            case LayerCall():
                return self._box(part, text_of(element), plain=True)
            case Group() if element.block is not None:
                text = text_of(element)
                return self._box(part, text) if self.depth <= 0 or text in self.closed else self._opened(part)
            case Group():
                return self.body(part)
            case BodyLayer():
                return self._body_layer(part, element)
            case Join():
                inner = [thing for item in part.items for thing in self.things(item)]
                picks = [item.element for item in part.items if isinstance(item.element, Pick)]
                sign = SIGNS.get(element.layer.name, element.layer.name)
                for pick in picks:
                    sign += f" of {number_range(pick.least, pick.most)} of {len(pick.options)}"
                return [*inner, *self._join(part, sign)]
            case LayerChoice():
                return self._choice(part, element)
            case Repeat() | Many():
                return self._copies(part, str(len(element.items)), isinstance(element, Many))
            case Pick():
                return [thing for item in part.items for thing in self.things(item)]
            case DeferredCall():
                if self.depth > 0 and part.items and isinstance(part.items[0].element, Group):
                    return self.things(part.items[0])
                lines = [element.call.function, *(f"{f.key}: {field_options(f)}" for f in element.fields)]
                made = self._box(part, lines[0])
                return [replace(box, title=lines[0], texts=lines[1:]) for box in made if isinstance(box, Box)]
        return self._box(part, text_of(element))

    # -------------------------------------------------------------------- regions

    def _opened(self, part: Part) -> list[Thing]:
        self.depth -= 1
        handed = [thing for _, item in part.inputs for thing in self.things(item)]
        found = self.body(part)
        self.depth += 1
        return [*handed, *found]

    def _body_layer(self, part: Part, element: BodyLayer) -> list[Thing]:
        (inner,) = part.items
        found = self.body(inner)
        if part.node is None:
            return found
        end = self.graph.node(part.node)
        if end.operation != "add":
            frame = Region(self._id(), element.layer.name, _merged(found), many(inner.value))
            return [frame, *self._join(part, f"end of {element.layer.name}")] if found else []
        (join,) = self._join(part, SIGNS["add"])
        if not end.params:
            return [*found, join]
        given = many(part.before)[0]
        stride = dict(end.attributes).get("stride", (1, 1, 1))
        stride_text = "" if stride == (1, 1, 1) else f", stride={'x'.join(map(str, stride))}"
        text = f"conv({end.shape[0]}, 1x1x1{stride_text}) → bn"
        project = (f"{part.node}.project",)
        changed = end.shape != end.input_shape
        shortcut = replace(
            join, id=project[0], texts=[text], reads=(given,), gives=project, role="layer", changed=changed
        )
        first, *_ = join.reads
        return [*found, shortcut, replace(join, reads=(first, *project), changed=False, macs=0, params=0)]

    def _choice(self, part: Part, element: LayerChoice) -> list[Thing]:
        if element.key == "number":
            (inner,) = part.items
            counts = options_text([option.text for option in element.options])
            return self._copies(inner, counts, isinstance(inner.element, Many))
        if element.key != "op":  # one option stands for all: their texts are merged
            (inner,) = part.items
            while isinstance(inner.element, LayerChoice) and len(inner.items) == 1:
                (inner,) = inner.items
            if isinstance(inner.element, Group) and self.depth > 0:
                return self.things(inner)
            return self._box(part, text_of(element), plain=isinstance(inner.element, LayerCall))
        if self.depth <= 0:
            first, *more = (text_of(option.element) for option in element.options)
            texts = [first, *(f"| {text}" for text in more)]
            return [replace(box, texts=texts) for box in self._box(part, "") if isinstance(box, Box)]
        options: list[Thing] = []
        for option in part.items:
            found = _merged(self.things(option))
            if not found:
                name = self._id()
                found = [Box(name, ["skip"], many(part.before), (name,))]
            if len(found) > 1:
                group = option.element
                title = text_of(group) if isinstance(group, Group) and group.block is not None else ""
                found = [Region(self._id(), title, found, many(option.value))]
            options += found
        return [Region(self._id(), f"one of {len(options)}", options, (), many(part.value), options=True)]

    def _copies(self, part: Part, count: str, parallel: bool) -> list[Thing]:
        """Copies, one after the other or (`parallel`) side by side: those that are written alike are drawn once."""
        items = list(dict.fromkeys(part.items))
        shown = items if self.copies else items[: _period([text_of(item.element) for item in items])]
        things = [thing for item in shown for thing in self.things(item)]
        if not things or self.copies or count == str(len(shown)):
            return things
        title = f"{count} ×" if len(shown) == 1 else f"{count} copies in turn"
        ends = tuple(key for item in (shown if parallel else shown[-1:]) for key in many(item.value))
        return [Region(self._id(), title, _merged(things), ends, many(part.value))]

    # ---------------------------------------------------------------------- boxes

    def _id(self) -> str:
        self.count += 1
        return str(self.count)

    def _box(self, part: Part, text: str, plain: bool = False) -> list[Thing]:
        box = self._closed((part,), text, plain)
        return [] if box is None else [box]

    def _closed(self, parts: Sequence[Part], text: str, plain: bool = False) -> Box | None:
        """One box for parts that follow one another; None where they hand on what they are given."""
        made = dict.fromkeys(key for part in parts for key in nodes_of(part))
        for key in many(parts[-1].value):  # what is handed on comes last
            if key in made:
                made[key] = made.pop(key)
        if not made:
            return None
        found = [self.graph.node(key) for key in made]
        reads = dict.fromkeys(key for node in found for key in (*node.inputs, node.enter) if key and key not in made)
        certain = not any(_open(inner) for part in parts for inner in part.walk())
        return Box(
            found[0].label,
            [text],
            tuple(reads),
            tuple(made),
            "",
            "layer",
            found[-1].shape,
            self._changes(reads, found[-1]),
            sum(node.macs for node in found) if certain else 0,
            sum(node.params for node in found) if certain else 0,
            tuple(parts),
            plain=plain,
        )

    def _join(self, part: Part, sign: str) -> list[Box]:
        if part.node is None:
            return []
        node = self.graph.node(part.node)
        reads = tuple(dict.fromkeys(node.inputs))
        changed = self._changes(reads, node)
        return [Box(node.label, [sign], reads, (part.node,), "", "join", node.shape, changed, node.macs, node.params)]

    def _changes(self, reads: Iterable[str], node: LayerNode) -> bool:
        return bool(node.shape) and {self.graph.node(key).shape for key in reads} != {node.shape}


def _has_one_entry(things: list[Thing]) -> bool:
    """Whether arrows from outside that meet in one point still say what reads what."""
    inside = {key for thing in things for key in thing.gives}
    entering = [{*thing.reads} - inside for thing in things]
    return sum(map(bool, entering)) == 1 or len(set().union(*entering)) == 1


def _open(part: Part) -> bool:
    """Whether the nodes of a part are more or fewer than those of a network: options, or copies that are one."""
    match part.element:
        case LayerChoice():
            return part.element.key in ("op", "number")
        case Pick() | DeferredCall():
            return True
        case Repeat() | Many():
            return len(set(part.items)) < len(part.element.items)
    return False


def _period(texts: Sequence[str]) -> int:
    """After how many texts they begin again."""
    for count in range(1, len(texts)):
        if all(text == texts[i % count] for i, text in enumerate(texts)):
            return count
    return len(texts)


def nodes_of(part: Part) -> Iterator[str]:
    """The keys of the nodes of a part, in the order of the file."""
    for inner in part.children:
        yield from nodes_of(inner)
    if isinstance(part.element, BodyLayer) and part.items and part.items[0].before != part.before:
        yield from many(part.items[0].before)
    if part.node is not None:
        yield part.node


def _merged(things: list[Thing]) -> list[Thing]:
    """Single layers that only follow one another are one box; what costs nothing goes on in the line before."""
    readers: dict[str, int] = {}
    for thing in things:
        for key in thing.reads:
            readers[key] = readers.get(key, 0) + 1
    found: list[Thing] = []
    for thing in things:
        last = found[-1] if found else None
        if (
            isinstance(thing, Box)
            and isinstance(last, Box)
            and thing.plain
            and last.plain
            and thing.reads == last.gives[-1:]
            and not (thing.changed and last.shape)
            and readers[last.gives[-1]] == 1
        ):
            if thing.macs and last.macs:
                texts = [*last.texts, *thing.texts]
            else:
                texts = [*last.texts[:-1], f"{last.texts[-1]} → {thing.texts[0]}"]
            found[-1] = replace(
                last,
                texts=texts,
                gives=(*last.gives, *thing.gives),
                shape=thing.shape,
                changed=last.changed or thing.changed,
                macs=last.macs + thing.macs,
                params=last.params + thing.params,
            )
        else:
            found.append(thing)
    return found

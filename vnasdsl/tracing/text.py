"""From the tree to the text of a .vns file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from vnasdsl.language.lexer import KEYWORDS
from vnasdsl.layers import CATALOGUE
from vnasdsl.layers.base import Value
from vnasdsl.space.values import AXES, WORDS
from vnasdsl.tracing.tree import Chain, Item, Lines, Operation, Raw, default_of, written

# ------------------------ blocks: objects of one class, with what differs as parameters

PARAMETERS = {"channels": "width", "features": "width", "kernel": "size"}
"""Better names for parameters of a block than those of the arguments they are used for."""
AUTO = {"auto", "never"}
RESERVED = frozenset({*KEYWORDS, *CATALOGUE, *WORDS, *AXES})
"""What no line, input, block or parameter of one is called."""


@dataclass
class Block:
    """The definition of a block: the lines of its first use, and where a parameter stands in the place of a value."""

    name: str
    parameters: list[str]
    lines: Chain
    texts: dict[tuple[int, str], str]
    """(number of the leaf, argument) -> what is written there."""


def find_blocks(lines: Lines) -> list[Block]:
    """Puts uses of blocks into the tree, in the place of what objects of one class do.

    Returns: the blocks, those that others use first.
    """
    sizes = Counter(
        path for chain in lines.chains for item in chain.items for o in item.operations for path, _ in o.owners
    )
    for chain in lines.chains:
        _group(chain, sizes, ())
    taken = set(RESERVED)
    blocks: list[Block] = []
    pending = [item for chain in lines.chains for item in _inner_first(chain) if item.kind == "block"]
    while pending:
        # Uses whose inner blocks are all defined or written out, of one class and shape.
        ready = [item for item in pending if not any(inner in pending for inner in _inside(item))]
        first = ready[0]
        alike = [item for item in ready if item.block == first.block and _shape(item) == _shape(first)]
        pending = [item for item in pending if item not in alike]
        if len(alike) == 1:
            first.kind = "inline"
            continue
        name = free(_snake(first.block), taken)
        blocks.append(_define(name, alike))
    for chain in lines.chains:
        _inline(chain)
    for block in blocks:
        _inline(block.lines)
    return blocks


def _group(chain: Chain, sizes: Counter[str], inside: tuple[str, ...]) -> None:
    """Replace runs of items that are all that a module does."""
    found: list[Item] = []
    i = 0
    while i < len(chain.items):
        owners = [set(o.owners) for o in chain.items[i].operations]
        shared = set.intersection(*owners)
        for path, kind in chain.items[i].operation.owners:
            if (path, kind) not in shared or path in inside:
                continue
            j, count = i, 0
            while j < len(chain.items) and all((path, kind) in o.owners for o in chain.items[j].operations):
                count += len(list(chain.items[j].operations))
                j += 1
            run = Chain(chain.items[i:j], None)
            alone = j - i == 1 and chain.items[i].kind == "layer"
            if count == sizes[path] and not alone and _closed(run):
                _group(run, sizes, (*inside, path))
                found.append(Item(chain.items[j - 1].operation, [run], kind="block", block=kind))
                i = j
                break
        else:
            for branch in chain.items[i].branches:
                _group(branch, sizes, inside)
            found.append(chain.items[i])
            i += 1
    chain.items[:] = found


def _closed(chain: Chain) -> bool:
    """Whether nothing in a chain reads a value by its name; the lines of a block cannot."""
    return all(branch.start is None and _closed(branch) for item in chain.items for branch in item.branches)


def _inner_first(chain: Chain) -> Iterator[Item]:
    for item in chain.items:
        for branch in item.branches:
            yield from _inner_first(branch)
        yield item


def _inside(item: Item) -> Iterator[Item]:
    for branch in item.branches:
        yield from _inner_first(branch)


def _inline(chain: Chain) -> None:
    """Put the lines of blocks that are used once in their place."""
    found: list[Item] = []
    for item in chain.items:
        for branch in item.branches:
            _inline(branch)
        found += item.branches[0].items if item.kind == "inline" else [item]
    chain.items[:] = found


def leaves(chain: Chain) -> Iterator[tuple[str, dict[str, Value], Operation]]:
    """What has arguments in the lines of a block, in the order of the text: the layer or block, its arguments, and the
    operation."""
    for item in chain.items:
        if item.kind == "block":
            yield item.block, item.values, item.operation
            continue
        for branch in item.branches:
            yield from leaves(branch)
        if item.kind == "residual":
            yield "residual", {"project": _project(item)}, item.operation
        elif item.kind in ("layer", "around", "join"):
            yield item.operation.layer, item.operation.arguments, item.operation


def _project(item: Item) -> str:
    if not item.shortcut:
        return "never"
    return "auto" if item.operation.shape != item.shortcut[0].inputs[0].shape else "always"


def _shape(item: Item) -> object:
    """What a block does but for its arguments."""

    def of(chain: Chain) -> tuple[object, ...]:
        return tuple(
            (each.kind, each.block if each.kind == "block" else each.operation.layer, *map(of, each.branches))
            if each.kind != "inline"
            else of(each.branches[0])
            for each in chain.items
        )

    return of(item.branches[0])


def _define(name: str, alike: list[Item]) -> Block:
    """The block of some uses; each gets its arguments."""
    for item in alike:
        _inline(item.branches[0])
    rows = [list(leaves(item.branches[0])) for item in alike]
    texts: dict[tuple[int, str], str] = {}
    parameters: dict[str, tuple[Value, ...]] = {}
    for number, column in enumerate(zip(*rows, strict=True)):
        layer = column[0][0]
        for key in dict.fromkeys(key for _, arguments, _ in column for key in arguments):
            values = tuple(arguments.get(key, default_of(layer, key)) for _, arguments, _ in column)
            if layer == "residual" and set(values) == AUTO:
                values = ("auto",) * len(values)
            if len(set(values)) == 1:
                texts[number, key] = ""  # the value itself
                if layer == "residual":
                    texts[number, key] = str(values[0])
                continue
            if key == "channels" and all(
                v == o.inputs[0].shape[0] for v, (_, _, o) in zip(values, column, strict=True)
            ):
                texts[number, key] = "same"
                continue
            wish = PARAMETERS.get(key.rstrip("0123456789"), key.rstrip("0123456789"))
            known = next((p for p, row in parameters.items() if row == values and p.rstrip("0123456789") == wish), None)
            if known is None:
                known = free(wish, {*parameters, *RESERVED})
                parameters[known] = values
            texts[number, key] = known
    for i, item in enumerate(alike):
        item.block = name
        item.values = {parameter: values[i] for parameter, values in parameters.items()}
    return Block(name, list(parameters), alike[0].branches[0], texts)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower().strip("_") or "part"


def free(wish: str, taken: set[str]) -> str:
    name, count = wish, 1
    while name in taken:
        count += 1
        name = f"{wish}{count}"
    taken.add(name)
    return name


# --------------------------------------------------------------------------------- text

HEAVY = ("conv", "depthwise", "linear", "max_pool", "avg_pool", "pool")
"""Layers that begin a line, as joins, residuals and blocks do."""


class Writer:
    """Writes chains; in the definition of a block `texts` has what stands in the place of values."""

    def __init__(self, names: dict[Operation, str], texts: dict[tuple[int, str], str] | None = None):
        self.names = names
        self.texts = texts or {}
        self.number = 0

    def items(self, chain: Chain) -> list[tuple[Item, str]]:
        return [(item, self.item(item)) for item in chain.items]

    def inline(self, chain: Chain) -> str:
        """A chain as one expression."""
        parts = [text for _, text in self.items(chain)]
        start = [self.names[chain.start]] if chain.start is not None else []
        return " -> ".join([*start, *parts]) or "skip"

    def item(self, item: Item) -> str:
        branches, body = "", ""
        if item.kind == "join":
            branches = ", ".join(map(self.inline, item.branches))
        elif item.kind in ("residual", "around"):
            body = f" {{\n{self.lines(item.branches[0])}\n}}"
        layer, own = item.operation.layer, item.operation.arguments
        if item.kind == "residual":
            layer, own = "residual", {"project": _project(item)}
        elif item.kind == "block":
            layer, own = item.block, item.values
        return written(layer, self.arguments(layer, own), branches) + body

    def arguments(self, layer: str, own: dict[str, Value]) -> dict[str, Value]:
        """The arguments of the next leaf, with parameters in the place of values."""
        number, self.number = self.number, self.number + 1
        instead = {key: text for (n, key), text in self.texts.items() if n == number and text}
        return {**{k: _short(k, v) for k, v in own.items()}, **{key: Raw(text) for key, text in instead.items()}}

    def lines(self, chain: Chain) -> str:
        """A chain as lines: a new one for every convolution, block, join and the like; equal ones are counted."""
        lines: list[list[str]] = []
        whole: list[bool] = []
        start = [self.names[chain.start]] if chain.start is not None else []
        for item, text in self.items(chain):
            heavy = item.kind != "layer" or item.operation.layer in HEAVY
            if heavy or not lines:
                lines.append([text])
                whole.append(item.kind != "layer")
            else:
                lines[-1].append(text)
                whole[-1] = False
        texts = [" -> ".join(line) for line in lines]
        counted: list[str] = []
        for (text, alone), run in groupby(zip(texts, whole, strict=True)):
            count = len(list(run))
            counted += [f"{count} * {text}"] if count > 1 and alone else [text] * count
        if start:
            counted[:1] = [" -> ".join([*start, *counted[:1]])]
        return "\n".join(counted)


def _short(key: str, value: Value) -> Value:
    """A stride of 2 along every axis as `2`."""
    equal = isinstance(value, tuple) and len(set(value)) == 1 and isinstance(value[0], int)
    return value[0] if equal and not key.startswith(("kernel", "size", "grid", "window", "block")) else value


def network_text(name: str, lines: Lines, blocks: list[Block], inputs: dict[str, Operation], classes: int) -> str:
    """The whole file."""
    names = _names(lines, {name, *(block.name for block in blocks)}, inputs)
    parts = []
    for block in blocks:
        head = f"{block.name}({', '.join(block.parameters)})" if block.parameters else block.name
        parts.append(f"block {head} {{\n{Writer(names, block.texts).lines(block.lines)}\n}}\n")
    body = []
    for number, (label, clip) in enumerate(inputs.items()):
        channels, frames, *size = clip.shape
        shown = f"frames={frames}, size={size[0] if size[0] == size[1] else f'{size[0]}x{size[1]}'}"
        kind = f"maps({channels}, {shown}" if number else f"video({shown}"
        more = ("" if channels == 3 else f", channels={channels}") + f", classes={classes}"
        body.append(f"input {label} = {kind}{'' if number else more})")
    first = next(iter(inputs.values()))
    before = first
    for value, chain in lines.named:
        body.append(f"{names[value]} = {_whole(Writer(names), chain, before)}")
        before = value
    if lines.named:
        body.append(Writer(names).lines(_from(lines.last, before)))
    else:
        body += _stages(_from(lines.last, before), names)
    return "\n".join([*parts, f"network {name} {{", *body, "}", ""])


def _whole(writer: Writer, chain: Chain, before: Operation) -> str:
    return writer.inline(_from(chain, before))


def _from(chain: Chain, before: Operation) -> Chain:
    """The chain without the name of what the line before gives; the first line takes the first input."""
    return Chain(chain.items, None) if chain.start is before else chain


def _stages(chain: Chain, names: dict[Operation, str]) -> Iterator[str]:
    """The lines, those of each part of the module that has several in a stage of its name."""
    items = list(chain.items)
    parts = [_part(item, 0) for item in items]
    if len({part for part in parts if part}) == 1:
        parts = [_part(item, 1) for item in items]
    taken = {*RESERVED, *names.values()}
    start = chain.start
    for part, run in groupby(zip(items, parts, strict=True), key=lambda pair: pair[1]):
        inside, start = Chain([item for item, _ in run], start), None
        text = Writer(names).lines(inside)
        label = re.sub(r"\W", "_", part)
        if (
            part
            and len(inside.items) > 1
            and label.isidentifier()
            and parts.count(part) == len(inside.items) < len(items)
        ):
            label = f"{label}_1" if label in taken else label
            yield f"stage {label} {{\n{text}\n}}"
        else:
            yield text


def _part(item: Item, depth: int) -> str:
    """The outer module of an item, or the one inside of that."""
    paths = {".".join(o.place.split(".")[: depth + 1]) for o in item.operations}
    return paths.pop() if len(paths) == 1 else ""


def _names(lines: Lines, taken: set[str], inputs: dict[str, Operation]) -> dict[Operation, str]:
    """Names for the values that need them, after the modules that make them."""
    taken |= {*RESERVED, *inputs}
    names: dict[Operation, str] = {operation: label for label, operation in inputs.items()}
    for value, _ in lines.named:
        wish = re.sub(r"\W", "_", value.place).lower() or "x"
        wish = wish if wish[:1].isalpha() else f"x_{wish}"
        names[value] = free(wish[:40], taken)
    return names

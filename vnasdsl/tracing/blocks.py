"""Parts of the tree that are objects of one class: uses of a block, with what differs as its parameters."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from vnasdsl.language.lexer import KEYWORDS
from vnasdsl.layers import CATALOGUE
from vnasdsl.layers.base import Value
from vnasdsl.space.values import AXES, WORDS
from vnasdsl.tracing.operation import Operation, default_of
from vnasdsl.tracing.tree import Chain, Item, Lines

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

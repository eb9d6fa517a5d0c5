"""From the tree to the text of a .vns file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

from vnasdsl.layers.base import Value
from vnasdsl.tracing.blocks import RESERVED, Block, free, leaves
from vnasdsl.tracing.operation import Operation, Raw, written
from vnasdsl.tracing.tree import Chain, Item, Lines

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
        if item.kind == "join":
            branches = ", ".join(map(self.inline, item.branches))
            own = self.arguments(item.operation.layer, item.operation.arguments)
            return written(item.operation.layer, own, branches)
        if item.kind == "residual":
            body = self.lines(item.branches[0])
            project = self.arguments("residual", {"project": _project(item)})
            return f"{written('residual', project)} {{\n{body}\n}}"
        if item.kind == "around":
            body = self.lines(item.branches[0])
            layer = item.operation.layer
            return f"{written(layer, self.arguments(layer, item.operation.arguments))} {{\n{body}\n}}"
        if item.kind == "block":
            return written(item.block, self.arguments(item.block, item.values))
        return written(item.operation.layer, self.arguments(item.operation.layer, item.operation.arguments))

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


def _project(item: Item) -> str:
    return next(values["project"] for layer, values, _ in leaves(Chain([item])) if layer == "residual")


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

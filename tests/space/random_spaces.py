"""Random small spaces, each with what it means worked out by other means than the package's: every network of the space
as a plain list of layers, and the price of such a list by the textbook formulas."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import prod
from typing import Any, TypeAlias

from hypothesis import settings
from hypothesis import strategies as st

from tests import support

Flat: TypeAlias = tuple[object, ...]
"""Layers without choices: ("conv", channels, kernel, stride, dilation, bias), ("bn",), ("relu",), ("add", Flat)."""
FRAMES, SIZE, CLASSES = 4, 8, 3


def examples(count: int) -> settings:
    """So many random spaces. What fails is small as it is: making it smaller takes minutes."""
    return support.examples(count, shrink=False)


BLOCKS = """\
block basic(d) {
  residual {
    conv(same, 1x3x3) -> bn -> relu
    conv(same, 3x1x1, dilation=(d, 1, 1)) -> bn -> relu
  }
}
block head(c, s) { conv(c, 1x3x3, stride=(1, s, s)) -> bn -> relu }
block slim(c, s) {
  conv(c // 2, 1x1x1) -> bn
  conv(c, 1x3x3, stride=1x1x1 if s == 1 else 1x2x2)
}
block twice(d) { basic(d) -> basic(d + 1) }
block maybe(d) { basic(d) | relu }
block deep {
  residual {
    conv(same, 1x1x1, bias=true) | skip
    bn
  }
  relu
}
block either(d, times) { times * maybe(d) }
"""


@dataclass(frozen=True)
class Part:
    """A piece of text where a layer may stand, and every list of layers it can become, one for each way to choose."""

    text: str
    ways: tuple[Flat, ...]

    def in_brackets(self) -> Part:
        return Part(f"({self.text})", self.ways)


def one(text: str, *layers: object) -> Part:
    return Part(text, (layers,))


def conv(
    channels: object, kernel: tuple[int, int, int], stride: int = 1, dilation: int = 1, bias: bool = False
) -> Flat:
    return (("conv", channels, kernel, stride, dilation, bias),)


BN, RELU = ("bn",), ("relu",)
SKIP = one("skip")


def basic(d: int) -> Flat:
    return (("add", (*conv("same", (1, 3, 3)), BN, RELU, *conv("same", (3, 1, 1), dilation=d), BN, RELU)),)


def head(c: int, s: int) -> Flat:
    return (*conv(c, (1, 3, 3), s), BN, RELU)


def slim(c: int, s: int) -> Flat:
    return (*conv(c // 2, (1, 1, 1)), BN, *conv(c, (1, 3, 3), s))


def maybe(d: int) -> Part:
    return Part(f"maybe({d})", (basic(d), (RELU,)))


def deep() -> Part:
    return Part("deep", tuple((("add", (*inner, BN)), RELU) for inner in (conv("same", (1, 1, 1), bias=True), ())))


def then(*parts: Part) -> Part:
    ways = tuple(sum(made, ()) for made in product(*(part.ways for part in parts)))
    return Part(" -> ".join(part.text for part in parts), ways)


def choice(*parts: Part) -> Part:
    return Part(" | ".join(part.text for part in parts), tuple(way for part in parts for way in part.ways))


def copies(counts: Sequence[int], part: Part) -> Part:
    text = str(counts[0]) if len(counts) == 1 else f"({' | '.join(map(str, counts))})"
    ways = tuple(sum(made, ()) for n in counts for made in product(part.ways, repeat=n))
    return Part(f"{text} * {part.in_brackets().text}", ways)


def residual(part: Part) -> Part:
    return Part(f"residual {{ {part.text} }}", tuple((("add", way),) for way in part.ways))


# ---------------------------------------------------------------- costs by the textbook


def price(layers: Sequence[object], channels: int, size: int) -> tuple[int, int, int, int]:
    """(MACs, parameters, channels, size) of layers at (channels, FRAMES, size, size)."""
    macs = params = 0
    layer: Any
    for layer in layers:
        kind, rest = layer[0], layer[1:]
        if kind == "conv":
            wanted, kernel, stride, _, bias = rest
            out = channels if wanted == "same" else wanted
            size = (size + stride - 1) // stride
            weights = channels * out * prod(kernel)
            macs += weights * FRAMES * size * size
            params += weights + (out if bias else 0)
            channels = out
        elif kind == "bn":
            params += 2 * channels
        elif kind == "add":
            more, tensors, _, _ = price(rest[0], channels, size)
            macs, params = macs + more, params + tensors
    return macs, params, channels, size


def tail_price(channels: int) -> tuple[int, int]:
    return channels * CLASSES, (channels + 1) * CLASSES


@dataclass(frozen=True)
class Made:
    """A random space and its meaning."""

    text: str
    segments: tuple[tuple[str, tuple[Part, ...]], ...] = field(repr=False)
    """(stage name or "", lines), the classifier left out."""

    @property
    def size(self) -> int:
        return prod(len(part.ways) for _, lines in self.segments for part in lines)

    def networks(self) -> Iterator[Flat]:
        for ways in product(*(part.ways for _, lines in self.segments for part in lines)):
            yield sum(ways, ())

    def costs(self) -> list[tuple[int, int]]:
        """(MACs, parameters) of every network, sorted."""
        found = []
        for layers in self.networks():
            macs, params, channels, _ = price(layers, 3, SIZE)
            more, tensors = tail_price(channels)
            found.append((macs + more, params + tensors))
        return sorted(found)


# ------------------------------------------------------------------ making them


@st.composite
def keeping(draw: st.DrawFn, most: int, depth: int = 2) -> Part:
    """Something that keeps the shape and can be made in at most `most` ways."""
    simple = [
        one("basic(1)", *basic(1)),
        one("basic(2)", *basic(2)),
        one("relu", RELU),
        one("conv(same, 3x1x1) -> bn", *conv("same", (3, 1, 1)), BN),
        one("twice(1)", *basic(1), *basic(2)),
    ]
    if most < 2 or depth == 0:
        return draw(st.sampled_from(simple))
    kind = draw(
        st.sampled_from(["choice", "choice", "copies", "number", "value", "residual", "block", "chain", "simple"])
    )
    if kind == "choice":
        first = draw(keeping(most // 2, depth - 1))
        second = draw(st.sampled_from([SKIP, one("basic(4)", *basic(4)), one("hardswish", RELU)]))
        options = [first.in_brackets(), second]
        if most - len(first.ways) >= 2 and draw(st.booleans()):
            options.append(one("conv(same, 1x3x3) -> relu", *conv("same", (1, 3, 3)), RELU).in_brackets())
        return choice(*options)
    if kind == "copies":
        n = draw(st.integers(0, 3))
        inner = draw(keeping(int(most ** (1 / max(n, 1)) + 1e-9), depth - 1))
        return copies([n], inner)
    if kind == "number":
        counts = draw(st.sampled_from([(0, 1, 2), (1, 3), (1, 2), (2, 0)]))
        inner = draw(keeping(2 if most >= 14 else 1, depth - 1))
        made = copies(counts, inner)
        return made if len(made.ways) <= most else copies([1], inner)
    if kind == "value":
        a, b = draw(st.sampled_from([(1, 2), (2, 4), (1, 4)]))
        made = Part(f"basic({a} | {b})", (basic(a), basic(b)))
        return choice(made, SKIP) if most >= 3 and draw(st.booleans()) else made
    if kind == "residual":
        return residual(draw(keeping(most, depth - 1)))
    if kind == "block":
        return draw(st.sampled_from([maybe(1), deep(), Part("either(2, 1)", maybe(2).ways)]))
    if kind == "chain":
        left = draw(keeping(most // 2, depth - 1))
        return then(left.in_brackets(), draw(st.sampled_from([one("relu", RELU), one("bn", BN)])))
    return draw(st.sampled_from(simple))


@st.composite
def heads(draw: st.DrawFn, most: int, strides: bool) -> Part:
    """Something that sets the channels."""
    widths = draw(st.lists(st.integers(2, 7), min_size=1, max_size=max(1, min(3, most)), unique=True))
    s = draw(st.sampled_from([1, 2]))
    inner = " | ".join(map(str, widths))
    kind = draw(st.sampled_from(["head", "head", "slim", "conv", "copies"]))
    if kind == "head":
        if strides and len(widths) * 2 <= most:
            return Part(f"head({inner}, 1 | 2)", tuple(head(c, k) for c in widths for k in (1, 2)))
        return Part(f"head({inner}, {s})", tuple(head(c, s) for c in widths))
    if kind == "slim":
        return Part(f"slim({inner}, {s})", tuple(slim(c, s) for c in widths))
    if kind == "copies":
        return copies([2], one(f"head({widths[0]}, 1)", *head(widths[0], 1)))
    return Part(f"conv({inner}, 1x1x1, bias=true) -> bn", tuple((*conv(c, (1, 1, 1), bias=True), BN) for c in widths))


@st.composite
def spaces(draw: st.DrawFn, most: int = 60) -> Made:
    """A space of at most `most` networks."""
    left = most
    segments: list[tuple[str, tuple[Part, ...]]] = []
    count = draw(st.integers(1, 4))
    for i in range(count):
        lines = []
        if i == 0 or draw(st.integers(0, 3)):
            lines.append(draw(heads(min(left, 6), strides=i == count - 1)))
            left //= len(lines[-1].ways)
        for _ in range(draw(st.integers(0 if lines else 1, 2))):
            lines.append(draw(keeping(min(left, 16))))
            left //= max(1, len(lines[-1].ways))
        segments.append((f"s{i + 1}", tuple(lines)))
        if draw(st.integers(0, 4)) == 0:
            between = draw(keeping(min(left, 3), 1))
            left //= max(1, len(between.ways))
            segments.append(("", (between,)))
    tail = draw(st.sampled_from(["pool -> linear(classes)", "pool -> dropout(0.1) -> linear(classes)"]))
    return Made(_text(segments, tail, draw(st.booleans())), tuple(segments))


def _text(segments: Sequence[tuple[str, tuple[Part, ...]]], tail: str, labels: bool) -> str:
    out = [f"space made {{\n  input clip = video(frames={FRAMES}, size={SIZE}, classes={CLASSES})"]
    for name, lines in segments:
        named = [f"{'mark = ' if labels and i == 1 else ''}{part.text}" for i, part in enumerate(lines)]
        if name:
            out.append("\n".join([f"  stage {name} {{", *(f"    {line}" for line in named), "  }"]))
        else:
            out += [f"  {line}" for line in named]
    return BLOCKS + "\n".join([*out, f"  {tail}", "}", ""])


def shuffled(items: Sequence[dict[str, str]], most: int, seed: int = 0) -> list[dict[str, str]]:
    """Some of many, the same ones every time."""
    return random.Random(seed).sample(list(items), min(most, len(items)))

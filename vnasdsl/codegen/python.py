"""Laying out Python expressions, and shapes as comments show them."""

from __future__ import annotations

from collections.abc import Sequence

from vnasdsl.language.layout import Break, Document, Group, IfBroken, Indent, join, lay_out
from vnasdsl.layers.base import Shape

WIDTH = 120
STEP = 4


def call(callee: str, arguments: Sequence[Document]) -> Document:
    return bracketed(f"{callee}(", arguments, ")")


def bracketed(opening: str, items: Sequence[Document], closing: str) -> Document:
    """On one line when it fits, else an item a line with a comma behind each."""
    if not items:
        return opening + closing
    return Group([opening, Indent([Break(""), *join([",", Break()], items), IfBroken(",")]), Break(""), closing])


def text(document: Document, indent: int, prefix: str = "", suffix: str = "") -> str:
    """A document laid out behind some text at an indentation; the first line is not indented."""
    return lay_out([prefix, document, suffix], WIDTH, indent, STEP)


def show(shape: Shape) -> str:
    """A shape with the batch in front: `(B, 64, 16, 56, 56)`."""
    return f"({', '.join(['B', *(str(n) for n in shape)])})"


def show_flow(flow: Shape | list[Shape]) -> str:
    """A shape, or those of a list of tensors: `4 x (B, 64, 16, 56, 56)`."""
    if not isinstance(flow, list):
        return show(flow)
    return f"{len(flow)} x {show(flow[0])}" if len(set(flow)) == 1 else f"{len(flow)} tensors"

"""The one way by which values and texts of the language become Python text."""

from __future__ import annotations

import keyword

from vnasdsl.layers.base import Value

RESERVED_CLASSES = frozenset(
    {"F", "Tensor", "Layers", "Mixture", "Candidate", "Stage", "Network", "Supernet", "None", "True", "ValueError"}
)
"""Names that generated modules already use."""


def literal(value: Value) -> str:
    """A number, flag, word or tuple as a Python literal."""
    if isinstance(value, tuple):
        inner = ", ".join(literal(v) for v in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, (bool, int, float)):
        return repr(value)
    raise TypeError(f"{type(value).__name__} has no literal")


def quoted(text: str) -> str:
    """A double-quoted string literal."""
    body = text.encode("unicode_escape").decode("ascii").replace('"', '\\"')
    return f'"{body}"'


def plain(text: str) -> str:
    """A text that can stand in a comment or docstring: printable, one line, no quotes that could end it."""
    clean = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(clean.replace("\\", "/").replace('"""', "'''").split()).rstrip('"')


def class_name(text: str) -> str:
    """`x3d3_k400` as `X3d3K400`."""
    name = "".join(part[:1].upper() + part[1:] for part in text.split("_") if part)
    if name in RESERVED_CLASSES or keyword.iskeyword(name):
        name += "Block"
    return name

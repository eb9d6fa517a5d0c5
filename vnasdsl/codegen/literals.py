"""The one way by which values and texts of the language become Python text."""

from __future__ import annotations

import keyword
import unicodedata
from math import isfinite

from vnasdsl.codegen.helpers import helper_texts
from vnasdsl.elaborate.names import BUILTINS
from vnasdsl.language.limits import LONGEST_NAME
from vnasdsl.layers.base import Value

RESERVED_CLASSES = frozenset(
    {
        "F",
        "Tensor",
        "Layers",
        "Mixture",
        "Edges",
        "Candidate",
        "Stage",
        "Network",
        "Supernet",
        "None",
        "True",
        "ValueError",
    }
)
"""Names that generated modules already use; those of helper classes are kept free as well."""
HARMLESS = frozenset("/._-+@, ")
LONGEST = 400
"""Characters of a file's name that are repeated."""


def literal(value: Value) -> str:
    """A number, flag, word or tuple as a Python literal."""
    if isinstance(value, tuple):
        inner = ", ".join(literal(v) for v in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, (bool, int)) or (isinstance(value, float) and isfinite(value)):
        return repr(value)
    raise TypeError(f"{value!r} has no literal")


def quoted(text: str) -> str:
    """A double-quoted string literal."""
    body = text.encode("unicode_escape").decode("ascii").replace('"', '\\"')
    return f'"{body}"'


def plain(text: str) -> str:
    """A file's name as it stands in comments and docstrings: letters, digits and a few signs, everything else `_`.

    Nothing is left that ends a comment or docstring, turns the direction of writing, or is read by tools: the coding
    of a file (`coding:` in its first two lines), editors' and checkers' instructions.
    """
    whole = unicodedata.normalize("NFC", text)
    return "".join(c if c.isalnum() or c in HARMLESS else "_" for c in whole)[:LONGEST].strip()


def class_name(text: str) -> str:
    """`x3d3_k400` as `X3d3K400`; what a long chain would be called is cut off."""
    name = "".join(part[:1].upper() + part[1:] for part in text.split("_") if part)[:LONGEST_NAME] or "Chain"
    if name in RESERVED_CLASSES or name in helper_texts() or name in BUILTINS or keyword.iskeyword(name):
        name += "Block"
    return name

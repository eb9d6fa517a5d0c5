"""What may stand in the places of a template. Each place says by a filter what it is for, and a filter lets through
nothing else; a value without a filter cannot be rendered."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from keyword import iskeyword
from math import isfinite
from typing import Any

from markupsafe import Markup

from vnasdsl.codegen.arguments import LOOP, Joined, Name
from vnasdsl.codegen.forward import Expression
from vnasdsl.layers.base import ModuleClass

ANNOTATION = re.compile(
    r"(int|float|bool|str|Tensor|type\[nn\.Module\]|list\[Tensor\]|tuple\[(int|float)(, (int|float))*(, \.\.\.)?\])"
)
CALLEE = re.compile(r"(nn\.)?[A-Za-z]\w*", re.ASCII)
VARIABLE = re.compile(re.escape(LOOP).replace(r"\{\}", "([a-z]?)"))
HARMLESS = frozenset("/._-+@, ")
LONGEST = 400
"""Characters of a file's name that are repeated."""


def identifier(value: str) -> Markup:
    """A name of Python."""
    if not (value.isascii() and value.isidentifier()) or iskeyword(value) or value.startswith("__"):
        raise ValueError(f"{value!r} is no name")
    return Markup(value)


def callee(value: str) -> Markup:
    """What is called: a class, or a module of torch."""
    if not CALLEE.fullmatch(value) or iskeyword(value):
        raise ValueError(f"{value!r} cannot be called")
    return Markup(value)


def annotation(value: str) -> Markup:
    """A type."""
    if not ANNOTATION.fullmatch(value):
        raise ValueError(f"{value!r} is no type")
    return Markup(value)


def number(value: int) -> Markup:
    """A whole number in groups of three digits."""
    return Markup(f"{value:,}".replace(",", " "))


def string(value: str, begin: str = "") -> Markup:
    """A string; with the variable of a loop in it, or an argument to begin with, an f-string."""
    pieces = [part.encode("unicode_escape").decode("ascii").replace('"', '\\"') for part in VARIABLE.split(value)]
    if len(pieces) == 1 and not begin:
        return Markup(f'"{pieces[0]}"')
    pieces[::2] = [part.replace("{", "{{").replace("}", "}}") for part in pieces[::2]]
    pieces[1::2] = [f"{{{identifier(part)}}}" for part in pieces[1::2]]
    first = f"{{{identifier(begin)}}}" if begin else ""
    return Markup(f'f"{first}{"".join(pieces)}"')


def constant(value: Any) -> Markup:
    """A number, flag, string or tuple, or an argument that stands for one."""
    if isinstance(value, Name):
        name = identifier(value.name)
        if value.times > 1:
            return Markup(f"{int(value.times)} * {name}")
        return Markup(f"{name} // {int(value.over)}") if value.over > 1 else name
    if isinstance(value, Joined):
        return string(value.rest, begin=value.name)
    if isinstance(value, tuple):
        inner = ", ".join(map(constant, value))
        return Markup(f"({inner},)" if len(value) == 1 else f"({inner})")
    if isinstance(value, ModuleClass):
        return callee(value)
    if isinstance(value, str):
        return string(value)
    if isinstance(value, (bool, int)) or (isinstance(value, float) and isfinite(value)):
        return Markup(repr(value))
    raise TypeError(f"{value!r} is no constant")


def expression(value: str) -> Markup:
    """A value in a forward method."""
    if not isinstance(value, Expression):
        raise TypeError(f"{value!r} is no expression")
    return Markup(value)


def prose(value: str) -> Markup:
    """Words for a comment or docstring: one line, with nothing that could end either."""
    if not value.isprintable() or '"' in value or "\\" in value or "#" in value:
        raise ValueError(f"{value!r} cannot stand in a comment or docstring")
    return Markup(value)


def source(value: str) -> Markup:
    """The text of a helper class, which is looked at together with the rest of the module."""
    return Markup(value.rstrip("\n"))


FILTERS: dict[str, Callable[..., Markup]] = {
    "identifier": identifier,
    "callee": callee,
    "annotation": annotation,
    "number": number,
    "string": string,
    "constant": constant,
    "expression": expression,
    "prose": prose,
    "source": source,
}


def only_filtered(value: Any) -> Any:
    """What Jinja calls for every value that is about to be written. Raises: TypeError for one without a filter."""
    if not isinstance(value, Markup):
        raise TypeError(f"a template writes {value!r} without saying what it is")
    return value


def plain(text: str) -> str:
    """A file's name as it stands in comments and docstrings: letters, digits and a few signs, everything else `_`.

    Nothing is left that ends a comment or docstring, turns the direction of writing, or is read by tools: the coding
    of a file (`coding:` in its first two lines), editors' and checkers' instructions.
    """
    whole = unicodedata.normalize("NFC", text)
    return "".join(c if c.isalnum() or c in HARMLESS else "_" for c in whole)[:LONGEST].strip()

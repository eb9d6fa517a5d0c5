"""What may stand in the places of a template: each place says by a filter what it is for, and a value that is no such
thing is refused. A value that went through none of these filters cannot be rendered at all."""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Callable, Sequence
from typing import Any

from jinja2 import pass_context
from jinja2.runtime import Context

ANNOTATION = r"(?:int|float|bool|str|tuple\[(?:int|float)(?:, (?:int|float))*\]|Tensor|list\[Tensor\])"
PARAMETER = rf"[A-Za-z]\w*: {ANNOTATION}"
SIGNATURE = re.compile(rf"self(?:, {PARAMETER})*|\n        self,(?:\n        {PARAMETER},)*\n    ", re.ASCII)
NUMBER = re.compile(r"[0-9]{1,3}(?: [0-9]{3})*|[0-9]+", re.ASCII)
STRING_OR_SHAPE = re.compile(r'"[^"\\\n\r{}]*"|  # \(B(?:, [0-9]+)*\)(?=\n|$)')
BRACKETS = re.compile(r"\([^()\[\]{}]*\)|\[[^()\[\]{}]*\]|\{[^()\[\]{}]*\}")
PLAIN = re.compile(r"(?:return |(?:self\.)?\w+ = )[\w .,=+*/-]+", re.ASCII)
SIGNS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_ .,=+*/:-\n()[]{}")


class Checked(str):
    """A text that a filter has let through."""


def name(value: str) -> Checked:
    """A name of Python."""
    if not (value.isascii() and value.isidentifier()) or keyword.iskeyword(value):
        raise ValueError(f"{value!r} is no name")
    return Checked(value)


def number(value: int | str) -> Checked:
    """A whole number, perhaps in groups of three digits."""
    text = str(value)
    if not NUMBER.fullmatch(text):
        raise ValueError(f"{value!r} is no number")
    return Checked(text)


def prose(value: str) -> Checked:
    """Words for a comment or docstring: one line, with nothing that could end either."""
    if not value.isprintable() or '"' in value or "\\" in value or "#" in value:
        raise ValueError(f"{value!r} cannot stand in a comment or docstring")
    return Checked(value)


def signature(value: str) -> Checked:
    """Parameters: `self, channels: int, stride: int`, or each in a line of its own."""
    if not SIGNATURE.fullmatch(value):
        raise ValueError(f"{value!r} is no list of parameters")
    return Checked(value)


def annotation(value: str) -> Checked:
    """The type of a value."""
    if not re.fullmatch(ANNOTATION, value):
        raise ValueError(f"{value!r} is no type")
    return Checked(value)


def statement(value: str) -> Checked:
    """One assignment or `return`, perhaps over several lines, with comments."""
    body = ast.parse(value).body
    if len(body) != 1 or not isinstance(body[0], (ast.Assign, ast.Return)):
        raise ValueError(f"{value!r} is not one assignment or return")
    return Checked(value)


def is_plain(value: str) -> bool:
    """Whether a look at its signs shows that a text is one assignment or `return`, if it is Python at all.

    Without its strings and the shapes in its comments it has nothing but names, numbers and a few operators, its
    brackets come in pairs and its lines end inside of them: it has no way to end before its end, or to go on behind it.
    """
    text = STRING_OR_SHAPE.sub("a", value)
    if '"""' in value or not SIGNS.issuperset(text):
        return False
    depth = -1
    while depth != len(text):
        depth = len(text)
        text = BRACKETS.sub("", text)
    return PLAIN.fullmatch(text + "a") is not None


@pass_context
def noted(context: Context, value: str) -> Checked:
    """A statement that is looked at with all others of a file: it is kept in the list `statements` of the template.

    Not one that `is_plain`: whether it is Python is seen when the whole file is read (`guard.check_code`).
    """
    if not is_plain(value):
        context["statements"].append(value)
    return Checked(value)


def check_statements(values: Sequence[str]) -> None:
    """What `statement` says of each of them, in one go: where there are as many statements as values, and each begins
    in the line in which its value does, every value is one. Ten times as fast for a long file.

    Raises: ValueError, SyntaxError.
    """
    begins, line = [], 1
    for value in values:
        begins.append(line)
        line += value.count("\n") + 1
    found = ast.parse("\n".join(values)).body
    if [s.lineno for s in found] != begins or not all(isinstance(s, (ast.Assign, ast.Return)) for s in found):
        for value in values:
            statement(value)
        raise ValueError("values of a template are one statement each alone, but not together")


FILTERS: dict[str, Callable[..., Checked]] = {
    "name": name,
    "number": number,
    "prose": prose,
    "signature": signature,
    "annotation": annotation,
    "statement": noted,
}


def only_checked(value: Any) -> Any:
    """What Jinja calls for every value that is about to be written. Raises: TypeError for one without a filter."""
    if not isinstance(value, Checked):
        raise TypeError(f"a template writes {value!r} without saying what it is")
    return value

"""Where grammar, templates and shipped spaces lie: inside the package in a wheel, else beside it in the repository."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def _folder(name: str) -> Path:
    for folder in (_PACKAGE / f"_{name}", _PACKAGE.parent / name):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"this installation of vnasdsl lacks its folder `{name}`")


@cache
def grammar_text() -> str:
    """The grammar of the language, in lark's notation."""
    return (_folder("grammar") / "vns.lark").read_text(encoding="utf-8")


def grammar_tables() -> str | None:
    """The parser's tables made from the grammar (`language/grammar.py`), if they are there."""
    file = _folder("grammar") / "vns.tables.json"
    return file.read_text(encoding="utf-8") if file.is_file() else None


def templates_dir() -> Path:
    """The folder of the Jinja templates that generated code is laid out with."""
    return _folder("templates")


def spaces_dir() -> Path:
    """The folder of the spaces and networks that come with vnasdsl."""
    return _folder("spaces")

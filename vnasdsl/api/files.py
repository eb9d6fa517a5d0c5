"""`load`, `parse` and `format`: from files and texts to what they mean, how they are built, and how they look."""

from __future__ import annotations

import os

from vnasdsl.api.models import Loaded, Network, Space, model_of
from vnasdsl.elaborate import Overrides
from vnasdsl.language import format as layout
from vnasdsl.language import parser, tree
from vnasdsl.language.source import Source


def load(
    source: str | os.PathLike[str],
    name: str | None = None,
    *,
    frames: int | None = None,
    size: int | None = None,
    classes: int | None = None,
) -> Space | Network:
    """The space or network of a file.

    source: a path, perhaps as `FILE:NAME`; the name of a shipped file, such as `vnasdsl:x3d3`; or the text itself: a
    string with a line end or a brace in it. name: which space or network of the file is meant; without it the only one,
    or the only space. frames, size, classes: instead of those in the file.

    Raises: VnsError with every fault of the file at its place; UserError for a name that is not there.
    """
    return model_of(Loaded.read(source, name, Overrides(frames, size, classes)))


def parse(text: str) -> tree.Module:
    """The syntax tree of a text, with the place of every node; names and shapes are not checked.

    Raises: VnsError with every fault of syntax.
    """
    return parser.parse(Source("<text>", text))


def format(text: str) -> str:
    """A text in its canonical form, comments kept, as `vnasdsl fmt` writes it.

    Raises: VnsError with every fault of syntax.
    """
    return layout.format_text(Source("<text>", text))

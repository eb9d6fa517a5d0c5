"""`load`, `parse`, `format` and `diff`: from files and texts to what they mean, and how two of them differ."""

from __future__ import annotations

import os
from typing import Any, TypeAlias

from vnasdsl.api.models import Loaded, Network, Space, model_of
from vnasdsl.elaborate import Overrides
from vnasdsl.language import format as layout
from vnasdsl.language import parser, tree
from vnasdsl.language.source import Source
from vnasdsl.show.diff import FileDiff, compare


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


Side: TypeAlias = Space | Network | str | os.PathLike[str]


class Difference:
    """What `diff` finds. Printed, it is the text of `vnasdsl diff`; in a notebook, coloured."""

    def __init__(self, found: FileDiff):
        """For `diff`, which makes it."""
        self._found = found

    @property
    def equal(self) -> bool:
        """Whether both mean the same. A space and a network never do: the network's choices are compared."""
        return self._found.equal

    @property
    def markdown(self) -> str:
        """The comparison for a pull request."""
        from vnasdsl.show.diff.text import as_markdown

        return as_markdown(self._found)

    def as_dict(self) -> dict[str, Any]:
        """The comparison for programs: what `vnasdsl diff --json` prints."""
        return self._found.as_object()

    def __str__(self) -> str:
        from vnasdsl.show.diff.text import as_text

        return as_text(self._found)

    def __repr__(self) -> str:
        return f"<Difference of {self._found.before} and {self._found.after}: {'none' if self.equal else 'some'}>"

    def _repr_markdown_(self) -> str:
        return self.markdown


def diff(a: Side, b: Side) -> Difference:
    """Compare two networks, two spaces, or a space and a network: what was added, removed, changed or chosen, and the
    effect on shapes, MACs, parameters and the number of networks. Layout and comments do not count.

    a, b: what `load` gave, or what it takes. Raises: VnsError, UserError as `load`.
    """
    before, after = (side if isinstance(side, Space | Network) else load(side) for side in (a, b))
    return Difference(FileDiff(before.name, after.name, compared=(compare(before._meaning, after._meaning),)))

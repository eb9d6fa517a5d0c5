"""`diff`: two spaces or networks compared by what they mean."""

from __future__ import annotations

import os
from typing import Any, TypeAlias

from vnasdsl.api.files import load
from vnasdsl.api.models import Network, Space
from vnasdsl.show.diff import FileDiff, compare

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

"""What the registry holds for every code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

MAIN = "example.vns"
"""The file that an example is about; further files of it are imported."""

Files = Mapping[str, str | bytes]


@dataclass(frozen=True)
class Code:
    """One kind of fault, explained with an example that has it and one without.

    The tests run both: `bad` gives this code and no other, `good` nothing. Without files there is no `example.vns`.
    """

    id: str
    title: str
    why: str
    bad: Files
    good: Files
    recipe: tuple[str, str, str] | None = None
    """For faults that show when a recipe is asked for: its kind, the space or network it is for, its name."""

    @property
    def severity(self) -> Literal["error", "warning"]:
        return "error" if self.id.startswith("E") else "warning"

    @property
    def command(self) -> str:
        """The command that finds it."""
        if self.recipe is None:
            return f"vnasdsl check {MAIN}"
        kind, target, name = self.recipe
        return f"vnasdsl {kind} {MAIN}:{target} --recipe {name}"


def one(text: str) -> Files:
    """An example of one file."""
    return {MAIN: text}

"""The schema of `[tool.vnasdsl]` in a pyproject.toml; `vnasdsl.project.read_settings` reads it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, StringConstraints

Text = Annotated[str, StringConstraints(min_length=1)]


class Settings(BaseModel):
    """What `vnasdsl search` uses when the command line does not say."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    space: Text | None = None
    """The file of the space, from the folder of the pyproject.toml."""
    data: Text | None = None
    """The data, as `--data` takes it; the path inside is taken from the folder of the pyproject.toml."""
    recipe: Text | None = None
    """The name of the search recipe in the file of the space."""
    out: Text | None = None
    """The folder that runs go into, from the folder of the pyproject.toml."""
    layers: Annotated[tuple[Text, ...], Field(strict=False)] = ()
    """Python files that define layers, from the folder of the pyproject.toml. Files of the project can use them."""

    _file: Path | None = PrivateAttr(default=None)

    @property
    def file(self) -> Path | None:
        """The pyproject.toml these settings stand in; None when there is none."""
        return self._file

    def placed(self, file: Path) -> Settings:
        """These settings with their paths as seen from the working directory."""
        folder = file.parent

        def path(text: str | None) -> str | None:
            return None if text is None else _seen_from_here(folder / text)

        data = self.data
        if data is not None and ":" in data:
            kind, _, place = data.partition(":")
            data = f"{kind}:{path(place)}"
        placed = self.model_copy(update={"space": path(self.space), "data": data, "out": path(self.out)})
        placed._file = file
        return placed


def _seen_from_here(path: Path) -> str:
    """Relative to the working directory where it lies below it, else absolute."""
    here, there = Path.cwd(), Path(os.path.normpath(path))
    return str(there.relative_to(here)) if there.is_relative_to(here) else str(there)

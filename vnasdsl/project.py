"""The project a text belongs to: its root folder and the settings under `[tool.vnasdsl]` of its pyproject.toml."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vnasdsl.language.diagnostics import UserError, did_you_mean

if TYPE_CHECKING:
    from vnasdsl.settings import Settings

SETTINGS_FILE = "pyproject.toml"


def project_root(path: str | os.PathLike[str]) -> Path:
    """The nearest folder at or above `path` with a pyproject.toml or .git, else the folder of the file itself.

    Absolute, links resolved. The path need not exist.
    """
    folder = _folder_of(path)
    for candidate in (folder, *folder.parents):
        if is_project(candidate):
            return candidate
    return folder


def is_project(folder: Path) -> bool:
    return (folder / SETTINGS_FILE).is_file() or (folder / ".git").exists()


def read_settings(start: str | os.PathLike[str] = ".") -> Settings:
    """The settings of the nearest pyproject.toml at or above `start` that has a table `[tool.vnasdsl]`.

    Without one: settings with every value None and no file. `space`, `out` and the path inside `data` are taken from
    the folder of that pyproject.toml, so that commands mean the same in every folder of a project.

    Raises: UserError naming the file and the key.
    """
    from vnasdsl.settings import Settings  # pydantic takes longer to import than a light command to run

    folder = _folder_of(start)
    for candidate in (folder, *folder.parents):
        file = candidate / SETTINGS_FILE
        if file.is_file():
            table = _table(file)
            if table is not None:
                return _validated(table, file)
    return Settings()


def layer_paths(root: Path) -> tuple[str, ...]:
    """The files of `layers` in the pyproject.toml of a project's root folder. Raises: UserError."""
    file = root / SETTINGS_FILE
    table = _table(file) if file.is_file() else None
    if table is None or "layers" not in table:
        return ()
    return _validated(table, file).layers


def _folder_of(path: str | os.PathLike[str]) -> Path:
    resolved = Path(path).resolve()
    return resolved if resolved.is_dir() else resolved.parent


def _table(file: Path) -> dict[str, Any] | None:
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as fault:
        raise UserError(f"`{file}` cannot be read: {fault.strerror}") from None
    except UnicodeDecodeError:
        raise UserError(f"`{file}` is not UTF-8") from None
    except tomllib.TOMLDecodeError as fault:
        raise UserError(f"`{file}` is not TOML: {fault}") from None
    table = content.get("tool", {}).get("vnasdsl")
    if table is not None and not isinstance(table, dict):
        raise UserError(f"`{file}`: `tool.vnasdsl` is not a table", "write it as [tool.vnasdsl]")
    return table


def _validated(table: dict[str, Any], file: Path) -> Settings:
    from pydantic import ValidationError

    from vnasdsl.settings import Settings

    try:
        settings = Settings.model_validate(table)
    except ValidationError as fault:
        first = fault.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        known = list(Settings.model_fields)
        if first["type"] == "extra_forbidden":
            remedy = did_you_mean(key, known) or f"known keys are {', '.join(f'`{name}`' for name in known)}"
            raise UserError(f"`{file}`: unknown key `{key}` in [tool.vnasdsl]", remedy) from None
        raise UserError(f"`{file}`: `{key}` in [tool.vnasdsl]: {first['msg'].lower()}") from None
    return settings.placed(file)

"""The registry of everything that can be wrong with a text: each code stands in one family, once."""

from __future__ import annotations

from collections.abc import Iterable

from vnasdsl.language.codes import choices, imports, names, recipes, shapes, text, values
from vnasdsl.language.codes.code import MAIN, Code, Files

__all__ = ["CODES", "FAMILIES", "MAIN", "Code", "Files", "register"]

FAMILIES: dict[str, tuple[Code, ...]] = {
    "The text itself": text.CODES,
    "Names": names.CODES,
    "Arguments, values and statements": values.CODES,
    "Shapes": shapes.CODES,
    "Choices, limits and membership": choices.CODES,
    "Imports": imports.CODES,
    "Recipes": recipes.CODES,
}


def register(families: Iterable[Iterable[Code]]) -> dict[str, Code]:
    """Codes by id, sorted. Raises: ValueError for one that is there already."""
    found: dict[str, Code] = {}
    for family in families:
        for code in family:
            if code.id in found:
                raise ValueError(f"code {code.id} is registered twice: {found[code.id].title!r} and {code.title!r}")
            found[code.id] = code
    return dict(sorted(found.items()))


CODES: dict[str, Code] = register(FAMILIES.values())

"""What `--fix` and `--open` say, and the recipe's `fix` and `open`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from vnasdsl.elaborate.drawing import kept_options
from vnasdsl.language.diagnostics import UserError

if TYPE_CHECKING:
    from vnasdsl.elaborate import Space


def split_options(text: str) -> list[str]:
    """The parts of `a, b(1, 2) | c`: split at commas and bars outside brackets.

    Raises: ValueError when a part is empty or brackets do not match.
    """
    parts, depth = [""], 0
    for char in text:
        depth += (char in "([{") - (char in ")]}")
        if depth < 0:
            break
        if char in ",|" and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    parts = [part.strip() for part in parts]
    if depth != 0:
        raise ValueError(f"brackets do not match in `{text}`")
    if not all(parts):
        raise ValueError(f"an option is missing in `{text}`")
    return parts


def fixes_of(
    space: Space,
    recipe_fix: Sequence[str],
    recipe_open: Sequence[str],
    fix: Mapping[str, Sequence[str]],
    open_: Sequence[str],
) -> dict[str, tuple[str, ...]]:
    """Choice name to the options it keeps: the recipe's `fix` less its `open`, then the command line's in the same way.

    Raises: UserError for a selector that selects nothing, or an option that is not there.
    """
    kept: dict[str, tuple[str, ...]] = {}
    for fixes, opened in ((_parsed(recipe_fix), recipe_open), (fix, open_)):
        for selector, options in fixes.items():
            restricted = {choice.name: choice.options for choice in space.fix({selector: options}).choices}
            for name, only in kept_options(space, {selector: options}).items():
                kept[name] = restricted.get(name) or only
        for selector in opened:
            for choice in space.select(selector):
                kept.pop(choice.name, None)
    return kept


def _parsed(entries: Sequence[str]) -> dict[str, list[str]]:
    """`fix` of a recipe: texts like "op=basic(1)|skip"."""
    parsed = {}
    for entry in entries:
        selector, equals, text = (part.strip() for part in entry.partition("="))
        try:
            if not (selector and equals and text):
                raise ValueError(f"`{entry}` is not of the form SELECTOR=OPTION|OPTION")
            parsed[selector] = split_options(text)
        except ValueError as fault:
            raise UserError(f"`fix` in the recipe: {fault}", 'for example fix = ["op=basic(1)|skip"]') from None
    return parsed

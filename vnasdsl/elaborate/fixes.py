"""Which choices a selector means, and which of their options `--fix` keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from vnasdsl.language.diagnostics import UserError, did_you_mean
from vnasdsl.space.elements import NOTHING, Choice, together

if TYPE_CHECKING:
    from vnasdsl.elaborate.space import Space


def select(space: Space, selector: str) -> tuple[Choice, ...]:
    """The choices with this exact name, else of this kind, else whose names match it as a glob (`s4.*`).

    Raises: UserError when there are none.
    """
    exact = tuple(c for c in space.choices if c.name == selector)
    kind = tuple(c for c in space.choices if c.kind == selector)
    found = exact or kind or tuple(c for c in space.choices if fnmatchcase(c.name, selector.replace("[", "[[]")))
    if not found:
        kinds = list(dict.fromkeys(c.kind for c in space.choices))
        names = [c.name for c in space.choices]
        help = (
            did_you_mean(selector, [*kinds, *names]) or f"its kinds of choice are {', '.join(f'`{k}`' for k in kinds)}"
        )
        raise UserError(f"`{space.name}` has no choice or kind of choice `{selector}`", help)
    return found


def kept_options(space: Space, fixes: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """The options to keep of each choice that is meant. Raises: UserError as `Space.fix`."""
    keep: dict[str, tuple[str, ...]] = {}
    for selector, wanted in fixes.items():
        texts = [_normal(text) for text in wanted]
        seen: set[str] = set()
        for choice in select(space, selector):
            kept = tuple(o for o in choice.options if _normal(o) in texts)
            whole = together(text for text in texts[0].split("+") if text != NOTHING)
            if choice.is_subset and not kept and len(texts) == 1 and choice.allows(whole):
                kept = (whole,)
            seen.update(_normal(o) for o in kept)
            if not kept:
                options = ", ".join(f"`{o}`" for o in (*choice.options, *[NOTHING] * (choice.least == 0)))
                raise UserError(
                    f"choice `{choice.name}` has none of the options {', '.join(f'`{w}`' for w in wanted)}",
                    f"its options are {options}",
                )
            keep[choice.name] = kept
        for text, option in zip(texts, wanted, strict=True):
            if text not in seen:
                raise UserError(f"no choice selected by `{selector}` has the option `{option}`")
    return keep


def _normal(text: str) -> str:
    return "".join(text.split())

"""Networks of a space: drawn, completed, all of them. Where conditions compare choices, part by part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from functools import partial
from math import prod
from random import Random
from typing import TYPE_CHECKING

from vnasdsl.language.diagnostics import UserError, did_you_mean
from vnasdsl.language.printer import print_inline
from vnasdsl.space.counting import CannotCountError, pick_one
from vnasdsl.space.decisions import Decision, NoSuchNetworkError, every
from vnasdsl.space.elements import NOTHING, Choice, together
from vnasdsl.space.requirements import conditions_of

if TYPE_CHECKING:
    from vnasdsl.elaborate.space import Space

TRIED = 24
"""Networks that are drawn until one is there."""


def sample(space: Space, random: Random) -> dict[str, str]:
    """See `Space.sample`."""
    if space.cases:
        with suppress(CannotCountError):
            sizes = [case.size for _, case in space.cases if case.size is not None]
            if len(sizes) == len(space.cases):
                fixed, case = pick_one(random, zip(space.cases, sizes, strict=True))
                return in_order(space, {**fixed, **sample(case, random)})
        return complete(space, {}, random)
    inputs = list(space.inputs.ways())
    given = inputs[random.randrange(len(inputs))]
    chosen = space.inputs.choices_of(given) or {}
    with suppress(CannotCountError):
        if space.size is not None:
            return {**chosen, **space.draw(given, random)}
    return complete(space, chosen, random)


def networks(space: Space) -> Iterator[dict[str, str]]:
    """See `Space.networks`."""
    for fixed, case in space.cases:
        yield from (in_order(space, {**fixed, **made}) for made in networks(case))
    if not space.cases:
        for given in space.inputs.ways():
            for decisions in every(partial(space.decide, given)):
                yield {name: decision.value for name, decision in decisions.items()}


def complete(space: Space, made: Mapping[str, str], random: Random) -> dict[str, str]:
    """See `Space.complete`."""
    if space.parts:
        near = [sum(made.get(name) in options for name, options in part.items()) for part in space.parts]
        ways = [prod(map(len, part.values())) * (n == max(near)) for part, n in zip(space.parts, near, strict=True)]
        part = pick_one(random, zip(space.parts, ways, strict=True))
        lost = {name: random.choice(options) for name, options in part.items() if made.get(name) not in options}
        made = {**made, **lost}

    def decide(decision: Decision) -> str:
        value = made.get(decision.name)
        return value if value is not None and decision.allows(value) else decision.draw(random)

    chosen = {
        c.name: made[c.name] if made.get(c.name) in c.options else c.options[random.randrange(len(c.options))]
        for c in space.inputs.choices
    }
    video = space.inputs.with_choices(chosen)
    for _ in range(TRIED):
        with suppress(NoSuchNetworkError):
            return {name: decision.value for name, decision in space.decide(video, decide).items()}
    raise NoSuchNetworkError(f"no network of `{space.name}` was found with these choices", "leave more of them open")


def in_order(space: Space, made: Mapping[str, str]) -> dict[str, str]:
    """Choices in the order of the file."""
    return {name: made[name] for name in space.by_name if name in made}


def refuse(space: Space, made: Mapping[str, str]) -> UserError:
    """What to say about choices that a condition does not allow."""
    names = dict.fromkeys(name for part in space.parts for name in part)
    values = " and ".join(f"{name}={made[name]}" for name in names if name in made)
    texts = ", ".join(f"`{print_inline(condition)}`" for condition in conditions_of(space.syntax))
    return UserError(f"`{space.name}` has no network with {values}", f"it has the conditions {texts}")


# ---------------------- which choices a selector means, and which options `--fix` keeps


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

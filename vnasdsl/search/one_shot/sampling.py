"""The paths that a supernet is trained by: uniformly drawn networks, or every option equally often."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from vnasdsl.elaborate import Space
from vnasdsl.language.diagnostics import UserError

Paths = list[dict[str, str]]
"""The networks of a step, by their choices."""
Fits = Callable[[dict[str, str]], bool]
"""Whether a network keeps the limits."""
MAX_DRAWS = 2000
"""Networks in a row that may break a limit before a search gives up."""


class Sampler:
    """The paths of a step follow from its seed and number alone, so a resumed run and every process draws the same."""

    def __init__(self, space: Space, sampling: str, seed: int, fits: Fits):
        self.space = space
        self.seed = seed
        self.fits = fits
        self.fair = sampling == "fair"

    def paths(self, step: int) -> Paths:
        """Raises: UserError when no network within the limits is found."""
        random = Random(f"vnasdsl path {self.seed}:{step}")
        return deal(self.space, random) if self.fair else [draw(self.space, self.fits, random)]


def draw(space: Space, fits: Fits, random: Random) -> dict[str, str]:
    """A network within the limits, all equally likely. Raises: UserError when none is found."""
    for _ in range(MAX_DRAWS):
        choices = space.sample(random)
        if fits(choices):
            return choices
    raise UserError(
        f"none of {MAX_DRAWS:,} networks drawn from `{space.name}` keeps the limits",
        "raise the limits, or search with --set strategy=evolution, which approaches them by mutations",
    )


def deal(space: Space, random: Random) -> Paths:
    """As many networks as the largest choice has options, which together have each of its options once (FairNAS).

    A choice with fewer options has none of them more than once more often than another. One that only some networks
    meet deals in each of these, and edges are drawn.
    """
    choices = [choice for choice in space.choices if not choice.is_subset]
    count = max((len(choice.options) for choice in choices), default=1)
    hands: list[dict[str, str]] = [{} for _ in range(count)]
    for choice in choices:
        cards: list[str] = []
        while len(cards) < count:
            cards += random.sample(choice.options, len(choice.options))
        for hand, card in zip(hands, cards, strict=False):
            hand[choice.name] = card
    return [space.complete(hand, random) for hand in hands]

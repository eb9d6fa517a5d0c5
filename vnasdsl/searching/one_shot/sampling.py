"""The paths that a supernet is trained by: uniformly drawn networks, or every option equally often."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from vnasdsl.elaborate import Space
from vnasdsl.language.diagnostics import UserError

Paths = list[dict[str, str]]
"""The networks of a step, by their choices."""
Excess = Callable[[dict[str, str]], float]
"""By how much a network breaks the limits, all together and relative to each; 0 for one that keeps them."""
MAX_DRAWS, MAX_STEPS = 50, 500
"""Networks in a row that may break a limit before one is taken nearer step by step, and the steps that may take."""


class Sampler:
    """The paths of a step follow from its seed and number alone, so a resumed run and every process draws the same."""

    def __init__(self, space: Space, sampling: str, seed: int, excess: Excess):
        self.space = space
        self.seed = seed
        self.excess = excess
        self.fair = sampling == "fair"

    def paths(self, step: int) -> Paths:
        """Raises: UserError when no network within the limits is found."""
        random = Random(f"vnasdsl path {self.seed}:{step}")
        return deal(self.space, random) if self.fair else [draw(self.space, self.excess, random)]


def draw(space: Space, excess: Excess, random: Random) -> dict[str, str]:
    """A network within the limits, all equally likely.

    Where few networks keep the limits, one that breaks them is changed, choice after choice, until it does. Raises:
    UserError when that leads nowhere.
    """
    best: dict[str, str] = {}
    least = float("inf")
    for _ in range(MAX_DRAWS):
        choices = space.sample(random)
        over = excess(choices)
        if over == 0:
            return choices
        if over < least or not best:
            best, least = choices, over
    for _ in range(MAX_STEPS):
        changed = random.choice(list(best))
        choices = space.complete({name: value for name, value in best.items() if name != changed}, random)
        over = excess(choices)
        if over == 0:
            return choices
        if over <= least:
            best, least = choices, over
    raise UserError(
        f"no network of `{space.name}` that keeps the limits was found",
        "raise the limits, or search with --set strategy=evolution",
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

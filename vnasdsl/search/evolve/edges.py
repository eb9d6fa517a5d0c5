"""From the fusions of a trained network back to the choices of edges that made them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vnasdsl.space import Space


def edges_by_choice(
    space: Space, choices: Mapping[str, str], network: Space, learned: Mapping[str, Sequence[float]]
) -> dict[str, list[float]]:
    """Learned weights by the name of their choice. learned: by the name of the module in the network's code."""
    return {}

"""The strategies, one module each with an object named `strategy`. Adding one is adding a file, and its recipe."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from vnasdsl.searching.task import Strategy


def get_strategy(name: str) -> Strategy[Any]:
    """The strategy of a recipe, by its name."""
    found: Strategy[Any] = import_module(f"{__name__}.{name}").strategy
    return found

"""The strategies: every module of this folder with an object named `strategy`. Adding one is adding a file."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import Any

from vnasdsl.language.diagnostics import UserError, did_you_mean
from vnasdsl.searching.task import Strategy


def strategy_names() -> tuple[str, ...]:
    """Names of all strategies: a module's name is its strategy's."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def get_strategy(name: str) -> Strategy[Any]:
    """A strategy by name. Raises: UserError."""
    if name not in strategy_names():
        known = ", ".join(f"`{known}`" for known in strategy_names())
        raise UserError(f"unknown strategy `{name}`", did_you_mean(name, strategy_names()) or f"there are {known}")
    found: Strategy[Any] = import_module(f"{__name__}.{name}").strategy
    return found

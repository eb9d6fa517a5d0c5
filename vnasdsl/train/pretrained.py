"""Starting from weights of elsewhere: other names by a mapping file, frozen parts, and learning rates by part."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from torch import Tensor, nn

from vnasdsl.language.diagnostics import UserError
from vnasdsl.train.recipe_parts import Strict

FACTOR = "factor"
"""In a group of parameters of an optimiser: its learning rate as a multiple of the recipe's."""


class _Rules(Strict):
    """A mapping file: regular expressions and what replaces them (`re.sub`), applied to each name in their order."""

    rules: list[tuple[str, str]]


def read_mapping(given: str) -> list[tuple[re.Pattern[str], str]]:
    """The rules of a TOML file. Raises: UserError."""
    try:
        rules = _Rules.model_validate(tomllib.loads(Path(given).read_text(encoding="utf-8")), strict=False).rules
        return [(re.compile(pattern), name) for pattern, name in rules]
    except OSError as fault:
        raise UserError(f"the mapping `{given}` cannot be read: {fault.strerror}") from None
    except (ValueError, ValidationError, re.error) as fault:
        reason = " ".join(str(fault).split())[:200]
        raise UserError(
            f"`{given}` is no mapping: {reason}",
            "it is TOML: rules = [['their name, a regular expression', 'ours'], ...]",
        ) from None


def renamed(weights: Mapping[str, Tensor], rules: Iterable[tuple[re.Pattern[str], str]]) -> dict[str, Tensor]:
    """Weights by the names that the rules make of theirs. Raises: UserError when two get the same one."""
    rules, found, origin = list(rules), dict[str, Tensor](), dict[str, str]()
    for theirs, tensor in weights.items():
        ours = theirs
        for pattern, name in rules:
            try:
                ours = pattern.sub(name, ours)
            except (re.error, IndexError) as fault:
                raise UserError(f"the mapping of `{theirs}` fails: {fault}") from None
        if ours in found:
            raise UserError(f"the mapping calls both `{origin[ours]}` and `{theirs}` `{ours}`")
        found[ours], origin[ours] = tensor, theirs
    return found


def in_shape(weights: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of 1x1x1 convolutions for linear layers, and the other way round, in the shape of the network's own."""

    def core(shape: Sequence[int]) -> str:
        return re.sub(r"(, 1)+$", "", ", ".join(map(str, shape)))

    return {
        name: tensor.reshape(own[name].shape) if name in own and core(tensor.shape) == core(own[name].shape) else tensor
        for name, tensor in weights.items()
    }


# ------------------------------------------------------------------ what learns, and how fast


def freeze(model: nn.Module, patterns: Sequence[str]) -> list[nn.Module]:
    """Stop the parameters of parts from learning; the parts, whose batch norms must stay in evaluation mode.

    Raises: UserError for a pattern without a part.
    """
    frozen = [module for pattern in patterns for _, module in _parts(model, pattern, "freeze")]
    for module in frozen:
        module.requires_grad_(False)
    if frozen and not any(parameter.requires_grad for parameter in model.parameters()):
        raise UserError("`freeze` leaves nothing to learn", "freeze fewer parts")
    return frozen


def parameter_groups(model: nn.Module, rates: Sequence[str]) -> list[dict[str, Any]]:
    """The learning parameters in groups, each with its `factor`: of the first of `rates` (`part=factor`) that names it.

    Raises: UserError for a pattern without a part.
    """
    factors: dict[int, float] = {}
    for rate in rates:
        pattern, _, factor = rate.rpartition("=")
        for _, module in _parts(model, pattern, "rates"):
            for parameter in module.parameters():
                factors.setdefault(id(parameter), float(factor))
    groups: dict[float, list[nn.Parameter]] = {1.0: []}
    for parameter in model.parameters():
        if parameter.requires_grad:
            groups.setdefault(factors.get(id(parameter), 1.0), []).append(parameter)
    return [{"params": parameters, FACTOR: factor} for factor, parameters in groups.items() if parameters]


def _parts(model: nn.Module, pattern: str, key: str) -> list[tuple[str, nn.Module]]:
    """The modules whose dotted name is of the pattern: `s1`, `s?.units`, `*.bn`."""
    found = [(name, module) for name, module in model.named_modules() if name and fnmatchcase(name, pattern)]
    if not found:
        known = ", ".join(f"`{name}`" for name, _ in model.named_children())
        raise UserError(f"`{key}` names `{pattern}`, and the network has no such part", f"it begins with {known}")
    return found

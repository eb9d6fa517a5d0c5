"""Layers that join or wrap at given shapes, and modules with the weights of their oracles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vnasdsl.layers import CATALOGUE
from vnasdsl.layers.base import REQUIRED, Applied, Shape


def arguments(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a layer of the catalogue with its defaults."""
    layer = CATALOGUE[name]
    full = {p.name: given.get(p.name, p.default) for p in layer.parameters}
    assert REQUIRED not in full.values() and set(given) <= set(full)
    return full


def join(name: str, *shapes: Shape, **given: Any) -> Applied:
    return CATALOGUE[name].join(arguments(name, given), shapes, 5)


def leave(name: str, before: Shape, after: Shape, **given: Any) -> Applied:
    return CATALOGUE[name].body.leave(arguments(name, given), before, after, 5)


def evaluate(expression: str, *inputs: Tensor, **values: Tensor) -> Tensor:
    """An expression of the inputs of a layer, or of `x` and `kept`."""
    values |= {f"x{i}": x for i, x in enumerate(inputs)}
    sums = {"xs": ", ".join(values), "sum": " + ".join(values), "product": " * ".join(values)}
    return eval(expression.format(x="x", kept="kept", **sums), {"torch": torch, "F": F, **values})  # noqa: S307


def randomise(model: nn.Module) -> nn.Module:
    """Weights, biases and statistics of batch-norms away from 0 and 1, where a mistake would not show."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                drawn = torch.randn(tensor.shape, generator=generator) / 2
                tensor.copy_(drawn.abs() + 0.5 if "running_var" in name else drawn)
    return model


def same_weights(model: nn.Module, oracle: nn.Module) -> None:
    """Give both the same weights: their tensors have the same shapes in the same order."""
    mine, other = randomise(model).state_dict(), oracle.state_dict()
    assert [tuple(t.shape) for t in mine.values()] == [tuple(t.shape) for t in other.values()]
    oracle.load_state_dict(dict(zip(other, mine.values(), strict=True)))
    oracle.eval()
    model.eval()

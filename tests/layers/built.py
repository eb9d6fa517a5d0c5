"""Modules built from what a layer says of its code, as generated code builds them, and their costs as torch counts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from vnasdsl.codegen.guard import check_code
from vnasdsl.codegen.helpers import helper_texts, helpers_for
from vnasdsl.layers import CATALOGUE
from vnasdsl.layers.base import REQUIRED, Applied, FunctionCode, ModuleCode, Shape

MODULES = {"torch": torch, "F": F, "nn": nn, "math": math, "Tensor": Tensor}


def arguments(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a layer of the catalogue with its defaults."""
    layer = CATALOGUE[name]
    full = {p.name: given.get(p.name, p.default) for p in layer.parameters}
    assert REQUIRED not in full.values() and set(given) <= set(full)
    return full


def apply(name: str, shape: Shape, classes: int = 5, **given: Any) -> Applied:
    return CATALOGUE[name].apply(arguments(name, given), shape, classes)


def join(name: str, *shapes: Shape, **given: Any) -> Applied:
    return CATALOGUE[name].join(arguments(name, given), shapes, 5)


def leave(name: str, before: Shape, after: Shape, **given: Any) -> Applied:
    return CATALOGUE[name].body.leave(arguments(name, given), before, after, 5)


def module(code: ModuleCode) -> nn.Module:
    """The module of a layer; a helper class is made from its template, which the guard has let through."""
    known: dict[str, Any] = dict(MODULES)
    if "." not in code.callee:
        for helper in helpers_for([code.callee]):
            text = helper_texts()[helper]
            check_code(
                "import math\nimport torch\nimport torch.nn.functional as F\nfrom torch import Tensor, nn\n" + text
            )
            exec(compile(text, helper, "exec", flags=0, dont_inherit=True), known)  # noqa: S102
    by_position = [f.value for f in code.fields if f.positional]
    by_name = {f.name: f.value for f in code.fields if not f.positional and not f.optional}
    made: nn.Module = eval(code.callee, known)(*by_position, **by_name)  # noqa: S307
    return made


def evaluate(code: FunctionCode, *inputs: Tensor) -> Tensor:
    """An expression of the inputs of a layer."""
    names = [f"x{i}" for i in range(len(inputs))]
    text = code.expression.format(x=names[0], xs=", ".join(names), sum=" + ".join(names))
    return eval(text, {**MODULES, **dict(zip(names, inputs, strict=True))})  # noqa: S307


def compare(applied: Applied, *shapes: Shape, code: ModuleCode | None = None) -> nn.Module:
    """The module in eval mode, after its shape, MACs, parameters and tensors were held against torch's own count."""
    code = code or applied.code
    assert isinstance(code, ModuleCode)
    made = module(code).eval()
    with FlopCounterMode(display=False) as counter:
        out = made(*(torch.randn(2, *shape) for shape in shapes))
    assert tuple(out.shape) == (2, *applied.output)
    assert counter.get_total_flops() == 2 * 2 * applied.macs
    assert sum(p.numel() for p in made.parameters()) == applied.params
    assert sorted(made.state_dict()) == sorted(code.tensors)
    return made


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

"""A layer of the catalogue brought to life, and what it says about itself against what torch counts."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from hypothesis import strategies as st
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from vnasdsl.codegen.helpers import helper_texts, helpers_for
from vnasdsl.layers import CATALOGUE
from vnasdsl.layers.base import REQUIRED, Applied, FunctionCode, ModuleClass, ModuleCode

SHAPES = st.tuples(st.integers(1, 6), st.integers(1, 5), st.integers(1, 9), st.integers(1, 9))


def triple(low: int, high: int) -> st.SearchStrategy[tuple[int, int, int]]:
    return st.tuples(*[st.integers(low, high)] * 3)


WORDS = ("same", "causal", "tf_same", "tf_causal")
PADDING = st.one_of(st.sampled_from([*WORDS, "valid"]), triple(0, 2), st.tuples(*[st.integers(0, 2)] * 6))


def sides(padding: Any, size: Any, kernel: Any, stride: Any, dilation: Any = (1, 1, 1)) -> list[tuple[int, int]]:
    """Cells before and after each axis: TensorFlow's are tried until there are ceil(n / s) windows."""
    if not isinstance(padding, str):
        return [(p, p) for p in padding] if len(padding) == 3 else list(zip(padding[::2], padding[1::2], strict=True))
    found = []
    for axis, (n, k, s, d) in enumerate(zip(size, kernel, stride, dilation, strict=True)):
        total = next(p for p in range(99) if (n + p - d * (k - 1) - 1) // s + 1 >= math.ceil(n / s))
        if padding == "valid":
            found.append((0, 0))
        elif "causal" in padding and axis == 0:
            found.append((d * (k - 1), 0))
        elif padding.startswith("tf") or k % 2 == 0:
            found.append((total // 2, total - total // 2))
        else:
            found.append((d * (k - 1) // 2, d * (k - 1) // 2))
    return found


def apply(name: str, shape: tuple[int, ...], classes: int = 5, **arguments: Any) -> Applied:
    layer = CATALOGUE[name]
    given = {p.name: arguments.get(p.name, p.default) for p in layer.parameters}
    assert REQUIRED not in given.values() and set(arguments) <= set(given)
    return layer.apply(given, shape, classes)


def module(applied: Applied) -> Any:
    """The module that generated code would make: of torch, or of a helper class."""
    assert isinstance(applied.code, ModuleCode)
    by_position = [f.value for f in applied.code.fields if f.positional]
    by_name = {f.name: f.value for f in applied.code.fields if not f.positional and not f.optional}
    by_name = {name: eval(value) if isinstance(value, ModuleClass) else value for name, value in by_name.items()}  # noqa: S307
    known: dict[str, Any] = {"__name__": "helpers"}
    imports = "import math\nimport torch\nimport torch.nn.functional as F\nfrom torch import Tensor, nn\n"
    text = "\n\n".join(
        [imports, *(helper_texts()[name] for name in helpers_for([applied.code.callee], helper_texts()))]
    )
    exec(compile(text, "helpers.py", "exec"), known)  # noqa: S102
    made: nn.Module = eval(applied.code.callee, known)(*by_position, **by_name)  # noqa: S307
    return made


def call(applied: Applied, x: torch.Tensor) -> Any:
    """What the expression of a layer without parameters gives."""
    assert isinstance(applied.code, FunctionCode)
    return eval(applied.code.expression.format(x="x"), {"F": F, "torch": torch, "x": x})  # noqa: S307


def compare(applied: Applied, *shapes: tuple[int, ...]) -> Any:
    """Output shape, MACs, parameters and tensors of the module against what the layer says; gives the module."""
    made = module(applied).eval()
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):  # the fused one is not counted
        out = made(*(torch.randn(2, *shape) for shape in shapes))
    assert tuple(out.shape) == (2, *applied.output)
    assert torch.isfinite(out).all()
    assert counter.get_total_flops() == 2 * 2 * applied.macs
    assert sum(p.numel() for p in made.parameters()) == applied.params
    assert isinstance(applied.code, ModuleCode)
    assert tuple(made.state_dict()) == applied.code.tensors
    assert applied.activation_bytes == out[0].numel() * 4
    return made

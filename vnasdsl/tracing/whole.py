"""Modules that are one layer, or a few, as a whole: what they do inside is not looked at.

While such a module is traced, its `forward` is one operation of its own, which stands for it in the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import floor
from typing import Any

import torch
from torch import Tensor, nn

from vnasdsl.layers.base import NORM, Value


@dataclass(frozen=True)
class Step:
    """A layer with its arguments, and its tensors by their names in the module that it stands for."""

    layer: str
    arguments: dict[str, Value] = field(default_factory=dict)
    tensors: dict[str, str] = field(default_factory=dict)


@torch.library.custom_op("vnasdsl::whole", mutates_args=())
def whole(x: Tensor, number: int, shape: list[int]) -> Tensor:
    """Stands for the module of a number, which gives a shape."""
    return x.new_zeros(shape)


@whole.register_fake
def _(x: Tensor, number: int, shape: list[int]) -> Tensor:
    return x.new_empty(shape)


def _parts(*names: str) -> dict[str, str]:
    """The tensors of parts that have the same names here and there: with a bias, or `*` for a batch norm."""
    found = [f"{name[:-1]}.{t}" for name in names if name[-1] == "*" for t in NORM[:-1]]
    found += [f"{name}.{t}" for name in names if name[-1] != "*" for t in ("weight", "bias")]
    return {name: name for name in found}


def _windows(module: Any) -> list[Step]:
    """Video Swin, torchvision."""
    tensors = {"bias": "relative_position_bias_table"} | _parts("qkv")
    tensors |= {f"out.{t}": f"proj.{t}" for t in ("weight", "bias")}
    given = {"heads": module.num_heads, "window": tuple(module.window_size), "shift": tuple(module.shift_size)}
    return [Step("window_attention", given, tensors)]


def _merging(module: Any) -> list[Step]:
    """Patch merging of Swin, torchvision."""
    norm = Step("layer_norm", {"eps": module.norm.eps}, {t: f"norm.{t}" for t in ("weight", "bias")})
    given = {"channels": module.reduction.out_features, "kernel": (1, 1, 1)}
    return [Step("space_to_depth", {"block": (1, 2, 2)}), norm, Step("conv", given, {"weight": "reduction.weight"})]


def _own_windows(module: Any) -> list[Step]:
    given = {"heads": module.heads, "window": tuple(module.window), "shift": tuple(module.shift)}
    given["channels"] = module.out.out_features
    return [Step("window_attention", given, {"bias": "bias"} | _parts("qkv", "out"))]


def _squeeze(module: Any) -> list[Step] | None:
    if module.causal or type(module.activation) is not nn.ReLU or type(module.gate) is not nn.Sigmoid:
        return None
    narrow, channels = module.squeeze.out_channels, module.excite.out_channels
    short = (n / 64 for n in range(1, 65) if int(channels * n / 64) == narrow)
    share = next(short, min(1.0, floor(narrow / channels * 10_000) / 10_000))  # never more; `least` makes up for less
    return [Step("squeeze_excite", {"ratio": share, "least": narrow}, _parts("squeeze", "excite"))]


def _non_local(module: Any) -> list[Step]:
    tensors = _parts("theta", "phi", "g", "bn*") | {"out.weight": "out.weight"}
    return [Step("non_local", {"channels": module.theta.out_channels}, tensors)]


def _flow(module: Any) -> list[Step]:
    given = {"iterations": module.iterations, "theta": module.theta, "weight": round(module.limit / module.theta, 12)}
    return [Step("flow", {**given, "tau": round(module.rate * module.theta, 12)})]


def _itgm(module: Any) -> list[Step] | None:
    components, channels, _ = module.mixture.shape
    kernel = (module.length, *module.spatial.shape[3:])
    if module.padding != tuple(k // 2 for k in kernel) or any(module.pads):
        return None
    given = {"channels": channels, "kernel": kernel, "stride": module.stride, "components": components}
    return [Step("itgm", given, {name: name for name in ("spatial", "mixture", "centres", "widths")})]


KNOWN: dict[str, tuple[Callable[[Any], list[Step] | None], bool]] = {
    "torchvision.models.video.swin_transformer.ShiftedWindowAttention3d": (_windows, True),
    "torchvision.models.video.swin_transformer.PatchMerging": (_merging, True),
    "torchvision.models.swin_transformer.PatchMerging": (_merging, True),
    "generated_network.WindowAttention": (_own_windows, False),
    "generated_network.SpaceToDepth": (lambda module: [Step("space_to_depth", {"block": tuple(module.block)})], False),
    "generated_network.LayerNorm3d": (
        lambda module: [Step("layer_norm", {"eps": module.eps}, {"weight": "weight", "bias": "bias"})],
        False,
    ),
    "generated_network.SqueezeExcite": (_squeeze, False),
    "generated_network.ContextGate": (lambda module: [Step("context_gate", {}, _parts("gate"))], False),
    "generated_network.NonLocal": (_non_local, False),
    "generated_network.RepresentationFlow": (_flow, False),
    "generated_network.Itgm": (_itgm, False),
}
"""By module and class: the layers, and whether channels are the last axis. Generated code is known by its classes."""


def known(module: nn.Module) -> tuple[list[Step], bool] | None:
    """The layers that a module is, and whether channels are its last axis; None for any other module."""
    kind = type(module)
    place = kind.__module__
    if f"generated_network.{kind.__name__}" in KNOWN and _is_generated(kind):
        place = "generated_network"
    found = KNOWN.get(f"{place}.{kind.__name__}")
    steps = found[0](module) if found is not None else None
    return None if found is None or steps is None else (steps, found[1])


def _is_generated(kind: type[nn.Module]) -> bool:
    """Whether a class has the text of one of the classes that generated code brings along."""
    from inspect import getsource

    from vnasdsl.codegen.helpers import helper_texts

    try:
        return getsource(kind).strip() == helper_texts()[kind.__name__].strip()
    except (OSError, TypeError):
        return False


@contextmanager
def standing_in(module: nn.Module, clip: Tensor) -> Iterator[list[tuple[str, list[Step], bool]]]:
    """While this is open, known parts of the module are one operation each. Gives their paths, layers and layouts."""
    found = [(path, part, k) for path, part in module.named_modules() if path and (k := known(part)) is not None]
    shapes: dict[str, list[int]] = {}
    hooks = []
    for path, part, _ in found:

        def note(_part: nn.Module, _given: object, output: Tensor, path: str = path) -> None:
            shapes[path] = list(output.shape)

        hooks.append(part.register_forward_hook(note))
    changed = []
    try:
        if found:
            module(clip)
        for number, (path, part, _) in enumerate(found):
            if path in shapes:
                part.forward = lambda x, n=number, shape=shapes[path]: whole(x, n, shape)
                changed.append(part)
        for hook in hooks:
            hook.remove()
        hooks.clear()
        yield [(path, steps, last) for path, _, (steps, last) in found]
    finally:
        for hook in hooks:
            hook.remove()
        for part in changed:
            del part.forward

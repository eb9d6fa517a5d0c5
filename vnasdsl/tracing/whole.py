"""Modules that are one layer as a whole: what they do inside is not looked at.

While such a module is traced, its `forward` is one operation of its own, which stands for it in the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from math import floor
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses import FakeTensorMode

from vnasdsl.layers.activation import FUNCTIONS
from vnasdsl.layers.base import Value


@dataclass(frozen=True)
class Step:
    """A layer with its arguments, and its tensors by their names in the module that it stands for."""

    layer: str
    arguments: dict[str, Value] = field(default_factory=dict)
    tensors: dict[str, str] | None = None
    """None where they have the names that the layer gives them, as in generated code."""


@dataclass(frozen=True)
class Known:
    """A module that is one layer as a whole: its path, the layer, and whether channels are its last axis."""

    path: str
    step: Step
    last: bool


@torch.library.custom_op("vnasdsl::whole", mutates_args=())
def whole(xs: list[Tensor], number: int, shape: list[int]) -> Tensor:
    """Stands for the module of a number, which gives a shape."""
    return xs[0].new_zeros(shape)


@whole.register_fake
def _(xs: list[Tensor], number: int, shape: list[int]) -> Tensor:
    return xs[0].new_empty(shape)


def _windows(module: Any, *_: Any) -> Step:
    """Video Swin, torchvision."""
    tensors = {"bias": "relative_position_bias_table"} | _linear(qkv="qkv", out="proj")
    given = {"heads": module.num_heads, "window": tuple(module.window_size), "shift": tuple(module.shift_size)}
    return Step("window_attention", given, tensors)


def _multiscale(module: Any, _x: Tensor, grid: tuple[int, ...]) -> Step | None:
    """MViT, torchvision; None where tables of positions are stretched, or pooled queries are added to the token's."""
    q, k = module.pool_q, module.pool_k
    given, grids = _pooling({"q": q and q.pool, "kv": k and k.pool}, grid)
    pools = [part for part in "qkv" if getattr(module, f"pool_{part}") is not None]
    tensors = _linear(qkv="qkv", out="project.0", **{f"pool_{p}.norm": f"pool_{p}.norm_act.0" for p in pools})
    tensors |= {f"pool_{part}.conv.weight": f"pool_{part}.pool.weight" for part in pools}
    tables = {"frames": "rel_pos_t", "rows": "rel_pos_h", "columns": "rel_pos_w"}
    relative = module.rel_pos_h is not None
    if relative:
        lengths = [len(getattr(module, name)) for name in tables.values()]
        if lengths != [2 * max(sizes) - 1 for sizes in zip(*grids, strict=True)]:
            return None
        tensors |= tables
    if module.residual_pool and module.residual_with_cls_embed:
        return None
    given |= {"heads": module.num_heads, "channels": module.output_dim, "grid": tuple(grid)}
    given |= {"relative": relative, "residual": module.residual_pool}
    given |= {"eps": part.norm_act[0].eps for part in (q, k) if part is not None}  # noqa: B035
    return Step("pooled_attention", given, tensors)


def _linear(**names: str) -> dict[str, str]:
    """The tensors of parts with a weight and a bias."""
    return {f"{own}.{t}": f"{name}.{t}" for own, name in names.items() for t in ("weight", "bias")}


def _pooling(pools: dict[str, Any], grid: tuple[int, ...]) -> tuple[dict[str, Value], list[list[int]]]:
    """Kernels and strides of the pooling of queries, and of keys and values; and what remains of the grid."""
    given: dict[str, Value] = {}
    grids = []
    for side, conv in pools.items():
        if conv is not None:
            given |= {f"kernel_{side}": tuple(conv.kernel_size), f"stride_{side}": tuple(conv.stride)}
        grids.append([-(-n // s) for n, s in zip(grid, conv.stride if conv is not None else (1, 1, 1), strict=True)])
    return given, grids


def _pooled(module: Any, *_: Any) -> Step:
    parts = {"q": module.pool_q, "kv": module.pool_k}
    pools = [part for part in parts.values() if not isinstance(part, nn.Identity)]
    grid = pools[0].grid if pools else tuple(module.q_size)
    given = _pooling({side: getattr(part, "conv", None) for side, part in parts.items()}, grid)[0]
    given |= {"heads": module.heads, "channels": module.out.out_features, "grid": grid}
    given |= {"relative": module.relative, "residual": module.residual}
    return Step("pooled_attention", given | ({"eps": pools[0].norm.eps} if pools else {}))


def _attention(module: Any, *_: Any) -> Step:
    given = {"heads": module.heads, "channels": module.out.out_features, "over": module.over}
    return Step("attention", given | ({"grid": module.grid} if module.grid else {}))


def _own_windows(module: Any, *_: Any) -> Step:
    given = {"heads": module.heads, "window": tuple(module.window), "shift": tuple(module.shift)}
    return Step("window_attention", {**given, "channels": module.out.out_features})


def _squeeze(module: Any, *_: Any) -> Step:
    narrow, channels = module.squeeze.out_channels, module.excite.out_channels
    short = (n / 64 for n in range(1, 65) if int(channels * n / 64) == narrow)
    share = next(short, min(1.0, floor(narrow / channels * 10_000) / 10_000))  # never more; `least` makes up for less
    given = {"ratio": share, "least": narrow, "causal": module.causal}
    for name in ("activation", "gate"):
        kind = f"nn.{type(getattr(module, name)).__name__}"
        given[name] = next(word for word, (_, function, _) in FUNCTIONS.items() if function == kind)
    return Step("squeeze_excite", given)


def _flow(module: Any, *_: Any) -> Step:
    given = {"iterations": module.iterations, "theta": module.theta, "weight": round(module.limit / module.theta, 12)}
    return Step("flow", {**given, "tau": round(module.rate * module.theta, 12)})


def _itgm(module: Any, *_: Any) -> Step | None:
    components, channels, _ = module.mixture.shape
    kernel = (module.length, *module.spatial.shape[3:])
    if module.padding != tuple(k // 2 for k in kernel) or any(module.pads):
        return None
    given = {"channels": channels, "kernel": kernel, "stride": module.stride, "components": components}
    return Step("itgm", given)


def _average(module: Any, *_: Any) -> Step:
    pads = module.pads
    given = {"kernel": module.kernel_size, "stride": module.stride, "padding": (*pads[4:], *pads[2:4], *pads[:2])}
    return Step("avg_pool", given)


def _frames(module: Any, *_: Any) -> Step:
    return Step("frame_linear", {"features": module.linear.out_features, "dropout": module.dropout.p})


KNOWN: dict[str, Callable[..., Step | None]] = {
    "torchvision.models.video.swin_transformer.ShiftedWindowAttention3d": _windows,
    "torchvision.models.video.mvit.MultiscaleAttention": _multiscale,
    "generated_network.Attention": _attention,
    "generated_network.ContextGate": lambda module, *_: Step("context_gate"),
    "generated_network.FrameLinear": _frames,
    "generated_network.Itgm": _itgm,
    "generated_network.NonLocal": lambda module, *_: Step("non_local", {"channels": module.theta.out_channels}),
    "generated_network.PaddedAvgPool3d": _average,
    "generated_network.PooledAttention": _pooled,
    "generated_network.RepresentationFlow": _flow,
    "generated_network.SqueezeExcite": _squeeze,
    "generated_network.WeightedFusion": lambda module, *_: Step(
        "weighted", {"by": "learned" if module.learned else tuple(module.edges.tolist())}
    ),
    "generated_network.WindowAttention": _own_windows,
}
"""By module and class: the layer for a module and what it is called with, None where it cannot say it. In generated
code, which is known by its classes, channels are the first axis, in the others the last."""


def _known_as(module: nn.Module) -> tuple[Callable[..., Step | None], bool] | None:
    kind = type(module)
    place = kind.__module__
    if f"generated_network.{kind.__name__}" in KNOWN and _is_generated(kind):
        place = "generated_network"
    found = KNOWN.get(f"{place}.{kind.__name__}")
    return None if found is None else (found, place != "generated_network")


def _is_generated(kind: type[nn.Module]) -> bool:
    """Whether a class has the text of one of the classes that generated code brings along."""
    from inspect import getsource

    from vnasdsl.codegen.helpers import helper_texts

    try:
        return getsource(kind).strip() == helper_texts()[kind.__name__].strip()
    except (OSError, TypeError):
        return False


@contextmanager
def standing_in(module: nn.Module, given: tuple[Any, ...]) -> Iterator[list[Known]]:
    """While this is open, known parts of the module are one operation each."""
    found = [(path, part, k) for path, part in module.named_modules() if path and (k := _known_as(part)) is not None]
    calls: dict[str, tuple[tuple[Any, ...], Any]] = {}
    hooks = []
    for path, part, _ in found:

        def note(_part: nn.Module, args: tuple[Any, ...], output: Any, path: str = path) -> None:
            calls[path] = (args, output)

        hooks.append(part.register_forward_hook(note))
    changed: list[Any] = []
    known: list[Known] = []
    try:
        if found:
            with FakeTensorMode(allow_non_fake_inputs=True):  # shapes alone
                module(*given)
        for path, part, (step_of, last) in found:
            if path not in calls or (step := step_of(part, *calls[path][0])) is None:
                continue
            output = calls[path][1]
            more = output[1:] if isinstance(output, tuple) else None  # numbers beside the tensor, such as its sizes
            shape = list((output if more is None else output[0]).shape)

            def forward(*args: Any, n: int = len(known), shape: list[int] = shape, more: Any = more) -> Any:
                made = whole([each for each in args if isinstance(each, Tensor)], n, shape)
                return made if more is None else (made, *more)

            part.forward = forward
            changed.append(part)
            known.append(Known(path, step, last))
        attention: Any
        for attention in [part for part in module.modules() if isinstance(part, nn.MultiheadAttention)]:
            attention.forward = partial(_without_weights, attention.forward)
            changed.append(attention)
        for hook in hooks:
            hook.remove()
        hooks.clear()
        calls.clear()
        yield known
    finally:
        for hook in hooks:
            hook.remove()
        for part in changed:
            del part.forward


def _without_weights(forward: Callable[..., Any], *args: Any, **more: Any) -> Any:
    """Attention of torch in its fused form; most modules do not use the weights that it gives beside the output."""
    return forward(*args, **{**more, "need_weights": False})

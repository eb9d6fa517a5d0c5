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
from torch._subclasses import FakeTensorMode

from vnasdsl.layers.activation import FUNCTIONS
from vnasdsl.layers.base import NORM, Value


@dataclass(frozen=True)
class Step:
    """A layer with its arguments, and its tensors by their names in the module that it stands for."""

    layer: str
    arguments: dict[str, Value] = field(default_factory=dict)
    tensors: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Known:
    """A module that is some layers as a whole: its path, the layers, and whether channels are its last axis."""

    path: str
    steps: list[Step]
    last: bool


@torch.library.custom_op("vnasdsl::whole", mutates_args=())
def whole(xs: list[Tensor], number: int, shape: list[int]) -> Tensor:
    """Stands for the module of a number, which gives a shape."""
    return xs[0].new_zeros(shape)


@whole.register_fake
def _(xs: list[Tensor], number: int, shape: list[int]) -> Tensor:
    return xs[0].new_empty(shape)


def _parts(*names: str) -> dict[str, str]:
    """The tensors of parts that have the same names here and there: with a bias, or `*` for a batch norm."""
    found = [f"{name[:-1]}.{t}" for name in names if name[-1] == "*" for t in NORM[:-1]]
    found += [f"{name}.{t}" for name in names if name[-1] != "*" for t in ("weight", "bias")]
    return {name: name for name in found}


def _windows(module: Any, *_: Any) -> list[Step]:
    """Video Swin, torchvision."""
    tensors = {"bias": "relative_position_bias_table"} | _parts("qkv")
    tensors |= {f"out.{t}": f"proj.{t}" for t in ("weight", "bias")}
    given = {"heads": module.num_heads, "window": tuple(module.window_size), "shift": tuple(module.shift_size)}
    return [Step("window_attention", given, tensors)]


def _merging(module: Any, *_: Any) -> list[Step]:
    """Patch merging of Swin, torchvision."""
    norm = Step("layer_norm", {"eps": module.norm.eps}, {t: f"norm.{t}" for t in ("weight", "bias")})
    given = {"channels": module.reduction.out_features, "kernel": (1, 1, 1)}
    return [Step("space_to_depth", {"block": (1, 2, 2)}), norm, Step("conv", given, {"weight": "reduction.weight"})]


def _own_windows(module: Any, *_: Any) -> list[Step]:
    given = {"heads": module.heads, "window": tuple(module.window), "shift": tuple(module.shift)}
    given["channels"] = module.out.out_features
    return [Step("window_attention", given, {"bias": "bias"} | _parts("qkv", "out"))]


def _squeeze(module: Any, *_: Any) -> list[Step]:
    narrow, channels = module.squeeze.out_channels, module.excite.out_channels
    short = (n / 64 for n in range(1, 65) if int(channels * n / 64) == narrow)
    share = next(short, min(1.0, floor(narrow / channels * 10_000) / 10_000))  # never more; `least` makes up for less
    given = {"ratio": share, "least": narrow, "causal": module.causal}
    for name in ("activation", "gate"):
        kind = f"nn.{type(getattr(module, name)).__name__}"
        given[name] = next(word for word, (_, function, _) in FUNCTIONS.items() if function == kind)
    return [Step("squeeze_excite", given, _parts("squeeze", "excite"))]


def _non_local(module: Any, *_: Any) -> list[Step]:
    tensors = _parts("theta", "phi", "g", "bn*") | {"out.weight": "out.weight"}
    return [Step("non_local", {"channels": module.theta.out_channels}, tensors)]


def _flow(module: Any, *_: Any) -> list[Step]:
    given = {"iterations": module.iterations, "theta": module.theta, "weight": round(module.limit / module.theta, 12)}
    return [Step("flow", {**given, "tau": round(module.rate * module.theta, 12)})]


def _itgm(module: Any, *_: Any) -> list[Step] | None:
    components, channels, _ = module.mixture.shape
    kernel = (module.length, *module.spatial.shape[3:])
    if module.padding != tuple(k // 2 for k in kernel) or any(module.pads):
        return None
    given = {"channels": channels, "kernel": kernel, "stride": module.stride, "components": components}
    return [Step("itgm", given, {name: name for name in ("spatial", "mixture", "centres", "widths")})]


def _multiscale(module: Any, _x: Tensor, grid: tuple[int, ...]) -> list[Step] | None:
    """MViT, torchvision."""
    q, k = module.pool_q, module.pool_k
    given, grids = _pooling({"q": q and q.pool, "kv": k and k.pool}, grid)
    names = {"qkv": "qkv", "out": "project.0"}
    for part in ("q", "k", "v"):
        if getattr(module, f"pool_{part}") is not None:
            names[f"pool_{part}.norm"] = f"pool_{part}.norm_act.0"
    tensors = {f"{own}.{t}": f"{name}.{t}" for own, name in names.items() for t in ("weight", "bias")}
    tensors |= {f"pool_{p}.conv.weight": f"pool_{p}.pool.weight" for p in "qkv" if f"pool_{p}.norm" in names}
    if module.rel_pos_h is not None:
        tables = (module.rel_pos_t, module.rel_pos_h, module.rel_pos_w)
        if any(len(table) != 2 * max(sizes) - 1 for table, *sizes in zip(tables, *grids, strict=True)):
            return None  # a table that is stretched
        tensors |= {"rows": "rel_pos_h", "columns": "rel_pos_w", "frames": "rel_pos_t"}
    if module.residual_pool and module.residual_with_cls_embed:
        return None
    given |= {"heads": module.num_heads, "channels": module.output_dim, "grid": tuple(grid)}
    given |= {"relative": module.rel_pos_h is not None, "residual": module.residual_pool}
    norm = next((p.norm_act[0] for p in (q, k) if p is not None), None)
    if norm is not None:
        given["eps"] = norm.eps
    return [Step("pooled_attention", given, tensors)]


def _own_pooled(module: Any, *_: Any) -> list[Step]:
    parts = {p: getattr(module, f"pool_{p}") for p in "qkv"}
    pools = {p: part for p, part in parts.items() if not isinstance(part, nn.Identity)}
    grid = next((part.grid for part in pools.values()), tuple(module.q_size))
    convs = {side: getattr(parts[side[0]], "conv", None) for side in ("q", "kv")}
    given = _pooling(convs, grid)[0]
    tensors = _parts("qkv", "out", *(f"pool_{p}.norm" for p in pools))
    names = [*(f"pool_{p}.conv.weight" for p in pools), *(("rows", "columns", "frames") if module.relative else ())]
    given |= {"heads": module.heads, "channels": module.out.out_features, "grid": grid}
    given |= {"relative": module.relative, "residual": module.residual}
    if pools:
        given["eps"] = next(iter(pools.values())).norm.eps
    return [Step("pooled_attention", given, tensors | {name: name for name in names})]


def _pooling(pools: dict[str, Any], grid: tuple[int, ...]) -> tuple[dict[str, Value], list[list[int]]]:
    """Kernels and strides of the pooling of queries, and of keys and values; and what remains of the grid."""
    given: dict[str, Value] = {}
    grids = []
    for side, conv in pools.items():
        if conv is not None:
            given |= {f"kernel_{side}": tuple(conv.kernel_size), f"stride_{side}": tuple(conv.stride)}
        grids.append([-(-n // s) for n, s in zip(grid, conv.stride if conv is not None else (1, 1, 1), strict=True)])
    return given, grids


def _own_attention(module: Any, *_: Any) -> list[Step]:
    given = {"heads": module.heads, "channels": module.out.out_features, "over": module.over}
    return [Step("attention", given | ({"grid": module.grid} if module.grid else {}), _parts("qkv", "out"))]


def _frames(module: Any, *_: Any) -> list[Step]:
    given = {"features": module.linear.out_features, "dropout": module.dropout.p}
    return [Step("frame_linear", given, _parts("linear"))]


def _fusion(module: Any, *_: Any) -> list[Step]:
    names = ["edges", *(f"widen.{i}.weight" for i in range(len(module.widen)))]
    by = "learned" if module.learned else tuple(module.edges.tolist())
    return [Step("weighted", {"by": by}, {name: name for name in names})]


def _average(module: Any, *_: Any) -> list[Step]:
    pads = module.pads
    given = {"kernel": module.kernel_size, "stride": module.stride, "padding": (*pads[4:], *pads[2:4], *pads[:2])}
    return [Step("avg_pool", given)]


def _gate(module: Any, *_: Any) -> list[Step]:
    return [Step("context_gate", {}, _parts("gate"))]


KNOWN: dict[str, tuple[Callable[..., list[Step] | None], bool]] = {
    "torchvision.models.video.swin_transformer.ShiftedWindowAttention3d": (_windows, True),
    "torchvision.models.video.swin_transformer.PatchMerging": (_merging, True),
    "torchvision.models.swin_transformer.PatchMerging": (_merging, True),
    "torchvision.models.video.mvit.MultiscaleAttention": (_multiscale, True),
    "generated_network.Attention": (_own_attention, False),
    "generated_network.ContextGate": (_gate, False),
    "generated_network.FrameLinear": (_frames, False),
    "generated_network.Itgm": (_itgm, False),
    "generated_network.NonLocal": (_non_local, False),
    "generated_network.PaddedAvgPool3d": (_average, False),
    "generated_network.PooledAttention": (_own_pooled, False),
    "generated_network.RepresentationFlow": (_flow, False),
    "generated_network.SqueezeExcite": (_squeeze, False),
    "generated_network.WeightedFusion": (_fusion, False),
    "generated_network.WindowAttention": (_own_windows, False),
}
"""By module and class: the layers for a module and what it is called with, None where they cannot say it; and whether
channels are the last axis. Generated code is known by its classes."""


def _known_as(module: nn.Module) -> tuple[Callable[..., list[Step] | None], bool] | None:
    kind = type(module)
    place = kind.__module__
    if f"generated_network.{kind.__name__}" in KNOWN and _is_generated(kind):
        place = "generated_network"
    return KNOWN.get(f"{place}.{kind.__name__}")


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
        for path, part, (steps_of, last) in found:
            if path not in calls or (steps := steps_of(part, *calls[path][0])) is None:
                continue
            output = calls[path][1]
            more = output[1:] if isinstance(output, tuple) else None  # numbers beside the tensor, such as its sizes
            shape = list((output if more is None else output[0]).shape)

            def forward(*args: Any, n: int = len(known), shape: list[int] = shape, more: Any = more) -> Any:
                made = whole([each for each in args if isinstance(each, Tensor)], n, shape)
                return made if more is None else (made, *more)

            part.forward = forward
            changed.append(part)
            known.append(Known(path, steps, last))
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

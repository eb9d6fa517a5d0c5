"""Bodies: one whose output is added to its input, and one that runs on each part of a clip."""

from __future__ import annotations

from math import prod

from vnasdsl.layers.base import (
    Applied,
    Arguments,
    Body,
    BodyCode,
    Field,
    Layer,
    LayerError,
    ModuleCode,
    Parameter,
    Shape,
    divisors,
    need_map,
    show_shape,
    tensors,
)


def leave_residual(arguments: Arguments, before: Shape, after: Shape, classes: int) -> Applied:
    """MACs and parameters of the projection: 1x1x1 convolution without bias, and batch-norm."""
    project = arguments["project"]
    add = "{kept} + {x}"
    if project == "never" or (project == "auto" and before == after):
        if before != after:
            raise LayerError("E0402", _adds(before, after), _to_fit(before, after))
        return Applied(output=after, code=BodyCode(leave=add))
    stride = fitting_stride(before, after)
    if stride is None:
        help = "a projection leaves ceil(n / stride) along every axis: use `padding=same` inside"
        if len(before) != 4 or len(after) != 4:
            help = "a projection takes channels x frames x rows x columns: end the body with a map"
        elif any(m > n for n, m in zip(before[1:], after[1:], strict=True)):
            help = "a projection can only make frames, rows and columns fewer"
        raise LayerError("E0402", f"{_adds(before, after)}, and no stride of a projection fits", help)
    weights = before[0] * after[0]
    shortcut = ModuleCode(
        "Projection",
        (
            Field("in_channels", before[0], positional=True),
            Field("channels", after[0], positional=True),
            Field("stride", stride, (1, 1, 1)),
        ),
        tensors("conv", "bn*"),
    )
    return Applied(
        output=after,
        macs=weights * prod(after[1:]),
        params=weights + 2 * after[0],
        code=BodyCode(leave=add, shortcut=shortcut),
        attributes=(("projection", (1, 1, 1)), ("stride", stride)),
    )


def fitting_stride(before: Shape, after: Shape) -> tuple[int, int, int] | None:
    """The least stride along (T, H, W) with ceil(before / stride) = after, or None."""
    if len(before) != 4 or len(after) != 4:
        return None
    strides = tuple(-(-n // m) for n, m in zip(before[1:], after[1:], strict=True))
    if any(-(-n // s) != m for n, m, s in zip(before[1:], after[1:], strides, strict=True)):
        return None
    return strides  # type: ignore[return-value]


def _adds(before: Shape, after: Shape) -> str:
    return f"`residual` adds {show_shape(after)} to its input {show_shape(before)}"


def _to_fit(before: Shape, after: Shape) -> str:
    """What to do about a body that changes the shape."""
    if len(before) == len(after) == 4 and before[1:] == after[1:]:
        return f"end the body with {before[0]} channels as its input has, or add a projection: `residual(project=auto)`"
    if fitting_stride(before, after) is not None:
        return "keep the size in the body (`padding=same`, no stride), or add a projection: `residual(project=auto)`"
    return "keep the size in the body: `padding=same` and no stride"


RESIDUAL = Layer(
    "residual",
    "adds the input of the body to its output. Both must have the same shape, or the input goes through a"
    " projection: a 1x1x1 convolution without bias, with the stride that fits, and batch norm",
    (
        Parameter(
            "project",
            "word",
            "never",
            "when to use the projection: `never`, `auto` (if the shape changes) or `always`",
            words=("never", "auto", "always"),
        ),
    ),
    body=Body(leave_residual),
)


# -------------------------------------------- temporal segments (TSN, Wang et al. 2016)


def enter_segments(arguments: Arguments, shape: Shape) -> Shape:
    """(C, T, H, W) to (C, T / count, H, W)."""
    channels, frames, rows, columns = need_map("segments", shape)
    count = arguments["count"]
    if frames % count:
        message = f"`segments` cannot cut {frames} frame{'s' * (frames != 1)} into {count} equal parts"
        raise LayerError("E0406", message, divisors(frames, count), "count")
    return channels, frames // count, rows, columns


def leave_segments(arguments: Arguments, before: Shape, after: Shape, classes: int) -> Applied:
    """The mean of what the parts gave; the parts go through the body as clips of one batch, with one set of weights."""
    count = arguments["count"]
    if count == 1:
        return Applied(output=after, code=BodyCode(), attributes=(("count", count),))
    code = BodyCode(
        enter=f"{{x}}.unflatten(2, ({count}, -1)).transpose(1, 2).flatten(0, 1)",
        leave=f"{{x}}.unflatten(0, (-1, {count})).mean(dim=1)",
    )
    return Applied(output=after, code=code, attributes=(("count", count),))


SEGMENTS = Layer(
    "segments",
    "splits the frames into equal parts, applies the body to each part with the same weights, and returns the mean"
    " of the outputs (maps or vectors)",
    (Parameter("count", "whole", doc="number of parts; it must divide the frames", low=1),),
    body=Body(leave_segments, enter_segments, lambda arguments: int(arguments["count"]), apart=True),
)

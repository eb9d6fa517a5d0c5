"""Layers that move values: temporal shift (TSM, Lin et al. 2019), parts, flattening, enlarging; a factor, and flow."""

from __future__ import annotations

from math import prod

from vnasdsl.layers.base import (
    Applied,
    Arguments,
    Field,
    FunctionCode,
    Layer,
    LayerError,
    ModuleCode,
    Parameter,
    Shape,
    divisors,
    need_map,
)

AXES = ("channel", "frame", "row", "column")


def shift(arguments: Arguments, shape: Shape) -> Applied:
    """No MACs: TSM's point. Frames from outside of the clip are zeros."""
    moved = int(shape[0] * arguments["share"])
    if moved == 0:
        return Applied(output=shape)
    fields = (Field("moved", moved, positional=True), Field("online", arguments["online"], False))
    return Applied(output=shape, code=ModuleCode("TemporalShift", fields, ()))


def chunk(arguments: Arguments, shape: Shape) -> Applied:
    parts, take, axis = arguments["parts"], arguments["take"], arguments["axis"]
    if axis:
        need_map("chunk", shape)
    if axis >= len(AXES):
        raise LayerError("E0303", f"`axis` of `chunk` must be from 0 to 3, found `{axis}`", None, "axis")
    if take >= parts:
        help = "parts are counted from 0"
        raise LayerError("E0303", f"`take` of `chunk` must be below its {parts} parts, found `{take}`", help, "take")
    size = shape[axis]
    if size % parts:
        message = f"`chunk` cannot cut {size} {AXES[axis]}{'s' * (size != 1)} into {parts} equal parts"
        raise LayerError("E0404", message, divisors(size, parts), "parts")
    code = FunctionCode(f"{{x}}.chunk({parts}, dim={axis + 1})[{take}]") if parts > 1 else None
    return Applied(output=(*shape[:axis], size // parts, *shape[axis + 1 :]), code=code)


def flatten(arguments: Arguments, shape: Shape) -> Applied:
    """The order of values is that of torch: all frames of a channel, then those of the next."""
    if not arguments["time"]:
        return Applied(output=(prod(shape),), code=FunctionCode("{x}.flatten(1)") if len(shape) > 1 else None)
    channels, frames, rows, columns = need_map("flatten", shape)
    code = FunctionCode("{x}.flatten(1, 2).unsqueeze(2)") if frames > 1 else None
    return Applied(output=(channels * frames, 1, rows, columns), code=code)


def upsample(arguments: Arguments, shape: Shape) -> Applied:
    times, mode = arguments["times"], "trilinear" if arguments["linear"] else "nearest"
    output = (shape[0], *(n * t for n, t in zip(shape[1:], times, strict=True)))
    code = FunctionCode(f'F.interpolate({{x}}, scale_factor={times}, mode="{mode}")') if max(times) > 1 else None
    return Applied(output=output, code=code)


def scale(arguments: Arguments, shape: Shape) -> Applied:
    factors = shape[0] if arguments["channelwise"] else 1
    fields = (Field("factors", factors, positional=True), Field("start", arguments["start"], positional=True))
    return Applied(output=shape, params=factors, code=ModuleCode("Scale", fields, ("factor",)))


SHIFT = Layer(
    "shift",
    "temporal shift (TSM): some channels come from the frame after, as many from the frame before, the others stay;"
    " it costs no MACs. A 2-D network with it before its convolutions sees time",
    (
        Parameter("share", "real", 0.125, "share of the channels moved in each direction", low=0, high=0.5),
        Parameter("online", "flag", False, "take channels from the frame before only"),
    ),
    shift,
)
CHUNK = Layer(
    "chunk",
    "one of equal parts of the input; `x -> chunk(2, 0)` and `x -> chunk(2, 1)` are its halves",
    (
        Parameter("parts", "whole", doc="number of parts; it must divide the axis", low=1),
        Parameter("take", "whole", doc="which part, counted from 0", low=0),
        Parameter("axis", "whole", 0, "what is cut: 0 for channels, 1 frames, 2 rows, 3 columns", low=0),
    ),
    chunk,
    takes="any",
)
FLATTEN = Layer(
    "flatten",
    "all values in one vector, or frames as channels",
    (Parameter("time", "flag", False, "only frames become channels, those of one channel beside each other"),),
    flatten,
    takes="any",
)
UPSAMPLE = Layer(
    "upsample",
    "makes maps larger by whole factors",
    (
        Parameter("times", "sizes", doc="factors along frames, rows and columns, such as `1x2x2`"),
        Parameter("linear", "flag", False, "interpolate linearly (trilinear); otherwise values are repeated (nearest)"),
    ),
    upsample,
)
SCALE = Layer(
    "scale",
    "multiplies by learned numbers: one (ReZero), or one for each channel (LayerScale)",
    (
        Parameter("start", "real", 1.0, "initial value", low=-100, high=100),
        Parameter("channelwise", "flag", False, "a number for every channel, instead of one for all"),
    ),
    scale,
)


# ----------------------------- the slow pathway of SlowFast (Feichtenhofer et al. 2019)


def sample_frames(arguments: Arguments, shape: Shape) -> Applied:
    """Positions as in PySlowFast and pytorchvideo: linspace(0, frames - 1, count), rounded down."""
    channels, frames, rows, columns = shape
    count = arguments["count"]
    if count > frames:
        message = f"`sample_frames` cannot take {count} of {frames} frame{'s' * (frames != 1)}"
        raise LayerError("E0303", message, f"{frames} is the most", "count")
    taken = [n * (frames - 1) // max(count - 1, 1) for n in range(count)]
    code = FunctionCode(f"{{x}}[:, :, {taken}]") if count < frames else None
    return Applied(output=(channels, count, rows, columns), code=code)


SAMPLE_FRAMES = Layer(
    "sample_frames",
    "takes `count` of the frames, evenly spaced from the first to the last, positions rounded down: the slow pathway of"
    " SlowFast",
    (Parameter("count", "whole", doc="number of frames to take", low=1),),
    sample_frames,
)


# --------------------
# Blocks of positions as channels of one position: patch merging of Swin (Liu et al. 2021), with a linear layer after
# it.


def space_to_depth(arguments: Arguments, shape: Shape) -> Applied:
    block = arguments["block"]
    size = tuple(-(-n // b) for n, b in zip(shape[1:], block, strict=True))
    code = ModuleCode("SpaceToDepth", (Field("block", block, positional=True),), ())
    return Applied(output=(shape[0] * prod(block), *size), code=code)


SPACE_TO_DEPTH = Layer(
    "space_to_depth",
    "each block of positions becomes one position, whose channels are those of all positions of the block: the"
    " frames first, then the rows, then the columns vary. A map that blocks do not divide gets zeros at its ends",
    (Parameter("block", "sizes", doc="size of a block as frames x rows x columns"),),
    space_to_depth,
)


# ------------------------------------- representation flow (Piergiovanni and Ryoo 2019)


def flow(arguments: Arguments, shape: Shape) -> Applied:
    """No MACs: those are counted for convolutions and dense layers, and this is arithmetic on single pixels."""
    fields = tuple(Field(name, arguments[name]) for name in ("iterations", "theta", "weight", "tau"))
    return Applied(output=(2, *shape[1:]), code=ModuleCode("RepresentationFlow", fields, ()))


FLOW = Layer(
    "flow",
    "optical flow from each frame to the next (in pixels; channel 1 along columns, channel 2 along rows) by unrolled"
    " iterations of TV-L1, without a pyramid or learned weights. The mean of the input channels is scaled to 0..255"
    " for each clip; the last frame is compared with itself",
    (
        Parameter("iterations", "whole", 40, "iterations of TV-L1", low=1),
        Parameter("theta", "real", 0.3, "how closely the smoothed flow follows the data", low=0.001, high=1000.0),
        Parameter("weight", "real", 0.15, "weight of the data term (lambda)", low=0.0, high=1000.0),
        Parameter(
            "tau",
            "real",
            0.25,
            "step size of the smoothing; above 0.25 it can oscillate",
            low=0.0,
            high=1000.0,
        ),
    ),
    flow,
)

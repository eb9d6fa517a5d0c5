"""A part of the frames, evenly spaced: the slow pathway of SlowFast (Feichtenhofer et al. 2019)."""

from __future__ import annotations

from vnasdsl.layers.base import Applied, Arguments, FunctionCode, Layer, LayerError, Parameter, Shape


def apply(arguments: Arguments, shape: Shape) -> Applied:
    """Positions as in PySlowFast and pytorchvideo: linspace(0, frames - 1, count), rounded down."""
    channels, frames, rows, columns = shape
    count = arguments["count"]
    if count > frames:
        message = f"`sample_frames` cannot take {count} of {frames} frame{'s' * (frames != 1)}"
        raise LayerError("E0303", message, f"{frames} is the most", "count")
    taken = [n * (frames - 1) // max(count - 1, 1) for n in range(count)]
    code = FunctionCode(f"{{x}}[:, :, {taken}]") if count < frames else None
    return Applied(output=(channels, count, rows, columns), code=code)


LAYER = Layer(
    "sample_frames",
    "takes `count` of the frames, evenly spaced from the first to the last, positions rounded down: the slow pathway of"
    " SlowFast",
    (Parameter("count", "whole", doc="number of frames to take", low=1),),
    apply,
)

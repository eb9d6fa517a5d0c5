"""The parts of a clip, each run by the same body: temporal segments (TSN, Wang et al. 2016)."""

from __future__ import annotations

from vnasdsl.layers.base import Applied, Arguments, Body, BodyCode, Layer, LayerError, Parameter, Shape, need_map


def enter(arguments: Arguments, shape: Shape) -> Shape:
    """(C, T, H, W) to (C, T / count, H, W)."""
    channels, frames, rows, columns = need_map("segments", shape)
    count = arguments["count"]
    if frames % count:
        message = f"`segments` cannot cut {frames} frame{'s' * (frames != 1)} into {count} equal parts"
        fitting = [n for n in range(1, frames + 1) if frames % n == 0]
        near = sorted(sorted(fitting, key=lambda n: abs(n - count))[:4])
        help = f"numbers that divide {frames}: {', '.join(map(str, near))}" if len(near) > 1 else None
        raise LayerError("E0406", message, help, "count")
    return channels, frames // count, rows, columns


def leave(arguments: Arguments, before: Shape, after: Shape, classes: int) -> Applied:
    """The mean of what the parts gave; the parts go through the body as clips of one batch, with one set of weights."""
    count = arguments["count"]
    if count == 1:
        return Applied(output=after, code=BodyCode(), attributes=(("count", count),))
    code = BodyCode(
        enter=f"{{x}}.unflatten(2, ({count}, -1)).transpose(1, 2).flatten(0, 1)",
        leave=f"{{x}}.unflatten(0, (-1, {count})).mean(dim=1)",
    )
    return Applied(output=after, code=code, attributes=(("count", count),))


LAYER = Layer(
    "segments",
    "splits the frames into equal parts, applies the body to each part with the same weights, and returns the mean"
    " of the outputs (maps or vectors)",
    (Parameter("count", "whole", doc="number of parts; it must divide the frames", low=1),),
    body=Body(leave, enter, lambda arguments: int(arguments["count"]), apart=True),
)

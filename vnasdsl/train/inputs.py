"""Several inputs of a network in one tensor: the loaders read RGB and all streams at the most frames and the largest
size that an input has, side by side as channels, and a network takes its inputs out of that before it runs.

So clips have one crop, one mirroring and one mixture, whatever the inputs are.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vnasdsl.data.sampling import Stream
from vnasdsl.elaborate.inputs import Input, Inputs
from vnasdsl.language.diagnostics import UserError
from vnasdsl.layers.base import Shape

_GREY = (0.299, 0.587, 0.114)


def streams_of(inputs: Inputs) -> tuple[Stream, ...]:
    """What is read beside the videos."""
    return tuple(
        Stream(one.name, one.channels, is_flow=one.kind == "optical_flow") for one in inputs if one.kind != "video"
    )


def largest(inputs: Inputs) -> Input:
    """The frames and size that all inputs are read at. Raises: UserError for inputs that cannot be read so."""
    base = max(inputs, key=lambda one: one.frames)
    for one in inputs:
        if one.kind == "spectrogram":
            raise UserError(
                f"videos cannot give the input `{one.name}`: sound is not read",
                "train networks with spectrograms by a program of your own; `vnasdsl compile` writes their code",
            )
        if one.kind == "video" and one.channels not in (1, 3):
            raise UserError(
                f"videos cannot give the {one.channels} channels of `{one.name}`: they have 3, or 1 in grey",
                f"make it an input of its own that is computed before: `{one.name} = maps({one.channels}, ...)`",
            )
        step, rest = divmod(base.frames, one.frames)
        if rest or one.frame_stride != step * base.frame_stride or one.segments != base.segments:
            raise UserError(
                f"the inputs `{base.name}` and `{one.name}` do not show the same time: {_time(base)} and {_time(one)}",
                "give the input with fewer frames a larger `frame_stride`, such as frames=32, frame_stride=2 beside"
                " frames=8, frame_stride=8",
            )
    rows, columns = (max(side) for side in zip(*(one.area for one in inputs), strict=True))
    size = rows if rows == columns else (rows, columns)
    return Input(base.name, base.frames, size, base.frame_stride, base.segments, base.classes)


def _time(one: Input) -> str:
    return f"{one.frames} frames, each {one.frame_stride} after the last, in {one.segments} segments"


def packed_shape(inputs: Inputs) -> Shape:
    """(C, T, H, W) of what the loaders give."""
    base = largest(inputs)
    return (3 + sum(stream.channels for stream in streams_of(inputs)), base.frames, *base.area)


def taking_inputs(model: Any, inputs: Inputs) -> Any:
    """The model, which from now on takes its inputs out of one tensor of clips; called with each it runs as before."""
    if len(inputs) == 1 and inputs[0].kind == "video" and inputs[0].channels == 3:
        return model

    def taken(_module: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        if len(given) > 1 or (len(inputs) == 1 and given[0].shape[1] == inputs[0].channels):
            return None
        return unpacked(given[0], inputs)

    model.register_forward_pre_hook(taken)
    return model


def unpacked(clips: Tensor, inputs: Inputs) -> tuple[Tensor, ...]:
    """Each input out of clips (B, C, T, H, W). Smaller ones are scaled down; those of fewer frames take every n-th."""
    found = []
    first = 3
    for one in inputs:
        if one.kind == "video":
            x = clips[:, :3]
            if one.channels == 1:
                x = torch.einsum("bcthw,c->bthw", x, x.new_tensor(_GREY))[:, None]
        else:
            x = clips[:, first : first + one.channels]
            first += one.channels
        x = x[:, :, :: clips.shape[2] // one.frames]
        if tuple(x.shape[3:]) != one.area:
            frames = F.interpolate(x.transpose(1, 2).flatten(0, 1), one.area, mode="bilinear", antialias=True)
            x = frames.unflatten(0, (-1, one.frames)).transpose(1, 2)
        found.append(x)
    return tuple(found)

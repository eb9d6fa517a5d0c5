"""A class token beside the positions of a map (ViT, Dosovitskiy et al. 2021), as maps of one frame and one row.

The columns of such a map are the token and then the positions, so that layers which treat positions alike (linear as
1x1x1 convolution, layer norm, `residual`) need not know of it; others are told the sizes of the positions, `grid`.
"""

from __future__ import annotations

from math import prod

from vnasdsl.layers.attention import tokens_and_grid
from vnasdsl.layers.base import (
    Applied,
    Arguments,
    Body,
    BodyCode,
    Field,
    FunctionCode,
    Layer,
    LayerError,
    ModuleCode,
    Parameter,
    Shape,
    need_map,
    show_shape,
)


def class_token(arguments: Arguments, shape: Shape) -> Applied:
    channels, position = shape[0], arguments["position"]
    return Applied(
        output=(channels, 1, 1, 1 + prod(shape[1:])),
        params=channels * (2 if position else 1),
        code=ModuleCode(
            "ClassToken",
            (Field("channels", channels, positional=True), Field("position", position, False)),
            ("token", "position") if position else ("token",),
        ),
    )


def read_token(arguments: Arguments, shape: Shape) -> Applied:
    if shape[1:3] != (1, 1):
        message = f"`read_token` needs 1 frame and 1 row of columns, the input is {show_shape(shape)}"
        raise LayerError("E0411", message, "`class_token` makes such a row; the mean over all positions is `pool`")
    return Applied(output=shape[:1], code=FunctionCode("{x}[:, :, 0, 0, 0]"))


def enter(arguments: Arguments, shape: Shape) -> Shape:
    need_map("on_grid", shape)
    return shape[0], *tokens_and_grid("on_grid", arguments["grid"], shape)[1]


def leave(arguments: Arguments, before: Shape, after: Shape, classes: int) -> Applied:
    tokens, grid = tokens_and_grid("on_grid", arguments["grid"], before)
    if not tokens:
        return Applied(output=after, code=BodyCode())
    if len(after) != 4 or after[0] != before[0]:
        message = f"the token of `on_grid` keeps {before[0]} channels, the body gives {show_shape(after)}"
        raise LayerError("E0411", message, f"end the body with a map of {before[0]} channels")
    code = BodyCode(
        enter=f"{{x}}[..., 0, 0, 1:].unflatten(2, {grid})",
        leave="torch.cat([{kept}[..., :1], {x}.flatten(2)[:, :, None, None]], dim=4)",
    )
    return Applied(output=(after[0], 1, 1, 1 + prod(after[1:])), code=code)


CLASS_TOKEN = Layer(
    "class_token",
    "puts a learned vector before the positions, which become the columns of one row: 1 x 1 x (1 + frames * rows *"
    " columns)",
    (Parameter("position", "flag", False, "add a learned embedding of its position to the token"),),
    class_token,
)
READ_TOKEN = Layer("read_token", "the class token, which is the first position, as a vector (C,)", (), read_token)
ON_GRID = Layer(
    "on_grid",
    "applies the body to the positions after a class token as a map of frames x rows x columns; the token goes around"
    " it",
    (Parameter("grid", "sizes", doc="frames x rows x columns of the positions"),),
    body=Body(leave, enter),
)

"""What stands at the end of a classifier: dropout and the linear layer."""

from __future__ import annotations

from collections.abc import Mapping

from vnasdsl.layers.base import (
    Applied,
    Field,
    Layer,
    LayerError,
    ModuleCode,
    Parameter,
    Shape,
    Value,
    show_shape,
)


def dropout(arguments: Mapping[str, Value], shape: Shape, classes: int) -> Applied:
    share = arguments["share"]
    code = ModuleCode("nn.Dropout", (Field("p", share, role="share", positional=True),), ())
    return Applied(output=shape, code=code, attributes=(("share", share),))


def linear(arguments: Mapping[str, Value], shape: Shape, classes: int) -> Applied:
    if len(shape) != 1:
        raise LayerError("E0403", f"`linear` needs a vector, the input is {show_shape(shape)}", "put `pool` before it")
    features = classes if arguments["features"] == "classes" else arguments["features"]
    bias = arguments["bias"]
    return Applied(
        output=(features,),
        macs=shape[0] * features,
        params=shape[0] * features + (features if bias else 0),
        code=ModuleCode(
            "nn.Linear",
            (
                Field("in_features", shape[0], role="in_channels", positional=True),
                Field("out_features", features, role="features", positional=True),
                Field("bias", bias, role="bias", default=True),
            ),
            ("weight", "bias") if bias else ("weight",),
        ),
        attributes=(("features", features), ("bias", bias)),
    )


DROPOUT = Layer(
    "dropout",
    "sets a share of the values to zero during training",
    (Parameter("share", "share", doc="share of the values that are set to zero", rising=True),),
    dropout,
)
LINEAR = Layer(
    "linear",
    "fully connected layer on a vector (C,)",
    (
        Parameter("features", "units", doc="output features, or `classes` for the number of classes"),
        Parameter("bias", "flag", True, "add a bias to every output feature"),
    ),
    linear,
)

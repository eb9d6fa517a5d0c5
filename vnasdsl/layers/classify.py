"""The end of a classifier: dropout, of values or of whole clips (stochastic depth, Huang et al. 2016), and the linear
layer.
"""

from __future__ import annotations

from vnasdsl.layers.base import (
    Applied,
    Arguments,
    Field,
    Layer,
    LayerError,
    ModuleCode,
    Parameter,
    Shape,
    show_shape,
    tensors,
)


def dropout(arguments: Arguments, shape: Shape) -> Applied:
    return Applied(output=shape, code=ModuleCode("nn.Dropout", (Field("p", arguments["share"], positional=True),), ()))


def drop_path(arguments: Arguments, shape: Shape) -> Applied:
    share = arguments["share"]
    return Applied(
        output=shape, code=ModuleCode("DropPath", (Field("share", share, positional=True),), ()) if share else None
    )


def linear(arguments: Arguments, shape: Shape) -> Applied:
    """MACs = input features x output features."""
    if len(shape) != 1:
        raise LayerError("E0403", f"`linear` needs a vector, the input is {show_shape(shape)}", "put `pool` before it")
    features, bias = arguments["features"], arguments["bias"]
    return Applied(
        output=(features,),
        macs=shape[0] * features,
        params=shape[0] * features + (features if bias else 0),
        code=ModuleCode(
            "nn.Linear",
            (
                Field("in_features", shape[0], positional=True),
                Field("out_features", features, positional=True),
                Field("bias", bias, True),
            ),
            ("weight", "bias") if bias else ("weight",),
        ),
    )


DROPOUT = Layer(
    "dropout",
    "sets a share of the values to zero during training",
    (Parameter("share", "share", doc="share of the values that are set to zero"),),
    dropout,
    takes="any",
)
DROP_PATH = Layer(
    "drop_path",
    "stochastic depth: sets a share of the clips to zero during training. It ends the body of a `residual`, which is"
    " then left out for these clips. The others are divided by 1 - share, so that the mean stays",
    (Parameter("share", "share", doc="share of the clips that are set to zero"),),
    drop_path,
    takes="any",
)
LINEAR = Layer(
    "linear",
    "fully connected layer on a vector (C,)",
    (
        Parameter("features", "outputs", doc="output features, `same`, or `classes` for the number of classes"),
        Parameter("bias", "flag", True, "add a bias to every output feature"),
    ),
    linear,
    takes="any",
)


# --------------------------------- logits of every frame, pooled by a softmax over time


def frame_linear(arguments: Arguments, shape: Shape) -> Applied:
    """MACs of the dense layer at every frame."""
    before, features = shape[0], arguments["features"]
    return Applied(
        output=(features,),
        macs=shape[1] * before * features,
        params=before * features + features,
        code=ModuleCode(
            "FrameLinear",
            (
                Field("in_features", before, positional=True),
                Field("features", features, positional=True),
                Field("dropout", arguments["dropout"], 0),
            ),
            tensors("linear+"),
        ),
    )


FRAME_LINEAR = Layer(
    "frame_linear",
    "classifier for long clips: mean over rows and columns, one linear layer with bias for the logits z_t of each"
    " frame, then for each class the sum over t of z_t * softmax_t(z_t / sqrt(frames))",
    (
        Parameter("features", "outputs", doc="output features, `same`, or `classes` for the number of classes"),
        Parameter("dropout", "share", 0, "share of the frame features that are set to zero during training"),
    ),
    frame_linear,
)

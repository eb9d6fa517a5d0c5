"""Gates of channels, and bottlenecks with them: several convolutions as one layer (He et al. 2016)."""

from __future__ import annotations

from math import prod

from vnasdsl.layers.activation import activation, activation_field
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
from vnasdsl.layers.conv import no_groups
from vnasdsl.layers.window import DILATION, ONE, STRIDE, odd_window

# ------------------------------------------------------ squeeze-excite (Hu et al. 2018)

MULTIPLE = Parameter(
    "multiple",
    "whole",
    1,
    "the width between is rounded to a multiple of it, up where rounding would take more than a tenth away; 1 rounds"
    " down to a whole number",
    low=1,
)


def narrow_width(channels: int, ratio: float, least: int, multiple: int) -> int:
    """Channels between the convolutions: with multiples as MobileNet, X3D and MoViNet round them."""
    asked = channels * ratio
    if multiple == 1:
        return max(int(asked), least)
    rounded = max(int(asked + multiple / 2) // multiple * multiple, least)
    return rounded + multiple if rounded < 0.9 * asked else rounded


def squeeze_excite(arguments: Arguments, shape: Shape) -> Applied:
    """MACs of the two 1x1x1 convolutions, which see one position of the clip, or of each frame where causal; a ratio of
    0 is no layer at all."""
    channels, ratio = shape[0], arguments["ratio"]
    if ratio == 0:
        return Applied(output=shape)
    narrow = narrow_width(channels, ratio, arguments["least"], arguments["multiple"])
    causal = arguments["causal"]
    weights = (3 if causal else 2) * channels * narrow
    return Applied(
        output=shape,
        macs=weights * (shape[1] if causal else 1),
        params=weights + narrow + channels,
        code=ModuleCode(
            "SqueezeExcite",
            (
                Field("channels", channels, positional=True),
                Field("narrow", narrow),
                activation_field(arguments),
                activation_field(arguments, "gate", "sigmoid"),
                Field("causal", causal, False),
            ),
            tensors("squeeze+", "excite+"),
        ),
    )


SQUEEZE_EXCITE = Layer(
    "squeeze_excite",
    "squeeze-and-excitation: the E channels are multiplied by a gate that is computed from their means over the"
    " clip: 1x1x1 convolution to max(E * ratio, least) channels, activation, 1x1x1 convolution to E, gate; both with"
    " bias",
    (
        Parameter(
            "ratio",
            "real",
            doc="width between the convolutions as a share of E; 0 means no layer",
            low=0.0,
            high=1.0,
        ),
        Parameter("least", "whole", 8, "smallest width between the convolutions", low=1),
        MULTIPLE,
        activation(of="activation between the convolutions"),
        activation("sigmoid", "gate", "function of the gate"),
        Parameter(
            "causal",
            "flag",
            False,
            "a gate for each frame, from the means of this frame beside those of all frames so far (MoViNet's streams)",
        ),
    ),
    squeeze_excite,
)


# --------------------------------------------------- context gating (Miech et al. 2017)


def context_gate(arguments: Arguments, shape: Shape) -> Applied:
    """MACs of the 1x1x1 convolution, which sees one position a clip."""
    channels = shape[0]
    return Applied(
        output=shape,
        macs=channels * channels,
        params=channels * channels + channels,
        code=ModuleCode("ContextGate", (Field("channels", channels, positional=True),), tensors("gate+")),
    )


CONTEXT_GATE = Layer(
    "context_gate",
    "multiplies the channels by a gate that is computed from their means over the clip: 1x1x1 convolution with bias,"
    " sigmoid",
    (),
    context_gate,
)


# -------------------------------------------------------------------------- bottlenecks

FOR_EVEN = "write the convolutions out for an even one"


def bottleneck(arguments: Arguments, shape: Shape) -> Applied:
    """MACs and parameters of three convolutions and, where there is one, the projection; with their batch norms."""
    before, channels, wide, groups = shape[0], *(arguments[name] for name in ("channels", "wide", "groups"))
    if channels % groups or wide % groups:
        raise no_groups("bottleneck", groups, channels, wide)
    after = channels * arguments["expand"]
    first = odd_window("bottleneck", {**arguments, "stride": ONE}, shape, FOR_EVEN, "first")
    middle = odd_window("bottleneck", arguments, shape, FOR_EVEN)
    output = (after, *middle.output)
    project = arguments["project"] == "always" or (arguments["project"] == "auto" and output != shape)
    if not project and output != shape:
        message = f"`bottleneck` adds {show_shape(output)} to its input {show_shape(shape)}"
        help = "write `project=auto` for a projection where the shape changes"
        raise LayerError("E0402", message, help, "project")
    narrow = prod(first.kernel) * before * channels
    rest = prod(middle.kernel) * channels // groups * wide + wide * after + (before * after if project else 0)
    norms = channels + wide + after + (after if project else 0)
    parts = ("first", "middle", "last", *(("shortcut",) if project else ()))
    return Applied(
        output=output,
        macs=narrow * prod(shape[1:]) + rest * prod(middle.output),
        params=narrow + rest + 2 * norms,
        code=ModuleCode(
            "Bottleneck",
            (
                Field("in_channels", before, positional=True),
                Field("channels", channels, positional=True),
                Field("wide", wide),
                Field("expand", arguments["expand"]),
                Field("kernel", middle.kernel),
                Field("first", first.kernel, ONE),
                Field("stride", arguments["stride"], ONE),
                Field("dilation", arguments["dilation"], ONE),
                Field("groups", groups, 1),
                Field("project", project),
                Field("start", arguments["start"], 1.0),
                activation_field(arguments),
            ),
            tensors(*(name for part in parts for name in (part, f"{part}_bn*"))),
        ),
        attributes=(("project", project),),
        warning=first.warning or middle.warning,
    )


BOTTLENECK = Layer(
    "bottleneck",
    "ResNet bottleneck: convolution `first` to `channels`, batch norm, activation; convolution `kernel` with the stride"
    " to `wide` channels, batch norm, activation; 1x1x1 convolution to expand * channels, batch norm; plus the input or"
    " its projection (1x1x1 convolution with the stride, batch norm); activation. No convolution has a bias",
    (
        Parameter("channels", "channels", doc="channels of the narrow part, or `same`"),
        Parameter("kernel", "sizes", (1, 3, 3), "kernel of the convolution in the middle, odd"),
        STRIDE,
        DILATION,
        Parameter("expand", "whole", 4, "output channels as a multiple of `channels`", low=1),
        Parameter(
            "wide",
            "channels",
            "same",
            "output channels of the convolution in the middle, or `same` as its input",
            same="channels",
        ),
        Parameter("first", "sizes", ONE, "kernel of the first convolution, odd; it has the dilation too"),
        Parameter(
            "project",
            "word",
            "auto",
            "projection of the input: `never`, `auto` (where the shape changes) or `always`",
            words=("never", "auto", "always"),
        ),
        Parameter(
            "groups", "channels", 1, "groups of the convolution in the middle, or `same` for depthwise", same="channels"
        ),
        activation(of="all activations"),
        Parameter("start", "real", 1.0, "initial weight of the last batch norm", low=0.0, high=1.0),
    ),
    bottleneck,
)


# ------------------------------------------- inverted bottlenecks (Sandler et al. 2018)


def inverted_bottleneck(arguments: Arguments, shape: Shape) -> Applied:
    """MACs and parameters of the three convolutions, with their batch norms, and of squeeze-excite."""
    before, channels = shape[0], arguments["channels"]
    wide = before * arguments["expand"]
    middle = odd_window("inverted_bottleneck", arguments, shape, FOR_EVEN)
    output = (channels, *middle.output)
    shortcut = arguments["shortcut"] and output == shape
    narrow = narrow_width(wide, arguments["squeeze"], 8, 8) if arguments["squeeze"] else 0
    ends = wide * prod(middle.kernel) + wide * channels
    return Applied(
        output=output,
        macs=before * wide * prod(shape[1:]) + ends * prod(middle.output) + 2 * wide * narrow,
        params=before * wide + ends + 2 * (2 * wide + channels) + (2 * wide * narrow + narrow + wide if narrow else 0),
        code=ModuleCode(
            "InvertedBottleneck",
            (
                Field("in_channels", before, positional=True),
                Field("channels", channels, positional=True),
                Field("expand", arguments["expand"]),
                Field("kernel", middle.kernel),
                Field("stride", arguments["stride"], ONE),
                Field("dilation", arguments["dilation"], ONE),
                Field("shortcut", shortcut),
                activation_field(arguments),
                Field("narrow", narrow, 0),
                activation_field(arguments, "gate", "sigmoid"),
            ),
            tensors(
                "first",
                "first_bn*",
                "middle",
                "middle_bn*",
                *(("squeeze+", "excite+") if narrow else ()),
                "last",
                "last_bn*",
            ),
        ),
        attributes=(("shortcut", shortcut),),
        warning=middle.warning,
    )


INVERTED_BOTTLENECK = Layer(
    "inverted_bottleneck",
    "MobileNetV2 block: 1x1x1 convolution to expand times the input channels, batch norm, activation; depthwise"
    " convolution `kernel` with the stride, batch norm, activation; squeeze-excite where `squeeze` is not 0; 1x1x1"
    " convolution to `channels`, batch norm; plus the input if the shape is the same. No convolution but those of"
    " squeeze-excite has a bias",
    (
        Parameter("channels", "channels", doc="output channels, or `same`"),
        Parameter("kernel", "sizes", (1, 3, 3), "kernel of the depthwise convolution, odd"),
        STRIDE,
        DILATION,
        Parameter("expand", "whole", 4, "channels in the middle as a multiple of the input channels", low=1),
        activation(of="both activations, and that of squeeze-excite"),
        Parameter("shortcut", "flag", True, "add the input if the shape stays the same"),
        Parameter(
            "squeeze",
            "real",
            0.0,
            "width of squeeze-excite as a share of the middle, rounded to a multiple of 8; 0 means none",
            low=0.0,
            high=1.0,
        ),
        activation("sigmoid", "gate", "function of the gate of squeeze-excite"),
    ),
    inverted_bottleneck,
)

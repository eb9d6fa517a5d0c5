"""Every position of the clip looks at every other: the non-local block (Wang et al. 2018), embedded Gaussian."""

from __future__ import annotations

from math import prod

from vnasdsl.layers.base import Applied, Arguments, Field, Layer, ModuleCode, Parameter, Shape, tensors


def apply(arguments: Arguments, shape: Shape) -> Applied:
    """MACs of the four 1x1x1 convolutions and of the two products over all pairs of positions."""
    before, inner, positions = shape[0], arguments["channels"], prod(shape[1:])
    return Applied(
        output=shape,
        macs=4 * before * inner * positions + 2 * inner * positions**2,
        params=4 * before * inner + 3 * inner + 2 * before,
        code=ModuleCode(
            "NonLocal",
            (Field("in_channels", before, positional=True), Field("channels", inner, positional=True)),
            tensors("theta+", "phi+", "g+", "out", "bn*"),
        ),
    )


LAYER = Layer(
    "non_local",
    "non-local block: adds to every position softmax(theta(x)' phi(x) / sqrt(channels)) g(x) over all positions of"
    " the clip, where theta, phi and g are 1x1x1 convolutions with bias, followed by a 1x1x1 convolution and batch"
    " norm with initial weight 0; nothing is subsampled",
    (Parameter("channels", "channels", doc="channels of theta, phi and g, or `same`"),),
    apply,
)

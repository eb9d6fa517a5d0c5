"""Every position of the clip looks at every other: the non-local block (Wang et al. 2018), embedded Gaussian."""

from __future__ import annotations

from collections.abc import Mapping

from vnasdsl.layers.base import Applied, Field, Layer, ModuleCode, Parameter, Shape, Value, need_map


def apply(arguments: Mapping[str, Value], shape: Shape, classes: int) -> Applied:
    """MACs of the four 1x1x1 convolutions and of the two products over all pairs of positions."""
    before, frames, rows, columns = need_map("non_local", shape)
    inner = before if arguments["channels"] == "same" else arguments["channels"]
    positions = frames * rows * columns
    biased = [f"{part}.{tensor}" for part in ("theta", "phi", "g") for tensor in ("weight", "bias")]
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    return Applied(
        output=shape,
        macs=4 * before * inner * positions + 2 * inner * positions**2,
        params=4 * before * inner + 3 * inner + 2 * before,
        code=ModuleCode(
            "NonLocal",
            (
                Field("in_channels", before, role="in_channels", positional=True),
                Field("channels", inner, role="channels", positional=True),
            ),
            (*biased, "out.weight", *(f"bn.{tensor}" for tensor in norm)),
        ),
        attributes=(("channels", inner),),
    )


LAYER = Layer(
    "non_local",
    "non-local block: adds to every position softmax(theta(x)' phi(x) / sqrt(channels)) g(x) over all positions of"
    " the clip, where theta, phi and g are 1x1x1 convolutions with bias, followed by a 1x1x1 convolution and batch"
    " norm with initial weight 0; nothing is subsampled",
    (Parameter("channels", "channels", doc="channels of theta, phi and g, or `same`"),),
    apply,
)

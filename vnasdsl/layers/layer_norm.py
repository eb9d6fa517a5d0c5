"""Layer normalisation (Ba et al. 2016) of the channels at each position."""

from __future__ import annotations

from vnasdsl.layers.base import Applied, Arguments, Field, Layer, ModuleCode, Parameter, Shape


def apply(arguments: Arguments, shape: Shape) -> Applied:
    return Applied(
        output=shape,
        params=2 * shape[0],
        code=ModuleCode(
            "LayerNorm3d",
            (Field("normalized_shape", shape[0], positional=True), Field("eps", arguments["eps"], 1e-5)),
            ("weight", "bias"),
        ),
    )


LAYER = Layer(
    "layer_norm",
    "layer norm: normalises the channels at each position of each clip, with a learned weight and bias",
    (Parameter("eps", "real", 1e-5, "added to the variance", low=0.0, high=1.0),),
    apply,
    takes="any",
)

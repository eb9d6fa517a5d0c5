"""Optical flow computed inside of the network: representation flow (Piergiovanni and Ryoo 2019)."""

from __future__ import annotations

from vnasdsl.layers.base import Applied, Arguments, Field, Layer, ModuleCode, Parameter, Shape


def apply(arguments: Arguments, shape: Shape) -> Applied:
    """No MACs: those are counted for convolutions and dense layers, and this is arithmetic on single pixels."""
    fields = tuple(Field(name, arguments[name]) for name in ("iterations", "theta", "weight", "tau"))
    return Applied(output=(2, *shape[1:]), code=ModuleCode("RepresentationFlow", fields, ()))


LAYER = Layer(
    "flow",
    "optical flow from each frame to the next (in pixels; channel 1 along columns, channel 2 along rows) by unrolled"
    " iterations of TV-L1, without a pyramid or learned weights. The mean of the input channels is scaled to 0..255"
    " for each clip; the last frame is compared with itself",
    (
        Parameter("iterations", "whole", 40, "iterations of TV-L1", low=1),
        Parameter("theta", "real", 0.3, "how closely the smoothed flow follows the data", low=0.001, high=1000.0),
        Parameter("weight", "real", 0.15, "weight of the data term (lambda)", low=0.0, high=1000.0),
        Parameter(
            "tau",
            "real",
            0.25,
            "step size of the smoothing; above 0.25 it can oscillate",
            low=0.0,
            high=1000.0,
        ),
    ),
    apply,
)

"""The catalogue of layers: adding one is a file in this folder and its name in `CATALOGUE`."""

from __future__ import annotations

from vnasdsl.layers import (
    activation,
    bottleneck,
    classify,
    context_gate,
    conv,
    conv2plus1,
    flow,
    frame_linear,
    inverted_bottleneck,
    itgm,
    joins,
    non_local,
    norm,
    pool,
    pseudo3d,
    residual,
    segments,
    squeeze_excite,
    weighted,
)
from vnasdsl.layers.base import Layer

CATALOGUE: dict[str, Layer] = {
    layer.name: layer
    for layer in (
        conv.LAYER,
        conv.DEPTHWISE,
        conv2plus1.LAYER,
        itgm.LAYER,
        pseudo3d.SEPARABLE,
        pseudo3d.DILATED,
        norm.LAYER,
        activation.RELU,
        activation.HARD_SWISH,
        activation.SKIP,
        activation.NONE,
        pool.POOL,
        pool.MAX_POOL,
        pool.AVG_POOL,
        classify.DROPOUT,
        classify.LINEAR,
        frame_linear.LAYER,
        squeeze_excite.LAYER,
        context_gate.LAYER,
        non_local.LAYER,
        bottleneck.LAYER,
        inverted_bottleneck.LAYER,
        flow.LAYER,
        residual.LAYER,
        segments.LAYER,
        joins.CONCAT,
        joins.SUM,
        joins.MEAN,
        weighted.LAYER,
    )
}

"""The catalogue of layers: adding one is a file in this folder and its name in `CATALOGUE`."""

from __future__ import annotations

from vnasdsl.layers import activation, classify, conv, conv2plus1, itgm, norm, pool, pseudo3d, residual
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
        residual.LAYER,
    )
}

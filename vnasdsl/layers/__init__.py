"""The catalogue of layers: adding one is a file in this folder and its name in `CATALOGUE`."""

from __future__ import annotations

from vnasdsl.layers import activation, classify, conv, norm, pool, residual
from vnasdsl.layers.base import Layer

CATALOGUE: dict[str, Layer] = {
    layer.name: layer
    for layer in (
        conv.LAYER,
        conv.DEPTHWISE,
        norm.LAYER,
        activation.RELU,
        activation.HARD_SWISH,
        activation.SKIP,
        pool.POOL,
        pool.MAX_POOL,
        pool.AVG_POOL,
        classify.DROPOUT,
        classify.LINEAR,
        residual.LAYER,
    )
}

"""The moving average of a network's weights, which is often better than the weights of the last step."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel


def moving_average(model: nn.Module, decay: float) -> AveragedModel:
    """A copy of the model with the averages of its parameters and buffers: after each step, average = d * average
    + (1 - d) * weight.

    d is min(decay, (1 + steps) / (10 + steps)), so that a short training has an average too: the rule of TensorFlow's
    ExponentialMovingAverage. What counts (integers) is copied.
    """
    averaged = AveragedModel(model, multi_avg_fn=partial(_average, decay), use_buffers=True)
    averaged.n_averaged.fill_(1)  # the first average counts the weights before the first step
    return averaged


@torch.no_grad()
def _average(decay: float, averages: Any, weights: Any, steps: Any) -> None:
    if averages[0].is_floating_point():
        torch._foreach_lerp_(averages, weights, 1 - min(decay, (1 + float(steps)) / (10 + float(steps))))
    else:
        torch._foreach_copy_(averages, weights)

"""The moving average of a network's weights, which is often better than the weights of the last step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class MovingAverage:
    """Of every parameter and buffer: average = d * average + (1 - d) * weight after each step.

    d is min(decay, (1 + steps) / (10 + steps)), so that a short training has an average too: the rule of TensorFlow's
    ExponentialMovingAverage. What counts (integers) is copied.
    """

    def __init__(self, model: nn.Module, decay: float):
        self.decay, self.steps = decay, 0
        self.values = {name: value.detach().clone() for name, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """After a step of the optimiser."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        state = model.state_dict()
        moving = [name for name, value in self.values.items() if value.is_floating_point()]
        torch._foreach_lerp_([self.values[name] for name in moving], [state[name] for name in moving], 1 - decay)
        for name in self.values.keys() - set(moving):
            self.values[name].copy_(state[name])

    @contextmanager
    def in_place(self, model: nn.Module) -> Iterator[None]:
        """Inside, the model has the averages."""
        before = {name: value.clone() for name, value in model.state_dict().items()}
        model.load_state_dict(self.values)
        try:
            yield
        finally:
            model.load_state_dict(before)

    def state(self) -> dict[str, object]:
        return {"steps": self.steps, "values": self.values}

    def restore(self, state: Mapping[str, object]) -> None:
        assert isinstance(state["steps"], int) and isinstance(state["values"], dict)
        self.steps = state["steps"]
        for name, value in self.values.items():
            kept: Tensor = state["values"][name]
            value.copy_(kept)

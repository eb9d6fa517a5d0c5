"""A network inside its supernet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from vnasdsl.train.batchnorm import recalibrate, statistics_restored


@contextmanager
def as_child(model: Any, choices: dict[str, str], calibration: Iterable[Tensor]) -> Iterator[Any]:
    """The supernet as one of its networks, in evaluation mode, with its own batch-norm statistics; undone at the end.

    calibration: batches of clips (B, C, T, H, W) on the model's device, for the statistics; none keeps the mixture's.
    """
    was_training = model.training
    with statistics_restored(model):
        model.set_choices(choices)
        model.eval()
        try:
            recalibrate(model, calibration)
            yield model
        finally:
            model.set_choices(None)
            model.train(was_training)

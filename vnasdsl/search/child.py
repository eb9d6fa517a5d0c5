"""A network inside its supernet: scored there, and taken out with its weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from vnasdsl.train.batchnorm import recalibrate, statistics_restored
from vnasdsl.train.evaluation import Evaluation


@contextmanager
def as_child(model: Any, choices: dict[str, str], calibration: Callable[[], Iterable[Tensor]]) -> Iterator[Any]:
    """The supernet as one of its networks, in evaluation mode, with its own batch-norm statistics; undone at the end.

    calibration: batches of clips (B, 3, T, H, W) on the model's device, for the statistics; none keeps the mixture's.
    """
    was_training = model.training
    with statistics_restored(model):
        model.set_choices(choices)
        model.eval()
        try:
            recalibrate(model, calibration())
            yield model
        finally:
            model.set_choices(None)
            model.train(was_training)


def score_child(
    model: Any,
    choices: dict[str, str],
    calibration: Callable[[], Iterable[Tensor]],
    evaluate: Callable[[Any], Evaluation],
    names: Mapping[str, str] | None = None,
) -> tuple[Evaluation, dict[str, Tensor]]:
    """Its accuracy, and with `names` (child state-dict name to supernet name) its weights as they were then."""
    with as_child(model, choices, calibration) as child:
        evaluation = evaluate(child)
        state = child.state_dict()
        return evaluation, {own: state[shared].detach().cpu().clone() for own, shared in (names or {}).items()}

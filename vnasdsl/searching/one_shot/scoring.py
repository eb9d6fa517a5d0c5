"""Scoring networks with the weights of a supernet: batch-norm statistics measured again, then the validate part.

Batches are decoded once and kept. Networks that begin alike share the work: what a stage gives out is kept until a
network differs in that stage or before it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

from vnasdsl.searching.session import Session
from vnasdsl.train.batchnorm import recalibrate, statistics_restored
from vnasdsl.train.clips import evaluation_views
from vnasdsl.train.evaluation import Evaluation, evaluate_views

_BATCH_BYTES, _OUTPUT_BYTES = 2**32, 2**30
"""The most memory for decoded batches, and for what stages give out."""

T = TypeVar("T")
Views = tuple[Tensor, Tensor, Tensor]
"""Views (B, 3, T, H, W), their labels and the numbers of their videos."""
Outputs = list[Tensor | None]


@dataclass(frozen=True)
class Scorer:
    """Says how good a network is with the weights of the supernet."""

    session: Session
    shared: SharedStages
    calibration: Sequence[Tensor]
    validate: Iterable[Views]

    def score(self, choices: dict[str, str]) -> Evaluation:
        """Accuracy of a network on the validate part."""
        model, task = self.session.model, self.session.task
        model.set_choices(choices)
        model.eval()
        self.shared.begin()
        recalibrate(model, self.shared.numbered("calibrate", self.calibration))
        batches = self.shared.numbered("validate", self.validate)
        return evaluate_views(model, batches, task.classes, task.device, task.recipe.precision)


@contextmanager
def scoring(session: Session) -> Iterator[Scorer]:
    """The scorer of a supernet, which afterwards is as it was."""
    task, model = session.task, session.model
    videos = evenly(task.parts.validate, task.recipe.score_videos)
    shared = SharedStages(list(model.stages().values()))
    with (
        closing(evaluation_views(videos, task.shape, task.recipe, task.faults, task.device)) as views,
        statistics_restored(model),
        shared.remembering(),
    ):
        kept = in_memory(views, task.device)
        if kept is None:
            task.reporter.warn(
                f"the clips that networks are scored on take more than {_BATCH_BYTES >> 30} GiB, so each network"
                " decodes them again; fewer `score_videos` make this fast"
            )
        try:
            yield Scorer(session, shared, list(session.calibration()), views if kept is None else kept)
        finally:
            model.set_choices(None)


class SharedStages:
    """Stages that remember what they gave out for each batch, for the next network that begins like the last."""

    def __init__(self, stages: Sequence[nn.Module], most: int = _OUTPUT_BYTES):
        """most: bytes; a stage that would need more remembers nothing."""
        self.stages = stages
        self.most = most
        self._made: list[Hashable] = [None] * len(stages)
        """The choices made in each stage of the last network."""
        self._outputs: list[dict[Hashable, Outputs]] = [{} for _ in stages]
        self._too_large = [False] * len(stages)
        self._too_large[-1] = True  # nothing reads it
        self._begins_alike = 0
        """Stages, from the first, that are as in the last network."""
        self._batch: Hashable = None

    @contextmanager
    def remembering(self) -> Iterator[None]:
        for number, stage in enumerate(self.stages):
            stage.forward = self._remember(number, stage.forward)
        try:
            yield
        finally:
            for stage in self.stages:
                del stage.forward  # the method of its class shows again

    def begin(self) -> None:
        """Another network is chosen."""
        made = [_choices_made(stage) for stage in self.stages]
        self._begins_alike = next(
            (i for i, (a, b) in enumerate(zip(made, self._made, strict=True)) if a != b), len(made)
        )
        self._made = made
        for outputs in self._outputs[self._begins_alike :]:
            outputs.clear()

    def numbered(self, use: str, batches: Iterable[T]) -> Iterator[T]:
        """The same batches. Stages have to know which one they see."""
        for number, batch in enumerate(batches):
            self._batch = use, number
            yield batch

    def _remember(self, number: int, forward: Callable[..., Outputs]) -> Callable[..., Outputs]:
        def remember(inputs: Outputs, weights: Tensor) -> Outputs:
            later = self._outputs[number + 1 : self._begins_alike]
            if any(self._batch in outputs for outputs in later):
                return inputs  # nothing reads it
            known = self._outputs[number]
            if self._batch in known:
                return known[self._batch]
            made = forward(inputs, weights)
            if not self._too_large[number] and not torch.is_grad_enabled():
                known[self._batch] = made
                if sum(_bytes(one) for outputs in self._outputs for one in outputs.values()) > self.most:
                    self._too_large[number] = True
                    known.clear()
            return made

        return remember


def _choices_made(stage: nn.Module) -> Hashable:
    return tuple(module.chosen for module in stage.modules() if hasattr(module, "chosen"))


def _bytes(tensors: Iterable[Tensor | None]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors if tensor is not None)


def in_memory(batches: Iterable[Views], device: torch.device, most: int = _BATCH_BYTES) -> list[Views] | None:
    """The batches on a device; None where they would take too much."""
    found: list[Views] = []
    total = 0
    for batch in batches:
        total += _bytes(batch)
        if total > most:
            return None
        views, labels, videos = batch
        found.append((views.to(device), labels, videos))
    return found


def evenly(items: Sequence[T], most: int) -> list[T]:
    """At most so many of some items, evenly over them."""
    count = min(most, len(items))
    return [items[i * len(items) // count] for i in range(count)]

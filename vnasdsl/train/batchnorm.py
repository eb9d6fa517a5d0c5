"""Batch-norm statistics apart from the weights: frozen, or measured afresh for a network taken out of a supernet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def _norms(model: nn.Module) -> list[_BatchNorm]:
    return [module for module in model.modules() if isinstance(module, _BatchNorm)]


@contextmanager
def statistics_frozen(model: nn.Module) -> Iterator[None]:
    """Inside, batch norms in training mode use the statistics of the batch and record none of them."""
    tracking = [norm for norm in _norms(model) if norm.track_running_stats]
    try:
        for norm in tracking:
            norm.track_running_stats = False
        yield
    finally:
        for norm in tracking:
            norm.track_running_stats = True


@torch.no_grad()
def recalibrate(model: nn.Module, batches: Iterable[Tensor]) -> None:
    """Replace the running statistics of every batch norm by the plain mean over some batches of clips (B, C, T, H, W).

    Everything else is in evaluation mode meanwhile (no dropout). Without a batch the statistics stay as they are.
    """
    norms = _norms(model)
    was_training, momenta = model.training, [norm.momentum for norm in norms]
    started = False
    model.eval()
    try:
        for clips in batches:
            if not started:
                started = True
                for norm in norms:
                    norm.reset_running_stats()
                    norm.momentum = None  # cumulative mean
                    norm.train()
            model(clips)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        model.train(was_training)


@contextmanager
def statistics_restored(model: nn.Module) -> Iterator[None]:
    """Whatever happens to the model's buffers inside is undone at the end."""
    kept = {name: buffer.clone() for name, buffer in model.named_buffers()}
    try:
        yield
    finally:
        with torch.no_grad():
            for name, buffer in model.named_buffers():
                buffer.copy_(kept[name])

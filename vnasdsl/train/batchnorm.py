"""Batch-norm statistics apart from the weights: frozen, measured afresh for a network taken out of a supernet, or taken
over the clips of several processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import MethodType

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


def share_statistics(model: nn.Module, total: Callable[[Tensor], Tensor]) -> None:
    """From now on batch norms in training mode use the statistics of the clips of all processes, as one would.

    torch's SyncBatchNorm does this on GPUs only, and its gradient has no gradient, which second-order steps need.
    total: the sum of a tensor over the processes, differentiable.
    """

    def forward(norm: _BatchNorm, x: Tensor) -> Tensor:
        if not norm.training:
            return type(norm).forward(norm, x)
        wide = x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
        places = [0, *range(2, x.dim())]
        variance, mean = torch.var_mean(wide, places, correction=0)
        number = torch.full_like(mean[:1], x.numel() // x.shape[1], dtype=torch.float64)
        # In float64, as the square of the mean may be far larger than the variance.
        mean, variance = mean.double(), variance.double()
        sums = total(torch.cat([number * mean, number * (variance + mean.square()), number]))
        everywhere = sums[-1].detach()
        mean, square = (sums[:-1] / everywhere).chunk(2)
        variance = square - mean.square()
        if norm.track_running_stats:
            _record(norm, mean.detach(), variance.detach() * (everywhere / (everywhere - 1)))
        scale = (variance + norm.eps).rsqrt().to(wide.dtype)
        mean = mean.to(wide.dtype)
        weight, bias = (norm.weight, norm.bias) if norm.affine else (torch.ones_like(mean), torch.zeros_like(mean))
        scale = scale * weight
        shape = [1, -1] + [1] * (x.dim() - 2)
        return torch.addcmul((bias - mean * scale).view(shape), wide, scale.view(shape)).to(x.dtype)

    for norm in _norms(model):
        norm.forward = MethodType(forward, norm)  # type: ignore[method-assign]


@torch.no_grad()
def _record(norm: _BatchNorm, mean: Tensor, variance: Tensor) -> None:
    assert norm.num_batches_tracked is not None and norm.running_mean is not None and norm.running_var is not None
    norm.num_batches_tracked.add_(1)
    share = 1.0 / float(norm.num_batches_tracked) if norm.momentum is None else norm.momentum
    norm.running_mean.lerp_(mean.to(norm.running_mean.dtype), share)
    norm.running_var.lerp_(variance.to(norm.running_var.dtype), share)

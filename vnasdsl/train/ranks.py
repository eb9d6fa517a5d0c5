"""One training on several devices: one process for each, see `launch.py`.

Every process (rank) runs the same program on its share of the clips, and draws the same samples. Rank 0 writes files
and shows progress. A step is that of one process with the batches of all ranks together: losses are weighted by the
clips they are the mean of, batch norms count the clips of all ranks, and gradients are added up. The sums are the same
bits on every rank, so weights and choices stay so too. Only dropout draws other masks than one process would.

Gradients are added up after the backward pass instead of by `DistributedDataParallel`: that wrapper sees neither
`torch.autograd.grad`, which the choice step takes its gradients by, nor the weights that a second-order step replaces,
and where a step runs a part of the model it needs `find_unused_parameters`, a walk over the whole graph in every step.
Here a parameter without gradient is left out, on every rank the same ones, as all draw the same samples.

With one process, every function here does nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from vnasdsl.language.diagnostics import UserError
from vnasdsl.train.batchnorm import share_statistics

T = TypeVar("T")

_BUCKET_BYTES = 2**25
# What a rank may be behind the others, such as in decoding its clips. One that has died is noticed at once.
_PATIENCE = timedelta(minutes=30)
_NAMES = ("RANK", "WORLD_SIZE", "LOCAL_RANK")


def launched() -> int:
    """How many ranks the environment says there are; 1 without --devices and torchrun."""
    return int(os.environ["WORLD_SIZE"]) if "RANK" in os.environ and "WORLD_SIZE" in os.environ else 1


def local_rank() -> int:
    """The number of this process among those of its machine."""
    return int(os.environ.get("LOCAL_RANK", 0))


def count() -> int:
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    return dist.get_rank() if count() > 1 else 0


def is_first() -> bool:
    """Whether this process writes files and shows progress."""
    return rank() == 0


def describe(device: torch.device) -> str:
    """`cpu`, `cuda:0`; of several ranks `2 x cuda`."""
    return str(device) if count() == 1 else f"{count()} x {device.type}"


class RankLost(Exception):
    """An exchange with the other ranks has failed, which is how the end of another process shows."""


@dataclass(frozen=True)
class Group:
    """The ranks that work together."""

    store: Any
    is_first: bool

    def wait_for_first(self) -> None:
        """Until the first rank has done what it does alone; called by all."""
        if self.is_first:
            self.store.set("done", "")
        while not self.store.check(["done"]):
            with suppress(dist.DistStoreError):  # patience is over: a search may well take longer
                self.store.wait(["done"], _PATIENCE)


@contextmanager
def joined(device: torch.device, time: int = 1) -> Iterator[Group]:
    """Inside, this process and the others that the environment names work together.

    time: processes may join several times, each time under another name. Raises: UserError.
    """
    if device.type == "cuda":
        torch.cuda.set_device(device)
    try:
        store, number, size = next(rendezvous("env://", timeout=_PATIENCE))
    except (ValueError, RuntimeError, OSError) as fault:
        reason = str(fault).partition("\n")[0]
        raise UserError(
            f"the {launched()} processes that RANK and WORLD_SIZE speak of do not find each other: {reason}",
            "start them with torchrun or --devices, or unset RANK and WORLD_SIZE to work with one process",
        ) from None
    # gloo beside nccl: numbers on the CPU are exchanged without waiting for the GPU.
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    names = {name: os.environ[name] for name in _NAMES if name in os.environ}
    part = PrefixStore(f"ranks {time}", store)
    dist.init_process_group(backend, timeout=_PATIENCE, store=part, rank=number, world_size=size)
    try:
        yield Group(part, number == 0)
        if dist.is_initialized():
            _part()
    finally:
        abort()  # where there was an error: another end may wait for ranks that are gone
        os.environ.update(names)


def abort() -> None:
    """End the exchanges of this process with the others; what waits for one in another thread fails."""
    if dist.is_initialized():
        dist.distributed_c10d._abort_process_group()


def _part() -> None:
    meet()  # the first rank may keep the store
    dist.destroy_process_group()


class RankDone(Exception):
    """The rank has nothing more to do."""


def leave() -> None:
    """From here on the first rank works alone, as if there had been no others. Raises: RankDone on every other one."""
    if count() == 1:
        return
    first = is_first()
    _part()
    if not first:
        raise RankDone
    for name in _NAMES:
        os.environ.pop(name, None)


@contextmanager
def _exchange() -> Iterator[None]:
    try:
        yield
    except RuntimeError as fault:
        raise RankLost(str(fault)) from fault


def meet() -> None:
    """Wait until every rank is here."""
    least(0)


def shared(model: nn.Module) -> nn.Module:
    """The model as one of the copies that the ranks train: the weights of rank 0, batch norms over all clips."""
    if count() > 1:
        with torch.no_grad(), _exchange():
            for tensor in (*model.parameters(), *model.buffers()):
                dist.broadcast(tensor, 0)
        share_statistics(model, differentiable_total)
    return model


def seed_dropout(seed: int, epoch: int) -> None:
    """Other dropout masks on every rank, in a resumed epoch the same again."""
    if rank():
        torch.manual_seed(((seed * 1_000_003 + epoch) * count() + rank()) % 2**63)


def weighted(loss: Tensor, clips: int) -> Tensor:
    """The part of this rank in the mean over the clips of all ranks. loss: mean over `clips` of this rank."""
    return loss if count() == 1 else loss * (clips / total(torch.tensor(float(clips))).item())


def add_up(gradients: Iterable[Tensor]) -> None:
    """Replace gradients of this rank by the sums over all ranks, in place."""
    if count() == 1:
        return
    pending: list[tuple[Any, Tensor, list[Tensor]]] = []
    for bucket in _buckets(gradients):
        flat = torch.cat([gradient.reshape(-1) for gradient in bucket])
        with _exchange():
            pending.append((dist.all_reduce(flat, async_op=True), flat, bucket))
    for work, flat, bucket in pending:
        with _exchange():
            work.wait()
        parts = flat.split([gradient.numel() for gradient in bucket])
        for gradient, part in zip(bucket, parts, strict=True):
            gradient.copy_(part.view_as(gradient))


def add_up_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """The same for those of some parameters; one without a gradient has none on any rank."""
    add_up(parameter.grad for parameter in parameters if parameter.grad is not None)


def _buckets(tensors: Iterable[Tensor]) -> Iterator[list[Tensor]]:
    """Lists of tensors of one type: many small messages would cost more than their bytes."""
    by_type: dict[torch.dtype, list[Tensor]] = {}
    for tensor in tensors:
        bucket = by_type.setdefault(tensor.dtype, [])
        bucket.append(tensor)
        if sum(each.nbytes for each in bucket) >= _BUCKET_BYTES:
            yield by_type.pop(tensor.dtype)
    yield from by_type.values()


class _Total(torch.autograd.Function):
    @staticmethod
    def forward(_context: Any, tensor: Tensor) -> Tensor:
        return total(tensor)

    @staticmethod
    def backward(_context: Any, *gradients: Tensor) -> Tensor:
        return differentiable_total(gradients[0])


def differentiable_total(tensor: Tensor) -> Tensor:
    """The sum over all ranks; gradients of any order go through it."""
    return tensor if count() == 1 else _Total.apply(tensor)


def total(tensor: Tensor) -> Tensor:
    """The sum over all ranks."""
    if count() == 1:
        return tensor
    summed = tensor.detach().clone(memory_format=torch.contiguous_format)
    with _exchange():
        dist.all_reduce(summed)
    return summed


def least(number: int) -> int:
    """The smallest of the numbers of all ranks."""
    if count() == 1:
        return number
    tensor = torch.tensor(number)
    with _exchange():
        dist.all_reduce(tensor, op=dist.ReduceOp.MIN)
    return int(tensor)


def gather(value: T) -> list[T]:
    """The values of all ranks, in their order."""
    if count() == 1:
        return [value]
    values: list[Any] = [None] * count()
    with _exchange():
        dist.all_gather_object(values, value)
    return values

"""Epoch after epoch, with a checkpoint after each: the same loop for a search and for the training of one network."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol, assert_never

import torch
from torch import Tensor, nn

from vnasdsl.language.diagnostics import UserError
from vnasdsl.train import ranks
from vnasdsl.train.average import moving_average
from vnasdsl.train.checkpoint import folder_name
from vnasdsl.train.convolutions import quicken
from vnasdsl.train.devices import autocast, random_state, restore_random_state
from vnasdsl.train.evaluation import Evaluation
from vnasdsl.train.progress import Reporter, percent
from vnasdsl.train.recipe_parts import Adam, Sgd
from vnasdsl.train.recipes import RetrainRecipe, TrainingRecipe
from vnasdsl.train.run_folder import RunFolder
from vnasdsl.train.targets import hits, loss_of
from vnasdsl.train.waiting import WAITING
from vnasdsl.train.weights import FACTOR, freeze, load_exactly, parameter_groups

_ODD_LOSS, _LOST_LOSS = 100.0, 1e6
_MUCH_WAITING = 0.1
"""Of an epoch; more is said after it."""
_STEADIER = "try a smaller learning rate (--set weights.lr=...) or gradient clipping (--set grad_clip=5.0)"


class Batches(Protocol):
    """The batches of a pass, of known number: clips (B, 3, T, H, W) and targets, as `Targets` makes them."""

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]: ...

    def __len__(self) -> int: ...


class Trainable(Protocol):
    """Something that is trained epoch by epoch. Epochs are counted from 1."""

    title: str

    def run_epoch(self, epoch: int, reporter: Reporter) -> dict[str, Any]:
        """Train one epoch; returns its metrics (numbers only)."""
        ...

    def summary(self, record: dict[str, Any]) -> str:
        """The metrics of an epoch in one line."""
        ...

    def weights(self) -> dict[str, Tensor]:
        """Every parameter and buffer by name."""
        ...

    def optimiser_state(self) -> dict[str, Any]: ...

    def restore(self, weights: dict[str, Tensor], state: dict[str, Any]) -> None: ...

    def quality(self, record: dict[str, Any]) -> float | None:
        """How good the epoch's result is, higher is better; None when it was not measured."""
        ...


def run_epochs(trainable: Trainable, epochs: int, run: RunFolder, reporter: Reporter, resume: bool) -> None:
    """Run the remaining epochs; of several ranks the first writes.

    Raises: UserError when a checkpoint does not fit, or training has diverged.
    """
    done, kept, seed = 0, "", torch.initial_seed()
    checkpoint = run.checkpoints.resume(reporter.warn) if resume else None
    if checkpoint is not None:
        trainable.restore(checkpoint.weights, checkpoint.state["optimisers"])
        restore_random_state(checkpoint.state["random"])
        done, kept = checkpoint.epoch, run.checkpoints.index().get("best", "")
        reporter.note(f"resuming after epoch {done} of {epochs}")
    records = [record for record in run.metrics.read() if record["epoch"] <= done]
    if ranks.is_first():
        run.metrics.write(records)
    # A score whose checkpoint is lost does not stand in the way of the next best.
    best = next((trainable.quality(record) for record in records if folder_name(record["epoch"]) == kept), None)
    reporter.begin(trainable.title, epochs, done)
    try:
        for epoch in range(done + 1, epochs + 1):
            began, waited = time.monotonic(), WAITING.seconds
            ranks.seed_dropout(seed, epoch)
            record = {"epoch": epoch, **trainable.run_epoch(epoch, reporter)}
            require_sound(record, reporter.warn)
            record["seconds"] = round(time.monotonic() - began, 2)
            record["waited"] = round(WAITING.seconds - waited, 2)
            quality = trainable.quality(record)
            is_best = quality is not None and (best is None or quality >= best)
            best = quality if is_best else best
            if ranks.is_first():
                run.metrics.append(record)  # before the checkpoint: resuming drops the records after it
                state = {"optimisers": trainable.optimiser_state(), "random": random_state()}
                run.checkpoints.save(epoch, trainable.weights(), state, best=is_best)
                reporter.record(epoch, {key: value for key, value in record.items() if key != "epoch"})
            much = record["waited"] > max(1.0, _MUCH_WAITING * record["seconds"])
            note = f"  waited {record['waited']:.0f} s for videos" if much else ""
            reporter.finished(epoch, trainable.summary(record) + note)
    finally:
        reporter.end()


def require_sound(record: Mapping[str, Any], warn: Callable[[str], None] = lambda text: None) -> None:
    """Raises: UserError when training has diverged by the losses in the metrics of an epoch; warns when it begins to.

    Guessing has a cross entropy of log(classes), below 10.
    """
    for key, value in record.items():
        if not key.endswith("loss") or value is None or value <= _ODD_LOSS:
            continue
        what = f"the {key.replace('_', ' ')} of epoch {record['epoch']} is {value:.4g}"
        if not value <= _LOST_LOSS:
            raise UserError(
                f"{what}: training has diverged", f"{_STEADIER}; the checkpoints of earlier epochs are kept"
            )
        warn(f"{what}, far worse than guessing: training is diverging; {_STEADIER}")


class Meter:
    """Mean loss and top-1 of an epoch, kept on the device so that nothing waits for it."""

    def __init__(self, device: torch.device):
        self._loss = torch.zeros((), device=device, dtype=torch.float64)
        self._hits = torch.zeros((), device=device, dtype=torch.float64)
        self._clips = 0

    @torch.no_grad()
    def add(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """loss: mean of the batch; logits (B, classes); labels: or targets."""
        self._loss += loss.detach().double() * len(labels)
        self._hits += hits(logits, labels).sum()
        self._clips += len(labels)

    def together(self) -> None:
        """Count the clips of all ranks; every rank must call this."""
        sums = ranks.total(torch.stack([self._loss, self._hits, torch.full_like(self._loss, self._clips)]))
        self._loss, self._hits, self._clips = sums[0], sums[1], int(sums[2])

    @property
    def loss(self) -> float | None:
        return self._loss.item() / self._clips if self._clips else None

    @property
    def top1(self) -> float | None:
        return self._hits.item() / self._clips if self._clips else None

    def text(self) -> str:
        return f"loss {self.loss:.3f}  accuracy {100 * (self.top1 or 0):.1f} %" if self._clips else ""


class NetworkTraining:
    """A `Trainable`: cross entropy, one optimiser, cosine over all steps.

    Where the recipe asks for a moving average of the weights, the model has it after the last epoch.
    """

    title = "train"

    def __init__(
        self,
        model: nn.Module,
        recipe: TrainingRecipe,
        batches: Callable[[int], Batches],
        device: torch.device,
        watch: Callable[[nn.Module], Evaluation] | None = None,
        watch_every: int = 0,
    ):
        """batches: epoch (from 1) to its batches; watch: scores the model for the curve every `watch_every` epochs."""
        quicken(model, device)
        self.model = ranks.shared(model.to(device))
        self.recipe = recipe
        self.batches = batches
        self.device = device
        self.watch, self.watch_every = watch, watch_every
        frozen, rates = (recipe.freeze, recipe.rates) if isinstance(recipe, RetrainRecipe) else ((), ())
        self.frozen = freeze(self.model, frozen)
        groups = parameter_groups(self.model, rates)
        self.parameters = [parameter for group in groups for parameter in group["params"]]
        self.optimiser = build_optimiser(recipe.weights, groups, fused_adam(recipe.weights, device))
        self.scaler = torch.amp.GradScaler(device.type, enabled=recipe.precision == "fp16")
        self.average = moving_average(self.model, recipe.ema) if recipe.ema else None

    def run_epoch(self, epoch: int, reporter: Reporter) -> dict[str, Any]:
        batches = self.batches(epoch)
        steps, together = len(batches), self.recipe.accumulate
        meter = Meter(self.device)
        reporter.epoch(epoch, steps)
        reporter.foretell()
        self.model.train()
        for part_of_model in self.frozen:
            part_of_model.eval()
        for number, (clips, labels) in enumerate(batches):
            step = (epoch - 1) * steps + number
            if number % together == 0:
                self.optimiser.zero_grad(set_to_none=True)
                part = 1 / min(together, steps - number)
            self.add_gradients(step, clips.to(self.device), labels.to(self.device), part, meter)
            if (number + 1) % together == 0 or number + 1 == steps:
                rate = learning_rate(self.recipe.weights, step, self.recipe.epochs * steps)
                set_learning_rate(self.optimiser, rate)
                self.step()
            reporter.step(meter.text)
        meter.together()
        record: dict[str, Any] = {
            "train_loss": meter.loss,
            "train_top1": meter.top1,
            "lr": base_rate(self.optimiser),
        }
        if self.average is not None and epoch == self.recipe.epochs:
            self.model.load_state_dict(self.average.module.state_dict())
        if self.watch is not None and self.watch_every and epoch % self.watch_every == 0:
            watched = self.model if self.average is None else self.average.module
            record["test_top1"] = self.watch(watched).top1
        return record

    def add_gradients(self, step: int, clips: Tensor, labels: Tensor, part: float, meter: Meter) -> None:
        """Of the loss of a batch: clips (B, 3, T, H, W) and labels or targets.

        step: of all batches of the training, from 0; part: the share of this batch in a step of the optimiser.
        """
        with autocast(self.device, self.recipe.precision):
            logits = self.model(clips)
            loss = loss_of(logits.float(), labels)
        self.scaler.scale(ranks.weighted(loss, len(labels)) * part).backward()
        meter.add(loss, logits, labels)

    def step(self) -> None:
        """Step along the gradients."""
        ranks.add_up_gradients(self.parameters)
        if self.recipe.grad_clip:
            self.scaler.unscale_(self.optimiser)
            nn.utils.clip_grad_norm_(self.parameters, self.recipe.grad_clip)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        if self.average is not None:
            self.average.update_parameters(self.model)

    def summary(self, record: dict[str, Any]) -> str:
        test = f"  test (1 view) {percent(record['test_top1'])}" if "test_top1" in record else ""
        return f"loss {record['train_loss']:.3f}  accuracy {percent(record['train_top1'])}{test}"

    def weights(self) -> dict[str, Tensor]:
        return self.model.state_dict()

    def optimiser_state(self) -> dict[str, Any]:
        state = {"weights": self.optimiser.state_dict()}
        if self.scaler.is_enabled():
            state["scaler"] = self.scaler.state_dict()
        if self.average is not None:
            state["average"] = self.average.state_dict()
        return state

    def restore(self, weights: dict[str, Tensor], state: dict[str, Any]) -> None:
        load_exactly(self.model, weights, "the checkpoint")
        self.optimiser.load_state_dict(state["weights"])
        lay_out_state(self.optimiser)
        if self.scaler.is_enabled():
            self.scaler.load_state_dict(state["scaler"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])

    def quality(self, record: dict[str, Any]) -> float | None:
        return None  # test videos select nothing


def build_optimiser(
    recipe: Sgd | Adam, parameters: Iterable[nn.Parameter] | Iterable[dict[str, Any]], fused: bool | None = None
) -> torch.optim.Optimizer:
    """The torch optimiser a recipe describes."""
    rest: Any = {"lr": recipe.lr, "weight_decay": recipe.decay, "fused": fused}
    if isinstance(recipe, Sgd):
        return torch.optim.SGD(parameters, momentum=recipe.momentum, nesterov=recipe.nesterov, **rest)
    if isinstance(recipe, Adam):
        return torch.optim.Adam(parameters, betas=recipe.betas, **rest)
    assert_never(recipe)


def fused_adam(recipe: Sgd | Adam, device: torch.device) -> bool | None:
    """Whether to fuse the step over all weights: on a CPU it is faster for Adam, and SGD must be prepared for it."""
    return (device.type == "cpu" and isinstance(recipe, Adam)) or None


def lay_out_state(optimiser: torch.optim.Optimizer) -> None:
    """Lay out what was loaded as the weights are: torch's fused steps go through both in the order of memory."""
    for weight, state in optimiser.state.items():
        for name, value in state.items():
            if isinstance(value, Tensor) and value.shape == weight.shape:
                state[name] = torch.empty_like(weight).copy_(value)


def learning_rate(recipe: Sgd | Adam, step: int, total: int) -> float:
    """Rate of a step (from 0) of `total`: end + (lr - end) / 2 * (1 + cos(pi * step / total)); `lr` without `end`.

    With a warm-up of w steps the rate is lr * (step + 1) / w in those, and the cosine is that of the steps after them.
    """
    rising = round(recipe.warmup * total)
    if step < rising:
        return recipe.lr * (step + 1) / rising
    if recipe.end is None:
        return recipe.lr
    step, total = step - rising, total - rising
    return recipe.end + (recipe.lr - recipe.end) / 2 * (1 + math.cos(math.pi * min(step, total) / max(total, 1)))


def set_learning_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    for group in optimiser.param_groups:
        group["lr"] = rate * group.get(FACTOR, 1.0)


def base_rate(optimiser: torch.optim.Optimizer) -> float:
    """The rate that `set_learning_rate` was given."""
    group = optimiser.param_groups[0]
    return float(group["lr"] / group.get(FACTOR, 1.0))

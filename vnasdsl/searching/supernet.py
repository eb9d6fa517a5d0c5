"""Training a supernet: weights and choices step in turn, on separate videos (Zhou et al. 2021, A.1)."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from vnasdsl.searching.deciding import CostTerm, Deciding
from vnasdsl.searching.draws import Draws
from vnasdsl.searching.kernels import Kernels
from vnasdsl.searching.monitor import Monitor
from vnasdsl.searching.slices import slice_widths
from vnasdsl.train import ranks
from vnasdsl.train.batchnorm import recalibrate, statistics_frozen, statistics_restored
from vnasdsl.train.devices import autocast
from vnasdsl.train.loop import (
    Batches,
    Meter,
    build_optimiser,
    lay_out_state,
    learning_rate,
    require_sound,
    set_learning_rate,
)
from vnasdsl.train.progress import Reporter, megas, percent
from vnasdsl.train.recipe_parts import Sgd
from vnasdsl.train.recipes import GradientRecipe
from vnasdsl.train.targets import loss_of
from vnasdsl.train.weights import load_exactly

Batch = tuple[Tensor, Tensor]


class Step(NamedTuple):
    """One step of an epoch."""

    of_choices: bool
    number: int
    """Of the weight step, from 0; a choice step has that of the weight step beside it."""
    batch: Batch
    ahead: Batch | None = None
    """The batch of the weight step that a second-order choice step looks ahead to."""


class Ahead(NamedTuple):
    """A weight step that a choice step looks ahead to."""

    clips: Tensor
    labels: Tensor
    rate: float


def scales_of_options(model: nn.Module) -> list[nn.Parameter]:
    """Scale and shift of the batch norms inside mixtures: modules with alphas of their own."""
    mixtures = [module for module in model.modules() if isinstance(getattr(module, "alphas", None), nn.Parameter)]
    found = (norm for mixture in mixtures for norm in mixture.modules() if isinstance(norm, nn.BatchNorm3d))
    norms = list(dict.fromkeys(found))
    return [parameter for norm in norms for parameter in norm.parameters()]


class SupernetSearch:
    """A `Trainable`. Warm-up epochs step the weights only; then weights step on the train part and choices on the
    validate part."""

    title = "search"

    def __init__(
        self,
        model: Any,
        recipe: GradientRecipe,
        train: Callable[[int], Batches],
        validate: Callable[[int], Batches],
        device: torch.device,
        monitor: Monitor,
    ):
        """model: a generated supernet; train, validate: number of a pass (from 1) to its batches."""
        self.model: Any = ranks.shared(model.to(device))
        self.recipe = recipe
        self.train = train
        self.validate = validate
        self.device = device
        self.monitor = monitor
        self.kernels = Kernels(self.model, recipe, device)
        views = slice_widths(self.model, recipe.elastic) if recipe.mode == "shared" else set()
        self._choices: list[nn.Parameter] = model.choice_parameters()
        still = [] if recipe.affine else scales_of_options(model)
        kept = {id(parameter) for parameter in still}
        self._trained: list[nn.Parameter] = [p for p in model.weight_parameters() if id(p) not in kept]
        self._weights = [p for p in self._trained if p not in views]
        for parameter in still:
            parameter.requires_grad_(False)
        fused = device.type == "cpu"  # faster there
        self.weight_optimiser = build_optimiser(recipe.weights, self._weights, fused or None)
        self.choice_optimiser = build_optimiser(recipe.choices, self._choices) if self._choices else None
        drawing = recipe.mode != "full" or recipe.gumbel or recipe.samples > 0
        self.draws = Draws(self.model, recipe.mode, recipe.seed) if drawing else None
        self.deciding = Deciding(self.model, recipe)
        self.cost = CostTerm(self.model, recipe.cost)
        self.validate_pass = 0
        self._choice_step = 0

    # ---------------------------------------------------------------- steps

    def weight_step(self, clips: Tensor, labels: Tensor, rate: float, meter: Meter) -> None:
        """Weights descend the cross entropy; the gradient of the choices is not computed."""
        self._require_grad(weights=True)
        set_learning_rate(self.weight_optimiser, rate)
        loss, logits = self._cross_entropy(clips, labels)
        ranks.weighted(loss, len(labels)).backward()
        ran = [weight for weight in self._weights if weight.grad is not None]
        ranks.add_up_gradients(ran)
        if self.recipe.grad_clip:
            nn.utils.clip_grad_norm_(ran, self.recipe.grad_clip)
        self._step(ran)
        for weight in ran:
            weight.grad = None  # not held during the choice step
        meter.add(loss, logits, labels)

    def _step(self, ran: list[nn.Parameter]) -> None:
        """Step the weights that have a gradient, often few; the optimiser does not look at the others.

        Torch's fused SGD takes no weights together of which some step for the first time: these get a momentum of 0,
        which comes to the same.
        """
        if isinstance(self.recipe.weights, Sgd) and self.recipe.weights.momentum:
            for weight in ran:
                state = self.weight_optimiser.state[weight]
                if state.get("momentum_buffer") is None:
                    state["momentum_buffer"] = torch.zeros_like(weight)
        (group,) = self.weight_optimiser.param_groups
        group["params"] = ran
        self.weight_optimiser.step()
        group["params"] = self._weights

    def choice_step(self, clips: Tensor, labels: Tensor, rate: float, meter: Meter, ahead: Ahead | None = None) -> None:
        """Choices descend cross entropy plus cost; weights get no gradient, batch norms record nothing.

        With `samples` the cross entropy is the expected one of a network drawn by the probabilities.

        ahead: the loss is that of the weights after this step (DARTS, Eq. 6).
        """
        assert self.choice_optimiser is not None
        self._require_grad(weights=False)
        set_learning_rate(self.choice_optimiser, rate)
        self.choice_optimiser.zero_grad(set_to_none=True)
        if self.recipe.samples:
            loss = self._sampled_loss(clips, labels, meter)
        else:
            loss, logits = self._validate_loss(clips, labels, ahead)
            meter.add(loss, logits, labels)
        total = loss + self.cost.term() + self.deciding.entropy_term()
        gradients = torch.autograd.grad(ranks.weighted(total, len(labels)), self._choices, allow_unused=True)
        for choice, gradient in zip(self._choices, gradients, strict=True):
            choice.grad = gradient if self.draws is None else self.draws.mask(choice, gradient)
        ranks.add_up_gradients(self._choices)
        before = [choice.detach().clone() for choice in self._choices]
        self.choice_optimiser.step()
        if self.draws is not None:
            for choice, value in zip(self._choices, before, strict=True):
                self.draws.settle(choice, value)

    def _sampled_loss(self, clips: Tensor, labels: Tensor, meter: Meter) -> Tensor:
        """Its gradient is an unbiased estimate of that of the expected cross entropy of a network.

        Each network is compared with the mean of the others (REINFORCE with a leave-one-out baseline; Kool et al. 2019,
        Buy 4 REINFORCE samples, get a baseline for free). The same networks run on every rank.
        """
        assert self.draws is not None
        count, losses, logs = self.recipe.samples, [], []
        for place in range(count):
            logs.append(self.draws.draw_network(self._choice_step * count + place))
            with torch.no_grad(), statistics_frozen(self.model):
                loss, logits = self._cross_entropy(clips, labels)
            losses.append(ranks.total(ranks.weighted(loss, len(labels))))
            meter.add(loss, logits, labels)
        self.draws.everything()
        each = torch.stack(losses)
        return ((each - each.mean()) * torch.stack(logs)).sum() / (count - 1)

    def _validate_loss(self, clips: Tensor, labels: Tensor, ahead: Ahead | None) -> tuple[Tensor, Tensor]:
        with statistics_frozen(self.model):
            if ahead is None:
                return self._cross_entropy(clips, labels)
            for parameter in self._weights:
                parameter.requires_grad_(True)
            stepped = self._stepped(ahead)
            return self._cross_entropy(clips, labels, stepped)

    def _stepped(self, ahead: Ahead) -> dict[str, Tensor]:
        """The weights by name after an SGD step, as a function of the choices.

        The gradient is not clipped here, as in DARTS.
        """
        settings = self.recipe.weights
        assert isinstance(settings, Sgd)
        loss, _ = self._cross_entropy(ahead.clips, ahead.labels)
        gradients = torch.autograd.grad(
            ranks.weighted(loss, len(ahead.labels)),
            self._weights,
            create_graph=True,
            allow_unused=True,
            materialize_grads=True,
        )
        names = {id(parameter): name for name, parameter in self.model.named_parameters()}
        stepped = {}
        for weight, gradient in zip(self._weights, gradients, strict=True):
            step = ranks.differentiable_total(gradient) + settings.decay * weight
            before = self.weight_optimiser.state.get(weight, {}).get("momentum_buffer")
            if settings.momentum:
                moving = step if before is None else settings.momentum * before + step
                step = step + settings.momentum * moving if settings.nesterov else moving
            stepped[names[id(weight)]] = weight - ahead.rate * step
        return stepped

    def _cross_entropy(
        self, clips: Tensor, labels: Tensor, weights: dict[str, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Loss and logits of the model, with other weights than its own if given."""
        with autocast(self.device, self.recipe.precision):
            logits = self.kernels(clips, weights)
            return loss_of(logits.float(), labels), logits

    def _require_grad(self, weights: bool) -> None:
        for parameter in self._trained:
            parameter.requires_grad_(weights)
        for parameter in self._choices:
            parameter.requires_grad_(not weights)

    # --------------------------------------------------------------- epochs

    def run_epoch(self, epoch: int, reporter: Reporter) -> dict[str, Any]:
        searching = epoch > self.recipe.warmup and self.choice_optimiser is not None
        self.deciding.begin(epoch)
        batches = self.train(epoch)
        steps = len(batches)
        train, validate = Meter(self.device), Meter(self.device)
        self.model.train()
        reporter.epoch(epoch, 2 * steps if searching else steps)
        # A choice step counts as a weight step: it has no gradient of weights, but often runs more of the supernet.
        later = 0 if searching or not self._choices else (self.recipe.epochs - self.recipe.warmup) * steps
        reporter.foretell(later)

        def shown() -> str:
            return f"{train.text() or validate.text()}  expected {megas(self._macs())}"

        for step in self._schedule(batches, searching):
            clips, labels = self._on_device(step.batch)
            number = (epoch - 1) * steps + step.number
            rate = learning_rate(self.recipe.weights, number, self.recipe.epochs * steps)
            # With `samples` a choice step draws for itself.
            if self.draws is not None and not (self.recipe.samples and (step.of_choices or self.recipe.mode == "full")):
                self.draws.draw(step.of_choices, self._choice_step if step.of_choices else number)
            if step.of_choices:
                ahead = None if step.ahead is None else Ahead(*self._on_device(step.ahead), rate)
                self.cost.begin(self._choice_step / (steps * (self.recipe.epochs - self.recipe.warmup)))
                self.choice_step(clips, labels, self._choice_rate(steps), validate, ahead)
                self.cost.adapt(steps)
                self._choice_step += 1
            else:
                self.weight_step(clips, labels, rate, train)
            reporter.step(shown)
        if self.draws is not None:
            self.draws.everything()
        self._require_grad(weights=True)
        for parameter in self._choices:
            parameter.requires_grad_(True)
        train.together()
        validate.together()
        record: dict[str, Any] = {
            "epoch": epoch,
            "phase": "search" if searching else "warmup",
            "train_loss": train.loss,
            "train_top1": train.top1,
            "validate_loss": validate.loss,
            "validate_top1": validate.top1,
            "lr": self.weight_optimiser.param_groups[0]["lr"],
            "expected_macs": self._macs(),
        }
        require_sound(record)  # before anything is decoded
        record.update(self.cost.record())
        record.update(self.monitor.observe(self.model, epoch, searching, reporter))
        return record

    def _choice_rate(self, steps: int) -> float:
        """Of the next choice step."""
        ahead = max(1, (self.recipe.epochs - self.recipe.warmup) * steps)
        return learning_rate(self.recipe.choices, self._choice_step, ahead)

    def _on_device(self, batch: Batch) -> Batch:
        return batch[0].to(self.device), batch[1].to(self.device)

    def _schedule(self, batches: Batches, searching: bool) -> Iterator[Step]:
        """The steps of an epoch in the order of the recipe."""
        choices_first = self.recipe.order == "choices_first"
        with closing(self._endless_validate()) as validate:
            for number, batch in enumerate(batches):
                step = Step(False, number, batch)
                if searching and choices_first:
                    yield self._choices_beside(step, validate)
                yield step
                if searching and not choices_first:
                    yield self._choices_beside(step, validate)

    def _choices_beside(self, step: Step, validate: Iterator[Batch]) -> Step:
        return Step(True, step.number, next(validate), step.batch if self.recipe.second_order else None)

    def _endless_validate(self) -> Generator[Batch, None, None]:
        """Batches of the validate part, pass after pass; every epoch starts a new pass, so a resumed run does too."""
        while True:
            self.validate_pass += 1
            yield from self.validate(self.validate_pass)

    def _macs(self) -> float:
        with torch.no_grad():
            return float(self.model.expected_macs())

    # ---------------------------------------------------------------- state

    def summary(self, record: dict[str, Any]) -> str:
        parts = [f"loss {record['train_loss']:.3f}  accuracy {percent(record['train_top1'])}"]
        if record["validate_top1"] is not None:
            parts.append(f"validate {percent(record['validate_top1'])}")
        cost = f"expected {megas(record['expected_macs'])}  decoded {megas(record['decoded_macs'])}"
        parts.append(cost + self.cost.summary())
        if record.get("score_top1") is not None:
            parts.append(f"score {percent(record['score_top1'])}")
        return "  ".join(parts)

    def weights(self) -> dict[str, Tensor]:
        state: dict[str, Tensor] = self.model.state_dict()
        return state

    def optimiser_state(self) -> dict[str, Any]:
        return {
            "weights": self.weight_optimiser.state_dict(),
            "choices": self.choice_optimiser.state_dict() if self.choice_optimiser else None,
            "validate_pass": self.validate_pass,
            "choice_step": self._choice_step,
            "cost": self.cost.state(),
        }

    def restore(self, weights: dict[str, Tensor], state: dict[str, Any]) -> None:
        load_exactly(self.model, weights, "the checkpoint")
        self.weight_optimiser.load_state_dict(state["weights"])
        lay_out_state(self.weight_optimiser)
        if self.choice_optimiser is not None:
            self.choice_optimiser.load_state_dict(state["choices"])
        self.validate_pass = state["validate_pass"]
        self._choice_step = state["choice_step"]
        self.cost.restore(state["cost"])

    def quality(self, record: dict[str, Any]) -> float | None:
        return record.get("score_top1")


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

"""Keys of training recipes that papers after the first have made usual, each against the plain mathematics."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vnasdsl.train.loop import NetworkTraining, learning_rate
from vnasdsl.train.progress import Reporter
from vnasdsl.train.recipes import Adam, RetrainRecipe, Sgd
from vnasdsl.train.targets import Targets, hits, mixed

CPU = torch.device("cpu")
QUIET = Reporter(quiet=True)


def batches(count: int, size: int = 4, epoch: int = 0) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(epoch)
    draws = (torch.randn(size, 3, 2, 4, 4, generator=generator, dtype=torch.float64) for _ in range(count))
    return [(clips, torch.randint(0, 3, (size,), generator=generator)) for clips in draws]


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(96, 3)).double()


def recipe(**keys: Any) -> RetrainRecipe:
    return RetrainRecipe(**{"weights": Sgd(lr=0.1, momentum=0.9), "epochs": 3, **keys})


def test_smoothed_targets_are_torchs_label_smoothing() -> None:
    logits, labels = torch.randn(8, 5, dtype=torch.float64), torch.tensor([0, 1, 2, 3, 4, 4, 2, 0])
    targets = Targets(range(5), recipe(label_smoothing=0.1))(labels)
    torch.testing.assert_close(
        F.cross_entropy(logits, targets.double()), F.cross_entropy(logits, labels, label_smoothing=0.1)
    )
    assert hits(targets, targets).all() and not hits(-targets, targets).any()
    assert torch.equal(Targets(range(5), recipe())(labels), labels)


def test_balanced_classes_count_alike_and_the_mean_weight_is_one() -> None:
    labels = torch.tensor([0] * 6 + [1] * 3 + [2])
    sums = Targets(labels.tolist(), recipe(class_weights="balanced"))(labels).sum(dim=0)
    torch.testing.assert_close(sums, torch.full((3,), 10 / 3))
    smoothed = Targets(labels.tolist(), recipe(class_weights="balanced", label_smoothing=0.2))(labels)
    assert smoothed.sum().item() == pytest.approx(10)


def test_accumulated_batches_step_as_one_large_batch() -> None:
    small = batches(5)
    large = [(torch.cat([c for c, _ in part]), torch.cat([n for _, n in part])) for part in (small[:2], small[2:4])]
    models = []
    for feed, keys in ((small, {"accumulate": 2}), ([*large, small[4]], {})):
        model = network()
        constant = recipe(weights=Sgd(lr=0.1, momentum=0.9), **keys)
        NetworkTraining(model, constant, lambda epoch, feed=feed: feed, CPU).run_epoch(1, QUIET)
        models.append(model)
    for one, other in zip(models[0].parameters(), models[1].parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-8)  # the loss is float32


def test_training_on_a_cpu_is_that_of_plain_torch_also_when_resumed() -> None:
    """Convolutions over time run in two dimensions, and Adam is fused."""
    torch.manual_seed(0)
    layers = [nn.Conv3d(3, 4, (3, 1, 1), (2, 1, 1), (2, 0, 0), (2, 1, 1)), nn.ReLU(), nn.Conv3d(4, 2, 3, padding=1)]
    plain = nn.Sequential(*layers, nn.Flatten(), nn.Linear(32, 3)).double()
    plain[2].weight.data = plain[2].weight.data.contiguous(memory_format=torch.channels_last_3d)
    adam = Adam(lr=0.01, end=1e-4, decay=1e-3)
    trainings = [
        NetworkTraining(copy.deepcopy(plain), recipe(weights=adam), lambda epoch: batches(5, epoch=epoch), CPU)
        for _ in range(2)
    ]
    trainings[0].run_epoch(1, QUIET)
    state = trainings[0].optimiser_state()
    moments = state["weights"]["state"].values()  # as they come from a file
    loose = [
        {name: value.clone(memory_format=torch.contiguous_format) for name, value in one.items()} for one in moments
    ]
    state["weights"]["state"] = dict(enumerate(loose))
    trainings[1].restore(trainings[0].weights(), state)
    for epoch in (2, 3):
        trainings[1].run_epoch(epoch, QUIET)
    optimiser = torch.optim.Adam(plain.parameters(), weight_decay=1e-3, foreach=False)
    feed = [batch for epoch in (1, 2, 3) for batch in batches(5, epoch=epoch)]
    for step, (clips, labels) in enumerate(feed):
        optimiser.param_groups[0]["lr"] = learning_rate(adam, step, len(feed))
        optimiser.zero_grad()
        F.cross_entropy(plain(clips).float(), labels).backward()
        optimiser.step()
    for one, other in zip(trainings[1].model.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)  # the loss is float32


def test_the_moving_average_is_what_training_ends_with_and_survives_a_resume() -> None:
    weights: list[Tensor] = []

    class Watched(NetworkTraining):
        def step(self) -> None:
            super().step()
            weights.append(self.model[1].weight.detach().clone())

    def feed(epoch: int) -> list[tuple[Tensor, Tensor]]:
        return batches(4, epoch=epoch)

    averaged = recipe(ema=0.7)
    start = network()
    training = Watched(copy.deepcopy(start), averaged, feed, CPU)
    for epoch in (1, 2):
        training.run_epoch(epoch, QUIET)
    kept = copy.deepcopy((training.weights(), training.optimiser_state()))
    training.run_epoch(3, QUIET)
    expected = start[1].weight.detach()
    for step, weight in enumerate(weights, start=1):
        decay = min(0.7, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * weight
    torch.testing.assert_close(training.model[1].weight.detach(), expected)
    assert not torch.equal(weights[-1], expected)
    resumed = NetworkTraining(network(), averaged, feed, CPU)
    resumed.restore(*kept)
    resumed.run_epoch(3, QUIET)
    assert torch.equal(resumed.model[1].weight, training.model[1].weight)


def test_the_curve_watches_the_average() -> None:
    seen: list[Tensor] = []

    class Seen:
        top1 = 0.5

    def watch(model: nn.Module) -> Any:
        seen.append(model[1].weight.detach().clone())
        return Seen()

    training = NetworkTraining(network(), recipe(ema=0.9), lambda epoch: batches(3), CPU, watch, 1)
    training.run_epoch(1, QUIET)
    assert training.average is not None
    assert torch.equal(seen[0], training.average.module[1].weight)
    assert not torch.equal(seen[0], training.model[1].weight)


def test_the_rate_rises_in_equal_steps_and_then_follows_the_cosine() -> None:
    rising, plain = Sgd(lr=0.1, end=1e-3, warmup=0.2), Sgd(lr=0.1, end=1e-3)
    rates = [learning_rate(rising, step, 50) for step in range(50)]
    assert rates[:10] == pytest.approx([0.01 * step for step in range(1, 11)])
    assert rates[10:] == pytest.approx([learning_rate(plain, step, 40) for step in range(40)])
    assert learning_rate(Sgd(lr=0.1, warmup=0.5), 3, 4) == 0.1


def test_fp16_scales_the_loss_and_keeps_the_scale_on_resume() -> None:
    halves = recipe(precision="fp16", grad_clip=1.0)
    feed = [(clips.float(), labels) for clips, labels in batches(6)]
    training = NetworkTraining(network().float(), halves, lambda epoch: feed, CPU)
    losses = [training.run_epoch(epoch, QUIET)["train_loss"] for epoch in (1, 2, 3)]
    assert losses[2] < losses[0]
    kept = training.optimiser_state()["scaler"]
    assert (kept["scale"] > 1, kept["_growth_tracker"]) == (True, 18)
    resumed = NetworkTraining(network().float(), halves, lambda epoch: feed, CPU)
    resumed.restore(training.weights(), training.optimiser_state())
    assert resumed.optimiser_state()["scaler"] == kept


def test_mixup_blends_clips_and_targets_by_one_share() -> None:
    clips = torch.rand(4, 3, 2, 6, 8, dtype=torch.float64)
    targets = torch.eye(4, dtype=torch.float64)
    blended, shares = mixed(clips, targets, recipe(mixup=0.4), random.Random(3))
    share = shares[0, 0].item()
    assert 0 < share < 1
    torch.testing.assert_close(blended[1], share * clips[1] + (1 - share) * clips[0])
    torch.testing.assert_close(shares, share * torch.eye(4).double() + (1 - share) * torch.eye(4).double().roll(1, 0))


def test_cutmix_counts_the_pixels_it_took() -> None:
    numbers = torch.arange(4.0).view(4, 1, 1, 1, 1).expand(4, 3, 2, 16, 12).clone()
    seen = set()
    for seed in range(20):
        cut, shares = mixed(numbers, torch.eye(4), recipe(cutmix=1.0), random.Random(seed))
        taken = cut[2] == 1.0
        assert torch.equal(taken, taken[:1, :1].expand_as(taken)) and torch.equal(cut[2] == 2.0, ~taken)
        assert shares[2].tolist() == pytest.approx(
            [0, taken.double().mean().item(), 1 - taken.double().mean().item(), 0]
        )
        seen.add(int(taken.sum()))
    assert len(seen) > 10


def test_batches_of_both_kinds_where_both_are_on() -> None:
    numbers = torch.arange(2.0).view(2, 1, 1, 1, 1).expand(2, 3, 1, 8, 8)
    both = recipe(mixup=1, cutmix=1)
    cut = [set(mixed(numbers, torch.eye(2), both, random.Random(s))[0].unique().tolist()) <= {0, 1} for s in range(20)]
    assert 4 < sum(cut) < 16

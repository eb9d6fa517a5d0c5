"""What makes a supernet faster or smaller: losses, gradients and statistics are those of the modules as written."""

from __future__ import annotations

import copy
import shutil
from random import Random
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError
from torch import Tensor
from torch.overrides import TorchFunctionMode

from tests.codegen.code import read, shuffle, supernet
from vnasdsl.searching.draws import mixtures_in
from vnasdsl.searching.estimate import Estimate
from vnasdsl.searching.kernels import Kernels
from vnasdsl.searching.supernet import SupernetSearch
from vnasdsl.train.loop import Meter
from vnasdsl.train.recipes import GradientRecipe

CPU = torch.device("cpu")
LABELS = torch.tensor([0, 1, 2, 0])
SPACE = read("""
block basic(dilation) {
  residual {
    conv(same, 1x3x3) -> bn -> relu
    conv(same, 3x1x1, dilation=(dilation, 1, 1)) -> bn -> relu
  }
}

space both {
  input clip = video(frames=5, size=8, classes=3)
  stage s1 { conv(3, 1x3x3, stride=1x2x2) -> bn -> relu -> conv(3, 3x1x1, stride=2x1x1, bias=true) }
  stage s2 {
    conv(4 | 6, 1x3x3) -> bn -> relu
    2 * (basic(1) | basic(2) | skip)
  }
  stage s3 { conv(5 | 7, 3x3x3) -> bn -> relu }
  pool -> linear(classes)
}
""")


def clips(seed: int) -> Tensor:
    return torch.randn(4, 3, 5, 8, 8, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def pair(**keys: Any) -> tuple[Any, Any, Kernels]:
    """A supernet as written, its copy, and what computes the copy."""
    plain = supernet(SPACE).double().train()
    shuffle(plain)
    copied = copy.deepcopy(plain)
    return plain, copied, Kernels(copied, GradientRecipe(batch=64, **keys), CPU)


class Convolutions(TorchFunctionMode):
    """Counts them."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += function in (F.conv2d, F.conv3d)
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    "keys", [{}, {"memory_format": "contiguous"}, {"checkpoint": True}, {"mode": "operations", "checkpoint": True}]
)
def test_losses_gradients_and_statistics_are_those_of_the_modules_as_written(keys: dict[str, Any]) -> None:
    plain, ours, kernels = pair(**keys)
    for seed in (1, 2):
        losses = [F.cross_entropy(compute(clips(seed)), LABELS) for compute in (plain, kernels)]
        torch.testing.assert_close(*losses)
        gradients = [
            torch.autograd.grad(loss, list(m.parameters())) for loss, m in zip(losses, (plain, ours), strict=True)
        ]
        torch.testing.assert_close(*gradients)
        torch.testing.assert_close(plain.state_dict(), ours.state_dict(), rtol=1e-9, atol=1e-12)


def test_gradients_of_mixtures_are_laid_out_as_their_outputs() -> None:
    space = read(SPACE.text().replace("  pool ->", "  (basic(1) | skip) -> pool ->"))
    model = supernet(space).train()
    kernels = Kernels(model, GradientRecipe(memory_format="channels_last"), CPU)
    gradients: list[Tensor] = []
    option = next(iter([*mixtures_in(model)][-1].values()))
    option.register_forward_hook(lambda module, inputs, output: output.register_hook(gradients.append) and None)
    kernels(clips(1).float()).sum().backward()
    assert len(gradients) == 1 and gradients[0].is_contiguous(memory_format=torch.channels_last_3d)


def test_convolutions_with_the_same_input_run_as_one_where_everything_runs() -> None:
    plain, ours, kernels = pair()
    kernels(clips(1))
    counts = []
    for compute in (plain, kernels):
        with Convolutions() as seen:
            compute(clips(2))
        counts.append(seen.count)
    # Two of s1, two heads of s2, two layers of two states with two times two, and two heads of s3 for both states.
    assert counts == [2 + 2 + 16 + 4, 2 + 1 + 12 + 2]
    for mixture in mixtures_in(ours):
        mixture.drawn = (1,)
    with Convolutions() as seen:
        kernels(clips(2))
    assert seen.count == 2 + 2 + 8 + 4  # what does not run is not computed


def test_a_network_of_the_supernet_runs_alone() -> None:
    plain, ours, kernels = pair()
    plain(clips(1)), kernels(clips(1))  # statistics
    choices = SPACE.sample(Random(3))
    for model in (plain, ours):
        model.set_choices(choices)
        model.eval()
    torch.testing.assert_close(plain(clips(2)), ours(clips(2)))


def test_a_search_with_checkpoints_takes_the_same_steps() -> None:
    found = []
    for checkpoint in (False, True):
        torch.manual_seed(0)
        nothing: Any = None
        model = supernet(SPACE).double().train()
        search = SupernetSearch(model, GradientRecipe(checkpoint=checkpoint), nothing, nothing, CPU, nothing)
        for seed in (1, 2):
            search.choice_step(clips(seed), LABELS, 0.1, Meter(CPU))
            search.weight_step(clips(seed + 2), LABELS, 0.1, Meter(CPU))
        found.append(model.state_dict())
    torch.testing.assert_close(*found)


def test_checkpoints_take_less_memory() -> None:
    supernet = Estimate(SPACE, torch.device("cuda"))
    plain, checkpointed = (supernet.peak(GradientRecipe(batch=64, checkpoint=kept)) for kept in (False, True))
    assert checkpointed < 0.6 * plain


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a compiler")
def test_a_compiled_supernet_has_the_same_losses_and_gradients() -> None:
    plain, ours, kernels = pair(compile=True)
    for seed in (1, 2):
        losses = [F.cross_entropy(compute(clips(seed)), LABELS) for compute in (plain, kernels)]
        torch.testing.assert_close(*losses)
        models = zip(losses, (plain, ours), strict=True)
        torch.testing.assert_close(*(torch.autograd.grad(loss, list(model.parameters())) for loss, model in models))


@pytest.mark.parametrize(
    "keys",
    [
        {"mode": "paths", "compile": True},
        {"samples": 2, "compile": True},
        {"second_order": True, "compile": True},
        {"second_order": True, "checkpoint": True},
    ],
)
def test_keys_that_do_not_go_together_are_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="false"):
        GradientRecipe(**keys)

"""A step of single paths: the gradients of the networks themselves, added up."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.support import ROOT
from vnasdsl.codegen import compile_supernet, inherited_names
from vnasdsl.elaborate import Overrides, Space, load
from vnasdsl.searching.one_shot.training import PathTraining, Sampler
from vnasdsl.train.generated import build, load_class
from vnasdsl.train.loop import Meter
from vnasdsl.train.recipe_parts import Sgd
from vnasdsl.train.recipes import OneShotRecipe

CPU = torch.device("cpu")
RATE = 0.1


@pytest.fixture(scope="module")
def space() -> Space:
    return load(ROOT / "tests" / "search" / "small.vns", Overrides(classes=3)).get()


@pytest.mark.parametrize("sampling", ["uniform", "fair"])
def test_a_step_follows_the_sum_of_the_gradients_of_its_paths(space: Space, sampling: str) -> None:
    torch.manual_seed(0)
    supernet: nn.Module = load_class(compile_supernet(space, "small.vns"), "Supernet", ROOT / "supernet.py")().double()
    for module in supernet.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    weights = Sgd(lr=RATE, momentum=0.9, decay=0.01)
    recipe = OneShotRecipe(weights=weights, sampling=sampling, widths="apart")
    sampler = Sampler(space, sampling, 0, lambda choices: 0.0)
    training = PathTraining(supernet, recipe, lambda number: [], sampler, CPU)
    paths = sampler.paths(0)
    assert len(paths) == (1 if sampling == "uniform" else 3)
    clips, labels = torch.randn(4, 3, 4, 16, 16, dtype=torch.float64), torch.tensor([0, 1, 2, 1])
    before = {name: tensor.clone() for name, tensor in supernet.state_dict().items()}
    training.add_gradients_of(paths, clips, labels, 1.0, Meter(CPU))
    training.step()

    gradients: dict[str, torch.Tensor] = {}
    for choices in paths:
        network = build(space.network(choices)).double()
        names = inherited_names(space, choices)
        network.load_state_dict({own: before[shared] for own, shared in names.items()})
        for module in network.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
        F.cross_entropy(network(clips), labels).backward()
        for own, parameter in network.named_parameters():
            gradients[names[own]] = gradients.get(names[own], 0) + parameter.grad
    after = dict(supernet.named_parameters())
    assert set(gradients) < set(after)
    for name, parameter in after.items():
        if name in gradients:
            expected = before[name] - RATE * (gradients[name] + 0.01 * before[name])
            torch.testing.assert_close(parameter.detach(), expected, rtol=1e-5, atol=1e-7)  # the loss is float32
        else:  # neither decay nor momentum moves what no path uses
            assert torch.equal(parameter.detach(), before[name])
    used = {id(parameter) for name, parameter in after.items() if name in gradients}
    assert {id(parameter) for parameter in training.optimiser.state} == used


def test_narrow_paths_train_slices_of_the_widest_weights(space: Space) -> None:
    torch.manual_seed(0)
    supernet: Any = load_class(compile_supernet(space, "small.vns"), "Supernet", ROOT / "supernet.py")()
    recipe = OneShotRecipe(weights=Sgd(lr=RATE), widths="shared")
    training = PathTraining(supernet, recipe, lambda number: [], Sampler(space, "uniform", 0, lambda made: 0.0), CPU)
    clips, labels = torch.randn(4, 3, 4, 16, 16), torch.tensor([0, 1, 2, 1])
    stage = supernet.stages()["s2"]
    narrow, wide = (
        next(weight for weight in state.heads.parameters() if weight.dim() == 5) for state in stage.values()
    )
    assert (len(narrow), len(wide)) == (4, 6)
    before = wide.detach().clone()
    path = {"s2.head.channels": "4", "s2.stack[0].op": "basic(1)", "s2.stack[1].op": "skip", "s3.head.channels": "6"}
    training.add_gradients_of([path], clips, labels, 1.0, Meter(CPU))
    training.step()
    assert torch.equal(narrow, wide[:4]) and not torch.equal(wide[:4], before[:4])
    assert torch.equal(wide[4:], before[4:])

"""The supernet of a small space against the equations of Zhou et al. 2021, section 3, written down by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.codegen.code import read, shuffle, supernet
from tests.space.random_spaces import BLOCKS

TEXT = (
    BLOCKS
    + """
space pair {
  input clip = video(frames=4, size=8, classes=3)
  stage s1 {
    head(4 | 6, 2)
    1 * (basic(1) | basic(2) | skip)
  }
  stage s2 {
    head(3 | 5, 1)
    basic(1) | skip
  }
  pool -> linear(classes)
}
"""
)


class ByHand:
    """Eq. 1 to 3 with the tensors of a supernet, by their names."""

    def __init__(self, model: Any, mass: bool, temperature: float):
        self.t = dict(model.state_dict())
        self.mass, self.temperature = mass, temperature

    def bn(self, x: Tensor, at: str) -> Tensor:
        t = self.t
        statistics = t[f"{at}.running_mean"], t[f"{at}.running_var"]
        return F.batch_norm(x, *statistics, t[f"{at}.weight"], t[f"{at}.bias"], eps=1e-5)

    def head(self, x: Tensor, at: str, stride: int) -> Tensor:
        x = F.conv3d(x, self.t[f"{at}.conv.weight"], stride=(1, stride, stride), padding=(0, 1, 1))
        return F.relu(self.bn(x, f"{at}.bn"))

    def basic(self, x: Tensor, at: str, dilation: int) -> Tensor:
        y = F.conv3d(x, self.t[f"{at}.conv.weight"], padding=(0, 1, 1))
        y = F.relu(self.bn(y, f"{at}.bn"))
        y = F.conv3d(y, self.t[f"{at}.conv2.weight"], padding=(dilation, 0, 0), dilation=(dilation, 1, 1))
        return x + F.relu(self.bn(y, f"{at}.bn2"))

    def logits(self, clips: Tensor) -> Tensor:
        t = self.t
        p1 = torch.softmax(t["s1.betas"][0] / self.temperature, dim=0)
        states = []
        for j, c in enumerate((4, 6)):
            at = f"s1.c_{c}"
            x = self.head(clips, f"{at}.heads.clip", 2) * (1 if self.mass else p1[j])
            w = torch.softmax(t[f"{at}.layers.stack.0.alphas"], dim=0)
            place = f"{at}.layers.stack.0"
            states.append(
                w[0] * self.basic(x, f"{place}.basic_1", 1) + w[1] * self.basic(x, f"{place}.basic_2", 2) + w[2] * x
            )
        p2 = torch.softmax(t["s2.betas"] / self.temperature, dim=1)
        reached = p1 @ p2
        total: Tensor = torch.zeros(len(clips), 3, dtype=clips.dtype)
        for j, c in enumerate((3, 5)):
            at = f"s2.c_{c}"
            heads = [self.head(states[i], f"{at}.heads.c_{b}", 1) for i, b in enumerate((4, 6))]
            weights = [p1[i] * p2[i, j] / reached[j] if self.mass else p2[i, j] for i in range(2)]
            x = weights[0] * heads[0] + weights[1] * heads[1]
            w = torch.softmax(t[f"{at}.layers.layer.alphas"], dim=0)
            x = w[0] * self.basic(x, f"{at}.layers.layer.basic_1", 1) + w[1] * x
            linear = f"{at}.layers.tail.linear"
            y = F.linear(x.mean(dim=(2, 3, 4)), t[f"{linear}.weight"], t[f"{linear}.bias"])
            total = total + y * (reached[j] if self.mass else 1)
        return total


@pytest.mark.parametrize("weights", ["paper", "mass"])
@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_equations_1_to_3(weights: str, temperature: float) -> None:
    model = supernet(read(TEXT), path_weights=weights, temperature=temperature).double().eval()
    shuffle(model)
    clips = torch.randn(2, 3, 4, 8, 8, dtype=torch.float64)
    by_hand = ByHand(model, weights == "mass", temperature)
    torch.testing.assert_close(model(clips), by_hand.logits(clips))


def test_mass_weights_are_exact_where_all_weights_are_sharp_and_the_papers_are_not() -> None:
    """What zhou2021.md says about Eq. 1: sharp betas make the mass-weighted supernet the network they point at."""
    space = read(TEXT)
    clips = torch.randn(2, 3, 4, 8, 8, dtype=torch.float64)
    for weights, same in (("mass", True), ("paper", False)):
        model = supernet(space, path_weights=weights).double().eval()
        shuffle(model)
        with torch.no_grad():
            for parameter in model.choice_parameters():
                parameter.zero_()
                parameter[..., 0] = 200
        relaxed = model(clips)
        model.set_choices({c.name: c.options[0] for c in space.choices})
        assert torch.allclose(model(clips), relaxed) is same


def test_the_gradient_of_expected_macs_is_that_of_finite_differences() -> None:
    model = supernet(read(TEXT)).double()
    shuffle(model)
    parameters = model.choice_parameters()
    gradients = torch.autograd.grad(model.expected_macs(), parameters)
    step = 1e-5
    for parameter, gradient in zip(parameters, gradients, strict=True):
        for i in range(parameter.numel()):
            with torch.no_grad():
                flat = parameter.view(-1)
                flat[i] += step
                above = model.expected_macs().item()
                flat[i] -= 2 * step
                below = model.expected_macs().item()
                flat[i] += step
            assert gradient.view(-1)[i].item() == pytest.approx((above - below) / (2 * step), rel=1e-5, abs=1e-3)


def test_the_loss_reaches_every_parameter() -> None:
    model = supernet(read(TEXT), path_weights="mass")
    model(torch.randn(2, 3, 4, 8, 8)).square().sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())


def test_one_hot_choices_touch_nothing_off_the_path() -> None:
    """In training mode too: the statistics of what is not chosen stay, and what is chosen learns as the child does."""
    space = read(TEXT)
    model = supernet(space).double().train()
    shuffle(model)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    way = {
        "s1.head.c": "6",
        "s1.stack[0].op": "basic(2)",
        "s2.head.c": "3",
        "s2.layer.op": "skip",
    }
    from tests.codegen.code import child
    from vnasdsl.codegen import inherited_names

    network = child(space, way, model).train()
    clips = torch.randn(4, 3, 4, 8, 8, dtype=torch.float64)
    model.set_choices(way)
    torch.testing.assert_close(model(clips), network(clips))
    names = inherited_names(space, way)
    after, theirs = model.state_dict(), network.state_dict()
    moved = {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}
    assert moved and moved <= set(names.values())
    for mine, name in names.items():
        torch.testing.assert_close(after[name], theirs[mine])
    model.set_choices(None)
    relaxed = supernet(space).double()
    relaxed.load_state_dict(model.state_dict())
    torch.testing.assert_close(model.eval()(clips), relaxed.eval()(clips))


def test_choices_that_make_no_network_are_refused() -> None:
    model = supernet(read(TEXT))
    for way in ({}, {"s1.head.c": "5", "s2.head.c": "3"}, {"s1.head.c": "4", "s2.head.c": "3"}):
        with pytest.raises(ValueError):
            model.set_choices(way)


def test_choices_that_make_no_network_leave_the_relaxation() -> None:
    space = read(TEXT)
    model = supernet(space).eval()
    clips = torch.randn(2, 3, 4, 8, 8)
    relaxed = model(clips)
    made = {c.name: c.options[0] for c in space.choices}
    for missing in made:
        with pytest.raises(ValueError, match=r"choice|chosen"):
            model.set_choices({name: option for name, option in made.items() if name != missing})
        assert torch.equal(model(clips), relaxed)

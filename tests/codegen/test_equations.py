"""The supernet of a small space against the equations of Zhou et al. 2021, section 3, written down by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.codegen.code import read, shuffle, supernet
from tests.space.random_spaces import BLOCKS
from vnasdsl.searching.draws import Draws

TEXT = (
    BLOCKS
    + """
space pair {
  input clip = video(frames=4, size=8, classes=3)
  stage s1 {
    head(4 | 5 | 6, 2)
    1 * (basic(1) | basic(2) | skip)
  }
  stage s2 {
    head(3 | 4 | 5, 1)
    basic(1) | skip
  }
  pool -> linear(classes)
}
"""
)


WIDTHS = ((4, 5, 6), (3, 4, 5))
EVERYTHING = ((0, 1, 2), (0, 1, 2))


class ByHand:
    """Eq. 1 to 3 with the tensors of a supernet, by their names; `states` and `drawn` are what runs of them."""

    def __init__(
        self,
        model: Any,
        mass: bool,
        temperature: float,
        states: tuple[tuple[int, ...], ...] = EVERYTHING,
        drawn: dict[str, tuple[int, ...]] | None = None,
    ):
        self.t = {name: p.detach().clone().requires_grad_() for name, p in model.named_parameters()}
        self.t |= dict(model.named_buffers())
        self.mass, self.temperature = mass, temperature
        self.states, self.drawn = states, drawn or {}

    def softmax(self, logits: Tensor, running: tuple[int, ...]) -> dict[int, Tensor]:
        total = sum(logits[i].exp() for i in running)
        return {i: logits[i].exp() / total for i in running}

    def mixture(self, x: Tensor, at: str, options: int) -> Tensor:
        """Options in the order of the text: basic with dilation 1, 2, ..., and at last skip."""
        weights = self.softmax(self.t[f"{at}.alphas"], self.drawn.get(at, tuple(range(options))))
        total = torch.zeros_like(x)
        for i, weight in weights.items():
            total = total + weight * (x if i == options - 1 else self.basic(x, f"{at}.basic_{i + 1}", i + 1))
        return total

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
        p1 = self.softmax(t["s1.betas"][0] / self.temperature, self.states[0])
        states: dict[int, Tensor] = {}
        for j in self.states[0]:
            at = f"s1.c_{WIDTHS[0][j]}"
            x = self.head(clips, f"{at}.heads.clip", 2) * (1 if self.mass else p1[j])
            states[j] = self.mixture(x, f"{at}.layers.stack.0", 3)
        p2 = {i: self.softmax(t["s2.betas"][i] / self.temperature, self.states[1]) for i in states}
        reached = {j: sum(p1[i] * p2[i][j] for i in states) for j in self.states[1]}
        total: Tensor = torch.zeros(len(clips), 3, dtype=clips.dtype)
        for j in self.states[1]:
            at = f"s2.c_{WIDTHS[1][j]}"
            x = torch.zeros(())
            for i, state in states.items():
                weight = p1[i] * p2[i][j] / reached[j] if self.mass else p2[i][j]
                x = x + weight * self.head(state, f"{at}.heads.c_{WIDTHS[0][i]}", 1)
            x = self.mixture(x, f"{at}.layers.layer", 2)
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
    compare(model, ByHand(model, weights == "mass", temperature), clips)


def compare(model: Any, by_hand: ByHand, clips: Tensor) -> None:
    """The same logits, and the same gradients of every weight and choice.

    The loss is divided by its size: a gradient that is zero by cancelling is then zero up to a fixed rounding.
    """
    ours, theirs = model(clips), by_hand.logits(clips)
    torch.testing.assert_close(ours, theirs)
    size = theirs.detach().square().sum()
    names, parameters = zip(*model.named_parameters(), strict=True)
    ours = torch.autograd.grad(ours.square().sum() / size, parameters, allow_unused=True, materialize_grads=True)
    wanted = [by_hand.t[name] for name in names]
    theirs = torch.autograd.grad(theirs.square().sum() / size, wanted, allow_unused=True, materialize_grads=True)
    for name, own, other in zip(names, ours, theirs, strict=True):
        torch.testing.assert_close(own, other, rtol=1e-7, atol=1e-10, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("weights", ["paper", "mass"])
@pytest.mark.parametrize("of_choices", [False, True])
@pytest.mark.parametrize("mode", ["operations", "paths"])
def test_a_drawn_step_is_the_equations_over_what_was_drawn(weights: str, of_choices: bool, mode: str) -> None:
    model = supernet(read(TEXT), path_weights=weights, temperature=0.5).double().eval()
    shuffle(model)
    draws = Draws(model, mode, seed=3)
    clips = torch.randn(2, 3, 4, 8, 8, dtype=torch.float64)
    for number in range(4):
        draws.draw(of_choices, number)
        drawn = {name: m.drawn for name, m in model.named_modules() if type(m).__name__ == "Mixture"}
        paths = tuple(stage.drawn for stage in model.stages().values())
        assert {len(d) for d in drawn.values()} == {2 if of_choices else 1}
        assert {len(path) for path in paths} == {(2 if of_choices else 1) if mode == "paths" else 3}
        compare(model, ByHand(model, weights == "mass", 0.5, paths, drawn), clips)
    draws.everything()
    compare(model, ByHand(model, weights == "mass", 0.5), clips)


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

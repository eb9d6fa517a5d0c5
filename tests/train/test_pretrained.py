"""Weights of elsewhere: other names, another number of classes, frozen parts, rates by part."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from vnasdsl.language.diagnostics import UserError
from vnasdsl.train.loop import NetworkTraining
from vnasdsl.train.progress import Reporter
from vnasdsl.train.recipe_parts import Sgd
from vnasdsl.train.recipes import RetrainRecipe
from vnasdsl.train.weights import in_shape, inherit, parameter_groups, read_mapping, renamed

CPU = torch.device("cpu")


def test_a_mapping_that_is_none(tmp_path: Path) -> None:
    file = tmp_path / "m.toml"
    for text, reason in (("rules = 3", "list"), ("rules = [['(', 'a']]", "no mapping"), ("[", "no mapping")):
        file.write_text(text)
        with pytest.raises(UserError, match="is no mapping") as fault:
            read_mapping(str(file))
        assert reason in fault.value.message
    with pytest.raises(UserError, match="cannot be read"):
        read_mapping(str(tmp_path / "gone.toml"))
    file.write_text("rules = [['^[ab]', 'c']]")
    with pytest.raises(UserError, match=r"calls both `a\.w` and `b\.w` `c\.w`"):
        renamed({"a.w": torch.zeros(1), "b.w": torch.zeros(1)}, read_mapping(str(file)))


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.s1 = nn.Sequential(nn.Conv3d(3, 4, 1), nn.BatchNorm3d(4))
        self.s2 = nn.Sequential(nn.Conv3d(4, 4, 1), nn.BatchNorm3d(4))
        self.linear = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.s2(self.s1(x)).mean(dim=(2, 3, 4)))


class Clips:
    """One batch."""

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        yield torch.randn(6, 3, 2, 4, 4, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2, 0, 1, 2])


def trained(**keys: object) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, object]]:
    """The weights before and after one step, and the metrics."""
    torch.manual_seed(0)
    model = Small()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    recipe = RetrainRecipe(epochs=1, weights=Sgd(lr=0.5, momentum=0.0), **keys)  # type: ignore[arg-type]
    record = NetworkTraining(model, recipe, lambda epoch: Clips(), CPU).run_epoch(1, Reporter(quiet=True))
    return before, dict(model.state_dict()), record


def test_frozen_parts_stay_as_they_are_and_others_learn_at_their_own_rates() -> None:
    before, plain, _ = trained()
    _, after, record = trained(freeze=("s1",), rates=("s2.0=0.1", "s2=0", "*=1"))
    assert record["lr"] == 0.5
    frozen = [name for name in before if name.startswith("s1.")]  # statistics of batch norms too
    for name in (*frozen, "s2.1.weight", "s2.1.bias"):
        assert torch.equal(after[name], before[name])
    for name in ("s2.0.weight", "s2.1.running_mean", "linear.weight"):
        assert not torch.equal(after[name], before[name])
    assert not torch.equal(plain["s1.0.weight"], before["s1.0.weight"])
    _, slow, _ = trained(rates=("s2=0.1", "linear=0.01"))
    for name, factor in (("s1.0.weight", 1.0), ("s2.0.weight", 0.1), ("linear.weight", 0.01)):
        torch.testing.assert_close(
            slow[name] - before[name], factor * (plain[name] - before[name]), rtol=1e-3, atol=1e-7
        )


def test_what_cannot_be_frozen_is_said() -> None:
    with pytest.raises(UserError, match="has no such part") as fault:
        trained(freeze=("s7",))
    assert fault.value.help == "it begins with `s1`, `s2`, `linear`"
    with pytest.raises(UserError, match="leaves nothing to learn"):
        trained(freeze=("s?", "linear"))
    with pytest.raises(UserError, match="has no such part"):
        parameter_groups(Small(), ("head=0.1",))
    for bad in ("s1", "s1=-1", "s1=fast"):
        with pytest.raises(ValueError, match="factor"):
            RetrainRecipe(rates=(bad,))


@torch.no_grad()
def test_names_and_shapes_of_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text(r"rules = [['^stem\.', 's1.'], ['^head\.', 'linear.'], ['^body\.(\d)', 's2.\1']]")
    theirs, ours = Small(), Small()
    other = {"s1": "stem", "s2": "body", "linear": "head"}
    weights = {}
    for name, tensor in theirs.state_dict().items():
        part, _, rest = name.partition(".")
        weights[f"{other[part]}.{rest}"] = tensor
    weights["head.weight"] = weights["head.weight"].view(3, 4, 1, 1, 1)  # a convolution there
    found = inherit(ours, in_shape(renamed(weights, read_mapping(str(tmp_path / "m.toml"))), ours.state_dict()))
    assert not found.differences
    clips = torch.randn(2, 3, 2, 4, 4)
    assert torch.equal(ours.eval()(clips), theirs.eval()(clips))

"""Weights of elsewhere: other names, another number of classes, frozen parts, rates by part."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.oracles.x3d import X3D, Block, Gate
from tests.support import shipped
from vnasdsl.elaborate import Overrides
from vnasdsl.language.diagnostics import UserError
from vnasdsl.train.generated import build
from vnasdsl.train.loop import NetworkTraining
from vnasdsl.train.pretrained import in_shape, parameter_groups, read_mapping, renamed
from vnasdsl.train.progress import Reporter
from vnasdsl.train.recipe_parts import Sgd
from vnasdsl.train.recipes import RetrainRecipe
from vnasdsl.train.weights import inherit

CPU = torch.device("cpu")


def as_pytorchvideo_names(oracle: X3D) -> dict[str, Tensor]:
    """The weights of the plain model by the names of pytorchvideo's, whose first shortcut has no batch norm."""

    def block(number: int, within: int, one: Block) -> Iterator[tuple[str, nn.Module]]:
        prefix = f"blocks.{number}.res_blocks.{within}"
        first, first_bn, _, middle, middle_bn, gate, _, last, last_bn = one.body
        yield f"{prefix}.branch2.conv_a", first
        yield f"{prefix}.branch2.norm_a", first_bn
        yield f"{prefix}.branch2.conv_b", middle
        yield f"{prefix}.branch2.norm_b.0", middle_bn
        if isinstance(gate, Gate):
            yield f"{prefix}.branch2.norm_b.1.block.0", gate.down
            yield f"{prefix}.branch2.norm_b.1.block.2", gate.up
        yield f"{prefix}.branch2.conv_c", last
        yield f"{prefix}.branch2.norm_c", last_bn
        if within == 0:
            yield f"{prefix}.branch1_conv", one.way[0]  # type: ignore[index]
            if number > 1:
                yield f"{prefix}.branch1_norm", one.way[1]  # type: ignore[index]

    conv, across, norm, _ = oracle.stem
    modules: list[tuple[str, nn.Module]] = [("blocks.0.conv.conv_t", conv), ("blocks.0.conv.conv_xy", across)]
    modules.append(("blocks.0.norm", norm))
    rest = iter(oracle.blocks)
    for number, depth in enumerate((3, 5, 11, 7), 1):
        for within in range(depth):
            modules += block(number, within, next(rest))
    modules += [("blocks.5.pool.pre_conv", oracle.head[0]), ("blocks.5.pool.pre_norm", oracle.head[1])]
    modules += [("blocks.5.pool.post_conv", oracle.features[1]), ("blocks.5.proj", oracle.classify)]
    named = {f"{name}.{key}": tensor for name, module in modules for key, tensor in module.state_dict().items()}
    key = "blocks.5.pool.post_conv.weight"  # a convolution there
    return {**named, key: named[key].view(2048, 432, 1, 1, 1)}


@torch.no_grad()
def test_weights_of_pytorchvideo_fit_x3d_but_for_the_head_of_other_classes() -> None:
    torch.manual_seed(0)
    oracle = X3D(classes=7).eval()
    for name, tensor in oracle.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5)
    nn.init.uniform_(oracle.blocks[0].way[1].weight, 1.0, 1.0)  # what pytorchvideo's has none of: the identity
    oracle.blocks[0].way[1].running_var.fill_(1.0)  # type: ignore[union-attr,operator,index]
    theirs = renamed(as_pytorchvideo_names(oracle), read_mapping("vnasdsl:x3d_pytorchvideo"))
    model = build(shipped("x3d", Overrides(size=32, classes=7)).get("x3d_xs")).eval()
    found = inherit(model, in_shape(theirs, model.state_dict()))
    assert not found.unused and not found.misshapen
    assert {name.rpartition(".")[0] for name in found.missing} == {"s2.units.shortcut.bn"}
    clips = torch.randn(1, 3, 4, 32, 32)
    torch.testing.assert_close(model(clips), oracle(clips), rtol=1e-4, atol=1e-5)

    other = build(shipped("x3d", Overrides(size=32, classes=5)).get("x3d_xs"))
    left = inherit(other, in_shape(theirs, other.state_dict()))
    assert [name.partition(":")[0] for name in left.misshapen] == ["top.linear2.weight", "top.linear2.bias"]
    assert "2 of another shape (top.linear2.weight: file (7, 2048), network (5, 2048)" in left.text()


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

"""The supernet by hand, that a step is measured against, is the one that is generated."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from plain_supernet import FIXED, LAYOUTS, PlainSearch, PlainSupernet, with_widths

from tests.codegen.code import supernet
from tests.support import ROOT
from vnasdsl.elaborate import Overrides, load


@pytest.mark.parametrize("one_width", [False, True])
def test_the_plain_supernet_computes_what_the_generated_one_does(one_width: bool) -> None:
    space = load(ROOT / "spaces/tiny.vns", Overrides(frames=4, size=16)).get("tiny")
    layout = LAYOUTS["tiny"]
    if one_width:
        heads = [f"s{i}.head.channels" for i in (2, 3, 4)]
        space = space.fix({name: [str(width)] for name, width in zip(heads, FIXED["tiny"], strict=True)})
        layout = with_widths(layout, FIXED["tiny"])
    torch.manual_seed(0)
    plain = PlainSupernet(layout, 4, 16).double().eval()
    ours = supernet(space).double().eval()
    with torch.no_grad():
        for parameter in plain.choices():
            parameter.normal_()
        assert sum(p.numel() for p in ours.weight_parameters()) == sum(p.numel() for p in plain.weights())
        copy_stage_by_stage(ours, plain)
    clips, labels = torch.randn(2, 3, 4, 16, 16, dtype=torch.float64), torch.tensor([1, 5])
    losses = [F.cross_entropy(model(clips), labels) for model in (ours, plain)]
    torch.testing.assert_close(*losses)
    alphas = next(iter(ours.s3.values())).layers.stack[1].alphas, plain.stacks[1][0][1].alphas
    gradients = [torch.autograd.grad(loss, one)[0] for loss, one in zip(losses, alphas, strict=True)]
    torch.testing.assert_close(*gradients)
    stem = (5 * 5 * 3 * 8 + 3 * 8 * 8) * 4 * 8 * 8
    torch.testing.assert_close(ours.expected_macs() - stem, plain.cost().double(), rtol=1e-6, atol=0)


def copy_stage_by_stage(ours: torch.nn.Module, plain: PlainSupernet) -> None:
    """The tensors of the plain supernet into the generated one; both keep a stage's in the order of the file."""

    def copy(target: torch.nn.Module, source: torch.nn.Module) -> None:
        for to, tensor in zip(target.parameters(), source.parameters(), strict=True):
            to.copy_(tensor)

    first, *stages = ours.children()
    copy(first, plain.stem)
    for s, stage in enumerate(stages):
        for j, candidate in enumerate(stage.values()):
            copy(candidate.heads, plain.heads[s][j])
            stacks = [part for name, part in candidate.layers.named_children() if name == "stack"]
            for to, mixture in zip(stacks[0], plain.stacks[s][j], strict=True):
                copy(torch.nn.ModuleList(to.values()), mixture.options)
                to.alphas.copy_(mixture.alphas)
            if hasattr(candidate.layers, "tail"):
                copy(candidate.layers.tail, plain.linear[j])
        if stage.betas is not None:
            stage.betas.copy_(plain.betas[s])


@pytest.mark.parametrize("sparing", [False, True])
def test_both_steps_by_hand_move_what_they_should(sparing: bool) -> None:
    search = PlainSearch(PlainSupernet(LAYOUTS["tiny"], 4, 16).train(), sparing)
    data = torch.randn(2, 3, 4, 16, 16), torch.tensor([1, 5])
    for step, moving in ((search.weight_step, "weights"), (search.choice_step, "choices")):
        before = {kind: [p.detach().clone() for p in getattr(search.model, kind)()] for kind in ("weights", "choices")}
        step(*data)
        for kind, values in before.items():
            moved = any(
                not torch.equal(p, value) for p, value in zip(getattr(search.model, kind)(), values, strict=True)
            )
            assert moved is (kind == moving)

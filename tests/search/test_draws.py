"""Searches that draw what runs: the draws, what learns from them, and going on after an interruption."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.codegen.code import child, read, shuffle, supernet
from tests.search.test_second_order import CELLS
from tests.support import ROOT
from vnasdsl.codegen import inherited_names
from vnasdsl.relax.trellis import trellis
from vnasdsl.searching.draws import Draws, draw, mixtures_in
from vnasdsl.searching.monitor import Monitor
from vnasdsl.searching.slices import slice_widths
from vnasdsl.searching.supernet import SupernetSearch
from vnasdsl.train.checkpoint import Checkpoints
from vnasdsl.train.loop import Meter
from vnasdsl.train.progress import Reporter
from vnasdsl.train.recipe_parts import Adam, Sgd
from vnasdsl.train.recipes import GradientRecipe

CPU = torch.device("cpu")
SMALL = (ROOT / "tests" / "search" / "small.vns").read_text(encoding="utf-8").partition("search quick")[0]
SMALL = SMALL.replace("size=16", "size=16, classes=3").replace("4 | 6", "4 | 5 | 6").replace("6 | 8", "6 | 7 | 8")
LABELS = torch.tensor([0, 1, 2, 0])


def batches(number: int, count: int) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(number)
    return [(torch.randn(4, 3, 4, 16, 16, generator=generator), LABELS) for _ in range(count)]


def new_search(mode: str, **keys: Any) -> SupernetSearch:
    torch.manual_seed(0)
    space = read(SMALL)
    keys = {"warmup": 1, "choices": Adam(lr=0.1, betas=(0.5, 0.9), decay=1e-3), "paths": "mass", **keys}
    recipe = GradientRecipe(mode=mode, epochs=3, **keys)
    monitor = Monitor(trellis(space), lambda _: 1, None, 0, 3)
    model = supernet(space, path_weights=recipe.paths)
    return SupernetSearch(model, recipe, lambda e: batches(e, 2), lambda n: batches(100 + n, 2), CPU, monitor)


def tensors(search: SupernetSearch) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in search.model.state_dict().items()}


def test_indices_are_drawn_in_proportion_to_their_weights_without_repetition() -> None:
    weights, times = (0.5, 0.3, 0.2, 0.0), 20_000
    random = Random(1)
    one = Counter(draw(weights, 1, random) for _ in range(times))
    two = Counter(draw(weights, 2, random) for _ in range(times))
    assert {i for (i,) in one} == {0, 1, 2} and set(two) == {(0, 1), (0, 2), (1, 2)}
    for i in range(3):
        assert one[(i,)] / times == pytest.approx(weights[i], abs=0.015)
    for i, j in two:  # i and then j, or j and then i
        wanted = weights[i] * weights[j] * (1 / (1 - weights[i]) + 1 / (1 - weights[j]))
        assert two[(i, j)] / times == pytest.approx(wanted, abs=0.015)


def test_a_weight_step_with_paths_is_a_training_step_of_one_network() -> None:
    search = new_search("paths", weights=Sgd(lr=0.1, momentum=0.9, decay=1e-2))
    shuffle(search.model)
    assert search.draws is not None
    search.draws.draw(False, 5)
    stages = search.model.stages()
    way = {c: o for stage in stages.values() for c, o in tuple(stage.values())[stage.drawn[0]].choices.items()}
    for stage in stages.values():
        for mixture in mixtures_in(tuple(stage.values())[stage.drawn[0]]):
            way[mixture.choice] = mixture.options[mixture.drawn[0]]
    space = read(SMALL)
    network = child(space, way, search.model)
    for model in (search.model, network):
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
    ((clips, labels),) = batches(0, 1)
    before = tensors(search)
    network.train()
    optimiser = torch.optim.SGD(network.parameters(), 0.1, 0.9, weight_decay=1e-2)
    torch.nn.functional.cross_entropy(network(clips), labels).backward()
    optimiser.step()
    search.model.train()
    search.weight_step(clips, labels, 0.1, Meter(CPU))
    names = inherited_names(space, way)
    after, theirs = tensors(search), network.state_dict()
    for mine, shared in names.items():
        torch.testing.assert_close(after[shared], theirs[mine])
    assert {name for name in after if not torch.equal(after[name], before[name])} <= set(names.values())


def test_weights_that_rest_in_some_steps_move_as_with_the_plain_optimiser() -> None:
    """Torch's fused SGD needs a momentum for all that step or for none."""
    found = []
    for plain in (False, True):
        search = new_search("paths", weights=Sgd(lr=0.1, momentum=0.9, decay=1e-2, nesterov=True))
        if plain:
            search.weight_optimiser = torch.optim.SGD(search._weights, 0.1, 0.9, weight_decay=1e-2, nesterov=True)
        assert search.draws is not None
        for step, (clips, labels) in enumerate(batches(0, 6)):
            torch.manual_seed(step)
            search.draws.draw(False, step)
            search.weight_step(clips, labels, 0.1, Meter(CPU))
        found.append(tensors(search))
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("mode", ["operations", "paths"])
def test_only_the_two_that_ran_move_and_all_others_keep_their_probability(mode: str) -> None:
    """Adam has momentum, weight decay and a cost that reaches every choice: none of them moves what did not run."""
    search = new_search(mode)
    shuffle(search.model)
    assert search.draws is not None
    search.model.train()
    moved = 0
    for number in range(6):
        search.draws.draw(True, number)
        before = {m: m.probabilities().detach() for m in mixtures_in(search.model)}
        before |= {s: s.probabilities(1.0).detach() for s in search.model.stages().values()}
        search.choice_step(*batches(number, 1)[0], 0.1, Meter(CPU))
        sources: tuple[int, ...] = (0,)
        for stage in search.model.stages().values():
            after = stage.probabilities(1.0).detach()
            if mode == "paths":
                others = torch.ones_like(after, dtype=torch.bool)
                others[torch.tensor(sources)[:, None], torch.tensor(stage.drawn)] = False
                torch.testing.assert_close(after[others], before[stage][others])
                sources = stage.drawn
            for j, candidate in enumerate(stage.values()):
                for mixture in mixtures_in(candidate):
                    change = (mixture.probabilities().detach() - before[mixture]).abs() > 1e-6
                    ran = set(mixture.drawn) if j in stage.drawn else set()
                    assert set(change.nonzero().flatten().tolist()) <= ran
                    moved += bool(change.any())
    assert moved > 6


def test_uses_of_a_tied_block_draw_the_same() -> None:
    model = supernet(read(CELLS))
    draws = Draws(model, "operations", seed=0)
    seen = set()
    for number in range(10):
        draws.draw(False, number)
        drawn: dict[str, set[tuple[int, ...]]] = {}
        for mixture in mixtures_in(model):
            drawn.setdefault(mixture.choice, set()).add(mixture.drawn)
        assert all(len(ones) == 1 for ones in drawn.values())
        seen.add(str(drawn))
    assert len(seen) > 3


@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
def test_shared_widths_are_slices_of_the_widest_and_train_it(layout: str) -> None:
    """A step of a narrow state moves the first channels of the widest one's weights as its own step would."""
    search = new_search("shared", weights=Sgd(lr=0.1, momentum=0.9), memory_format=layout)
    apart = new_search("paths", weights=Sgd(lr=0.1))
    apart.model.load_state_dict(search.model.state_dict())
    for one in (search, apart):
        one.model.train()
        for module in one.model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
    seen = set()
    for number in range(6):
        for one in (search, apart):
            assert one.draws is not None
            one.draws.draw(False, number)
        for ours, theirs in zip(mixtures_in(apart.model), mixtures_in(search.model), strict=True):
            ours.drawn = theirs.drawn
        seen.add(tuple(stage.drawn[0] for stage in search.model.stages().values()))
        before = tensors(search)
        apart.model.load_state_dict(before)
        apart.weight_optimiser.state.clear()
        search.weight_optimiser.state.clear()
        ((clips, labels),) = batches(number, 1)
        search.weight_step(clips, labels, 0.1, Meter(CPU))
        apart.weight_step(clips, labels, 0.1, Meter(CPU))
        after, theirs = tensors(search), tensors(apart)
        for name, tensor in theirs.items():
            if not torch.equal(tensor, before[name]):
                torch.testing.assert_close(after[name], tensor, msg=lambda text, name=name: f"{name}: {text}")
        c4, c6 = (after[f"s2.channels_{width}.heads.s1.conv.weight"] for width in (4, 6))
        assert torch.equal(c4, c6[:4])
        wide = after["s3.channels_8.heads.channels_6.conv.weight"]
        assert torch.equal(after["s3.channels_6.heads.channels_4.conv.weight"], wide[:6, :4])
    assert len(seen) >= 3
    assert after["s3.channels_6.layers.tail.linear.weight"].equal(
        after["s3.channels_8.layers.tail.linear.weight"][:, :6]
    )
    optimised = sum(p.numel() for group in search.weight_optimiser.param_groups for p in group["params"])
    assert optimised < 0.6 * sum(p.numel() for group in apart.weight_optimiser.param_groups for p in group["params"])


def test_states_of_other_operations_share_the_layers_of_the_same_name_and_kernel() -> None:
    """And with these slices a network is what it is alone."""
    space = read("""
    block plain(c, k) { conv(c, (1, k, k), stride=1x2x2) -> bn -> relu }
    block more(c) { conv(c, 1x3x3, stride=1x2x2) -> bn -> relu -> conv(same, 3x1x1) }
    space ops {
      input clip = video(frames=4, size=16, classes=3)
      stage s1 { conv(4, 1x3x3) -> bn -> relu }
      stage s2 { plain(6, 3) | plain(6, 1) | more(8) }
      pool -> linear(classes)
    }
    """)
    model = supernet(space)
    slice_widths(model)
    small, other, large = (dict(state.named_parameters()) for state in model.stages()["s2"].values())
    with torch.no_grad():
        large["heads.s1.conv.weight"].normal_()
    assert torch.equal(small["heads.s1.conv.weight"], large["heads.s1.conv.weight"][:6])
    assert other["heads.s1.conv.weight"].shape[-1] == 1 and "heads.s1.layer.weight" not in small
    model.eval()
    clips = torch.randn(2, 3, 4, 16, 16)
    for choices in space.networks():
        model.set_choices(choices)
        torch.testing.assert_close(model(clips), child(space, choices, model).eval()(clips))


ELASTIC = """
block unit(expand, kernel) { inverted_bottleneck(same, kernel, expand=expand, squeeze=0.5) }
space elastic {
  input clip = video(frames=4, size=8, classes=3)
  stage s1 { conv(4, 1x3x3) -> bn -> relu }
  stage s2 {
    conv(4 | 6, 1x3x3) -> bn
    unit(2, 1x3x3) | unit(3, 3x3x3) | unit(4, 3x5x5) | skip
    conv(same, 1x3x3) | conv(same, 3x5x5) | conv(same, 3x3x3, dilation=2x1x1)
  }
  pool -> linear(classes)
}
"""


def test_elastic_options_are_parts_of_the_largest() -> None:
    """First channels and the centre of its kernel, in all widths. A network of the supernet is what it is alone, and
    its gradients are those of the parts of the largest."""
    space = read(ELASTIC)
    model = supernet(space)
    views = slice_widths(model, elastic=True)
    weights = dict(model.named_parameters())
    unit = "s2.channels_{}.layers.layer.unit_{}.inverted_bottleneck.middle.weight"
    largest, smallest = weights[unit.format(6, "4_3x5x5")], weights[unit.format(4, "2_1x3x3")]
    dilated = weights["s2.channels_6.layers.layer2.conv_same_3x3x3_dilation_2x1x1.weight"]
    assert largest not in views and smallest in views and dilated not in views
    shuffle(model)
    assert torch.equal(smallest, largest[:8, :, 1:2, 1:4, 1:4])
    clips, labels = torch.randn(2, 3, 4, 8, 8), torch.tensor([0, 2])
    model.eval()
    for choices in space.networks():
        names = inherited_names(space, choices)
        alone = child(space, choices, model).eval()
        model.set_choices(choices)
        for parameter in model.parameters():
            parameter.grad = None
        for network in (model, alone):
            torch.nn.functional.cross_entropy(network(clips), labels).backward()
        torch.testing.assert_close(model(clips), alone(clips))
        middle = next((p for name, p in alone.named_parameters() if "middle.weight" in name), None)
        if middle is not None and middle.grad is not None and largest.grad is not None:
            channels, _, frames, rows, columns = middle.shape
            time, side = (3 - frames) // 2, (5 - rows) // 2
            part = largest.grad[:channels, :, time : time + frames, side : side + rows, side : side + columns]
            torch.testing.assert_close(part, middle.grad)
            torch.testing.assert_close(largest.grad.abs().sum(), middle.grad.abs().sum())  # and none elsewhere
        assert all(weights[name].grad is None for name in names.values() if name in weights and weights[name] in views)


def test_shared_widths_share_the_alphas_of_their_layers() -> None:
    search = new_search("shared")
    search.model.train()
    assert search.draws is not None
    for number in range(4):
        search.draws.draw(True, number)
        search.choice_step(*batches(number, 1)[0], 0.1, Meter(CPU))
    by_choice: dict[str, set[tuple[float, ...]]] = {}
    for mixture in mixtures_in(search.model):
        by_choice.setdefault(mixture.choice, set()).add(tuple(mixture.alphas.tolist()))
    assert all(len(values) == 1 for values in by_choice.values())
    assert any(set(value) != {0.0} for values in by_choice.values() for value in values)


@pytest.mark.parametrize(
    ("mode", "keys"),
    [
        ("operations", {}),
        pytest.param("paths", {}, marks=pytest.mark.slow),
        ("shared", {"samples": 2}),
        pytest.param("shared", {"memory_format": "channels_last"}, marks=pytest.mark.slow),
        ("full", {"memory_format": "channels_last"}),
    ],
)
def test_a_search_that_goes_on_does_what_it_would_have_done(mode: str, keys: dict[str, Any], tmp_path: Path) -> None:
    reporter = Reporter(quiet=True)
    whole = new_search(mode, **keys)
    records = [whole.run_epoch(epoch, reporter) for epoch in (1, 2, 3)]
    first = new_search(mode, **keys)
    for epoch in (1, 2):
        first.run_epoch(epoch, reporter)
    dropout = torch.get_rng_state()
    second = new_search(mode, **keys)
    Checkpoints(tmp_path).save(2, first.weights(), first.optimiser_state())
    kept = Checkpoints(tmp_path).load()
    second.restore(kept.weights, kept.state)
    torch.set_rng_state(dropout)
    assert second.run_epoch(3, reporter) == records[2]
    ends = tensors(whole), tensors(second)
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])
    assert all(len(part.drawn) == len(part) for part in mixtures_in(second.model))

"""The score of a network in the supernet is that of its own generated code with the same weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vnasdsl.codegen import inherited_names
from vnasdsl.searching.one_shot.ranking import SharedStages, evenly, in_memory
from vnasdsl.searching.run import reopen
from vnasdsl.searching.session import Session
from vnasdsl.searching.task import SearchTask
from vnasdsl.train.clips import evaluation_views
from vnasdsl.train.generated import build
from vnasdsl.train.progress import Reporter


def alone(network: nn.Module, calibration: list[Tensor], views: list[tuple[Tensor, ...]]) -> tuple[float, float]:
    """Top-1 and loss of a network on some views, its batch-norm statistics measured by hand."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm3d)]
    seen: dict[nn.Module, list[Tensor]] = {norm: [] for norm in norms}
    handles = [norm.register_forward_pre_hook(lambda norm, inputs: seen[norm].append(inputs[0])) for norm in norms]
    network.eval()
    for norm in norms:
        norm.train()
    with torch.no_grad():
        for clips in calibration:
            network(clips)
        for handle in handles:
            handle.remove()
        for norm in norms:
            norm.running_mean.copy_(torch.stack([x.mean((0, 2, 3, 4)) for x in seen[norm]]).mean(0))
            norm.running_var.copy_(torch.stack([x.var((0, 2, 3, 4)) for x in seen[norm]]).mean(0))
        network.eval()
        logits = torch.cat([network(clips) for clips, _, _ in views]).double()
    labels = torch.cat([labels for _, labels, _ in views])
    return (logits.argmax(1) == labels).double().mean().item(), F.cross_entropy(logits, labels).item()


def test_every_score_is_that_of_the_network_itself(one_shot: Path) -> None:
    run, space, recipe, data = reopen(one_shot)
    task = SearchTask.of(space, recipe, data, run, torch.device("cpu"), Reporter(quiet=True))
    weights = run.checkpoints.load("last").weights
    with Session(task) as session:
        calibration = list(session.calibration())
        views = list(evaluation_views(task.parts.validate, task.shape, task.recipe, task.faults))
    assert len(calibration) == 2
    lines = [json.loads(line) for line in (run / "scores.jsonl").read_text().splitlines()]
    assert [line["choices"] for line in lines] == list(space.networks())
    assert len({line["score"]["loss"] for line in lines}) == len(lines) == 36
    for line in lines:
        network = build(space.network(line["choices"]))
        names = inherited_names(space, line["choices"])
        network.load_state_dict({own: weights[shared] for own, shared in names.items()})
        top1, loss = alone(network, calibration, views)
        assert line["score"]["top1"] == pytest.approx(top1)
        assert line["score"]["loss"] == pytest.approx(loss, rel=1e-4)
        graph = space.choose(line["choices"])
        assert (line["macs"], line["params"]) == (graph.macs, graph.params)


class Counting(nn.Module):
    """A stage that counts its passes and adds what is chosen."""

    def __init__(self) -> None:
        super().__init__()
        self.chosen = 0
        self.passes = 0

    def forward(self, inputs: list[Tensor], weights: Tensor) -> list[Tensor]:
        self.passes += 1
        return [x * 2 + self.chosen for x in inputs]


def run_all(stages: list[Counting], shared: SharedStages, made: tuple[int, ...], batches: list[Tensor]) -> list[float]:
    for stage, chosen in zip(stages, made, strict=True):
        stage.chosen = chosen
    shared.begin()
    found = []
    for use in ("calibrate", "validate"):
        for (x,) in shared.numbered(use, [(batch,) for batch in batches]):
            outputs = [x]
            for stage in stages:
                outputs = stage(outputs, x)
            found.append(outputs[0].item())
    return found


@pytest.mark.parametrize("most", [10**6, 20, 0])
def test_stages_that_are_as_before_run_once_and_give_the_same(most: int) -> None:
    networks = [(0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 1), (1, 0, 0), (1, 0, 1), (1, 0, 1), (0, 0, 1)]
    batches = [torch.tensor(1.0), torch.tensor(5.0)]
    stages = [Counting() for _ in range(3)]
    shared = SharedStages(stages, most)
    with torch.no_grad(), shared.remembering():
        for made in networks:
            expected = []
            for x in (1.0, 5.0, 1.0, 5.0):
                for chosen in made:
                    x = 2 * x + chosen
                expected.append(x)
            assert run_all(stages, shared, made, batches) == expected
    if most == 10**6:  # four passes for each way a network begins
        assert [stage.passes for stage in stages] == [4 * 3, 4 * 4, 4 * 8]
    assert [type(stage).forward for stage in stages] == [stage.forward.__func__ for stage in stages]


def test_videos_are_chosen_evenly_and_batches_that_take_too_much_are_not_kept() -> None:
    assert evenly(range(10), 4) == [0, 2, 5, 7]
    assert evenly(range(3), 10) == [0, 1, 2]
    batches = [(torch.zeros(4), torch.zeros(1), torch.zeros(1)) for _ in range(3)]  # 24 bytes each
    cpu = torch.device("cpu")
    assert len(in_memory(batches, cpu, 72) or ()) == 3
    assert in_memory(batches, cpu, 71) is None

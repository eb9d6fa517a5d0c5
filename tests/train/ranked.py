"""Functions that run in several processes at once, as the ranks of one training do."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed import TCPStore

from tests.codegen.code import read, shuffle, supernet
from tests.support import ROOT
from vnasdsl.data import ClipShape, FaultLog, Video
from vnasdsl.searching.monitor import Monitor
from vnasdsl.searching.supernet import SupernetSearch
from vnasdsl.train import ranks
from vnasdsl.train.clips import training_clips
from vnasdsl.train.progress import Reporter
from vnasdsl.train.recipe_parts import Adam, Sgd
from vnasdsl.train.recipes import GradientRecipe, RetrainRecipe

CPU = torch.device("cpu")
RANKS = 2


def in_ranks(folder: Path, function: Callable[..., Any], *arguments: Any) -> list[Any]:
    """What `function(*arguments)` returns on each of two ranks."""
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])  # torch is imported once for all ranks
    files = [folder / f"rank{rank}.pt" for rank in range(RANKS)]
    processes = [
        context.Process(target=_run, args=(rank, store.port, file, function, arguments))
        for rank, file in enumerate(files)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        process.kill()
    assert [process.exitcode for process in processes] == [0] * RANKS
    return [torch.load(file) for file in files]


def _run(rank: int, port: int, file: Path, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    os.environ.update(RANK=str(rank), WORLD_SIZE=str(RANKS), MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    os.environ["TORCHELASTIC_USE_AGENT_STORE"] = "True"
    torch.set_num_threads(1)
    with ranks.joined(CPU):
        torch.save(function(*arguments), file)


class Silent(Monitor):
    """Observes nothing."""

    def __init__(self) -> None:
        pass

    def observe(self, *_: Any) -> dict[str, Any]:
        return {}


def batches(count: int, seed: int) -> list[tuple[Tensor, Tensor]]:
    """The part of this rank in batches of five clips: with two ranks three clips and two."""
    generator = torch.Generator().manual_seed(seed)
    made = [
        (torch.randn(5, 3, 4, 16, 16, generator=generator).double(), torch.randint(3, (5,), generator=generator))
        for _ in range(count)
    ]
    return [(clips[ranks.rank() :: ranks.count()], labels[ranks.rank() :: ranks.count()]) for clips, labels in made]


def search(**keys: Any) -> dict[str, Any]:
    """A short search of `tests/search/small.vns` without dropout: its state and the metrics of its epochs."""
    text = (ROOT / "tests" / "search" / "small.vns").read_text().replace("dropout(0.2) -> ", "")
    text = text.replace("size=16)", "size=16, classes=3)")
    torch.manual_seed(0)
    model = supernet(read(text)).double().train()
    shuffle(model)
    weights, choices = Sgd(lr=0.1, end=1e-3, momentum=0.9, decay=1e-3), Adam(lr=0.05)
    recipe = GradientRecipe(epochs=2, warmup=1, score_from=2, weights=weights, choices=choices, **keys)
    training = SupernetSearch(
        model, recipe, lambda epoch: batches(2, epoch), lambda number: batches(2, 100 + number), CPU, Silent()
    )
    records = [training.run_epoch(epoch, Reporter(quiet=True)) for epoch in (1, 2)]
    return {"state": dict(model.state_dict()), "records": records}


SEARCHES: dict[str, dict[str, Any]] = {
    "full": {"grad_clip": 0.5},
    "second order": {"second_order": True},
    "operations": {"mode": "operations"},
    "paths": {"mode": "paths"},
    "shared": {"mode": "shared"},
}


def gradients_of_a_part() -> list[Tensor | None]:
    """The gradients of a model one half of which has no part in the loss."""
    model = nn.ModuleList(nn.Linear(1, 1, bias=False) for _ in range(2))
    loss: Tensor = model[0](torch.tensor([[float(ranks.rank() + 1)]])).sum()
    loss.backward()
    ranks.add_up_gradients(model.parameters())
    return [None if parameter.grad is None else parameter.grad.clone() for parameter in model.parameters()]


def labels_and_faults(videos: list[Video]) -> dict[str, Any]:
    """The labels of every batch of a pass over videos, one of each rank at a time, and what could not be read."""
    faults = FaultLog(1.0)
    recipe = RetrainRecipe(workers=0, batch=1, scale=16)
    loader = training_clips(videos, ClipShape(4, 16, scale=16), recipe, faults)
    return {"labels": [labels.tolist() for _, labels in loader(1)], "faults": list(faults.files)}


def everything(videos: list[Video], kinds: Sequence[str]) -> dict[str, Any]:
    searches = {kind: search(**SEARCHES[kind]) for kind in kinds}
    return {"searches": searches, "part": gradients_of_a_part(), "pass": labels_and_faults(videos)}

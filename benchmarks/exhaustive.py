"""Train every network of a small space alike, several times: the truth that searches are judged by.

python benchmarks/exhaustive.py spaces/mini.vns --data periods --out benchmarks/truth/mini.jsonl

Every network is trained from scratch on the training videos by the file's `retrain` recipe and scored on the test
videos, once for every seed; networks that are equal layer by layer are trained once. The table has one JSON line for
each network and seed. Lines that are there already are kept, so the command resumes; Ctrl-C loses the networks in
training only. With one thread a network, and as many at a time as there are cores.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from vnasdsl.api.requests import checked_recipe, find_recipe
from vnasdsl.data import FaultLog, open_data
from vnasdsl.elaborate import Overrides, load
from vnasdsl.files import write_atomic
from vnasdsl.searching.evolve.trial import network_of
from vnasdsl.searching.pool import make_pool
from vnasdsl.train.clips import clip_shape, training_clips
from vnasdsl.train.devices import seed_everything
from vnasdsl.train.evaluation import evaluate_videos
from vnasdsl.train.generated import build
from vnasdsl.train.loop import NetworkTraining, require_sound
from vnasdsl.train.progress import Reporter, duration
from vnasdsl.train.recipes import RetrainRecipe


@dataclass(frozen=True)
class Job:
    """One training."""

    text: str
    data: str
    recipe: dict[str, Any]


def train_one(job: Job) -> dict[str, Any]:
    """Accuracy on the test videos, and the seconds of CPU that training took."""
    recipe = RetrainRecipe.model_validate(job.recipe)
    data = open_data(job.data)
    network = network_of(job.text, len(data.classes))
    shape, faults, device = clip_shape(network.inputs.given, recipe), FaultLog(recipe.unreadable), torch.device("cpu")
    began = time.process_time()
    seed_everything(recipe.seed)
    model = build(network)
    with closing(training_clips(data.train, shape, recipe, faults)) as clips:
        training = NetworkTraining(model, recipe, clips, device)
        for epoch in range(1, recipe.epochs + 1):
            require_sound({"epoch": epoch, **training.run_epoch(epoch, Reporter(quiet=True))})
    seconds = time.process_time() - began
    score = evaluate_videos(model, data.test, shape, recipe, data.classes, device, faults)
    return {"top1": score.top1, "seconds": round(seconds, 2)}


def keep_whole(file: Path, lines_of: Mapping[str, int]) -> set[tuple[str, int]]:
    """The trainings in a table, by label and seed; lines that a kill left incomplete are removed.

    lines_of: how many lines a training has, by its label.
    """
    lines: list[dict[str, Any]] = []
    with suppress(FileNotFoundError, ValueError):  # only the last line can be cut short
        lines += (json.loads(line) for line in file.read_text(encoding="utf-8").splitlines())
    counts = Counter((line["label"], line["seed"]) for line in lines)
    known = {key for key, count in counts.items() if count == lines_of.get(key[0])}
    kept = [json.dumps(line) + "\n" for line in lines if (line["label"], line["seed"]) in known]
    write_atomic(file, "".join(kept))
    return known


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("space", type=Path)
    parser.add_argument("--data", default="periods")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--limit", type=int, metavar="N", help="train only N more")
    given = parser.parse_args()

    data = open_data(given.data)
    program = load(given.space, Overrides(classes=len(data.classes)))
    space = program.get()
    recipe = checked_recipe("retrain", find_recipe(program, "retrain", space), {}, None, None)
    choices_of: dict[str, list[dict[str, str]]] = {}
    for choices in space.networks():
        choices_of.setdefault(space.network(choices, name=space.name).text(), []).append(choices)
    graphs = {text: space.choose(alike[0]) for text, alike in choices_of.items()}
    names = {text: number for number, text in enumerate(choices_of)}
    given.out.parent.mkdir(parents=True, exist_ok=True)
    known = keep_whole(given.out, {str(names[text]): len(alike) for text, alike in choices_of.items()})
    wanted = [
        (text, seed) for seed in range(given.seeds) for text in choices_of if (str(names[text]), seed) not in known
    ]
    wanted = wanted[: given.limit]
    print(f"{space.size} networks, {len(choices_of)} different, {len(wanted)} trainings to go", file=sys.stderr)
    began = time.monotonic()
    with make_pool(given.workers) as pool, given.out.open("a", encoding="utf-8") as table:
        for text, seed in wanted:
            values = {**recipe.model_dump(), "seed": seed}
            pool.submit((text, seed), train_one, Job(text, given.data, values))
        for done in range(1, len(wanted) + 1):
            result = pool.next()
            if result.error is not None:
                raise SystemExit(f"a training failed: {result.error}")
            text, seed = result.key  # type: ignore[misc]
            for choices in choices_of[text]:
                graph = graphs[text]
                line = {"label": str(names[text]), "seed": seed, **result.value, "macs": graph.macs}
                line = {**line, "params": graph.totals.params, "choices": choices}
                print(json.dumps(line), file=table)
            table.flush()
            left = (time.monotonic() - began) / done * (len(wanted) - done)
            print(f"\r{done} of {len(wanted)}, {duration(left)} to go ", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


if __name__ == "__main__":  # workers import this file anew
    main()

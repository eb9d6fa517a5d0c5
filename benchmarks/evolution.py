"""Evolution against random search at equal trials, and trials per hour: python benchmarks/evolution.py

On a small space with the synthetic videos. `validate` is the accuracy of the best network of a search on the videos
that chose it, `inference` on videos that decided nothing. Means over the seeds, with the range.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from vnasdsl.api.requests import find_recipe, search_recipe
from vnasdsl.data import open_data
from vnasdsl.elaborate import Overrides, load
from vnasdsl.searching.run import Request, search_space
from vnasdsl.train.progress import Reporter
from vnasdsl.train.recipes import Recipe, RetrainRecipe, evaluation_of

ROOT = Path(__file__).resolve().parent.parent


def search(file: Path, data: str, out: Path, settings: dict[str, str], seed: int, workers: str) -> tuple[Any, float]:
    """The report of a search, and its seconds."""
    videos = open_data(data)
    program = load(file, Overrides(classes=len(videos.classes)))
    space = program.get()
    retrain = RetrainRecipe()
    recipes: dict[str, Recipe] = {
        "search": search_recipe(find_recipe(program, "search", space), settings, seed, workers)[0],
        "retrain": retrain,
        "evaluate": evaluation_of(retrain),
    }
    began = time.monotonic()
    search_space(Request(space, {}, recipes, videos), out, torch.device("cpu"), Reporter(quiet=True))
    return json.loads((out / "report.json").read_text(encoding="utf-8")), time.monotonic() - began


def spread(values: list[float]) -> str:
    mean = sum(values) / len(values)
    return f"{100 * mean:.1f} ({100 * min(values):.1f} to {100 * max(values):.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--space", type=Path, default=ROOT / "spaces" / "tiny.vns")
    parser.add_argument("--data", default="synthetic")
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", default=str(os.cpu_count() or 1))
    parser.add_argument("--speed", type=int, default=8, metavar="TRIALS", help="trials of the speed test; 0: none")
    given = parser.parse_args()
    common = {"rounds": str(given.trials), "epochs": str(given.epochs), "split": "(0.5, 0.3, 0.2)"}
    evolving = {"strategy": "evolution"}
    print(
        f"{given.space.name}, {given.trials} trials of {given.epochs} epochs, seeds 0 to {given.seeds - 1}; top-1 in %"
    )
    print(f"{'':<12} {'validate':<22} {'inference':<22} trials until the best")
    with tempfile.TemporaryDirectory() as folder:
        for name, more in (("evolution", evolving), ("random", {"strategy": "random"})):
            reports = []
            for seed in range(given.seeds):
                out = Path(folder) / f"{name}{seed}"
                report, _ = search(given.space, given.data, out, {**common, **more}, seed, given.workers)
                lines = [json.loads(line) for line in (out / "trials.jsonl").read_text(encoding="utf-8").splitlines()]
                trained = [line["id"] for line in lines if line["status"] == "trained" and "twin" not in line]
                reports.append((report, trained.index(report["trial"]) + 1))
            validate = spread([report["validate"]["top1"] for report, _ in reports])
            inference = spread([report["inference"]["top1"] for report, _ in reports])
            print(
                f"{name:<12} {validate:<22} {inference:<22} {', '.join(str(place) for _, place in reports)}", flush=True
            )
        if given.speed:
            print(f"\nworkers  trials per hour ({given.speed} trials, start of the workers included)")
            for workers in (1, 2):
                settings = {**common, "strategy": "random", "rounds": str(given.speed)}
                _, seconds = search(given.space, given.data, Path(folder) / f"w{workers}", settings, 0, str(workers))
                print(f"{workers:<8} {3600 * given.speed / seconds:.0f}", flush=True)


if __name__ == "__main__":  # workers import this file anew
    main()

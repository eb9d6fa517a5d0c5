"""What a search leaves behind: the network as text, code and weights, the reasons for it, pictures."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vnasdsl.codegen import compile_network
from vnasdsl.elaborate import Space
from vnasdsl.search.task import SearchResult, SearchTask
from vnasdsl.train.progress import megas, percent
from vnasdsl.train.run_folder import RunFolder
from vnasdsl.train.weights import save_weights


@dataclass(frozen=True)
class Outcome:
    """The files of a finished search and their figures."""

    network: Space
    text: Path
    code: Path
    weights: Path | None
    score: dict[str, Any] | None
    macs: int
    params: int
    lines: tuple[str, ...]
    """The report for people."""

    def all_lines(self) -> tuple[str, ...]:
        """The report, then where everything is."""
        places = (("network", self.text), ("code", self.code), ("weights", self.weights))
        return (*self.lines, *(f"{what:<8} {path}" for what, path in places if path is not None))

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "network": str(self.text),
            "code": str(self.code),
            "weights": None if self.weights is None else str(self.weights),
            "top1": None if self.score is None else self.score["top1"],
            "top5": None if self.score is None else self.score["top5"],
            "macs": self.macs,
            "params": self.params,
        }


def write_outcome(task: SearchTask, found: SearchResult, text_path: Path | None = None) -> Outcome:
    """Write network.vns, network.py, network.safetensors, choices.json and report.json/.txt into the run.

    text_path: where the network's text goes instead of RUN/network.vns; code and weights go beside it.
    """
    network = task.space.network(found.choices)
    text = text_path or task.run / "network.vns"
    beside = RunFolder(text.parent)
    beside.write(text.name, network.text())
    code = beside.write(text.with_suffix(".py").name, compile_network(network, text.name))
    weights = None
    if found.weights:
        weights = text.with_suffix(".safetensors")
        save_weights(weights, found.weights, {"network": network.name})
    macs, params = network.macs[0], network.params[0]
    figures = {"name": network.name, "macs": macs, "params": params, "inference": found.score}
    if text_path is None:
        task.run.write_json("choices.json", {"choices": found.choices, **_reasons(found)})
        short = {key: value for key, value in found.report.items() if key not in _BULKY}
        task.run.write_json(
            "report.json", {**figures, "choices": found.choices, **short, "unreadable": task.faults.files}
        )
    lines = (*found.text, *_figure_lines(found, macs, params, len(task.parts.inference)))
    if text_path is None:
        task.run.write("report.txt", "\n".join(lines) + "\n")
    return Outcome(network, text, code, weights, found.score, macs, params, lines)


def write_pictures(task: SearchTask, strategy: Any) -> list[Path]:
    """Every picture the strategy can draw of the run."""
    return [task.run.write(name, content) for name, content in strategy.pictures(task)]


_BULKY = ("probabilities", "path_weights", "mixture_weights")


def _reasons(found: SearchResult) -> dict[str, Any]:
    return json.loads(
        json.dumps({key: found.report[key] for key in (*_BULKY, "path", "stages", "labels") if key in found.report})
    )


def _figure_lines(found: SearchResult, macs: int, params: int, videos: int) -> list[str]:
    lines = []
    if found.score is not None:
        lines.append(
            f"accuracy on the inference part ({videos} videos): {percent(found.score['top1'])} top-1,"
            f" {percent(found.score['top5'])} top-5, with the weights of {found.trained_as}"
        )
    lines.append(f"cost: {megas(macs)} per clip, {params:,} parameters")
    return lines

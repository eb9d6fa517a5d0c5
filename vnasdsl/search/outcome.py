"""What a search leaves behind: the network as .vns, code and weights, the report, pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vnasdsl.codegen import compile_network
from vnasdsl.elaborate import Space
from vnasdsl.search.task import SearchResult, SearchTask, Strategy
from vnasdsl.train.progress import megas, percent
from vnasdsl.train.run_folder import RunFolder
from vnasdsl.train.weights import save_weights

_LEARNED = ("path", "stages", "labels", "probabilities", "path_weights", "mixture_weights")
"""Keys of a strategy's report for choices.json; large, so not all in report.json."""
_NOT_REPORTED = ("probabilities", "path_weights", "mixture_weights")


@dataclass(frozen=True)
class Outcome:
    """The files of a finished search and their figures."""

    network: Space
    file: Path
    code: Path
    weights: Path | None
    score: dict[str, Any] | None
    lines: tuple[str, ...]
    """The report for the terminal."""

    def all_lines(self) -> tuple[str, ...]:
        """The report, then the files."""
        files = (("network", self.file), ("code", self.code), ("weights", self.weights))
        return (*self.lines, *(f"{what:<8} {path}" for what, path in files if path is not None))

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "network": str(self.file),
            "code": str(self.code),
            "weights": None if self.weights is None else str(self.weights),
            "top1": None if self.score is None else self.score["top1"],
            "top5": None if self.score is None else self.score["top5"],
            "macs": self.network.macs[0],
            "params": self.network.params[0],
        }


def write_outcome(task: SearchTask[Any], found: SearchResult, network_file: Path | None = None) -> Outcome:
    """Write network.vns, network.py, network.safetensors, choices.json and report.json/.txt into the run.

    network_file: write only the network, there, with code and weights beside it.
    """
    network = task.space.network(found.choices)
    file = network_file or task.run / "network.vns"
    folder = RunFolder(file.parent)
    folder.write(file.name, network.text())
    code = folder.write(file.with_suffix(".py").name, compile_network(network, file.name))
    weights = file.with_suffix(".safetensors") if found.weights else None
    if weights is not None:
        save_weights(weights, found.weights, {"network": network.name})
    lines = (*found.lines, *_figure_lines(found, network, len(task.parts.inference)))
    if network_file is None:
        learned = {key: found.report[key] for key in _LEARNED if key in found.report}
        task.run.write_json("choices.json", {"choices": found.choices, **learned})
        figures = {
            "name": network.name,
            "macs": network.macs[0],
            "params": network.params[0],
            "inference": found.score,
            "choices": found.choices,
        }
        report = {key: value for key, value in found.report.items() if key not in _NOT_REPORTED}
        task.run.write_json("report.json", {**figures, **report, "unreadable": task.faults.files})
        task.run.write("report.txt", "\n".join(lines) + "\n")
    return Outcome(network, file, code, weights, found.score, lines)


def write_pictures(task: SearchTask[Any], strategy: Strategy[Any]) -> list[Path]:
    """Every picture the strategy can draw of the run."""
    return [task.run.write(name, content) for name, content in strategy.pictures(task)]


def _figure_lines(found: SearchResult, network: Space, videos: int) -> list[str]:
    lines = []
    if found.score is not None:
        lines.append(
            f"accuracy on the inference part ({videos} videos): {percent(found.score['top1'])} top-1,"
            f" {percent(found.score['top5'])} top-5, with weights from {found.weights_from}"
        )
    lines.append(f"cost: {megas(network.macs[0])} per clip, {network.params[0]:,} parameters")
    return lines

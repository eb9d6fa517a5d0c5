"""A report of runs: one HTML file that needs nothing else, neither a network nor other files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from vnasdsl import __version__
from vnasdsl.resources import templates_dir
from vnasdsl.runs.folder import RunReader
from vnasdsl.runs.report.sections import View, view_of
from vnasdsl.show.charts import Chart, overlaid
from vnasdsl.show.numbers import amount


@dataclass(frozen=True)
class Compared:
    rows: list[tuple[str, list[str]]]
    recipes: list[tuple[str, list[str]]]
    """The keys of the recipes that differ."""
    choices: list[tuple[str, list[str]]]
    """The choices that were made differently."""
    charts: list[Chart]


def compared(views: Sequence[View]) -> Compared:
    runs = [view.run for view in views]
    metrics = {f"{number}. {view.title}": view.run.metrics for number, view in enumerate(views, 1)}
    panels = (
        ("train_loss", "Training loss", "cross entropy", 1.0),
        ("train_top1", "Training accuracy", "top-1 in %", 100.0),
        ("validate_top1", "Accuracy of the mixture on the validate part", "top-1 in %", 100.0),
        ("score_top1", "Accuracy of the decoded network", "top-1 in %", 100.0),
        ("decoded_macs", "MACs of the decoded network", "million MACs per clip", 1e-6),
    )
    charts = [overlaid(title, unit, metrics, key, factor) for key, title, unit, factor in panels]
    return Compared(
        list(_rows(views)),
        list(_differing([_flat(run.recipe) for run in runs])),
        list(_differing([run.choices.get("choices") or {} for run in runs])),
        [chart for chart in charts if len(chart.lines) > 1],
    )


def _rows(views: Sequence[View]) -> Iterator[tuple[str, list[str]]]:
    yield "kind", [view.what for view in views]
    yield "state", [view.run.state for view in views]
    yield "best top-1", [f"{100 * best[0]:.1f} % ({best[1]})" if (best := view.run.best) else "–" for view in views]
    after = [[f"{100 * each.run.result['top1']:.1f} %" for each in view.following if each.run.result] for view in views]
    if any(after):
        yield "after retraining", [", ".join(each) or "–" for each in after]
    networks = [view.run.network for view in views]
    yield "MACs per clip", [amount(network.macs[0]) if network else "–" for network in networks]
    yield "parameters", [f"{network.params[0]:,}" if network else "–" for network in networks]
    yield "done", ["{} of {} {}".format(*view.run.progress) for view in views]
    yield "seconds of training", [f"{view.run.seconds:,.0f}" if view.run.seconds else "–" for view in views]
    yield "seed", [str(view.run.facts.get("seed", "–")) for view in views]


def _flat(recipe: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in recipe.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = str(value)
    return flat


def _differing(each: Sequence[Mapping[str, str]]) -> Iterator[tuple[str, list[str]]]:
    for key in dict.fromkeys(key for values in each for key in values):
        values = [one.get(key, "–") for one in each]
        if len(set(values)) > 1:
            yield key, values


def report_html(runs: Sequence[RunReader], videos: int = 12) -> str:
    """The report of one run, or of several side by side.

    videos: the worst ones that are shown with pictures. Raises: UserError, VnsError when a run is damaged.
    """
    shown = {run.path.resolve(): run for run in runs}  # each once
    views = [view_of(run, f"run-{number}", shown, videos) for number, run in enumerate(shown.values(), 1)]
    together = compared(views) if len(views) > 1 else None
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            title=" and ".join(view.title for view in views) if len(views) < 4 else f"{len(views)} runs",
            views=views,
            compared=together,
            data=_data(views, together),
            version=__version__,
        )
    )


def _environment() -> Environment:
    folder = templates_dir() / "report"
    environment = Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=True,
    )
    environment.globals["file"] = lambda name: Markup((folder / name).read_text(encoding="utf-8"))
    environment.filters["percent"] = lambda share: "–" if share is None else f"{100 * share:.1f} %"
    return environment


def _data(views: Sequence[View], together: Compared | None) -> Markup:
    """What the script draws, as JSON that is safe within a <script>."""
    charts: list[Any] = list(together.charts) if together else []
    heats: list[Any] = []
    for view in (inner for outer in views for inner in (outer, *outer.following)):
        charts += view.charts
        heats += [*view.choices, *([view.confusion] if view.confusion else [])]
    content = {
        "charts": {chart.id: chart.as_dict() for chart in charts},
        "heats": {heat.id: {"rows": heat.values, "names": heat.names, "columns": heat.columns} for heat in heats},
    }
    return Markup(json.dumps(content, allow_nan=False).replace("<", "\\u003c"))

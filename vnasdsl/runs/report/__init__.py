"""A report of runs: one HTML file that needs nothing else, neither a network nor other files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from vnasdsl import __version__
from vnasdsl.resources import templates_dir
from vnasdsl.runs.folder import RunReader
from vnasdsl.runs.report.compare import Compared, compared
from vnasdsl.runs.report.sections import View, view_of


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

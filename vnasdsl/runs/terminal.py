"""Runs in a terminal: the list of `vnasdsl runs`, the screen of `vnasdsl watch`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from vnasdsl.language.diagnostics import UserError, VnsError
from vnasdsl.language.visible import visible
from vnasdsl.runs.folder import RunReader
from vnasdsl.show.numbers import amount, bar
from vnasdsl.show.table import columns

_STYLES = {"running": "cyan", "finished": "green", "stopped": "yellow", "damaged": "red"}
_LAST, _BAR, _CHOICES = 10, 24, 12
"""Epochs or trials that are listed, the width of bars, and choices that are shown, the least decided first."""
_COLUMNS = (
    ("train_loss", "train loss", 1.0, ".3f"),
    ("train_top1", "train %", 100.0, ".1f"),
    ("validate_loss", "validate loss", 1.0, ".3f"),
    ("validate_top1", "validate %", 100.0, ".1f"),
    ("score_top1", "decoded %", 100.0, ".1f"),
    ("test_top1", "test %", 100.0, ".1f"),
    ("decoded_macs", "decoded MMACs", 1e-6, ".2f"),
    ("seconds", "seconds", 1.0, ".1f"),
)


def summary(path: Path, run: RunReader | str, now: datetime) -> dict[str, Any]:
    """A run in a list, for people and for `--json`. run: why it cannot be read, where it cannot."""
    if isinstance(run, str):
        return {"run": str(path), "state": "damaged", "error": run}
    try:
        done, planned, what = run.progress
        best = run.best
        return {
            "run": str(path),
            "state": run.state,
            "kind": run.kind,
            "strategy": run.strategy,
            "name": run.facts.get("name"),
            "data": run.facts.get("data"),
            "done": done,
            "planned": planned,
            "unit": what,
            "top1": None if best is None else best[0],
            "top1_of": None if best is None else best[1],
            "macs": run.report.get("macs"),
            "params": run.report.get("params"),
            "updated": run.updated.isoformat(timespec="seconds"),
            "age_seconds": max(0, round((now - run.updated).total_seconds())),
        }
    except (UserError, VnsError) as fault:
        return {"run": str(path), "state": "damaged", "error": str(fault)}


def runs_table(rows: Sequence[Mapping[str, Any]]) -> str:
    table: list[tuple[str, ...]] = [("run", "state", "what", "done", "top-1", "of", "MACs", "age")]
    for row in rows:
        start = visible(row["run"]), row["state"]
        if "error" in row:
            table.append((*start, *[""] * 6))
            continue
        top1 = "" if row["top1"] is None else f"{100 * row['top1']:.1f} %"
        of = (row["top1_of"] or "").partition(" ")[0]
        macs = "" if row["macs"] is None else amount(row["macs"])
        what, done = visible(f"{row['strategy']} {row['name']}"), f"{row['done']}/{row['planned']}"
        table.append((*start, what, done, top1, of, macs, age(row["age_seconds"])))
    return columns(table, right=(3, 4, 6, 7))


def age(seconds: int) -> str:
    """`40 s`, `12 min`, `5 h`, `3 d`."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def screen(run: RunReader) -> Group:
    """What a run is at now."""
    return Group(*_parts(run))


def _parts(run: RunReader) -> Iterator[RenderableType]:
    done, planned, what = run.progress
    yield Text.assemble(
        (visible(str(run.path)), "bold"),
        f"  {run.strategy} of {visible(str(run.facts.get('name')))} on {visible(str(run.facts.get('data')))}  ",
        (run.state, _STYLES[run.state]),
    )
    share = done / planned if planned else 0.0
    left = ""
    if run.state == "running" and what == "epochs" and run.metrics and done < planned:
        recent = run.metrics[-_LAST:]
        left = f", about {age(round(sum(r.get('seconds') or 0 for r in recent) / len(recent) * (planned - done)))} left"
    silent = age(max(0, round((datetime.now(UTC) - run.updated).total_seconds())))
    yield Text(f"{bar(share, _BAR):<{_BAR}} {done} of {planned} {what}{left}; last written {silent} ago")
    if run.best is not None:
        yield Text(f"best so far: {100 * run.best[0]:.1f} % top-1 ({run.best[1]})")
    if run.metrics:
        yield _epochs(run.metrics[-_LAST:])
        yield from _open_choices(run.metrics[-1])
    for title, records in (
        ("trained", run.trials),
        ("scored in the supernet", run.scores),
        ("trained at the end", run.finalists),
    ):
        scored = [record for record in records if record.get("score")]
        if scored:
            yield Text(f"the best of {len(scored)} networks {title}", "bold")
            yield _best(scored)


def _epochs(records: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0))
    columns = [column for column in _COLUMNS if any(record.get(column[0]) is not None for record in records)]
    for heading in ("epoch", *(label for _, label, _, _ in columns)):
        table.add_column(heading.replace(" ", "\n"), justify="right")  # all of them fit into 60 columns
    for record in records:
        values = [(record.get(key), factor, form) for key, _, factor, form in columns]
        cells = ["" if value is None else format(value * factor, form) for value, factor, form in values]
        table.add_row(str(record["epoch"]), *cells)
    return table


def _open_choices(record: Mapping[str, Any]) -> Iterator[RenderableType]:
    """The most probable option of every choice."""
    tops = [
        (max(options.values()), name, max(options, key=lambda option: options[option]))
        for name, options in (record.get("probabilities") or {}).items()
    ]
    if tops:
        table = Table.grid(padding=(0, 2, 0, 0))
        for share, name, option in sorted(tops)[:_CHOICES]:
            table.add_row(Text(name), Text(f"{bar(share, _BAR):<{_BAR}} {share:.2f}"), Text(option))
        more = len(tops) - _CHOICES
        yield Text("the least decided choices" + (f" ({more} more)" if more > 0 else ""), "bold")
        yield table


def _best(records: Sequence[dict[str, Any]]) -> Table:
    """The best of some networks."""
    best = sorted(records, key=lambda record: (-record["score"]["top1"], record["id"]))[:_LAST]
    table = Table(box=None, padding=(0, 2, 0, 0))
    children = any(record.get("parents") for record in best)
    for heading in ("network", "validate %", "MMACs", *(("parents",) if children else ())):
        table.add_column(heading, justify="right")
    for record in best:
        parents = ", ".join(f"#{parent}" for parent in record.get("parents") or ())
        row = f"#{record['id']}", f"{100 * record['score']['top1']:.1f}", f"{record['macs'] / 1e6:.2f}"
        table.add_row(*row, *((parents,) if children else ()))
    return table

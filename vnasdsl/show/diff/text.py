"""A comparison as text for people: `+` for what is new, `-` for what is gone, `~` for what changed. 100 columns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from textwrap import wrap

from vnasdsl.show.diff import wording
from vnasdsl.show.diff.model import BlockChange, Choosing, Comparison, FileDiff, LineChange, StageChange, ValueChange
from vnasdsl.show.table import columns

WIDTH = 100
SIGNS = {"added": "+", "removed": "-", "changed": "~", "renamed": "~", "moved": "~", "affected": " "}
COLORS = {"+": "\x1b[32m", "-": "\x1b[31m", "~": "\x1b[33m"}
_OFF = "\x1b[0m"
_GLUE = "\N{NO-BREAK SPACE}"


def as_text(diff: FileDiff, color: bool = False) -> str:
    """Ends without a line end; an equal diff is one line."""
    if diff.equal:
        return f"no difference: {diff.before_title} and {diff.after_title} mean the same"
    lines = [f"- {diff.before_title}", f"+ {diff.after_title}", ""]
    lines += body(diff)
    text = "\n".join(lines)
    return _painted(text) if color else text


def body(diff: FileDiff) -> list[str]:
    """Everything below the two titles, without an empty line at the end."""
    lines: list[str] = []
    for one in diff.removed:
        lines += [f"- {wording.summary(one)}", ""]
    for one in diff.added:
        lines += [f"+ {wording.summary(one)}", ""]
    for block in diff.blocks:
        lines += [*_block(block), ""]
    for pair in diff.pairs:
        if not pair.equal:
            lines += [*_pair(pair), ""]
    return lines[:-1]


def _pair(pair: Comparison | Choosing) -> Iterator[str]:
    if isinstance(pair, Choosing):
        yield wording.headline(pair)
        yield ""
        yield from changes(pair)
        yield ""
        table = [("", "network", "least of space", "greatest"), *wording.choosing_totals(pair)]
        yield from columns(table, right=(1, 2, 3)).split("\n")
        return
    yield wording.headline(pair)
    yield ""
    yield from changes(pair)
    yield ""
    table = [("", "before", "after", "change"), *wording.totals(pair.before.totals, pair.after.totals)]
    yield from columns(table, right=(1, 2)).split("\n")


def changes(pair: Comparison | Choosing) -> Iterator[str]:
    """What changed, without headline and totals."""
    if isinstance(pair, Choosing):
        yield from _choosing(pair)
        return
    for value in pair.inputs:
        yield f"~ input: {value.name} {value.before} -> {value.after}"
    for value in pair.limits:
        yield _limit(value)
    for block in pair.blocks:
        yield from _block(block)
    for stage in pair.stages:
        yield from _stage(stage)


def _choosing(pair: Choosing) -> Iterator[str]:
    space, network = (pair.before, pair.after) if pair.before.kind == "space" else (pair.after, pair.before)
    if pair.departure is not None:
        where = f" (line {pair.departure.line})" if pair.departure.line is not None else ""
        yield from _wrapped(f"! {network.name} is not in {space.name}{where}: {pair.departure.message}", "    ")
        if pair.departure.help:
            yield from _wrapped(f"    {pair.departure.help}", "    ")
        return
    rows = list(wording.choice_rows(pair.chosen))
    made = "chosen" if pair.before.kind == "space" else "opened"
    total = len(pair.chosen)
    yield f"{made}: {total} choice{'s' * (total != 1)} of {space.name}" + (
        f"; {pair.unmade} more do not exist for what was chosen" if pair.unmade else ""
    )
    widths = [max(len(row[k]) for row in rows) for k in (0, 1)] if rows else [0, 0]
    for stage, kind, option, options in rows:
        start = f"  {stage.ljust(widths[0])}  {kind.ljust(widths[1])}  "
        line = f"{start}{option}  of {options}"
        if len(line) <= WIDTH:
            yield line
        else:
            yield from _wrapped(start + option, " " * len(start))
            yield from _wrapped(f"{' ' * len(start)}of {options}", " " * (len(start) + 3))


def _limit(change: ValueChange) -> str:
    if change.before is None:
        return f"+ require {change.after}"
    if change.after is None:
        return f"- require {change.before}"
    return f"~ require {change.before} -> {change.after}"


def _block(change: BlockChange) -> Iterator[str]:
    uses = ", ".join(f"{name or 'outside of stages'} ({count})" for name, count in change.uses)
    used = f", used by lines of {uses}" if uses else ""
    name = change.after or change.before
    if change.kind == "renamed":
        yield from _wrapped(f"~ block {change.before} is now {change.after}{used}", "    ")
    elif change.kind == "changed":
        head = f"{change.before} -> {change.after}" if change.before != change.after else str(name)
        yield from _wrapped(f"~ block {head} changed{used}", "    ")
    else:
        yield f"{SIGNS[change.kind]} block {name}"
    for line in change.lines:
        yield from _line(line, 4)


def _stage(change: StageChange) -> Iterator[str]:
    one = change.after or change.before
    assert one is not None
    name = wording.stage_name(one.name)
    if change.kind == "renamed" and change.before and change.after:
        name = f"{wording.stage_name(change.before.name)} is now {wording.stage_name(change.after.name)}"
    elif change.kind == "moved":
        name += " stands elsewhere"
    parts = []
    a, b = change.before, change.after
    if a is None or b is None or a.outputs != b.outputs:
        parts.append(wording.outputs(a.outputs if a else (), b.outputs if b else ()))
    parts.append(wording.effect(a.cost if a else None, b.cost if b else None))
    if a is not None and b is not None and a.size != b.size:
        parts.append(f"networks {wording.times(a.size, b.size)}")
    yield from _told(f"{SIGNS[change.kind]} {name}", parts, " " * 6)
    single = len(change.lines) == 1 and not change.affected
    for line in change.lines:
        yield from _line(line, 4, with_effect=not (single and (a is None) == (line.before is None)))
    if change.affected and change.lines:
        effect = wording.effect(change.affected_before, change.affected_after) or "other shapes"
        count = f"{change.affected} unchanged line{'s' * (change.affected != 1)}"
        yield from _told(f"      {count}", [effect], " " * 8)


def _line(change: LineChange, indent: int, with_effect: bool = True) -> Iterator[str]:
    space = " " * indent
    a, b = change.before, change.after
    if a is None or b is None:
        one = a or b
        assert one is not None
        yield from _wrapped(f"{space}{SIGNS[change.kind]} {one.text}", f"{space}    ")
    elif change.inside:
        yield f"{space}~ {b.text.split('{')[0]}{{ ... }}"
        for line in change.inside:
            yield from _line(line, indent + 4)
    else:
        together = f"{space}~ {a.text} -> {b.text}"
        if len(together) <= WIDTH and " -> " not in a.text + b.text:
            yield together
        else:
            yield from _wrapped(f"{space}~ {a.text}", f"{space}    ")
            yield from _wrapped(f"{space}  became {b.text}", f"{space}    ")
    told = [wording.details(change.details)] if len(change.details) != 1 or _worth(change) else []
    told.append(wording.line_effect(a, b) if with_effect else "")
    for text in told:
        if text:
            yield from _wrapped(f"{space}    {text}", f"{space}    ")


def _told(head: str, parts: Sequence[str], indent: str) -> Iterator[str]:
    """`head: part; part` on one line if it fits, else each part on a line of its own."""
    parts = [part for part in parts if part]
    line = f"{head}: {'; '.join(parts)}" if parts else head
    if len(line) <= WIDTH:
        yield line
        return
    yield head
    for part in parts:
        yield from _wrapped(indent + part, indent)


def _worth(change: LineChange) -> bool:
    """One changed argument of a short line is seen at once; anything else is told."""
    one = change.details[0]
    return one.what != "argument" or len(change.before.text if change.before else "") > 30


def _wrapped(line: str, indent: str) -> Sequence[str]:
    """A line, broken between words where it is longer than WIDTH; a number keeps its magnitude."""
    if len(line) <= WIDTH:
        return [line]
    glued = re.sub(r"(?<=[0-9]) (?=[KMGT]\b|[0-9])", _GLUE, line)
    broken = wrap(glued, WIDTH, subsequent_indent=indent + "  ", break_long_words=False, break_on_hyphens=False)
    return [part.replace(_GLUE, " ") for part in broken]


def _painted(text: str) -> str:
    lines = []
    for line in text.split("\n"):
        sign = line.lstrip()[:1]
        lines.append(f"{COLORS[sign]}{line}{_OFF}" if sign in COLORS and line.lstrip()[1:2] == " " else line)
    return "\n".join(lines)

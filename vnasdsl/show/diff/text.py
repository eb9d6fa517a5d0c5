"""A comparison as text: `+` for what is new, `-` for what is gone, `~` for what changed. At most 100 columns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from textwrap import wrap

from vnasdsl.show.diff import wording
from vnasdsl.show.diff.model import (
    BlockChange,
    Choosing,
    Comparison,
    Detail,
    FileDiff,
    LineChange,
    StageChange,
    ValueChange,
)
from vnasdsl.show.table import columns

WIDTH = 100
SIGNS = {"added": "+", "removed": "-", "affected": " "}
COLORS = {"+": "\x1b[32m", "-": "\x1b[31m", "~": "\x1b[33m"}
_OFF = "\x1b[0m"
_GLUE = "\N{NO-BREAK SPACE}"


def as_text(diff: FileDiff, color: bool = False) -> str:
    """Without a line end."""
    if diff.equal:
        return f"no difference: {diff.before} and {diff.after} mean the same"
    parts = [f"- {diff.before}\n+ {diff.after}", *outside(diff)]
    for pair in diff.compared:
        if not pair.equal:
            table = columns(wording.totals(pair), right=(1, 2, 3) if isinstance(pair, Choosing) else (1, 2))
            parts += [wording.headline(pair), "\n".join(changes(pair)), table]
    text = "\n\n".join(parts)
    return "\n".join(map(_painted, text.split("\n"))) if color else text


def outside(diff: FileDiff) -> Iterator[str]:
    """What only one side has, and blocks that no compared definition uses."""
    yield from (f"- {wording.summary(one)}" for one in diff.removed)
    yield from (f"+ {wording.summary(one)}" for one in diff.added)
    yield from ("\n".join(_block(block)) for block in diff.blocks)


def changes(pair: Comparison | Choosing) -> Iterator[str]:
    """What changed, without headline and totals."""
    if isinstance(pair, Choosing):
        yield from _chosen(pair) if pair.departure is None else _departure(pair)
        return
    for value in pair.input:
        yield f"~ input: {value.name} {value.before} -> {value.after}"
    yield from map(_limit, pair.limits)
    for block in pair.blocks:
        yield from _block(block)
    for stage in pair.stages:
        yield from _stage(stage)


def _departure(pair: Choosing) -> Iterator[str]:
    left = pair.departure
    assert left is not None
    where = f" (line {left.line})" if left.line is not None else ""
    yield from _wrapped(f"! {pair.network.name} is not in {pair.space.name}{where}: {left.message}", "    ")
    if left.help:
        yield from _wrapped(f"    {left.help}", "    ")


def _chosen(pair: Choosing) -> Iterator[str]:
    total = len(pair.chosen)
    more = f"; {pair.unmade} more do not exist after these" if pair.unmade else ""
    made = "chosen" if pair.before.kind == "space" else "opened"
    yield f"{made}: {total} choice{'s' * (total != 1)} of {pair.space.name}{more}"
    rows = list(wording.choice_rows(pair))
    widths = [max((len(row[k]) for row in rows), default=0) for k in (0, 1)]
    for stage, kind, option, options in rows:
        start = f"  {stage.ljust(widths[0])}  {kind.ljust(widths[1])}  "
        space, line, of = " " * len(start), start + option, f"of {' | '.join(options)}"
        if len(space + of) > WIDTH:
            of = f"of {len(options)} options"
        if len(f"{line}  {of}") <= WIDTH:
            yield f"{line}  {of}"
        else:
            yield from _wrapped(line, space)
            yield space + of


def _limit(change: ValueChange) -> str:
    if change.before is None or change.after is None:
        return f"{'-' if change.after is None else '+'} require {change.before or change.after}"
    return f"~ require {change.before} -> {change.after}"


def _block(change: BlockChange) -> Iterator[str]:
    sign, before, after = SIGNS.get(change.change, "~"), change.before, change.after
    head = f"{sign} block {after or before}"
    if change.change == "renamed":
        head = f"{sign} block {before} is now {after}"
    elif change.change == "changed":
        head = f"{sign} block {before if before == after else f'{before} -> {after}'} changed"
    if change.uses:
        counts = (
            f"{_count(use.lines, 'line')} {f'of {use.stage}' if use.stage else 'outside stages'}" for use in change.uses
        )
        head += f", used by {', '.join(counts)}"
    yield from _wrapped(head, "    ")
    for line in change.lines:
        yield from _line(line, 4)


def _stage(change: StageChange) -> Iterator[str]:
    a, b = change.before, change.after
    name = wording.stage_name(b.name if b else a.name if a else "")
    if change.change == "renamed" and a and b:
        name = f"{wording.stage_name(a.name)} is now {name}"
    elif change.change == "moved":
        name += " is now at another place"
    yield from _headed(f"{SIGNS.get(change.change, '~')} {name}", wording.effects(a, b), " " * 6)
    affected = change.affected
    alone = len(change.lines) == 1 and not affected.lines  # then the line has the effect of the stage
    for line in change.lines:
        yield from _line(line, 4, with_effect=not (alone and (a is None) == (line.before is None)))
    if affected.lines and change.lines:
        effect = wording.effect(affected.before, affected.after) or "other shapes"
        yield from _headed(f"      {_count(affected.lines, 'unchanged line')}", [effect], " " * 8)


def _line(change: LineChange, indent: int, with_effect: bool = True) -> Iterator[str]:
    space = " " * indent
    a, b = change.before, change.after
    if a is None or b is None:
        one = a or b
        assert one is not None
        yield from _wrapped(f"{space}{SIGNS[change.change]} {one.text}", f"{space}    ")
    elif change.inside:
        yield f"{space}~ {b.text.split('{')[0]}{{ ... }}"
        for line in change.inside:
            yield from _line(line, indent + 4)
    elif len(f"{space}~ {a.text} -> {b.text}") <= WIDTH and " -> " not in a.text + b.text:
        yield f"{space}~ {a.text} -> {b.text}"
    else:
        yield from _wrapped(f"{space}~ {a.text}", f"{space}    ")
        yield from _wrapped(f"{space}  became {b.text}", f"{space}    ")
    for text in (wording.details(_hidden(change)), "; ".join(wording.effects(a, b)) if with_effect else ""):
        if text:
            yield from _wrapped(f"{space}    {text}", f"{space}    ")


def _hidden(change: LineChange) -> list[Detail]:
    """The details that are not seen at once: not the only changed argument of a short line, nor a whole list of options
    that the line shows before and after."""
    text = change.before.text if change.before else ""
    found = [
        d for d in change.details if d.what != "argument" or " | " not in str(d.before) or str(d.before) not in text
    ]
    return [] if len(found) == 1 and found[0].what == "argument" and len(text) <= 30 else found


def _count(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


def _headed(head: str, parts: Sequence[str], indent: str) -> Iterator[str]:
    """`head: part; part` on one line if it fits, else each part on a line of its own."""
    line = f"{head}: {'; '.join(parts)}" if parts else head
    if len(line) <= WIDTH:
        yield line
        return
    yield head
    for part in parts:
        yield from _wrapped(indent + part, indent)


def _wrapped(line: str, indent: str) -> Sequence[str]:
    """A line, broken between words if it is longer than WIDTH. A number is not separated from its magnitude."""
    if len(line) <= WIDTH:
        return [line]
    glued = re.sub(r"(?<=[0-9]) (?=[KMGT]\b|[0-9])", _GLUE, line)
    broken = wrap(glued, WIDTH, subsequent_indent=indent + "  ", break_long_words=False, break_on_hyphens=False)
    return [part.replace(_GLUE, " ") for part in broken]


def _painted(line: str) -> str:
    sign = line.lstrip()[:2]
    return f"{COLORS[sign[0]]}{line}{_OFF}" if sign in ("+ ", "- ", "~ ") else line

"""A comparison as text: `+` for what is new, `-` for what is gone, `~` for what changed. At most 100 columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from textwrap import wrap

from vnasdsl.show.diff import wording
from vnasdsl.show.diff.model import Change, Choosing, FileDiff
from vnasdsl.show.table import columns
from vnasdsl.space.ways import Cost

WIDTH = 100
SIGNS = {"added": "+", "removed": "-", "changed": "~", "affected": " "}
WORDS = {"input": "input ", "limit": "require ", "block": "block ", "stage": "", "line": ""}
COLORS = {"+": "\x1b[32m", "-": "\x1b[31m", "~": "\x1b[33m"}
_OFF = "\x1b[0m"
_GLUE = "\N{NO-BREAK SPACE}"


def as_text(diff: FileDiff, color: bool = False) -> str:
    """Without a line end."""
    if diff.equal:
        return f"no difference: {diff.before} and {diff.after} mean the same"
    text = "\n\n".join([f"- {diff.before}\n+ {diff.after}", *_parts(diff)])
    return "\n".join(map(_painted, text.split("\n"))) if color else text


def as_markdown(diff: FileDiff) -> str:
    """For a pull request: the text as a fenced diff that sites colour. Without a line end.

    Signs go to the first column, where sites look for them; `!` is the one that they colour as a change.
    """
    if diff.equal:
        return as_text(diff)
    text = re.sub(r"^( *)([-+~!]) ", r"\2 \1", as_text(diff), flags=re.MULTILINE)
    text = re.sub("^~", "!", text, flags=re.MULTILINE)
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}diff\n{text}\n{fence}"


def _parts(diff: FileDiff) -> Iterator[str]:
    yield from (f"- {wording.summary(one)}" for one in diff.removed)
    yield from (f"+ {wording.summary(one)}" for one in diff.added)
    yield from ("\n".join(_change(block, 0)) for block in diff.blocks)
    for pair in diff.compared:
        if not pair.equal:
            yield wording.headline(pair)
            if isinstance(pair, Choosing):
                yield "\n".join(_chosen(pair) if pair.departure is None else _departure(pair))
            else:
                yield "\n".join(line for change in pair.changes for line in _change(change, 0))
            yield columns(wording.totals(pair), right=(1, 2, 3) if isinstance(pair, Choosing) else (1, 2))


# ------------------------------------------------------------------------ changes


def _change(change: Change, indent: int, with_effect: bool = True) -> Iterator[str]:
    """A change with what changed inside; `with_effect`: unless the change around it says the same."""
    space = " " * indent
    below = f"{space}    "
    lines = [line for line in change.inside if line.change != "affected"]
    said = wording.effects(change.before, change.after) if with_effect and change.what != "block" else []
    for head in _head(change, bool(change.inside)):
        yield from _wrapped(f"{space}{head}", below)
    if said:
        yield from _wrapped(f"{below}{'; '.join(said)}", below)
    for line in lines:
        yield from _change(line, indent + 4, change.what != "stage" or len(change.inside) > 1)
    rest = [line for line in change.inside if line.change == "affected"]
    if rest and lines:
        sums = [_sum(side.cost for line in rest if (side := getattr(line, end))) for end in ("before", "after")]
        effect = wording.effect(*sums) or "other shapes"
        yield from _wrapped(f"{below}  {_count(len(rest), 'unchanged line')}: {effect}", below)


def _head(change: Change, opened: bool) -> list[str]:
    """What changed, on one line or two. opened: what is inside is shown below."""
    texts = [side.text for side in (change.before, change.after) if side]
    if change.what == "line" and opened:
        texts = [f"{text.split('{')[0]}{{ ... }}" for text in texts]
    if change.what == "stage":
        texts = [f"stage {text}" if text else "outside stages" for text in texts]
    start = f"{SIGNS[change.change]} {WORDS[change.what]}"
    a, *more = dict.fromkeys(texts)
    both = " -> ".join([start + a, *more])
    if not more or (len(both) <= WIDTH - 8 and " -> " not in a + more[0]):
        return [both]
    return [start + a, f"  became {more[0]}"]


def _sum(costs: Iterable[Cost | None]) -> Cost:
    return sum((cost for cost in costs if cost is not None), Cost())


# ---------------------------------------------------------------- what was chosen


def _departure(pair: Choosing) -> Iterator[str]:
    left = pair.departure
    assert left is not None
    where = f" (line {left.line})" if left.line is not None else ""
    yield from _wrapped(f"! {pair.network.name} is not in {pair.space.name}{where}: {left.message}", "    ")
    if left.help:
        yield from _wrapped(f"    {left.help}", "    ")


def _chosen(pair: Choosing) -> Iterator[str]:
    more = f"; {pair.unmade} more do not exist after these" if pair.unmade else ""
    made = "chosen" if pair.before.kind == "space" else "opened"
    yield f"{made}: {_count(len(pair.chosen), 'choice')} of {pair.space.name}{more}"
    rows = list(_choice_rows(pair))
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


def _choice_rows(pair: Choosing) -> Iterator[tuple[str, str, str, tuple[str, ...]]]:
    """Stage, kind, what was chosen, and from what. Equal choices in a row share a line: `3 x basic(4), 2 x skip`."""
    stage = None
    for (own, kind, options), group in groupby(pair.chosen, lambda one: (one.stage, one.kind, one.options)):
        runs = [(option, len([*same])) for option, same in groupby(one.option for one in group)]
        made = ", ".join(option if count == 1 else f"{count} x {option}" for option, count in runs)
        yield "" if own == stage else own or "-", kind, made, options
        stage = own


# -------------------------------------------------------------------------- lines


def _count(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


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

"""A comparison for a pull request: a table of the totals, and what changed as a fenced diff that sites colour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vnasdsl.show.diff import wording
from vnasdsl.show.diff.model import Choosing, Comparison, FileDiff
from vnasdsl.show.diff.text import body, changes


def as_markdown(diff: FileDiff) -> str:
    """Ends without a line end."""
    a, b = _code(diff.before_title), _code(diff.after_title)
    if diff.equal:
        return f"No difference: {a} and {b} mean the same."
    parts = [f"{a} → {b}"]
    alone = FileDiff("", "", (), diff.removed, diff.added, diff.blocks)
    if not alone.equal:
        parts.append(_fenced([line for line in body(alone) if line]))
    for pair in diff.pairs:
        if not pair.equal:
            parts += _pair(pair)
    return "\n\n".join(parts)


def _pair(pair: Comparison | Choosing) -> Iterator[str]:
    yield f"### {wording.headline(pair)}"
    if isinstance(pair, Choosing):
        yield _table([("", "network", "least of space", "greatest"), *wording.choosing_totals(pair)])
        if pair.departure is None:
            rows = [(stage, kind, _code(made), _code(of)) for stage, kind, made, of in wording.choice_rows(pair.chosen)]
            if rows:
                yield _table([("stage", "choice", "chosen", "of"), *rows])
            return
    else:
        yield _table([("", "before", "after", "change"), *wording.totals(pair.before.totals, pair.after.totals)])
    yield _fenced(list(changes(pair)))


def _table(rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows]
    return "\n".join([lines[0], f"|{' --- |' * len(rows[0])}", *lines[1:]])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _code(text: str) -> str:
    """A text as code, whatever backticks stand in it."""
    fence = "`" * (1 + max((len(run) for run in _runs(text, "`")), default=0))
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{space}{text}{space}{fence}"


def _runs(text: str, char: str) -> list[str]:
    return "".join(c if c == char else " " for c in text).split()


def _fenced(lines: Sequence[str]) -> str:
    """Signs go to the first column, where sites look for them; `!` is what they colour as a change."""
    moved = []
    for line in lines:
        sign = line.lstrip()[:2]
        if sign in ("+ ", "- ", "~ ", "! "):
            indent = len(line) - len(line.lstrip())
            moved.append(f"{'!' if sign == '~ ' else sign[0]} {' ' * indent}{line.lstrip()[2:]}".rstrip())
        else:
            moved.append(f" {line}" if line else "")
    fence = "`" * max(3, 1 + max((len(run) for line in moved for run in _runs(line, "`")), default=0))
    return "\n".join([f"{fence}diff", *moved, fence])

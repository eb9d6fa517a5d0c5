"""A comparison for a pull request: a table of the totals, and the text as a fenced diff that sites colour."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from vnasdsl.show.diff import wording
from vnasdsl.show.diff.model import Choosing, Comparison, FileDiff
from vnasdsl.show.diff.text import changes, outside


def as_markdown(diff: FileDiff) -> str:
    """Without a line end."""
    before, after = _code(diff.before), _code(diff.after)
    if diff.equal:
        return f"No difference: {before} and {after} mean the same."
    parts = [f"{before} → {after}"]
    if alone := "\n".join(outside(diff)):
        parts.append(_fenced(alone.split("\n")))
    for pair in diff.compared:
        if not pair.equal:
            parts += _pair(pair)
    return "\n\n".join(parts)


def _pair(pair: Comparison | Choosing) -> Iterator[str]:
    yield f"### {wording.headline(pair)}"
    yield _table(wording.totals(pair))
    if not isinstance(pair, Choosing) or pair.departure is not None:
        yield _fenced(changes(pair))
    elif pair.chosen:
        rows = (
            (stage, kind, _code(made), _code(" | ".join(of))) for stage, kind, made, of in wording.choice_rows(pair)
        )
        yield _table([("stage", "choice", "chosen", "of"), *rows])


def _table(rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([lines[0], f"|{' --- |' * len(rows[0])}", *lines[1:]])


def _code(text: str) -> str:
    """A text as code, whatever backticks are in it."""
    fence = _fence(text, 1)
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{space}{text}{space}{fence}"


def _fence(text: str, least: int) -> str:
    return "`" * max(least, 1 + max(map(len, re.findall("`+", text)), default=0))


def _fenced(lines: Iterable[str]) -> str:
    """Signs go to the first column, where sites look for them; `!` is the one that they colour as a change."""
    text = "\n".join(
        re.sub(r"^( *)([-+~!]) ", r"\2 \1", line) if re.match(" *[-+~!] ", line) else f" {line}" for line in lines
    )
    text = re.sub("^~", "!", text, flags=re.MULTILINE)
    fence = _fence(text, 3)
    return f"{fence}diff\n{text}\n{fence}"

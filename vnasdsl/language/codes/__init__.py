"""The explanations of all codes, read from the Markdown files of this folder: one file a family, one section a code.

A section holds the reasons, then an example that is `Wrong:` and one that is `Right:`, each of one file or more:

    ```vns blocks.vns encoding=latin-1

Without a name the file is `example.vns`. A line with `{1..9}` in it means nine lines, a file name with it nine
files, in which `{next}` is the number of the next one. `Found by` names the command where that is not `check`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

MAIN = "example.vns"
"""The file that an example is about; the other files of an example are imported."""

Files = Mapping[str, str | bytes]

_HEADING = re.compile(r"## ([EW][0-9]{4}): (.+)")
_FENCE = re.compile(r"^```(?:vns|python|toml) ?(\S+\.\w+)? ?(?:encoding=(\S+))?\n((?:.*\n)*?)```$", re.MULTILINE)
_COMMAND = re.compile(r"^Found by `vnasdsl (\w+) example\.vns:(\w+) --recipe (\w+)`\.$", re.MULTILINE)
_SERIES = re.compile(r"\{([0-9]+)\.\.([0-9]+)\}")


@dataclass(frozen=True)
class Code:
    """One kind of error or warning, with an example that has it and one without.

    The tests run both: `bad` gives this code and no other, `good` nothing. Without `bad` there is no `example.vns`.
    """

    id: str
    title: str
    why: str
    bad: Files
    good: Files
    recipe: tuple[str, str, str] | None = None
    """For codes found when a recipe is requested: its kind, the space or network it is requested for, its name."""

    @property
    def severity(self) -> Literal["error", "warning"]:
        return "error" if self.id.startswith("E") else "warning"

    @property
    def command(self) -> str:
        """The command that finds it."""
        if self.recipe is None:
            return f"vnasdsl check {MAIN}"
        kind, target, name = self.recipe
        return f"vnasdsl {kind} {MAIN}:{target} --recipe {name}"


def read_family(text: str) -> tuple[str, tuple[Code, ...]]:
    """The title of a file of explanations, and its codes."""
    head, *sections = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    return head.strip().removeprefix("# "), tuple(_code(section) for section in sections)


def _code(section: str) -> Code:
    heading = _HEADING.match(section)
    if heading is None:
        raise ValueError(f"not the heading of a code: {section.splitlines()[0]}")
    command = _COMMAND.search(section)
    recipe = (command[1], command[2], command[3]) if command else None
    explanation, _, examples = _COMMAND.sub("", section[heading.end() :]).partition("Right:")
    why, _, wrong = explanation.partition("Wrong:")
    why = "\n\n".join(" ".join(paragraph.split()) for paragraph in why.strip().split("\n\n"))
    return Code(heading[1], heading[2], why, _files(wrong), _files(examples), recipe)


def _files(example: str) -> Files:
    found: dict[str, str | bytes] = {}
    for name, encoding, text in _FENCE.findall(example):
        for written, number in _series(name or MAIN):
            lines = text.replace("{next}", str(number + 1)).splitlines(keepends=True)
            content = "".join(line for template in lines for line, _ in _series(template))
            found[written] = content.encode(encoding) if encoding else content
    return found


def _series(text: str) -> Iterator[tuple[str, int]]:
    """The text once for each number of a `{1..9}` in it, with that number."""
    series = _SERIES.search(text)
    if series is None:
        yield text, 0
        return
    for number in range(int(series[1]), int(series[2]) + 1):
        yield text.replace(series[0], str(number)), number


def _read() -> dict[str, tuple[Code, ...]]:
    paths = sorted(Path(__file__).parent.glob("*.md"))
    return dict(read_family(path.read_text(encoding="utf-8")) for path in paths)


FAMILIES: dict[str, tuple[Code, ...]] = _read()
CODES: dict[str, Code] = {code.id: code for codes in FAMILIES.values() for code in sorted(codes, key=lambda c: c.id)}

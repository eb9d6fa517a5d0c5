"""The documentation page of all codes: `python -m vnasdsl.cli.error_index docs/errors.md`."""

from __future__ import annotations

import sys
from pathlib import Path

from vnasdsl.cli.examples import faults, shown
from vnasdsl.files import write_atomic
from vnasdsl.language.codes import FAMILIES, Code, Files
from vnasdsl.language.render import render

NOTE = "<!-- Made from vnasdsl/language/codes by `python -m vnasdsl.cli.error_index docs/errors.md`. Do not edit. -->"
INTRO = """\
Every error (E) and warning (W) of `vnasdsl check`. `vnasdsl explain CODE` prints the same in the terminal. The
tests run the examples: the wrong one gives exactly the message shown, the right one gives none."""


def error_index() -> str:
    """The page as Markdown."""
    parts = [NOTE, "# Errors and warnings", INTRO]
    for family, codes in FAMILIES.items():
        rows = [f"- [{code.id}](#{code.id.lower()}) {code.title}" for code in codes]
        parts += [f"**{family}**", "\n".join(rows)]
    for family, codes in FAMILIES.items():
        parts.append(f"## {family}")
        for code in codes:
            parts += entry(code)
    return "\n\n".join(parts) + "\n"


def entry(code: Code) -> list[str]:
    heading = f"### {code.id}: {code.title} {{ #{code.id.lower()} }}"
    bad = ["Wrong:", *_files(code.bad)] if code.bad else []
    rendering = f"```text\n$ {code.command}\n{render(faults(code, code.bad))}\n```"
    return [heading, code.why, *bad, rendering, "Right:", *_files(code.good)]


def _files(files: Files) -> list[str]:
    """The files as code blocks, each under its name when there are several."""
    texts = shown(files)
    blocks = []
    for name, text in texts:
        if len(texts) > 1:
            blocks.append(f"`{name}`" if text else "...")
        if text:
            blocks.append(f"```vns\n{text}\n```")
    return blocks


if __name__ == "__main__":
    for target in sys.argv[1:]:
        write_atomic(Path(target), error_index())

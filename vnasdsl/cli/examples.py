"""Running the examples of the registry of codes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from vnasdsl.cli.checking import check_file
from vnasdsl.language.codes import MAIN, Code, Files
from vnasdsl.language.diagnostics import Diagnostic, VnsError

SHOWN_LINES, SHOWN_COLUMNS = 40, 160


def faults(code: Code, files: Files) -> list[Diagnostic]:
    """What the command of a code finds in an example, in a folder of its own that is a project."""
    with TemporaryDirectory() as folder:
        root = Path(folder) / "project"
        root.mkdir()
        (root / "pyproject.toml").touch()
        for name, text in files.items():
            (root / name).write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
        program, found = check_file(root / MAIN, name=MAIN)
        if program is not None and code.recipe is not None and not found:
            try:
                program.get_recipe(*code.recipe)
            except VnsError as fault:
                found = list(fault.diagnostics)
        return found


def shown(files: Files) -> list[tuple[str, str]]:
    """Name and text of each file of an example, cut where nobody would read on."""
    return [(name, _cut(_visible(text))) for name, text in _some(files)]


def _some(files: Files) -> Sequence[tuple[str, str | bytes]]:
    items = list(files.items())
    return items if len(items) <= 4 else [*items[:2], ("...", ""), items[-1]]


def _visible(text: str | bytes) -> str:
    return text.decode("utf-8", errors="backslashreplace") if isinstance(text, bytes) else text


def _cut(text: str) -> str:
    lines = [
        line if len(line) <= SHOWN_COLUMNS else f"{line[:80]} ... ({len(line):,} characters)"
        for line in text.splitlines()[: SHOWN_LINES + 1]
    ]
    if len(lines) > SHOWN_LINES:
        lines[4:] = [f"... ({text.count(chr(10)):,} lines)"]
    return "\n".join(lines)

"""Diagnostics as GitHub workflow commands, which GitHub shows beside the changed lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vnasdsl.language.diagnostics import Diagnostic


def render_github(diagnostics: Sequence[Diagnostic]) -> str:
    """One command a line: `::error file=a.vns,line=1,col=3,endLine=1,endColumn=7,title=E0201::message`."""
    return "\n".join(_command(diagnostic) for diagnostic in diagnostics)


def _command(diagnostic: Diagnostic) -> str:
    properties: dict[str, str] = {}
    if diagnostic.primary is not None:
        span = diagnostic.primary.span
        properties["file"] = span.source.name
        if span.source.text:
            line, column = span.source.position(span.start)
            end_line, end_column = span.source.position(span.end)
            properties |= {"line": str(line), "endLine": str(end_line)}
            # GitHub rejects columns for spans of several lines.
            if line == end_line:
                properties |= {"col": str(column), "endColumn": str(end_column)}
    properties["title"] = diagnostic.code
    return github_command(diagnostic.severity, properties, _text(diagnostic))


def github_command(name: str, properties: Mapping[str, str], text: str) -> str:
    """A workflow command with its parts escaped."""
    given = ",".join(f"{key}={_property(value)}" for key, value in sorted(properties.items(), key=_order))
    return f"::{name}{' ' if given else ''}{given}::{_data(text)}"


def _order(item: tuple[str, str]) -> int:
    return ("file", "line", "col", "endLine", "endColumn", "title").index(item[0])


def _text(diagnostic: Diagnostic) -> str:
    """The message with its label, notes and help."""
    label = diagnostic.primary.text if diagnostic.primary else ""
    lines = [diagnostic.message + (f": {label}" if label else ""), *diagnostic.notes]
    help = diagnostic.help or (diagnostic.fix.description if diagnostic.fix else None)
    return "\n".join([*lines, *([f"help: {help}"] if help else [])])


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")

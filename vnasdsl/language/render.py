"""Rendering diagnostics: in full with source lines, one line each, or for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, get_args

from vnasdsl.language.diagnostics import Diagnostic, Label, UserError
from vnasdsl.language.limits import MAX_DIAGNOSTICS
from vnasdsl.language.source import Source, Span
from vnasdsl.language.visible import columns, visible

Style = Literal["full", "concise", "json", "github"]
STYLES: tuple[Style, ...] = get_args(Style)

LINE_WIDTH = 120
"""Characters of a source line that are shown; a longer one is cut around the underline."""

_CUT = "…"
_RED, _YELLOW, _BLUE, _BOLD, _OFF = "\x1b[1;31m", "\x1b[1;33m", "\x1b[1;34m", "\x1b[1m", "\x1b[0m"


def render(diagnostics: Iterable[Diagnostic], style: Style = "full", color: bool = False) -> str:
    """The diagnostics as text without a final line end; `color` adds ANSI escapes.

    `full` and `concise` show at most MAX_DIAGNOSTICS, errors before warnings, and count the rest.
    """
    found = list(diagnostics)
    if style == "json":
        return render_json(found)
    if style == "github":
        return render_github(found)
    if style not in STYLES:
        raise ValueError(f"unknown style {style!r}")
    paint = _Paint(color)
    shown, rest = _at_most(found)
    if style == "concise":
        return "\n".join([*(_concise(diagnostic) for diagnostic in shown), *rest])
    return "\n\n".join([*("\n".join(_full(diagnostic, paint)) for diagnostic in shown), *rest])


def _at_most(found: list[Diagnostic]) -> tuple[list[Diagnostic], list[str]]:
    """What is shown, and a line with the number of the rest."""
    if len(found) <= MAX_DIAGNOSTICS:
        return found, []
    shown = ([d for d in found if d.severity == "error"] or found)[:MAX_DIAGNOSTICS]
    left = len(found) - len(shown)
    return shown, [f"{left} more not shown"]


class _Paint:
    def __init__(self, on: bool):
        self.on = on

    def __call__(self, color: str, text: str) -> str:
        return f"{color}{text}{_OFF}" if self.on and text else text

    def severity(self, diagnostic: Diagnostic, text: str) -> str:
        return self(_RED if diagnostic.severity == "error" else _YELLOW, text)


def _concise(diagnostic: Diagnostic) -> str:
    place = f"{_place(diagnostic.primary)}: " if diagnostic.primary else ""
    return f"{place}{diagnostic.severity}[{diagnostic.code}]: {visible(diagnostic.message)}"


def _place(label: Label) -> str:
    """`file:line:column`, or the file alone if it could not be read."""
    source = label.span.source
    return visible(str(label.span) if source.text else source.name)


def _full(diagnostic: Diagnostic, paint: _Paint) -> list[str]:
    title = paint.severity(diagnostic, f"{diagnostic.severity}[{diagnostic.code}]")
    lines = [title + paint(_BOLD, f": {visible(diagnostic.message)}")]
    labels = [label for label in (diagnostic.primary, *diagnostic.secondary) if label is not None]
    gutter = max((len(str(label.span.line)) for label in labels if label.span.source.text), default=1)
    if diagnostic.primary is not None:
        lines.extend(_excerpts(diagnostic, diagnostic.primary, labels, gutter, paint))
    remarks = [("note", note) for note in diagnostic.notes]
    help = diagnostic.help or (diagnostic.fix.description if diagnostic.fix else None)
    if help is not None:
        remarks.append(("help", help))
    for kind, text in remarks:
        first, *rest = text.split("\n")
        lines.append(f"{' ' * gutter} {paint(_BLUE, '=')} {paint(_BOLD, kind)}: {visible(first)}")
        lines.extend(f"{' ' * (gutter + len(kind) + 5)}{visible(line)}" for line in rest)
    return lines


def _excerpts(diagnostic: Diagnostic, primary: Label, labels: list[Label], gutter: int, paint: _Paint) -> Iterable[str]:
    """For each source: its place, then the lines that have a label."""
    sources: list[Source] = []
    for label in labels:
        if label.span.source not in sources:
            sources.append(label.span.source)
    bar = f"{' ' * gutter} {paint(_BLUE, '|')}"
    for source in sources:
        inside = [label for label in labels if label.span.source is source]
        yield f"{' ' * gutter}{paint(_BLUE, '-->' if source is primary.span.source else ':::')} {_place(inside[0])}"
        if not source.text:
            continue
        yield bar
        before = None
        for number in sorted({label.span.line for label in inside}):
            if before is not None and number == before + 2:
                yield f"{paint(_BLUE, f'{before + 1:>{gutter}} |')} {_line(source, before + 1, [])[0]}".rstrip()
            elif before is not None and number > before + 2:
                yield paint(_BLUE, "...")
            here = sorted((label for label in inside if label.span.line == number), key=lambda label: label.span.start)
            text, underlines = _line(source, number, here)
            yield f"{paint(_BLUE, f'{number:>{gutter}} |')} {text}".rstrip()
            for label, (indent, length) in zip(here, underlines, strict=True):
                sign = "^" if label is primary else "-"
                under = f"{sign * length} {visible(label.text)}".rstrip()
                painted = paint.severity(diagnostic, under) if label is primary else paint(_BLUE, under)
                yield f"{bar} {' ' * indent}{painted}"
            before = number
        if diagnostic.notes or diagnostic.help or diagnostic.fix:
            yield bar


def _line(source: Source, number: int, labels: list[Label]) -> tuple[str, list[tuple[int, int]]]:
    """A source line as shown, and for each label the start and length of its underline.

    A span of several lines is underlined to the end of its first line, an empty one by a single sign. Of a long line
    the part around the first label is shown, with a third of the room before it.
    """
    text = source.line(number)
    begin = source.line_starts[number - 1]
    ranges = [(min(label.span.start - begin, len(text)), min(label.span.end - begin, len(text))) for label in labels]
    first = min((start for start, _ in ranges), default=0)
    room = LINE_WIDTH if len(text) <= LINE_WIDTH else LINE_WIDTH - 2 * len(_CUT)
    low = max(0, min(first - room // 3, len(text) - room))
    shown, starts = columns(text[low : low + room])
    left, right = _CUT if low else "", _CUT if low + room < len(text) else ""

    def column(offset: int) -> int:
        return len(left) + starts[min(max(offset - low, 0), len(shown))]

    underlines = [(column(start), max(column(end) - column(start), 1)) for start, end in ranges]
    return left + "".join(shown) + right, underlines


# ------------------------------------------------------------------------------- GitHub


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


# --------------------------------------------------------------------------------- JSON
#     {"version": 1, "errors": 1, "warnings": 0, "diagnostics": [{
#         "code": "E0201", "severity": "error", "message": "unknown layer or block `baisc`",
#         "span": {"file": "a.vns", "start": {"line": 3, "column": 7, "offset": 30}, "end": {...}}, "label": "",
#         "secondary": [{"span": {...}, "label": "first here"}],
#         "notes": [], "help": null,
#         "fix": {"span": {...}, "replacement": "basic", "description": "did you mean `basic`?"}}]}
#
# Lines and columns count from 1, offsets from 0, in code points of the file with "\n" as line end and without a byte
# order mark; `end` is after the last character. `code` and `span` are null for an error outside any .vns file, `start`
# and `end` for a file that could not be read. Fields may be added under the same version, never changed.

VERSION = 1


def render_json(diagnostics: Sequence[Diagnostic]) -> str:
    """One JSON object without a line end."""
    errors = sum(d.severity == "error" for d in diagnostics)
    return _document(errors, len(diagnostics) - errors, [as_object(diagnostic) for diagnostic in diagnostics])


def render_user_error(fault: UserError) -> str:
    """The same for an error outside any .vns file: it has no code and no span."""
    absent: dict[str, Any] = {"span": None, "label": "", "secondary": [], "notes": [], "help": fault.help, "fix": None}
    return _document(1, 0, [{"code": None, "severity": "error", "message": fault.message, **absent}])


def _document(errors: int, warnings: int, diagnostics: list[dict[str, Any]]) -> str:
    document = {"version": VERSION, "errors": errors, "warnings": warnings, "diagnostics": diagnostics}
    return json.dumps(document, indent=2)


def as_object(diagnostic: Diagnostic) -> dict[str, Any]:
    """A diagnostic as JSON values."""
    primary, fix = diagnostic.primary, diagnostic.fix
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "span": _span(primary.span) if primary else None,
        "label": primary.text if primary else "",
        "secondary": [_label(label) for label in diagnostic.secondary],
        "notes": list(diagnostic.notes),
        "help": diagnostic.help,
        "fix": {"span": _span(fix.span), "replacement": fix.replacement, "description": fix.description}
        if fix
        else None,
    }


def _label(label: Label) -> dict[str, Any]:
    return {"span": _span(label.span), "label": label.text}


def _span(span: Span) -> dict[str, Any]:
    if not span.source.text:
        return {"file": span.source.name, "start": None, "end": None}
    return {"file": span.source.name, "start": _position(span, span.start), "end": _position(span, span.end)}


def _position(span: Span, offset: int) -> dict[str, int]:
    line, column = span.source.position(offset)
    return {"line": line, "column": column, "offset": offset}

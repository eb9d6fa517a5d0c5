"""Diagnostics as JSON, for programs.

    {"version": 1, "errors": 1, "warnings": 0, "diagnostics": [{
        "code": "E0201", "severity": "error", "message": "unknown layer or block `baisc`",
        "span": {"file": "a.vns", "start": {"line": 3, "column": 7, "offset": 30}, "end": {...}}, "label": "",
        "secondary": [{"span": {...}, "label": "first here"}],
        "notes": [], "help": null,
        "fix": {"span": {...}, "replacement": "basic", "description": "did you mean `basic`?"}}]}

Lines and columns count from 1, offsets from 0, in code points of the file with "\\n" as line end and without a byte
order mark; `end` is after the last character. `code` and `span` are null for an error outside any .vns file, `start`
and `end` for a file that could not be read. Fields may be added under the same version, never changed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from vnasdsl.language.diagnostics import Diagnostic, Label, UserError
from vnasdsl.language.source import Span

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
    return {"file": span.source.name, "start": _place(span, span.start), "end": _place(span, span.end)}


def _place(span: Span, offset: int) -> dict[str, int]:
    line, column = span.source.position(offset)
    return {"line": line, "column": column, "offset": offset}

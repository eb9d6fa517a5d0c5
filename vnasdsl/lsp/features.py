"""Diagnostics, quick fixes, formatting, outline and inlay hints in the types of the protocol.

The protocol counts lines from 0 and columns in units of the encoding that client and server agreed on: UTF-16 unless
the client prefers another.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from lsprotocol import types
from pygls.workspace import PositionCodec

from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, Fix
from vnasdsl.language.format import format_tokens
from vnasdsl.language.source import Source, Span
from vnasdsl.lsp.documents import Analysis, Documents, Text
from vnasdsl.show.table import output_text

Encoding = str


def position(source: Source, offset: int, encoding: Encoding) -> types.Position:
    """The position of an offset in code points."""
    line, column = source.position(offset)
    before = source.text[offset - column + 1 : offset]
    return types.Position(line - 1, PositionCodec(encoding).client_num_units(before))


def offset(source: Source, place: types.Position, encoding: Encoding) -> int:
    """The offset of a position in code points; a place past the end of its line or of the text is that end."""
    if place.line >= len(source.line_starts):
        return len(source.text)
    line, codec = source.line(place.line + 1), PositionCodec(encoding)
    known = types.Position(0, min(place.character, codec.client_num_units(line)))
    return source.line_starts[place.line] + codec.position_from_client_units([line], known).character


def range_of(span: Span, encoding: Encoding) -> types.Range:
    return types.Range(position(span.source, span.start, encoding), position(span.source, span.end, encoding))


def span_of(source: Source, area: types.Range, encoding: Encoding) -> Span:
    return Span(source, offset(source, area.start, encoding), offset(source, area.end, encoding))


SEVERITIES = {"error": types.DiagnosticSeverity.Error, "warning": types.DiagnosticSeverity.Warning}


def diagnostics(documents: Documents, analysis: Analysis, encoding: Encoding) -> list[types.Diagnostic]:
    return [_diagnostic(documents, analysis.text, d, encoding) for d in analysis.diagnostics]


def _diagnostic(documents: Documents, text: Text, d: Diagnostic, encoding: Encoding) -> types.Diagnostic:
    span = d.primary.span if d.primary is not None else Span(text.source, 0, 0)
    label = f" ({d.primary.text})" if d.primary is not None and d.primary.text else ""
    lines = [d.message + label, *(f"note: {note}" for note in d.notes)]
    if d.help:
        lines.append(f"help: {d.help}")
    elif d.fix is not None:
        lines.append(f"help: {d.fix.description}")
    related = []
    for other in d.secondary:
        owner = documents.named(other.span.source.name)
        if owner is not None:
            location = types.Location(owner.uri, range_of(other.span, encoding))
            related.append(types.DiagnosticRelatedInformation(location, other.text or d.message))
    return types.Diagnostic(
        range=range_of(span, encoding),
        message="\n".join(lines),
        severity=SEVERITIES[d.severity],
        code=d.code,
        source="vnasdsl",
        related_information=related,
    )


# ------------------------------------------------------------------ quick fixes


def fixes(diagnostic: Diagnostic) -> list[Fix]:
    """The fix of a diagnostic, or what its help suggests in the place of a misspelt word."""
    if diagnostic.fix is not None:
        return [diagnostic.fix]
    meant = re.fullmatch(r"did you mean `([^`]+)`\?", diagnostic.help or "")
    if meant is None or diagnostic.primary is None:
        return []
    span = diagnostic.primary.span
    for word in re.findall(r"`([^`]+)`", diagnostic.message):
        place = re.search(rf"(?<!\w){re.escape(word)}(?!\w)", span.text)
        if place:
            wrong = Span(span.source, span.start + place.start(), span.start + place.end())
            return [Fix(wrong, meant[1], f"write `{meant[1]}`")]
    return []


def code_actions(documents: Documents, analysis: Analysis, around: Span, encoding: Encoding) -> list[types.CodeAction]:
    """Quick fixes of the faults that touch a span."""
    actions = []
    for d in analysis.diagnostics:
        span = d.primary.span if d.primary is not None else None
        if span is None or span.start > around.end or around.start > span.end:
            continue
        for fix in fixes(d):
            owner = documents.named(fix.span.source.name)
            if owner is None:
                continue
            edit = types.TextEdit(range_of(fix.span, encoding), fix.replacement)
            actions.append(
                types.CodeAction(
                    title=_title(fix),
                    kind=types.CodeActionKind.QuickFix,
                    diagnostics=[_diagnostic(documents, analysis.text, d, encoding)],
                    edit=types.WorkspaceEdit(changes={owner.uri: [edit]}),
                    is_preferred=True,
                )
            )
    return actions


def _title(fix: Fix) -> str:
    """What a fix does, as an order: a question is turned into one."""
    if not fix.description.startswith("did you mean"):
        return fix.description
    return f"Replace `{fix.span.text}` by `{fix.replacement}`" if fix.span.text else f"Write `{fix.replacement}`"


# -------------------------------------------------------------------- formatting


def formatting(text: Text, encoding: Encoding) -> list[types.TextEdit]:
    """The edit that lays a text out as `vnasdsl fmt` does: none for one with syntax errors."""
    module, faults = text.parsed
    if module is None or text.tokens is None or faults:
        return []
    new = format_tokens(text.tokens, module)
    old = text.source.text
    if new == old:
        return []
    new = new.replace("\n", "\r\n") if text.crlf else new
    return [types.TextEdit(range_of(Span(text.source, 0, len(old)), encoding), new)]  # editors find what changes


# ----------------------------------------------------------------------- outline

SYMBOLS = {
    tree.Block: types.SymbolKind.Function,
    tree.Space: types.SymbolKind.Class,
    tree.Network: types.SymbolKind.Object,
    tree.Recipe: types.SymbolKind.Event,
    tree.Stage: types.SymbolKind.Namespace,
    tree.Wire: types.SymbolKind.Variable,
    tree.Input: types.SymbolKind.Field,
}


def symbols(items: Iterable[tree.Node], encoding: Encoding) -> Iterator[types.DocumentSymbol]:
    """The definitions, stages and lines with names, as a tree."""
    for item in items:
        if not isinstance(item, (tree.Block, tree.Space, tree.Network, tree.Recipe, tree.Stage, tree.Wire, tree.Input)):
            continue
        kind = "label" if isinstance(item, tree.Wire) else type(item).__name__.lower()
        yield types.DocumentSymbol(
            name=item.name,
            kind=SYMBOLS[type(item)],
            detail=f"{item.kind} for {item.target.id}" if isinstance(item, tree.Recipe) else kind,
            range=range_of(item.span, encoding),
            selection_range=range_of(item.name_span, encoding),
            children=list(symbols(getattr(item, "body", ()), encoding)),
        )


# ------------------------------------------------------------------- inlay hints


def inlay_hints(analysis: Analysis, within: Span, encoding: Encoding) -> list[types.InlayHint]:
    """The shape that comes out of every line, at its end."""
    source = analysis.text.source
    found: dict[int, types.InlayHint] = {}
    for line in analysis.figures:
        if line.whole or not line.after or line.span.end < within.start or line.span.start > within.end:
            continue
        code = re.compile(r"[^\n#]*").match(source.text, line.span.end)
        end = line.span.end + len(code[0].rstrip() if code else "")
        found[end] = types.InlayHint(position(source, end, encoding), f"→ {output_text(line)}", padding_left=True)
    return [found[end] for end in sorted(found)]

"""Symbols, definitions, references and renaming."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from vnasdsl.elaborate.definition_checks import check_definitions
from vnasdsl.elaborate.definitions import Definitions
from vnasdsl.elaborate.imports import collect, import_target
from vnasdsl.elaborate.symbols import Occurrence, Symbol, occurrences
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, UserError, VnsError
from vnasdsl.language.query import path_at
from vnasdsl.language.source import Source, Span
from vnasdsl.lsp.documents import Documents, Text


@dataclass(frozen=True)
class Outline:
    """One entry of the outline of a file."""

    name: str
    kind: str
    detail: str
    span: Span
    name_span: Span
    inside: tuple[Outline, ...] = ()


def outline(module: tree.Module) -> list[Outline]:
    found = []
    for item in module.items:
        if isinstance(item, tree.Import):
            continue
        kind = type(item).__name__.lower()
        detail = f"{item.kind} for {item.target.id}" if isinstance(item, tree.Recipe) else kind
        inside = () if isinstance(item, tree.Recipe) else tuple(_statements(item.body))
        found.append(Outline(item.name, kind, detail, item.span, item.name_span, inside))
    return found


def _statements(body: tuple[tree.Statement, ...]) -> Iterator[Outline]:
    for s in body:
        if isinstance(s, tree.Stage):
            yield Outline(s.name, "stage", "stage", s.span, s.name_span, tuple(_statements(s.body)))
        elif isinstance(s, tree.Wire | tree.Input):
            kind = "label" if isinstance(s, tree.Wire) else "input"
            yield Outline(s.name, kind, kind, s.span, s.name_span)


def _names(documents: Documents, text: Text) -> list[Occurrence]:
    return occurrences(text.module, documents.definitions(text)) if text.module is not None else []


def at(documents: Documents, text: Text, offset: int) -> Occurrence | None:
    """The name at a place."""
    return next((o for o in _names(documents, text) if o.span.start <= offset <= o.span.end), None)


def definition(documents: Documents, text: Text, offset: int) -> Span | None:
    """Where the name at a place is defined; at the path of an import, the beginning of that file."""
    here = at(documents, text, offset)
    if here is not None:
        return next((o.span for o in uses(documents, text, here.symbol) if o.defines), None)
    item = path_at(text.module, offset)[1:2] if text.module is not None else ()
    if item and isinstance(item[0], tree.Import) and text.path is not None:
        try:
            source = documents.at(import_target(item[0], text.path)).source
        except VnsError:
            return None
        return Span(source, 0, 0)
    return None


def uses(documents: Documents, text: Text, symbol: Symbol) -> list[Occurrence]:
    """Every place in the project that speaks of a symbol: its own file first."""
    found = []
    for other in documents.project(text):
        # Most files never name it: only those that do are read.
        if symbol.name not in other.source.text or other.module is None:
            continue
        imports = any(isinstance(item, tree.Import) for item in other.module.items)
        if imports or other.source.name in (text.source.name, symbol.file):
            found += in_text(documents, other, symbol)
    return found


def in_text(documents: Documents, text: Text, symbol: Symbol) -> list[Occurrence]:
    """The places of one text that speak of a symbol."""
    return [o for o in _names(documents, text) if o.symbol == symbol]


def rename(documents: Documents, text: Text, offset: int, name: str) -> list[Occurrence]:
    """The places to change so that the name at a place becomes another. Raises: UserError."""
    here = at(documents, text, offset)
    if here is None:
        raise UserError("there is no name here that can be changed")
    if not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
        raise UserError(f"`{name}` is not a name", "names are made of ASCII letters, digits and underscores")
    found = uses(documents, text, here.symbol)
    _try_out(documents, here.symbol, found, name)
    return found


def _try_out(documents: Documents, symbol: Symbol, places: list[Occurrence], name: str) -> None:
    """Refuses a name under which one of the files would have an error that it does not have now."""
    changed: list[Text] = []
    trial = Documents()
    trial.open = dict(documents.open)
    for source_name in {o.span.source.name for o in places}:
        text = documents.named(source_name)
        if text is None:
            raise UserError(f"`{source_name}` cannot be read")
        spans = sorted((o.span for o in places if o.span.source.name == source_name), key=lambda span: span.start)
        changed.append(text)
        trial.open[text.uri] = Text(text.uri, text.path, replaced(text.source, [(span, name) for span in spans]))
    for text in changed:
        after = _errors(trial, trial.open[text.uri])
        known = [(d.code, d.primary.span.line) for d in _errors(documents, text) if d.primary] if after else []
        for d in after:
            if d.primary is not None and (d.code, d.primary.span.line) not in known:
                raise UserError(d.message, d.help)


def _errors(documents: Documents, text: Text) -> list[Diagnostic]:
    """Errors of names and arguments: shapes cannot change with a name."""
    module, faults = text.parsed
    if module is None:
        return list(faults)
    definitions = Definitions(documents.catalogue(text))
    found = [*faults]
    collect(module, text.path, definitions, found, parse_file=documents.parse_file)
    found += check_definitions(definitions, module.items)
    return [d for d in found if d.severity == "error"]


def replaced(source: Source, changes: list[tuple[Span, str]]) -> Source:
    """A source with some spans, in the order of the text, replaced."""
    pieces: list[str] = []
    done = 0
    for span, new in changes:
        pieces += [source.text[done : span.start], new]
        done = span.end
    return Source(source.name, "".join([*pieces, source.text[done:]]))

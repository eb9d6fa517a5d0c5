"""Symbols, definitions, references and renaming."""

from __future__ import annotations

from vnasdsl.elaborate.imports import import_target
from vnasdsl.elaborate.scope import check_name
from vnasdsl.elaborate.symbols import Occurrence, Symbol, occurrences
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import UserError, VnsError
from vnasdsl.language.lexer import Tokens
from vnasdsl.language.query import path_at
from vnasdsl.language.source import Source, Span
from vnasdsl.lsp.documents import Documents, Text


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
    """The places to change so that the name at a place becomes another. Raises: UserError, also for a name that one of
    these files has already."""
    here = at(documents, text, offset)
    if here is None:
        raise UserError("there is no name here that can be changed")
    try:
        kinds = [token.type for token in Tokens(Source("", name)).items]
        check_name(name, here.symbol.kind, here.span, documents.catalogue(text))
    except VnsError as fault:
        raise UserError(fault.diagnostics[0].message) from None
    if "NAME" not in kinds[:1] or not name.isidentifier():
        raise UserError(f"`{name}` is not a name", "names are made of ASCII letters, digits and underscores")
    found = uses(documents, text, here.symbol)
    texts = [documents.named(source) for source in {o.span.source.name for o in found}]
    if any(o.symbol.name == name for each in texts if each is not None for o in _names(documents, each)):
        raise UserError(f"the name `{name}` is taken")
    return found

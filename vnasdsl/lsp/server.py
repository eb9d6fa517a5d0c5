"""The server: what the protocol asks, passed on to the other modules. Nothing is decided here."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams
from pygls.lsp.server import LanguageServer

from vnasdsl import __version__
from vnasdsl.language.diagnostics import UserError
from vnasdsl.language.source import Span
from vnasdsl.lsp import completion, features, navigation
from vnasdsl.lsp.documents import Analysis, Documents, Text, analyse, path_of
from vnasdsl.lsp.features import Encoding, offset, range_of, span_of
from vnasdsl.lsp.hover import hover

PAUSE = 0.15
"""Seconds without typing after which a text is examined."""
PATIENCE = 5.0
"""Seconds that hints wait for shapes; other answers come without them while they are being worked out."""

ITEMS = {
    "keyword": types.CompletionItemKind.Keyword,
    "layer": types.CompletionItemKind.Function,
    "block": types.CompletionItemKind.Method,
    "parameter": types.CompletionItemKind.Variable,
    "line": types.CompletionItemKind.Variable,
    "word": types.CompletionItemKind.Value,
    "key": types.CompletionItemKind.Property,
    "part": types.CompletionItemKind.Constructor,
    "space": types.CompletionItemKind.Class,
    "file": types.CompletionItemKind.File,
}


class Server(LanguageServer):
    """The texts of one editor and what is known about them."""

    def __init__(self) -> None:
        super().__init__("vnasdsl", __version__)
        self.documents = Documents()
        self.analyses: dict[str, Analysis] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}
        # One thread: the newest text waits for the one before it, and typing is never held up by either.
        self.worker = ThreadPoolExecutor(1, "vnasdsl")

    @property
    def encoding(self) -> Encoding:
        chosen = self.workspace.position_encoding or types.PositionEncodingKind.Utf16
        return str(getattr(chosen, "value", chosen))

    def text(self, uri: str) -> Text:
        """The present text of a document."""
        if uri in self.documents.open:
            return self.documents.open[uri]
        path = path_of(uri)
        if path is None:
            raise JsonRpcInvalidParams(f"{uri} is not open")
        return self.documents.at(path)

    def place(self, params: Any) -> tuple[Text, int]:
        """The text and offset that a request is about."""
        text = self.text(params.text_document.uri)
        return text, offset(text.source, params.position, self.encoding)

    def changed(self, uri: str, pause: float) -> None:
        """Take over the editor's text of a document, and examine it and what imports it."""
        document = self.workspace.get_text_document(uri)
        text = self.documents.put(uri, document.source, document.version)
        self.examine(uri, pause)
        self.examine_importers(text.path, pause, uri)

    def examine_importers(self, path: Path | None, pause: float, changed: str) -> None:
        for uri, analysis in self.analyses.items():
            if uri != changed and str(path) in analysis.imports:
                self.examine(uri, pause)

    def examine(self, uri: str, pause: float) -> None:
        if uri in self.tasks:
            self.tasks[uri].cancel()
        if uri in self.documents.open:
            self.tasks[uri] = asyncio.get_running_loop().create_task(self._examine(uri, pause))

    async def _examine(self, uri: str, pause: float) -> None:
        await asyncio.sleep(pause)
        text = self.documents.open[uri]
        try:
            analysis = await asyncio.get_running_loop().run_in_executor(self.worker, analyse, self.documents, text)
        except Exception:  # a bug of ours in one text must not end what is said about it and the others
            logging.getLogger(__name__).exception("%s cannot be examined", uri)
            analysis = Analysis(text, text.parsed[1])
        if self.documents.open.get(uri) is not text:
            return
        self.analyses[uri] = analysis
        found = features.diagnostics(self.documents, analysis, self.encoding)
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, found, text.version))
        workspace = self.client_capabilities.workspace
        if workspace is not None and workspace.inlay_hint is not None and workspace.inlay_hint.refresh_support:
            self.workspace_inlay_hint_refresh(None)

    async def analysis(self, uri: str, patience: float) -> Analysis | None:
        """What is known about the present text of a document, waiting for it a while."""
        task = self.tasks.get(uri)
        if task is not None and not task.done() and patience:
            await asyncio.wait([task], timeout=patience)
        known = self.analyses.get(uri)
        return known if known is not None and known.text is self.documents.open.get(uri) else None

    def closed(self, uri: str) -> None:
        if uri in self.tasks:
            self.tasks.pop(uri).cancel()
        self.documents.close(uri)
        self.analyses.pop(uri, None)
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))
        self.examine_importers(path_of(uri), PAUSE, uri)


server = Server()


# --------------------------------------------------------------------- documents


@server.feature(types.TEXT_DOCUMENT_DID_OPEN)
def did_open(ls: Server, params: types.DidOpenTextDocumentParams) -> None:
    ls.changed(params.text_document.uri, 0)


@server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
def did_change(ls: Server, params: types.DidChangeTextDocumentParams) -> None:
    ls.changed(params.text_document.uri, PAUSE)


@server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
def did_close(ls: Server, params: types.DidCloseTextDocumentParams) -> None:
    ls.closed(params.text_document.uri)


@server.feature(types.TEXT_DOCUMENT_DID_SAVE)
@server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
def did_change_files(ls: Server, params: Any) -> None:
    for uri in ls.documents.open:
        ls.examine(uri, PAUSE)


# ----------------------------------------------------------------------- answers


@server.feature(
    types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions(trigger_characters=["(", ",", "=", ":", ".", '"', "/"])
)
def complete(ls: Server, params: types.CompletionParams) -> types.CompletionList:
    word, found = completion.candidates(ls.documents, *ls.place(params))
    area = range_of(word, ls.encoding)
    capabilities = ls.client_capabilities.text_document
    item = capabilities.completion.completion_item if capabilities and capabilities.completion else None
    snippets = bool(item and item.snippet_support)
    return types.CompletionList(
        is_incomplete=False,
        items=[
            types.CompletionItem(
                label=c.label,
                kind=ITEMS[c.kind],
                detail=c.detail or None,
                documentation=types.MarkupContent(types.MarkupKind.Markdown, c.doc) if c.doc else None,
                sort_text=f"{i:03}",
                filter_text=c.label,
                insert_text_format=(
                    types.InsertTextFormat.Snippet if snippets and c.snippet else types.InsertTextFormat.PlainText
                ),
                text_edit=types.TextEdit(area, (snippets and c.snippet) or c.text or c.label),
            )
            for i, c in enumerate(found)
        ],
    )


@server.feature(types.TEXT_DOCUMENT_HOVER)
async def on_hover(ls: Server, params: types.HoverParams) -> types.Hover | None:
    analysis = await ls.analysis(params.text_document.uri, 0)
    text, place = ls.place(params)
    found = hover(ls.documents, text, analysis, place)
    if found is None:
        return None
    span, shown = found
    return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, shown), range_of(span, ls.encoding))


@server.feature(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
def symbols(ls: Server, params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
    module = ls.text(params.text_document.uri).module
    return list(features.symbols(module.items, ls.encoding)) if module is not None else []


@server.feature(types.TEXT_DOCUMENT_DEFINITION)
def definition(ls: Server, params: types.DefinitionParams) -> types.Location | None:
    span = navigation.definition(ls.documents, *ls.place(params))
    return _location(ls, span) if span is not None else None


@server.feature(types.TEXT_DOCUMENT_REFERENCES)
def references(ls: Server, params: types.ReferenceParams) -> list[types.Location]:
    text, place = ls.place(params)
    here = navigation.at(ls.documents, text, place)
    found = navigation.uses(ls.documents, text, here.symbol) if here is not None else []
    places = [_location(ls, o.span) for o in found if params.context.include_declaration or not o.defines]
    return [place for place in places if place is not None]


@server.feature(types.TEXT_DOCUMENT_PREPARE_RENAME)
def prepare_rename(ls: Server, params: types.PrepareRenameParams) -> types.PrepareRenamePlaceholder | None:
    here = navigation.at(ls.documents, *ls.place(params))
    return types.PrepareRenamePlaceholder(range_of(here.span, ls.encoding), here.symbol.name) if here else None


@server.feature(types.TEXT_DOCUMENT_RENAME, types.RenameOptions(prepare_provider=True))
def rename(ls: Server, params: types.RenameParams) -> types.WorkspaceEdit:
    try:
        found = navigation.rename(ls.documents, *ls.place(params), params.new_name)
    except UserError as fault:
        raise JsonRpcInvalidParams(fault.message + (f" ({fault.help})" if fault.help else "")) from None
    changes: dict[str, list[types.TextEdit]] = {}
    for occurrence in found:
        location = _location(ls, occurrence.span)
        if location is not None:
            changes.setdefault(location.uri, []).append(types.TextEdit(location.range, params.new_name))
    return types.WorkspaceEdit(changes=changes)


@server.feature(
    types.TEXT_DOCUMENT_CODE_ACTION, types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix])
)
async def code_action(ls: Server, params: types.CodeActionParams) -> list[types.CodeAction]:
    analysis = await ls.analysis(params.text_document.uri, 0)
    if analysis is None:
        return []
    around = span_of(analysis.text.source, params.range, ls.encoding)
    return features.code_actions(ls.documents, analysis, around, ls.encoding)


@server.feature(types.TEXT_DOCUMENT_FORMATTING)
def formatting(ls: Server, params: types.DocumentFormattingParams) -> list[types.TextEdit]:
    return features.formatting(ls.text(params.text_document.uri), ls.encoding)


@server.feature(types.TEXT_DOCUMENT_INLAY_HINT)
async def inlay_hint(ls: Server, params: types.InlayHintParams) -> list[types.InlayHint]:
    analysis = await ls.analysis(params.text_document.uri, PATIENCE)
    if analysis is None:
        return []
    within = span_of(analysis.text.source, params.range, ls.encoding)
    return features.inlay_hints(analysis, within, ls.encoding)


def _location(ls: Server, span: Span) -> types.Location | None:
    text = ls.documents.named(span.source.name)
    return types.Location(text.uri, range_of(span, ls.encoding)) if text is not None else None


def serve() -> None:
    """Answer over standard input and output until the editor leaves."""
    server.start_io()

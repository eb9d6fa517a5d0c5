"""The canonical form of a file, with its comments: `vnasdsl fmt`."""

from __future__ import annotations

from vnasdsl.language import tree
from vnasdsl.language.attach_comments import attach_comments
from vnasdsl.language.comments import TriviaTable, find_trivia
from vnasdsl.language.diagnostics import Error, VnsError
from vnasdsl.language.gc_paused import gc_paused
from vnasdsl.language.layout import Document, lay_out
from vnasdsl.language.lexer import Tokens
from vnasdsl.language.parser import parse
from vnasdsl.language.printer import WIDTH, module_document
from vnasdsl.language.source import Source

ROUNDS = 3


class FormatError(Error):
    """The canonical form would have another meaning: a bug in vnasdsl."""


def format_text(source: Source | str) -> str:
    """The canonical form of a file: all comments kept, at most one empty line at a time, line ends "\\n".

    Without comments and empty lines it is what `print_module` gives. The result is checked: it has the same tree and
    the same comments in the same order, and formatting it again does not change it.

    Raises: VnsError for a file with syntax errors; FormatError if the check fails.
    """
    if isinstance(source, str):
        source = Source("<string>", source)
    tokens = Tokens(source)
    return format_tokens(tokens, parse(tokens))


@gc_paused()
def format_tokens(tokens: Tokens, module: tree.Module) -> str:
    """The same for a file that is parsed already. Raises: FormatError."""
    trivia = find_trivia(tokens)
    document = module_document(module)
    text = _write(document, trivia)
    return text if text == tokens.source.text else _proven(module, document, trivia, tokens, text)


def _write(document: Document, trivia: TriviaTable) -> str:
    try:
        text = lay_out(attach_comments(document, trivia) if trivia.by_place else document, WIDTH)
    except ValueError as fault:
        raise FormatError(str(fault)) from fault
    return text + "\n" if text else ""


def _proven(module: tree.Module, document: Document, trivia: TriviaTable, tokens: Tokens, text: str) -> str:
    """The text, once it has the same meaning and formatting it again does not change it.

    A comment that moved to another line may change the layout around it, hence several rounds.
    """
    signs = _signs(tokens)
    for _ in range(ROUNDS):
        try:
            tokens_again = Tokens(Source("<formatted>", text))
            # The parser sees only the signs: if they are the same, so is the tree.
            again = module if _signs(tokens_again) == signs else parse(tokens_again)
        except VnsError as fault:
            raise FormatError(f"the formatted text has an error: {fault}") from fault
        trivia_again = find_trivia(tokens_again)
        if again != module:
            raise FormatError("the formatted text has another meaning")
        if trivia_again.comments != trivia.comments:
            raise FormatError("the formatted text has other comments")
        settled = _write(document if again is module else module_document(again), trivia_again)
        if settled == text:
            return text
        text = settled
    raise FormatError("formatting the formatted text changes it again")


def _signs(tokens: Tokens) -> list[tuple[str, str]]:
    return [(token.type, token.text if token.type != "NEWLINE" else "") for token in tokens.items]

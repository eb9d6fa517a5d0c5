"""From source to syntax tree. A file with errors gives all of them that can be told apart, not only the first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from typing import Any

from lark.exceptions import UnexpectedToken

from vnasdsl.language import syntax_errors, tree
from vnasdsl.language.checks import TOO_DEEP, check
from vnasdsl.language.diagnostics import Diagnostic, VnsError, arrange, error
from vnasdsl.language.gc_paused import gc_paused
from vnasdsl.language.grammar import grammar
from vnasdsl.language.lexer import CLOSING, END, OPENING, Token, Tokens
from vnasdsl.language.limits import MAX_DEPTH, MAX_RECOVERIES, MAX_STACK
from vnasdsl.language.source import Source, Span
from vnasdsl.language.syntax_context import DEFINITION_TYPES, Context, other_format

SYNTAX = ("E0101", "E0104")
"""The codes of errors after which a part of the tree is missing or guessed."""


def parse(file: Source | Tokens) -> tree.Module:
    """The tree of a file. Raises: VnsError with all errors found (E01.., E0203, E0301)."""
    module, found = parse_with_errors(file)
    if found:
        raise VnsError(found)
    return module


def parse_with_errors(file: Source | Tokens) -> tuple[tree.Module, tuple[Diagnostic, ...]]:
    """The tree of a file, and its errors that leave the tree whole (repeated names, numbers out of range).

    Raises: VnsError for syntax errors.
    """
    module, found = parse_partial(file)
    syntax = [diagnostic for diagnostic in found if diagnostic.code in SYNTAX]
    if module is None or syntax:
        raise VnsError(syntax or found)
    return module, found


@gc_paused()
def parse_partial(file: Source | Tokens) -> tuple[tree.Module | None, tuple[Diagnostic, ...]]:
    """What can be read of a file, and all its errors. A statement that cannot be read is a `Line` with a `Gap`.

    None for a file that is too large, too deep, of another format, or has too many errors.
    """
    try:
        tokens = file if isinstance(file, Tokens) else Tokens(file)
        run = _Run(tokens, "module")
        items = run.read() or ()
        found = arrange([*run.diagnostics, *check(items)])
    except VnsError as fault:
        return None, fault.diagnostics
    if any(diagnostic.code == TOO_DEEP for diagnostic in found):
        return None, found  # nothing may walk such a tree
    source = tokens.source
    module = tree.Module(items, span=Span(source, 0, len(source.text)), source=source)
    return module, found


def state_at(tokens: Tokens, index: int) -> tuple[Callable[[Sequence[str]], bool], tuple[int, ...]]:
    """Whether tokens of some types could come at a place (a function), and the places of the brackets open there."""
    run = _Run(tokens, "module")
    run.read(index)
    return run.takes, tuple(run.open)


def parse_expression(source: Source) -> tree.Expression:
    """The tree of one expression, as in `--set key=value` and `--fix 'op=basic(1)|skip'`. Raises: VnsError."""
    run = _Run(Tokens(source), "expression")
    expression: tree.Expression = run.read()
    found = run.diagnostics or check([expression])
    if found:
        raise VnsError(arrange(found))
    return expression


_TRACKED = frozenset({*OPENING, *CLOSING, "NEWLINE"})


class _Run:
    """One pass over the tokens, with recovery.

    After an error the parser skips to the end of the statement and leaves a gap. Only `parse_partial` returns such a
    tree.
    """

    def __init__(self, tokens: Tokens, start: str):
        self.tokens = tokens
        self.items = tokens.items
        self.parser: Any = grammar().parse_interactive(start=start)
        self.start = start
        self.diagnostics: list[Diagnostic] = []
        self.silent_line = 0
        self.recoveries = 0
        self.open: list[int] = []
        """The places of open brackets."""
        # The parser as it was at the beginning of the current statement: for the file, and for each open brace.
        self.begins: list[Any] = [self._copy()]

    def _copy(self) -> Any:
        return self.parser.copy(deepcopy_values=False)

    def read(self, end: int | None = None) -> Any:
        """The tree of what can be read, up to a place; errors go to `diagnostics`."""
        index = 0
        result: Any = None
        end = len(self.items) if end is None else end
        while index < end:
            token = self.items[index]
            if len(self.parser.parser_state.state_stack) > MAX_STACK:
                raise error(TOO_DEEP, f"this is nested more than {MAX_DEPTH} deep", token.span)
            try:
                result = self._feed(token, index)
            except UnexpectedToken:
                index = self._recover(index)
            else:
                index += 1
        return result

    def _feed(self, token: Token, index: int) -> Any:
        """Give a token to the parser, and keep track of brackets and statements."""
        result = self.parser.feed_token(token)
        kind = token.type
        if kind not in _TRACKED:
            return result
        if kind in OPENING:
            self.open.append(index)
            if kind == "LBRACE":
                self.begins.append(self._copy())
        elif kind in CLOSING:
            self.open.pop()
            if kind == "RBRACE":
                self.begins.pop()
        else:
            self.begins[-1] = self._copy()
        return result

    def _insert(self, kind: str, index: int) -> None:
        """Give the parser a token that is not in the file."""
        self._feed(Token(kind, self.items[index].span), index)

    # ------------------------------------------------------------ what is wrong

    def _recover(self, index: int) -> int:
        """Report the error at a token; the place to continue from."""
        other = other_format(self.tokens.source) if not self.diagnostics else None
        if other is not None:
            raise VnsError(other)
        context = Context(self.tokens, index, self.start, tuple(self.open), self.takes)
        fault = syntax_errors.explain(context)
        here = self.items[index].span.line
        if here != self.silent_line or fault.to_top:
            self.diagnostics.append(fault.diagnostic)
        # One report a line: a second one is mostly an echo of the first.
        self.silent_line = here
        self.recoveries += 1
        if self.recoveries > MAX_RECOVERIES:
            raise VnsError(arrange(self.diagnostics))
        if fault.to_top:
            self._close_all(index)
            return index
        return index + fault.removed if fault.removed else self._skip(index)

    def takes(self, kinds: Sequence[str]) -> bool:
        """Whether the parser could continue with tokens of these kinds."""
        trial = self._copy()
        trial.parser_state.parse_conf = copy(trial.parser_state.parse_conf)
        trial.parser_state.parse_conf.callbacks = {}
        span = self.items[0].span
        try:
            for kind in kinds:
                trial.feed_token(Token(kind, span))
        except UnexpectedToken:
            return False
        return True

    # ------------------------------------------------------------- continuing

    def _skip(self, index: int) -> int:
        """Skip the statement: to its end in the tokens, back to its beginning in the parser. It leaves a gap."""
        if self.start == "expression":
            return len(self.items)
        depth = sum(place not in self.tokens.unclosed for place in self._leave_gap(index))
        while self.items[index].type != END:
            kind = self.items[index].type
            if self.tokens.starts_definition(index) or (not depth and self._begins(index)):
                break
            if kind in OPENING:
                depth += 1
            elif kind in CLOSING and depth:
                depth -= 1
            elif self.open and (kind == "RBRACE" or (kind == "NEWLINE" and not depth)):
                break
            index += 1
        kind = self.items[index].type
        if kind not in ("RBRACE", "NEWLINE", END):
            self._insert("NEWLINE", index)
        return index

    def _begins(self, index: int) -> bool:
        """Whether a token is the first of its line, and can begin a statement or definition."""
        if not self.tokens.starts_line(index):
            return False
        kind = self.items[index].type
        return self.takes(["NEWLINE", kind]) if self.open else kind in DEFINITION_TYPES

    def _close_all(self, index: int) -> None:
        """Close every open bracket, to keep what is before in the same definition."""
        while self.open:
            if self.items[self.open[-1]].type != "LBRACE" or not self.takes(["RBRACE"]):
                self._leave_gap(index)
            self._insert("RBRACE", index)
        if self.items[index].type != END:
            self._insert("NEWLINE", index)

    def _leave_gap(self, refused: int) -> list[int]:
        """Put a gap in place of the current statement, whose line ends before or at the unexpected token.

        The places of the brackets other than braces that were open in it.
        """
        left: list[int] = []
        while self.open and self.items[self.open[-1]].type != "LBRACE":
            left.append(self.open.pop())
        self.parser = self.begins[-1]
        self.begins[-1] = self._copy()
        first = refused
        while first > (self.open[-1] + 1 if self.open else 0) and not self.tokens.starts_line(first):
            first -= 1
        self.parser.feed_token(Token("GAP", self.items[first].span.to(self.items[refused].span)))
        return left

"""From source to syntax tree. A file with errors gives all of them that can be told apart, not only the first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from typing import Any

from lark.exceptions import UnexpectedToken

from vnasdsl.language import syntax_errors, tree
from vnasdsl.language.builder import GapToken
from vnasdsl.language.checks import TOO_DEEP, check
from vnasdsl.language.diagnostics import Diagnostic, VnsError, arrange, error
from vnasdsl.language.gc_paused import gc_paused
from vnasdsl.language.lexer import CLOSING, END, OPENING, Token, Tokens, grammar
from vnasdsl.language.limits import MAX_DEPTH, MAX_RECOVERIES, MAX_STACK
from vnasdsl.language.source import Source, Span
from vnasdsl.language.syntax_context import Context
from vnasdsl.language.syntax_habits import other_format
from vnasdsl.language.wording import DEFINITION_TYPES

__all__ = ["accepted", "parse", "parse_expression", "parse_partial", "parse_tokens"]


def parse(source: Source) -> tree.Module:
    """The tree of a file. Raises: VnsError with all errors found (E01.., E0203, E0301)."""
    return parse_tokens(Tokens(source))


def parse_tokens(tokens: Tokens) -> tree.Module:
    """As `parse`, from tokens."""
    module, found = _parse(tokens)
    if found:
        raise VnsError(found)
    return module


def parse_and_go_on(source: Source) -> tuple[tree.Module, tuple[Diagnostic, ...]]:
    """The tree of a file, and its errors that leave the tree whole (repeated names, numbers out of range).

    Raises: VnsError for syntax errors.
    """
    return _parse(Tokens(source))


@gc_paused()
def _parse(tokens: Tokens) -> tuple[tree.Module, tuple[Diagnostic, ...]]:
    source = tokens.source
    items = _Run(tokens, "module").finish()
    found = arrange(check(items))
    if any(diagnostic.code == TOO_DEEP for diagnostic in found):
        raise VnsError(found)
    return tree.Module(items, span=Span(source, 0, len(source.text)), source=source), found


@gc_paused()
def parse_partial(text: Source | Tokens) -> tuple[tree.Module | None, tuple[Diagnostic, ...]]:
    """What can be read of a file, and all its errors. A statement that cannot be read is a `Line` with a `Gap`.

    None for a file that is too large, too deep, of another format, or has too many errors.
    """
    try:
        tokens = text if isinstance(text, Tokens) else Tokens(text)
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


def accepted(tokens: Tokens, index: int) -> Callable[[Sequence[str]], bool]:
    """A function that says whether tokens of some types could come at a place, ignoring errors before it."""
    run = _Run(tokens, "module")
    run.read(index)
    return run.takes


def parse_expression(source: Source) -> tree.Expression:
    """The tree of one expression, as in `--set key=value` and `--fix 'op=basic(1)|skip'`. Raises: VnsError."""
    expression: tree.Expression = _Run(Tokens(source), "expression").finish()
    found = check([expression])
    if found:
        raise VnsError(arrange(found))
    return expression


_COUNTED = frozenset({*OPENING, *CLOSING, "NEWLINE"})


class _Run:
    """One pass over the tokens, with recovery.

    After an error the parser looks for a small repair (a token inserted, replaced or left out) with which it can
    continue; otherwise it skips to the end of the statement and leaves a gap. Only `parse_partial` returns such a tree.
    """

    def __init__(self, tokens: Tokens, start: str):
        self.tokens = tokens
        self.items = tokens.items
        self.parser: Any = grammar().parse_interactive(start=start)
        self.start = start
        self.diagnostics: list[Diagnostic] = []
        self.silent_line = 0
        self.recoveries = 0
        # Open brackets: the place of the token (or of the one before which a repair inserted it), the height of the
        # parser's stack after it, and its type.
        self.open: list[tuple[int, int, str]] = []
        # The height of the stack at the beginning of the current statement: for each open brace, and for the file.
        self.begins: list[int] = [1]

    def finish(self) -> Any:
        """The tree. Raises: VnsError with all errors."""
        result = self.read()
        if self.diagnostics:
            raise VnsError(arrange(self.diagnostics))
        return result

    def read(self, end: int | None = None) -> Any:
        """The tree of what can be read, up to a place; errors go to `diagnostics`."""
        index = 0
        result: Any = None
        states, feed = self._states, self.parser.feed_token
        end = len(self.items) if end is None else end
        while index < end:
            token = self.items[index]
            kind = token.type
            if len(states) > MAX_STACK:
                raise error(TOO_DEEP, f"this is nested more than {MAX_DEPTH} deep", token.span)
            try:
                result = feed(token)
            except UnexpectedToken:
                index = self._recover(index)
                continue
            if kind in _COUNTED:
                self._taken(token, index)
            index += 1
        if self.start == "module" and index > len(self.items):
            result = self._end()
        return result

    def _end(self) -> Any:
        """The tree if a repair took the end of the file."""
        last = len(self.items) - 1
        self._skip(last)
        self._close_all(last)
        return self.parser.feed_token(self.items[last])

    def _taken(self, token: Token, index: int) -> None:
        """Keep track of brackets and statements after the parser has taken a token."""
        if token.type in OPENING:
            self.open.append((index, len(self._states), token.type))
            if token.type == "LBRACE":
                self.begins.append(len(self._states))
        elif token.type in CLOSING:
            self.open.pop()
            if token.type == "RBRACE":
                self.begins.pop()
        elif token.type == "NEWLINE":
            self.begins[-1] = len(self._states)

    @property
    def _states(self) -> list[Any]:
        states: list[Any] = self.parser.parser_state.state_stack
        return states

    # ------------------------------------------------------------ what is wrong

    def _recover(self, index: int) -> int:
        """Report the error at a token; the place to continue from."""
        context = Context(self.tokens, index, self.start, [place for place, *_ in self.open], self.takes)
        other = other_format(self.tokens.source) if not self.diagnostics else None
        if other is not None:
            raise VnsError(other)
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
        if fault.instead is not None:
            span = self.items[index].span
            for kind in fault.instead:
                self._feed_repair(Token(kind, span), index)
            # One more if the end of the file was removed, so that `read` knows.
            return index + fault.removed + (self.items[index].type == END and fault.removed > 0)
        return self._skip(index)

    def _feed_repair(self, token: Token, index: int) -> None:
        self.parser.feed_token(token)
        self._taken(token, index)

    def takes(self, kinds: Sequence[str]) -> bool:
        """Whether the parser could continue with tokens of these kinds."""
        trial = self.parser.parser_state.copy(deepcopy_values=False)
        trial.parse_conf = copy(trial.parse_conf)
        trial.parse_conf.callbacks = {}
        span = self.items[0].span
        try:
            for kind in kinds:
                trial.feed_token(Token(kind, span), kind == END)
        except UnexpectedToken:
            return False
        return True

    # ------------------------------------------------------------- continuing

    def _skip(self, index: int) -> int:
        """Skip the statement: to its end in the tokens, back to its beginning on the stack."""
        depth = 0
        while self.open and self.open[-1][2] != "LBRACE":
            place, *_ = self.open.pop()
            depth += place not in self.tokens.unclosed
        self._cut(self.begins[-1])
        if self.start == "expression":
            return len(self.items)
        refused = index
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
        return self._after_gap(refused, index)

    def _after_gap(self, refused: int, index: int) -> int:
        """Leave a gap for what was skipped up to `index`; the place to continue from."""
        kind = self.items[index].type
        gap = self._leave_gap(refused)
        if kind == END or self.tokens.starts_definition(index):
            # Nothing else closes a brace that a repair inserted.
            while self.open and self.items[self.open[-1][0]].type != self.open[-1][2]:
                self._close_innermost(index)
                gap = True
        if gap:
            if kind not in ("RBRACE", "NEWLINE", END) and self.takes(["NEWLINE"]):
                self._feed_repair(Token("NEWLINE", self.items[index].span), index)
            return index
        if kind in ("RBRACE", END):
            self._take_line_end_back()
        return index + 1 if kind == "NEWLINE" else index

    def _begins(self, index: int) -> bool:
        """Whether a token is the first of its line, and can begin a statement or definition."""
        kind = self.items[index].type
        if not self.tokens.starts_line(index):
            return False
        return self.takes([kind]) if self.open else kind in DEFINITION_TYPES

    def _close_all(self, index: int) -> None:
        """Close every open bracket, to keep what is before in the same definition."""
        while self.open:
            self._close_innermost(index)
        if self.items[index].type != END and self.takes(["NEWLINE"]):
            self._feed_repair(Token("NEWLINE", self.items[index].span), index)

    def _close_innermost(self, index: int) -> None:
        if self.open[-1][2] != "LBRACE" or not self.takes(["RBRACE"]):
            while self.open and self.open[-1][2] != "LBRACE":
                self.open.pop()
            self._cut(self.begins[-1])
            if not self._leave_gap(index):
                self._take_line_end_back()
        if self.open:
            self._feed_repair(Token("RBRACE", self.items[index].span), index)

    # ---------------------------------------------------------- the parser's stack

    def _cut(self, height: int) -> None:
        del self._states[height:]
        del self.parser.parser_state.value_stack[height - 1 :]

    def _leave_gap(self, refused: int) -> bool:
        """Feed a gap for a skipped statement of a body: from the first token of its line to the refused one."""
        if not self.takes(["NAME", "RBRACE"]):
            return False
        first = refused
        while first > self.open[-1][0] + 1 and not self.tokens.starts_line(first):
            first -= 1
        self.parser.feed_token(GapToken("NAME", self.items[first].span.to(self.items[refused].span)))
        return True

    def _take_line_end_back(self) -> None:
        """Go back to before the line end after which nothing could be read."""
        if self.begins[-1] > (self.open[-1][1] if self.open else 1):
            self.begins[-1] -= 1
            self._cut(self.begins[-1])

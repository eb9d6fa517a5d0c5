"""From text to syntax tree. A wrong text gives every fault that can be told apart, not only the first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from typing import Any

from lark.exceptions import UnexpectedToken

from vnasdsl.language import syntax_errors, tree
from vnasdsl.language.checks import check
from vnasdsl.language.diagnostics import Diagnostic, VnsError, error
from vnasdsl.language.lexer import CLOSING, END, OPENING, Token, Tokens, grammar
from vnasdsl.language.limits import MAX_DEPTH, MAX_DIAGNOSTICS, MAX_RECOVERIES, MAX_STACK
from vnasdsl.language.source import Source, Span
from vnasdsl.language.wording import DEFINITION_TYPES

__all__ = ["parse", "parse_expression"]


def parse(source: Source) -> tree.Module:
    """The tree of a whole file. Raises: VnsError with all the faults found (E01.., E0203, E0301)."""
    items = _Run(Tokens(source), "module").finish()
    found = check(items)
    if found:
        raise _failure(found)
    return tree.Module(items, span=Span(source, 0, len(source.text)), source=source)


def parse_expression(source: Source) -> tree.Expression:
    """The tree of one expression, as in `--set key=value` and `--fix op=basic(1)|skip`. Raises: VnsError."""
    expression: tree.Expression = _Run(Tokens(source), "expression").finish()
    found = check([expression])
    if found:
        raise _failure(found)
    return expression


def _failure(found: Iterable[Diagnostic]) -> VnsError:
    """The error for some faults: in order of place, each once, at most MAX_DIAGNOSTICS and a count of the rest."""

    def place(diagnostic: Diagnostic) -> tuple[int, int]:
        span = diagnostic.primary.span if diagnostic.primary else None
        return (span.start, span.end) if span else (0, 0)

    unique: dict[tuple[object, ...], Diagnostic] = {}
    for diagnostic in sorted(found, key=place):
        unique.setdefault((place(diagnostic), diagnostic.code, diagnostic.message), diagnostic)
    kept = list(unique.values())
    if len(kept) > MAX_DIAGNOSTICS:
        more = len(kept) - MAX_DIAGNOSTICS
        text = f"{more} more {'fault' if more == 1 else 'faults'} not shown"
        kept = [*kept[:MAX_DIAGNOSTICS], Diagnostic("E0101", text, None)]
    return VnsError(kept)


class _Run:
    """One pass over the tokens, with recovery.

    After a fault the parser first looks for a small repair (a sign put in, changed or left out) under which it can
    go on; else it skips to the end of the statement. No tree that was repaired reaches a caller: faults are raised.
    """

    def __init__(self, tokens: Tokens, start: str):
        self.tokens = tokens
        self.items = tokens.items
        self.parser: Any = grammar().parse_interactive(start=start)
        self.start = start
        self.diagnostics: list[Diagnostic] = []
        self.silent_line = 0
        self.recoveries = 0
        # Open brackets: the place of the token, and how high the parser's stack was once it had taken it.
        self.open: list[tuple[int, int]] = []

    def finish(self) -> Any:
        index = 0
        result: Any = None
        while index < len(self.items):
            token = self.items[index]
            if len(self._states) > MAX_STACK:
                raise error("E0105", f"this is nested more than {MAX_DEPTH} deep", token.span)
            try:
                result = self.parser.feed_token(token)
            except UnexpectedToken:
                index = self._recover(index)
                continue
            if token.type in OPENING:
                self.open.append((index, len(self._states)))
            elif token.type in CLOSING:
                self.open.pop()
            index += 1
        if self.diagnostics:
            raise _failure(self.diagnostics)
        return result

    @property
    def _states(self) -> list[Any]:
        states: list[Any] = self.parser.parser_state.state_stack
        return states

    # ------------------------------------------------------------ what is wrong

    def _recover(self, index: int) -> int:
        """Reports the fault at a token and returns the place to go on from."""
        context = syntax_errors.Context(self.tokens, index, self.start, [place for place, _ in self.open], self.takes)
        fault = syntax_errors.explain(context)
        here = self.items[index].span.line
        if here != self.silent_line or fault.to_top:
            self.diagnostics.append(fault.diagnostic)
        # One report a line: a second one is more often an echo of the first than a fault of its own.
        self.silent_line = here
        self.recoveries += 1
        if self.recoveries > MAX_RECOVERIES:
            raise _failure(self.diagnostics)
        if fault.to_top:
            self._drop_to_top()
            return index
        if fault.instead is not None:
            span = self.items[index].span
            for kind in fault.instead:
                self._feed_repair(Token(kind, span), index)
            return index + fault.removed
        return self._skip(index)

    def _feed_repair(self, token: Token, index: int) -> None:
        self.parser.feed_token(token)
        if token.type in OPENING:
            self.open.append((index, len(self._states)))
        elif token.type in CLOSING:
            self.open.pop()

    def takes(self, kinds: Sequence[str]) -> bool:
        """Whether the parser could go on with tokens of these kinds."""
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

    # --------------------------------------------------------------- going on

    def _skip(self, index: int) -> int:
        """Leaves the statement out: from here to its end, and on the parser's stack back to its beginning."""
        depth = 0
        while self.open and self.items[self.open[-1][0]].type != "LBRACE":
            place, _ = self.open.pop()
            depth += place not in self.tokens.unclosed
        height = self.open[-1][1] if self.open else 1
        del self._states[height:]
        del self.parser.parser_state.value_stack[height - 1 :]
        if self.start == "expression":
            return len(self.items)
        while self.items[index].type != END:
            kind = self.items[index].type
            if self.tokens.starts_definition(index) or (not depth and self._begins(index)):
                return index
            if kind in OPENING:
                depth += 1
            elif kind in CLOSING and depth:
                depth -= 1
            elif kind == "RBRACE" and self.open:
                return index
            elif kind == "NEWLINE" and not depth and self.open:
                return index + 1
            index += 1
        return index

    def _begins(self, index: int) -> bool:
        """Whether a statement or definition can begin at a token that is the first of its line."""
        kind = self.items[index].type
        if not self.tokens.starts_line(index):
            return False
        return self.takes([kind]) if self.open else kind in DEFINITION_TYPES

    def _drop_to_top(self) -> None:
        self.open.clear()
        del self._states[1:]
        del self.parser.parser_state.value_stack[:]

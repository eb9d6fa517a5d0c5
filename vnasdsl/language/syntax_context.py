"""Where the parser met a token that no rule takes, and what it is told to do about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from vnasdsl.language.diagnostics import Diagnostic
from vnasdsl.language.lexer import END, Token, Tokens, lex
from vnasdsl.language.source import Source


class Fault(NamedTuple):
    """A diagnostic and how to continue: with the tokens `instead` in place of `removed` ones, from the top of the file,
    or (neither given) after the statement."""

    diagnostic: Diagnostic
    instead: tuple[str, ...] | None = None
    removed: int = 0
    to_top: bool = False


@dataclass(frozen=True)
class Context:
    """A syntax error: the tokens, the unexpected one, what is being read, and the places of open brackets."""

    tokens: Tokens
    index: int
    start: str
    open: Sequence[int]
    takes: Callable[[Sequence[str]], bool]

    @property
    def token(self) -> Token:
        return self.tokens.items[self.index]

    @property
    def before(self) -> Token | None:
        return self.tokens.items[self.index - 1] if self.index else None

    @property
    def innermost(self) -> str | None:
        return self.tokens.items[self.open[-1]].type if self.open else None

    @property
    def line_ended(self) -> bool:
        """Whether the line ended too early: at a line end, or after a sign that made the parser look further."""
        if self.token.type in ("NEWLINE", END):
            return True
        if self.before is None or self.before.type in ("NEWLINE", "LBRACE"):
            return False
        return self.innermost in (None, "LBRACE") and self.tokens.starts_line(self.index)

    def works(self, instead: Sequence[str], removed: int) -> bool:
        """Whether the parser could read two more tokens after a repair. None takes the end of the file away."""
        if any(token.type == END for token in self.tokens.items[self.index : self.index + removed]):
            return False
        rest = [token.type for token in self.tokens.items[self.index + removed : self.index + removed + 2]]
        return self.takes([*instead, *rest])

    def repaired(self, diagnostic: Diagnostic, *repairs: tuple[tuple[str, ...], int]) -> Fault:
        """The error with the first repair that works, if any; its own fix is tried first."""
        for instead, removed in (*self._fixed(diagnostic), *repairs):
            if self.works(instead, removed):
                return Fault(diagnostic, instead, removed)
        return Fault(diagnostic)

    def _fixed(self, diagnostic: Diagnostic) -> list[tuple[tuple[str, ...], int]]:
        """The tokens of a diagnostic's fix, where the parser can still take them: it has read those before the refused
        one, and cannot take them back."""
        fix = diagnostic.fix
        if fix is None:
            return []
        items = self.tokens.items
        first = self.index
        while first > 0 and items[first - 1].span.start >= fix.span.start:
            first -= 1
        last = self.index
        while items[last].type != END and items[last].span.start < fix.span.end:
            last += 1
        new = list(lex(Source("", fix.replacement)))
        read = items[first : self.index]
        if [(t.type, t.text) for t in new[: len(read)]] != [(t.type, t.text) for t in read]:
            return []
        # The text of a number is that of the unexpected token, which is none: a name stands for it.
        kinds = ("NAME" if token.type in ("NUMBER", "DIMS") else token.type for token in new[len(read) :])
        return [(tuple(kinds), last - self.index)]

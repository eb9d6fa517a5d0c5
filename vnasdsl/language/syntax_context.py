"""Where the parser met a token that no rule takes, and what it is told to do about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from vnasdsl.language.diagnostics import Diagnostic
from vnasdsl.language.lexer import END, Token, Tokens


class Fault(NamedTuple):
    """A diagnostic and how to continue: without some tokens, from the top of the file, or (neither) after the
    statement."""

    diagnostic: Diagnostic
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

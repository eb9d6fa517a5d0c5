"""The words of the language, for tools that colour it: taken from the grammar, the catalogue and the recipes."""

from __future__ import annotations

from vnasdsl.language.checks import RECIPE_KINDS
from vnasdsl.language.grammar import grammar
from vnasdsl.layers import CATALOGUE
from vnasdsl.space.values import WORDS as VALUES


def _terminals() -> dict[str, str]:
    return {terminal.name: str(terminal.pattern.value) for terminal in grammar().terminals}


_TERMINALS = _terminals()
_BRACKETS = frozenset("()[]{},:.")

KEYWORDS = tuple(sorted(text for text in _TERMINALS.values() if text.isalpha() and text.islower()))
"""Reserved words, from the grammar."""
OPERATORS = tuple(
    sorted(
        (
            sign
            for sign in (str(t.pattern.value) for t in grammar().terminals if t.pattern.type == "str")
            if not sign.isalpha() and sign not in _BRACKETS
        ),
        key=lambda sign: (-len(sign), sign),
    )
)
"""Signs between values, from the grammar, longest first."""
RECIPES = tuple(RECIPE_KINDS)
WORDS = tuple(sorted(VALUES.keys() - CATALOGUE.keys()))
"""Values that have a name, and are no layers."""
LAYERS = tuple(sorted(CATALOGUE))
NUMBER, DIMS = _TERMINALS["NUMBER"], _TERMINALS["DIMS"]
"""Patterns, from the grammar."""

"""How syntax errors name tokens and characters."""

from __future__ import annotations

import unicodedata
from collections.abc import Set

from vnasdsl.language.lexer import END, KEYWORDS

KEYWORD_TYPES = frozenset(word.upper() for word in KEYWORDS)
DEFINITION_TYPES = frozenset({"BLOCK", "SPACE", "NETWORK", "IMPORT", "TIED"})

SIGNS = {
    "ARROW": "->", "VBAR": "|", "EQUAL": "=", "COMMA": ",", "LPAR": "(", "RPAR": ")", "LSQB": "[", "RSQB": "]",
    "LBRACE": "{", "RBRACE": "}", "COLON": ":", "DOT": ".", "PLUS": "+", "MINUS": "-", "STAR": "*",
    "DOUBLE_SLASH": "//", "DOUBLE_DOT": "..", "LESSTHAN": "<", "LESS_EQUAL": "<=", "MORETHAN": ">",
    "GREATER_EQUAL": ">=", "EQUAL_EQUAL": "==", "NOT_EQUAL": "!=",
}  # fmt: skip
COMPARISONS = frozenset({"LESSTHAN", "LESS_EQUAL", "MORETHAN", "GREATER_EQUAL", "EQUAL_EQUAL", "NOT_EQUAL"})
_VALUE_STARTS = frozenset({"NAME", "NUMBER", "DIMS", "STRING", "LPAR", "LSQB", "MINUS", "PICK"})
_STATEMENT_STARTS = frozenset({"INPUT", "STAGE", "REQUIRE", "OUT"})
# Nearly everything may follow a complete value; these are left out to keep the message readable.
_UNLIKELY = frozenset({"IF", "PLUS", "MINUS", "STAR", "DOUBLE_SLASH", "DOUBLE_DOT", "LPAR", "LBRACE"})
_WORDS = {
    "NAME": "a name",
    "STRING": "a string",
    "NUMBER": "a number",
    "NEWLINE": "the end of the line",
    END: "the end of the text",
}

TERMINALS = frozenset({*SIGNS, *KEYWORD_TYPES, *_WORDS, "DIMS"})
"""Every terminal but those for wrong characters."""


def alternatives(accepted: Set[str]) -> str:
    """The terminals that could come next, in words, most likely first; unlikely ones are left out."""
    kinds = set(accepted)
    names: list[str] = []
    if kinds >= _VALUE_STARTS:
        kinds -= _VALUE_STARTS
        names.append("a statement" if kinds & _STATEMENT_STARTS else "a layer or a value")
        kinds -= _STATEMENT_STARTS | {"RSQB", "RPAR", "RBRACE"}
    elif kinds >= COMPARISONS:
        kinds -= COMPARISONS | _UNLIKELY
        names.append("a comparison such as `<=`")
    elif "PLUS" in kinds and kinds - _UNLIKELY:
        kinds -= _UNLIKELY
    if "NEWLINE" in kinds or END in kinds:
        kinds -= {"RBRACE"}
    if kinds >= DEFINITION_TYPES:
        kinds -= DEFINITION_TYPES | {"NAME"}
        names.append("a definition")
    if {"NEWLINE", END} <= kinds:
        kinds -= {END}
    names.extend(f"`{SIGNS[kind]}`" for kind in SIGNS if kind in kinds)
    names.extend(f"`{kind.lower()}`" for kind in sorted(kinds & KEYWORD_TYPES))
    names.extend(word for kind, word in _WORDS.items() if kind in kinds)
    if not names:
        return "something else"
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " or " + names[-1]


def shorten(text: str) -> str:
    """A text short enough for a message."""
    return text if len(text) <= 40 else text[:37] + "..."


def character(text: str) -> str:
    """A character in words: as it is if that is readable, else by its number and name."""
    if text.isascii() and text.isprintable():
        return f"`{text}`"
    name = unicodedata.name(text, "")
    code = f"U+{ord(text):04X}"
    return f"`{text}` ({code} {name})" if text.isprintable() and name else f"{code} {name}".strip()

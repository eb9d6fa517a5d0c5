"""Text as a terminal shows it: the width of characters, and stand-ins for those that would control the terminal."""

from __future__ import annotations

import unicodedata

TAB = 4
"""Columns between tab stops."""


def visible(text: str) -> str:
    """The text with control characters (line ends too), formatting characters and lone surrogates made visible.

    Call it on every name, path or text from outside before it goes into a message or to a terminal.
    """
    return "".join(" " if char == "\t" else _cell(char)[0] for char in text)


def columns(text: str) -> tuple[list[str], list[int]]:
    """What to show for each character of a line, and the column (from 0) where it begins; one more for the end."""
    shown: list[str] = []
    starts = [0]
    for char in text:
        if char == "\t":
            width = TAB - starts[-1] % TAB
            piece = " " * width
        else:
            piece, width = _cell(char)
        shown.append(piece)
        starts.append(starts[-1] + width)
    return shown, starts


def _cell(char: str) -> tuple[str, int]:
    if " " <= char <= "~":
        return char, 1
    if char < " ":
        return chr(0x2400 + ord(char)), 1
    if char == "\x7f":
        return "\N{SYMBOL FOR DELETE}", 1
    category = unicodedata.category(char)
    if category in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        piece = f"<U+{ord(char):04X}>"
        return piece, len(piece)
    if category in ("Mn", "Me"):
        return char, 0
    return char, 2 if unicodedata.east_asian_width(char) in "WF" else 1

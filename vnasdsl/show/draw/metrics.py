"""How wide a text is, without a font at hand: advance widths of DejaVu Sans, wider than what most systems show."""

from __future__ import annotations

import unicodedata

# Hundredths of the font size for the characters from blank to tilde.
_PLAIN = (
    "32 40 46 84 64 95 78 27 39 39 50 84 32 36 32 34 64 64 64 64 64 64 64 64 64 64 34 34 84 84 84 53 100 68 69 70 77 63"
    " 58 77 75 29 29 66 56 86 75 79 60 79 69 63 61 73 68 99 69 61 69 39 34 39 84 50 50 61 63 55 63 62 35 63 63 28 28 58"
    " 28 97 63 61 63 63 41 52 39 63 59 82 59 59 52 64 34 64 84"
)
_WIDTHS = {chr(32 + number): int(width) / 100 for number, width in enumerate(_PLAIN.split())}
_BOLD = 1.1
ELLIPSIS = "…"


def text_width(text: str, size: float = 12, bold: bool = False) -> float:
    """Pixels that a text takes at a font size in pixels."""
    width = 0.0  # not `sum`, which rounds otherwise since Python 3.12: pictures are the same in all versions
    for character in text:
        width += _width(character)
    return width * size * (_BOLD if bold else 1)


def _width(char: str) -> float:
    known = _WIDTHS.get(char)
    if known is not None:
        return known
    if unicodedata.combining(char):
        return 0
    return 1.0 if unicodedata.east_asian_width(char) in "WF" or ord(char) > 0x2FFF else 0.84


def shortened(text: str, room: float, size: float = 12, bold: bool = False) -> str:
    """The text, or as much of it as fits with an ellipsis."""
    if text_width(text, size, bold) <= room:
        return text
    left = room - text_width(ELLIPSIS, size, bold)
    fits = 0
    for char in text:
        left -= text_width(char, size, bold)
        if left < 0:
            break
        fits += 1
    return text[:fits].rstrip() + ELLIPSIS


def wrapped(text: str, room: float, size: float = 12, most: int = 4) -> list[str]:
    """The text in lines of this width, broken at blanks where there are any; what is past `most` lines is cut."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if text_width(longer, size) <= room:
            lines[-1] = longer
            continue
        if lines[-1]:
            lines.append("")
        while text_width(word, size) > room:  # no blank to break at
            fits = max(len(shortened(word, room + text_width(ELLIPSIS, size), size)) - 1, 1)
            lines[-1:] = [word[:fits], ""]
            word = word[fits:]
        lines[-1] = word
    if len(lines) > most:
        lines = [*lines[: most - 1], shortened(" ".join(lines[most - 1 :]), room, size)]
    return lines


def visible(text: str) -> str:
    """A text in one line: characters that control instead of showing become blanks."""
    return "".join(" " if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp", "Cn") else c for c in text)

"""The one place where offsets in code points become positions of the protocol, and back.

The protocol counts lines from 0 and columns in units of the encoding that client and server agreed on: UTF-16 unless
the client prefers another. Line ends are "\\n", "\\r\\n" and "\\r"; sources have them all as "\\n".
"""

from __future__ import annotations

from lsprotocol import types

from vnasdsl.language.source import Source, Span

UTF8, UTF16 = types.PositionEncodingKind.Utf8, types.PositionEncodingKind.Utf16
Encoding = str


def units(text: str, encoding: Encoding) -> int:
    """How many columns a text takes."""
    if text.isascii():
        return len(text)
    if encoding == UTF16:
        return len(text) + sum(char > "\uffff" for char in text)
    if encoding == UTF8:
        return len(text.encode("utf-8", "surrogatepass"))
    return len(text)


def position(source: Source, offset: int, encoding: Encoding) -> types.Position:
    """The position of an offset in code points."""
    line, column = source.position(offset)
    start = offset - column + 1
    return types.Position(line - 1, units(source.text[start:offset], encoding))


def offset(source: Source, place: types.Position, encoding: Encoding) -> int:
    """The offset of a position in code points; a place past the end of its line or of the text is that end."""
    if place.line >= len(source.line_starts):
        return len(source.text)
    line = source.line(place.line + 1)
    start = source.line_starts[place.line]
    if line.isascii():
        return start + min(place.character, len(line))
    column = 0
    for i, char in enumerate(line):
        if column >= place.character:
            return start + i
        column += units(char, encoding)
    return start + len(line)


def range_of(span: Span, encoding: Encoding) -> types.Range:
    return types.Range(position(span.source, span.start, encoding), position(span.source, span.end, encoding))


def span_of(source: Source, area: types.Range, encoding: Encoding) -> Span:
    return Span(source, offset(source, area.start, encoding), offset(source, area.end, encoding))

"""The one place where offsets in code points become positions of the protocol, and back.

The protocol counts lines from 0 and columns in units of the encoding that client and server agreed on: UTF-16 unless
the client prefers another. Line ends are "\\n", "\\r\\n" and "\\r"; sources have them all as "\\n".
"""

from __future__ import annotations

from lsprotocol import types
from pygls.workspace import PositionCodec

from vnasdsl.language.source import Source, Span

Encoding = str


def position(source: Source, offset: int, encoding: Encoding) -> types.Position:
    """The position of an offset in code points."""
    line, column = source.position(offset)
    before = source.text[offset - column + 1 : offset]
    return types.Position(line - 1, PositionCodec(encoding).client_num_units(before))


def offset(source: Source, place: types.Position, encoding: Encoding) -> int:
    """The offset of a position in code points; a place past the end of its line or of the text is that end."""
    if place.line >= len(source.line_starts):
        return len(source.text)
    line, codec = source.line(place.line + 1), PositionCodec(encoding)
    known = types.Position(0, min(place.character, codec.client_num_units(line)))
    return source.line_starts[place.line] + codec.position_from_client_units([line], known).character


def range_of(span: Span, encoding: Encoding) -> types.Range:
    return types.Range(position(span.source, span.start, encoding), position(span.source, span.end, encoding))


def span_of(source: Source, area: types.Range, encoding: Encoding) -> Span:
    return Span(source, offset(source, area.start, encoding), offset(source, area.end, encoding))

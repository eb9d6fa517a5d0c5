"""The layers of a network as the text names them: what stands in a box."""

from __future__ import annotations

from collections.abc import Iterator

from vnasdsl.language.printer import print_inline
from vnasdsl.space.elements import BodyLayer, Element, Group, LayerCall, LayerChoice, Repeat
from vnasdsl.space.values import WORDS


def parts(element: Element) -> Iterator[tuple[str, Element]]:
    """(text, element) of what stands one after the other: a use of a block is one thing, a chain several."""
    match element:
        case LayerCall():
            yield print_inline(element.call), element
        case BodyLayer():
            inner = " -> ".join(text for text, _ in parts(element.body))
            yield f"{print_inline(element.call)} {{ {inner} }}", element
        case Group() if element.call is not None:
            yield print_inline(element.call), element
        case Group() if any(isinstance(value, str) and value not in WORDS for _, value in element.bound):
            yield " ".join(element.span.text.split()), element  # a layer was handed to the block
        case Group() | Repeat():
            for item in element.items:
                yield from parts(item)
        case LayerChoice():
            yield " | ".join(option.text for option in element.options), element
        case _:
            yield " ".join(element.span.text.split()), element

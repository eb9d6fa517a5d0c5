"""What a part of a space says, in the notation of the language: `conv(8 | 16, 1x3x3)`, `5 * (basic(1) | skip)`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vnasdsl.language import tree
from vnasdsl.language.printer import print_inline
from vnasdsl.space.elements import (
    BodyLayer,
    DeferredArgument,
    DeferredCall,
    Element,
    Group,
    Join,
    LayerCall,
    LayerChoice,
    Many,
    NameRef,
    Pick,
    Repeat,
    When,
)


def text_of(element: Element) -> str:
    """The element as source text, values of block parameters filled in where they are known."""
    match element:
        case LayerCall():
            return _call(element.call)
        case NameRef():
            return element.wire if element.index is None else f"{element.wire}[{element.index}]"
        case BodyLayer():
            inner = "; ".join(" -> ".join(map(text_of, line)) for line in element.body.lines)
            return f"{_call(element.call).removesuffix('()')} {{ {inner} }}"
        case Join():
            return f"{element.layer.name}({', '.join(map(text_of, element.inputs))})"
        case Group() if element.block is not None and element.call is not None:
            return _call(element.call)
        case Group() if element.block is None:
            return " -> ".join(map(text_of, element.items))
        case LayerChoice() if element.key == "op":
            return " | ".join(text_of(option.element) for option in element.options)
        case LayerChoice() if element.key == "number":
            most = max(element.options, key=lambda option: int(option.text)).element
            counts = options_text([option.text for option in element.options])
            return f"{counts} * {_copied(dict.fromkeys(map(text_of, getattr(most, 'items', (most,)))))}"
        case LayerChoice():
            return merged([text_of(option.element) for option in element.options])
        case Repeat() | Many() if len(items := dict.fromkeys(map(text_of, element.items))) == 1:
            count = len(element.items)
            return next(iter(items)) if count == 1 else f"{count} * {_copied(items)}"
        case Many():
            return f"[{', '.join(map(text_of, element.items))}]"
        case Pick():
            options = ", ".join(option.text for option in element.options)
            return f"pick {number_range(element.least, element.most)} of [{options}]"
        case DeferredCall():
            return _call(element.call)
        case Group() | Repeat() | When():
            return _inline(element.span.text)


def _copied(texts: Iterable[str]) -> str:
    """What stands after `5 *`."""
    texts = list(texts)
    if len(texts) > 1:
        return f"[{', '.join(texts)}]"
    return f"({texts[0]})" if " -> " in texts[0] or " | " in texts[0] else texts[0]


def _call(call: tree.Expression) -> str:
    return _inline(print_inline(call))


def _inline(text: str) -> str:
    """A text in one line, however it was broken into several."""
    return " ".join(text.split()).replace("( ", "(").replace(", )", ")")


def merged(texts: Sequence[str]) -> str:
    """Texts that differ in one place as one: `conv(8, 1x1x1)`, `conv(16, 1x1x1)` as `conv(8 | 16, 1x1x1)`."""
    texts = list(dict.fromkeys(texts))
    if len(texts) == 1:
        return texts[0]
    start = _common(texts)
    rest = [text[start:] for text in texts]
    end = _common([text[::-1] for text in rest])
    middle = [text[: len(text) - end] for text in rest]
    return texts[0][:start] + options_text(middle) + texts[0][len(texts[0]) - end :]


def _common(texts: Sequence[str]) -> int:
    """The length of a common beginning that cuts no word or number in two."""
    alike = next((i for i, chars in enumerate(zip(*texts, strict=False)) if len(set(chars)) > 1), min(map(len, texts)))
    while alike and (texts[0][alike - 1].isalnum() or texts[0][alike - 1] in "_."):
        alike -= 1
    return alike


def options_text(options: Sequence[str]) -> str:
    """`8 | 16`, or `1..6` for numbers without a gap."""
    if len(options) > 2 and all(option.isdigit() for option in options):
        numbers = [int(option) for option in options]
        if numbers == list(range(numbers[0], numbers[-1] + 1)):
            return number_range(numbers[0], numbers[-1])
    return " | ".join(options)


def number_range(least: int, most: int) -> str:
    return str(least) if least == most else f"{least}..{most}"


def field_options(field: DeferredArgument) -> str:
    """`8 | 16`, `0.0..1.0`."""
    return options_text(field.options) if field.options else f"{field.low}..{field.high}"

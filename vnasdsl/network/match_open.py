"""Calls with open arguments against a network: which values they have there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from itertools import product

from vnasdsl.language.diagnostics import VnsError
from vnasdsl.language.printer import print_inline
from vnasdsl.language.source import Source, Span
from vnasdsl.layers.base import Value
from vnasdsl.network.match_answers import MOST_WAYS, NOTHING, Answer, Made, Target, at, both
from vnasdsl.network.match_reader import Reader
from vnasdsl.space.elements import DeferredArgument, DeferredCall, Element, first_value, real
from vnasdsl.space.values import expression_of


class OpenReader(Reader):
    """Closes calls as the network says, or in every way."""

    def _open(self, element: DeferredCall, target: Target) -> Iterator[Answer]:
        found = False
        for texts in dict.fromkeys(self._hints(element, target)):
            for answer in self._closed(element, texts, target):
                found = True
                yield answer
        if not found and target != 0:  # the network does not say how, and the input is no layer
            for texts in self._ways(element, target):
                for answer in self._closed(element, texts, target):
                    found = True
                    yield answer
        if not found and target != NOTHING:
            self._miss(target, element)

    def _closed(self, element: DeferredCall, texts: tuple[str, ...], target: Target) -> Iterator[Answer]:
        made = self._close(element, texts)
        if made is None:
            return
        for answer in self.answers(made, target):
            chosen: Made = ()
            for f, text in zip(element.fields, texts, strict=True):
                chosen = both(chosen, ("choice", f.key, text))
            yield replace(answer, made=at(element.label, both(chosen, answer.made)))

    def _close(self, element: DeferredCall, texts: tuple[str, ...]) -> Element | None:
        key = (id(element), texts)
        if key not in self._made:
            try:
                self._made[key] = (element, element.make(texts))
            except VnsError:
                self._made[key] = (element, None)
        return self._made[key][1]

    def _hints(self, element: DeferredCall, target: Target) -> Iterator[tuple[str, ...]]:
        """What the network hands to its own use of the same block or layer at this node."""
        for values in self._given(element, target):
            texts = [written(values[f.key], f) if f.key in values else None for f in element.fields]
            if all(text is not None for text in texts):
                yield tuple(text for text in texts if text is not None)

    def _given(self, element: DeferredCall, target: Target) -> Iterator[dict[str, Value]]:
        function = element.call.function
        yield from (dict(use.bound) for use in self.uses.get(target, ()) if use.block == function)
        node = self._node(target)
        if node is not None and node.layer is not None and node.layer.name == function:
            yield dict(node.arguments)

    def _ways(self, element: DeferredCall, target: Target) -> Iterator[tuple[str, ...]]:
        """Texts for the fields where the network does not say which: every option, of what it says that; for a real
        number those that stand somewhere in the network."""
        if target == NOTHING:
            yield tuple(first_value(f) for f in element.fields)
            return
        given = next(self._given(element, target), {})
        columns: list[tuple[str, ...]] = []
        for f in element.fields:
            known = written(given[f.key], f) if f.key in given else None
            reals = tuple(
                repr(n) for n in self.reals if f.low is not None and f.high is not None and f.low <= n <= f.high
            )
            columns.append((known,) if known is not None else f.options or reals or (first_value(f),))
        for texts in product(*columns):
            if not self.guessing or self.guessed >= MOST_WAYS:
                self.undecided.append(element)
                break
            self.guessed += 1
            yield texts

    @cached_property
    def reals(self) -> tuple[float, ...]:
        """The numbers that are no whole ones among the arguments of the network's layers, and 0 and 1."""
        found = {0.0: None, 1.0: None}
        for number in self.network.live:
            for _, value in self.network.nodes[number].arguments:
                if isinstance(value, float):
                    found[value] = None
        return tuple(found)


def written(value: Value, field: DeferredArgument) -> str | None:
    """A value of the network as the space writes it; None when it offers no such value."""
    if field.low is not None and field.high is not None:
        number = real(str(value))
        return repr(number) if number is not None and field.low <= number <= field.high else None
    spelled = {"".join(str(value).split())}
    if not isinstance(value, str):
        nowhere = Span(Source("", ""), 0, 0)
        spelled.add("".join(print_inline(expression_of(value, nowhere)).split()))
    return next((o for o in field.options if "".join(o.split()) in spelled), None)

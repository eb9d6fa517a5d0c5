"""What layers make of shapes, computed once for each layer and shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from vnasdsl.layers.base import Applied, LayerError, Shape
from vnasdsl.space.elements import BodyLayer, Element, Join, LayerCall
from vnasdsl.space.values import resolve_arguments

Answer: TypeAlias = "Applied | LayerError"


class LayerRules:
    """What layers make of shapes, computed once for each layer and shape and shared by all networks of a space."""

    LARGEST = 100_000

    def __init__(self, classes: int):
        self.classes = classes
        self._known: dict[tuple[object, ...], tuple[Element, Answer]] = {}

    def apply(self, call: LayerCall, shape: Shape) -> Applied:
        """Raises: LayerError."""
        key = (id(call), shape)
        known = self._known.get(key)
        return _answer(known[1] if known is not None else self._keep(key, call, lambda: self._applied(call, shape)))

    def join(self, element: Join, shapes: tuple[Shape, ...]) -> Applied:
        """Raises: LayerError."""
        key = (id(element), shapes, 0)
        known = self._known.get(key)
        return _answer(
            known[1] if known is not None else self._keep(key, element, lambda: self._joined(element, shapes))
        )

    def leave(self, element: BodyLayer, before: Shape, after: Shape) -> Applied:
        """Raises: LayerError."""
        key = (id(element), before, after)
        known = self._known.get(key)
        if known is not None:
            return _answer(known[1])
        body = element.layer.body
        assert body is not None
        leave = body.leave

        def rule() -> Applied:
            return leave(resolve_arguments(element.arguments, before), before, after, self.classes)

        return _answer(self._keep(key, element, rule))

    def _applied(self, call: LayerCall, shape: Shape) -> Applied:
        return call.layer.apply(resolve_arguments(call.arguments, shape), shape, self.classes)

    def _joined(self, element: Join, shapes: tuple[Shape, ...]) -> Applied:
        assert element.layer.join is not None
        if not shapes:
            raise LayerError("E0308", f"`{element.layer.name}` has nothing to join", "give it at least one input")
        return element.layer.join(resolve_arguments(element.arguments, shapes[0]), shapes, self.classes)

    def _keep(self, key: tuple[object, ...], element: Element, rule: Callable[[], Applied]) -> Answer:
        answer: Answer
        try:
            answer = rule()
        except LayerError as fault:
            answer = fault
        if len(self._known) >= self.LARGEST:
            self._known.clear()
        self._known[key] = (element, answer)  # the element is kept with it: an id is unique only while its object lives
        return answer


def _answer(answer: Answer) -> Applied:
    if isinstance(answer, LayerError):
        raise answer
    return answer

"""What layers make of shapes, computed once for each layer and shape."""

from __future__ import annotations

from collections.abc import Callable

from vnasdsl.layers.base import Applied, Arguments, Body, LayerError, Shape
from vnasdsl.space.elements import BodyLayer, Join, LayerCall
from vnasdsl.space.values import resolve_arguments


class LayerRules:
    """What layers make of shapes, computed once for equal layers and shapes, and shared by all networks of a space."""

    LARGEST = 100_000

    def __init__(self, classes: int):
        self.classes = classes
        self._known: dict[tuple[object, ...], Applied | LayerError] = {}

    def apply(self, call: LayerCall, shape: Shape) -> Applied:
        """Raises: LayerError."""
        return self._once(call, (shape,), lambda given: call.layer.apply(given, shape, self.classes))

    def join(self, element: Join, shapes: tuple[Shape, ...]) -> Applied:
        """At the shapes of its inputs one by one. Words such as `frames` in its arguments are those of its first input.
        Raises: LayerError."""
        join = element.layer.join
        assert join is not None
        if not shapes:
            raise LayerError("E0308", f"`{element.layer.name}` has nothing to join", "give it at least one input")
        return self._once(element, shapes, lambda given: join(given, shapes, self.classes))

    def enter(self, element: BodyLayer, shape: Shape) -> tuple[Shape, int]:
        """The shape that the body of a layer is given, and how often it runs for one clip. Raises: LayerError."""
        given = resolve_arguments(element.arguments, shape)
        return _body(element).enter(given, shape), _body(element).times(given)

    def leave(self, element: BodyLayer, before: Shape, after: Shape) -> Applied:
        """A layer around a body that makes `after`: its own costs, without those of the body. Raises: LayerError."""
        leave = _body(element).leave
        return self._once(element, (before, after), lambda given: leave(given, before, after, self.classes))

    def _once(
        self,
        element: LayerCall | Join | BodyLayer,
        shapes: tuple[Shape, ...],
        rule: Callable[[Arguments], Applied],
    ) -> Applied:
        key = element.layer.name, element.arguments, shapes
        known = self._known.get(key)
        if known is None:
            try:
                known = rule(resolve_arguments(element.arguments, shapes[0]))
            except LayerError as fault:
                known = fault
            if len(self._known) >= self.LARGEST:
                self._known.clear()
            self._known[key] = known
        if isinstance(known, LayerError):
            raise known
        return known


def _body(element: BodyLayer) -> Body:
    assert element.layer.body is not None
    return element.layer.body

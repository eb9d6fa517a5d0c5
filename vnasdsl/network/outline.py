"""The outline of a space as a graph, for pictures: every kind of layer it can have, but each of them once.

Of a choice between numbers it has the last option (of a number of copies the most), of other choices all options; of
equal copies that follow one another or stand side by side it has one. Its size is that of the file, not of the space.
"""

from __future__ import annotations

from contextlib import suppress

from vnasdsl.language.diagnostics import VnsError
from vnasdsl.layers.base import Shape
from vnasdsl.network.lower import At, Env, Lowerer
from vnasdsl.network.nodes import Part, Values, many
from vnasdsl.space.elements import DeferredCall, LayerChoice, Many, Repeat, inside, join


class Outliner(Lowerer):
    """Walks the elements of a space and adds to the graph what its outline has."""

    def _repeat(self, element: Repeat, x: Values, at: At, env: Env) -> Part:
        here = inside(element, at.path)
        value, parts = x, []
        kept: set[tuple[int, Shape]] = set()
        for i, item in enumerate(element.items):
            before = self._shape(value)
            if (id(item), before) in kept:
                continue
            part = self.walk(item, value, at.copy(i, here), env)
            value = part.value
            parts.append(part)
            if before == self._shape(value):  # one more would change nothing
                kept.add((id(item), before))
        return Part(element, element.label, x, value, None, (tuple(parts),))

    def _shape(self, value: Values) -> Shape:
        return () if isinstance(value, tuple) else self.graph.node(value).shape

    def _many(self, element: Many, x: Values, at: At, env: Env) -> Part:
        here = inside(element, at.path)
        known: dict[int, Part] = {}
        for i, item in enumerate(element.items):
            if id(item) not in known:
                where = at.copy(i, here)
                inner = At(at.label, at.origin, here)
                known[id(item)] = self.child(item, x, inner, env) if item.label else self.walk(item, x, where, env)
        parts = tuple(known[id(item)] for item in element.items)
        values = tuple(key for part in parts for key in many(part.value))
        return Part(element, element.label, x, values, None, (parts,))

    def _choice(self, element: LayerChoice, x: Values, at: At, env: Env) -> Part:
        if element.key == "op":
            return super()._choice(element, x, at, env)
        here = inside(element, at.path)
        options = element.options
        shown = max(options, key=lambda option: int(option.text)) if element.key == "number" else options[-1]
        part = self._option(shown, x, at, here, env)
        texts = tuple(option.text for option in options)
        return Part(
            element, element.label, x, part.value, None, ((part,),), texts=texts, choice=join(here, element.key)
        )

    def _deferred(self, element: DeferredCall, x: Values, at: At, env: Env) -> Part:
        last = tuple(f.options[-1] if f.options else repr(f.high) for f in element.fields)
        with suppress(VnsError):  # they may not go together
            part = self.walk(element.make(last), x, At(at.label, at.origin, inside(element, at.path)), env)
            return Part(element, element.label, x, part.value, None, ((part,),))
        return super()._deferred(element, x, at, env)

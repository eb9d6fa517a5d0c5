"""Reads a graph of layers as an instance of a space, from the output back to the input.

An element of the space is put against the node of the network that it should give. Most elements are then decided: a
layer has to be that node, and what came before it has to give what the node reads; a join has to give the node its
inputs, in order. What remains open (options, copies, which edges were picked) is tried. An answer says what must have
come before (`x`), which nodes the lines that were read by name must be (`wires`), and what the uses of tied blocks
agree on (`tied`); answers that say the same are one, so stacks of copies take time in the product of both sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property

from vnasdsl.layers.base import LayerError, Shape, Value
from vnasdsl.network.match_answers import (
    NO_WIRES,
    NONE,
    NOTHING,
    Answer,
    Made,
    Target,
    agreed,
    at,
    both,
    copied,
    listed,
)
from vnasdsl.network.match_lists import ALWAYS, BEHIND, NEVER, ListReader
from vnasdsl.network.match_open import OpenReader
from vnasdsl.network.trace import Node, Tracer, many
from vnasdsl.network.wiring import ALONE, Wiring, architecture
from vnasdsl.space.elements import (
    BodyLayer,
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
    Segment,
    When,
)
from vnasdsl.space.values import holds, resolve_arguments, with_shape


class Matcher(ListReader, OpenReader):
    """Reads the elements of a space against a network."""

    # ------------------------------------------------------------------ answers

    def answers(self, element: Element, target: Target) -> tuple[Answer, ...]:
        """The ways in which an element, put behind something, can give this node."""
        key = (id(element), target, bool(self._tied), -1 if self._shallow else self._frame.number)
        if key not in self._known:
            self._known[key] = (element, self.distinct(self._answers(element, target)))
        return self._known[key][1]

    def _answers(self, element: Element, target: Target) -> Iterable[Answer]:
        match element:
            case LayerCall():
                return self._op(element, target)
            case NameRef():
                if not self.can_be(element.wire, (target,)):
                    return ()
                return (Answer(None, frozenset({((element.wire, element.index), target)})),)
            case Group():
                return self._group(element, target)
            case BodyLayer():
                return self._wrap(element, target)
            case Join():
                return self._join(element, target)
            case LayerChoice():
                return self._alternatives(element, lambda e: self.answers(e, target))
            case DeferredCall():
                return self._open(element, target)
            case When():
                return self._when(element, target)
            case Repeat():
                return self._repeat(element, target)
            case Many() | Pick():
                return self.sequence((element,), (target,))

    # ------------------------------------------------------------------- layers

    def _own(self, target: Target) -> frozenset[Target]:
        return frozenset((target,)) if target in self._shared else NONE

    @cached_property
    def _shared(self) -> frozenset[Target]:
        """The nodes that several others read; what a body in braces is added to is read by its first layer anyway."""
        counts: dict[Target, int] = {}
        for number in self.network.live:
            layer = self.network.nodes[number].layer
            inputs = self.network.inputs(number)
            for source in inputs[:1] if layer is not None and layer.wraps else inputs:
                counts[source] = counts.get(source, 0) + 1
        return frozenset(number for number, count in counts.items() if count > 1)

    def _op(self, op: LayerCall, target: Target) -> Iterable[Answer]:
        node = self._node(target)
        if node is None:
            if op.layer.name == "skip":
                return (Answer(NOTHING),)
            return (Answer(),) if op.layer.name == "none" else ()
        if op.layer.name == "skip" and self._keeps(op, node.shape):
            return (Answer(target),)
        if node.layer is op.layer and op.layer.apply is not None:
            (source,) = self.network.inputs(target)
            shape = self._shape(source)
            if shape is not None and self._fits(op, shape, node):
                self.matched.add(target)
                return (Answer(source, used=self._own(target)),)
        self._miss(target, op)
        return ()

    def _keeps(self, op: LayerCall, shape: Shape | None) -> bool:
        assert op.layer.apply is not None and shape is not None
        try:
            arguments = resolve_arguments(op.arguments, shape)
            return op.layer.apply(arguments, shape, self.classes).output == shape
        except LayerError:
            return False

    def _fits(self, op: LayerCall, shape: Shape, node: Node) -> bool:
        assert op.layer.apply is not None
        try:
            applied = op.layer.apply(resolve_arguments(op.arguments, shape), shape, self.classes)
        except LayerError:
            return False
        return self._same(op, applied.attributes, node)

    def _same(
        self, element: LayerCall | Join | BodyLayer, attributes: tuple[tuple[str, Value], ...], node: Node
    ) -> bool:
        return architecture(replace(node, attributes=attributes, layer=element.layer)) == architecture(node)

    def _wrap(self, wrap: BodyLayer, target: Target) -> Iterable[Answer]:
        node = self._node(target)
        if node is None or node.layer is not wrap.layer:
            self._miss(target, wrap)
            return
        end, before = self.network.inputs(target)
        shape, after = self._shape(before), self._shape(end)
        body = wrap.layer.body
        assert body is not None and shape is not None and after is not None
        try:
            applied = body.leave(resolve_arguments(wrap.arguments, shape), shape, after, self.classes)
        except LayerError:
            applied = None
        if applied is None or not self._same(wrap, applied.attributes, node):
            self._miss(target, wrap)
            return
        self.matched.add(target)
        given = before if node.enter is None else self.network.same_as[node.enter]
        for inner in self.answers(wrap.body, end):
            if inner.x is None or inner.x == given:
                yield replace(inner, x=before, used=inner.used | self._own(target), made=at(wrap.label, inner.made))

    def _join(self, element: Join, target: Target) -> Iterable[Answer]:
        node = self._node(target)
        summed = element.layer.name == "sum"
        alone = element.layer.name in ALONE
        found: list[Answer] = []
        if node is not None and node.layer is element.layer:
            inputs = self.network.inputs(target)
            shapes = tuple(shape for i in inputs for shape in [self._shape(i)] if shape is not None)
            assert element.layer.join is not None
            try:
                arguments = resolve_arguments(element.arguments, shapes[0])
                applied = element.layer.join(arguments, shapes, self.classes)
            except LayerError:
                applied = None
            if applied is not None and self._same(element, applied.attributes, node):
                self.matched.add(target)
                own = Answer(used=self._own(target))
                given = [
                    self.together(own, a) for a in self.sequence(element.inputs, inputs, ALWAYS if summed else NEVER)
                ]
                found += [a for a in given if a is not None]
                if not found:
                    self.stuck.add(target)
        if alone and node is not None:  # the others may be nothing
            vanish = NEVER if not summed else BEHIND if node.operation == "none" else ALWAYS
            found += self.sequence(element.inputs, (target,), vanish)
        if summed and node is None:
            found += self.sequence(element.inputs, (), ALWAYS)
        if not found:
            self._miss(target, element)
        return [replace(a, made=at(element.label, a.made)) for a in found]

    # ------------------------------------------------------------------ choices

    def _alternatives(self, element: LayerChoice, read: Callable[[Element], Sequence[Answer]]) -> Iterator[Answer]:
        found = [(option.text, answer) for option in element.options for answer in read(option.element)]
        if not self._tied:
            for text, answer in found:
                made = both(("choice", element.key, text), answer.made)
                yield replace(answer, made=at(element.label, made))
            return
        # What one use of a tied block does not tell apart another may: all such options together are one answer.
        alike: dict[object, tuple[Answer, dict[str, None]]] = {}
        for text, answer in found:
            alike.setdefault((answer.key, answer.made), (answer, {}))[1][text] = None
        for answer, texts in alike.values():
            choice: Made = ("any", element.key, tuple(texts)) if len(texts) > 1 else ("choice", element.key, *texts)
            yield replace(answer, made=at(element.label, both(choice, answer.made)))

    def _when(self, when: When, target: Target) -> Iterator[Answer]:
        for holding, part in ((True, when.then), (False, when.otherwise)):
            for answer in self.answers(part, target):
                shape = self._shape(answer.x) if answer.x is not None and answer.x != NOTHING else None
                # What is not read has a shape all the same; whether it is the right one is seen in the end.
                if shape is None or holds(with_shape(when.test, shape)) == holding:  # type: ignore[arg-type]
                    yield replace(answer, made=at(when.label, answer.made))

    # -------------------------------------------------------------------- lines

    def _repeat(self, repeat: Repeat, target: Target) -> Sequence[Answer]:
        states: tuple[Answer, ...] = (Answer(target),)
        for i in reversed(range(len(repeat.items))):
            states = self.distinct(
                c
                for a in states
                for b in (self.answers(repeat.items[i], a.x) if a.x is not None else (Answer(),))
                for c in [self._before(a, replace(b, made=copied(i, b.made)))]
                if c is not None
            )
        return [replace(a, made=at(repeat.label, a.made)) for a in states]

    def _before(self, later: Answer, earlier: Answer) -> Answer | None:
        """An element and what stands in front of it; the choices in the order of the text."""
        return self.together(earlier, replace(later, x=None))

    def line(self, items: Sequence[Element], target: Target) -> tuple[Answer, ...]:
        """Elements one after the other, the last of which gives the node."""
        return self.line_before(items, (Answer(target),))

    def line_before(self, items: Sequence[Element], states: Sequence[Answer]) -> tuple[Answer, ...]:
        """Elements one after the other in front of something that was read."""
        for item in reversed(items):
            found = []
            for answer in states:
                if answer.x is None:
                    found.append(answer)
                    continue
                for earlier in self.answers(item, answer.x):
                    joined = self._before(answer, earlier)
                    if joined is not None:
                        found.append(joined)
            states = self.distinct(found)
        return tuple(states)

    def lines(self, lines: Sequence[tuple[str, Sequence[Element]]], states: Sequence[Answer]) -> tuple[Answer, ...]:
        """Named lines, the last first: each gives what is read of it, or nothing reads it."""
        for name, items in reversed(lines):
            found = []
            for answer in states:
                wanted = {key[1]: target for key, target in answer.wires if key[0] == name} if name else {}
                rest = answer
                if wanted:
                    kept = frozenset(pair for pair in answer.wires if pair[0][0] != name)
                    rest = replace(answer, wires=kept)
                if wanted and len(items) == 1 and (set(wanted) != {None} or isinstance(wanted[None], tuple)):
                    ways = self._list(items[0], wanted)
                    if rest.x is not None:
                        ways = ()  # a list does not go on as one value
                else:
                    targets = {t for t in (*wanted.values(), rest.x) if t is not None}
                    if not targets:
                        found.append(rest)  # nothing reads this line
                        continue
                    if len(targets) > 1 or set(wanted) - {None}:
                        numbers = sorted(t for t in targets if isinstance(t, int))
                        if len(numbers) > 1:
                            self.torn.append((name, numbers[0], numbers[-1]))
                        continue
                    (target,) = targets
                    if isinstance(target, tuple):
                        continue
                    ways = self.line(items, target)
                for earlier in ways:
                    joined = self._before(rest, earlier)
                    if joined is not None:
                        found.append(joined)
            states = self.distinct(found)
        return tuple(states)

    def _group(self, group: Group, target: Target) -> Iterable[Answer]:
        called = group.call is not None and target != NOTHING
        if called:
            self._sites.append((target, group))
        try:
            if group.out is None:
                return self._around(group, lambda: (Answer(target),), len(group.lines))
            out = group.out
            return self._around(group, lambda: self.answers(out, target), len(group.lines))
        finally:
            if called:
                self._sites.pop()

    def _around(self, group: Group, last: Callable[[], Sequence[Answer]], count: int) -> list[Answer]:
        """A group of which the first `count` lines stand in front of what `last` reads."""
        self._tied += group.tied
        try:
            named = [(group.name_of(i), group.lines[i]) for i in range(count)]
            with self._inside(group):
                states = self.lines(named, last())
        finally:
            self._tied -= group.tied
        found: list[Answer] = []
        for answer in states:
            if group.tied:
                assert group.block is not None
                tied = agreed(answer.tied, frozenset(listed(answer.made, group.block)))
                if tied is None:
                    continue
                answer = replace(answer, tied=tied, made=())
            else:
                answer = replace(answer, made=at(group.label, answer.made))
            found += self._handed(group, answer) if group.block is not None else [answer]
        return found

    def _handed(self, group: Group, answer: Answer) -> Sequence[Answer]:
        """What was read of the inputs of a block, as seen from outside."""
        states: Sequence[Answer] = (replace(answer, wires=NO_WIRES),)
        known = dict(group.inputs)
        for name in sorted({key[0] for key, _ in answer.wires}):
            if name not in known:
                return ()
            wanted = {key[1]: target for key, target in answer.wires if key[0] == name}
            whole = wanted.get(None)
            if set(wanted) == {None} and isinstance(whole, int):
                ways: Sequence[Answer] = self.answers(known[name], whole)
            else:
                ways = self._list(known[name], wanted)
            states = [c for a in states for b in ways for c in [self.together(a, b)] if c is not None]
        return states

    # -------------------------------------------------------------------- whole

    def space(self, segments: Sequence[Segment], name: str, target: Target) -> tuple[Answer, ...]:
        """A whole space; `name` is that of its input, which is node 0."""
        lines: list[tuple[str, Sequence[Element]]] = []
        self._input = name
        for segment in segments:
            if not segment.name:
                here = segment.body
                self._frame.names |= {n: (here.lines[i], self._frame) for i, n in enumerate(here.names) if n}
        for segment in segments:
            if segment.name:
                lines.append(("", (segment.body,)))
            else:
                lines += [(segment.body.name_of(i), line) for i, line in enumerate(segment.body.lines)]
        found = []
        for answer in self.lines(lines, (Answer(target),)):
            begins = {t for key, t in answer.wires if key == (name, None)} | {answer.x} - {None}
            others = [key for key, _ in answer.wires if key != (name, None)]
            if not others and begins <= {0}:
                found.append(answer)
            else:
                self.torn += [(name, 0, t) for t in begins if isinstance(t, int) and t != 0]
        return tuple(found)


def uses_by_node(tracer: Tracer, wiring: Wiring) -> dict[int, list[Group]]:
    """The uses of blocks by the node that they give."""
    found: dict[int, list[Group]] = {}
    for group, value in tracer.uses:
        for number in many(value):
            found.setdefault(wiring.same_as[number], []).append(group)
    return found

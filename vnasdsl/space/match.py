"""Reads a graph of layers as an instance of a space, from the output back to the input.

An element of the space is put against the node of the network that it should give. Most elements are then decided: a
layer has to be that node, and what came before it has to give what the node reads; a join has to give the node its
inputs, in order. What remains open (options, copies, which edges were picked) is tried. An answer says what must have
come before (`x`), which nodes the lines that were read by name must be (`wires`), and what the uses of tied blocks
agree on (`tied`); answers that say the same are one, so stacks of copies take time in the product of both sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from typing import TypeAlias, TypeVar

from vnasdsl.language.printer import print_inline
from vnasdsl.language.source import Source, Span
from vnasdsl.layers.base import LayerError, Shape, Value
from vnasdsl.space import assign as lists
from vnasdsl.space.elements import (
    Alternatives,
    Element,
    Group,
    Join,
    Many,
    Op,
    Open,
    OpenField,
    Option,
    Pick,
    Read,
    Repeat,
    Segment,
    When,
    Wrap,
    first_value,
    join,
    real,
)
from vnasdsl.space.trace import Node, Tracer, many
from vnasdsl.space.values import expression_of, holds, resolve_arguments, with_shape
from vnasdsl.space.wiring import ALONE, Wiring, architecture

NOTHING = -1
"""The node of a `none` that was left out of a sum."""
MOST_ANSWERS = 1_000
"""Different answers for one element at one node that are kept."""
MOST_TORN = 64
"""Contradictions that are remembered."""
MOST_WAYS = 256
"""Ways to close open calls that are tried where the network does not say which."""

Target: TypeAlias = int
Count = TypeVar("Count")
Made: TypeAlias = "tuple[object, ...]"
"""Choices by the labels on the way down: () or ("both", made, made), ("at", label, made), ("copy", i, made),
("choice", key, value), and ("place", node, index) for a value of a list: `level0[@17]` in the value of a choice is the
one that is node 17."""
Wires: TypeAlias = "frozenset[tuple[tuple[str, int | None], Target | tuple[Target, ...]]]"


@dataclass(frozen=True)
class Answer:
    """One way to read an element."""

    x: Target | None = None
    """What came before; None where it is not read."""
    wires: Wires = frozenset()
    tied: frozenset[tuple[str, str]] = frozenset()
    used: frozenset[Target] = frozenset()
    """The nodes that it takes as layers of its own, as far as several nodes read them: no two parts of a space
    are the same layer. (Parts that meet in a node with one reader meet in that reader, too.)"""
    made: Made = ()

    @property
    def key(self) -> object:
        return self.x, self.wires, self.tied, self.used


NO_WIRES: Wires = frozenset()
_NONE: frozenset[Target] = frozenset()


def both(a: Made, b: Made) -> Made:
    return ("both", a, b) if a and b else a or b


def at(label: str, made: Made) -> Made:
    return ("at", label, made) if made and label else made


def listed(made: Made, path: str) -> Iterator[tuple[str, str]]:
    """The choices by name."""
    for here, where in _leaves(made, path):
        match here:
            case ("choice", str(key), str(value)):
                yield join(where, key), value


def places(made: Made) -> dict[int, int]:
    """Which value of its list a node is."""
    found: dict[int, int] = {}
    for here, _ in _leaves(made, ""):
        match here:
            case ("place", int(node), int(index)):
                found[node] = index
    return found


def _leaves(made: Made, path: str) -> Iterator[tuple[Made, str]]:
    todo: list[tuple[Made, str]] = [(made, path)]
    while todo:
        here, path = todo.pop()
        match here:
            case ("both", a, b):
                todo += [(b, path), (a, path)]  # type: ignore[list-item]
            case ("at", str(label), inner):
                todo.append((inner, join(path, label)))  # type: ignore[arg-type]
            case ("copy", int(i), inner):
                todo.append((inner, f"{path}[{i}]"))  # type: ignore[arg-type]
            case _:
                yield here, path


@dataclass(eq=False)
class Frame:
    """The names that can be read at a place, with what gives them and where that stands."""

    number: int
    outer: Frame | None = None
    names: dict[str, tuple[tuple[Element, ...], Frame]] = field(default_factory=dict)

    def find(self, name: str) -> tuple[tuple[Element, ...], Frame] | None:
        frame: Frame | None = self
        while frame is not None:
            if name in frame.names:
                return frame.names[name]
            frame = frame.outer
        return None


@dataclass
class Matcher:
    """Reads the elements of a space against a network."""

    network: Wiring
    classes: int
    lists: Mapping[int, tuple[Read, set[int]]] = field(default_factory=dict)
    """How many values each Read of a list in the space can give."""
    uses: Mapping[int, Sequence[Group]] = field(default_factory=dict)
    """The uses of blocks in the network by the node that they give."""
    cut: bool = False
    """Whether answers were left out because there were too many."""
    undecided: list[Open] = field(default_factory=list)
    """Open calls that could not be closed: the network does not use the same block."""
    guessing: bool = False
    """Whether open calls are closed in all ways where the network does not use the same block."""
    guessed: int = 0
    """How many ways were tried so, or would have been."""
    ordered: bool = True
    """Whether the values of a list that are picked are taken to stand in it as they stand in the network; without,
    every order is tried."""
    took: bool = False
    """Whether that has made a difference."""
    stuck: set[int] = field(default_factory=set)
    """Joins of the right kind whose inputs are not those of the space."""
    matched: set[int] = field(default_factory=set)
    missed: dict[int, dict[Element, None]] = field(default_factory=dict)
    """What was expected at a node and is not there."""
    torn: list[tuple[str, int, int]] = field(default_factory=list)
    """Lines that were to be two different nodes."""
    _known: dict[tuple[int, int, bool, int], tuple[Element, tuple[Answer, ...]]] = field(default_factory=dict)
    _frames: dict[tuple[int, int], tuple[Group, Frame]] = field(default_factory=dict)
    _frame: Frame = field(default_factory=lambda: Frame(0))
    _shallow: bool = False
    """Whether only a line itself is looked at, and not what the lines are that it reads."""
    _possible: dict[tuple[int, int, int], bool] = field(default_factory=dict)
    _input: str = ""
    _made: dict[tuple[int, tuple[str, ...]], tuple[Open, Element | None]] = field(default_factory=dict)
    _tied: int = 0
    _sites: list[tuple[int, Group]] = field(default_factory=list)

    # ------------------------------------------------------------------ answers

    def together(self, a: Answer, b: Answer) -> Answer | None:
        """Both at once; None when they contradict each other."""
        if a.x is not None and b.x is not None and a.x != b.x:
            return None
        if a.used and b.used and a.used & b.used:
            return None
        wires, tied = a.wires, a.tied
        if b.wires:
            wires = wires | b.wires
            if len(wires) > len({key for key, _ in wires}):
                self._tear(wires)
                return None
        if b.tied:
            tied = tied | b.tied
            if len(tied) > len({name for name, _ in tied}):
                return None
        used = a.used | b.used if a.used and b.used else a.used or b.used
        return Answer(b.x if a.x is None else a.x, wires, tied, used, both(a.made, b.made))

    def _tear(self, wires: Wires) -> None:
        if len(self.torn) >= MOST_TORN:
            return
        seen: dict[tuple[str, int | None], object] = {}
        for key, target in sorted(wires, key=repr):
            other = seen.setdefault(key, target)
            if other != target and isinstance(other, int) and isinstance(target, int):
                self.torn.append((key[0], other, target))

    def distinct(self, answers: Iterable[Answer]) -> tuple[Answer, ...]:
        """Each answer once. Below a tied block also what was chosen counts: its other uses have to agree."""
        found: dict[object, Answer] = {}
        for answer in answers:
            found.setdefault((answer.key, answer.made if self._tied else ()), answer)
            if len(found) == MOST_ANSWERS:
                self.cut = True
                break
        return tuple(found.values())

    def answers(self, element: Element, target: Target) -> tuple[Answer, ...]:
        """The ways in which an element, put behind something, can give this node."""
        key = (id(element), target, bool(self._tied), -1 if self._shallow else self._frame.number)
        if key not in self._known:
            self._known[key] = (element, self.distinct(self._answers(element, target)))
        return self._known[key][1]

    def _answers(self, element: Element, target: Target) -> Iterable[Answer]:
        match element:
            case Op():
                return self._op(element, target)
            case Read():
                if not self.can_be(element.wire, (target,)):
                    return ()
                return (Answer(None, frozenset({((element.wire, element.index), target)})),)
            case Group():
                return self._group(element, target)
            case Wrap():
                return self._wrap(element, target)
            case Join():
                return self._join(element, target)
            case Alternatives():
                return self._alternatives(element, lambda e: self.answers(e, target))
            case Open():
                return self._open(element, target)
            case When():
                return self._when(element, target)
            case Repeat():
                return self._repeat(element, target)
            case Many() | Pick():
                return self.sequence((element,), (target,))

    # -------------------------------------------------------------------- names

    @contextmanager
    def _inside(self, group: Group) -> Iterator[None]:
        """The names of a group are known."""
        before = self._frame
        if group.block is not None or group.names:
            key = (id(group), before.number)
            if key not in self._frames:
                frame = Frame(len(self._frames) + 1, before if group.block is None else None)
                frame.names = {name: ((value,), before) for name, value in group.inputs}
                frame.names |= {name: (group.lines[i], frame) for i, name in enumerate(group.names) if name}
                self._frames[key] = (group, frame)
            self._frame = self._frames[key][1]
        try:
            yield
        finally:
            self._frame = before

    def can_be(self, wire: str, targets: Iterable[Target]) -> bool:
        """Whether a line that is read could give these nodes, as far as the line alone says."""
        if self._shallow:
            return True
        known = self._frame.find(wire)
        if known is None:
            return wire != self._input or all(target == 0 for target in targets)
        return all(target == NOTHING or self._can_give(known[0], target, known[1]) for target in targets)

    def _can_give(self, items: tuple[Element, ...], target: Target, frame: Frame) -> bool:
        key = (id(items[-1]), target, frame.number)
        if key not in self._possible:
            before, self._frame = self._frame, frame
            try:
                self._possible[key] = self._can_end(items, target)
            finally:
                self._frame = before
        return self._possible[key]

    def _can_end(self, items: tuple[Element, ...], target: Target) -> bool:
        last = items[-1]
        match last:
            case Read():
                return self.can_be(last.wire, (target,))
            case Many():
                return any(self._can_give((item,), target, self._frame) for item in dict.fromkeys(last.items))
            case Alternatives() | Pick() if gives_list(last):
                return any(self._can_give((option.element,), target, self._frame) for option in last.options)
            case Group() if gives_list(last):
                with self._inside(last):
                    return self._can_give((last.out or last.items[-1],), target, self._frame)
        self._shallow = True
        try:
            return bool(self.line(items, target))
        finally:
            self._shallow = False

    # ------------------------------------------------------------------- layers

    def _node(self, target: Target) -> Node | None:
        return self.network.nodes[target] if target != NOTHING else None

    def _shape(self, target: Target) -> Shape | None:
        node = self._node(target)
        return node.shape if node is not None else None

    def _miss(self, target: Target, element: Element) -> None:
        outer = next((site for begun, site in self._sites if begun == target), element)
        self.missed.setdefault(target, {})[outer] = None

    def _own(self, target: Target) -> frozenset[Target]:
        return frozenset((target,)) if target in self._shared else _NONE

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

    def _op(self, op: Op, target: Target) -> Iterable[Answer]:
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

    def _keeps(self, op: Op, shape: Shape | None) -> bool:
        assert op.layer.apply is not None and shape is not None
        try:
            arguments = resolve_arguments(op.arguments, shape)
            return op.layer.apply(arguments, shape, self.classes).output == shape
        except LayerError:
            return False

    def _fits(self, op: Op, shape: Shape, node: Node) -> bool:
        assert op.layer.apply is not None
        try:
            applied = op.layer.apply(resolve_arguments(op.arguments, shape), shape, self.classes)
        except LayerError:
            return False
        return self._same(op, applied.attributes, node)

    def _same(self, element: Op | Join | Wrap, attributes: tuple[tuple[str, Value], ...], node: Node) -> bool:
        return architecture(replace(node, attributes=attributes, layer=element.layer)) == architecture(node)

    def _wrap(self, wrap: Wrap, target: Target) -> Iterable[Answer]:
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
                given = [self.together(own, a) for a in self.sequence(element.inputs, inputs, summed)]
                found += [a for a in given if a is not None]
                if not found:
                    self.stuck.add(target)
        if alone and node is not None:  # the others may be nothing
            found += self.sequence(element.inputs, (target,), summed)
        if summed and node is None:
            found += self.sequence(element.inputs, (), True)
        if not found:
            self._miss(target, element)
        return [replace(a, made=at(element.label, a.made)) for a in found]

    # -------------------------------------------------------------------- lists

    def sequence(
        self, elements: Sequence[Element], targets: tuple[Target, ...], vanish: bool = False
    ) -> tuple[Answer, ...]:
        """The ways in which elements, each begun with what came before, give these nodes one after the other.

        `vanish`: an element may also give nothing, as `none` does in a sum.
        """
        states: dict[int, tuple[Answer, ...]] = {0: (Answer(),)}
        for element in elements:
            following: dict[int, list[Answer]] = {}
            for done, answers in states.items():
                for count, more in self.prefixes(element, targets[done:], vanish):
                    joined = [c for a in answers for b in more for c in [self.together(a, b)] if c is not None]
                    following.setdefault(done + count, []).extend(joined)
            states = {done: self.distinct(answers) for done, answers in following.items() if answers}
        return states.get(len(targets), ())

    def prefixes(
        self, element: Element, targets: tuple[Target, ...], vanish: bool
    ) -> Iterator[tuple[int, Sequence[Answer]]]:
        """How many of the first nodes an element can give, with the ways to do so."""
        match element:
            case Many():
                for count in range(len(targets) + 1):
                    found = self._items(element, targets[:count], vanish)
                    if found:
                        yield count, found
            case Pick():
                yield from self._pick(element, targets, vanish)
            case Group() if gives_list(element):
                for count in range(len(targets) + 1):
                    wanted_first = targets[:count]

                    def read(last: Element, wanted: tuple[Target, ...] = wanted_first) -> list[tuple[int, Answer]]:
                        return [(len(wanted), a) for a in self.sequence((last,), wanted, vanish)]

                    found = tuple(answer for _, answer in self._list_group(element, read))
                    if found:
                        yield count, found
            case Alternatives() if any(gives_list(o.element) for o in element.options):
                for count in range(len(targets) + 1):
                    found = tuple(
                        self._alternatives(element, lambda e, n=count: self.sequence((e,), targets[:n], vanish))  # type: ignore[misc]
                    )
                    if found:
                        yield count, found
            case Read() if id(element) in self.lists and element.index is None:
                for count in range(min(len(targets), max(self.lists[id(element)][1])) + 1):
                    if not self.can_be(element.wire, targets[:count]):
                        break
                    wires: Wires = frozenset({((element.wire, None), targets[:count])})
                    yield count, (Answer(None, wires),)
            case _:
                if targets:
                    yield 1, self.answers(element, targets[0])
                if vanish:
                    yield 0, self.answers(element, NOTHING)

    def _items(self, element: Many, targets: tuple[Target, ...], vanish: bool) -> tuple[Answer, ...]:
        """A list against nodes: like a sequence, with the place of each item in the names of its choices."""
        states: dict[int, tuple[Answer, ...]] = {0: (Answer(),)}
        for i, item in enumerate(element.items):
            following: dict[int, list[Answer]] = {}
            for done, answers in states.items():
                for count, more in self.prefixes(item, targets[done:], vanish):
                    placed = more if item.label else [replace(m, made=_copy(i, m.made)) for m in more]
                    joined = [c for a in answers for b in placed for c in [self.together(a, b)] if c is not None]
                    following.setdefault(done + count, []).extend(joined)
            states = {done: self.distinct(answers) for done, answers in following.items() if answers}
        return tuple(replace(a, made=at(element.label, a.made)) for a in states.get(len(targets), ()))

    def _pick(self, pick: Pick, targets: tuple[Target, ...], vanish: bool) -> Iterator[tuple[int, Sequence[Answer]]]:
        """Subsets of the options in their order: (taken, given) -> answers with the texts that were taken."""
        State: TypeAlias = "tuple[Answer, tuple[str, ...]]"
        states: dict[tuple[int, int], list[State]] = {(0, 0): [(Answer(), ())]}
        for option in pick.options:
            if self.ordered and isinstance(option.element, Read) and id(option.element) in self.lists:
                states = self._take(option, option.element, pick.most, targets, states)
                continue
            for text, give in self._values(option.element, option.text):
                following = {key: list(found) for key, found in states.items()}
                for (taken, done), found in states.items():
                    if taken == pick.most:
                        continue
                    ways = [(1, give(targets[done]))] if done < len(targets) else []
                    ways += [(0, give(NOTHING))] if vanish else []
                    for count, more in ways:
                        new = [
                            (c, (*texts, text))
                            for a, texts in found
                            for b in more
                            for c in [self.together(a, b)]
                            if c is not None
                        ]
                        if new:
                            following.setdefault((taken + 1, done + count), []).extend(new)
                states = {key: self._distinct_states(found) for key, found in following.items()}
        for (taken, done), found in states.items():
            if pick.least <= taken <= pick.most:
                yield (
                    done,
                    [
                        replace(a, made=at(pick.label, both(("choice", pick.key, " + ".join(texts)), a.made)))
                        for a, texts in found
                    ],
                )

    def _take(
        self,
        option: Option,
        element: Read,
        most: int,
        targets: tuple[Target, ...],
        states: dict[tuple[int, int], list[tuple[Answer, tuple[str, ...]]]],
    ) -> dict[tuple[int, int], list[tuple[Answer, tuple[str, ...]]]]:
        """Any number of values of a list, in their order; which of them each is comes out where the list is read."""
        self.took = True
        following = {key: list(found) for key, found in states.items()}
        for (taken, done), found in states.items():
            for count in range(1, min(most - taken, len(targets) - done) + 1):
                some = targets[done : done + count]
                if list(some) != sorted(set(some)) or not self.can_be(element.wire, some[-1:]):
                    break
                answer = Answer(wires=frozenset(((element.wire, -1 - t), t) for t in some))
                texts = tuple(f"{option.text}[@{t}]" for t in some)
                new = [
                    (c, (*before, *texts)) for a, before in found for c in [self.together(a, answer)] if c is not None
                ]
                if new:
                    following.setdefault((taken + count, done + count), []).extend(new)
        return {key: self._distinct_states(found) for key, found in following.items()}

    def _distinct_states(self, found: list[tuple[Answer, tuple[str, ...]]]) -> list[tuple[Answer, tuple[str, ...]]]:
        kept: dict[object, tuple[Answer, tuple[str, ...]]] = {}
        for answer, texts in found:
            more = (answer.made, texts) if self._tied else ()
            kept.setdefault((answer.key, more), (answer, texts))
            if len(kept) == MOST_ANSWERS:
                self.cut = True
                break
        return list(kept.values())

    def _values(self, element: Element, text: str) -> Iterator[tuple[str, Callable[[Target], Sequence[Answer]]]]:
        """The values that an option stands for, each with its text."""

        def read(wire: str, index: int) -> Callable[[Target], Sequence[Answer]]:
            def give(target: Target) -> Sequence[Answer]:
                if not self.can_be(wire, (target,)):
                    return ()
                return (Answer(None, frozenset({((wire, index), target)})),)

            return give

        if isinstance(element, Read) and id(element) in self.lists:
            for i in range(max(self.lists[id(element)][1])):
                yield f"{text}[{i}]", read(element.wire, i)
        else:
            yield text, lambda target: self.answers(element, target)

    # ------------------------------------------------------------------ choices

    def _alternatives(self, element: Alternatives, read: Callable[[Element], Sequence[Answer]]) -> Iterator[Answer]:
        for option in element.options:
            for answer in read(option.element):
                made = both(("choice", element.key, option.text), answer.made)
                yield replace(answer, made=at(element.label, made))

    def _when(self, when: When, target: Target) -> Iterator[Answer]:
        for holding, part in ((True, when.then), (False, when.otherwise)):
            for answer in self.answers(part, target):
                shape = self._shape(answer.x) if answer.x is not None and answer.x != NOTHING else None
                # What is not read has a shape all the same; whether it is the right one is seen in the end.
                if shape is None or holds(with_shape(when.test, shape)) == holding:  # type: ignore[arg-type]
                    yield replace(answer, made=at(when.label, answer.made))

    def _open(self, element: Open, target: Target) -> Iterator[Answer]:
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

    def _closed(self, element: Open, texts: tuple[str, ...], target: Target) -> Iterator[Answer]:
        made = self._close(element, texts)
        if made is None:
            return
        for answer in self.answers(made, target):
            chosen: Made = ()
            for f, text in zip(element.fields, texts, strict=True):
                chosen = both(chosen, ("choice", f.key, text))
            yield replace(answer, made=at(element.label, both(chosen, answer.made)))

    def _close(self, element: Open, texts: tuple[str, ...]) -> Element | None:
        from vnasdsl.language.diagnostics import VnsError

        key = (id(element), texts)
        if key not in self._made:
            try:
                self._made[key] = (element, element.make(texts))
            except VnsError:
                self._made[key] = (element, None)
        return self._made[key][1]

    def _hints(self, element: Open, target: Target) -> Iterator[tuple[str, ...]]:
        """What the network hands to its own use of the same block or layer at this node."""
        for values in self._given(element, target):
            texts = [written(values[f.key], f) if f.key in values else None for f in element.fields]
            if all(text is not None for text in texts):
                yield tuple(text for text in texts if text is not None)

    def _given(self, element: Open, target: Target) -> Iterator[dict[str, Value]]:
        function = element.call.function
        yield from (dict(use.bound) for use in self.uses.get(target, ()) if use.block == function)
        node = self._node(target)
        if node is not None and node.layer is not None and node.layer.name == function:
            yield dict(node.arguments)

    def _ways(self, element: Open, target: Target) -> Iterator[tuple[str, ...]]:
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

    # -------------------------------------------------------------------- lines

    def _repeat(self, repeat: Repeat, target: Target) -> Sequence[Answer]:
        states: tuple[Answer, ...] = (Answer(target),)
        for i in reversed(range(len(repeat.items))):
            states = self.distinct(
                c
                for a in states
                for b in (self.answers(repeat.items[i], a.x) if a.x is not None else (Answer(),))
                for c in [self._before(a, replace(b, made=_copy(i, b.made)))]
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

    def _list(self, element: Element, wanted: Mapping[int | None, Target | tuple[Target, ...]]) -> tuple[Answer, ...]:
        """A line that is a list, of which all or some values are read."""
        whole = wanted.get(None)
        single = {i: t for i, t in wanted.items() if i is not None and isinstance(t, int)}
        if whole is not None:
            if not isinstance(whole, tuple):
                return ()
            if any(t not in whole if i < 0 else whole[i : i + 1] != (t,) for i, t in single.items()):
                return ()
            places: Made = ()
            for i, t in single.items():
                places = both(places, ("place", t, whole.index(t))) if i < 0 else places
            return tuple(replace(a, made=both(places, a.made)) for a in self.sequence((element,), whole))
        if any(i < 0 for i in single):
            if isinstance(element, Read):
                return (Answer(wires=frozenset(((element.wire, i), t) for i, t in single.items())),)
            nodes = tuple(sorted(single.values()))
            ways = self._in_order(element, nodes, 0)
            return self.distinct(answer for (_, used), answer in ways if used == len(nodes))
        some = {i: t for i, t in wanted.items() if i is not None and isinstance(t, int)}
        return self.distinct(a for _, a in self._some(element, some))

    def _in_order(
        self, element: Element, nodes: tuple[Target, ...], place: int
    ) -> Iterator[tuple[tuple[int, int], Answer]]:
        """A list of which the nodes are values, in their order: how many values it has, how many of the first nodes are
        among them, and a way. `place` is that of its first value."""
        match element:
            case Many():
                states: dict[tuple[int, int], tuple[Answer, ...]] = {(0, 0): (Answer(),)}
                for i, item in enumerate(element.items):
                    following: dict[tuple[int, int], list[Answer]] = {}
                    for (done, used), answers in states.items():
                        for (more, taken), way in self._in_order(item, nodes[used:], place + done):
                            placed = way if item.label else replace(way, made=_copy(i, way.made))
                            new = [c for a in answers for c in [self.together(a, placed)] if c is not None]
                            following.setdefault((done + more, used + taken), []).extend(new)
                    states = {key: self.distinct(found) for key, found in following.items()}
                for key, answers in states.items():
                    for answer in answers:
                        yield key, replace(answer, made=at(element.label, answer.made))
            case Alternatives():
                for option in element.options:
                    for key, answer in self._in_order(option.element, nodes, place):
                        made = both(("choice", element.key, option.text), answer.made)
                        yield key, replace(answer, made=at(element.label, made))
            case Group() if gives_list(element):
                yield from self._list_group(element, lambda last: list(self._in_order(last, nodes, place)))
            case _:
                for answer in self.answers(element, nodes[0]) if nodes else ():
                    yield (1, 1), replace(answer, made=both(("place", nodes[0], place), answer.made))
                yield (1, 0), Answer()

    def _some(self, element: Element, wanted: Mapping[int, Target]) -> Iterator[tuple[int, Answer]]:
        """A list of which the values at some places are read: how many values it has, and a way."""
        match element:
            case Many():
                states: list[tuple[int, Answer]] = [(0, Answer())]
                for i, item in enumerate(element.items):
                    following = []
                    for done, answer in states:
                        if gives_list(item):
                            ways = list(self._some(item, {k - done: t for k, t in wanted.items() if k >= done}))
                        elif done in wanted:
                            ways = [(1, a) for a in self.answers(item, wanted[done])]
                        else:
                            ways = [(1, Answer())]
                        for count, more in ways:
                            placed = more if item.label else replace(more, made=_copy(i, more.made))
                            joined = self.together(answer, placed)
                            if joined is not None:
                                following.append((done + count, joined))
                    states = following
                for count, answer in states:
                    if all(place < count for place in wanted):
                        yield count, replace(answer, made=at(element.label, answer.made))
            case Alternatives():
                for option in element.options:
                    for count, answer in self._some(option.element, wanted):
                        made = both(("choice", element.key, option.text), answer.made)
                        yield count, replace(answer, made=at(element.label, made))
            case Group() if gives_list(element):
                yield from self._list_group(element, lambda last: list(self._some(last, wanted)))
            case Read():
                wires: Wires = frozenset(((element.wire, i), t) for i, t in wanted.items())
                yield max(self.lists.get(id(element), (element, {0}))[1]), Answer(None, wires)
            case _:
                if set(wanted) <= {0}:
                    for answer in self.answers(element, wanted[0]) if wanted else (Answer(),):
                        yield 1, answer

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
                names = frozenset(listed(answer.made, group.block))
                tied = answer.tied | names
                if len(tied) > len({name for name, _ in tied}):
                    continue
                answer = replace(answer, tied=tied, made=())
            else:
                answer = replace(answer, made=at(group.label, answer.made))
            found += self._handed(group, answer) if group.block is not None else [answer]
        return found

    def _list_group(
        self, group: Group, read: Callable[[Element], Sequence[tuple[Count, Answer]]]
    ) -> Iterator[tuple[Count, Answer]]:
        """A block that gives a list: what `read` says of its last part, with how many values that has."""
        last = group.out if group.out is not None else group.lines[-1][-1]
        with self._inside(group):
            ways = read(last)
        for count in dict.fromkeys(count for count, _ in ways):

            def begin(count: Count = count) -> Sequence[Answer]:
                answers = [answer for n, answer in ways if n == count]
                if group.out is None:
                    return self.line_before(group.lines[-1][:-1], answers)
                return answers

            for answer in self._around(group, begin, len(group.lines) - (group.out is None)):
                yield count, answer

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


def _copy(number: int, made: Made) -> Made:
    return ("copy", number, made) if made else made


def gives_list(element: Element) -> bool:
    """Whether an element gives several values, but for lines that are read and are lists."""
    return lists.gives_list(element, frozenset())


def written(value: Value, field: OpenField) -> str | None:
    """A value of the network as the space writes it; None when it offers no such value."""
    if field.low is not None and field.high is not None:
        number = real(str(value))
        return repr(number) if number is not None and field.low <= number <= field.high else None
    spelled = {"".join(str(value).split())}
    if not isinstance(value, str):
        nowhere = Span(Source("", ""), 0, 0)
        spelled.add("".join(print_inline(expression_of(value, nowhere)).split()))
    return next((o for o in field.options if "".join(o.split()) in spelled), None)


def uses_by_node(tracer: Tracer, wiring: Wiring) -> dict[int, list[Group]]:
    """The uses of blocks by the node that they give."""
    found: dict[int, list[Group]] = {}
    for group, value in tracer.uses:
        for number in many(value):
            found.setdefault(wiring.same_as[number], []).append(group)
    return found

"""Lists against nodes of a network: inputs of joins, edges that were picked, lines that are lists."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias, TypeVar

from vnasdsl.network.match_answers import MOST_ANSWERS, NOTHING, Answer, Made, Target, Wires, at, both, copied
from vnasdsl.network.match_reader import Reader, gives_list
from vnasdsl.space.elements import Element, Group, LayerChoice, Many, NameRef, Option, Pick

Count = TypeVar("Count")
Vanish: TypeAlias = int
NEVER, ALWAYS, BEHIND = 0, 1, 2
"""Whether inputs of a join may be nothing: of a sum; of a sum of nothing but `none`, of which the first stays."""


def may_vanish(vanish: Vanish, left: int) -> bool:
    """Whether an input may be nothing where so many nodes are still to be given."""
    return vanish == ALWAYS or (vanish == BEHIND and not left)


class ListReader(Reader):
    """Reads what gives several values."""

    def line_before(self, items: Sequence[Element], states: Sequence[Answer]) -> tuple[Answer, ...]:
        """Elements one after the other in front of something that was read."""
        raise NotImplementedError

    def _alternatives(self, element: LayerChoice, read: Callable[[Element], Sequence[Answer]]) -> Iterator[Answer]:
        raise NotImplementedError

    def _around(self, group: Group, last: Callable[[], Sequence[Answer]], count: int) -> list[Answer]:
        raise NotImplementedError

    def sequence(
        self, elements: Sequence[Element], targets: tuple[Target, ...], vanish: Vanish = NEVER
    ) -> tuple[Answer, ...]:
        """The ways in which elements, each begun with what came before, give these nodes one after the other.

        `vanish`: whether an element may also give nothing, as `none` does in a sum.
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
        self, element: Element, targets: tuple[Target, ...], vanish: Vanish
    ) -> Iterator[tuple[int, Sequence[Answer]]]:
        """How many of the first nodes an element can give, with the ways to do so."""
        self.step()
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
            case LayerChoice() if any(gives_list(o.element) for o in element.options):
                for count in range(len(targets) + 1):
                    found = tuple(
                        self._alternatives(element, lambda e, n=count: self.sequence((e,), targets[:n], vanish))  # type: ignore[misc]
                    )
                    if found:
                        yield count, found
            case NameRef() if id(element) in self.lists and element.index is None:
                for count in range(min(len(targets), max(self.lists[id(element)][1])) + 1):
                    if not self.can_be(element.wire, targets[:count]):
                        break
                    wires: Wires = frozenset({((element.wire, None), targets[:count])})
                    yield count, (Answer(None, wires),)
            case _:
                if targets:
                    yield 1, self.answers(element, targets[0])
                if may_vanish(vanish, len(targets)):
                    yield 0, self.answers(element, NOTHING)

    def _items(self, element: Many, targets: tuple[Target, ...], vanish: Vanish) -> tuple[Answer, ...]:
        """A list against nodes: like a sequence, with the place of each item in the names of its choices."""
        states: dict[int, tuple[Answer, ...]] = {0: (Answer(),)}
        for i, item in enumerate(element.items):
            following: dict[int, list[Answer]] = {}
            for done, answers in states.items():
                for count, more in self.prefixes(item, targets[done:], vanish):
                    placed = more if item.label else [replace(m, made=copied(i, m.made)) for m in more]
                    joined = [c for a in answers for b in placed for c in [self.together(a, b)] if c is not None]
                    following.setdefault(done + count, []).extend(joined)
            states = {done: self.distinct(answers) for done, answers in following.items() if answers}
        return tuple(replace(a, made=at(element.label, a.made)) for a in states.get(len(targets), ()))

    def _pick(self, pick: Pick, targets: tuple[Target, ...], vanish: Vanish) -> Iterator[tuple[int, Sequence[Answer]]]:
        """Subsets of the options in their order: (taken, given) -> answers with the texts that were taken."""
        State: TypeAlias = "tuple[Answer, tuple[str, ...]]"
        states: dict[tuple[int, int], list[State]] = {(0, 0): [(Answer(), ())]}
        for option in pick.options:
            if self.ordered and isinstance(option.element, NameRef) and id(option.element) in self.lists:
                states = self._take(option, option.element, pick.most, targets, states)
                continue
            for text, give in self._values(option.element, option.text):
                following = {key: list(found) for key, found in states.items()}
                for (taken, done), found in states.items():
                    if taken == pick.most:
                        continue
                    ways = [(1, give(targets[done]))] if done < len(targets) else []
                    ways += [(0, give(NOTHING))] if may_vanish(vanish, len(targets) - done) else []
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
        element: NameRef,
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

        if isinstance(element, NameRef) and id(element) in self.lists:
            for i in range(max(self.lists[id(element)][1])):
                yield f"{text}[{i}]", read(element.wire, i)
        else:
            yield text, lambda target: self.answers(element, target)

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
            if isinstance(element, NameRef):
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
                            placed = way if item.label else replace(way, made=copied(i, way.made))
                            new = [c for a in answers for c in [self.together(a, placed)] if c is not None]
                            following.setdefault((done + more, used + taken), []).extend(new)
                    states = {key: self.distinct(found) for key, found in following.items()}
                for key, answers in states.items():
                    for answer in answers:
                        yield key, replace(answer, made=at(element.label, answer.made))
            case LayerChoice():
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
                            placed = more if item.label else replace(more, made=copied(i, more.made))
                            joined = self.together(answer, placed)
                            if joined is not None:
                                following.append((done + count, joined))
                    states = following
                for count, answer in states:
                    if all(place < count for place in wanted):
                        yield count, replace(answer, made=at(element.label, answer.made))
            case LayerChoice():
                for option in element.options:
                    for count, answer in self._some(option.element, wanted):
                        made = both(("choice", element.key, option.text), answer.made)
                        yield count, replace(answer, made=at(element.label, made))
            case Group() if gives_list(element):
                yield from self._list_group(element, lambda last: list(self._some(last, wanted)))
            case NameRef():
                wires: Wires = frozenset(((element.wire, i), t) for i, t in wanted.items())
                yield max(self.lists.get(id(element), (element, {0}))[1]), Answer(None, wires)
            case _:
                if set(wanted) <= {0}:
                    for answer in self.answers(element, wanted[0]) if wanted else (Answer(),):
                        yield 1, answer

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

"""What reading a network keeps in mind: answers that were found, names and what they stand for, what did not fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from vnasdsl.layers.base import Shape
from vnasdsl.network.match_answers import (
    MOST_ANSWERS,
    MOST_STEPS,
    MOST_TORN,
    NOTHING,
    Answer,
    Target,
    Wires,
    agreed,
    both,
)
from vnasdsl.network.trace import Node
from vnasdsl.network.wiring import Wiring
from vnasdsl.space.elements import DeferredCall, Element, Group, LayerChoice, Many, NameRef, Pick
from vnasdsl.space.restrict import gives_list as may_give_list


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


class GaveUpError(Exception):
    """Reading the network takes more steps than are spent on it."""


@dataclass
class Reader:
    """What is known while a network is read, and the names that can be read at a place."""

    network: Wiring
    classes: int
    lists: Mapping[int, tuple[NameRef, set[int]]] = field(default_factory=dict)
    """How many values each Read of a list in the space can give."""
    uses: Mapping[int, Sequence[Group]] = field(default_factory=dict)
    """The uses of blocks in the network by the node that they give."""
    cut: bool = False
    """Whether answers were left out because there were too many."""
    undecided: list[DeferredCall] = field(default_factory=list)
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
    steps: int = 0
    """How many steps were taken."""
    torn: list[tuple[str, int, int]] = field(default_factory=list)
    """Lines that were to be two different nodes."""
    _known: dict[tuple[int, int, bool, int], tuple[Element, tuple[Answer, ...]]] = field(default_factory=dict)
    _frames: dict[tuple[int, int], tuple[Group, Frame]] = field(default_factory=dict)
    _frame: Frame = field(default_factory=lambda: Frame(0))
    _shallow: bool = False
    """Whether only a line itself is looked at, and not what the lines are that it reads."""
    _possible: dict[tuple[int, int, int], bool] = field(default_factory=dict)
    _input: str = ""
    _made: dict[tuple[int, tuple[str, ...]], tuple[DeferredCall, Element | None]] = field(default_factory=dict)
    _tied: int = 0
    _sites: list[tuple[int, Group]] = field(default_factory=list)

    # ------------------------------------------------------------------ answers

    def step(self, count: int = 1) -> None:
        """Some more steps are taken. Raises: GaveUpError."""
        self.steps += count
        if self.steps > MOST_STEPS:
            self.cut = True
            raise GaveUpError

    def together(self, a: Answer, b: Answer) -> Answer | None:
        """Both at once; None when they contradict each other."""
        self.step(1 + len(a.wires) // 32)
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
            common = agreed(tied, b.tied)
            if common is None:
                return None
            tied = common
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
        raise NotImplementedError

    def line(self, items: Sequence[Element], target: Target) -> tuple[Answer, ...]:
        """Elements one after the other, the last of which gives the node."""
        raise NotImplementedError

    def _node(self, target: Target) -> Node | None:
        return self.network.nodes[target] if target != NOTHING else None

    def _shape(self, target: Target) -> Shape | None:
        node = self._node(target)
        return node.shape if node is not None else None

    def _miss(self, target: Target, element: Element) -> None:
        outer = next((site for begun, site in self._sites if begun == target), element)
        self.missed.setdefault(target, {})[outer] = None

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
            case NameRef():
                return self.can_be(last.wire, (target,))
            case Many():
                return any(self._can_give((item,), target, self._frame) for item in dict.fromkeys(last.items))
            case LayerChoice() | Pick() if gives_list(last):
                return any(self._can_give((option.element,), target, self._frame) for option in last.options)
            case Group() if gives_list(last):
                with self._inside(last):
                    return self._can_give((last.out or last.items[-1],), target, self._frame)
        self._shallow = True
        try:
            return bool(self.line(items, target))
        finally:
            self._shallow = False


def gives_list(element: Element) -> bool:
    """Whether an element gives several values, but for lines that are read and are lists."""
    return may_give_list(element, frozenset())

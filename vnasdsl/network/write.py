"""From the graph of a network to its text: one line for each layer that the output depends on.

A part becomes steps, each of which takes the value of the step before or begins with a name; a value is given a name
when something reads it. A block in which choices were made is written out where it is used; with inputs or named lines
it becomes a block of its own with the values filled in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from vnasdsl.language import tree
from vnasdsl.language.limits import LONGEST_NAME
from vnasdsl.language.source import Span
from vnasdsl.language.walk import walk
from vnasdsl.network.block_calls import BlockCalls
from vnasdsl.network.nodes import Part, Values
from vnasdsl.space.elements import BodyLayer, Group, Join, LayerCall, Many, NameRef, Repeat, label_text, unique
from vnasdsl.space.parts import has_choices

if TYPE_CHECKING:
    from vnasdsl.network.graph import NetworkGraph

LIST = ""
"""In the place of the one value that comes in, after a line that is a list: nothing takes it."""


@dataclass(frozen=True)
class Written:
    """The body of a network, and the blocks it needs that no file defines, those that others use first."""

    body: tuple[tree.Statement, ...]
    blocks: tuple[tree.Block, ...] = ()


def write(graph: NetworkGraph, blocks: Mapping[str, tree.Block], layers: Iterable[str]) -> Written:
    """The text of a network: one line for every layer that is left (rule 4 of the language).

    `blocks`: those that are defined; new ones get other names, and none that one of the `layers` has.
    """
    writer = Writer(graph, blocks, layers)
    return Written(tuple(writer.network()), tuple(writer.made))


@dataclass(eq=False)
class Step:
    """A line, or a part of one: what comes in, the layers, and what comes out."""

    before: str | None
    """The value that it takes; None where it takes none but those it reads by name."""
    value: str
    expressions: list[tree.Expression]
    span: Span
    explicit: bool = False
    """Whether it begins with the name of what it takes, also right after it."""
    wish: str = ""
    """The name that the file has for what it takes."""
    start: str = ""
    """The name it begins with, once that is known."""


@dataclass
class Names:
    """The names of values in one body, given when they are first read."""

    taken: set[str]
    fixed: dict[str, list[str]] = field(default_factory=dict)
    """Those of the input or of a block's parameters, by value."""
    wishes: dict[str, str] = field(default_factory=dict)
    """The names that the file has, by value."""
    given: dict[str, str] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)
    """The names of `fixed` that something reads."""

    def of(self, value: str, wish: str = "") -> str:
        """The name of a value, from now on also if it had none."""
        if value in self.fixed:
            names = self.fixed[value]
            name = wish if wish in names else names[0]
            self.read.add(name)
            return name
        if value not in self.given:
            name = self.wishes.get(value) or wish or "x"
            while name in self.taken and name != self.wishes.get(value):
                name += "_"
            self.taken.add(name)
            self.given[value] = name
        return self.given[value]


class Writer:
    """Writes bodies, and the blocks that they come to need."""

    def __init__(self, graph: NetworkGraph, blocks: Mapping[str, tree.Block], layers: Iterable[str]):
        self.graph = graph
        self.calls = BlockCalls(blocks)
        groups = [p.element for s in graph.sections for p in s.body.walk() if isinstance(p.element, Group)]
        self.lines = {name for group in groups for name in group.names if name}
        self.taken = {*blocks, *layers, *self.lines}
        self.made: list[tree.Block] = []
        self._known: dict[tuple[object, ...], str] = {}

    # --------------------------------------------------------------------- bodies

    def network(self) -> list[tree.Statement]:
        inputs = [node.label for node in self.graph.layers if node.operation == "input"]
        source = inputs[0]
        names = Names({*self.taken, *inputs}, {label: [label] for label in inputs})
        sections = [(section, self.layers(section.body, names)) for section in self.graph.sections]
        value = source
        for section, steps in sections:
            self.begin(steps, value, names)
            value = section.body.value if isinstance(section.body.value, str) else value
        found: list[tree.Statement] = []
        value = source
        for section, steps in sections:
            body = self.statements(steps, value, names)
            span = section.body.element.span
            found += [tree.Stage(section.name, tuple(body), span=span, name_span=span)] if section.name else body
            value = section.body.value if isinstance(section.body.value, str) else value
        return found

    def body(self, part: Part, start: str, names: Names) -> tuple[tuple[tree.Statement, ...], bool]:
        """The lines of a part that is printed in braces, and whether they take what comes in."""
        steps = self.layers(part, names)
        out = part.out if isinstance(part.element, Group) else None
        last = self.begin(steps, start, names)
        given: list[tree.Statement] = []
        if out is not None:
            expression = self.value(out, last, names)
            given = [tree.Out(expression, span=out.element.span)]
        elif part.value != last and isinstance(part.value, str):
            name = tree.Name(names.of(part.value), span=part.element.span)
            given = [tree.Line(name, span=part.element.span)]
        takes = start in names.given or any(step.before == start and not step.start for step in steps)
        takes = takes or (out is not None and last == start and self.takes(out, start))
        return (*self.statements(steps, start, names), *given), takes

    def begin(self, steps: Sequence[Step], value: str, names: Names) -> str:
        """Say which steps begin with a name; what the last one gives."""
        for step in steps:
            if step.before is not None and (step.explicit or step.before != value):
                step.start = names.of(step.before, step.wish)
            value = step.value
        return value

    def statements(self, steps: Sequence[Step], start: str, names: Names) -> list[tree.Statement]:
        found: list[tree.Statement] = []
        if (
            start in names.given
            and not any(step.value == start for step in steps)
            and _reads(steps, names.given[start])
        ):
            span = steps[0].span
            found.append(tree.Wire(names.given[start], _skip(span), span=span, name_span=span))
        for step in steps:
            start_name: list[tree.Expression] = [tree.Name(step.start, span=step.span)] if step.start else []
            value = _chain([*start_name, *step.expressions], step.span)
            name = names.given.get(step.value)
            if name is None:
                found.append(tree.Line(value, span=step.span))
            else:
                found.append(tree.Wire(name, value, span=step.span, name_span=step.span))
        return found

    # ---------------------------------------------------------------------- steps

    def layers(self, part: Part, names: Names) -> list[Step]:
        """The lines of a part that have a layer in them."""
        return [step for step in self.steps(part, names) if step.expressions]

    def steps(self, part: Part, names: Names) -> list[Step]:
        """The lines of a part; those without a layer that the output depends on are left out."""
        group = part.element
        assert isinstance(group, Group)
        found: list[Step] = []
        for i, line in enumerate(part.lines):
            name = group.name_of(i)
            if name and len(line) == 1 and isinstance(line[0].value, tuple):
                found += self.list_lines(line[0], name, names)
                continue
            if name and line and isinstance(line[-1].value, str):
                names.wishes.setdefault(line[-1].value, name)
            found += _joined([self.pieces(item, names) for item in line])
        return found

    def list_lines(self, part: Part, name: str, names: Names) -> list[Step]:
        """A list becomes a line for each of its values."""
        found: list[Step] = []
        for i, item in enumerate(self.items(part)):
            if isinstance(item, Part) and isinstance(item.value, str):
                names.wishes.setdefault(item.value, f"{name}_{i}")
                steps = _row(self.pieces(item, names))
                found += steps
        return found

    def items(self, part: Part) -> Iterator[Part]:
        """The parts that give the values of a list, one by one."""
        if isinstance(part.element, (Many, Group)) and isinstance(part.value, tuple):
            last = part.items if isinstance(part.element, Many) else (part.out or part.items[-1],)
            for item in last:
                yield from self.items(item)
        elif isinstance(part.value, str):
            yield part

    def pieces(self, part: Part, names: Names) -> list[Step]:
        """The steps that a part in a line becomes: several where copies or blocks are written out."""
        element, span = part.element, part.element.span
        if part.node is not None and part.node not in self.graph.live:
            return []
        value = part.value
        if isinstance(value, tuple):  # a list that is read again by its values' names
            return [] if isinstance(element, NameRef) else self.list_lines(part, "", names)
        before = part.before if isinstance(part.before, str) else LIST
        match element:
            case LayerCall():
                return [Step(before, value, [element.call], span)] if part.node is not None else []
            case NameRef():
                wish = element.wire if element.index is None else f"{element.wire}_{element.index}"
                return [Step(value, value, [], span, explicit=True, wish=wish)]
            case BodyLayer():
                body, _ = self.body(part.items[0], part.items[0].before, names)  # type: ignore[arg-type]
                lines = body or (tree.Line(_skip(span), span=span),)
                return [Step(before, value, [replace(element.call, body=lines)], span)]
            case Join() if part.node is None:
                inputs = (each for item in part.items for each in self.items(item))
                only = next((each for each in inputs if each.value == value), None)
                return [Step(value, value, [], span, explicit=True)] if only is None else self.pieces(only, names)
            case Join():
                arguments = [e for item in part.items for e in self.inputs(part, item, names)]
                call = tuple(tree.Argument(None, e, span=e.span) for e in arguments)
                takes = any(self.takes(item, before) for item in part.items)
                expression = replace(element.call, arguments=(*call, *element.call.arguments))
                return [Step(before if takes else None, value, [expression], span)]
            case Group() if element.call is not None and not has_choices(element):
                return [Step(before, value, [element.call], span)] if self.is_live(part) else []
            case Group() if element.block is not None:
                return self.use(part, names)
            case Group():
                out = [] if part.out is None else self.pieces(part.out, names)
                return [*self.steps(part, names), *out]
            case Repeat():
                return [step for item in part.items for step in self.pieces(item, names)]
        raise ValueError("a choice is still open")

    def is_live(self, part: Part) -> bool:
        return any(each.node in self.graph.live for each in part.walk() if each.node is not None)

    def takes(self, part: Part, before: Values) -> bool:
        """Whether what is written for an input of a join begins with what came before."""
        if part.value == before:
            return not isinstance(part.element, NameRef)
        if isinstance(part.element, NameRef) or not self.is_live(part):
            return False
        first = next((child for child in part.children if child.before == before and self.is_live(child)), None)
        if part.node is not None and not isinstance(part.element, Join):
            return part.before == before
        if isinstance(part.element, Group) and _is_closed(part.element):
            return True
        return first is not None and self.takes(first, before)

    def inputs(self, join: Part, item: Part, names: Names) -> list[tree.Expression]:
        """An input of a join: the values of a list one by one; a sum leaves out `none`."""
        kept = self.graph.node(join.node).inputs if join.node is not None else ()
        return [expression for value, expression in self.values(item, join.before, names) if value in kept]

    def values(self, part: Part, before: Values, names: Names) -> Iterator[tuple[str, tree.Expression]]:
        """The values of a part with what is written for each, where `before` came in."""
        span = part.element.span
        if isinstance(part.value, str):
            yield part.value, self.value(part, before, names)
        elif isinstance(part.element, NameRef):
            for i, value in enumerate(part.value):
                yield value, tree.Name(names.of(value, f"{part.element.wire}_{i}"), span=span)
        else:
            for item in self.items(part):
                yield from self.values(item, before, names)

    def value(self, part: Part, before: Values, names: Names) -> tree.Expression:
        """What is written for one value, where `before` came in."""
        span = part.element.span
        expressions: list[tree.Expression] = []
        value = before
        steps = self.pieces(part, names)
        for step in steps:
            if step.before is not None and (step.explicit or step.before != value):
                expressions = [tree.Name(names.of(step.before, step.wish), span=span)]
            elif step.before is None:
                expressions = []
            expressions += step.expressions
            value = step.value
        if not expressions:
            wish = next((step.wish for step in steps if step.explicit), "")
            skips = part.value == before and not wish
            expressions = [_skip(span) if skips else tree.Name(names.of(str(part.value), wish), span=span)]
        return _chain(expressions, span)

    # --------------------------------------------------------------------- blocks

    def use(self, part: Part, names: Names) -> list[Step]:
        """A use of a block in which choices were made, or which is handed lines."""
        group, span = part.element, part.element.span
        assert isinstance(group, Group) and group.block is not None and isinstance(part.value, str)
        if not self.is_live(part):
            return []
        lists = any(isinstance(given.value, tuple) for _, given in part.inputs)
        inputs = {name: partial(self.value, given, part.before, names) for name, given in part.inputs}
        original = None if lists else self.calls.of(group, inputs)
        if original is None and not self.has_names(part):
            return self.steps(part, names)
        handed: list[tuple[str, str, Part, int]] = []  # parameter, value, part, place in its list
        for name, given in part.inputs:
            values = given.value if isinstance(given.value, tuple) else (given.value,)
            several = isinstance(given.value, tuple)
            handed += [(f"{name}_{i}" if several else name, value, given, i) for i, value in enumerate(values)]
        own = Names({*group.names, *(name for name, *_ in handed)})
        for name, value, _, _ in handed:
            own.fixed.setdefault(value, []).append(name)
        body, takes = self.body(part, str(part.before), own)
        takes = takes or any(self.takes(given, part.before) for name, _, given, _ in handed if name in own.read)
        if original is not None:
            return [Step(str(part.before) if takes else None, part.value, [original], span)]
        needed = [entry for entry in handed if entry[0] in own.read]
        arguments = []
        for _, _, given, i in needed:
            expressions = [expression for _, expression in self.values(given, part.before, names)]
            arguments.append(tree.Argument(None, expressions[i], span=span))
        made = self.block(group, tuple(name for name, *_ in needed), body)
        call: tree.Expression = tree.Name(made, span=span)
        if arguments:
            call = tree.Call(made, tuple(arguments), span=span, function_span=span)
        return [Step(str(part.before) if takes else None, part.value, [call], span)]

    def has_names(self, part: Part) -> bool:
        """Whether lines of a block are read by name, so that it can only be written as a block."""
        if part.out is not None:
            return True
        todo = list(part.items)
        while todo:
            each = todo.pop()
            if isinstance(each.element, NameRef):
                return True
            inner = isinstance(each.element, Group) and each.element.block is not None
            todo += [given for _, given in each.inputs] if inner else list(each.children)
        return False

    def block(self, group: Group, parameters: tuple[str, ...], body: tuple[tree.Statement, ...]) -> str:
        """The name of a block with these lines: equal ones are one."""
        key = (group.block, parameters, body)
        if key not in self._known:
            span = group.span
            self._known[key] = name = self._name(group)
            declared = tuple(tree.Parameter(p, None, span=span) for p in parameters)
            self.made.append(tree.Block(name, declared, body, span=span, name_span=span))
        return self._known[key]

    def _name(self, group: Group) -> str:
        """`normal_16` for a use of `normal(a, b, 16)`."""
        values = [label_text(str(v)) for _, v in group.bound if isinstance(v, int) and not isinstance(v, bool)]
        base = "_".join([group.block or "block", *values])[: LONGEST_NAME - 4]
        name = unique(base, self.taken, "_")
        self.taken.add(name)
        return name


def _is_closed(group: Group) -> bool:
    """Whether the use of a block is written as its call: nothing in it was chosen, and it reads no lines."""
    return group.call is not None and not has_choices(group)


def _reads(steps: Iterable[Step], name: str) -> bool:
    """Whether a step reads a line by its name, at its beginning or in an input of a join."""
    parts = (part for step in steps for expression in step.expressions for part in walk(expression))
    return any(step.start == name for step in steps) or any(
        isinstance(part, tree.Name) and part.id == name for part in parts
    )


def _skip(span: Span) -> tree.Name:
    return tree.Name("skip", span=span)


def _chain(expressions: Sequence[tree.Expression], span: Span) -> tree.Expression:
    return expressions[0] if len(expressions) == 1 else tree.Chain(tuple(expressions), span=span)


def _row(steps: Sequence[Step]) -> list[Step]:
    """Steps one after the other as one line, as far as each takes the value of the one before."""
    found: list[Step] = []
    for step in steps:
        if found and step.before == found[-1].value and not step.explicit:
            last = found[-1]
            found[-1] = replace(last, value=step.value, expressions=[*last.expressions, *step.expressions])
        else:
            found.append(step)
    return found


def _joined(parts: Sequence[list[Step]]) -> list[Step]:
    """The steps of parts that are in one line; a part of several steps is written as lines of its own."""
    if all(len(part) <= 1 for part in parts):
        return _row([step for part in parts for step in part])
    return [step for part in parts for step in part]

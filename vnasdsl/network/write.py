"""From layers back to text: the lines of a network whose choices have been made.

A line is a layer: what is skipped and what nothing reads is left out. A block in which choices were made is written out
where it is used; with inputs or named lines inside it cannot be, and becomes a block of its own with the values filled
in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from vnasdsl.language import tree
from vnasdsl.language.diagnostics import VnsError
from vnasdsl.language.limits import LONGEST_NAME
from vnasdsl.language.parser import parse
from vnasdsl.language.printer import print_inline
from vnasdsl.language.source import Source, Span
from vnasdsl.language.walk import blocks_used, walk
from vnasdsl.layers import CATALOGUE
from vnasdsl.layers.base import Value
from vnasdsl.network.simplify import Kept, Needs, indexed, is_read, kept, needs, spliced, tidied
from vnasdsl.space.elements import (
    BodyLayer,
    Element,
    Group,
    Join,
    LayerCall,
    Many,
    NameRef,
    Repeat,
    Segment,
    When,
    children,
    label_text,
)
from vnasdsl.space.values import WORDS, Text, evaluate, expression_of, substitute

Lines = list[list[tree.Expression]]
OPEN = (tree.Choice, tree.Range, tree.Pick)


@dataclass(frozen=True)
class Written:
    """The body of a network, and the blocks it needs that no file defines, those that others use first."""

    body: tuple[tree.Statement, ...]
    blocks: tuple[tree.Block, ...] = ()


def write(segments: Iterable[Segment], blocks: Mapping[str, tree.Block]) -> Written:
    """The text of a network: one line for every layer that is left (rule 4 of the language).

    `blocks`: those that are defined; new ones get other names.
    """
    tidy = tidied(segments)
    writer = Writer(blocks, _names(tidy))
    return Written(tuple(writer.network(tidy)), tuple(writer.made))


def statements(segments: Iterable[Segment]) -> tuple[tree.Statement, ...]:
    """The body alone, for networks that need no blocks of their own."""
    return write(segments, {}).body


@dataclass
class Names:
    """The lines of one body that are read by name."""

    taken: set[str]
    split: frozenset[str] = frozenset()
    """Lists of which single values are read: each of their values is a line."""
    counts: dict[str, int] = field(default_factory=dict)
    """How many values each list has."""
    items: dict[tuple[str, int], str] = field(default_factory=dict)

    def item(self, name: str, index: int) -> str:
        """The name of one value of a list: `level0_1`."""
        if (name, index) not in self.items:
            made = f"{name}_{index}"
            while made in self.taken:
                made += "_"
            self.taken.add(made)
            self.items[name, index] = made
        return self.items[name, index]


class Writer:
    """Writes bodies, and the blocks that they come to need."""

    def __init__(self, blocks: Mapping[str, tree.Block], taken: Iterable[str]):
        self.blocks = blocks
        self.taken = {*blocks, *CATALOGUE, *taken}
        self.made: list[tree.Block] = []
        self._known: dict[tuple[object, ...], str] = {}
        self._closed: dict[str, bool] = {}
        self._layers: dict[str, tree.Expression | None] = {}

    # --------------------------------------------------------------------- bodies

    def network(self, segments: tuple[Segment, ...]) -> list[tree.Statement]:
        """What nothing reads is looked for from the last line on: a stage may read lines in front of it."""
        names = self._scope([s.body for s in segments], {n for s in segments if not s.name for n in s.body.names})
        after = Needs(True)
        keeps: list[tuple[Kept, ...]] = []
        for segment in reversed(segments):
            own = frozenset(n for n in segment.body.names if n) if segment.name else frozenset()
            read = frozenset(n for n in after.names if n.partition("[")[0] not in own)
            after, keep = kept(segment.body, read, after.x)
            keeps.append(keep)
        found: list[tree.Statement] = []
        for segment, keep in zip(segments, reversed(keeps), strict=True):
            inner = names
            if segment.name:
                inner = self._scope([segment.body], set(segment.body.names) | names.taken, names)
            body = self.lines(segment.body, keep, inner)
            if segment.name:
                span = segment.body.span
                found.append(tree.Stage(segment.name, tuple(body), span=span, name_span=span))
            else:
                found += body
        return found

    def _scope(self, groups: Iterable[Group], taken: set[str], outer: Names | None = None) -> Names:
        split: frozenset[str] = frozenset()
        for group in groups:
            split |= _split(group)
        if outer is None:
            return Names(taken, split)
        return Names(taken, split | outer.split, dict(outer.counts), dict(outer.items))

    def body(self, group: Group, names: Names) -> tuple[tree.Statement, ...]:
        """The lines of a group and its `out`."""
        return tuple(self.lines(group, kept(group)[1], names))

    def lines(self, group: Group, keep: Iterable[Kept], names: Names) -> list[tree.Statement]:
        found: list[tree.Statement] = []
        for i, (line, (keeps, wanted)) in enumerate(zip(group.lines, keep, strict=True)):
            name = group.name_of(i)
            values = _items(line[0], names) if name and len(line) == 1 else None
            if values is not None:
                names.counts[name] = len(values)
            if not keeps:
                continue
            if values is not None:
                found += self._list(name, line[0], values, names, wanted, group.span)
                continue
            read = bool(name) and is_read(name, wanted)
            lines = self._line(line, names)
            if read and not lines:
                lines = [[_skip(group.span)]]
            for number, expressions in enumerate(lines):
                value = _chain(expressions, group.span)
                if read and number == len(lines) - 1:
                    found.append(tree.Wire(name, value, span=group.span, name_span=group.span))
                else:
                    found.append(tree.Line(value, span=group.span))
        if group.out is not None:
            found.append(tree.Out(self._value(group.out, names), span=group.span))
        return found

    def _list(
        self,
        name: str,
        element: Element,
        values: tuple[Element, ...],
        names: Names,
        wanted: frozenset[str],
        span: Span,
    ) -> list[tree.Statement]:
        """A line that is a list: as it is, or a line for each of its values where they are read one by one."""
        if name not in names.split:
            value = self._value(element, names)
            return [tree.Wire(name, value, span=span, name_span=span)]
        read = [i for i in range(len(values)) if name in wanted or f"{name}[{i}]" in wanted]
        before = [i for i in read if needs(values[i]).x]
        found: list[tree.Statement] = []
        begin: tree.Name | None = None
        if before and len(read) > 1:  # each value begins with what came before the list
            label = f"{name}_in"
            while label in names.taken:
                label += "_"
            names.taken.add(label)
            begin = tree.Name(label, span=span)
            found.append(tree.Wire(label, _skip(span), span=span, name_span=span))
        for i in read:
            expressions = self._chain_of(values[i], names)
            if begin is not None and i in before:
                expressions = [begin, *expressions]
            value = _chain(expressions or [_skip(span)], span)
            found.append(tree.Wire(names.item(name, i), value, span=span, name_span=span))
        return found

    def _line(self, items: Iterable[Element], names: Names) -> Lines:
        return _joined([self._lines(item, names) for item in _read_part(tuple(items))])

    def _lines(self, element: Element, names: Names) -> Lines:
        """The lines of an element that stands in a line: those of a block whose choices have been made are its own."""
        match element:
            case Group() if (
                element.call is None and not self._is_block(element) and self._original(element, names) is None
            ):
                _, keep = kept(element)
                parts = [line for line, (keeps, _) in zip(element.lines, keep, strict=True) if keeps]
                return [line for part in parts for line in self._line(part, names) if line]
            case Repeat():
                return [line for item in element.items for line in self._lines(item, names)]
        expressions = self._chain_of(element, names)
        return [expressions] if expressions else []

    # ---------------------------------------------------------------- expressions

    def _value(self, element: Element, names: Names) -> tree.Expression:
        """An element where one value stands, or a list."""
        values = _items(element, names) if not isinstance(element, NameRef) else None
        if values is not None:
            inner = tuple(self._value(item, names) for item in values)
            return tree.List(inner, span=element.span)
        if isinstance(element, NameRef) and element.index is None and element.wire in names.split:
            return tree.List(tuple(self._given(element, names)), span=element.span)
        return _chain(self._chain_of(element, names) or [_skip(element.span)], element.span)

    def _given(self, element: Element, names: Names) -> list[tree.Expression]:
        """An input of a join: the values of a list that is no line any more one by one."""
        if isinstance(element, NameRef) and element.index is None and element.wire in names.split:
            count = names.counts.get(element.wire, 0)
            return [tree.Name(names.item(element.wire, i), span=element.span) for i in range(count)]
        return [self._value(element, names)]

    def _chain_of(self, element: Element, names: Names) -> list[tree.Expression]:
        """What stands between the arrows."""
        match element:
            case LayerCall():
                return [] if element.layer.name == "skip" else [element.call]
            case NameRef():
                name = element.wire if element.index is None else names.item(element.wire, element.index)
                return [tree.Name(name, span=element.span)]
            case BodyLayer():
                inner = self.body(element.body, names)
                return [replace(element.call, body=inner or (tree.Line(_skip(element.span), span=element.span),))]
            case Join():
                values = [v for item in spliced(element.inputs) for v in self._given(item, names)]
                arguments = tuple(tree.Argument(None, value, span=value.span) for value in values)
                return [replace(element.call, arguments=(*arguments, *element.call.arguments))]
            case When():
                then, otherwise = self._value(element.then, names), self._value(element.otherwise, names)
                return [tree.Conditional(then, element.test, otherwise, span=element.span)]
            case Group() if element.call is not None:
                return [element.call]
            case Group() if self._is_block(element):
                return [self._use(element, names)]
            case Group() if (original := self._original(element, names)) is not None:
                return [original]
            case Group() | Repeat():
                return [expression for line in self._lines(element, names) for expression in line]
            case Many() if len(element.items) == 1:
                return self._chain_of(element.items[0], names)
        raise ValueError("a choice is still open")

    # --------------------------------------------------------------------- blocks

    def _is_inlined(self, group: Group, names: Names) -> bool:
        return group.call is None and not self._is_block(group) and self._original(group, names) is None

    def _is_block(self, group: Group) -> bool:
        """Whether a use of a block can only be written as a use of a block."""
        if group.block is None:
            return False
        need, _ = kept(group)
        read = {n.partition("[")[0] for line in group.lines for item in line for n in needs(item).names}
        return bool(need.names) or group.out is not None or any(n in read for n in group.names if n)

    def _use(self, group: Group, names: Names) -> tree.Expression:
        """A call of the block itself where nothing in it was chosen, else of one made for it."""
        assert group.block is not None
        original = self._original(group, names)
        if original is not None:
            return original
        need, _ = kept(group)
        split = _split(group)
        inner = Names({*group.names, *(name for name, _ in group.inputs)}, split)
        parameters: list[str] = []
        arguments: list[tree.Argument] = []
        for name, value in group.inputs:
            if not is_read(name, need.names):
                continue
            values = _items(value, names)
            if values is not None:
                inner.counts[name] = len(values)
            if name not in split or values is None:
                parameters.append(name)
                arguments.append(tree.Argument(None, self._value(value, names), span=group.span))
                continue
            for i, item in enumerate(values):
                if name in need.names or f"{name}[{i}]" in need.names:
                    parameters.append(inner.item(name, i))
                    arguments.append(tree.Argument(None, self._value(item, names), span=group.span))
        body = self.body(group, inner)
        made = self._block(group, tuple(parameters), body)
        if not arguments:
            return tree.Name(made, span=group.span)
        return tree.Call(made, tuple(arguments), span=group.span, function_span=group.span)

    def _block(self, group: Group, parameters: tuple[str, ...], body: tuple[tree.Statement, ...]) -> str:
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
        name, number = base, 1
        while name in self.taken:
            number += 1
            name = f"{base}_{number}"
        self.taken.add(name)
        return name

    def _original(self, group: Group, names: Names) -> tree.Expression | None:
        """The call as it was written, where the block leaves nothing open."""
        if group.block is None or group.block not in self.blocks or not self._is_closed(group.block):
            return None
        bound, inputs = dict(group.bound), dict(group.inputs)
        arguments: list[tree.Argument] = []
        named = False  # behind a default that is left out every argument needs its name
        for parameter in self.blocks[group.block].parameters:
            if parameter.default is not None:
                named = True
                if _is_default(parameter.default, bound, parameter.name):
                    continue
            value = inputs.get(parameter.name)
            if value is not None:
                expression: tree.Expression | None = self._value(value, names)
            elif parameter.name in bound:
                expression = self._written(bound[parameter.name], group.span)
            else:
                return None
            if expression is None:
                return None
            arguments.append(tree.Argument(parameter.name if named else None, expression, span=group.span))
        if not arguments:
            return tree.Name(group.block, span=group.span)
        return tree.Call(group.block, tuple(arguments), span=group.span, function_span=group.span)

    def _written(self, value: Value, span: Span) -> tree.Expression | None:
        """A value as it is written; a layer that was handed in stands as its text, None where it is open."""
        if not isinstance(value, str) or isinstance(value, Text) or value in WORDS:
            return expression_of(value, span)
        if value not in self._layers:
            module = parse(Source("<layer>", f"block b {{\n{value}\n}}\n"))
            block = module.items[0]
            line = block.body[0] if isinstance(block, tree.Block) and len(block.body) == 1 else None
            used = blocks_used((line,), dict(self.blocks)) if line is not None else []
            closed = line is not None and not any(isinstance(node, OPEN) for node in walk(line))
            usable = closed and all(self._is_closed(block.name) for block in used)
            self._layers[value] = line.value if usable and isinstance(line, tree.Line) else None
        return self._layers[value]

    def _is_closed(self, name: str) -> bool:
        """Whether neither a block nor those it uses leave anything open."""
        if name not in self._closed:
            self._closed[name] = False
            used = blocks_used(self.blocks[name].body, dict(self.blocks))
            self._closed[name] = not any(
                isinstance(node, OPEN)
                for block in (self.blocks[name], *used)
                for statement in block.body
                for node in walk(statement)
            )
        return self._closed[name]


def _is_default(default: tree.Expression, bound: Mapping[str, Value], name: str) -> bool:
    """Whether a parameter has the value that it would have without an argument; a layer stands as its text."""
    if name not in bound:
        return False
    value = bound[name]
    if isinstance(value, str) and not isinstance(value, Text) and print_inline(default) == value:
        return True
    known = {n: expression_of(v, default.span) for n, v in bound.items() if n != name}
    try:
        closed = substitute(default, known)
        return repr(evaluate(closed)) == repr(value)  # type: ignore[arg-type]
    except VnsError:
        return False


def _split(group: Group) -> frozenset[str]:
    """The lists in the lines of a group of which single values are read."""
    found: frozenset[str] = frozenset()
    for item in (*group.items, *([group.out] if group.out is not None else [])):
        found |= indexed(item)
    return found


def _items(element: Element, names: Names) -> tuple[Element, ...] | None:
    """The values of a list one by one; None for what is one value."""
    match element:
        case Many():
            found: list[Element] = []
            for item in element.items:
                inner = _items(item, names)
                found += [item] if inner is None else inner
            return tuple(found)
        case NameRef() if element.index is None and element.wire in names.counts:
            return tuple(replace(element, index=i) for i in range(names.counts[element.wire]))
    return None


def _read_part(items: tuple[Element, ...]) -> tuple[Element, ...]:
    """The items of a line without those in front of one that does not read them."""
    for i in reversed(range(len(items))):
        if not needs(items[i]).x:
            return items[i:]
    return items


def _names(segments: Iterable[Segment]) -> set[str]:
    """Every name of a line, however deep."""
    found: set[str] = set()
    seen: set[int] = set()
    todo: list[Element] = [segment.body for segment in segments]
    while todo:
        element = todo.pop()
        if id(element) in seen:
            continue
        seen.add(id(element))
        if isinstance(element, Group):
            found |= {name for name in element.names if name}
        todo += [child for child, _ in children(element, "")]
    return found


def _skip(span: Span) -> tree.Name:
    return tree.Name("skip", span=span)


def _chain(expressions: list[tree.Expression], span: Span) -> tree.Expression:
    return expressions[0] if len(expressions) == 1 else tree.Chain(tuple(expressions), span=span)


def _joined(parts: list[Lines]) -> Lines:
    """The lines of elements that stood in one line: a part of several lines ends the line it began in."""
    if all(len(part) <= 1 for part in parts):
        joined = [expression for part in parts for line in part for expression in line]
        return [joined] if joined else []
    return [line for part in parts for line in part]

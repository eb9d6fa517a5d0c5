"""Everything that a file and its imports define, with the checks that need no shapes and no expansion."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vnasdsl.elaborate.project_layers import SHIPPED, Catalogue
from vnasdsl.elaborate.scope import check_name
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, Label, VnsError, error, guess
from vnasdsl.language.printer import print_inline
from vnasdsl.language.source import Span
from vnasdsl.language.walk import children, names_used, walk
from vnasdsl.layers.base import Layer, Parameter

# ----------------------------------------------------------- blocks that use themselves


@dataclass
class Recursion:
    """Follows the uses of blocks by blocks, each once; a circle is reported where it closes."""

    blocks: Mapping[str, tree.Block]
    circular: set[str] = field(default_factory=set)
    """Blocks that were reported to be in a circle."""
    _walked: set[str] = field(default_factory=set)

    def check(self, names: Iterable[str]) -> list[Diagnostic]:
        return [fault for name in names if name not in self._walked for fault in self._walk(name)]

    def _walk(self, root: str) -> Iterator[Diagnostic]:
        path = [root]
        pending = [self._uses(root)]
        self._walked.add(root)
        while pending:
            use = next(pending[-1], None)
            if use is None:
                pending.pop()
                path.pop()
                continue
            name, span = use
            if name in path:
                circle = path[path.index(name) :]
                self.circular.update(circle)
                shown = " -> ".join(f"`{block}`" for block in [*circle, name])
                yield Diagnostic("E0207", f"block `{name}` uses itself: {shown}", Label(span))
            elif name not in self._walked:
                self._walked.add(name)
                path.append(name)
                pending.append(self._uses(name))

    def _uses(self, block: str) -> Iterator[tuple[str, Span]]:
        """The blocks that a block uses, and where, in the order of the text."""
        return ((name, span) for name, span in names_used(*self.blocks[block].body) if name in self.blocks)


# -------------------------------------------------------------------------- definitions


@dataclass
class Definitions:
    """Blocks, spaces, networks and recipes by name, from one file and what it imports; and the layers they can use."""

    catalogue: Catalogue = SHIPPED
    blocks: dict[str, tree.Block] = field(default_factory=dict)
    nets: dict[str, tree.Space | tree.Network] = field(default_factory=dict)
    recipes: dict[str, tree.Recipe] = field(default_factory=dict)
    files: set[Path] = field(default_factory=set)
    """The files imported so far."""
    imported: int = 0
    """Characters in them."""
    complete: bool = True
    """False when an import could not be read: names that are not known may stand there."""
    recursion: Recursion = field(init=False)
    _open: dict[str, bool] = field(default_factory=dict)
    _values: dict[str, frozenset[str]] = field(default_factory=dict)
    _written: dict[tuple[object, ...], tree.Node | str] | None = None

    def __post_init__(self) -> None:
        self.recursion = Recursion(self.blocks)

    @property
    def layers(self) -> Mapping[str, Layer]:
        """Every layer by name."""
        return self.catalogue.layers

    def add(self, item: tree.Definition) -> None:
        """Raises: VnsError E0203 for a name defined twice, E0205 for one that cannot be used."""
        if isinstance(item, tree.Import):
            return
        what = type(item).__name__.lower()
        tables: dict[str, Any] = {"block": self.blocks, "recipe": self.recipes}
        table = tables.get(what, self.nets)
        if item.name in table:
            first = (Label(table[item.name].name_span, "first here"),)
            message = f"{what} `{item.name}` is defined twice"
            raise error("E0203", message, item.name_span, "again here", secondary=first)
        if item.name not in self.layers or table is not self.blocks:
            table[item.name] = item  # also under a name that cannot be: what uses it is not at fault
        check_name(item.name, what, item.name_span, self.catalogue)

    def knows(self, function: str) -> bool:
        return function in self.layers or function in self.blocks

    def parameters(self, function: str) -> tuple[Parameter | tree.Parameter, ...]:
        if function in self.layers:
            return self.layers[function].parameters
        return self.blocks[function].parameters

    def bind(self, call: tree.Call) -> dict[str, tree.Expression]:
        """The arguments of a call by parameter name; defaults are not filled in.

        Raises: VnsError with an E0301 for each wrong argument; an empty one for a function that is not known."""
        if not self.knows(call.function):
            raise VnsError(())
        if call.function in self.layers and self.layers[call.function].join is not None:  # an input has no name
            call = replace(call, arguments=tuple(a for a in call.arguments if a.name is not None))
        return bind(call, self.parameters(call.function), lambda: self.usage(call.function))

    def usage(self, function: str) -> str:
        """How a layer or block is written, as a help."""
        layer = self.layers.get(function)
        return f"it is written `{layer.signature if layer else block_signature(self.blocks[function])}`"

    def kind_of(self, function: str, parameter: str) -> str:
        """What a parameter means: the name of the catalogue's parameter that its value ends in, such as `channels`."""
        places = list(self._passed_on(function, parameter))
        if any(f in self.blocks and self._counts_copies(f, name) for f, name in places):
            return "number"
        return places[-1][1]

    def ends_in(self, function: str, parameter: str) -> Parameter | None:
        """The catalogue's parameter that a value given to a layer or block ends in; None where there is none."""
        last, name = list(self._passed_on(function, parameter))[-1]
        known = self.layers[last].parameters if last in self.layers else ()
        return next((p for p in known if p.name == name), None)

    def _passed_on(self, function: str, parameter: str) -> Iterator[tuple[str, str]]:
        """A parameter of a layer or block, and those that its value is passed on to, each by the first use."""
        seen: set[str] = set()
        while function not in seen:
            yield function, parameter
            seen.add(function)
            if function not in self.layers and function in self.blocks:
                function, parameter = next(self._uses(function, parameter), (function, parameter))

    def _uses(self, block: str, parameter: str) -> Iterator[tuple[str, str]]:
        """The parameters of calls in a block whose value reads a parameter of the block."""
        for call in (n for n in walk(*self.blocks[block].body) if isinstance(n, tree.Call)):
            try:
                bound = self.bind(call)
            except VnsError:
                continue
            for name, value in bound.items():
                if any(isinstance(n, tree.Name) and n.id == parameter for n in own_nodes(value)):
                    yield call.function, name

    def _counts_copies(self, block: str, parameter: str) -> bool:
        """Whether a parameter is read in a number of copies."""
        nodes = (n for n in walk(*self.blocks[block].body) if isinstance(n, tree.Binary) and n.op == "*")
        return any(self._is_layer(node.right) and mentions(node.left, parameter) for node in nodes)

    def _is_layer(self, expression: tree.Expression) -> bool:
        """Whether copies of an expression are copies of a layer, and it is not multiplied."""
        match expression:
            case tree.Choice():
                return all(self._is_layer(option) for option in expression.options)
            case tree.Name():
                return self.knows(expression.id)
        return isinstance(expression, (tree.Call, tree.Chain, tree.List, tree.Conditional, tree.Pick))

    def text_of(self, node: tree.Expression) -> str:
        """An expression of a block as the file has it, before values were put in the place of parameters."""
        if self._written is None:
            self._written = {_place(n): n for block in self.blocks.values() for n in walk(block)}
        written = self._written.get(_place(node))
        if isinstance(written, tree.Node):
            written = self._written[_place(node)] = print_inline(written)  # type: ignore[arg-type]
        return print_inline(node) if written is None else written

    def has_choices(self, function: str, seen: frozenset[str] = frozenset()) -> bool:
        """Whether the text of a block, or of a block that it uses or names, leaves a choice open."""
        if function not in self.blocks or function in seen:
            return False
        if function not in self._open:
            self._open[function] = any(
                isinstance(node, (tree.Choice, tree.Range, tree.Pick)) for node in walk(self.blocks[function])
            ) or any(self.has_choices(name, seen | {function}) for name, _ in names_used(self.blocks[function]))
        return self._open[function]

    def values_in(self, node: tree.Node) -> list[tree.Node]:
        """The parts of a node that can only be values, or the node itself: arguments of layers, those that blocks read
        as values, numbers of copies, arithmetic."""
        match node:
            case tree.Call() if node.function in self.layers:
                joins = self.layers[node.function].join is not None
                return [a.value for a in node.arguments if a.name is not None or not joins]
            case tree.Call() if node.function in self.blocks:
                try:
                    bound = self.bind(node)
                except VnsError:
                    return []
                return [value for name, value in bound.items() if name in self.read_as_values(node.function)]
            case tree.Binary(op="*") | tree.Pick():
                return [node.left if isinstance(node, tree.Binary) else node.count]
            case tree.Binary() | tree.Compare() | tree.Range() | tree.Tuple() | tree.Negative():
                return [node]
        return []

    def layer_names(self, *roots: tree.Node) -> Iterator[tree.Name]:
        """The names in some nodes that stand where a layer or a line can."""
        pending = list(roots)
        while pending:
            node = pending.pop()
            if isinstance(node, tree.Name):
                yield node
            values = self.values_in(node)
            if not any(value is node for value in values):
                pending += (
                    c for c in children(node) if not any(c is v or getattr(c, "value", None) is v for v in values)
                )

    def read_as_values(self, function: str) -> frozenset[str]:
        """The names that the lines of a block read where only a value can stand."""
        if function not in self._values:
            self._values[function] = frozenset()  # for blocks that use each other in a circle
            places = [value for node in walk(*self.blocks[function].body) for value in self.values_in(node)]
            self._values[function] = frozenset(n.id for n in walk(*places) if isinstance(n, tree.Name))
        return self._values[function]

    def is_structural(self, function: str, parameter: str, seen: frozenset[str] = frozenset()) -> bool:
        """Whether the value of a parameter may decide which other choices there are below a call."""
        if function in self.layers or function not in self.blocks or function in seen:
            return False
        for node in walk(*self.blocks[function].body):
            match node:
                case tree.Conditional(test=deciding) | tree.Binary(op="*", left=deciding) | tree.Pick(count=deciding):
                    if mentions(deciding, parameter):
                        return True
                case tree.Choice() | tree.Range():
                    if mentions(node, parameter):
                        return True
                case tree.Call() if node.function in self.blocks:
                    try:
                        bound = self.bind(node)
                    except VnsError:
                        return True
                    for name, value in bound.items():
                        if mentions(value, parameter) and self.is_structural(node.function, name, seen | {function}):
                            return True
        return False


def block_signature(block: tree.Block) -> str:
    parts = [p.name if p.default is None else f"{p.name}={print_inline(p.default)}" for p in block.parameters]
    return f"{block.name}({', '.join(parts)})" if parts else block.name


def own_nodes(value: tree.Node) -> Iterator[tree.Node]:
    """The nodes of an argument but for those of calls in it: what is handed to them is theirs."""
    if not isinstance(value, tree.Call):
        yield value
        for child in children(value):
            yield from own_nodes(child)


def mentions(expression: tree.Node, name: str) -> bool:
    return any(isinstance(node, tree.Name) and node.id == name for node in walk(expression))


def _place(node: tree.Node) -> tuple[object, ...]:
    return id(node.span.source), node.span.start, node.span.end, type(node)


def bind(
    call: tree.Call, parameters: Sequence[Parameter | tree.Parameter], usage: Callable[[], str]
) -> dict[str, tree.Expression]:
    """The arguments of a call by parameter name. Raises: VnsError with an E0301 for each wrong argument."""
    function, names = call.function, [p.name for p in parameters]
    needed = [p.name for p in parameters if (p.required if isinstance(p, Parameter) else p.default is None)]
    first: dict[str, tree.Argument] = {}
    faults: list[Diagnostic] = []
    # Not so where `language.checks` has said that names are repeated, or that an argument without one comes too late.
    orderly = len(set(names)) == len(names)
    for i, argument in enumerate(call.arguments):
        named = argument.name is not None
        name = argument.name or (names[i] if i < len(names) else "")
        if not named and any(a.name for a in call.arguments[:i]):
            orderly = False
        elif not name:
            takes = f"{len(names)} argument{'s' * (len(names) != 1)}" if names else "no arguments"
            many = Label(argument.span.to(call.arguments[-1].span))
            faults.append(Diagnostic("E0301", f"`{function}` takes {takes}", many, help=usage()))
            break
        elif name not in names:
            place = argument.span.first(len(name))
            message = f"`{function}` has no parameter `{name}`"
            faults.append(Diagnostic("E0301", message, Label(place), **guess(place, name, names, usage())))
        elif name in first and (first[name].name or not orderly):
            orderly = False
        elif name in first:
            place = argument.span.first(len(name))
            message = f"`{name}` of `{function}` is given twice"
            already = (Label(first[name].span, f"`{name}` already, by its place"),)
            faults.append(Diagnostic("E0301", message, Label(place), secondary=already, help=usage()))
        else:
            first[name] = argument
    missing = [f"`{name}`" for name in needed if name not in first]
    if missing and not faults and orderly:
        needs = f"{', '.join(missing[:-1])} and {missing[-1]}" if len(missing) > 1 else missing[0]
        faults.append(
            Diagnostic("E0301", f"`{function}` needs {needs}", Label(call.function_span or call.span), help=usage())
        )
    if faults or not orderly:
        raise VnsError(faults)
    return {name: argument.value for name, argument in first.items()}

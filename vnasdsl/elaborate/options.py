"""Choices between values in the text: which options there are, and one of them in its place; bounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias, TypeVar

from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Fix, Label, VnsError, error
from vnasdsl.language.printer import print_inline
from vnasdsl.language.source import Span
from vnasdsl.language.walk import children as tree_children
from vnasdsl.language.walk import rewritten
from vnasdsl.space.elements import (
    BodyLayer,
    DeferredArgument,
    DeferredCall,
    Element,
    Join,
    LayerCall,
    LayerChoice,
    Many,
    Option,
    Repeat,
    Segment,
    When,
    label_text,
)
from vnasdsl.space.parts import children
from vnasdsl.space.values import expression_of, number

# -------------------------------------------------- bounds on what a file may expand to

MOST_LAYERS = 11_000
"""Layers that one network may expand to."""
MOST_IN_ALL_OPTIONS = 200_000
"""Layers of all options of a space together: a bound on the work of going through them."""
DEEPEST = 120
"""Levels of layers in blocks, residuals, copies and choices: keeps every recursive walk far from Python's limit."""
MOST_CALLS = 15_000
"""Calls that one file may expand to: a call with several choices is expanded once for every combination of them."""
OPTIONS_A_CALL = 32
"""Options of a call that is not written out that are as much work as one call."""
MOST_COMBINATIONS = 512
"""Combinations of the choices among one call's values that are written out; a call of more is closed when needed."""
MOST_HANDED = 2_000
"""Names and calls in a layer that is handed to a block, those counted that were handed on with it."""


class Measures:
    """How large elements are; each is measured once."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Element, tuple[int, int, int]]] = {}

    def of(self, element: Element) -> tuple[int, int, int]:
        """The most layers of one network, the layers of all options together, and the depth."""
        if id(element) not in self._known:
            known = [self.of(child) for child in _parts(element)]
            own = isinstance(element, (LayerCall, BodyLayer, Join, DeferredCall))
            exclusive = isinstance(element, (LayerChoice, When))
            layers = (max if exclusive else sum)([m[0] for m in known] or [0]) + own
            # Numbers of copies one after the other begin alike: the largest holds the others.
            within = max if isinstance(element, LayerChoice) and _is_number_of_copies(element) else sum
            everything = within([m[1] for m in known] or [0]) + own
            depth = 1 + max((m[2] for m in known), default=0)
            self._known[id(element)] = (element, (layers, everything, depth))  # an id is unique while its object lives
        return self._known[id(element)][1]

    def check(self, net: tree.Space | tree.Network, segments: Sequence[Segment]) -> None:
        """Raises: VnsError E0502 for too many layers, E0108 for layers too deep inside of others."""
        measures = [self.of(s.body) for s in segments]
        if sum(layers for layers, _, _ in measures) > MOST_LAYERS:
            message = f"a network of `{net.name}` can have more than {MOST_LAYERS:,} layers"
            raise error("E0502", message, net.name_span, help="use fewer copies")
        if sum(everything for _, everything, _ in measures) > MOST_IN_ALL_OPTIONS:
            message = f"the options of `{net.name}` make more than {MOST_IN_ALL_OPTIONS:,} layers"
            raise error("E0502", message, net.name_span, help="use fewer copies, or fewer options")
        for segment, (_, _, depth) in zip(segments, measures, strict=True):
            if depth > DEEPEST:
                raise error("E0108", f"layers inside layers more than {DEEPEST} deep", segment.body.span)


def _is_number_of_copies(element: LayerChoice) -> bool:
    return element.key == "number" and not any(isinstance(option.element, Many) for option in element.options)


def _parts(element: Element) -> Sequence[Element]:
    if isinstance(element, DeferredCall):
        return ()
    if isinstance(element, (Repeat, Many)):
        return element.items
    return [child for child, _ in children(element, "")]


# ------------------------------------------------------------------------------ options

OpenChoice: TypeAlias = tree.Choice | tree.Range
N = TypeVar("N", bound=tree.Node)

MOST_OPTIONS = 1_000
"""Options of one choice."""


def all_choices(expression: tree.Expression) -> Iterator[OpenChoice]:
    """The outermost choices in a value, in the order of the text. How many a `pick` takes stays a choice of edges."""
    pending: list[tree.Node] = [expression]
    while pending:
        node = pending.pop()
        if isinstance(node, (tree.Choice, tree.Range)):
            yield node
        elif isinstance(node, tree.Gap):
            raise VnsError(())  # said already, by the parser
        elif isinstance(node, tree.Pick):
            pending.append(node.pool)
        else:
            pending.extend(reversed(tree_children(node)))


def real_bounds(choice: OpenChoice) -> tuple[float, float] | None:
    """The ends of a range over real numbers; None for another choice. Raises: VnsError E0303."""
    if not isinstance(choice, tree.Range):
        return None
    low, high = number(choice.low), number(choice.high)
    if not isinstance(low, float) and not isinstance(high, float):
        return None
    if low > high:
        raise empty_range(choice, low, high)
    return float(low), float(high)


def empty_range(choice: tree.Range, low: float, high: float) -> VnsError:
    message = f"the range `{low}..{high}` is empty"
    return error("E0303", message, choice.span, fix=Fix(choice.span, f"{high}..{low}", f"write `{high}..{low}`"))


def value_of(choice: OpenChoice, field: DeferredArgument, text: str) -> tree.Expression:
    """The expression of an option by its text, or a real number. Raises: ValueError for no value of the choice."""
    if field.low is not None:
        return tree.Number(float(text), text=text, span=choice.span)
    for option in option_expressions(choice):
        if print_inline(option) == text:
            return option
    raise ValueError(f"{text!r} is no option of {field.key}")


def pick_range(count: tree.Expression) -> tuple[int, int]:
    """How many a `pick` takes: a number, or from one number to another. Raises: VnsError."""
    if isinstance(count, tree.Choice):
        raise error("E0302", "a `pick` takes a number or a range such as `1..3`", count.span)
    first, last = (count.low, count.high) if isinstance(count, tree.Range) else (count, count)
    low, high = number(first), number(last)
    if isinstance(count, tree.Range) and low > high:
        raise empty_range(count, low, high)
    if isinstance(low, float) or isinstance(high, float):
        raise error("E0302", "a `pick` takes a whole number of inputs", count.span)
    return low, high


def option_expressions(choice: OpenChoice) -> tuple[tree.Expression, ...]:
    """The options of a choice between values; a range between whole numbers is the choice of each of them."""
    if isinstance(choice, tree.Choice):
        flat: list[tree.Expression] = []
        for option in choice.options:
            flat += option_expressions(option) if isinstance(option, (tree.Choice, tree.Range)) else (option,)
        if len(flat) > MOST_OPTIONS:
            raise too_many_options(len(flat), choice.span)
        return tuple(flat)
    low, high = number(choice.low), number(choice.high)
    if isinstance(low, float) or isinstance(high, float):
        help = "a real number can be left open in an argument of a layer or block, on its own"
        raise error("E0302", "a range over real numbers cannot stand here", choice.span, help=help)
    if low > high:
        raise empty_range(choice, low, high)
    if high - low >= MOST_OPTIONS:
        raise too_many_options(int(high - low) + 1, choice.span)
    return tuple(expression_of(n, choice.span) for n in range(int(low), int(high) + 1))


def too_many_options(count: int, span: Span) -> VnsError:
    message = f"this choice has {count:,} options: at most {MOST_OPTIONS:,} are allowed"
    return error("E0507", message, span, help="name the few values that are worth trying, such as `16 | 32 | 64`")


def replace_node(node: N, old: tree.Node, new: tree.Expression) -> N:
    """The same tree with one node (this very object) replaced, wherever it stands."""
    return rewritten(node, lambda n: new if n is old else None)


def check_distinct(options: Sequence[Option]) -> None:
    """Raises: VnsError E0204 for two options that are alike once they are written as names."""
    seen: dict[str, Option] = {}
    for option in options:
        name = label_text(option.text)
        if name in seen:
            first = seen[name]
            if first.text == option.text:
                message, help = f"option `{option.text}` stands here twice", "leave one of the two out"
            else:
                message = f"options `{first.text}` and `{option.text}` would have one name: `{name}`"
                help = "weights and choices are named by the letters and digits of an option: make these differ"
            assert option.span is not None and first.span is not None
            raise error("E0204", message, option.span, secondary=(Label(first.span, "first here"),), help=help)
        seen[name] = option

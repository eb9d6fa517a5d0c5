"""Choices between values in the text: which options there are, and putting one of them in the choice's place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, Fix, Label, VnsError, error
from vnasdsl.language.source import Span
from vnasdsl.space.definitions import nodes
from vnasdsl.space.elements import Option, label_text
from vnasdsl.space.names import GENERATED, MODULE_ATTRIBUTES
from vnasdsl.space.values import expression_of, number, unsupported

OpenChoice: TypeAlias = tree.Choice | tree.Range

MOST_OPTIONS = 1_000
"""Options of one choice."""


def first_choice(expression: tree.Expression) -> OpenChoice | None:
    """The first choice in an expression, or None."""
    for node in nodes(expression):
        if isinstance(node, (tree.Choice, tree.Range)):
            return node
        if isinstance(node, (tree.Call, tree.Gap)):
            raise VnsError(())  # said already, by the check of names: no choice is taken out of a layer
        if isinstance(node, tree.Pick):
            raise unsupported("`pick`", node.span)
    return None


def option_expressions(choice: OpenChoice) -> tuple[tree.Expression, ...]:
    """The options of a choice between values; a range between whole numbers is the choice of each of them."""
    if isinstance(choice, tree.Choice):
        flat: list[tree.Expression] = []
        for option in choice.options:
            flat += option_expressions(option) if isinstance(option, (tree.Choice, tree.Range)) else (option,)
        return tuple(flat)
    low, high = number(choice.low), number(choice.high)
    if isinstance(low, float) or isinstance(high, float):
        raise unsupported("a range over real numbers", choice.span)
    if low > high:
        message = f"the range `{low}..{high}` is empty"
        raise error("E0303", message, choice.span, fix=Fix(choice.span, f"{high}..{low}", f"write `{high}..{low}`"))
    if high - low >= MOST_OPTIONS:
        raise too_many_options(int(high - low) + 1, choice.span)
    return tuple(expression_of(n, choice.span) for n in range(int(low), int(high) + 1))


def too_many_options(count: int, span: Span) -> VnsError:
    message = f"this choice has {count:,} options: at most {MOST_OPTIONS:,} are allowed"
    return error("E0507", message, span, help="name the few values that are worth trying, such as `16 | 32 | 64`")


def replace_node(node: tree.Expression, old: tree.Node, new: tree.Expression) -> tree.Expression:
    """The same expression with one node (this very object) replaced."""
    if node is old:
        return new
    match node:
        case tree.Tuple() | tree.List():
            return replace(node, items=tuple(replace_node(item, old, new) for item in node.items))
        case tree.Negative():
            return replace(node, operand=replace_node(node.operand, old, new))
        case tree.Binary() | tree.Compare():
            return replace(node, left=replace_node(node.left, old, new), right=replace_node(node.right, old, new))
        case tree.Conditional():
            test = replace_node(node.test, old, new)
            assert isinstance(test, tree.Compare)
            return replace(
                node,
                then=replace_node(node.then, old, new),
                test=test,
                otherwise=replace_node(node.otherwise, old, new),
            )
    return node


def check_distinct(options: Sequence[Option]) -> None:
    """Raises: VnsError E0204 for two options that are alike once they are written as names, E0205 for one that
    is then called like a part of every module."""
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
            again, once = Label(option.span), (Label(first.span, "first here"),)
            raise VnsError(Diagnostic("E0204", message, again, secondary=once, help=help))
        seen[name] = option
        if name in MODULE_ATTRIBUTES or name in GENERATED:
            message = f"option `{option.text}` would be called `{name}`, a name that generated code needs"
            assert option.span is not None
            raise error("E0205", message, option.span, help="give one of its blocks another name")

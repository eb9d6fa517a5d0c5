"""The call of a block as it is written in a network: arguments filled in, defaults left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from vnasdsl.language import tree
from vnasdsl.language.diagnostics import VnsError
from vnasdsl.language.parser import parse_expression
from vnasdsl.language.printer import print_inline
from vnasdsl.language.source import Source, Span
from vnasdsl.language.walk import blocks_used, walk
from vnasdsl.layers.base import Value
from vnasdsl.space.elements import Group
from vnasdsl.space.values import WORDS, OtherWord, evaluate, expression_of, substitute

OPEN = (tree.Choice, tree.Range, tree.Pick)


class BlockCalls:
    """Calls of blocks that are defined."""

    def __init__(self, blocks: Mapping[str, tree.Block]):
        self.blocks = blocks
        self._closed: dict[str, bool] = {}
        self._layers: dict[str, tree.Expression | None] = {}

    def of(self, group: Group, inputs: Mapping[str, Callable[[], tree.Expression]]) -> tree.Expression | None:
        """The call of a use of a block; None where the block, or a layer handed to it, leaves something open.

        `inputs`: what is written for each line handed to the block.
        """
        if group.block is None or group.block not in self.blocks or not self._is_closed(group.block):
            return None
        bound = dict(group.bound)
        arguments: list[tree.Argument] = []
        named = False  # after a default that is left out every argument needs its name
        for parameter in self.blocks[group.block].parameters:
            if parameter.default is not None:
                named = True
                if _is_default(parameter.default, bound, parameter.name):
                    continue
            expression: tree.Expression | None = None
            if parameter.name in inputs:
                expression = inputs[parameter.name]()
            elif parameter.name in bound:
                expression = self._written(bound[parameter.name], group.span)
            if expression is None:
                return None
            arguments.append(tree.Argument(parameter.name if named else None, expression, span=group.span))
        if not arguments:
            return tree.Name(group.block, span=group.span)
        return tree.Call(group.block, tuple(arguments), span=group.span, function_span=group.span)

    def _written(self, value: Value, span: Span) -> tree.Expression | None:
        """A value as it is written; a layer that was handed in stands as its text, None where it is open."""
        if not isinstance(value, str) or isinstance(value, OtherWord) or value in WORDS:
            return expression_of(value, span)
        if value not in self._layers:
            layer = parse_expression(Source("<layer>", value))
            self._layers[value] = layer if _is_closed((layer,), self.blocks) else None
        return self._layers[value]

    def _is_closed(self, name: str) -> bool:
        if name not in self._closed:
            self._closed[name] = _is_closed(self.blocks[name].body, self.blocks)
        return self._closed[name]


def _is_closed(lines: Sequence[tree.Node], blocks: Mapping[str, tree.Block]) -> bool:
    """Whether neither some lines nor the blocks they use leave anything open."""
    used = [statement for block in blocks_used(lines, blocks) for statement in block.body]
    return not any(isinstance(node, OPEN) for node in walk(*lines, *used))


def _is_default(default: tree.Expression, bound: Mapping[str, Value], name: str) -> bool:
    """Whether a parameter has the value that it would have without an argument; a layer stands as its text."""
    if name not in bound:
        return False
    value = bound[name]
    if isinstance(value, str) and print_inline(default) == value:
        return True
    known = {n: expression_of(v, default.span) for n, v in bound.items() if n != name}
    try:
        closed = substitute(default, known)
        return repr(evaluate(closed)) == repr(value)
    except VnsError:
        return False

"""What the grammar accepts but the language does not, in the finished tree: order, repetition, range, depth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, Label, guess
from vnasdsl.language.limits import MAX_DEPTH, MAX_NUMBER
from vnasdsl.language.source import Span
from vnasdsl.language.walk import children

TOO_DEEP = "E0108"
WHOLE_NUMBERS = "whole numbers go up to 10^18"
RECIPE_KINDS = ("search", "retrain", "evaluate")


def check(roots: Iterable[tree.Node]) -> list[Diagnostic]:
    """All such errors below the given nodes."""
    found: list[Diagnostic] = []
    pending = [(root, 1) for root in roots]
    while pending:
        node, depth = pending.pop()
        if depth > MAX_DEPTH:
            found.append(Diagnostic(TOO_DEEP, f"this is nested more than {MAX_DEPTH} deep", Label(node.span)))
            continue
        kind = type(node)
        if kind is tree.Name:
            continue
        if kind in _CHECKED:
            found.extend(_faults(node))
        # Arguments and lines hold an expression without adding to its depth.
        inner = depth if kind is tree.Argument or kind is tree.Line else depth + 1
        for child in children(node):
            pending.append((child, inner))
    return found


_CHECKED = frozenset({tree.Number, tree.Dims, tree.Call, tree.Block, tree.Recipe})


def _faults(node: tree.Node) -> Iterator[Diagnostic]:
    match node:
        case tree.Number():
            if abs(node.value) > MAX_NUMBER and (isinstance(node.value, int) or node.value == float("inf")):
                yield _out_of_range(node)
        case tree.Dims():
            if max(node.values) > MAX_NUMBER:
                yield _out_of_range(node)
        case tree.Call():
            yield from _arguments(node.arguments)
        case tree.Block():
            named = [(p.name, p.span.first(len(p.name))) for p in node.parameters]
            yield from _repeated("E0203", "parameter", named)
        case tree.Recipe():
            if node.kind not in RECIPE_KINDS:
                kind = node.span.first(len(node.kind))
                yield Diagnostic(
                    "E0804",
                    f"unknown kind of recipe `{node.kind}`",
                    Label(kind, "expected `search`, `retrain` or `evaluate`"),
                    **guess(kind, node.kind, RECIPE_KINDS),
                )
            yield from _repeated("E0203", "key", [(entry.key, entry.key_span) for entry in node.entries])


def _out_of_range(node: tree.Node) -> Diagnostic:
    real = isinstance(node, tree.Number) and isinstance(node.value, float)
    note = "real numbers go up to 1.79e308" if real else WHOLE_NUMBERS
    return Diagnostic("E0106", "this number is too large", Label(node.span), notes=(note,))


def _arguments(arguments: tuple[tree.Argument, ...]) -> Iterator[Diagnostic]:
    named: list[tuple[str, Span]] = []
    for argument in arguments:
        span = argument.span
        if argument.name is not None:
            named.append((argument.name, span.first(len(argument.name))))
        elif named:
            yield Diagnostic(
                "E0301",
                "a positional argument follows a named one",
                Label(span, "name it, or move it to the front"),
                secondary=(Label(named[0][1], "the first named one"),),
            )
    yield from _repeated("E0301", "argument", named)


def _repeated(code: str, what: str, named: Iterable[tuple[str, Span]]) -> Iterator[Diagnostic]:
    first: dict[str, Span] = {}
    for name, span in named:
        if name in first:
            yield Diagnostic(
                code,
                f"{what} `{name}` is given twice",
                Label(span, "again here"),
                secondary=(Label(first[name], "first here"),),
            )
        else:
            first[name] = span

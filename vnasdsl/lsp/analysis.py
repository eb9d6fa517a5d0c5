"""What the compiler says about a text: its faults, and the shapes and costs of its lines.

Shapes of a space that did not change, nor any block it uses, are kept: typing in one space does not pay for the others.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias

from vnasdsl.elaborate import Overrides, Space
from vnasdsl.elaborate.definitions import Definitions
from vnasdsl.elaborate.program import examine_module
from vnasdsl.elaborate.space import build
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, Label, VnsError, arrange
from vnasdsl.language.source import Source, Span
from vnasdsl.language.walk import blocks_used
from vnasdsl.lsp.documents import Documents, Text
from vnasdsl.show.figures import LineFigures, line_figures


@dataclass(frozen=True)
class Analysis:
    """Everything known about one version of a text."""

    text: Text
    diagnostics: tuple[Diagnostic, ...]
    """Of this text alone; a fault in an import stands at its `import` line."""
    figures: tuple[LineFigures, ...] = ()
    sizes: tuple[tuple[str, Space], ...] = ()
    imports: frozenset[str] = frozenset()
    """The files it depends on."""


class Analyser:
    """Examines texts one after the other and keeps the spaces that the next version may use again."""

    def __init__(self, documents: Documents):
        self.documents = documents
        self._kept: dict[str, dict[tuple[object, ...], Space]] = {}
        self._figures: dict[int, tuple[Space, list[LineFigures]]] = {}

    def analyse(self, text: Text) -> Analysis:
        module, faults = text.parsed
        if module is None:
            return Analysis(text, faults)
        before = self._kept.get(text.uri, {})
        now: dict[tuple[object, ...], Space] = {}

        def make(
            net: tree.Space | tree.Network, definitions: Definitions, overrides: Overrides, claim: Space | None
        ) -> Space:
            blocks = tuple(block.span.text for block in blocks_used(net.body, definitions.blocks))
            key = (type(net), net.span.text, blocks, id(claim))
            kept = before.get(key)
            now[key] = kept if kept is not None else build(net, definitions, overrides, claim)
            return now[key]

        program, found = examine_module(
            module, text.path, None, recipe_faults, faults, parse_file=self.documents.parse_file, make=make
        )
        self._kept[text.uri] = now
        places = _Places(module, program.definitions, now.values())
        moved = [places.diagnostic(d) for d in found]
        figures = [f for space in program.spaces.values() for f in self._lines(space, places)]
        alive = {id(space) for kept in self._kept.values() for space in kept.values()}
        self._figures = {key: value for key, value in self._figures.items() if key in alive}
        files = frozenset(str(path) for path in program.definitions.files)
        shown = tuple(_silenced(_own(arrange(moved), module), faults))
        return Analysis(text, shown, tuple(figures), tuple(program.spaces.items()), files)

    def forget(self, uri: str) -> None:
        self._kept.pop(uri, None)

    def _lines(self, space: Space, places: _Places) -> list[LineFigures]:
        kept = self._figures.get(id(space))
        if kept is None:
            kept = (space, line_figures(space))
            self._figures[id(space)] = kept
        return [replace(line, span=places.span(line.span)) for line in kept[1]]


def recipe_faults(recipe: tree.Recipe) -> list[Diagnostic]:
    """Unknown keys and wrong values of a recipe."""
    from vnasdsl.train.recipe_text import resolve_recipe  # pydantic is slow to import: only where there is a recipe

    try:
        resolve_recipe(recipe.kind, recipe)
    except VnsError as fault:
        return list(fault.diagnostics)
    return []


# ------------------------------------------------------------- places that moved


class _Places:
    """Finds the present place of what a kept space says about the version of the text that it was built from."""

    def __init__(self, module: tree.Module, definitions: Definitions, spaces: Iterable[Space]):
        self.now = {(type(i), i.name): i for i in _items(definitions)}
        self.present = {module.source, *(item.span.source for item in self.now.values())}
        self.old: dict[Source, list[_Item]] = {}
        for space in spaces:
            for item in (space.syntax, *_items(space.definitions)):
                if item.span.source not in self.present:
                    self.old.setdefault(item.span.source, []).append(item)

    def diagnostic(self, d: Diagnostic) -> Diagnostic:
        return replace(
            d,
            primary=Label(self.span(d.primary.span), d.primary.text) if d.primary else None,
            secondary=tuple(Label(self.span(label.span), label.text) for label in d.secondary),
            fix=replace(d.fix, span=self.span(d.fix.span)) if d.fix else None,
        )

    def span(self, span: Span) -> Span:
        for item in self.old.get(span.source, ()):
            now = self.now.get((type(item), item.name))
            if item.span.start <= span.start <= item.span.end and now is not None:
                shift = now.span.start - item.span.start
                return Span(now.span.source, span.start + shift, span.end + shift)
        return span


_Item: TypeAlias = tree.Block | tree.Space | tree.Network


def _items(definitions: Definitions) -> list[_Item]:
    return [*definitions.blocks.values(), *definitions.nets.values()]


# --------------------------------------------------------------- what is shown


def _silenced(found: Iterable[Diagnostic], faults: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Without what is said about a part that could not be read."""
    said = list(faults)
    spans = [d.primary.span for d in said if d.primary]

    def echo(d: Diagnostic) -> bool:
        own = d.primary.span if d.primary else None
        return own is not None and any(
            own.source is s.source and own.start < s.end and s.start < own.end for s in spans
        )

    return [d for d in found if d in said or not echo(d)]


def _own(found: Iterable[Diagnostic], module: tree.Module) -> list[Diagnostic]:
    """The faults of the text itself; those of other files become one at the `import` that leads to them."""
    own: list[Diagnostic] = []
    others: list[Diagnostic] = []
    for d in found:
        (own if d.primary is None or d.primary.span.source.name == module.source.name else others).append(d)
    errors = [d for d in others if d.severity == "error" and d.primary is not None]
    imports = [item for item in module.items if isinstance(item, tree.Import)]
    if errors and imports:
        first = errors[0]
        assert first.primary is not None
        file = first.primary.span.source.name.replace("\\", "/").rpartition("/")[2]
        line = next((i for i in imports if i.path.value.rpartition("/")[2] == file), imports[0])
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        at = tuple(Label(d.primary.span, d.message) for d in errors if d.primary is not None)
        message = f"`{file}`: {first.message}{more}"
        own.append(Diagnostic(first.code, message, Label(line.path.span), secondary=at))
    return own

"""What the compiler says about a text: its faults, and the shapes and costs of its lines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from vnasdsl.elaborate import Space
from vnasdsl.elaborate.program import examine_module
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, Label, UserError
from vnasdsl.language.source import Span
from vnasdsl.lsp.documents import Documents, Text
from vnasdsl.show.figures import LineFigures, line_figures
from vnasdsl.train.recipe_text import recipe_faults


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


def analyse(documents: Documents, text: Text) -> Analysis:
    module, faults = text.parsed
    if module is None:
        return Analysis(text, faults)
    try:
        catalogue = documents.own_catalogue(text)
    except UserError as fault:  # what would follow from that is not said
        first = Label(Span(module.source, 0, 0))
        return Analysis(text, (*faults, Diagnostic("E0420", fault.message, first, help=fault.help)))
    program, found = examine_module(
        module, text.path, None, recipe_faults, faults, parse_file=documents.parse_file, catalogue=catalogue
    )
    figures = tuple(line for space in program.spaces.values() for line in line_figures(space))
    files = frozenset(str(path) for path in program.definitions.files)
    return Analysis(text, tuple(_own(found, module)), figures, tuple(program.spaces.items()), files)


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

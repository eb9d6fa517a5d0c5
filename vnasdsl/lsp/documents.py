"""The texts that the server knows, those open in the editor and the files beside them, and what the compiler says about
one: its faults, and the shapes and costs of its lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

from pygls.uris import from_fs_path, to_fs_path

from vnasdsl.elaborate import Space
from vnasdsl.elaborate.definitions import Definitions
from vnasdsl.elaborate.imports import collect
from vnasdsl.elaborate.program import examine_module
from vnasdsl.elaborate.project_layers import SHIPPED, Catalogue, catalogue_in
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, Label, UserError, VnsError
from vnasdsl.language.files import read_source, vns_files
from vnasdsl.language.lexer import Tokens
from vnasdsl.language.parser import parse_partial
from vnasdsl.language.source import Source, Span
from vnasdsl.project import project_root
from vnasdsl.show.figures import LineFigures, line_figures
from vnasdsl.train.recipe_text import recipe_faults

MOST_FILES = 2_000
"""Files of one project that are looked through for uses of a name."""


@dataclass(frozen=True, eq=False)
class Text:
    """One version of one text, read when first asked for. Its source is named by its path, else by its URI."""

    uri: str
    path: Path | None
    source: Source
    version: int | None = None
    crlf: bool = False
    """Whether the editor's lines end in "\\r\\n"; the source has "\\n"."""

    @cached_property
    def tokens(self) -> Tokens | None:
        """None where the text is too large."""
        try:
            return Tokens(self.source)
        except VnsError:
            return None

    @cached_property
    def parsed(self) -> tuple[tree.Module | None, tuple[Diagnostic, ...]]:
        """What can be read of the text, and its faults."""
        return parse_partial(self.tokens if self.tokens is not None else self.source)

    @property
    def is_read(self) -> bool:
        return "parsed" in self.__dict__

    @property
    def module(self) -> tree.Module | None:
        return self.parsed[0]


class Documents:
    """Open texts by URI, and files read from the disk as long as they do not change there."""

    def __init__(self) -> None:
        self.open: dict[str, Text] = {}
        self._before: dict[str, Text] = {}
        self._disk: dict[Path, tuple[tuple[int, int], Text]] = {}

    def put(self, uri: str, text: str, version: int | None) -> Text:
        """Keep the present text of an open document."""
        last = self.open.get(uri)
        if last is not None and last.is_read:
            self._before[uri] = last
        path = path_of(uri)
        plain = text.replace("\r\n", "\n").replace("\r", "\n")
        source = Source(str(path) if path is not None else uri, plain)
        self.open[uri] = Text(uri, path, source, version, "\r\n" in text)
        return self.open[uri]

    def close(self, uri: str) -> None:
        self.open.pop(uri, None)
        self._before.pop(uri, None)

    def at(self, path: Path) -> Text:
        """The text of a file: the editor's where it is open there. Raises: VnsError when it cannot be read."""
        for text in list(self.open.values()):
            if text.path == path:
                return text
        state = path.stat() if path.is_file() else None
        stamp = (state.st_mtime_ns, state.st_size) if state else (0, 0)
        kept = self._disk.get(path)
        if kept is None or kept[0] != stamp:
            uri = from_fs_path(str(path)) or str(path)
            kept = (stamp, Text(uri, path, read_source(str(path))))
            self._disk[path] = kept
        return kept[1]

    def parse_file(self, path: Path, name: str) -> tuple[tree.Module, tuple[Diagnostic, ...]]:
        """The tree of an import, as far as it can be read. Raises: VnsError."""
        module, faults = self.at(path).parsed
        if module is None:
            raise VnsError(faults)
        return module, faults

    def soon(self, text: Text) -> Text:
        """The text, or the version before it while this one is not read: names seldom change with a keystroke."""
        return text if text.is_read else self._before.get(text.uri, text)

    def catalogue(self, text: Text) -> Catalogue:
        """The layers of the text's project; those of the language alone where its layer files cannot be used."""
        try:
            return self.own_catalogue(text)
        except UserError:
            return SHIPPED

    def own_catalogue(self, text: Text) -> Catalogue:
        """The layers of the text's project. Raises: UserError for a layer file that cannot be used."""
        return SHIPPED if text.path is None else catalogue_in(project_root(text.path))

    def definitions(self, text: Text) -> Definitions:
        """Everything that a text and its imports define."""
        definitions = Definitions(self.catalogue(text))
        if text.module is not None:
            collect(text.module, text.path, definitions, [], parse_file=self.parse_file)
        return definitions

    def named(self, source_name: str) -> Text | None:
        """The text that a source of this name came from."""
        for text in list(self.open.values()):
            if text.source.name == source_name:
                return text
        try:
            return self.at(Path(source_name))
        except VnsError:
            return None

    def project(self, text: Text) -> Iterator[Text]:
        """All texts of the project of one, itself first; files that cannot be read are left out."""
        yield text
        if text.path is None:
            return
        seen = {text.path}
        saved = (path.resolve() for path in islice(vns_files(project_root(text.path)), MOST_FILES))
        for path in (*(t.path for t in list(self.open.values()) if t.path), *saved):
            if path in seen:
                continue
            seen.add(path)
            try:
                yield self.at(path)
            except VnsError:
                continue


def path_of(uri: str) -> Path | None:
    """The file of a URI, links resolved; None for a text that is in no file yet."""
    if not uri.startswith("file:"):
        return None
    name = to_fs_path(uri)
    return Path(name).resolve() if name else None


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

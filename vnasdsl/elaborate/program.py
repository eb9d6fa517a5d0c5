"""Loading a file: its text, its imports, its spaces, networks and recipes."""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from vnasdsl.elaborate.definition_checks import check_definitions
from vnasdsl.elaborate.definitions import Definitions
from vnasdsl.elaborate.imports import ParseFile, collect, parse_file
from vnasdsl.elaborate.inputs import Overrides
from vnasdsl.elaborate.project_layers import Catalogue, catalogue_for
from vnasdsl.elaborate.space import Space, build
from vnasdsl.language import tree
from vnasdsl.language.checks import RECIPE_KINDS, TOO_DEEP
from vnasdsl.language.diagnostics import Diagnostic, Label, UserError, VnsError, arrange, did_you_mean, error, guess
from vnasdsl.language.files import read_source
from vnasdsl.language.gc_paused import gc_paused
from vnasdsl.language.limits import MAX_BLOCKS, MAX_CHOICES, MAX_NETS
from vnasdsl.language.parser import parse_partial
from vnasdsl.language.source import Source, Span
from vnasdsl.language.walk import blocks_used

# ------------------------------------- what is not said about a file with syntax errors
# Names and arguments are checked in the tree that the parser recovers. All else is worked out for a tree without what
# is not certain (`sound`): a statement with a fault is a gap there, and so is a definition whose fault is in no
# statement.

SYNTAX = ("E0101", "E0104", TOO_DEEP)
DEFINING = ("block", "tied", "space", "network", "import")
NAMES = ("E0201", "E0202")


class Echoes:
    """Knows which faults of a module may be echoes of those that its parser found."""

    def __init__(self, module: tree.Module, faults: Iterable[Diagnostic]):
        self.module = module
        self.items: list[tree.Definition | None] = list(module.items)
        self.starts = [item.span.start for item in module.items]
        self.lines: set[int] = set()
        self.lost: dict[int, set[str]] = {}
        """The words around the faults of each definition: names may have been made or read there."""
        self.unknown: set[int] = set()
        """The definitions of which nothing but their names is known."""
        self.hide_definitions = False
        """Whether a definition may have been lost, so that a name which is not known is no fault."""
        for d in faults:
            if d.code in SYNTAX and d.primary is not None:
                self._add(d, d.primary.span)
        kept = tuple(item for item in self.items if item is not None)
        self.sound = replace(module, items=kept) if self.lines else module
        """The module without what could not be read for certain."""

    def _at(self, span: Span) -> int:
        """The definition that a place belongs to, up to where the next one begins; -1 before the first."""
        return bisect_right(self.starts, span.start) - 1

    def _add(self, d: Diagnostic, span: Span) -> None:
        self.lines.add(span.line)
        i = self._at(span)
        item = self.module.items[i] if i >= 0 else None
        inside = item is not None and span.start <= item.span.end
        if span.text in DEFINING or not inside:
            self.hide_definitions = True
        words = re.findall(r"\w+", span.source.line(span.line))
        apart = not inside and words[:1] and words[0] in DEFINING  # the fault is in a definition that is lost itself
        if apart or not isinstance(item, (tree.Block, tree.Space, tree.Network)):
            return
        self.lost.setdefault(i, set()).update(words)
        now = self.items[i]
        if not isinstance(now, (tree.Block, tree.Space, tree.Network)):
            return
        body = _with_gap(now.body, span.start) if inside else None
        if body is not None and span.text not in ("{", "}"):
            self.items[i] = replace(now, body=body)
        else:
            self.unknown.add(i)
            self.hide_definitions |= isinstance(item, tree.Block) or span.start <= item.name_span.end
            # A block may have had other parameters; the name of a space or network may be claimed.
            self.items[i] = None if isinstance(now, tree.Block) else replace(now, body=(_gap(item.name_span),))

    def whole(self, net: tree.Space | tree.Network, blocks: Mapping[str, tree.Block]) -> bool:
        """Whether all of a space or network of the module is known, with the blocks it uses."""
        if not self.lost:
            return True
        used = {(tree.Block, block.name) for block in blocks_used(net.body, blocks)} | {(type(net), net.name)}
        faulty = [self.module.items[i] for i in self.lost]
        return not any((type(item), getattr(item, "name", "")) in used for item in faulty)

    def may_be_echo(self, d: Diagnostic) -> bool:
        if not self.lines or d.primary is None or d.primary.span.source is not self.module.source:
            return False
        i = self._at(d.primary.span)
        if i in self.unknown or d.primary.span.line in self.lines:
            return True
        lost_name = d.code in NAMES and d.primary.span.text in self.lost.get(i, ())
        return lost_name or (i in self.lost and (d.code == "E0306" or d.severity == "warning"))


def _with_gap(body: tuple[tree.Statement, ...], place: int) -> tuple[tree.Statement, ...] | None:
    """A body with a gap for the statement around a place; None where there is none, and for the input."""
    here = next((s for s in body if s.span.start <= place <= s.span.end), None)
    gap: tree.Statement | None
    match here:
        case None | tree.Input():
            return None
        case tree.Require():
            gap = None
        case tree.Stage():
            inside = _with_gap(here.body, place)
            gap = _gap(here.span) if inside is None else replace(here, body=inside)
        case tree.Wire():
            gap = replace(here, value=tree.Gap(span=here.value.span))
        case _:
            gap = _gap(here.span)
    kept = ((gap if s is here else s) for s in body)
    return tuple(s for s in kept if s is not None)


def _gap(span: Span) -> tree.Line:
    return tree.Line(tree.Gap(span=span), span=span)


# ------------------------------------------------------------------------------ loading

RELAXED = ("gradient", "one_shot")
"""The strategies, the default one among them, that train a supernet of the space."""
RecipeCheck = Callable[[tree.Recipe], list[Diagnostic]]


@dataclass(frozen=True, eq=False)
class Program:
    """What one file says, imports included."""

    name: str
    """The file as the user named it."""
    module: tree.Module
    definitions: Definitions
    spaces: dict[str, Space]
    """The spaces and networks of the file itself, in its order."""
    warnings: tuple[Diagnostic, ...] = field(default=())

    @property
    def recipes(self) -> tuple[tree.Recipe, ...]:
        return tuple(self.definitions.recipes.values())

    def get(self, name: str | None = None) -> Space:
        """A space or network by name; without a name the only one of the file, or the only space. Raises: UserError."""
        names = ", ".join(f"`{n}`" for n in self.spaces)
        if name is not None:
            if name not in self.spaces:
                help = did_you_mean(name, self.spaces) or (f"it has {names}" if names else None)
                raise UserError(f"`{self.name}` has no space or network `{name}`", help)
            return self.spaces[name]
        if not self.spaces:
            raise UserError(f"`{self.name}` has no space or network")
        for found in (list(self.spaces.values()), [s for s in self.spaces.values() if s.kind == "space"]):
            if len(found) == 1:
                return found[0]
        raise UserError(f"`{self.name}` has several spaces and networks", f"name one of {names} as `{self.name}:NAME`")

    def is_relaxed(self, space: Space) -> bool:
        """Whether a space of the file may have a supernet: no recipe says that it is searched without one."""
        return is_relaxed(space.name, self.definitions) is not False

    def get_recipe(self, kind: str, target: str, name: str | None = None) -> tree.Recipe | None:
        """The recipe of a kind (`search`, `retrain`, `evaluate`) for a space or network: the one of that name, else the
        first. None when there is none and no name is given.

        Raises: UserError for a name that is not there; VnsError E0803 for a recipe of another space or kind.
        """
        recipes = self.definitions.recipes
        if name is None:
            return next((r for r in recipes.values() if r.kind == kind and r.target.id == target), None)
        if name not in recipes:
            raise UserError(f"`{self.name}` has no recipe `{name}`", did_you_mean(name, recipes))
        recipe = recipes[name]
        if recipe.kind != kind:
            span = recipe.span.first(len(recipe.kind))
            others = [f"`{r.name}`" for r in recipes.values() if r.kind == kind and r.target.id == target]
            help = f"the recipes for it are {', '.join(others)}" if others else f"write a `{kind}` recipe"
            raise error("E0803", f"recipe `{name}` is a `{recipe.kind}` recipe, not one for `{kind}`", span, help=help)
        if recipe.target.id != target:
            message = f"recipe `{name}` is for `{recipe.target.id}`, not for `{target}`"
            help = f"write a recipe for `{target}`, or {kind} `{recipe.target.id}`"
            raise error("E0803", message, recipe.target.span, help=help)
        return recipe


def load(
    path: str | os.PathLike[str], overrides: Overrides | None = None, catalogue: Catalogue | None = None
) -> Program:
    """Read, parse and check a file without proofs (see `examine`). Raises: VnsError with every fault; UserError."""
    return load_source(read_source(path), Path(path), overrides, proofs=False, catalogue=catalogue)


def load_source(
    source: Source,
    path: Path | None,
    overrides: Overrides | None = None,
    proofs: bool = True,
    catalogue: Catalogue | None = None,
) -> Program:
    """The same for a source at hand, with all checks. Without a `path` it may import nothing."""
    program, found = examine(source, path, overrides, proofs=proofs, catalogue=catalogue)
    if program is None or any(d.severity == "error" for d in found):
        raise VnsError(found)
    return program


@gc_paused()
def examine(
    source: Source,
    path: Path | None,
    overrides: Overrides | None = None,
    check_recipe: RecipeCheck | None = None,
    proofs: bool = True,
    catalogue: Catalogue | None = None,
) -> tuple[Program | None, list[Diagnostic]]:
    """What a text says as far as it can be read (None: not at all), and every fault in it, in the order of the text.

    A faulty part silences what depends on it. `check_recipe` says what is wrong with the entries of a recipe. Without
    `proofs` no claim is proven, and nothing is said of supernets. Without a `catalogue` the text can use the layers of
    its project. Raises: UserError where these cannot be read.
    """
    module, faults = parse_partial(source)
    if module is None:
        return None, list(faults)
    return examine_module(module, path, overrides, check_recipe, faults, proofs=proofs, catalogue=catalogue)


@gc_paused()
def examine_module(
    module: tree.Module,
    path: Path | None,
    overrides: Overrides | None = None,
    check_recipe: RecipeCheck | None = None,
    faults: Iterable[Diagnostic] = (),
    parse_file: ParseFile = parse_file,
    proofs: bool = True,
    catalogue: Catalogue | None = None,
) -> tuple[Program, list[Diagnostic]]:
    """The same for a tree with gaps and its faults. An editor has its own way to parse imports."""
    faults = tuple(faults)
    echoes = Echoes(module, faults)
    definitions = Definitions(catalogue or catalogue_for(path))
    found: list[Diagnostic] = []
    sound = echoes.sound
    collect(sound, path, definitions, found, parse_file=parse_file)
    definitions.complete = definitions.complete and not echoes.hide_definitions
    found += check_definitions(definitions, module.items)
    for recipe in (item for item in module.items if isinstance(item, tree.Recipe)):
        found += _check_recipe(recipe, definitions)
        if check_recipe is not None and recipe.kind in RECIPE_KINDS:
            found += check_recipe(recipe)
    builder = _Builder(definitions, overrides or Overrides(), found, echoes)
    spaces: dict[str, Space] = {}
    nets = [item for item in sound.items if isinstance(item, (tree.Space, tree.Network))]
    blocks = [item for item in sound.items if isinstance(item, tree.Block)]
    for items, most, what, help in (
        (nets, MAX_NETS, "spaces and networks", "spread them over several files"),
        (blocks, MAX_BLOCKS, "blocks", "spread them over several files, or give them parameters"),
    ):
        if len(items) > most:
            message = f"the file has more than {most:,} {what}"
            found.append(Diagnostic("E0105", message, Label(items[most].name_span), help=help))
    for item in nets[:MAX_NETS]:
        if definitions.nets.get(item.name) is item:
            space = builder.get(item)
            if space is not None:
                spaces[item.name] = space
                try:
                    found += _check_net(space, item, definitions, proofs)
                except VnsError as fault:  # a way to close a call that makes no sense, found once it is closed
                    found += fault.diagnostics
    found = _without_echoes_of_values(found)
    # The parser's own faults of syntax are certain; it also checks order and names in its tree.
    certain = [d for d in faults if d.code.startswith("E01") or not echoes.may_be_echo(d)]
    ordered = arrange([*certain, *(d for d in found if not echoes.may_be_echo(d))])
    return Program(module.source.name, module, definitions, spaces, ordered), list(ordered)


def _without_echoes_of_values(found: list[Diagnostic]) -> list[Diagnostic]:
    """Without the faults of values that hold an unknown name, or that stand in a wrong place: that is said already."""
    unknown = [label.span for d in found if d.code == "E0202" for label in (d.primary, *d.secondary) if label]
    misplaced = [d.primary.span for d in found if d.code == "E0305" and d.primary]

    def follows(d: Diagnostic) -> bool:
        place = d.primary.span if d.primary is not None and d.code == "E0302" else None
        return place is not None and (
            any(_inside(span, place) for span in unknown) or any(_inside(place, span) for span in misplaced)
        )

    return [d for d in found if not follows(d)] if unknown or misplaced else found


def _inside(span: Span, other: Span) -> bool:
    return span.source is other.source and other.start <= span.start and span.end <= other.end


def _check_net(
    space: Space, item: tree.Space | tree.Network, definitions: Definitions, proofs: bool
) -> list[Diagnostic]:
    if len(space.choices) > MAX_CHOICES:
        help = "use fewer copies, or let copies share their choices in a tied block"
        message = f"`{item.name}` has more than {MAX_CHOICES:,} choices"
        return [Diagnostic("E0502", message, Label(item.name_span), help=help)]
    try:
        return space.check(bool(is_relaxed(item.name, definitions)), proofs)
    except UserError as fault:  # two choices of one name that do not have the same values
        return [Diagnostic("E0303", fault.message, Label(item.name_span), help=fault.help)]


def is_relaxed(name: str, definitions: Definitions) -> bool | None:
    """Whether a recipe trains a supernet of a space; None where no recipe says how it is searched."""
    recipes = [r for r in definitions.recipes.values() if r.kind == "search" and r.target.id == name]
    named = [e.value for r in recipes for e in r.entries if e.key == "strategy"]
    others = [value for value in named if isinstance(value, tree.Name) and value.id not in RELAXED]
    return len(others) < len(recipes) if recipes else None


class _Builder:
    """Builds every space once, claimed ones first; faults are collected."""

    def __init__(self, definitions: Definitions, overrides: Overrides, found: list[Diagnostic], echoes: Echoes):
        self.definitions = definitions
        self.echoes = echoes
        self.overrides = overrides
        self.found = found
        self.built: dict[str, Space | None] = {}

    def get(self, net: tree.Space | tree.Network) -> Space | None:
        """None when not even its input can be read."""
        if net.name not in self.built:
            claim = None
            if isinstance(net, tree.Network) and net.space is not None:
                claimed = self.claimed(net.space)
                if claimed is not None and self.echoes.whole(claimed, self.definitions.blocks):
                    claim = self.get(claimed)
            try:
                self.built[net.name] = build(net, self.definitions, self.overrides, claim)
            except VnsError as fault:
                self.found += fault.diagnostics
                self.built[net.name] = None
        return self.built[net.name]

    def claimed(self, name: tree.Name) -> tree.Space | None:
        known = {n: s for n, s in self.definitions.nets.items() if isinstance(s, tree.Space)}
        if name.id not in known and self.definitions.complete:
            self.found.append(_unknown("space", name, known))
        return known.get(name.id)


def _check_recipe(recipe: tree.Recipe, definitions: Definitions) -> list[Diagnostic]:
    if recipe.target.id not in definitions.nets and definitions.complete:
        return [_unknown("space or network", recipe.target, definitions.nets)]
    if recipe.kind == "search" and isinstance(definitions.nets.get(recipe.target.id), tree.Network):
        message = f"`{recipe.target.id}` is a network: there is nothing to search in it"
        help = f"name a space, or write `retrain {recipe.name} for {recipe.target.id}`"
        return [Diagnostic("E0803", message, Label(recipe.target.span), help=help)]
    return []


def _unknown(what: str, name: tree.Name, known: Iterable[str]) -> Diagnostic:
    more = guess(name.span, name.id, known, "define it here, or import the file that does")
    return Diagnostic("E0206", f"unknown {what} `{name.id}`", Label(name.span), **more)

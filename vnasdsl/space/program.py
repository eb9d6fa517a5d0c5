"""Loading a file: its text, its imports, its spaces, networks and recipes."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, Label, UserError, VnsError, did_you_mean, error
from vnasdsl.language.files import read_source
from vnasdsl.language.parser import parse
from vnasdsl.language.source import Source
from vnasdsl.project import project_root
from vnasdsl.space.definitions import RECIPE_KINDS, Definitions
from vnasdsl.space.inputs import Overrides
from vnasdsl.space.space import Space, build

DEEPEST_IMPORT = 16


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
        """A space or network by name; without a name the only one of the file, or the only space.

        Raises: UserError naming what there is.
        """
        names = ", ".join(f"`{n}`" for n in self.spaces)
        if name is not None:
            if name not in self.spaces:
                help = did_you_mean(name, self.spaces) or (f"it has {names}" if names else None)
                raise UserError(f"`{self.name}` has no space or network `{name}`", help)
            return self.spaces[name]
        if not self.spaces:
            raise UserError(f"`{self.name}` has no space or network")
        if len(self.spaces) == 1:
            return next(iter(self.spaces.values()))
        only = [s for s in self.spaces.values() if s.kind == "space"]
        if len(only) == 1:
            return only[0]
        raise UserError(f"`{self.name}` has several spaces and networks", f"name one of {names} as `{self.name}:NAME`")

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
            raise error("E0803", f"recipe `{name}` is for `{recipe.kind}`, not for `{kind}`", recipe.name_span)
        if recipe.target.id != target:
            raise error(
                "E0803",
                f"recipe `{name}` is for `{recipe.target.id}`, not for `{target}`",
                recipe.target.span,
                help=f"write a recipe for `{target}`, or search `{recipe.target.id}`",
            )
        return recipe


def load(path: str | os.PathLike[str], overrides: Overrides | None = None) -> Program:
    """Read, parse and check a file. Raises: VnsError with every fault found; UserError."""
    return load_source(read_source(path), Path(path), overrides)


def load_source(source: Source, path: Path | None, overrides: Overrides | None = None) -> Program:
    """The same for a text at hand; `path` is where its imports are looked for (None: it may import nothing)."""
    module = parse(source)
    definitions = Definitions()
    found: list[Diagnostic] = []
    _collect(module, path, definitions, found, ())
    found += definitions.check(module.items)
    for recipe in (item for item in module.items if isinstance(item, tree.Recipe)):
        found += _check_recipe(recipe, definitions)
    if found:
        raise VnsError(_sorted(found))
    builder = _Builder(definitions, overrides or Overrides())
    spaces: dict[str, Space] = {}
    for item in module.items:
        if isinstance(item, (tree.Space, tree.Network)):
            try:
                spaces[item.name] = builder.get(item)
                found += spaces[item.name].check()
            except VnsError as fault:
                found += fault.diagnostics
    errors = [d for d in found if d.severity == "error"]
    if errors:
        raise VnsError(_sorted(found))
    return Program(source.name, module, definitions, spaces, tuple(_sorted(found)))


class _Builder:
    """Builds every space once, claimed ones first."""

    def __init__(self, definitions: Definitions, overrides: Overrides):
        self.definitions = definitions
        self.overrides = overrides
        self.built: dict[str, Space] = {}
        self.open: set[str] = set()

    def get(self, net: tree.Space | tree.Network) -> Space:
        if net.name not in self.built:
            claim = None
            if isinstance(net, tree.Network) and net.space is not None:
                claim = self.get(self.claimed(net.space, net))
            self.built[net.name] = build(net, self.definitions, self.overrides, claim)
        return self.built[net.name]

    def claimed(self, name: tree.Name, net: tree.Network) -> tree.Space:
        known = {n: s for n, s in self.definitions.nets.items() if isinstance(s, tree.Space)}
        if name.id not in known:
            help = did_you_mean(name.id, known) or "define it here or import the file that does"
            raise error("E0206", f"unknown space `{name.id}`", name.span, help=help)
        return known[name.id]


def _check_recipe(recipe: tree.Recipe, definitions: Definitions) -> list[Diagnostic]:
    if recipe.kind not in RECIPE_KINDS:
        kinds = did_you_mean(recipe.kind, RECIPE_KINDS) or "a recipe begins with `search`, `retrain` or `evaluate`"
        return [Diagnostic("E0804", f"unknown kind of recipe `{recipe.kind}`", Label(recipe.span), help=kinds)]
    if recipe.target.id not in definitions.nets:
        help = did_you_mean(recipe.target.id, definitions.nets)
        message = f"unknown space or network `{recipe.target.id}`"
        return [Diagnostic("E0206", message, Label(recipe.target.span), help=help)]
    return []


def _collect(
    module: tree.Module, path: Path | None, into: Definitions, found: list[Diagnostic], trail: tuple[Path, ...]
) -> None:
    """Add what a module and its imports define, imports first."""
    here = path.resolve() if path is not None else None
    for item in module.items:
        try:
            if isinstance(item, tree.Import):
                _import(item, here, into, found, trail)
            else:
                into.add(item)
        except VnsError as fault:
            found += fault.diagnostics


def _import(
    item: tree.Import, here: Path | None, into: Definitions, found: list[Diagnostic], trail: tuple[Path, ...]
) -> None:
    """Raises: VnsError E0701, E0702, E0703 and the faults of the imported file."""
    text, span = item.path.value, item.path.span
    if here is None:
        raise error("E0701", "a text that is not in a file cannot import", span)
    if not text.endswith(".vns") or "\\" in text or not text.isprintable():
        raise error("E0701", f"`{text}` is not the path of a .vns file", span, help='write `import "relative.vns"`')
    root = project_root(here)
    target = Path(os.path.normpath(here.parent / text))
    if (
        Path(text).is_absolute()
        or not target.is_relative_to(root)
        or not target.resolve().is_relative_to(root.resolve())
    ):
        raise error(
            "E0701",
            f"`{text}` is outside the project",
            span,
            help="imports stay below the folder of pyproject.toml or .git",
        )
    target = target.resolve()
    if target == here or target in trail:
        raise error("E0702", f"imports in a circle: `{text}` imports this file", span)
    if len(trail) >= DEEPEST_IMPORT:
        raise error("E0502", f"imports are nested more than {DEEPEST_IMPORT} deep", span)
    if not target.is_file():
        raise error("E0703", f"`{text}` does not exist", span, help="the path is taken from the folder of this file")
    if target in into.files:
        return
    into.files.add(target)
    shown = Path(os.path.normpath(Path(item.span.source.name).parent / text))
    module = parse(read_source(shown))
    _collect(module, target, into, found, (*trail, here))
    found += into.check(module.items)


def _sorted(diagnostics: list[Diagnostic]) -> list[Diagnostic]:
    """By file and place, each once."""

    def key(d: Diagnostic) -> tuple[str, int, str]:
        return (d.primary.span.source.name, d.primary.span.start, d.code) if d.primary else ("", 0, d.code)

    return sorted(dict.fromkeys(diagnostics), key=key)

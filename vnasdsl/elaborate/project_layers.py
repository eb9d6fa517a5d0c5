"""The layers that a text can use; a project adds its own by `layers = ["mylayers.py"]` under `[tool.vnasdsl]`.

This is the only place that runs Python of a project, and it runs the files of that line alone.
"""

from __future__ import annotations

import ast
import builtins
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any, NamedTuple, TypeVar, get_args

from vnasdsl.language.diagnostics import UserError
from vnasdsl.language.lexer import KEYWORDS
from vnasdsl.layers import CATALOGUE, layers_of
from vnasdsl.layers.base import Applied, Body, Kind, Layer, LayerError
from vnasdsl.project import is_project, layer_paths, project_root
from vnasdsl.resources import templates_dir
from vnasdsl.space.values import AXES, RESERVED

# ----------------------------------------------------------- what layers a text can use


class LayerFile(NamedTuple):
    """A file of a project that defines layers: its path from the root of the project, and its text."""

    name: str
    text: str


@dataclass(frozen=True, eq=False)
class Catalogue:
    """Immutable. Every file that is loaded has its own, so projects in one process do not mix."""

    layers: Mapping[str, Layer]
    """Every layer by name, in alphabetical order."""
    files: tuple[LayerFile, ...] = ()
    """The files of the project that were run for it."""
    classes: Mapping[str, str] = field(default_factory=dict)
    """The Python source of the classes that layers of the project bring along, by name."""

    @cached_property
    def words(self) -> frozenset[str]:
        """Words that only layers of the project take as values."""
        own = (layer for name, layer in self.layers.items() if name not in CATALOGUE)
        return frozenset(word for layer in own for p in layer.parameters for word in p.words)


SHIPPED = Catalogue(CATALOGUE)
"""The layers of the language alone."""


# -------------------------------------------------------------------------- layer files

CODE = "E0420"
F = TypeVar("F", bound=Callable[..., Any])


def catalogue_for(path: Path | None) -> Catalogue:
    """The layers that a file can use: those of the language, and those of its project. A file in no project (a run in
    another place) can use those of the project that the command runs in; without a path it is those of the language.

    Raises: UserError for a layer file that cannot be used.
    """
    if path is None:
        return SHIPPED
    root = project_root(path)
    return catalogue_in(root if is_project(root) else project_root("."))


def catalogue_in(root: Path) -> Catalogue:
    """The layers that the files of a project can use, by its root folder. Raises: UserError."""
    names = layer_paths(root)
    return catalogue_of(tuple(LayerFile(name, _read(root, name)) for name in names)) if names else SHIPPED


def _read(root: Path, name: str) -> str:
    """The text of a layer file. Raises: UserError where it is none inside the project."""
    path = (root / name).resolve()
    if not path.is_relative_to(root) or PurePosixPath(name).is_absolute():
        raise UserError(f"`{name}` in `layers` of [tool.vnasdsl] is outside the project", f"it must be below `{root}`")
    try:
        return path.read_text(encoding="utf-8")
    except OSError as fault:
        raise UserError(
            f"the layer file `{name}` cannot be read: {fault.strerror}", f"it is looked for in `{root}`"
        ) from None
    except UnicodeDecodeError:
        raise UserError(f"the layer file `{name}` is not UTF-8") from None


@lru_cache(16)
def catalogue_of(files: tuple[LayerFile, ...]) -> Catalogue:
    """The layers of the language, and those that some layer files define. Equal texts are run once.

    Raises: UserError.
    """
    layers = dict(CATALOGUE)
    classes: dict[str, str] = {}
    places: dict[str, str] = {}
    known = {path.name.partition(".")[0] for path in (templates_dir() / "layers").glob("*.py.j2")}
    stems = {PurePosixPath(file.name).stem for file in files}
    for file in files:
        found = layers_of(_run(file, stems))
        if not found:
            raise UserError(f"`{file.name}` defines no layer", "assign a `vnasdsl.custom.Layer` to a name in it")
        for layer in found:
            _check_name(layer, file, places)
            places[layer.name] = file.name
            for name, text in _classes_of(layer, file).items():
                if name in known or classes.setdefault(name, text) != text:
                    other = "is one of vnasdsl" if name in known else "is defined differently by another layer"
                    raise UserError(
                        f"`{file.name}`: the class `{name}` of `{layer.name}` {other}", "give it another name"
                    )
            layers[layer.name] = _guarded(layer, file)
    return Catalogue(dict(sorted(layers.items())), files, classes)


def _run(file: LayerFile, stems: Iterable[str]) -> ModuleType:
    """The module that a layer file makes. Raises: UserError naming file and line."""
    module = ModuleType(PurePosixPath(file.name).stem)
    real_import = builtins.__import__

    def import_(name: str, *rest: Any) -> Any:
        if name.partition(".")[0] in stems:
            raise UserError(
                f"`{file.name}` imports `{name}`, a layer file",
                "layer files stand alone: put what both need into one of them",
            )
        return real_import(name, *rest)

    vars(module)["__builtins__"] = {**vars(builtins), "__import__": import_}
    try:
        exec(compile(file.text, file.name, "exec"), vars(module))  # noqa: S102
    except UserError:
        raise
    except SyntaxError as fault:
        raise UserError(f"`{file.name}`, line {fault.lineno}: {fault.msg}", "a layer file is Python") from None
    except (Exception, SystemExit) as fault:
        raise UserError(_what(fault, file), "it is run whenever a file of the project is read") from None
    return module


def _what(fault: BaseException, file: LayerFile) -> str:
    """An exception with its place in a layer file."""
    lines = [frame.lineno for frame in traceback.extract_tb(fault.__traceback__) if frame.filename == file.name]
    place = f"`{file.name}`, line {lines[-1]}" if lines else f"`{file.name}`"
    said = " ".join(str(fault).split())
    return f"{place}: {type(fault).__name__}{f': {said}' if said else ''}"


def _check_name(layer: Layer, file: LayerFile, places: dict[str, str]) -> None:
    name = layer.name
    if not isinstance(name, str) or not name.isidentifier() or not name.isascii() or name in KEYWORDS or name[0] == "_":
        raise UserError(f"`{file.name}`: {name!r} cannot be the name of a layer", "a name such as `my_layer` would do")
    if name in CATALOGUE or name in RESERVED or name in AXES:
        what = "a layer" if name in CATALOGUE else "a word"
        raise UserError(f"`{file.name}` defines `{name}`, which is {what} of the language", "give it another name")
    if name in places:
        where = "twice" if places[name] == file.name else f"as `{places[name]}` does"
        raise UserError(f"`{file.name}` defines the layer `{name}` {where}", "give one of them another name")
    for p in layer.parameters:
        if p.kind not in get_args(Kind) or (p.kind == "real" and None in (p.low, p.high)):
            kinds = ", ".join(get_args(Kind))
            help = f"a parameter of kind `real` needs `low` and `high`; kinds are {kinds}"
            raise UserError(f"`{file.name}`: the parameter `{p.name}` of `{name}` has the kind {p.kind!r}", help)
    if sum(rule is not None for rule in (layer.rule, layer.join, layer.body)) != 1:
        raise UserError(f"`{file.name}`: `{name}` needs one of `rule`, `join` and `body`")


def _classes_of(layer: Layer, file: LayerFile) -> dict[str, str]:
    """The classes in the source of a layer, each with its text. Raises: UserError for anything else in it."""
    try:
        statements = ast.parse(layer.source).body
    except SyntaxError as fault:
        raise UserError(f"`{file.name}`: line {fault.lineno} of the source of `{layer.name}`: {fault.msg}") from None
    lines = layer.source.splitlines()
    found: dict[str, str] = {}
    for node in statements:
        if not isinstance(node, ast.ClassDef):
            raise UserError(
                f"`{file.name}`: the source of `{layer.name}` has `{ast.unparse(node).splitlines()[0]}`",
                "it holds classes alone; `torch`, `nn`, `F`, `math` and `Tensor` are imported for them",
            )
        first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
        found[node.name] = "\n".join(lines[first - 1 : node.end_lineno]) + "\n"
    return found


def _guarded(layer: Layer, file: LayerFile) -> Layer:
    """A layer whose rules raise nothing but LayerError, and give nothing but what they should."""

    def guard(rule: F | None, expected: type) -> Any:
        if rule is None:
            return None

        def guarded(*arguments: Any) -> Any:
            try:
                given = rule(*arguments)
            except LayerError:
                raise
            except Exception as fault:
                help = "its rule raised that; it may raise `vnasdsl.custom.LayerError` for an input it does not take"
                raise LayerError(CODE, f"`{layer.name}` fails: {_what(fault, file)}", help) from None
            shapes = (given.output,) if isinstance(given, Applied) else (given,) if expected is tuple else ()
            if not isinstance(given, expected) or not all(map(_is_shape, shapes)):
                shown = repr(given.output if isinstance(given, Applied) else given)[:60]
                what = "an `Applied`" if expected is Applied else "a shape"
                message = f"the rule of `{layer.name}` in `{file.name}` gives {shown}"
                raise LayerError(CODE, message, f"it should give {what}, with whole numbers from 1 as the shape")
            return given

        return guarded

    body = layer.body
    if body is not None:
        enter, leave, times = guard(body.enter, tuple), guard(body.leave, Applied), guard(body.times, int)
        body = Body(leave, enter, times, body.apart)
    return replace(layer, rule=guard(layer.rule, Applied), join=guard(layer.join, Applied), body=body)


def _is_shape(shape: object) -> bool:
    return isinstance(shape, tuple) and len(shape) in (1, 4) and all(type(n) is int and n > 0 for n in shape)

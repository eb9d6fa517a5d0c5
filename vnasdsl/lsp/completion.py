"""What may stand here: from the grammar, the catalogue of layers, the definitions in sight and the recipe schema."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from vnasdsl.elaborate.definitions import Definitions, block_signature
from vnasdsl.elaborate.imports import PREFIX, shipped_names
from vnasdsl.elaborate.inputs import INPUT_KINDS, Overrides
from vnasdsl.elaborate.space import build
from vnasdsl.language import tree
from vnasdsl.language.checks import RECIPE_KINDS
from vnasdsl.language.diagnostics import VnsError
from vnasdsl.language.query import cursor_at
from vnasdsl.language.source import Span
from vnasdsl.lsp.documents import Documents, Text
from vnasdsl.lsp.hover import recipe_rows
from vnasdsl.lsp.places import Place, place_at, words_for
from vnasdsl.space.requirements import QUANTITIES
from vnasdsl.train.recipe_parts import PARTS, parts_of
from vnasdsl.train.recipes import KINDS, recipe_fields


@dataclass(frozen=True)
class Candidate:
    """One thing that may stand here. `snippet` has `$1`-like places to fill in; `text` is what is put in without."""

    label: str
    kind: str
    """"keyword", "layer", "block", "parameter", "line", "word", "key", "part", "space", "file"."""
    detail: str = ""
    doc: str = ""
    text: str = ""
    snippet: str = ""


def candidates(documents: Documents, text: Text, offset: int) -> tuple[Span, list[Candidate]]:
    """The span of the word that is there already, and what may stand in its place."""
    nowhere = Span(text.source, offset, offset)
    if text.tokens is None:
        return nowhere, []
    try:
        cursor = cursor_at(text.tokens, offset)
    except VnsError:
        return nowhere, []
    if cursor is None:
        return nowhere, []
    place = place_at(cursor, documents.catalogue(text).layers)
    found = list(_at(place, documents, text))
    found += [Candidate(word, "keyword") for word in sorted(place.keywords)]
    return cursor.word, found


def _at(place: Place, documents: Documents, text: Text) -> Iterator[Candidate]:
    match place.kind:
        case "definition":
            for kind in RECIPE_KINDS:
                yield Candidate(kind, "keyword", snippet=f"{kind} ${{1:name}} for ${{2:space}} {{\n  $0\n}}")
        case "path":
            yield from _paths(documents, text)
        case "input":
            for name, made in INPUT_KINDS.items():
                needed = [p for p, default in made.defaults.items() if default is None]
                filled = ", ".join(f"{p}=${{{i}}}" for i, p in enumerate(needed, 1))
                signature = f"{name}({', '.join(made.defaults)})"
                yield Candidate(name, "layer", signature, made.doc, snippet=f"{name}({filled})")
        case "quantity" | "choice":
            if place.kind == "quantity":
                yield from (Candidate(name, "word") for name in QUANTITIES)
            yield from _choices(place, documents.definitions(documents.soon(text)))
        case "layer" | "value" | "argument" | "net" | "space":
            yield from _of_program(place, documents.definitions(documents.soon(text)))
        case "nothing":
            return
        case _:
            yield from _of_recipe(place)


def _of_program(place: Place, definitions: Definitions) -> Iterator[Candidate]:
    if place.kind in ("net", "space"):
        for name, net in definitions.nets.items():
            if place.kind == "net" or isinstance(net, tree.Space):
                yield Candidate(name, "space", type(net).__name__.lower())
        return
    if place.kind == "layer":
        yield from _readable(place)
        yield from _layers(definitions)
        yield from (Candidate(name, "parameter") for name in place.parameters)
        return
    known = list(_signature(place.function, definitions))
    if place.kind == "argument":
        for i, (name, detail, doc) in enumerate(known):
            if name not in place.given and i >= place.position - len(place.given):
                yield Candidate(f"{name}=", "parameter", detail, doc, text=f"{name}=")
    if place.given and place.kind == "argument":
        return  # a value without a name may not follow one with a name
    yield from (Candidate(name, "parameter", "parameter of the block") for name in place.parameters)
    if place.function in INPUT_KINDS:
        return
    if place.layers:
        yield from _readable(place)
        yield from _layers(definitions)
    wanted = place.parameter or (known[place.position][0] if place.position < len(known) else "")
    parameter = definitions.ends_in(place.function, wanted) if wanted else None
    yield from (Candidate(word, "word") for word in words_for(parameter))


def _choices(place: Place, definitions: Definitions) -> Iterator[Candidate]:
    """What follows of the names of choices that a condition can compare."""
    net = definitions.nets.get(place.function)
    if net is None:
        return
    with suppress(VnsError):
        for choice in build(net, definitions, Overrides()).choices:
            if choice.name.startswith(place.key) and not choice.is_real and not choice.is_subset:
                yield Candidate(choice.name.removeprefix(place.key), "line", " | ".join(choice.options))


def _readable(place: Place) -> Iterator[Candidate]:
    """The lines that can be read by their names."""
    return (Candidate(name, "line", "a line above") for name in place.lines)


def _layers(definitions: Definitions) -> Iterator[Candidate]:
    for layer in definitions.layers.values():
        needed = ["a", "b"] if layer.join is not None else []
        needed += [p.name for p in layer.parameters if p.required]
        snippet = _call(layer.name, needed) + (" {\n  $0\n}" if layer.wraps else "")
        yield Candidate(layer.name, "layer", layer.signature, layer.doc, snippet=snippet)
    for block in definitions.blocks.values():
        needed = [p.name for p in block.parameters if p.default is None]
        yield Candidate(block.name, "block", block_signature(block), snippet=_call(block.name, needed))


def _call(name: str, needed: list[str]) -> str:
    filled = ", ".join(f"${{{i}:{parameter}}}" for i, parameter in enumerate(needed, 1))
    return f"{name}({filled})" if filled else name


def _signature(function: str, definitions: Definitions) -> Iterator[tuple[str, str, str]]:
    """Name, detail and documentation of every parameter."""
    if function in definitions.layers:
        for p in definitions.layers[function].parameters:
            yield p.name, p.kind, p.doc
    elif function in INPUT_KINDS:
        yield from ((name, "", "") for name in INPUT_KINDS[function].defaults)
    elif function in definitions.blocks:
        for parameter in definitions.blocks[function].parameters:
            flows = definitions.ends_in(function, parameter.name)
            yield parameter.name, flows.kind if flows else "", flows.doc if flows else ""


# ---------------------------------------------------------------------- recipes


def _of_recipe(place: Place) -> Iterator[Candidate]:
    """Keys of a recipe or of a part of one, such as `sgd(lr=0.1)`, and what a key can be set to."""
    if place.recipe not in KINDS:
        return
    owner, fields, key, part = place.recipe, recipe_fields(place.recipe), place.key, place.function
    if "." in key:  # `weights.lr` is of the part that `weights` is by default
        head, _, key = key.partition(".")
        part = _default_part(fields.get(head))
    if part:
        owner, fields = f"{part}(...)", dict(PARTS[part].model_fields) if part in PARTS else {}
    if place.kind == "key":
        equals = "=" if place.function else " = "
        for row in recipe_rows(owner):
            if row["name"] not in place.given:
                yield _key(row, row["name"] + equals)
        return
    field = fields.get(key)
    for name in parts_of(field):
        doc = (PARTS[name].__doc__ or "").strip()
        yield Candidate(name, "part", doc=doc, snippet=f"{name}($0)")
    yield from _words(field)


def _key(row: dict[str, str], text: str) -> Candidate:
    default = f"default {row['default']}" if row["default"] not in ("", "required") else row["default"]
    return Candidate(row["name"], "key", ", ".join(filter(None, [row["type"], default])), row["description"], text)


def _default_part(field: Any) -> str:
    """The part that a key is set to by default, such as `sgd`."""
    return str(getattr(getattr(field, "default", None), "kind", ""))


def _words(field: Any) -> Iterable[Candidate]:
    """The words that a key can be set to, from its type."""
    if field is None:
        return
    kinds = [field.annotation, *get_args(field.annotation)]
    if bool in kinds:
        yield from (Candidate(word, "word") for word in ("true", "false"))
    for kind in kinds:
        if str(get_origin(kind)) == "typing.Literal":
            yield from (Candidate(str(word), "word") for word in get_args(kind))


def _paths(documents: Documents, text: Text) -> Iterator[Candidate]:
    """The files of the project that can be imported, as paths from the folder of the text, and the shipped ones."""
    if text.path is None:
        return
    for other in documents.project(text):
        if other.path is not None and other.path != text.path:
            path = os.path.relpath(other.path, text.path.parent).replace(os.sep, "/")
            yield Candidate(path, "file")
    yield from (Candidate(PREFIX + name, "file") for name in shipped_names())

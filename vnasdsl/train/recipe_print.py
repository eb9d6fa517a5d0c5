"""Recipes as .vns source and as JSON; their keys as rows of a table, for the documentation and for editors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from vnasdsl.train.recipe_parts import PARTS, Limits, Strict, meaning, parts_of
from vnasdsl.train.recipes import KINDS, STRATEGIES, Recipe, recipe_fields, strategies_with


def print_recipes(recipes: Mapping[str, Recipe], target: str) -> str:
    """Recipes by kind as the content of one .vns file."""
    return "\n".join(print_recipe(kind, recipe, target) for kind, recipe in recipes.items())


def recipes_json(recipes: Mapping[str, Recipe]) -> str:
    return json.dumps({kind: recipe.model_dump(mode="json") for kind, recipe in recipes.items()}, indent=2) + "\n"


def print_recipe(kind: str, recipe: Recipe, target: str, name: str = "resolved") -> str:
    """The recipe as .vns source with every value written out; keys without a value are left out."""
    entries = {key: getattr(recipe, key) for key in type(recipe).model_fields}
    width = max(len(key) for key in entries)
    lines = [
        f"  {key:<{width}} = {value_text(value)}{_unit(type(recipe), key)}"
        for key, value in entries.items()
        if value is not None and value != () and value != Limits()
    ]
    return "\n".join([f"{kind} {name} for {target} {{", *lines, "}", ""])


def value_text(value: object) -> str:
    """A value as .vns source."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        mantissa, _, exponent = repr(value).partition("e")
        return f"{mantissa}e{int(exponent)}" if exponent else mantissa
    if isinstance(value, str):
        return value if value.isidentifier() else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, tuple):
        texts = [value_text(item) for item in value]
        return f"[{', '.join(texts)}]" if not value or isinstance(value[0], str) else f"({', '.join(texts)})"
    if isinstance(value, BaseModel):
        values = {name: getattr(value, name) for name in type(value).model_fields}
        kind = values.pop("kind")
        arguments = [
            f"{name}={value_text(item)}{_unit(type(value), name)}" for name, item in values.items() if item is not None
        ]
        return f"{kind}({', '.join(arguments)})" if arguments else str(kind)
    return str(value)


def _unit(model: type[BaseModel], key: str) -> str:
    """The unit a number is written with: `ms`, `s`, or nothing."""
    extra = model.model_fields[key].json_schema_extra
    return str(extra.get("unit", "")) if isinstance(extra, dict) else ""


def recipe_keys() -> list[dict[str, str]]:
    """Every key of every recipe and call: recipe, name, type, default, description."""
    owners: dict[str, type[Strict]] = {**KINDS, **{f"{name}(...)": part for name, part in PARTS.items()}}
    rows = []
    for owner, model in owners.items():
        fields = recipe_fields(owner) if owner in KINDS else model.model_fields
        for name, field in fields.items():
            if name != "kind":
                row = {"recipe": owner, "name": name, "type": _type_text(owner, name, field)}
                rows.append(
                    {**row, "default": _default_text(owner, name, field), "description": _meaning(owner, name, field)}
                )
    return rows


def _default_text(owner: str, name: str, field: FieldInfo) -> str:
    if owner == "search":
        defaults: dict[str, list[str]] = {}
        for strategy in strategies_with(name):
            default = _own_default(STRATEGIES[strategy].model_fields[name])
            defaults.setdefault(default, []).append(strategy)
        if len(defaults) > 1 and name != "strategy":
            return ", ".join(f"{default} ({', '.join(strategies)})" for default, strategies in defaults.items())
    return _own_default(field)


def _own_default(field: FieldInfo) -> str:
    extra: Any = field.json_schema_extra
    if isinstance(extra, dict) and "default_text" in extra:
        return str(extra["default_text"])
    if field.is_required():
        return "required"
    return "" if field.default is None else value_text(field.default)


def _meaning(owner: str, name: str, field: FieldInfo) -> str:
    strategies = strategies_with(name) if owner == "search" else ()
    only = f" ({', '.join(strategies)})" if 0 < len(strategies) < len(STRATEGIES) else ""
    return meaning(field).rstrip(".") + (only or ".")


def _type_text(owner: str, name: str, field: FieldInfo) -> str:
    """The type of a key in words, from its JSON schema."""
    parts = parts_of(field)
    if parts:
        return " or ".join(f"`{part}(...)`" for part in parts)
    models = (KINDS[owner], *STRATEGIES.values()) if owner in KINDS else (PARTS[owner.removesuffix("(...)")],)
    model = next(model for model in models if name in model.model_fields)
    return _schema_text(model.model_json_schema()["properties"][name])


def _schema_text(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(_schema_text(option) for option in schema["anyOf"] if option.get("type") != "null")
    if schema.get("type") == "array":
        items = schema.get("prefixItems")
        if items:
            return f"({', '.join(map(_schema_text, items))})"
        return f"list of {_schema_text(schema['items'])}s"
    return {"integer": "integer", "number": "number", "boolean": "true or false", "string": "string"}[schema["type"]]

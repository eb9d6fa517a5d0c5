"""Recipes as .vns source and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pydantic import BaseModel

from vnasdsl.train.recipe_parts import Limits
from vnasdsl.train.recipes import Recipe


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

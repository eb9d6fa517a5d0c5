"""The keys of recipes as rows of a table, for the documentation and for editors."""

from __future__ import annotations

from typing import Any

from pydantic.fields import FieldInfo

from vnasdsl.train.recipe_parts import PARTS, Strict, meaning, parts_of
from vnasdsl.train.recipe_print import value_text
from vnasdsl.train.recipes import KINDS, STRATEGIES, recipe_fields, strategies_with


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

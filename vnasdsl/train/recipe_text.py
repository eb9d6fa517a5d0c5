"""From the entries of a recipe in a .vns file and `--set key=value` to a checked recipe, and back: recipes as source
and as JSON, their keys as rows of a table for the documentation and for editors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, Label, VnsError, did_you_mean, guess, suggest
from vnasdsl.language.source import Source, Span
from vnasdsl.train.recipe_parts import PARTS, Limits, Strict, meaning, parts_of
from vnasdsl.train.recipes import KINDS, STRATEGIES, Recipe, SearchRecipe, recipe_fields, recipe_model, strategies_with


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


Key = tuple[str | int, ...]
"""`weights.lr` is ("weights", "lr"); items of a tuple are counted from 0."""


def read_recipes(path: Path) -> dict[str, tree.Recipe]:
    """The recipes of a file by kind; none when there is no such file. Raises: VnsError, UserError."""
    from vnasdsl.language.files import read_source
    from vnasdsl.language.parser import parse

    if not path.is_file():
        return {}
    return {item.kind: item for item in parse(read_source(path)).items if isinstance(item, tree.Recipe)}


def resolve_recipe(kind: str, recipe: tree.Recipe | None, settings: Mapping[str, str] | None = None) -> Recipe:
    """The recipe of a kind ("search", "retrain", "evaluate"): defaults, then the entries of the file, then settings.

    settings: key to source text. `epochs` among them scales `warmup` and `score_from` of the file unless they are set
    too; another `strategy` drops the keys of the file that it does not have or reads differently.
    Raises: VnsError with every fault at its line and column.
    """
    settings = settings or {}
    written = _Written(kind)
    for entry in recipe.entries if recipe is not None else ():
        written.put(entry.key, entry.value, entry.key_span)
    strategy = settings.get("strategy", "").strip()
    if kind == "search" and strategy in STRATEGIES:
        written.change_strategy(strategy)
    before = dict(written.values)
    for key, text in settings.items():
        written.put_setting(key, text)
    if "epochs" in settings:
        written.scale_epochs(before, settings)
    return written.checked()


def recipe_faults(recipe: tree.Recipe) -> list[Diagnostic]:
    """Unknown keys and wrong values of a recipe."""
    try:
        resolve_recipe(recipe.kind, recipe)
    except VnsError as fault:
        return list(fault.diagnostics)
    return []


class _Written:
    """The values of a recipe before they are checked, and the place of each key and value."""

    def __init__(self, kind: str):
        self.kind = kind
        self.fields = recipe_fields(kind)
        self.values: dict[str, Any] = {}
        self.key_spans: dict[Key, Span] = {}
        self.value_spans: dict[Key, Span] = {}
        self.faults: list[Diagnostic] = []

    def fault(self, code: str, message: str, span: Span, help: str | None = None) -> None:
        self.faults.append(Diagnostic(code, message, Label(span), help=help))

    def put(self, dotted: str, value: tree.Expression, key_span: Span) -> None:
        """Set a key (`epochs`, `weights.lr`) to the value of an expression."""
        head, *rest = dotted.split(".")
        key: Key = (head, *rest)
        converted = self._convert(value, key)
        self.key_spans[key] = key_span
        if not rest:
            self.values[head] = converted
            return
        self.key_spans.setdefault((head,), key_span)
        default = self.fields[head].default if head in self.fields else None
        part = self.values.get(head, default.model_dump() if isinstance(default, BaseModel) else None)
        if len(rest) > 1 or not isinstance(part, dict):
            message = f"`{head}` has no keys of its own" if len(rest) == 1 else f"`{dotted}` is nested too deeply"
            self.fault("E0801", message, key_span, None if head in self.fields else did_you_mean(head, self.fields))
            return
        self.values[head] = {**part, rest[0]: converted}

    def put_setting(self, key: str, text: str) -> None:
        from vnasdsl.language.parser import parse_expression

        try:
            value = parse_expression(Source(f"--set {key}", text))
        except VnsError as failure:
            self.faults.extend(failure.diagnostics)
            return
        self.put(key, value, Span(Source("--set", f"{key}={text}"), 0, len(key)))

    def change_strategy(self, strategy: str) -> None:
        """Drop the keys that another strategy does not have, or whose default differs: they mean something else."""
        before = STRATEGIES.get(self.values.get("strategy", "gradient"))
        if before is None or before is STRATEGIES[strategy]:
            return
        old, new = before.model_fields, STRATEGIES[strategy].model_fields
        self.values = {
            key: value
            for key, value in self.values.items()
            if key not in self.fields or (key in old and key in new and old[key].default == new[key].default)
        }

    def scale_epochs(self, before: Mapping[str, Any], settings: Mapping[str, str]) -> None:
        """Scale what the file counts in epochs with `epochs`, as defaults would."""
        old, new = before.get("epochs"), self.values.get("epochs")
        if type(old) is int and type(new) is int and min(old, new) >= 1:
            for key in ("warmup", "score_from"):
                if key not in settings and type(before.get(key)) is int:
                    self.values[key] = before[key] * new // old

    def checked(self) -> Recipe:
        """Raises: VnsError."""
        resolved: Recipe | None = None
        try:
            model = recipe_model(self.kind, self.values)
            known_strategy = model is not SearchRecipe  # else nobody knows which keys there are
            values = self.values if known_strategy else {"strategy": self.values["strategy"]}
            resolved = model.model_validate(values)
        except ValidationError as failure:
            known = {fault.primary.span for fault in self.faults if fault.primary}
            new = _diagnostics(self, failure)
            self.faults.extend(d for d in new if d.primary is None or d.primary.span not in known)
        if self.faults or resolved is None:
            raise VnsError(sorted(self.faults, key=_place))
        return resolved

    def _convert(self, value: tree.Expression, key: Key) -> Any:
        """The Python value of an expression; a call becomes a mapping with its name under `kind`."""
        self.value_spans[key] = value.span
        match value:
            case tree.Number(value=number, unit=""):
                return number
            case tree.Number(text=text):  # the schema knows which keys take a unit
                return text.replace("_", "")
            case tree.Negative(operand=tree.Number(value=number, unit="")):
                return -number
            case tree.String(value=text):
                return text
            case tree.Name(id=word):
                return {"true": True, "false": False}.get(word, word)
            case tree.Tuple(items=items) | tree.List(items=items):
                return tuple(self._convert(item, (*key, i)) for i, item in enumerate(items))
            case tree.Call(body=None):
                return self._convert_call(value, key)
        message = f"`{_dotted(key)}` must be a number, a word, a string, a tuple, a list or a call"
        self.fault("E0802", message, value.span)
        return None

    def _convert_call(self, call: tree.Call, key: Key) -> dict[str, Any]:
        values: dict[str, Any] = {"kind": call.function}
        part = PARTS.get(call.function)
        by_position = [name for name in part.model_fields if name != "kind"] if part else []
        for i, argument in enumerate(call.arguments):
            if argument.name is None and i >= len(by_position):
                if part:
                    message = f"`{call.function}` takes at most {len(by_position)} values"
                    self.fault("E0802", message, argument.span)
                continue
            name = argument.name or by_position[i]
            if name in values:
                self.fault("E0802", f"`{name}` is given twice", argument.span)
                continue
            self.key_spans[(*key, name)] = argument.span
            values[name] = self._convert(argument.value, (*key, name))
        return values

    def label(self, key: Key) -> Label | None:
        """The narrowest known place of a key: its value, the value around it, or its own name."""
        for end in range(len(key), 0, -1):
            for spans in (self.value_spans, self.key_spans):
                if key[:end] in spans:
                    return Label(spans[key[:end]])
        return None


def _place(diagnostic: Diagnostic) -> tuple[str, int]:
    return (diagnostic.primary.span.source.name, diagnostic.primary.span.start) if diagnostic.primary else ("", 0)


def _dotted(key: Key) -> str:
    return ".".join(str(part) for part in key)


# ------------------------------------------------------- from pydantic's errors to diagnostics


def _diagnostics(written: _Written, failure: ValidationError) -> list[Diagnostic]:
    """One diagnostic for each faulty key."""
    grouped: dict[Key, list[ErrorDetails]] = {}
    for detail in failure.errors(include_url=False):
        if detail["type"] != "default_factory_not_called":  # follows from another fault
            grouped.setdefault(_plain_key(written, detail["loc"]), []).append(detail)
    missing, extra = (
        [key for key, details in grouped.items() if any(detail["type"] == kind for detail in details)]
        for kind in ("missing", "extra_forbidden")
    )
    for key in missing:  # because it is misspelt: one fault, not two
        if any(other[:-1] == key[:-1] and suggest(str(other[-1]), [str(key[-1])]) for other in extra):
            del grouped[key]
    return [_diagnostic(written, key, details) for key, details in grouped.items()]


def _plain_key(written: _Written, loc: tuple[int | str, ...]) -> Key:
    """A location without the tags pydantic adds for unions: ("weights", "sgd", "lr") is `weights.lr`."""
    head, *rest = loc
    if rest and rest[0] in parts_of(written.fields.get(str(head))):
        rest = rest[1:]
    if any(isinstance(part, str) and part.startswith(("constrained-", "tuple[", "int", "function-")) for part in rest):
        return (head,)
    return (head, *rest)


def _diagnostic(written: _Written, key: Key, details: list[ErrorDetails]) -> Diagnostic:
    kinds = {detail["type"] for detail in details}
    field = written.fields.get(str(key[0]))
    value = written.values.get(str(key[0]))
    call = value.get("kind") if isinstance(value, dict) else None
    label = written.label(key)
    if "extra_forbidden" in kinds:
        return _unknown_key(written, key, call)
    if "missing" in kinds:
        return Diagnostic("E0802", f"`{call}` needs `{key[-1]}`", written.label(key[:-1]))
    no_part = {"union_tag_invalid", "model_attributes_type", "union_tag_not_found", "model_type"}
    if key[-1] == "kind" or kinds & no_part:
        calls = parts_of(field)
        label = written.label(key[:1])
        wanted = " or ".join(f"`{name}(...)`" for name in calls)
        help = did_you_mean(str(call), calls) if call else None
        return Diagnostic("E0802", f"`{key[0]}` must be {wanted}{_found(label)}", label, help=help)
    wanted = " or ".join(dict.fromkeys(_wanted(detail["msg"]) for detail in details))
    notes = (f"`{key[0]}`: {_as_note(meaning(field))}",) if len(key) == 1 and field is not None else ()
    return Diagnostic("E0802", f"`{_dotted(key)}` must be {wanted}{_found(label)}", label, notes=notes)


def _as_note(sentence: str) -> str:
    """A sentence in the style of messages: small first letter, no full stop."""
    first = sentence[:1].lower() if sentence[1:2].islower() else sentence[:1]
    return first + sentence[1:].removesuffix(".")


def _unknown_key(written: _Written, key: Key, call: str | None) -> Diagnostic:
    word = str(key[-1])
    label = Label(written.key_spans[key]) if key in written.key_spans else written.label(key)
    if len(key) == 1 and word in written.fields:
        others = strategies_with(word)
        named = " and ".join(filter(None, (", ".join(f"`{name}`" for name in others[:-1]), f"`{others[-1]}`")))
        return Diagnostic(
            "E0801",
            f"the strategy `{written.values.get('strategy', 'gradient')}` has no key `{word}`",
            label,
            help=f"`{word}` is a key of {named}: remove it, or set `strategy = {others[0]}`",
        )
    owner = recipe_model(written.kind, written.values) if len(key) == 1 else PARTS[str(call)]
    where = f"a {written.kind} recipe" if len(key) == 1 else f"`{call}`"
    known = [name for name in owner.model_fields if name != "kind"]
    message, keys = f"{where} has no key `{word}`", f"its keys are {', '.join(f'`{name}`' for name in known)}"
    if label is None or not label.span.text.startswith(word):
        return Diagnostic("E0801", message, label, help=did_you_mean(word, known) or keys)
    place = label.span.first(len(word))
    return Diagnostic("E0801", message, Label(place), **guess(place, word, known, keys))


def _found(label: Label | None) -> str:
    text = " ".join(label.span.text.split()) if label else ""
    return f", found `{text}`" if text and len(text) <= 40 and "`" not in text else ""


_WORDS = {
    "a valid integer": "an integer",
    "a valid number": "a number",
    "a valid string": "a string",
    "a valid boolean": "`true` or `false`",
    "a valid tuple": "a tuple",
}


def _wanted(message: str) -> str:
    """The tail of pydantic's message after "should be", or of a validator's own."""
    message = message.removeprefix("Value error, ").removeprefix("Input ").removeprefix("should be ")
    for long, short in (("greater than or equal to", "at least"), ("less than or equal to", "at most")):
        message = message.replace(long, short)
    return _WORDS.get(message, message.replace("greater", "more").replace("'", "`"))

"""Recipes from text and back: entries of a recipe and `--set key=value` in, a checked recipe out, and its text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, Label, VnsError, did_you_mean, guess, suggest
from vnasdsl.language.source import Source, Span
from vnasdsl.train.recipes import (
    KEY_STRATEGIES,
    KINDS,
    PARTS,
    Limits,
    Recipe,
    has_key,
    parts_of,
    same_meaning,
    used_keys,
)

Key = tuple[str | int, ...]


@dataclass
class _Raw:
    """What the text says, before the schema has seen it: nested values, and where each key and value stands."""

    kind: str
    values: dict[str, Any] = field(default_factory=dict)
    key_spans: dict[Key, Span] = field(default_factory=dict)
    value_spans: dict[Key, Span] = field(default_factory=dict)
    faults: list[Diagnostic] = field(default_factory=list)

    def put(self, dotted: str, value: tree.Expression, key_span: Span) -> None:
        """Set a key (`epochs`, `weights.lr`) to the value of an expression."""
        head, *rest = dotted.split(".")
        key: Key = (head, *rest)
        converted = self._convert(value, key)
        self.key_spans[key] = key_span
        self.value_spans[key] = value.span
        if not rest:
            self.values[head] = converted
            return
        self.key_spans.setdefault((head,), key_span)
        default = self._default(head)
        if len(rest) > 1 or not isinstance(self.values.get(head, default), dict):
            message = f"`{head}` has no keys of its own" if len(rest) == 1 else f"`{dotted}` is nested too deeply"
            known = KINDS[self.kind].model_fields
            remedy = None if head in known else did_you_mean(head, known)
            self.faults.append(Diagnostic("E0801", message, Label(key_span), help=remedy))
            return
        part = self.values.setdefault(head, default)
        part[rest[0]] = converted

    def _default(self, head: str) -> Any:
        """The default of a key that is a call, as values; None for another key."""
        known = KINDS[self.kind].model_fields.get(head)
        return known.default.model_dump() if known is not None and isinstance(known.default, BaseModel) else None

    def _convert(self, value: tree.Expression, key: Key) -> Any:
        """The Python value of an expression; a call becomes a mapping with its name under `kind`."""
        self.value_spans.setdefault(key, value.span)
        match value:
            case tree.Number(value=number, unit=""):
                return number
            case tree.Number(text=text):  # with a unit: keys that take one know what to make of it
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
        self.faults.append(
            Diagnostic(
                "E0802",
                f"`{_dotted(key)}` must be a number, a word, a text, a tuple, a list or a call",
                Label(value.span),
            )
        )
        return None

    def _convert_call(self, call: tree.Call, key: Key) -> dict[str, Any]:
        values: dict[str, Any] = {"kind": call.function}
        part = PARTS.get(call.function)
        by_position = [name for name in part.model_fields if name != "kind"] if part else []
        for i, argument in enumerate(call.arguments):
            if argument.name is None and i >= len(by_position):
                if part:
                    self.faults.append(
                        Diagnostic(
                            "E0802", f"`{call.function}` takes at most {len(by_position)} values", Label(argument.span)
                        )
                    )
                continue
            name = argument.name or by_position[i]
            if name in values:
                self.faults.append(Diagnostic("E0802", f"`{name}` is given twice", Label(argument.span)))
                continue
            self.key_spans[(*key, name)] = argument.span
            values[name] = self._convert(argument.value, (*key, name))
        return values


def resolve_recipe(kind: str, recipe: tree.Recipe | None, settings: Mapping[str, str] | None = None) -> Recipe:
    """The recipe of a kind ("search", "retrain", "evaluate"): defaults, the entries of the text, then settings.

    settings: key to text; `epochs` among them moves a text's `warmup` and `score_from` in proportion unless they are
    set too. Raises VnsError with every fault at its line and column.
    """
    raw = _Raw(kind)
    for entry in recipe.entries if recipe is not None else ():
        raw.put(entry.key, entry.value, entry.key_span)
    strategy = raw.values.get("strategy", "gradient")
    if kind == "search":
        strategy = _other_strategy(raw, strategy, settings or {})
    written = dict(raw.values)
    for key, text in (settings or {}).items():
        _put_setting(raw, key, text)
    _shorten(raw, written, settings or {})
    if kind == "search":
        _check_keys(raw, strategy)
    resolved: Recipe | None = None
    try:
        resolved = KINDS[kind].model_validate(raw.values)
    except ValidationError as failure:
        # A value that could not be converted has its fault already.
        known = {fault.primary.span for fault in raw.faults if fault.primary}
        raw.faults.extend(d for d in _diagnostics(raw, failure) if d.primary is None or d.primary.span not in known)
    if raw.faults or resolved is None:
        raise VnsError(sorted(raw.faults, key=_place))
    return resolved


def _shorten(raw: _Raw, written: Mapping[str, Any], settings: Mapping[str, str]) -> None:
    """Fewer or more epochs by a setting alone move what the text counts in epochs in proportion, as defaults would."""
    before, now = written.get("epochs"), raw.values.get("epochs")
    if "epochs" not in settings or type(before) is not int or type(now) is not int or min(before, now) < 1:
        return
    for key in ("warmup", "score_from"):
        if key not in settings and type(written.get(key)) is int:
            raw.values[key] = written[key] * now // before


def _other_strategy(raw: _Raw, written: str, settings: Mapping[str, str]) -> str:
    """The strategy that will be used; one set from outside leaves aside what the text says to the strategy it names."""
    strategy = settings.get("strategy", written).strip()
    if strategy != written and any(strategy in strategies for strategies in KEY_STRATEGIES.values()):
        raw.values = {key: value for key, value in raw.values.items() if same_meaning(strategy, written, key)}
    return strategy


def _check_keys(raw: _Raw, strategy: object) -> None:
    """A key that only other strategies use is a fault."""
    known = {name for strategies in KEY_STRATEGIES.values() for name in strategies}
    for key in [key for key in raw.values if isinstance(strategy, str) and strategy in known]:
        if not has_key(str(strategy), key):
            others = " and ".join(f"`{name}`" for name in KEY_STRATEGIES[key])
            place = next((span for place, span in raw.key_spans.items() if place[0] == key), None)
            raw.faults.append(
                Diagnostic(
                    "E0801",
                    f"the strategy `{strategy}` has no key `{key}`",
                    None if place is None else Label(place),
                    help=f"`{key}` is for {others}: leave it out, or search by `strategy = {KEY_STRATEGIES[key][0]}`",
                )
            )


def _put_setting(raw: _Raw, key: str, text: str) -> None:
    from vnasdsl.language.parser import parse_expression

    try:
        value = parse_expression(Source(f"--set {key}", text))
    except VnsError as failure:
        raw.faults.extend(failure.diagnostics)
        return
    raw.put(key, value, Span(Source("--set", f"{key}={text}"), 0, len(key)))


def _place(diagnostic: Diagnostic) -> tuple[str, int]:
    return (diagnostic.primary.span.source.name, diagnostic.primary.span.start) if diagnostic.primary else ("", 0)


def _dotted(key: Key) -> str:
    return ".".join(str(part) for part in key)


def _label(raw: _Raw, key: Key) -> Label | None:
    """The narrowest place known for a key: its value, the value around it, or its own name."""
    for end in range(len(key), 0, -1):
        for spans in (raw.value_spans, raw.key_spans):
            if key[:end] in spans:
                return Label(spans[key[:end]])
    return None


def _diagnostics(raw: _Raw, failure: ValidationError) -> list[Diagnostic]:
    """One diagnostic for each faulty key."""
    model = KINDS[raw.kind]
    grouped: dict[Key, list[ErrorDetails]] = {}
    for detail in failure.errors(include_url=False):
        if detail["type"] == "default_factory_not_called":  # follows from another fault
            continue
        grouped.setdefault(_plain_key(raw, detail["loc"]), []).append(detail)
    for key in _misspelt(grouped):
        grouped.pop(key, None)
    return [_diagnostic(raw, model, key, details) for key, details in grouped.items()]


def _misspelt(grouped: Mapping[Key, list[ErrorDetails]]) -> list[Key]:
    """Keys that are missing because another one, given in their place, is misspelt: one fault and not two."""

    def having(kind: str) -> list[Key]:
        return [key for key, details in grouped.items() if any(detail["type"] == kind for detail in details)]

    missing = having("missing")
    wrong = having("extra_forbidden")
    return [m for m in missing if any(w[:-1] == m[:-1] and suggest(str(w[-1]), [str(m[-1])]) for w in wrong)]


def _plain_key(raw: _Raw, loc: tuple[int | str, ...]) -> Key:
    """A location without the tags pydantic puts in for unions: ("weights", "sgd", "lr") is `weights.lr`."""
    head, *rest = loc
    if rest and rest[0] in parts_of(raw.kind, str(head)):
        rest = rest[1:]
    if any(isinstance(part, str) and part.startswith(("constrained-", "tuple[", "int", "function-")) for part in rest):
        return (head,)
    return (head, *rest)


def _diagnostic(raw: _Raw, model: type[BaseModel], key: Key, details: list[ErrorDetails]) -> Diagnostic:
    kinds = {detail["type"] for detail in details}
    if "extra_forbidden" in kinds:
        owner = model if len(key) == 1 else PARTS[raw.values[str(key[0])]["kind"]]
        where = f"a {raw.kind} recipe" if len(key) == 1 else f"`{raw.values[str(key[0])]['kind']}`"
        known = [name for name in owner.model_fields if name != "kind"]
        label = Label(raw.key_spans[key]) if key in raw.key_spans else _label(raw, key)
        keys = f"its keys are {', '.join(f'`{name}`' for name in known)}"
        word = str(key[-1])
        if label is None or not label.span.text.startswith(word):
            return Diagnostic("E0801", f"{where} has no key `{word}`", label, help=did_you_mean(word, known) or keys)
        place = label.span.first(len(word))
        return Diagnostic("E0801", f"{where} has no key `{word}`", Label(place), **guess(place, word, known, keys))
    if "missing" in kinds:
        return Diagnostic("E0802", f"`{raw.values[str(key[0])]['kind']}` needs `{key[-1]}`", _label(raw, key[:-1]))
    no_part = {"union_tag_invalid", "model_attributes_type", "union_tag_not_found", "model_type"}
    if key[-1] == "kind" or kinds & no_part:
        key = key[:1]
        calls = parts_of(raw.kind, str(key[0]))
        value = raw.values.get(str(key[0]))
        call = value.get("kind") if isinstance(value, dict) else None
        message = (
            f"`{_dotted(key)}` must be {' or '.join(f'`{name}(...)`' for name in calls)}{_found(_label(raw, key))}"
        )
        return Diagnostic("E0802", message, _label(raw, key), help=did_you_mean(str(call), calls) if call else None)
    wanted = list(dict.fromkeys(_wanted(detail["msg"]) for detail in details))
    description = (
        model.model_fields[str(key[0])].description if len(key) == 1 and key[0] in model.model_fields else None
    )
    notes = (f"`{key[0]}`: {description}",) if description else ()
    label = _label(raw, key)
    return Diagnostic("E0802", f"`{_dotted(key)}` must be {' or '.join(wanted)}{_found(label)}", label, notes=notes)


def _found(label: Label | None) -> str:
    text = " ".join(label.span.text.split()) if label else ""
    return f", found `{text}`" if text and len(text) <= 40 and "`" not in text else ""


def _wanted(message: str) -> str:
    """The tail of pydantic's message after "should be", in this project's words."""
    message = message.removeprefix("Value error, ").removeprefix("Input ").removeprefix("should be ")
    words = {
        "a valid integer": "a whole number",
        "a valid number": "a number",
        "a valid string": "a text",
        "a valid boolean": "`true` or `false`",
        "a valid tuple": "a tuple",
    }
    for long, short in (
        ("greater than or equal to", "at least"),
        ("less than or equal to", "at most"),
        ("greater", "more"),
    ):
        message = message.replace(long, short)
    return words.get(message, message.replace("'", "`"))


# ------------------------------------------------------------------ back to text


def value_text(value: object) -> str:
    """A value as .vns text."""
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
        arguments = ", ".join(
            f"{name}={value_text(item)}{_unit(type(value), name)}"
            for name, item in values.items()
            if name != "kind" and item is not None
        )
        return f"{values['kind']}({arguments})" if arguments else str(values["kind"])
    return str(value)


def _unit(model: type[BaseModel], key: str) -> str:
    """What stands behind the number of a key: `ms`, `s`, or nothing."""
    extra = model.model_fields[key].json_schema_extra
    return str(extra.get("unit", "")) if isinstance(extra, dict) else ""


def print_recipes(recipes: Mapping[str, Recipe], target: str) -> str:
    """Recipes by kind as the text of one file."""
    return "\n".join(print_recipe(kind, recipe, target) for kind, recipe in recipes.items())


def recipes_json(recipes: Mapping[str, Recipe]) -> str:
    """The same for programs."""
    return json.dumps({kind: recipe.model_dump(mode="json") for kind, recipe in recipes.items()}, indent=2) + "\n"


def read_recipes(path: Path) -> dict[str, tree.Recipe]:
    """The recipes of a run's recipe.vns by kind; none when there is no such file. Raises: VnsError, UserError."""
    from vnasdsl.language.files import read_source
    from vnasdsl.language.parser import parse

    if not path.is_file():
        return {}
    return {item.kind: item for item in parse(read_source(path)).items if isinstance(item, tree.Recipe)}


def print_recipe(kind: str, recipe: Recipe, target: str, name: str = "resolved") -> str:
    """The recipe as .vns text with every value spelled out; keys without a value are left out."""
    entries = {key: getattr(recipe, key) for key in used_keys(recipe)}
    width = max(len(key) for key in entries)
    lines = [
        f"  {key:<{width}} = {value_text(value)}{_unit(type(recipe), key)}"
        for key, value in entries.items()
        if value is not None and value != () and value != Limits()
    ]
    return "\n".join([f"{kind} {name} for {target} {{", *lines, "}", ""])

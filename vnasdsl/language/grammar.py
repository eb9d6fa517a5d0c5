"""The lexer and parser of the grammar file: loaded from the tables that lie beside it, or else built by lark."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import lark

from vnasdsl.language.builder import BUILDER
from vnasdsl.resources import grammar_tables, grammar_text


class _KeepWrongCharacters:
    """Tells lark to keep the terminals that no rule uses: the parser explains them."""

    always_accept = ("BAD_NUMBER", "BAD_STRING", "QUOTED", "BAD_NAME", "UNKNOWN")

    def process(self, stream: Iterator[Any]) -> Iterator[Any]:
        return stream


@cache
def grammar() -> lark.Lark:
    """The lexer and parser, made on first use."""
    return load(grammar_tables()) or build()


def build() -> lark.Lark:
    """What lark makes of the grammar file, which takes a tenth of a small file's check."""
    return lark.Lark(
        grammar_text(),
        parser="lalr",
        lexer="basic",
        start=["module", "expression"],
        keep_all_tokens=True,
        maybe_placeholders=False,
        postlex=_KeepWrongCharacters(),
        transformer=BUILDER,
    )


def tables() -> str:
    """What lark makes of the grammar file, as JSON that `load` reads; docs/generate.py writes it."""
    data, memo = build().memo_serialize([lark.lexer.TerminalDef, lark.grammar.Rule])
    del data["options"]["postlex"], data["options"]["transformer"]
    saved = {"lark": lark.__version__, "grammar": grammar_text(), "data": data, "memo": memo}
    return json.dumps(saved, separators=(",", ":"), sort_keys=True) + "\n"


def load(text: str | None) -> lark.Lark | None:
    """The lexer and parser from `tables()`; None if another lark or another grammar made them."""
    saved = json.loads(text) if text else {}
    if (saved.get("lark"), saved.get("grammar")) != (lark.__version__, grammar_text()):
        return None
    # JSON has no numbers as keys.
    data, memo = saved["data"], _numbered(saved["memo"])
    parser = data["parser"]["parser"]
    parser["tokens"] = _numbered(parser["tokens"])
    parser["states"] = {state: _numbered(actions) for state, actions in _numbered(parser["states"]).items()}
    return lark.Lark._load_from_dict(data, memo, postlex=_KeepWrongCharacters(), transformer=BUILDER)


def _numbered(table: dict[str, Any]) -> dict[int, Any]:
    return {int(key): value for key, value in table.items()}

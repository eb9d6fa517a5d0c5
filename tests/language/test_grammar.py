"""The parser that is loaded from its tables is the one that lark makes of the grammar."""

from __future__ import annotations

import json

from lark import Lark

from vnasdsl.language.grammar import build, load
from vnasdsl.resources import grammar_tables


def terminals(parser: Lark) -> list[object]:
    """In the order in which the lexer tries them."""
    order = parser._build_lexer().terminals
    return [(one.name, one.pattern.value, frozenset(one.pattern.flags), one.priority) for one in order]


def same_tables(first: Lark, second: Lark) -> bool:
    """Whether two parsers do the same in every state that can be reached; lark numbers states as it comes."""
    tables = [parser.parser.parser._parse_table for parser in (first, second)]
    assert len(tables[0].states) == len(tables[1].states)
    starts, ends = [table.start_states for table in tables], [table.end_states for table in tables]
    partner = {starts[0][name]: starts[1][name] for name in first.options.start}
    todo = list(partner)
    while todo:
        state = todo.pop()
        actions, others = tables[0].states[state], tables[1].states[partner[state]]
        if actions.keys() != others.keys():
            return False
        for token, (action, target) in actions.items():
            other_action, other = others[token]
            if action is not other_action:
                return False
            if not isinstance(target, int):
                if (target, target.alias, repr(target.options)) != (other, other.alias, repr(other.options)):
                    return False
            elif target not in partner:
                partner[target] = other
                todo.append(target)
            elif partner[target] != other:
                return False
    return len(partner) == len(tables[0].states) and {name: partner[end] for name, end in ends[0].items()} == ends[1]


def test_the_tables_are_those_of_the_grammar() -> None:
    loaded, built = load(grammar_tables()), build()
    assert loaded is not None, "grammar/vns.tables.json is stale: run docs/generate.py"
    assert terminals(loaded) == terminals(built)
    assert set(loaded.lexer_conf.ignore) == set(built.lexer_conf.ignore)
    assert same_tables(loaded, built)


def test_tables_of_another_grammar_or_lark_are_not_used() -> None:
    saved = json.loads(grammar_tables() or "")
    assert load(None) is None
    assert load(json.dumps(saved | {"grammar": saved["grammar"] + "\n"})) is None
    assert load(json.dumps(saved | {"lark": "1.0.0"})) is None
    states = saved["data"]["parser"]["parser"]["states"]
    states["0"], states["1"] = states["1"], states["0"]
    wrong = load(json.dumps(saved))
    assert wrong is not None and not same_tables(wrong, build())

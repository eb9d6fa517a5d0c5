"""One step of the parser: lark's own, with a way around the rules that only pass a value on.

An expression climbs through a rule for every precedence it could have had (`choice`, `conditional`, `chain`, ...), and
most of them do nothing. Passing these by without touching the values makes parsing about a third faster.
"""

from __future__ import annotations

from typing import Any

from lark.parsers.lalr_analysis import Shift

from vnasdsl.language.lexer import END, Token


class Step:
    """Feeds tokens to the state of a parser, as `feed_token` does."""

    def __init__(self, state: Any):
        self.states: list[Any] = state.state_stack
        self.values: list[Any] = state.value_stack
        self.table: Any = state.parse_conf.states
        self.end_state: Any = state.parse_conf.end_state
        self.callbacks: Any = state.parse_conf.callbacks
        self.result: Any = None

    def takes(self, token: Token, kind: str) -> bool:
        """Take a token; at the end of the text `result` is then the tree. False: it cannot stand here."""
        states, values, table, callbacks = self.states, self.values, self.table, self.callbacks
        while True:
            entry = table[states[-1]].get(kind)
            if entry is None:
                return False
            action, rule = entry
            if action is Shift:
                states.append(rule)
                values.append(callbacks[kind](token) if kind in callbacks else token)
                return True
            size = len(rule.expansion)
            if size == 1 and rule.options.expand1 and rule.alias is None:
                del states[-1]
                states.append(table[states[-1]][rule.origin.name][1])
                continue
            children = values[-size:] if size else []
            if size:
                del states[-size:]
                del values[-size:]
            states.append(table[states[-1]][rule.origin.name][1])
            values.append(callbacks[rule](children))
            if kind == END and states[-1] == self.end_state:
                self.result = values[-1]
                return True

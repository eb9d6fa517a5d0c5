"""One step of the parser: lark's own, with its tables made ready to be read quickly.

An expression climbs through a rule for every precedence it could have had (`choice`, `conditional`, `chain`, ...), and
most of them do nothing. Passing these by without touching the values makes parsing about a third faster; names as plain
strings and one look-up for each step make it as much faster again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from sys import intern
from typing import Any

from lark.parsers.lalr_analysis import Shift

from vnasdsl.language.lexer import END, Token, grammar

# What to do at a token: go to a state, or reduce (how many values, the name of the rule, what makes a node of them;
# None: the rule only hands on its single value).
_Reduce = tuple[int, str, Callable[[list[Any]], Any] | None]
_Actions = dict[int, dict[str, int | _Reduce]]


@cache
def _actions(start: str) -> _Actions:
    conf = grammar().parse_interactive(start=start).parser_state.parse_conf

    def step(action: Any, argument: Any) -> int | _Reduce:
        if action is Shift:
            return int(argument)
        size, options = len(argument.expansion), argument.options
        hands_on = size == 1 and options.expand1 and argument.alias is None
        return size, intern(str(argument.origin.name)), None if hands_on else conf.callbacks[argument]

    # lark's names are tokens of its own, whose comparison is a call.
    return {
        state: {intern(str(name)): step(*entry) for name, entry in entries.items()}
        for state, entries in conf.states.items()
    }


class Step:
    """Feeds tokens to the state of a parser, as `feed_token` does."""

    def __init__(self, state: Any, start: str):
        self.states: list[int] = state.state_stack
        self.values: list[Any] = state.value_stack
        self.actions = _actions(start)
        self.end_state: int = state.parse_conf.end_state
        self.result: Any = None

    def takes(self, token: Token, kind: str) -> bool:
        """Take a token; at the end of the text `result` is then the tree. False: it cannot stand here."""
        states, values, actions = self.states, self.values, self.actions
        while True:
            action = actions[states[-1]].get(kind)
            if action is None:
                return False
            if type(action) is int:
                states.append(action)
                values.append(token)
                return True
            size, name, make = action  # type: ignore[misc]
            if make is None:
                states[-1] = actions[states[-2]][name]  # type: ignore[assignment]
                continue
            if size:
                children = values[-size:]
                del states[-size:]
                del values[-size:]
            else:
                children = []
            state = actions[states[-1]][name]
            states.append(state)  # type: ignore[arg-type]
            values.append(make(children))
            if kind == END and state == self.end_state:
                self.result = values[-1]
                return True

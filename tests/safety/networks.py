"""Networks drawn from a space of any text: they can be written, read again and proven, and their code is Python."""

from __future__ import annotations

import ast
import random

from vnasdsl.codegen import compile_network
from vnasdsl.elaborate import Space
from vnasdsl.elaborate.program import load_source
from vnasdsl.language.diagnostics import UserError, VnsError
from vnasdsl.language.source import Source


def drawn(space: Space, rng: random.Random) -> Space | None:
    """A network of the space; None when the choices that were drawn make none."""
    try:
        made = space.complete({}, rng)
        assert {d.name: d.value for d in space.decisions(made)} == made
        network = space.network(made)
        _ = network.cost
    except (UserError, VnsError):
        return None
    return network


def wrong_networks(space: Space, rng: random.Random, count: int, proven: bool = True) -> str | None:
    """What is wrong with some networks of a space; None when nothing is. `proven`: whether they have to be proven."""
    for _ in range(count):
        network = drawn(space, rng)
        wrong = None if network is None else wrong_with(space, network, proven)
        if wrong is not None:
            assert network is not None
            return f"{wrong}\n{network.text()}"
    return None


def wrong_with(space: Space, network: Space, proven: bool = True) -> str | None:
    """What is wrong with one network of a space."""
    costs = network.macs, network.params
    try:
        again = load_source(Source("child.vns", network.text()), None).get()
        read = again.macs, again.params
    except (UserError, VnsError) as fault:
        return f"the text of a network is refused: {fault}"
    if read != costs:
        return f"a network of {costs} is read as one of {read}"
    if again.text() != network.text():
        return f"the text of a network is read as another:\n{again.text()}"
    try:
        for one in (network, again):
            found = one.choices_in(space)
            other = space.network(found)
            if (other.macs, other.params) != costs:
                return f"a network of {costs} is proven to be one of {other.macs, other.params}: {found}"
    except (UserError, VnsError) as fault:
        if proven and "could not be decided" not in str(
            fault
        ):  # which is said where there are too many ways to read it
            return f"a network is not proven to lie in its space: {fault}"
    code = compile_network(network, "child.vns")
    if statements(compile_network(again, "child.vns")) != statements(code):
        return "the code of a network differs from that of its text"
    return None


def statements(code: str) -> list[str]:
    """What code does, without what it says about itself."""
    return [ast.dump(node) for node in ast.parse(code).body[1:]]

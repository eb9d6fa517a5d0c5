"""Which tensors of a supernet are those of a network taken out of it."""

from __future__ import annotations

from collections.abc import Mapping

from vnasdsl.codegen.network import network_unit
from vnasdsl.codegen.supernet import Branch, branches
from vnasdsl.codegen.tensors import Names, module_tensors, unit_tensors
from vnasdsl.space.elements import label_text
from vnasdsl.space.space import Space


def inherited_names(space: Space, choices: Mapping[str, str]) -> dict[str, str]:
    """State-dict names of the network that the choices make, each with the name of the same tensor in the supernet.

    Both are walked in the order of the text, layer by layer; the network has the layers of its path and no other.
    Raises: UserError for choices that do not make a network of the space.
    """
    mine = list(unit_tensors(network_unit(space.choose(choices)), ""))
    theirs = list(_supernet_tensors(space, choices))
    if [len(names) for names in mine] != [len(names) for names in theirs]:
        raise AssertionError("the network and its path in the supernet differ")
    return {a: b for left, right in zip(mine, theirs, strict=True) for a, b in zip(left, right, strict=True)}


def tensors(network: Space) -> tuple[str, ...]:
    """The names in the state dictionary of a network's generated module."""
    return tuple(name for names in unit_tensors(network_unit(network), "") for name in names)


def _supernet_tensors(space: Space, choices: Mapping[str, str]) -> Names:
    """The tensors on the path, in the order of the text."""
    source = 0
    for stage, states in branches(space):
        index, branch = next(
            (i, b) for i, b in enumerate(states) if all(choices.get(n) == o for n, o in b.state.choices)
        )
        yield from _branch_tensors(branch, f"{stage.name}.{label_text(branch.state.label) or 'only'}", source, choices)
        source = index


def _branch_tensors(branch: Branch, place: str, source: int, choices: Mapping[str, str]) -> Names:
    head = branch.state.heads[source]
    yield from module_tensors(branch.heads[source], f"{place}.heads.{label_text(head.source)}", choices)
    if branch.layers is not None:
        yield from unit_tensors(branch.layers, f"{place}.layers", choices)

"""A space or network as one object for machines."""

from __future__ import annotations

from typing import Any

from vnasdsl.elaborate.inputs import OpenInput
from vnasdsl.elaborate.space import Space
from vnasdsl.show.foot import known_size
from vnasdsl.space.elements import Choice


def as_object(space: Space) -> dict[str, Any]:
    """What `show --json` prints.

    A space has its costs as {"min", "max"} with "exact": whether a network has both, or they are bounds; null where
    they are not worked out. The layers of a space have the last option of each choice between numbers, and equal copies
    once. "size" is null for infinitely many networks, and where they cannot be counted.
    """
    network = space.kind == "network"
    size = known_size(space)
    return {
        "name": space.name,
        "kind": space.kind,
        "size": None if size is None else str(size),  # as text: some programs lose digits
        "input": _input(space.inputs.each[0]),
        **({"inputs": [_input(one) for one in space.inputs.each]} if len(space.inputs.each) > 1 else {}),
        "claim": space.claim.name if space.claim else None,
        "macs": space.macs[0] if network else _ends(space, "macs"),
        "params": space.params[0] if network else _ends(space, "params"),
        "limits": [limit.condition.span.text for limit in space.limits],
        "choices": [_choice(c) for c in space.choices],
        "layers": _layers(space),
    }


def _input(one: OpenInput) -> dict[str, Any]:
    """What is given of an input, or the options where it is open. A size that is no square is [rows, columns]."""
    given = one.given
    kind = {} if given.kind == "video" else {"kind": given.kind}
    found: dict[str, Any] = {"name": given.name, **kind}
    for name in ("channels", "frames", "size", "bins", "frame_stride", "segments", "classes"):
        options = one.options(name)
        if name in given.parameters and (name != "channels" or kind or options != (3,)):
            found[name] = options[0] if len(options) == 1 else list(options)
    return found


def _ends(space: Space, quantity: str) -> dict[str, Any] | None:
    if not space.costed:
        return None
    low, high = space.macs if quantity == "macs" else space.params
    exact = {f"{quantity}_min", f"{quantity}_max"} <= space.exact_ends
    return {"min": low, "max": high, "exact": exact}


def _choice(choice: Choice) -> dict[str, Any]:
    found: dict[str, Any] = {"name": choice.name, "kind": choice.kind, "options": list(choice.options)}
    if choice.is_subset:
        found |= {"least": choice.least, "most": choice.most}
    if choice.is_real:
        found |= {"low": choice.low, "high": choice.high}
    return found


def _layers(space: Space) -> list[dict[str, Any]]:
    return [
        {
            "label": row.label,
            "operation": row.operation,
            "input_shape": list(row.input_shape),
            "output_shape": list(row.shape),
            "macs": row.macs,
            "params": row.params,
            "activation_bytes": row.activation_bytes,
            "attributes": dict(row.attributes),
        }
        for row in space.layers()
    ]

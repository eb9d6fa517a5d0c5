"""That a network lies in its space, proven with the choices that made it: nothing has to be searched for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vnasdsl.layers.base import LayerError
from vnasdsl.network.trace import Tracer
from vnasdsl.network.wiring import Wiring, same_graph

if TYPE_CHECKING:
    from vnasdsl.elaborate import Space


def lies_in(network: Space, space: Space, choices: Mapping[str, str]) -> bool:
    """Whether a network, read from its own text, is layer for layer and wire for wire what the choices say.

    `network.choices_in(space)` finds the choices of any network, which can take long; here they are known.
    """
    video = network.input
    made = space.inputs.choices_of(video)
    if made is None:
        return False
    try:
        own, theirs = Tracer(video.classes), Tracer(video.classes, choices)
        wirings = [
            Wiring(tracer.nodes, tracer.segments(of.segments, video.name, video.shape, of.syntax.span))
            for tracer, of in ((own, network), (theirs, space))
        ]
    except LayerError:
        return False
    # What `choices` does not say is traced as the first option, which is not what was chosen.
    said = {**made, **theirs.made}.items() <= choices.items()
    return said and same_graph(*wirings)

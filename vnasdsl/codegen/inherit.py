"""Names of tensors in the state dictionaries of generated modules, and which of a supernet a network inherits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

from vnasdsl.codegen.classes import Classes
from vnasdsl.codegen.names import label
from vnasdsl.codegen.network import network_region
from vnasdsl.codegen.regions import Choosing, Copies, LayerModule, Layers, Module, Region
from vnasdsl.codegen.supernet import Branch, attribute, branches, supernet_classes
from vnasdsl.elaborate.space import Space
from vnasdsl.network.graph import matching
from vnasdsl.relax.plan import PlanStage
from vnasdsl.space.elements import join, picked

Names = tuple[str, ...]


def inherited_names(space: Space, choices: Mapping[str, str]) -> dict[str, str]:
    """State-dict names of the network that the choices make, each with the name of the same tensor in the supernet.

    The network is built from its own text; its nodes are those of the graph that the choices make, and these know where
    in the space they come from, as the supernet's do.
    Raises: UserError for choices that do not make a network of the space.
    """
    network, chosen = space.network(choices), space.choose(choices)
    same = matching(network.graph, chosen)
    assert same is not None, "the text of a network makes another network"
    shared = _supernet_tensors(space, choices)
    return {
        mine: theirs
        for node, names in tensors(network).items()
        for mine, theirs in zip(names, shared[chosen.node(same[node]).origin], strict=True)
    }


def tensors(network: Space) -> dict[str, Names]:
    """The names in the state dictionary of a network's generated module, by the nodes of its graph."""
    return {node: names for node, (_, names) in layer_modules(network).items() if names}


def layer_modules(network: Space) -> dict[str, tuple[str, Names]]:
    """The layers of a network's generated module by the nodes of its graph: where each stands, and the names of its
    tensors in the state dictionary."""
    main = network_region(network)
    Classes([main], network.definitions.catalogue)
    return {module.node: (place, _names(module, place)) for place, module in _layers(main, "", {})}


def _names(module: LayerModule, place: str) -> Names:
    return tuple(join(place, tensor) for tensor in module.tensors)


@lru_cache(8)
def _branches(space: Space) -> list[tuple[PlanStage, list[Branch]]]:
    stages = branches(space)
    supernet_classes(space, stages)
    return stages


def _supernet_tensors(space: Space, choices: Mapping[str, str]) -> dict[str, Names]:
    """The names of the tensors on the path that the choices take, by where their layers stand in the space."""
    found: dict[str, Names] = {}
    source = 0
    for stage, states in _branches(space):
        index = next(
            i for i, b in enumerate(states) if all(choices.get(name) == option for name, option in b.state.choices)
        )
        branch = states[index]
        place = f"{attribute(stage)}.{label(branch.state.label) or 'only'}"
        head = f"{place}.heads.{label(branch.state.heads[source].source)}"
        for graph, module, at in ((*branch.heads[source], head), (branch.graph, branch.layers, f"{place}.layers")):
            layers = ((layer, _names(layer, inside)) for inside, layer in _layers(module, at, choices))
            found.update((graph.node(layer.node).origin, names) for layer, names in layers if names)
        source = index
    return found


def _layers(module: Module, place: str, choices: Mapping[str, str]) -> Iterator[tuple[str, LayerModule]]:
    """The layers of a module that stands at `place`, each with its own place; of a choice those of what is taken."""
    match module:
        case LayerModule():
            yield place, module
        case Region() | Layers():
            for step in module.steps:
                if step.module is not None:
                    yield from _layers(step.module, join(place, step.attr), choices)
        case Copies():
            for i, item in enumerate(module.items):
                yield from _layers(item, join(place, str(i)), choices)
        case Choosing():
            taken = picked(choices[module.choice]) if module.keep else (choices[module.choice],)
            for text, option in module.options:
                if text in taken:
                    yield from _layers(option, join(place, label(text)), choices)

"""The supernet of a space: every candidate is a branch, every choice a parameter (Zhou et al. 2021, section 3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from vnasdsl.codegen.build import Builder, Env
from vnasdsl.codegen.classes import Classes
from vnasdsl.codegen.forward import inputs_prose, show
from vnasdsl.codegen.names import ATTRIBUTES, SUPERNET_ATTRIBUTES, VARIABLES, class_name, escaped, label
from vnasdsl.codegen.network import input_tensors, network_region, parameter_kinds
from vnasdsl.codegen.regions import (
    Choosing,
    Copies,
    LayerModule,
    Layers,
    Module,
    Param,
    Region,
    Step,
    Tensor,
    as_module,
    modules_in,
    regions_in,
)
from vnasdsl.codegen.render import plain, render
from vnasdsl.elaborate.space import Space
from vnasdsl.language.gc_paused import gc_paused
from vnasdsl.layers.base import Shape
from vnasdsl.network.graph import NetworkGraph, matching
from vnasdsl.network.lower import At, Lowerer, choosing
from vnasdsl.network.nodes import LayerNode, Values, one
from vnasdsl.relax.plan import Head, PlanStage, PlanState
from vnasdsl.relax.trellis import tied_blocks
from vnasdsl.space.elements import Group, join, picked


@dataclass
class Branch:
    """One state of a stage: a module for each of its heads, and one for the layers after them."""

    state: PlanState
    heads: list[tuple[NetworkGraph, Module]]
    graph: NetworkGraph
    layers: Module
    macs: int
    """Of the layers, those inside of mixtures not counted."""


def branches(space: Space) -> list[tuple[PlanStage, list[Branch]]]:
    """The stages of a supernet. Raises: VnsError E0501 when a choice changes the shape where it may not."""
    make = _Branches(space)
    return [(stage, [make.branch(stage, state) for state in stage.states]) for stage in space.plan.stages]


class _Branches:
    def __init__(self, space: Space):
        self.space = space
        self.kinds = parameter_kinds(space)
        self.segments = {segment.name for segment in space.segments}

    def branch(self, stage: PlanStage, state: PlanState) -> Branch:
        heads = [self.head(stage, state, head) for head in state.heads]
        lowerer, key = self.begin(state.head_shape)
        value: Values = key
        clips = input_tensors(self.space) if stage is self.space.plan.stages[0] else []
        env: dict[str, Values] = {}
        for clip in clips[1:]:
            env[clip.name] = lowerer.graph.add(LayerNode(clip.name, "input", (), clip.shape, clip.shape))
        if state.pieces and state.pieces[0].before:
            env[state.pieces[0].before] = value
        parts = []
        for piece in state.pieces:
            group = Group(piece.segment, piece.lines, self.space.syntax.span, names=piece.names)
            scope = dict(env) if piece.segment else env
            parts.append(lowerer.group(group, value, At(piece.segment, piece.segment, ""), scope))
            value = parts[-1].value
        graph = lowerer.graph
        graph.output = one(value)
        builder = Builder(graph, self.kinds, whole=True)
        before = Tensor(state.head_shape, state.pieces[0].before if state.pieces else "")
        if len(clips) > 1:
            before = clips[0]
        region = Region(stage.name, "stage", f"stage {stage.name} after its head")
        known: Env = {clip.name: clip for clip in (before, *clips[1:]) if clip.name}
        with builder.building(region, before):
            x = before
            for piece, part in zip(state.pieces, parts, strict=True):
                own = dict(known) if piece.segment else known
                if not piece.place:
                    region.out = builder.lines(part, x, own, ())
                else:
                    doc = f"stage {piece.segment}" if piece.segment else "the lines after the last stage"
                    kind = "stage" if piece.segment else "part"
                    inner = builder.region(Region(piece.place, kind, doc), part, x, own)
                    givens = [param.given for param in inner.params]
                    region.out = builder.call(part.value, inner, givens, (piece.place,))
                    builder.steps[-1].ends_line = True
                assert isinstance(region.out, Tensor)
                x = region.out
            region.out = x
        for param in region.params:
            param.name = "x"
        if len(clips) > 1:
            region.params = [Param(clip.name, clip, clip) for clip in clips]
        layers = region if region.steps else LayerModule("nn.Identity")
        return Branch(state, heads, graph, layers, sum(map(builder.macs, parts)))

    def head(self, stage: PlanStage, state: PlanState, head: Head) -> tuple[NetworkGraph, Module]:
        """The first line of a stage with the choices of the state made."""
        lowerer, key = self.begin(head.input)
        lowerer.decide = choosing(dict(state.choices), self.space.name)
        value: Values = key
        name = stage.name if stage.name in self.segments else ""
        env: dict[str, Values] = {self.space.input.name: key}
        parts = []
        body = next(s.body for s in self.space.segments if s.name == name and s.body.lines)
        for element in body.lines[0] if head.elements else ():
            parts.append(lowerer.child(element, value, At(name, name, name), env))
            value = parts[-1].value
        lowerer.graph.output = one(value)
        x = Tensor(head.input, self.space.input.name)
        builder = Builder(lowerer.graph, self.kinds, whole=True)
        if len(parts) == 1:
            region = builder.alone(parts[0], x, {x.name: x})
        else:
            region = Region(f"{stage.name}_head", doc=f"the first line of stage {stage.name}")
            builder.region(region, parts, x, {x.name: x})
        return lowerer.graph, as_module(region)

    def begin(self, shape: Shape) -> tuple[Lowerer, str]:
        lowerer = Lowerer(self.space.rules)
        return lowerer, lowerer.graph.add(LayerNode("x", "input", (), shape, shape))


@gc_paused()
def compile_supernet(space: Space, source_name: str) -> str:
    """The Python text of a supernet. Raises: VnsError E0501 when a choice changes the shape where it may not."""
    stages = branches(space)
    classes = supernet_classes(space, stages)
    made = [module for _, states in stages for branch in states for module in _modules(branch)]
    choosing = [choice for module in made for choice in _choosing(module)]
    tied = tuple(dict.fromkeys(tied_blocks(space.plan)))
    low, high = space.macs
    return render(
        "supernet.py.j2",
        source_name,
        space.text(),
        classes,
        blocks=classes.views,
        stages=[_stage_view(stage, states, classes) for stage, states in stages],
        name=_class_of(space),
        input=show(space.input.shape),
        title=f"Supernet of the space {space.name} of {plain(source_name)}.",
        networks=space.size or 0,
        inputs=inputs_prose(space.inputs.given),
        names=[escaped(one.name, VARIABLES) for one in space.inputs.given] if len(space.inputs.each) > 1 else [],
        classes_count=space.input.classes,
        costs="of" if space.exact else "within the bounds of",
        macs_min=low,
        macs_max=high,
        wired=any(isinstance(s.module, Choosing) and not s.module.keep and len(s.args) > 1 for s in _steps(made)),
        torch=True,
        edges=any(choice.keep for choice in choosing),
        tied=tied,
    )


def supernet_classes(space: Space, stages: list[tuple[PlanStage, list[Branch]]]) -> Classes:
    made = [module for _, states in stages for branch in states for module in _modules(branch)]
    roots = [region for module in made for region in ([module] if isinstance(module, Region) else regions_in(module))]
    return Classes(roots, space.definitions.catalogue, [_class_of(space)])


def _class_of(space: Space) -> str:
    return class_name(space.name) + "Supernet"


def _modules(branch: Branch) -> Iterator[Module]:
    for _, head in branch.heads:
        yield head
    yield branch.layers


def _choosing(module: Module) -> Iterator[Choosing]:
    if isinstance(module, Choosing):
        yield module
    for inner in modules_in(module):
        yield from _choosing(inner)


def _steps(modules: list[Module]) -> Iterator[Step]:
    for module in modules:
        if isinstance(module, Region):
            yield from module.steps
        yield from _steps(list(modules_in(module)))


def _stage_view(stage: PlanStage, branches: list[Branch], classes: Classes) -> dict[str, object]:
    """What the template shows of a stage: a candidate for each state, with its heads and their costs."""
    candidates = [
        {
            "label": branch.state.label,
            "choices": branch.state.choices,
            "heads": [
                (head.source, classes.construct(module))
                for head, (_, module) in zip(branch.state.heads, branch.heads, strict=True)
            ],
            "head_macs": tuple(head.macs for head in branch.state.heads),
            "layers": classes.construct(branch.layers),
            "macs": branch.macs,
        }
        for branch in branches
    ]
    sources = _shapes([head.input for state in stage.states for head in state.heads])
    outputs = _shapes([state.shape for state in stage.states])
    return {
        "name": stage.name,
        "attr": attribute(stage),
        "comment": f"{stage.name}: {sources} -> {outputs}",
        "candidates": candidates,
    }


def attribute(stage: PlanStage) -> str:
    """The attribute of the supernet that holds a stage."""
    return escaped(stage.name, ATTRIBUTES | SUPERNET_ATTRIBUTES)


def _shapes(shapes: list[Shape]) -> str:
    """Several shapes in one, where only the channels differ: `(B, 48 | 56 | 64, 16, 56, 56)`."""
    distinct = list(dict.fromkeys(shapes))
    if len({shape[1:] for shape in distinct}) > 1:
        return " | ".join(show(shape) for shape in distinct)
    channels = " | ".join(str(shape[0]) for shape in distinct)
    return f"({', '.join(['B', channels, *(str(n) for n in distinct[0][1:])])})"


# --------------------------------------- names of tensors, and which a network inherits

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

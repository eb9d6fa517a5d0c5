"""The stand-alone model of a network: imports only torch, one class for every kind of block."""

from __future__ import annotations

from vnasdsl.codegen.build import Builder, Env, only
from vnasdsl.codegen.classes import Classes
from vnasdsl.codegen.forward import inputs_prose
from vnasdsl.codegen.regions import Layers, Param, Region, Step, Tensor, Tensors, as_layers, finish
from vnasdsl.codegen.render import plain, render
from vnasdsl.elaborate.space import Space
from vnasdsl.language.gc_paused import gc_paused


def parameter_kinds(space: Space) -> dict[tuple[str, str], str]:
    """What the parameters of every block mean: (block, parameter) -> kind."""
    definitions = space.definitions
    return {
        (name, p.name): definitions.kind_of(name, p.name)
        for name, block in definitions.blocks.items()
        for p in block.parameters
    }


@gc_paused()
def compile_network(space: Space, source_name: str) -> str:
    """The Python text of a network. Raises: VnsError when a shape does not fit; ValueError for a space."""
    if space.choices:
        raise ValueError(f"{space.name} is a space")
    main = network_region(space)
    classes = Classes([main], space.definitions.catalogue)
    *blocks, view = classes.views
    return render(
        "network.py.j2",
        source_name,
        space.text(),
        classes,
        blocks=blocks,
        main=view,
        title=f"Network {space.name} of {plain(source_name)}.",
        claim=f"A network of the space {space.claim.name}." if space.claim else "",
        inputs=inputs_prose(space.inputs.given),
        classes_count=space.input.classes,
        macs=space.graph.macs,
        params=space.graph.params,
        layers=any(isinstance(step.module, Layers) for step in main.steps),
    )


def network_region(space: Space) -> Region:
    """The whole of a network."""
    graph = space.graph
    builder = Builder(graph, parameter_kinds(space))
    clips = input_tensors(space)
    clip = clips[0]
    main = Region(space.name, "main", params=[Param("x", clip, clip)])
    env: Env = {each.name: each for each in clips}
    x: Tensors = clip
    for section in graph.sections:
        builder.steps = main.steps
        if not section.name:
            x = builder.lines(section.body, x, env, ())
            continue
        region = Region(section.name, "stage", f"stage {section.name}")
        builder.region(region, section.body, only(x), dict(env))
        if not region.steps:
            continue
        out = builder.unread(section.body.value)
        givens = tuple(param.given for param in region.params)
        main.steps.append(Step(out, givens, as_layers(region), (section.name,), ends_line=True))
        x = out
    main.out = x
    finish(main)
    if len(clips) > 1:
        main.params = [Param(each.name, each, each) for each in clips]
    elif clip.read:
        main.params[0].name = clip.name
    return main


def input_tensors(space: Space) -> list[Tensor]:
    return [Tensor(one.shape, one.name, len(space.inputs.each) > 1) for one in space.inputs.given]

"""Supernets of cells against enumeration, and against the networks that can be taken out of them."""

from __future__ import annotations

import itertools
import math
import random
from collections import defaultdict

import pytest
import torch
from hypothesis import assume, given

from tests.codegen.cells import spaces
from tests.codegen.code import child, read, run, shuffle, supernet
from tests.support import examples
from vnasdsl.codegen import compile_supernet
from vnasdsl.elaborate import Space
from vnasdsl.relax.trellis import Trellis, is_none, trellis
from vnasdsl.searching.monitor import decode_supernet
from vnasdsl.space.elements import picked

FEW = 800


def small(text: str) -> Space:
    space = read(text)
    assume(space.choices and (space.size or 0) <= FEW)
    return space


def macs(space: Space, way: dict[str, str]) -> int:
    """Of all lines of a network, those among them that its text leaves out because nothing reads them."""
    return sum(node.macs for node in space.choose(way).layers)


def params(space: Space, way: dict[str, str]) -> int:
    return sum(node.params for node in space.choose(way).layers)


def clips(space: Space) -> torch.Tensor:
    return torch.randn(2, *space.input.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


@examples(30)
@given(spaces(most=200))
def test_a_network_taken_out_gives_the_logits_of_the_supernet_that_chose_it(text: str) -> None:
    space = read(text)
    assume(space.choices)
    model = supernet(space, path_weights="mass").double()
    shuffle(model)
    x = clips(space)
    for number in range(3):
        way = space.sample(random.Random(number))
        network = child(space, way, model)
        assert sum(p.numel() for p in network.parameters()) == space.network(way).graph.params
        model.set_choices(way)
        assert model.expected_macs().item() == macs(space, way) >= space.network(way).graph.macs
        assert model.expected_params().item() == params(space, way) >= space.network(way).graph.params
        with torch.no_grad():
            torch.testing.assert_close(model.eval()(x), network.eval()(x))
    model.set_choices(None)
    assert model(x).isfinite().all()


def way_probability(space: Space, shape: Trellis, model: object, way: dict[str, str]) -> float:
    """Of one network, as the documentation has it: written down a second time.

    Subsets of edges are as likely as the product of the strengths of theirs, and what an edge does is drawn from its
    options without `none`.
    """
    rows = {name: row.tolist() for name, row in model.mixture_probabilities().items()}  # type: ignore[attr-defined]
    paths = model.path_probabilities()  # type: ignore[attr-defined]
    done: set[str] = set()
    p, before = 1.0, 0
    for stage in shape.stages:
        (here,) = [j for j, s in enumerate(stage.states) if all(way.get(c) == o for c, o in s.choices)]
        p *= paths[stage.name][before, here].item()
        before = here
        state = stage.states[here]
        options = {m.name: m.options for m in state.mixtures}
        subsets = {e.choice for e in state.edges}

        def there(conditions: tuple[tuple[str, str], ...], subsets: set[str] = subsets) -> bool:
            return all(o in picked(way.get(c, "")) if c in subsets else way.get(c) == o for c, o in conditions)

        for mixture in state.mixtures:
            if any(map(there, mixture.places)) and mixture.choice not in done:
                done.add(mixture.choice)
                row = rows[mixture.name]
                live = [not (mixture.on_edge and is_none(o)) for o in mixture.options]
                live = live if any(live) else [True] * len(row)
                total = math.fsum(w for w, keep in zip(row, live, strict=True) if keep)
                i = mixture.options.index(way[mixture.choice])
                p *= row[i] / total if live[i] else 0.0
        for edges in state.edges:
            if any(map(there, edges.places)) and edges.choice not in done:
                done.add(edges.choice)
                if edges.mixtures:
                    strengths = []
                    for name in edges.mixtures:
                        able = [w for w, o in zip(rows[name], options[name], strict=True) if not is_none(o)]
                        strengths.append(max(able or rows[name]))
                else:
                    alphas = next(
                        m.alphas
                        for m in list(model.stages()[stage.name].values())[here].modules()  # type: ignore[attr-defined]
                        if type(m).__name__ == "Edges" and m.choice == edges.choice
                    )
                    strengths = torch.softmax(alphas, 0).tolist()
                every = [math.prod(s) for s in itertools.combinations(strengths, edges.keep)]
                taken = [strengths[edges.options.index(text)] for text in picked(way[edges.choice])]
                p *= math.prod(taken) / math.fsum(every)
    assert done | {c for s in shape.stages for t in s.states for c, _ in t.choices} >= set(way)
    return p


@examples(20)
@given(spaces(most=40))
def test_expected_macs_and_probabilities_are_those_of_enumeration(text: str) -> None:
    space = small(text)
    model = supernet(space).double()
    shuffle(model)
    shape = trellis(space)
    total = expected = 0.0
    counted: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    edges = {e.choice: e.keep for stage in shape.stages for state in stage.states for e in state.edges}
    for way in space.networks():
        p = way_probability(space, shape, model, way)
        total += p
        expected += p * macs(space, way)
        for choice, value in way.items():
            for option in picked(value) if choice in edges else (value,):
                counted[choice][option] += p / edges.get(choice, 1)
    assert total == pytest.approx(1, rel=1e-9)
    assert model.expected_macs().item() == pytest.approx(expected, rel=1e-9)
    told = model.probabilities()
    assert set(told) == {choice.name for choice in space.choices}
    for name, row in counted.items():
        there = math.fsum(row.values())
        for option, p in row.items():
            assert told[name][option] == pytest.approx(p / there if there else 0, rel=1e-5, abs=1e-9)


@examples(20)
@given(spaces(most=40))
def test_what_is_decoded_is_the_best_by_the_rules(text: str) -> None:
    """Brute force over whole networks: on the decoded path no choice alone could be made better."""
    space = small(text)
    model = supernet(space).double()
    shuffle(model)
    shape = trellis(space)
    decoded = decode_supernet(model, shape)
    ways = [w for w in space.networks()]  # noqa: C416
    states = {c for s in shape.stages for t in s.states for c, _ in t.choices}
    assert decoded.choices in ways
    rows = {name: row.tolist() for name, row in model.mixture_probabilities().items()}
    path = [stage.states[i] for stage, i in zip(shape.stages, decoded.path, strict=True)]
    mixtures = {m.name: m for state in path for m in state.mixtures}
    for state in path:
        for edges in state.edges:
            if edges.choice not in decoded.choices:
                continue

            def strength(i: int, edges: object = edges) -> float:
                if not edges.mixtures:  # type: ignore[attr-defined]
                    return rows[edges.name][i]  # type: ignore[attr-defined]
                name = edges.mixtures[i]  # type: ignore[attr-defined]
                pairs = zip(rows[name], mixtures[name].options, strict=True)
                return max([w for w, o in pairs if not is_none(o)], default=0.0)

            best = max(
                itertools.combinations(range(len(edges.options)), edges.keep),
                key=lambda taken, strength=strength: math.fsum(map(strength, taken)),
            )
            assert decoded.choices[edges.choice] == " + ".join(edges.options[i] for i in best)
    for mixture in mixtures.values():
        value = decoded.choices.get(mixture.choice)
        if value is not None and len([m for m in mixtures.values() if m.choice == mixture.choice]) == 1:
            able = [o for o in mixture.options if not (mixture.on_edge and is_none(o))] or list(mixture.options)
            assert value == max(able, key=lambda o, m=mixture: rows[m.name][m.options.index(o)])
    assert states <= set(decoded.choices)


@examples(15)
@given(spaces(most=40))
def test_uses_of_a_tied_block_share_alphas_and_have_weights_of_their_own(text: str) -> None:
    space = read(text)
    assume(space.choices)
    model = supernet(space)
    choices = model.choice_parameters()
    by_choice: dict[tuple[str, tuple[str, ...]], set[int]] = defaultdict(set)
    for module in model.modules():
        if getattr(module, "alphas", None) is not None:
            by_choice[module.choice, module.options].add(id(module.alphas))
    if "tied block" in text:
        assert all(len(shared) == 1 for (name, _), shared in by_choice.items() if name.startswith("cell."))
    ids = [id(p) for p in [*model.weight_parameters(), *choices]]
    assert len(ids) == len(set(ids)) and set(ids) == {id(p) for p in model.parameters()}
    assert {i for shared in by_choice.values() for i in shared} <= {id(p) for p in choices}


def test_subsets_of_edges_by_their_probabilities() -> None:
    """`inclusion` against all subsets, and its gradient against finite differences."""
    text = """
space s {
  input clip = video(frames=2, size=3, classes=2)
  a = conv(2, 1x1x1)
  sum(pick 2 of [a, a -> relu])
  pool -> linear(classes)
}
"""
    inclusion = run(compile_supernet(read(text), "made.vns"))["inclusion"]
    generator = torch.Generator().manual_seed(0)
    for n, keep in itertools.product(range(1, 7), range(1, 7)):
        if keep > n:
            continue
        s = torch.rand(n, generator=generator, dtype=torch.float64).requires_grad_()
        subsets = list(itertools.combinations(range(n), keep))
        weights = [math.prod(s[i].item() for i in subset) for subset in subsets]
        by_hand = [
            sum(w for w, subset in zip(weights, subsets, strict=True) if i in subset) / sum(weights) for i in range(n)
        ]
        torch.testing.assert_close(inclusion(s, keep).tolist(), by_hand)
        assert torch.autograd.gradcheck(lambda x, keep=keep: inclusion(x, keep), s)

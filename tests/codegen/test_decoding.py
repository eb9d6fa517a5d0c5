"""What is decoded from a supernet whose choices stand inside options of other choices."""

from __future__ import annotations

import torch

from tests.codegen.code import child, read, supernet
from tests.space.random_spaces import BLOCKS
from vnasdsl.derive import decode
from vnasdsl.relax.trellis import trellis


def test_copies_of_the_number_that_is_taken_decide() -> None:
    """`(1 | 2) * x`: the copies under each number have weights of their own, and only those of the number count."""
    text = (
        BLOCKS
        + """
space s {
  input clip = video(frames=4, size=8, classes=3)
  stage a {
    head(4 | 6, 2)
    (1 | 2) * (basic(1) | basic(2))
  }
  pool -> linear(classes)
}
"""
    )
    space = read(text)
    model = supernet(space)
    shape = trellis(space)
    state = shape.stages[0].states[0]
    assert [m.name for m in state.mixtures] == [
        "a[c=4].stack.number",
        "a[c=4].stack[0].op",
        "a[c=4].stack[0].op#2",
        "a[c=4].stack[1].op",
    ]
    assert [m.when for m in state.mixtures] == [
        (),
        (("a.stack.number", "1"),),
        (("a.stack.number", "2"),),
        (("a.stack.number", "2"),),
    ]
    tensors = dict(model.named_parameters())
    with torch.no_grad():
        tensors["a.betas"].copy_(torch.tensor([[5.0, 0.0]]))
        tensors["a.c_4.layers.stack.alphas"].copy_(torch.tensor([3.0, 0.0]))
        tensors["a.c_4.layers.stack.1.0.alphas"].copy_(torch.tensor([0.0, 1.0]))
        tensors["a.c_4.layers.stack.2.0.alphas"].copy_(torch.tensor([9.0, 0.0]))
    paths = {name: p.tolist() for name, p in model.path_probabilities().items()}
    mixtures = {name: p.tolist() for name, p in model.mixture_probabilities().items()}
    decoded = decode(shape, paths, mixtures)
    assert decoded.choices == {"a.head.c": "4", "a.stack.number": "1", "a.stack[0].op": "basic(2)"}
    child(space, decoded.choices, model)
    model.set_choices(decoded.choices)
    assert model.expected_macs().item() == space.network(decoded.choices).macs[0]

"""The two steps of NNI 3.0's DARTS and Proxyless, for search_step.py; runs in an environment of its own.

The steps are those of `DartsLightningModule.training_step`, the choices on the validate batch and then the weights,
without Lightning around them. NNI searches operations; the MACs are not in its loss.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from nni.nas.nn.pytorch import LayerChoice, ModelSpace
from nni.nas.strategy import DARTS, Proxyless
from plain_supernet import FIXED, LAYOUTS, Layout, Unit, options
from torch import Tensor, nn


class Space(ModelSpace):  # type: ignore[misc]
    def __init__(self, layout: Layout) -> None:
        super().__init__()
        kernel = (1, layout.kernel, layout.kernel)
        parts: list[Any] = [Unit(3, layout.stem, kernel, 2), Unit(layout.stem, layout.stem, (3, 1, 1))]
        before, count = layout.stem, 0
        for stage in layout.stages:
            (width,) = stage.widths
            parts.append(Unit(before, width, (1, 3, 3), stage.stride))
            for _ in range(stage.layers):
                parts.append(LayerChoice(options(width), label=f"layer{count}"))
                count += 1
            before = width
        self.parts = nn.Sequential(*parts)
        self.dropout = nn.Dropout(layout.dropout)
        self.linear = nn.Linear(before, layout.classes)

    def forward(self, clips: Tensor) -> Tensor:
        return self.linear(self.dropout(self.parts(clips).mean(dim=(2, 3, 4))))  # type: ignore[no-any-return]


def nni_steps(contender: str, space: str, frames: int, size: int, count: int, one_width: bool, batch: Any) -> Any:
    from plain_supernet import with_widths

    layout = with_widths(LAYOUTS[space], FIXED[space])
    strategy = (DARTS if contender == "nni darts" else Proxyless)()
    model = strategy.mutate_model(Space(layout)).train()
    mixed = [module for module in model.modules() if hasattr(module, "arch_parameters")]
    choices = list({id(p): p for module in mixed for p in module.arch_parameters()}.values())
    known = {id(p) for p in choices}
    weights = [p for p in model.parameters() if id(p) not in known]
    choice_optimiser = torch.optim.Adam(choices, 3e-4, betas=(0.5, 0.999), weight_decay=1e-3)
    weight_optimiser = torch.optim.SGD(weights, lr=0.02, momentum=0.9, weight_decay=4e-5)
    clips, labels = batch(frames, size, count, layout.classes)

    def step(optimiser: torch.optim.Optimizer) -> None:
        memo: dict[str, Any] = {}
        for module in mixed:
            memo.update(module.resample(memo=memo))
        optimiser.zero_grad()
        F.cross_entropy(model(clips), labels).backward()
        optimiser.step()

    return lambda _: step(weight_optimiser), lambda _: step(choice_optimiser)

"""A supernet written by hand, as generated ones are: three stages, widths in two of them, two mixed layers."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vnasdsl.relax.trellis import Mixture, Stage, State, Trellis

OPTIONS = ("basic(1)", "skip")
WIDTHS = {"s2": (4, 6), "s3": (5, 7)}
CLASSES = 3


def fake_trellis() -> Trellis:
    def state(stage: str, width: int, layers: int) -> State:
        mixtures = tuple(
            Mixture(f"{stage}[channels={width}].stack[{i}].op", f"{stage}.stack[{i}].op", OPTIONS)
            for i in range(layers)
        )
        return State(f"channels={width}", ((f"{stage}.head.channels", str(width)),), mixtures)

    return Trellis(
        (
            Stage("s1", (State("", (), ()),)),
            Stage("s2", tuple(state("s2", width, 2) for width in WIDTHS["s2"])),
            Stage("s3", tuple(state("s3", width, 0) for width in WIDTHS["s3"])),
        )
    )


class Unit(nn.Sequential):
    def __init__(self, cin: int, cout: int):
        super().__init__(
            nn.Conv3d(cin, cout, (1, 3, 3), padding=(0, 1, 1), bias=False), nn.BatchNorm3d(cout), nn.ReLU()
        )


class FakeSupernet(nn.Module):
    """(B, 3, T, H, W) -> (B, 3)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Unit(3, 4)
        self.heads2 = nn.ModuleList(Unit(4, width) for width in WIDTHS["s2"])
        self.layers2 = nn.ModuleList(nn.ModuleList(Unit(width, width) for _ in range(2)) for width in WIDTHS["s2"])
        self.heads3 = nn.ModuleList(nn.ModuleList(Unit(cin, width) for width in WIDTHS["s3"]) for cin in WIDTHS["s2"])
        self.linears = nn.ModuleList(nn.Linear(width, CLASSES) for width in WIDTHS["s3"])
        self.dropout = nn.Dropout(0.2)
        self.alphas = nn.Parameter(torch.zeros(2, 2, 2))  # width, layer, option
        self.beta2 = nn.Parameter(torch.zeros(1, 2))
        self.beta3 = nn.Parameter(torch.zeros(2, 2))
        self.fixed: dict[str, str] | None = None

    def weight_parameters(self) -> list[nn.Parameter]:
        return [parameter for name, parameter in self.named_parameters() if not name.startswith(("alpha", "beta"))]

    def choice_parameters(self) -> list[nn.Parameter]:
        return [self.alphas, self.beta2, self.beta3]

    def _weights(self) -> tuple[Tensor, Tensor, Tensor]:
        if self.fixed is None:
            return self.alphas.softmax(-1), self.beta2.softmax(-1), self.beta3.softmax(-1)
        ops = [F.one_hot(torch.tensor(OPTIONS.index(self.fixed[f"s2.stack[{i}].op"])), 2).float() for i in range(2)]
        two = F.one_hot(torch.tensor(WIDTHS["s2"].index(int(self.fixed["s2.head.channels"]))), 2).float()
        three = F.one_hot(torch.tensor(WIDTHS["s3"].index(int(self.fixed["s3.head.channels"]))), 2).float()
        return torch.stack(ops).expand(2, 2, 2), two[None], three.expand(2, 2)

    def forward(self, clips: Tensor) -> Tensor:
        alphas, paths2, paths3 = self._weights()
        x = self.stem(clips)
        outputs = []
        for i, head in enumerate(self.heads2):
            y = head(x) * paths2[0, i]
            for layer, unit in enumerate(self.layers2[i]):
                y = alphas[i, layer, 0] * unit(y) + alphas[i, layer, 1] * y
            outputs.append(y)
        logits = torch.zeros(len(clips), CLASSES)
        for j, linear in enumerate(self.linears):
            arriving = sum(paths2[0, i] * paths3[i, j] for i in range(2))
            z = sum(paths3[i, j] * self.heads3[i][j](outputs[i]) for i in range(2))
            logits = logits + arriving * linear(self.dropout(z.mean((2, 3, 4))))
        return logits

    def expected_macs(self) -> Tensor:
        """One million for each unit of width."""
        alphas, paths2, paths3 = self._weights()
        cost3 = torch.tensor([float(width) for width in WIDTHS["s3"]])
        cost2 = torch.tensor([float(width) for width in WIDTHS["s2"]]) * (1 + alphas[:, :, 0].sum(1))
        return 1e6 * (paths2[0] * (cost2 + paths3 @ cost3)).sum()

    def expected_params(self) -> Tensor:
        """Ten for each million MACs, and a hundred."""
        return self.expected_macs() / 1e5 + 100

    def path_probabilities(self) -> dict[str, Tensor]:
        _, paths2, paths3 = self._weights()
        return {"s1": torch.ones(1, 1), "s2": paths2, "s3": paths3}

    def mixture_probabilities(self) -> dict[str, Tensor]:
        alphas, _, _ = self._weights()
        return {
            f"s2[channels={width}].stack[{layer}].op": alphas[i, layer]
            for i, width in enumerate(WIDTHS["s2"])
            for layer in range(2)
        }

    @torch.no_grad()
    def probabilities(self) -> dict[str, dict[str, float]]:
        alphas, paths2, paths3 = self._weights()
        found = {
            "s2.head.channels": dict(zip(map(str, WIDTHS["s2"]), paths2[0].tolist(), strict=True)),
            "s3.head.channels": dict(zip(map(str, WIDTHS["s3"]), (paths2 @ paths3)[0].tolist(), strict=True)),
        }
        for layer in range(2):
            found[f"s2.stack[{layer}].op"] = dict(zip(OPTIONS, (paths2[0] @ alphas[:, layer]).tolist(), strict=True))
        return found

    def set_choices(self, choices: dict[str, str] | None) -> None:
        self.fixed = choices


def batches(count: int, seed: int, size: int = 4) -> list[tuple[Tensor, Tensor]]:
    """Clips (size, 3, 2, 6, 6) whose label shows in their brightness."""
    generator = torch.Generator().manual_seed(seed)
    made = []
    for _ in range(count):
        labels = torch.randint(CLASSES, (size,), generator=generator)
        clips = torch.randn(size, 3, 2, 6, 6, generator=generator) + labels.view(-1, 1, 1, 1, 1)
        made.append((clips, labels))
    return made

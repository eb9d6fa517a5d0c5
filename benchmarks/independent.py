"""What can independent choices know of a space in which every network was trained?

python benchmarks/independent.py --space spaces/mini.vns --table benchmarks/truth/mini.jsonl

The gradient learns a probability for every option, and that of a network is their product. First the best sum of
independent merits, fitted to the whole table: its rank correlation with the truth, and the rank of its best network.
Then gradient ascent on the expected accuracy, from equal probabilities, with the exact gradient: what a search would
decide that knew every accuracy, and the rank correlation of its probabilities on the way.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from quality import spearman
from torch import Tensor
from torch.nn.functional import one_hot
from truth import Table

from vnasdsl.elaborate import load

ROOT = Path(__file__).resolve().parent.parent


def options_of(table: Table) -> list[Tensor]:
    """For every choice, which option each network takes (networks, options)."""
    found = []
    for choice in table.networks[0].choices:
        options = sorted({network.choices[choice] for network in table.networks})
        found.append(one_hot(torch.tensor([options.index(n.choices[choice]) for n in table.networks])).double())
    return found


def merits(table: Table) -> Tensor:
    """The sums of merits of options that come nearest to the accuracies, by least squares; one for each network."""
    taken, truth = torch.cat(options_of(table), dim=1), accuracies(table)
    return taken @ torch.linalg.lstsq(taken, truth[:, None], driver="gelsd").solution[:, 0]


def ascent(table: Table, steps: int, seed: int = 0) -> Tensor:
    """The log probabilities of all networks after so many steps on the expected accuracy."""
    generator = torch.Generator().manual_seed(seed)
    taken, truth = options_of(table), accuracies(table)
    # Not quite equal: where options are alike, something must decide.
    logits = [1e-3 * torch.randn(each.shape[1], generator=generator, dtype=torch.float64) for each in taken]
    for each in logits:
        each.requires_grad_()
    optimiser = torch.optim.Adam(logits, lr=0.05, betas=(0.5, 0.999))

    def logs() -> Tensor:
        pairs = zip(taken, logits, strict=True)
        return torch.stack([each @ torch.log_softmax(ours, dim=0) for each, ours in pairs]).sum(dim=0)

    for _ in range(steps):
        optimiser.zero_grad()
        (-(logs().exp() * truth).sum()).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return logs().detach()


def accuracies(table: Table) -> Tensor:
    return torch.tensor([network.mean for network in table.networks], dtype=torch.float64)


def judged(table: Table, opinion: Tensor) -> str:
    best = table.networks[int(opinion.argmax())]
    known = spearman(opinion.tolist(), accuracies(table).tolist())
    return f"rank correlation {known:.2f}, its best network has rank {table.rank(best)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", type=Path, default=ROOT / "spaces" / "mini.vns")
    parser.add_argument("--table", type=Path, default=ROOT / "benchmarks" / "truth" / "mini.jsonl")
    given = parser.parse_args()
    table = Table.read(given.table, load(given.space).get())
    print(f"sum of merits: {judged(table, merits(table))}")
    for seed in range(3):
        for steps in (20, 50, 100, 400):
            print(f"ascent, start {seed}, {steps} steps: {judged(table, ascent(table, steps, seed))}")


if __name__ == "__main__":
    main()

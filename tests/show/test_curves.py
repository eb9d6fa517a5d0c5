"""Pictures are drawn from plain figures; what they look like was judged by eye."""

from __future__ import annotations

from typing import Any

import pytest

from tests.search.fake import fake_trellis
from vnasdsl.show.curves import curves_png, paths_png, training_png

PNG = b"\x89PNG\r\n\x1a\n"


def metrics(epochs: int) -> list[dict[str, Any]]:
    return [
        {
            "epoch": epoch,
            "train_loss": 1 / epoch,
            "train_top1": epoch / 10,
            "validate_loss": None if epoch < 3 else 1.0,
            "validate_top1": None,
            "expected_macs": 1e6,
            "decoded_macs": 1_000_000,
            "entropy": {"s2": 0.5},
            "skip_share": 0.25,
        }
        for epoch in range(1, epochs + 1)
    ]


@pytest.mark.parametrize("epochs", [0, 1, 9])
def test_curves_of_any_length(epochs: int) -> None:
    assert curves_png(metrics(epochs), 2).startswith(PNG)
    assert training_png({"a": metrics(epochs), "b": metrics(epochs)}, faint=["b"]).startswith(PNG)


def test_the_same_figures_give_the_same_bytes() -> None:
    assert curves_png(metrics(4), 2) == curves_png(metrics(4), 2)


def test_paths_mark_what_was_taken() -> None:
    mixtures = {mixture.name: [0.3, 0.7] for state in fake_trellis().stages[1].states for mixture in state.mixtures}
    weights = {"s1": [[1.0]], "s2": [[0.4, 0.6]], "s3": [[0.9, 0.1], [0.2, 0.8]]}
    taken = {mixture.choice: mixture.options[1] for mixture in fake_trellis().stages[1].states[1].mixtures}
    first = paths_png(fake_trellis(), weights, mixtures, [0, 1, 1], taken)
    assert first.startswith(PNG)
    assert first == paths_png(fake_trellis(), weights, mixtures, [0, 1, 1], {**taken, "elsewhere": "x"})
    assert first != paths_png(fake_trellis(), weights, mixtures, [0, 0, 0], taken)
    assert first != paths_png(fake_trellis(), weights, mixtures, [0, 1, 1], dict(list(taken.items())[1:]))

"""Representation flow against TV-L1 in numpy, one pixel after the other, and against flow that is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.layers.made import apply, compare, module
from tests.oracles.assemblenet import representation_flow

torch.set_num_threads(1)


def flow_by_pixels(
    before: np.ndarray, after: np.ndarray, iterations: int, theta: float, weight: float, tau: float
) -> np.ndarray:
    """Flow (2, H, W) of two images: u minimises |grad u| + weight * |I1(x) - I0(x) + grad I1 . u|, in the splitting
    with theta (Zach et al. 2007)."""
    rows, columns = before.shape

    def at(image: np.ndarray, r: int, c: int) -> float:
        return float(image[min(max(r, 0), rows - 1), min(max(c, 0), columns - 1)])

    pixels = [(r, c) for r in range(rows) for c in range(columns)]
    slope = np.zeros((2, rows, columns))
    for r, c in pixels:
        slope[0, r, c] = (at(after, r, c + 1) - at(after, r, c - 1)) / 2
        slope[1, r, c] = (at(after, r + 1, c) - at(after, r - 1, c)) / 2
    flow = np.zeros((2, rows, columns))
    dual = np.zeros((2, 2, rows, columns))  # part of the flow, axis
    for _ in range(iterations):
        moved = np.zeros_like(flow)
        for r, c in pixels:
            g = slope[:, r, c]
            rho = after[r, c] - before[r, c] + g @ flow[:, r, c]
            if rho < -weight * theta * (g @ g):
                step = weight * theta * g
            elif rho > weight * theta * (g @ g):
                step = -weight * theta * g
            else:
                step = -rho * g / (g @ g) if g @ g > 0 else 0 * g
            for part in range(2):
                p = dual[part]
                divergence = p[0, r, c] - (p[0, r, c - 1] if c > 0 else 0) + p[1, r, c] - (p[1, r - 1, c] if r else 0)
                moved[part, r, c] = flow[part, r, c] + step[part] + theta * divergence
        flow = moved
        for part in range(2):
            for r, c in pixels:
                along = flow[part, r, c + 1] - flow[part, r, c] if c + 1 < columns else 0.0
                across = flow[part, r + 1, c] - flow[part, r, c] if r + 1 < rows else 0.0
                length = np.hypot(along, across)
                p = dual[part, :, r, c]
                dual[part, :, r, c] = (p + tau / theta * np.array([along, across])) / (1 + tau / theta * length)
    return flow


@torch.no_grad()
@pytest.mark.parametrize(
    ("size", "settings"),
    [
        ((3, 6, 7), {"iterations": 12}),
        ((2, 5, 4), {"iterations": 7, "theta": 0.5, "weight": 0.05, "tau": 0.1}),
        ((2, 1, 6), {"iterations": 4}),
        ((2, 5, 1), {"iterations": 4}),
    ],
)
def test_against_pixels(size: tuple[int, int, int], settings: dict[str, float]) -> None:
    applied = apply("flow", (3, *size), **settings)
    assert applied.output == (2, *size)
    made = compare(applied, (3, *size)).double()
    clips = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    clips[1] *= 0.01  # however dark a clip is, it is stretched to 0..255
    given = {"iterations": 40, "theta": 0.3, "weight": 0.15, "tau": 0.25, **settings}
    for clip, flow in zip(clips.numpy(), made(clips).numpy(), strict=True):
        grey = clip.mean(axis=0)
        grey = 255 * (grey - grey.min()) / (grey.max() - grey.min())
        for t in range(size[0]):
            expected = flow_by_pixels(grey[t], grey[min(t + 1, size[0] - 1)], **given)
            np.testing.assert_allclose(flow[:, t], expected, atol=1e-5)


@torch.no_grad()
def test_against_convolutions() -> None:
    clips = torch.rand(2, 3, 4, 12, 10)
    made = module(apply("flow", (3, 4, 12, 10)))
    torch.testing.assert_close(made(clips), representation_flow(clips), atol=1e-3, rtol=1e-3)


@torch.no_grad()
@pytest.mark.parametrize(("along", "across"), [(1, 0), (-1, 0), (0, 1), (0.5, -0.5)])
def test_a_moving_spot(along: float, across: float) -> None:
    rows, columns = torch.meshgrid(torch.arange(24.0), torch.arange(24.0), indexing="ij")
    spots = [torch.exp(-((columns - 12 - along * t) ** 2 + (rows - 12 - across * t) ** 2) / 18) for t in range(3)]
    clip = torch.stack(spots).expand(1, 3, 3, 24, 24)
    made = module(apply("flow", (3, 3, 24, 24), iterations=100))
    flow = made(clip)[0, :, 0, 8:17, 8:17].mean(dim=(1, 2))
    torch.testing.assert_close(flow, torch.tensor([float(along), float(across)]), atol=0.35, rtol=0)


@torch.no_grad()
def test_what_does_not_move_has_no_flow() -> None:
    still = torch.rand(1, 3, 1, 8, 8).expand(1, 3, 3, 8, 8)
    made = module(apply("flow", (3, 3, 8, 8)))
    assert made(still).abs().max() == 0
    assert made(torch.zeros(1, 3, 3, 8, 8)).abs().max() == 0
    moving = torch.rand(1, 3, 3, 8, 8)
    assert made(moving)[:, :, 2].abs().max() == 0 < made(moving)[:, :, 1].abs().max()
    assert torch.equal(made(moving), made(moving))
    torch.testing.assert_close(made(torch.cat([still, moving])), torch.cat([made(still), made(moving)]))


def test_a_gradient_reaches_what_lies_before_it() -> None:
    clip = torch.rand(1, 1, 2, 5, 5, requires_grad=True)
    module(apply("flow", (1, 2, 5, 5), iterations=5))(clip).square().sum().backward()
    assert clip.grad is not None and torch.isfinite(clip.grad).all() and clip.grad.abs().max() > 0

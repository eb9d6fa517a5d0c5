"""Small models on one thread: faster, and the same on every machine."""

from __future__ import annotations

import torch

torch.set_num_threads(1)

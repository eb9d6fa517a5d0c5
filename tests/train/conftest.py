"""Small models, one thread: faster and the same on every machine."""

import torch

torch.set_num_threads(1)

"""Predicts how good networks are that were not trained yet, from their choices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

_LENGTHS = (2.0, 4.0, 8.0, 16.0)
_NOISES = (0.003, 0.01, 0.03, 0.1, 0.3)

Array = NDArray[np.float64]


class Predictor:
    """A Gaussian process whose covariance falls with the number of choices that differ: exp(-differences / length).

    Length and noise are those under which the scores are most likely.
    """

    def __init__(self, networks: Sequence[Mapping[str, str]], scores: Sequence[float]):
        self._names = sorted({name for network in networks for name in network})
        self._codes: dict[tuple[str, str | None], int] = {}
        self._networks = self._coded(networks)
        given = np.array(scores)
        self._mean, self._scale = given.mean(), given.std() + 1e-9
        targets = (given - self._mean) / self._scale
        distances = self._distances(self._networks)
        best = -np.inf
        for length, noise in product(_LENGTHS, _NOISES):
            root = np.linalg.cholesky(np.exp(-distances / length) + noise * np.eye(len(given)))
            solved = np.linalg.solve(root.T, np.linalg.solve(root, targets))
            variance = max(targets @ solved / len(given), 1e-9)  # the most likely one, in closed form
            likelihood = -0.5 * len(given) * np.log(variance) - np.log(np.diag(root)).sum()
            if likelihood > best:
                best = likelihood
                self._length, self._root, self._solved, self._variance = length, root, solved, variance

    def optimistic(self, networks: Sequence[Mapping[str, str]]) -> Array:
        """The mean of the prediction plus its standard deviation, for each network."""
        covariance = np.exp(-self._distances(self._coded(networks)) / self._length)
        explained = np.linalg.solve(self._root, covariance.T)
        variance = self._variance * np.maximum(1 - (explained**2).sum(0), 0)
        optimistic: Array = self._mean + self._scale * (covariance @ self._solved + np.sqrt(variance))
        return optimistic

    def _coded(self, networks: Sequence[Mapping[str, str]]) -> NDArray[np.int64]:
        """A row of numbers for each network; a choice that it does not have is a value of its own."""
        code = self._codes
        return np.array([[code.setdefault((n, each.get(n)), len(code)) for n in self._names] for each in networks])

    def _distances(self, coded: NDArray[np.int64]) -> NDArray[np.int64]:
        """How many choices differ between these networks and the known ones."""
        return np.stack([(row != self._networks).sum(1) for row in coded])

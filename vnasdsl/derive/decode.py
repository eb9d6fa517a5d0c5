"""From the probabilities of a searched space to one network: argmax for each mixture, Viterbi over the path weights.

Zhou et al. 2021: every layer of a stack keeps the operation with the largest weight, and the Viterbi algorithm chooses
the states of the stages. Only the mixtures of the states on the path count.

Liu et al. 2019 (DARTS): a node keeps the edges whose strongest operation other than `none` has the largest weight, each
with that operation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vnasdsl.language.diagnostics import UserError
from vnasdsl.relax.trellis import Edges, Mixture, State, Trellis, holds, some, within_part
from vnasdsl.space.elements import together

# -------------------------------------------------------------- paths through a trellis
# A trellis is a list of matrices of log probabilities: `log_probs[s][i][j]` is that of going from state i of stage
# s - 1 to state j of stage s; the first matrix has one row. Zero probability is `-inf`. Logarithms keep long chains
# from underflowing.

Matrix = Sequence[Sequence[float]]

IMPOSSIBLE = -math.inf


def log(probability: float) -> float:
    """Natural logarithm, `-inf` for zero."""
    return math.log(probability) if probability > 0.0 else IMPOSSIBLE


def first_max(values: Sequence[float]) -> int:
    """Index of the largest value, the first of several."""
    return max(range(len(values)), key=values.__getitem__)


def largest(values: Sequence[float], count: int) -> list[int]:
    """Indices of the `count` largest values in their order, the first of equal ones."""
    return sorted(sorted(range(len(values)), key=lambda i: (-values[i], i))[:count])


def viterbi(log_probs: Sequence[Matrix]) -> tuple[tuple[int, ...], float]:
    """The most probable path (a state index per stage) and the natural logarithm of its probability.

    Of paths equally probable it is the first in lexical order; where no path is possible, all zeros with `-inf`.
    Works from the last stage back, so that the path can be read off forwards: time is the number of edges.

    Raises: ValueError when the matrices do not fit together.
    """
    check_shapes(log_probs)
    best_to_end = [0.0] * len(log_probs[-1][0]) if log_probs else []
    next_states: list[list[int]] = []
    for matrix in reversed(log_probs):
        reached = [[edge + rest for edge, rest in zip(row, best_to_end, strict=True)] for row in matrix]
        next_states.append([first_max(row) for row in reached])
        best_to_end = [max(row) for row in reached]
    if IMPOSSIBLE in best_to_end:  # one value is left here: that of the whole path
        return (0,) * len(log_probs), IMPOSSIBLE
    path: list[int] = []
    state = 0
    for successors in reversed(next_states):
        state = successors[state]
        path.append(state)
    return tuple(path), path_log_probability(log_probs, path)


def greedy(log_probs: Sequence[Matrix]) -> tuple[tuple[int, ...], float]:
    """The path that takes the most probable next state at every stage, and the logarithm of its probability.

    Raises: ValueError when the matrices do not fit together.
    """
    check_shapes(log_probs)
    path: list[int] = []
    state = 0
    for matrix in log_probs:
        state = first_max(matrix[state])
        path.append(state)
    return tuple(path), path_log_probability(log_probs, path)


def argmax(log_probs: Sequence[Matrix]) -> tuple[tuple[int, ...], float]:
    """At every stage the state that is most probable by itself, whatever path leads to it.

    Raises: ValueError when the matrices do not fit together.
    """
    check_shapes(log_probs)
    reached, path = [1.0], []
    for matrix in log_probs:
        rows = [[mass * math.exp(value) for value in row] for mass, row in zip(reached, matrix, strict=True)]
        reached = [math.fsum(column) for column in zip(*rows, strict=True)]
        path.append(first_max(reached))
    return tuple(path), path_log_probability(log_probs, path)


def path_log_probability(log_probs: Sequence[Matrix], path: Sequence[int]) -> float:
    """The natural logarithm of the probability of one path, summed without rounding between stages."""
    edges, previous = [], 0
    for matrix, state in zip(log_probs, path, strict=True):
        edges.append(matrix[previous][state])
        previous = state
    return math.fsum(edges)


def check_shapes(log_probs: Sequence[Matrix]) -> None:
    """Raise ValueError unless every matrix has a row per state of the stage before and rows of one length."""
    rows = 1
    for index, matrix in enumerate(log_probs):
        widths = {len(row) for row in matrix}
        if len(matrix) != rows or len(widths) != 1 or widths == {0}:
            raise ValueError(f"matrix {index} should have {rows} rows of one length, at least 1")
        rows = widths.pop()


SKIP = "skip"


@dataclass(frozen=True)
class OnPath:
    """The network on a path through a searched space."""

    stages: tuple[str, ...]
    """Names of the stages, first to last."""
    choices: dict[str, str]
    """Choice name -> option text: all that `space.choose` needs."""
    path: tuple[int, ...]
    """Index of the state in every stage."""
    labels: tuple[str, ...]
    """Label of the state in every stage."""
    log_probability: float
    """Natural logarithm of the product of the path weights along the path; `-inf` for an impossible one."""

    def to_dict(self) -> dict[str, Any]:
        """For JSON; the logarithm of zero is null."""
        rows = zip(self.stages, self.path, self.labels, strict=True)
        return {
            "choices": dict(self.choices),
            "path": [{"stage": stage, "state": state, "label": label} for stage, state, label in rows],
            "log_probability": self.log_probability if math.isfinite(self.log_probability) else None,
        }


@dataclass(frozen=True)
class Decoded(OnPath):
    """The network decoded from a searched space, and for comparison the one on the greedy path."""

    greedy: OnPath

    def to_dict(self) -> dict[str, Any]:
        return {**super().to_dict(), "greedy": {**self.greedy.to_dict(), "same": self.greedy.path == self.path}}


def decode(
    trellis: Trellis,
    path_probabilities: Mapping[str, Matrix],
    mixture_probabilities: Mapping[str, Sequence[float]],
    skips: int | None = None,
) -> Decoded:
    """The network that the probabilities point at.

    path_probabilities: by stage, a row per state of the stage before (one row for the first stage), a column per state.
    mixture_probabilities: by name of the mixture, a value per option.
    skips: at most so many options `skip`, those that would lose most by the second best (P-DARTS, Chen et al. 2019,
    keeps those of the largest weights): of its path the most probable network of so few, unless choices are nested.

    Ties go to the first in the file.

    Raises: UserError when the probabilities do not fit the trellis or are not numbers.
    """
    given = (trellis, path_probabilities, mixture_probabilities, skips)
    return Decoded(**vars(_along(viterbi, *given)), greedy=_along(greedy, *given))


def argmax_choices(
    trellis: Trellis,
    path_probabilities: Mapping[str, Matrix],
    mixture_probabilities: Mapping[str, Sequence[float]],
    skips: int | None = None,
) -> dict[str, str]:
    """The choices that decide every stage by itself, whatever path leads to its state. Arguments as of `decode`."""
    return _along(argmax, trellis, path_probabilities, mixture_probabilities, skips).choices


def _along(
    rule: Callable[[Sequence[Matrix]], tuple[tuple[int, ...], float]],
    trellis: Trellis,
    paths: Mapping[str, Matrix],
    mixtures: Mapping[str, Sequence[float]],
    skips: int | None,
) -> OnPath:
    """The network on the path that a rule finds; where choices are compared, the most probable of those of the parts
    of the space, by all their weights."""
    log_probs = log_probabilities(trellis, paths)
    if trellis.parts:
        for state in (state for stage in trellis.stages for state in stage.states):
            check_weights(state, mixtures)
        alone = replace(trellis, parts=())
        learned = (within_part(trellis, part, paths, mixtures) for part in trellis.parts)
        found = [_along(rule, alone, *own, skips) for own in learned]
        return max(found, key=lambda d: total(trellis, d.path, d.choices, paths, mixtures))
    path, log_probability = rule(log_probs)
    states = [stage.states[index] for stage, index in zip(trellis.stages, path, strict=True)]
    names = tuple(stage.name for stage in trellis.stages)
    labels = tuple(state.label for state in states)
    return OnPath(names, _choices(states, mixtures, skips), path, labels, log_probability)


def total(
    trellis: Trellis,
    path: Sequence[int],
    choices: Mapping[str, str],
    paths: Mapping[str, Matrix],
    mixtures: Mapping[str, Sequence[float]],
) -> float:
    """The logarithm of the product of the path weights and of the weights of the options in the mixtures."""
    factors, before = [], 0
    for stage, i in zip(trellis.stages, path, strict=True):
        state = stage.states[i]
        factors.append(paths[stage.name][before][i])
        before = i
        edges = {part.choice for part in state.edges}
        for mixture in state.mixtures:
            if any(holds(place, choices, edges) for place in mixture.places):
                factors.append(mixtures[mixture.name][mixture.options.index(choices[mixture.choice])])
    logs = list(map(log, factors))
    return IMPOSSIBLE if IMPOSSIBLE in logs else math.fsum(logs)


def path_probability(decoded: Decoded) -> float:
    """The probability of the decoded path under the path weights, in [0, 1]; 0 where it is too small for a float."""
    return math.exp(decoded.log_probability)


def log_probabilities(trellis: Trellis, path_probabilities: Mapping[str, Matrix]) -> list[list[list[float]]]:
    """The matrices of `paths`, stage by stage. Raises: UserError where they do not fit the trellis."""
    log_probs, before = [], 1
    for stage in trellis.stages:
        matrix = path_probabilities.get(stage.name)
        if matrix is None:
            raise UserError(f"there are no path weights for stage `{stage.name}`: they belong to another space")
        if len(matrix) != before or any(len(row) != len(stage.states) for row in matrix):
            raise UserError(
                f"the path weights of stage `{stage.name}` are not {before} x {len(stage.states)}: "
                "they belong to another space"
            )
        _check_numbers(f"path weights of stage `{stage.name}`", (value for row in matrix for value in row))
        log_probs.append([[log(value) for value in row] for row in matrix])
        before = len(stage.states)
    return log_probs


def _choices(
    states: Iterable[State], mixture_probabilities: Mapping[str, Sequence[float]], skips: int | None
) -> dict[str, str]:
    """The choices of these states and of their mixtures.

    A choice of several mixtures takes the option of the largest product of their probabilities. A mixture inside an
    option that is not taken, or on an edge that is not kept, makes no choice.
    """
    choices: dict[str, str] = {}
    found: list[Mixture | Edges] = []
    for state in states:
        for choice, option in state.choices:
            if choices.setdefault(choice, option) != option:
                raise UserError(
                    f"choice `{choice}` changes the shape of several stages: a path cannot decide it",
                    "search this space with `strategy = evolution` or `random`",
                )
        check_weights(state, mixture_probabilities)
        found += (*state.mixtures, *state.edges)
    edges = {part.choice for part in found if isinstance(part, Edges)}
    strengths = {part.name: _strengths(part, mixture_probabilities) for part in found if isinstance(part, Mixture)}

    # Outer choices first: they say which inner ones count.
    seconds: dict[str, str] = {}
    depths = {id(part): max(map(len, part.places)) for part in found}
    for depth in sorted(set(depths.values())):
        logs: dict[str, tuple[Mixture | Edges, list[list[float]]]] = {}
        for part in found:
            if depths[id(part)] == depth and any(holds(place, choices, edges) for place in part.places):
                if isinstance(part, Mixture):
                    row = strengths[part.name]
                elif part.mixtures:
                    row = [max(strengths[name]) for name in part.mixtures]
                else:
                    row = mixture_probabilities[part.name]
                logs.setdefault(part.choice, (part, []))[1].append([log(weight) for weight in row])
        gains: dict[str, float] = {}
        for choice, (part, rows) in logs.items():
            totals = [IMPOSSIBLE if IMPOSSIBLE in column else math.fsum(column) for column in zip(*rows, strict=True)]
            if isinstance(part, Edges):
                choices[choice] = together(part.options[i] for i in largest(totals, part.keep))
            else:
                able = [i for i, live in enumerate(some(part.options)) if live or not part.on_edge]
                best = [part.options[i] for i in sorted(able, key=lambda i: -totals[i])]
                choices[choice] = best[0]
                if best[0] == SKIP and len(best) > 1:
                    gain = totals[part.options.index(SKIP)] - totals[part.options.index(best[1])]
                    gains[choice] = 0.0 if math.isnan(gain) else gain  # where nothing is possible
                    seconds[choice] = best[1]
        if skips is not None:
            surest = sorted(gains, key=lambda choice: -gains[choice])
            for choice in surest[skips:]:
                choices[choice] = seconds[choice]
            skips = max(0, skips - len(surest))
    return choices


def check_weights(state: State, mixture_probabilities: Mapping[str, Sequence[float]]) -> None:
    """Raises: UserError where the weights of a mixture of the state are missing or are no probabilities."""
    parts: list[Mixture | Edges] = [*state.mixtures, *(edges for edges in state.edges if not edges.mixtures)]
    for part in parts:
        weights = mixture_probabilities.get(part.name)
        if weights is None or len(weights) != len(part.options):
            raise UserError(
                f"there are no weights for the {len(part.options)} options of `{part.name}`: "
                "they belong to another space"
            )
        _check_numbers(f"weights of `{part.name}`", weights)


def _strengths(mixture: Mixture, mixture_probabilities: Mapping[str, Sequence[float]]) -> Sequence[float]:
    """The weights of the options; on an edge that of `none` does not count."""
    weights = mixture_probabilities[mixture.name]
    if not mixture.on_edge:
        return weights
    return [weight if live else 0.0 for weight, live in zip(weights, some(mixture.options), strict=True)]


def _check_numbers(what: str, values: Iterable[float]) -> None:
    if not all(math.isfinite(value) and value >= 0.0 for value in values):
        raise UserError(f"the {what} are not probabilities: the search has diverged", "use a smaller choices.lr")

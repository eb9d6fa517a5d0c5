"""Places for graphs without cycles: layers, few crossings, nothing on top of anything else."""

from __future__ import annotations

from itertools import combinations, pairwise

import networkx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vnasdsl.show.draw.layered import Layered, crossings, layered, layers_of, rising

ASSEMBLENET = {
    4: [1], 5: [0], 6: [0, 1, 2, 3], 7: [2, 3], 8: [0, 4, 5, 6, 7], 9: [0, 2, 4, 7],
    10: [0, 5, 7], 11: [0, 5], 12: [4, 8, 10, 11], 13: [8, 9], 14: [12, 13],
}  # fmt: skip


def graph_of(inputs: dict[int, list[int]]) -> tuple[dict[str, tuple[float, float]], list[tuple[str, str]]]:
    names = sorted({*inputs, *(source for sources in inputs.values() for source in sources)})
    sizes = {str(name): (60.0 + 7 * (name % 3), 30.0 + 5 * (name % 2)) for name in names}
    return sizes, [(str(source), str(target)) for target, sources in inputs.items() for source in sources]


def overlaps(found: Layered, sizes: dict[str, tuple[float, float]]) -> list[tuple[str, str]]:
    def apart(one: str, other: str) -> bool:
        (ax, ay), (bx, by) = found.boxes[one], found.boxes[other]
        (aw, ah), (bw, bh) = sizes[one], sizes[other]
        return ax + aw <= bx or bx + bw <= ax or ay + ah <= by or by + bh <= ay

    return [pair for pair in combinations(sizes, 2) if not apart(*pair)]


def inside(x: float, y: float, corner: tuple[float, float], size: tuple[float, float]) -> bool:
    return corner[0] < x < corner[0] + size[0] and corner[1] < y < corner[1] + size[1]


def through_boxes(found: Layered, sizes: dict[str, tuple[float, float]]) -> list[tuple[tuple[str, str], str]]:
    """Curves that enter a box at which they do not end."""
    hits = []
    for edge, points in found.curves.items():
        for i in range(0, len(points) - 1, 3):
            a, b, c, d = points[i : i + 4]
            for step in range(21):
                t = step / 20
                x, y = (
                    (1 - t) ** 3 * a[k] + 3 * (1 - t) ** 2 * t * b[k] + 3 * (1 - t) * t**2 * c[k] + t**3 * d[k]
                    for k in (0, 1)
                )
                hits += [(edge, name) for name in sizes if inside(x, y, found.boxes[name], sizes[name])]
    return hits


def test_layers_are_longest_paths() -> None:
    sizes, edges = graph_of({3: [0, 2], 2: [1], 1: [0]})
    assert layers_of(sizes, edges) == {"0": 0, "1": 1, "2": 2, "3": 3}


def test_a_source_stands_just_before_what_needs_it() -> None:
    assert layers_of("abcd", [("a", "b"), ("b", "c"), ("d", "c")])["d"] == 1


def test_a_cycle_is_refused() -> None:
    with pytest.raises(ValueError, match="cycle"):
        layered({"a": (1, 1), "b": (1, 1)}, [("a", "b"), ("b", "a")])


def test_streams_of_assemblenet() -> None:
    sizes, edges = graph_of(ASSEMBLENET)
    found = layered(sizes, edges)
    assert set(found.curves) == set(edges)
    assert not overlaps(found, sizes)
    assert not through_boxes(found, sizes)
    for source, target in edges:
        assert found.boxes[source][0] + sizes[source][0] < found.boxes[target][0]


def test_lines_that_need_not_cross_do_not() -> None:
    assert crossings([["a", "b"], ["c", "d"]], networkx.DiGraph([("a", "d"), ("b", "c")])) == 1
    found = layered(dict.fromkeys("abcdef", (20.0, 20.0)), [("a", "d"), ("b", "c"), ("c", "f"), ("d", "e")])
    assert (found.boxes["a"][1] < found.boxes["b"][1]) == (found.boxes["d"][1] < found.boxes["c"][1])


def test_a_straight_chain_is_straight() -> None:
    found = layered(dict.fromkeys("abc", (20.0, 20.0)), [("a", "b"), ("b", "c")])
    assert len({y for _, y in found.boxes.values()}) == 1


def test_an_edge_arrives_at_the_entry_of_a_frame_and_leaves_at_its_end() -> None:
    found = layered(dict.fromkeys("abc", (20.0, 60.0)), [("a", "b"), ("b", "c")], ports={"b": (10.0, 50.0)})
    top = found.boxes["b"][1]
    assert (found.curves["a", "b"][-1][1], found.curves["b", "c"][0][1]) == (top + 10, top + 50)


@given(
    st.integers(2, 12).flatmap(
        lambda n: st.tuples(st.just(n), st.sets(st.tuples(st.integers(0, n), st.integers(0, n)), max_size=24))
    )
)
def test_any_graph(case: tuple[int, set[tuple[int, int]]]) -> None:
    count, pairs = case
    sizes = {str(i): (20.0 + 3 * (i % 4), 15.0 + 4 * (i % 3)) for i in range(count + 1)}
    edges = sorted({(str(min(a, b)), str(max(a, b))) for a, b in pairs if a != b}, key=lambda e: (int(e[0]), int(e[1])))
    found = layered(sizes, edges)
    assert not overlaps(found, sizes)
    assert set(found.curves) == set(edges)
    assert found == layered(sizes, edges)
    for (source, target), points in found.curves.items():
        assert points[0][0] == found.boxes[source][0] + sizes[source][0]
        assert points[-1][0] == found.boxes[target][0]
        assert found.boxes[source][1] <= points[0][1] <= found.boxes[source][1] + sizes[source][1]


@given(st.lists(st.tuples(st.floats(-100, 100), st.floats(0.5, 4)), min_size=1, max_size=12))
def test_rising_never_falls_and_keeps_the_mean(pairs: list[tuple[float, float]]) -> None:
    values, weights = zip(*pairs, strict=True)
    result = rising(values, weights)
    assert all(a <= b + 1e-9 for a, b in pairwise(result))
    mean = sum(v * w for v, w in pairs)
    assert sum(v * w for v, w in zip(result, weights, strict=True)) == pytest.approx(mean, abs=1e-6)

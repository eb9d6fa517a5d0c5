"""Random small spaces with named lines: cells with tied choices, streams, lists, picks, joins of every kind. All values
have one shape but for channels, so that every network of them can be built."""

from __future__ import annotations

from hypothesis import strategies as st

CLASSES = 3
BLOCKS = """\
block unit(c, k) { conv(c, (k, 1, 1)) -> bn }
block edge { none | skip | conv(same, 1x3x3) | relu -> conv(same, 3x1x1) }
block joined(a, b, c) {
  both = concat(a, b)
  out sum(both -> conv(c, 1x1x1), unit(c, 1 | 3))
}
block taken(given, c) { concat(pick 1..2 of [given]) -> conv(c, 1x1x1) }
"""


@st.composite
def graphs(draw: st.DrawFn) -> str:
    """The text of a space."""
    cell = _cell(draw)
    lines: list[str] = []
    names = ["clip"]
    lists: dict[str, int] = {}
    if draw(st.booleans()):
        lines.append("n0 = clip -> unit(4, 1)")
    else:
        lines.append("n0 = unit(4 | 6, 1)")
    names.append("n0")
    for i in range(1, draw(st.integers(2, 5))):
        name = f"n{i}"
        kind = draw(st.sampled_from(["edges", "cell", "join", "list", "chain", "weighted", "taken", "unnamed"]))
        if kind == "list":
            lines.append(f"{name} = [{draw(st.integers(2, 3))} * {_item(draw, names)}]")
            lists[name] = 1
            after = f"m{i} = {_joining(draw, [name, *lists][:1])} -> unit(4, 1)"
            lines.append(after)
            names.append(f"m{i}")
            continue
        if kind == "taken" and lists:
            lines.append(f"{name} = taken({draw(st.sampled_from(sorted(lists)))}, 4)")
        elif kind == "cell":
            a, b = _one(draw, names), _one(draw, names)
            lines.append(f"{name} = cell({a}, {b}, {draw(st.sampled_from(['4', '4 | 6']))})")
        elif kind == "join":
            lines.append(f"{name} = joined({_one(draw, names)}, {_one(draw, names)} -> relu, 4 | 5)")
        elif kind == "chain":
            lines.append(f"{name} = {_one(draw, names)} -> (unit(4, 3) | relu | skip)")
        elif kind == "unnamed":
            lines.append("1..2 * (unit(same, 1) | relu)")
            continue
        elif kind == "weighted":
            options = [f"{n} -> conv(4, 1x1x1)" for n in _some(draw, names)]
            lines.append(f"{name} = weighted({', '.join(options)}, by=learned)")
        else:
            options = [f"{n} -> conv(4, 1x1x1) -> edge" for n in _some(draw, names)]
            most = draw(st.integers(1, len(options)))
            least, more = draw(st.sampled_from([(1, ""), (0, f", {_one(draw, names)} -> conv(4, 1x1x1)")]))
            lines.append(f"{name} = sum(pick {least}..{most} of [{', '.join(options)}]{more})")
        names.append(name)
    last = _some(draw, [n for n in names if n != "clip"])
    if lists and draw(st.booleans()):
        last.append(sorted(lists)[0])
    lines.append(f"concat({', '.join(last)}) -> conv(4, 1x1x1)")
    body = "\n".join(f"  {line}" for line in lines)
    head = f"space made {{\n  input clip = video(frames=2, size=4, classes={CLASSES})\n"
    recipe = "search made_search for made { strategy = evolution }\n"
    return f"{BLOCKS}{cell}{head}{body}\n  pool -> linear(classes)\n}}\n{recipe}"


def _cell(draw: st.DrawFn) -> str:
    tied = draw(st.sampled_from(["tied ", ""]))
    count = draw(st.integers(1, 2))
    lines = ["p = a -> conv(c, 1x1x1)", "q = b -> conv(c, 1x1x1)"]
    states = ["p", "q"]
    for i in range(count):
        options = ", ".join(f"{s} -> edge" for s in states)
        lines.append(f"h{i} = sum(pick 2 of [{options}])")
        states.append(f"h{i}")
    body = "\n".join(f"  {line}" for line in lines)
    return f"{tied}block cell(a, b, c) {{\n{body}\n  out concat({', '.join(states[2:])}) -> conv(4, 1x1x1)\n}}\n"


def _one(draw: st.DrawFn, names: list[str]) -> str:
    return draw(st.sampled_from(names))


def _some(draw: st.DrawFn, names: list[str]) -> list[str]:
    return draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))


def _item(draw: st.DrawFn, names: list[str]) -> str:
    """One value of a list: from what came before, or from a line."""
    if draw(st.booleans()):
        return "(unit(4, 1 | 3) | conv(4, 1x3x3))"
    options = ", ".join(f"{n} -> conv(4, 1x1x1)" for n in _some(draw, names))
    return f"(sum(pick 1 of [{options}]) -> unit(4, 1 | 3))"


def _joining(draw: st.DrawFn, names: list[str]) -> str:
    kind = draw(st.sampled_from(["mean", "concat", "sum(pick 1..2 of ["]))
    return f"{kind}({names[0]})" if "(" not in kind else f"{kind}{names[0]}])"

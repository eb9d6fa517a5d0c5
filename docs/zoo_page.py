"""The page about the networks in `spaces/zoo`: a list, a plot of their costs, and a picture of each text."""

from __future__ import annotations

import math
from collections.abc import Iterator

from vnasdsl.cli.new import descriptions
from vnasdsl.show.draw import picture_of
from vnasdsl.show.draw.formats import svg
from vnasdsl.show.draw.picture import Edge, Picture, Rect, Text, straight, text_width
from vnasdsl.show.numbers import amount, short
from vnasdsl.show.zoo import FOLDER, Published, published

INTRO = """\
# The zoo

Networks of the literature as texts, in `spaces/zoo`. `vnasdsl zoo` lists them, and every command takes them by name:

```console
$ vnasdsl zoo
$ vnasdsl show vnasdsl:zoo/r3d_18
$ vnasdsl diff vnasdsl:zoo/slowfast vnasdsl:zoo/slow
$ vnasdsl retrain vnasdsl:zoo/x3d:x3d_s --weights pytorchvideo:X3D_S.pyth --data folder:videos --out runs/mine
```

*Equal to the original* means: with the original's weights, filled at random, the outputs are the same to 1e-5, and
so are parameters and MACs, by tests that build the original. [Using a trained network](deploy.md#pretrained-weights)
says how published weights are loaded.

![MACs and parameters of the networks](images/zoo.svg)

MACs are those of one clip, parameters those with 400 classes, both worked out from the texts alone.
"""
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 960, 680, 80, 30, 60, 70
LIBRARIES, PAPERS = ("torchvision", "pytorchvideo"), "papers"
SIZE = 11
DOT = 8


def zoo_page() -> dict[str, str]:
    """The page and its pictures, by path in docs/."""
    files: dict[str, list[Published]] = {}
    for each in published():
        files.setdefault(each.file, []).append(each)
    texts = descriptions()
    parts = [INTRO, "\n| network | clip | MACs | parameters | source | checked |\n|---|---|---|---|---|---|\n"]
    parts += [row(each) for each in published()]
    pages = {"images/zoo.svg": svg(plot(published()))}
    for file, networks in files.items():
        name = file.removeprefix(f"vnasdsl:{FOLDER}")
        drawn = networks[-1].network
        pages[f"images/zoo/{name}.svg"] = svg(picture_of(drawn))
        parts.append(f"\n## {name}\n\n{texts[f'{FOLDER}{name}']}.\n\n![{drawn.name}](images/zoo/{name}.svg)\n")
    return {"zoo.md": "".join(parts), **pages}


def row(each: Published) -> str:
    clip = each.network.input.shape
    size = "x".join(map(str, clip[1:]))
    params = f"{each.network.params[0]:,}".replace(",", " ")
    cells = (
        f"`{each.network.name}`",
        size,
        amount(each.network.macs[0]),
        params,
        each.source if origin(each) == PAPERS else origin(each),
        each.checked,
    )
    return f"| {' | '.join(cells)} |\n"


def plot(networks: tuple[Published, ...]) -> Picture:
    """MACs against parameters, both logarithmic; colours are the sources."""
    costs = [(each.network.params[0], each.network.macs[0]) for each in networks]
    (low_x, high_x), (low_y, high_y) = ((min(values) / 1.3, max(values) * 1.3) for values in zip(*costs, strict=True))

    def place(params: float, macs: float) -> tuple[float, float]:
        x = math.log(params / low_x) / math.log(high_x / low_x)
        y = math.log(macs / low_y) / math.log(high_y / low_y)
        return LEFT + x * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - y * (HEIGHT - TOP - BOTTOM)

    lines, texts = [], [Text(24, 26, "MACs of a clip and parameters", size=15, anchor="start", bold=True)]
    for value in ticks(low_x, high_x):
        x, _ = place(value, low_y)
        lines.append(Edge("", "", straight((x, TOP), (x, HEIGHT - BOTTOM)), 0.5, 0.2))
        texts.append(Text(x, HEIGHT - BOTTOM + 18, tick(value), "faint", SIZE))
    for value in ticks(low_y, high_y):
        _, y = place(low_x, value)
        lines.append(Edge("", "", straight((LEFT, y), (WIDTH - RIGHT, y)), 0.5, 0.2))
        texts.append(Text(LEFT - 8, y + 4, tick(value), "faint", SIZE, "end"))
    texts.append(Text(WIDTH - RIGHT, HEIGHT - BOTTOM + 36, "parameters", "faint", SIZE, "end"))
    texts.append(Text(LEFT - 8, TOP - 10, "MACs", "faint", SIZE, "end"))

    sources = sorted({origin(each) for each in networks}, key=[*LIBRARIES, PAPERS].index)
    dots, taken = [], []
    points = [place(*cost) for cost in costs]
    for (x, y), each in zip(points, networks, strict=True):
        role = f"series{sources.index(origin(each))}"
        about = f"{each.network.name}: {amount(each.network.macs[0])} MACs, {amount(each.network.params[0])} parameters"
        dots.append(Rect(x - DOT / 2, y - DOT / 2, DOT, DOT, role, about, DOT / 2))
        taken.append(about_dot(x, y))
    for (x, y), name in sorted(zip(points, (each.network.name for each in networks), strict=True), reverse=True):
        inside = (b for b in around(x, y, name) if b[2] < WIDTH and b[1] > TOP)
        own = about_dot(x, y)
        box = next(b for b in inside if not any(hits((x, y), b, other) for other in taken if other != own))
        taken.append(box)
        if math.dist((x, y), end(x, y, box)) > 2 * DOT:
            lines.append(Edge("", "", straight((x, y), end(x, y, box)), 0.8))
        texts.append(Text(box[0], box[3] - 3, name, size=SIZE, anchor="start"))
    x = LEFT
    for number, source in enumerate(sources):
        dots.append(Rect(x, HEIGHT - 24, DOT, DOT, f"series{number}", radius=DOT / 2))
        texts.append(Text(x + 14, HEIGHT - 16, source, size=SIZE, anchor="start"))
        x += 34 + text_width(source, SIZE)
    words = "; ".join(
        f"{each.network.name} {short(macs)} MACs, {short(params)} parameters"
        for each, (params, macs) in zip(networks, costs, strict=True)
    )
    title = "MACs against parameters of the networks in spaces/zoo"
    return Picture("zoo", title, words, WIDTH, HEIGHT, (), (), tuple(texts), tuple(dots), tuple(lines))


def origin(each: Published) -> str:
    """The library that it is equal to, else that it was written from papers."""
    library = each.source.partition(".")[0]
    return library if library in LIBRARIES else PAPERS


Box = tuple[float, float, float, float]


def around(x: float, y: float, name: str) -> Iterator[Box]:
    """Places for a name beside its dot, the nearest first, to the right before the others."""
    wide, high = text_width(name, SIZE), SIZE + 3
    for step in range(800):
        far, turn = divmod(step, 16)
        angle = (turn // 2 if turn % 2 else -turn // 2) * math.pi / 8
        across, down = math.cos(angle), math.sin(angle)
        left = x + (DOT + 5 * far) * across + wide * (across - 1) / 2
        top = y + (DOT + 5 * far) * down + high * (down - 1) / 2
        yield left, top, left + wide, top + high


def about_dot(x: float, y: float) -> Box:
    return x - DOT / 2, y - DOT / 2, x + DOT / 2, y + DOT / 2


def end(x: float, y: float, box: Box) -> tuple[float, float]:
    """Where a line from a dot meets its name."""
    return min(max(x, box[0]), box[2]), min(max(y, box[1] + 2), box[3] - 2)


def hits(dot: tuple[float, float], box: Box, other: Box) -> bool:
    """Whether a name or the line to it lies over something."""
    (x, y), (u, v) = dot, end(*dot, box)
    on_line = [(x + (u - x) * part / 12, y + (v - y) * part / 12) for part in range(13)]
    return (box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3]) or any(
        other[0] < a < other[2] and other[1] < b < other[3] for a, b in on_line[1:]
    )


def tick(value: float) -> str:
    return amount(int(value)).replace(".00", "")


def ticks(low: float, high: float) -> Iterator[float]:
    """1, 2 and 5 times powers of ten."""
    for power in range(int(math.log10(low)), int(math.log10(high)) + 1):
        yield from (each * 10**power for each in (1, 2, 5) if low <= each * 10**power <= high)

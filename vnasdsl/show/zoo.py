"""The networks of the literature in `spaces/zoo`: what their texts say of them, and what they cost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from vnasdsl.elaborate import Space, load
from vnasdsl.elaborate.imports import shipped_file, shipped_names
from vnasdsl.show.numbers import amount
from vnasdsl.show.table import columns

FOLDER = "zoo/"
_LINE = re.compile(r"# (source|parameters|checked): (.+)|network (\w+)")


@dataclass(frozen=True)
class Published:
    """A network, and the comments above it or at the head of its file: `# source: ...`, `# parameters: 1 234` or
    `24.3 M`, `# checked: ...`."""

    file: str
    """As a command takes it: `vnasdsl:zoo/r3d_18`."""
    network: Space
    source: str
    params: str
    """As published."""
    checked: str

    @property
    def as_object(self) -> dict[str, Any]:
        clip = self.network.input
        return {
            "name": self.network.name,
            "file": self.file,
            "input": {"frames": clip.frames, "size": clip.size, "frame_stride": clip.frame_stride},
            "macs": self.network.macs[0],
            "params": self.network.params[0],
            "published_params": self.params,
            "source": self.source,
            "checked": self.checked,
        }


@cache
def published() -> tuple[Published, ...]:
    """Every network of the zoo, by file and as the files list them."""
    return tuple(each for name in shipped_names() if name.startswith(FOLDER) for each in _of_file(name))


def _of_file(name: str) -> Iterator[Published]:
    program = load(shipped_file(name))
    for network, said in _comments(program.module.source.text):
        facts = said["source"], said["parameters"], said["checked"]
        yield Published(f"vnasdsl:{name}", program.get(network), *facts)


def _comments(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The networks of a file, with what is said of each: a comment holds until another one says otherwise."""
    said: dict[str, str] = {}
    for line in text.splitlines():
        found = _LINE.match(line)
        if found is not None and found[3] is None:
            said[found[1]] = found[2]
        elif found is not None:
            yield found[3], said


def networks_of(libraries: tuple[str, ...]) -> tuple[str, ...]:
    """The networks that have an original in one of these packages."""
    texts = (shipped_file(name).read_text() for name in shipped_names() if name.startswith(FOLDER))
    return tuple(net for text in texts for net, said in _comments(text) if said["source"].startswith(libraries))


def zoo_table() -> str:
    """The zoo as text."""
    rows = [("network", "file", "clip", "MACs", "parameters", "source", "checked")]
    for each in published():
        clip, network = each.network.input, each.network
        size = f"{clip.frames} x {clip.size} x {clip.size}"
        costs = amount(network.macs[0]), f"{network.params[0]:,}".replace(",", " ")
        rows.append((network.name, each.file, size, *costs, each.source, each.checked))
    return columns(rows, right=(3, 4))

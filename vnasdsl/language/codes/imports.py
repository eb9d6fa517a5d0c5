"""E07..: files that a text may not, or cannot, import."""

from __future__ import annotations

from vnasdsl.language.codes.code import MAIN, Code

_BLOCKS = """\
block basic(channels) {
  conv(channels, 3x3x3) -> bn -> relu
}
"""


def _importing(path: str) -> str:
    return f"""\
import "{path}"

network small {{
  input clip = video(frames=8, size=32, classes=10)
  basic(16)
  pool -> linear(classes)
}}
"""


_GOOD = {MAIN: _importing("blocks.vns"), "blocks.vns": _BLOCKS}

CODES = (
    Code(
        "E0701",
        "import outside the project",
        "An import is a relative path to a .vns file below the folder that holds pyproject.toml or .git (without"
        " either: the folder of the file itself), with `/` between folders. A text that reaches outside would mean"
        " something else on another machine, and could read files that are none of its business; links are followed"
        " before this is judged. Copy the file into the project.",
        {MAIN: _importing("../elsewhere/blocks.vns")},
        _GOOD,
    ),
    Code(
        "E0702",
        "imports in a circle",
        "A file that imports itself, directly or by way of others, has no beginning. Move what both files need into a"
        " third one that imports neither.",
        {MAIN: _importing("blocks.vns"), "blocks.vns": f'import "{MAIN}"\n\n' + _BLOCKS},
        _GOOD,
    ),
    Code(
        "E0703",
        "imported file not found",
        "There is no file at this path, which is taken from the folder of the importing file and not from where the"
        " command runs. Until it can be read nothing is said about names that may be defined there.",
        {MAIN: _importing("blokcs.vns"), "blocks.vns": _BLOCKS},
        _GOOD,
    ),
    Code(
        "E0704",
        "imports nested too deeply",
        "A file may import a file that imports a file, 16 deep. Longer chains are no way to organise a project and"
        " usually made by a program gone wrong. Import the files you need directly.",
        {MAIN: _importing("part1.vns")}
        | {f"part{i}.vns": f'import "part{i + 1}.vns"\n' for i in range(1, 18)}
        | {"part18.vns": _BLOCKS},
        {MAIN: _importing("part1.vns"), "part1.vns": 'import "part2.vns"\n', "part2.vns": _BLOCKS},
    ),
    Code(
        "E0705",
        "too many imports",
        "A text may import 100 files, directly or through others, with 524,288 characters in them. Every file is read"
        " and checked whenever the text is, so that more would only make it slow. Put blocks that belong together into"
        " one file.",
        {
            MAIN: "".join(f'import "part{i}.vns"\n' for i in range(1, 102)) + _importing("blocks.vns"),
            "blocks.vns": _BLOCKS,
        }
        | {f"part{i}.vns": "" for i in range(1, 102)},
        _GOOD,
    ),
)

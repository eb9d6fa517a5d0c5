"""Hostile names, texts and imports: none changes the shape of generated code, none leaves the project."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner

from tests.safety.hostile import IMPORTS, NAMES, STRINGS
from tests.safety.shape import first_lines_are_a_header, shape
from tests.support import parts, some_slow
from vnasdsl.cli.main import cli
from vnasdsl.codegen.outputs import compile_space
from vnasdsl.codegen.render import is_ours
from vnasdsl.elaborate import imports
from vnasdsl.elaborate.program import Program, examine, load_source
from vnasdsl.language.diagnostics import VnsError
from vnasdsl.language.source import Source

TEXT = """\
block {block}({parameter}) {{
  conv({parameter}, 1x3x3) -> bn
  {label} = relu
}}

space {space} {{
  input {input} = video(frames=4, size=8, classes=3)
  stage {stage} {{
    {block}(4 | 6)
    {block2} | skip
  }}
  pool -> linear(classes)
}}

network {network} {{
  input clip = video(frames=4, size=8, classes=3)
  stage {stage} {{ {block}(4) -> {block}(5) }}
  pool -> linear(classes)
}}

search {recipe} for {space} {{
  epochs = 3
}}

block {block2} {{ conv(same, 1x1x1) }}
"""
STREAMS = """\
tied block {cell}({before}, {last}, c) {{
  {edge} = {before} -> conv(c, 1x1x1)
  {join} = sum(pick 1..2 of [{edge} -> act, {last} -> conv(c, 1x1x1)])
  out concat({edge}, {join}) -> conv(c, 1x1x1)
}}

block act {{ relu | hardswish }}

block {given}({layer}, {word}) {{
  {layer} if {word} == "{text}" else bn
  {layer}
}}

space streams {{
  input {input} = video(frames=2 | 4, size=8, segments=2, classes=3)
  {wire} = {input} -> conv(4, 1x3x3, stride=1x2x2)
  {many} = [1..2 * conv(4, 1x1x1), {wire}]
  stage {stage} {{
    {inner} = mean({many}) -> {given}(relu -> bn, "{text}")
    {cell}({inner}, {wire}, 4)
  }}
  pool -> linear(classes)
}}

network alone {{
  input {input} = video(frames=2, size=8, classes=3)
  {wire} = {input} -> conv(4, 1x3x3, stride=1x2x2)
  {inner} = concat({wire}, {wire} -> {given}(relu -> bn, "{text}")) -> conv(4, 1x1x1)
  sum({inner}, {wire}) -> pool -> linear(classes)
}}

search streams_search for streams {{
  strategy = evolution
}}
"""
"""Where lines are read by name."""
READ = {
    "cell": "juliett",
    "before": "kilo",
    "last": "lima",
    "edge": "mike",
    "join": "november",
    "given": "oscar",
    "layer": "papa",
    "word": "quebec",
    "text": "depth",
    "input": "romeo",
    "wire": "sierra",
    "many": "tango",
    "stage": "uniform",
    "inner": "victor",
}
ROLES = {
    "block": "alfa",
    "block2": "bravo",
    "parameter": "charlie",
    "label": "delta",
    "space": "echo_space",
    "input": "foxtrot",
    "stage": "golf",
    "network": "hotel",
    "recipe": "india",
}


def read(text: str) -> Program:
    return load_source(Source("x.vns", text), None)


def compiled(program: Program, name: str = "x.vns") -> list[str]:
    return [compile_space(space, name)[1] for space in program.spaces.values()]


HARMLESS = [shape(code) for code in compiled(read(TEXT.format(**ROLES)))]


def test_the_lists_are_long_enough() -> None:
    everything = [*NAMES, *STRINGS, *IMPORTS]
    assert len(set(everything)) > 120
    assert min(len(set(some)) for some in (NAMES, STRINGS, IMPORTS)) >= 40


PARTS = 8


def some(roles: dict[str, str], name: str, part: int) -> list[str]:
    """A part of the roles, another one for the next name: the parts are all roles."""
    return list(roles)[(NAMES.index(name) + part) % PARTS :: PARTS]


@pytest.mark.parametrize("name", some_slow(NAMES, NAMES[1::2]), ids=lambda name: ascii(name)[:30])
@pytest.mark.parametrize("part", parts(PARTS))
def test_a_name_is_refused_or_is_nothing_but_a_name(name: str, part: int) -> None:
    for role in some(ROLES, name, part):
        try:
            program = read(TEXT.format(**{**ROLES, role: name}))
        except VnsError as fault:
            assert all(d.primary is not None and d.primary.span.end >= d.primary.span.start for d in fault.diagnostics)
            for d in fault.diagnostics:
                if d.code == "E0205" and "cannot be the name of" in d.message:
                    assert d.primary is not None and d.primary.span.text == name
                    suggestion = (d.help or "").split("`")[1]
                    read(TEXT.format(**{**ROLES, role: suggestion}))
            continue
        assert [shape(code) for code in compiled(program)] == HARMLESS, role


def drawn(program: Program) -> list[str]:
    """The code of a network of the space, with the first option of every choice, and of the network beside it."""
    space = program.spaces["streams"]
    made = {c.name: c.options[0] for c in space.choices}
    child = space.network(space.complete(made, Random(3)), name="child")
    return [compile_space(one, "x.vns")[1] for one in (child, program.spaces["alone"])]


@cache
def harmless(role: str, length: int) -> list[list[str]]:
    """The shapes with a name that means nothing and is as long: what fits into a line is written in one."""
    return [shape(code) for code in drawn(read(STREAMS.format(**{**READ, role: "z" * length})))]


def in_a_file(text: str) -> bool:
    return not any("\ud800" <= c <= "\udfff" for c in text)


@pytest.mark.parametrize("name", some_slow(filter(in_a_file, NAMES), NAMES[::2]), ids=lambda name: ascii(name)[:30])
@pytest.mark.parametrize("part", parts(PARTS))
def test_a_name_of_a_line_a_list_an_input_or_a_tied_block_is_refused_or_nothing_but_a_name(
    name: str, part: int
) -> None:
    for role in some(READ, name, part):
        try:
            program = read(STREAMS.format(**{**READ, role: name}))
        except VnsError as fault:
            assert all(d.primary is not None for d in fault.diagnostics)
            continue
        # Escaping a name changes its length by a character or two, and with it what fits into a line.
        lengths = (len(name) + extra for extra in (0, 1, 2, -1, -2))
        plain = (harmless(role, max(1, length)) for length in lengths)
        assert [shape(code) for code in drawn(program)] in plain, role


@pytest.mark.parametrize("text", [*filter(in_a_file, STRINGS)], ids=lambda text: ascii(text)[:30])
def test_a_word_handed_to_a_block_changes_no_code(text: str) -> None:
    try:
        program = read(STREAMS.format(**{**READ, "text": text}))
    except VnsError:
        return
    codes = drawn(program)
    assert [shape(code) for code in codes] == harmless("text", len(text))
    assert all(map(first_lines_are_a_header, codes))


@pytest.mark.parametrize("text", STRINGS, ids=lambda text: ascii(text)[:30])
def test_a_file_name_is_nothing_but_words_in_the_header(text: str) -> None:
    codes = compiled(read(TEXT.format(**ROLES)), f"spaces/{text}.vns")
    assert [shape(code) for code in codes] == HARMLESS
    for code in codes:
        assert first_lines_are_a_header(code)
        assert is_ours(code)
        docstring = ast.get_docstring(ast.parse(code))
        assert docstring is not None and ("Supernet of" in docstring or "Network " in docstring)


@pytest.mark.parametrize("text", STRINGS, ids=lambda text: ascii(text)[:30])
def test_a_comment_changes_nothing(text: str) -> None:
    comment = "".join(f"# {line}\n" for line in text.replace("\r", "\n").split("\n"))
    spoilt = comment + TEXT.format(**ROLES).replace("{\n", f"{{ {comment}", 1)
    assert compiled(read(spoilt)) == compiled(read(TEXT.format(**ROLES)))


@pytest.mark.parametrize("text", STRINGS, ids=lambda text: ascii(text)[:30])
def test_a_string_or_recipe_changes_no_code(text: str) -> None:
    spoilt = TEXT.format(**ROLES).replace("epochs = 3", f'note = "{text}"')
    try:
        program = read(spoilt)
    except VnsError:
        return
    assert compiled(program) == compiled(read(TEXT.format(**ROLES)))


def test_files_with_hostile_names_are_compiled_like_any_other(tmp_path: Path) -> None:
    for i, text in enumerate(STRINGS):
        name = text.replace("/", "-").replace("\0", "0").replace("\ud800", "\udcff")[:80] + ".vns"
        folder = tmp_path / str(i)
        folder.mkdir()
        (folder / name).write_text(TEXT.format(**ROLES))
        out = folder / "out"
        done = CliRunner().invoke(cli, ["compile", str(folder / name), "-o", str(out)])
        assert done.exit_code == 0, done.output
        codes = [(out / "echo_space_supernet.py").read_text("utf-8"), (out / "hotel.py").read_text("utf-8")]
        assert [shape(code) for code in codes] == HARMLESS
        assert all(map(first_lines_are_a_header, codes))
        assert sorted(path.name for path in folder.iterdir()) == sorted([name, "out"])


# ---------------------------------------------------------------------- imports

SECRET = "block secret { relu }\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project with links, loops, folders and pipes in it, and files beside it that are none of its business."""
    root = tmp_path / "project"
    (root / "deep").mkdir(parents=True)
    (root / "folder.vns").mkdir()
    (root / "pyproject.toml").write_text("")
    for place in (tmp_path, tmp_path.parent):
        (place / "outside.vns").write_text(SECRET)
    (root / "link.vns").symlink_to(tmp_path / "outside.vns")
    (root / "linked").symlink_to(tmp_path, target_is_directory=True)
    (root / "loop.vns").symlink_to("loop.vns")
    os.mkfifo(root / "pipe.vns")
    home = tmp_path / "home"
    home.mkdir()
    (home / "x.vns").write_text(SECRET)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(root)
    yield root
    (tmp_path.parent / "outside.vns").unlink()


@pytest.mark.parametrize("path", IMPORTS, ids=lambda path: ascii(path)[:30])
def test_no_import_leaves_the_project(path: str, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    real = imports.read_source

    def recorded(file: Path, name: str | None = None) -> Source:
        read.append(file)
        return real(file, name)

    monkeypatch.setattr(imports, "read_source", recorded)
    written = path.replace("\\", "\\\\")
    text = f'import "{written}"\n\n' + TEXT.format(**ROLES).replace("relu", "secret")
    program, found = examine(Source("main.vns", text), project / "main.vns")
    assert any(d.severity == "error" for d in found)
    assert not read
    assert program is None or "secret" not in program.definitions.blocks
    if program is not None:
        assert {d.code for d in found} & {"E0101", "E0104", "E0701", "E0702", "E0703"}


def test_what_lies_inside_the_project_is_imported_whatever_leads_there(project: Path) -> None:
    (project / "inside.vns").write_text(SECRET)
    (project / "deep" / "link.vns").symlink_to("../inside.vns")
    for path in ("inside.vns", "deep/../inside.vns", "./inside.vns", "deep/link.vns"):
        text = f'import "{path}"\n\n' + TEXT.format(**ROLES).replace("relu", "secret")
        program, found = examine(Source("main.vns", text), project / "main.vns")
        assert not found
        assert program is not None and "secret" in program.definitions.blocks

"""The language server as an editor meets it: a process, over standard input and output."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lsp.client import SNIPPETS, Client, Refused, apply
from tests.support import cli_environment
from vnasdsl.elaborate import load
from vnasdsl.elaborate.imports import shipped_names
from vnasdsl.language.format import format_text
from vnasdsl.layers import CATALOGUE
from vnasdsl.show.figures import line_figures

BLOCKS = """\
# 🎬 Sets the channels 🎥 of a stage.
block head(channels, stride) {
  conv(channels, 1x3x3, stride=(1, stride, stride)) -> bn -> relu  # 🎬
}
"""
SPACE = """\
import "blocks.vns"

space s {
  input clip = video(frames=8, size=32, classes=8)
  stage s1 { head(8 | 12, stride=2) }
  stage s2 {
    wide = head(16, 1)
    2 * (head(16, 1) | skip)
  }
  pool -> linear(classes)
}

network n : s {
  input clip = video(frames=8, size=32, classes=8)
  stage s1 { head(8, 2) }
  stage s2 { head(16, 1) }
  pool -> linear(classes)
}

search first for s {
  epochs = 3
  fix = ["s2.*=skip"]
}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    made = Client(tmp_path_factory.mktemp("server"), SNIPPETS)
    try:
        yield made
        made.close()
    finally:
        made.process.kill()
        made.process.communicate()


@pytest.fixture
def client(server: Client, tmp_path: Path) -> Client:
    """The server, in a project of its own with `blocks.vns`."""
    (tmp_path / "pyproject.toml").write_text("", encoding="utf-8")
    (tmp_path / "blocks.vns").write_text(BLOCKS, encoding="utf-8")
    server.move(tmp_path)
    return server


def messages(found: list[Any]) -> list[tuple[int, str]]:
    """Lines from 1, and the first line of what is said there."""
    return [(d["range"]["start"]["line"] + 1, d["message"].partition("\n")[0]) for d in found]


def whole(text: str) -> dict[str, Any]:
    return {"start": {"line": 0, "character": 0}, "end": {"line": text.count("\n") + 1, "character": 0}}


# --------------------------------------------------------------------- diagnostics


def test_faults_are_shown_while_typing_and_go_away(client: Client) -> None:
    client.put("s.vns", SPACE)
    assert client.diagnostics("s.vns") == []
    client.put("s.vns", SPACE.replace("head(16, 1) | skip", "haed(16, 1) | skip"))
    (fault,) = client.diagnostics("s.vns")
    assert (fault["code"], fault["severity"], fault["source"]) == ("E0201", 1, "vnasdsl")
    assert fault["message"].splitlines() == ["unknown layer or block `haed`", "help: did you mean `head`?"]
    assert fault["range"] == {"start": {"line": 7, "character": 9}, "end": {"line": 7, "character": 13}}
    client.put("s.vns", SPACE)
    assert client.diagnostics("s.vns") == []


def test_columns_are_utf16(client: Client) -> None:
    client.put("one.vns", 'block 🎬 { bn }\nsearch a for b { fix = ["🎬🎬"] wrong = 1 }\n')
    faults = client.diagnostics("one.vns")
    assert faults[0]["range"]["start"] == {"line": 0, "character": 6}
    assert faults[0]["range"]["end"] == {"line": 0, "character": 8}
    assert {"line": 1, "character": 32} in [d["range"]["start"] for d in faults]


def test_a_client_may_ask_for_utf8(tmp_path: Path) -> None:
    client = Client(tmp_path, {"general": {"positionEncodings": ["utf-8"]}})
    assert client.capabilities["positionEncoding"] == "utf-8"
    client.put("one.vns", "block 🎬 { bn }\n")
    (fault,) = client.diagnostics("one.vns")
    assert fault["range"]["end"] == {"line": 0, "character": 10}
    client.close()


def test_a_half_typed_line_keeps_what_is_said_of_the_rest(client: Client) -> None:
    text = SPACE.replace("    wide = head(16, 1)\n", "    wide = head(16,\n").replace("linear", "linaer", 1)
    client.put("s.vns", text.replace("  epochs = 3\n", "  epoch = 3\n"))
    said = messages(client.diagnostics("s.vns"))
    assert said == [
        (7, "this `(` is never closed"),
        (10, "unknown layer or block `linaer`"),
        (21, "a search recipe has no key `epoch`"),
    ]


def test_a_fault_in_an_import_stands_at_the_import(client: Client) -> None:
    client.put("s.vns", SPACE)
    assert client.diagnostics("s.vns") == []
    client.put("blocks.vns", BLOCKS.replace("relu", "rleu"))  # not saved
    (fault,) = client.diagnostics("s.vns", until=bool)
    assert fault["range"]["start"] == {"line": 0, "character": 7}
    assert fault["message"].startswith("`blocks.vns`: unknown layer or block `rleu`")
    (related,) = fault["relatedInformation"]
    assert related["location"]["uri"] == client.uri("blocks.vns")
    assert related["location"]["range"]["start"]["line"] == 2


def test_texts_that_are_not_saved_are_seen_by_those_that_import_them(client: Client) -> None:
    client.put("s.vns", SPACE)
    assert client.diagnostics("s.vns") == []
    client.put("blocks.vns", BLOCKS.replace("block head", "block top"))
    said = messages(client.diagnostics("s.vns", until=bool))
    assert (5, "unknown layer or block `head`") in said
    client.put("blocks.vns", BLOCKS)
    assert client.diagnostics("s.vns", until=lambda found: not found) == []


# ---------------------------------------------------------------------- completion


def test_layers_and_blocks_are_offered_where_a_layer_may_stand(client: Client) -> None:
    for marked in ("    @2 * (head(16, 1) | skip)", "    2 * (@head(16, 1) | skip)"):
        labels = client.labels("s.vns", SPACE.replace("    2 * (head(16, 1) | skip)", marked))
        assert {*CATALOGUE, "head"} <= set(labels)
        assert not {"stage", "input", "require"} & set(labels)
    in_space = client.labels("s.vns", SPACE.replace("  pool", "  @\n  pool", 1))
    assert {*CATALOGUE, "head", "stage", "input", "require"} <= set(in_space)
    after_arrow = client.labels("s.vns", SPACE.replace("  pool -> linear(classes)", "  pool -> l@", 1))
    assert "linear" in after_arrow


def test_arguments_and_words_inside_a_call(client: Client) -> None:
    def labels(line: str) -> list[str]:
        return client.labels("b.vns", f"# 🎬\nblock b(width) {{\n  {line}\n}}\n")

    assert labels("conv(@") == [f"{p.name}=" for p in CATALOGUE["conv"].parameters] + ["width", "same", "classes"]
    assert labels("conv(8, 3, bias=@)") == ["width", "true", "false"]
    assert labels("conv(8, 3, padding=@")[:3] == ["width", "same", "valid"]
    assert "kernel=" not in labels("conv(8, kernel=3, @)")
    assert labels("linear(@)")[-3:] == ["width", "same", "classes"]
    assert "stride=" in client.labels("s.vns", SPACE.replace("stride=2", "@"))


def test_snippets_hold_what_a_call_needs(client: Client) -> None:
    found = client.request("textDocument/completion", **client.put("b.vns", "block b {\n  co@\n}\n"))
    (conv,) = [item for item in found["items"] if item["label"] == "conv"]
    assert conv["textEdit"]["newText"] == "conv(${1:channels}, ${2:kernel})"
    assert conv["textEdit"]["range"] == {"start": {"line": 1, "character": 2}, "end": {"line": 1, "character": 4}}
    assert conv["detail"] == CATALOGUE["conv"].signature
    assert conv["documentation"]["value"] == CATALOGUE["conv"].doc


CONDITION = """space z {
  input clip = video(frames=4, size=8, classes=3)
  stage a {
    wide = conv(4 | 8, 1x3x3)
    2 * (relu | skip)
  }
  pool -> linear(classes)
"""
NAMES = ["a.wide.channels", "a.stack[0].op", "a.stack[1].op"]


@pytest.mark.parametrize(
    ("marked", "expected"),
    [
        ("network m : @", ["s"]),
        ("search x for @", ["s", "n"]),
        ("search x for s {\n  @\n}", ["epochs", "weights", "cost", "paths"]),
        ("search x for s {\n  weights = @\n}", ["sgd", "adam"]),
        ("search x for s {\n  weights = sgd(lr=0.1, @\n}", ["end", "momentum", "decay", "nesterov"]),
        ("search x for s {\n  weights.@\n}", ["lr", "end", "warmup", "momentum", "decay", "nesterov"]),
        ("search x for s {\n  flip = @\n}", ["true", "false"]),
        ("search x for s {\n  order = @\n}", ["choices_first", "weights_first"]),
        ("space z {\n  require @\n}", ["macs", "params", "latency_cpu", "latency_gpu"]),
        (CONDITION + "  require @\n}", ["macs", "params", "latency_cpu", "latency_gpu", *NAMES]),
        (CONDITION + "  require a.wi@\n}", [name.removeprefix("a.") for name in NAMES]),
        (CONDITION + "  require a.@\n}", [name.removeprefix("a.") for name in NAMES]),
        (CONDITION + "  require a.wide.channels < a.stack[0].@\n}", ["op"]),
        (CONDITION + "  require a.wide.channels 8 @\n}", []),
        ("space z {\n  input c = @\n}", ["video", "optical_flow", "maps", "spectrogram"]),
        ("@", ["search", "retrain", "evaluate", "block", "import", "network", "space"]),
        ('import "@', ["blocks.vns", *(f"vnasdsl:{name}" for name in shipped_names())]),
    ],
)
def test_what_may_stand_here(client: Client, marked: str, expected: list[str]) -> None:
    labels = client.labels("s.vns", SPACE + "\n# 🎬\n" + marked)
    assert [label for label in labels if label in expected] == expected
    if len(expected) < 4 or "lr" in expected or "macs" in expected:
        assert labels == expected


def test_nothing_is_offered_in_a_comment_or_for_a_new_name(client: Client) -> None:
    for marked in ("# conv @", "block @", "search @", "stage"):
        assert client.labels("b.vns", marked if "@" in marked else "space s {\n  stage @") == []


# ------------------------------------------------------------- hover, hints, outline


def test_hover_shows_signature_documentation_and_figures(client: Client, tmp_path: Path) -> None:
    (tmp_path / "s.vns").write_text(SPACE, encoding="utf-8")
    lines = [f for f in line_figures(load(tmp_path / "s.vns").spaces["s"]) if not f.whole]
    params = client.put("s.vns", SPACE.replace("2 * (head", "2 * (he@ad"))
    client.diagnostics("s.vns")
    shown = client.request("textDocument/hover", **params)["contents"]["value"]
    assert "block head(channels, stride)" in shown
    assert "🎬 Sets the channels 🎥 of a stage." in shown
    assert "`16 x 8x16x16`" in shown
    cost = lines[2].cost
    assert cost is not None
    assert f"{cost.params_max / 1000:.2f} K parameters" in shown
    shown = client.request(
        "textDocument/hover",
        **client.put("s.vns", SPACE.replace("li@near", "linear").replace("pool -> linear", "pool -> li@near", 1)),
    )["contents"]["value"]
    assert CATALOGUE["linear"].signature in shown
    shown = client.request("textDocument/hover", **client.put("s.vns", SPACE.replace("epochs", "ep@ochs")))
    assert "Passes over the train part" in shown["contents"]["value"]
    assert "default `70 (gradient, one_shot)" in shown["contents"]["value"]


def test_hints_give_the_shape_behind_every_line(client: Client) -> None:
    params = client.put("s.vns", SPACE)
    client.diagnostics("s.vns")
    hints = client.request("textDocument/inlayHint", textDocument=params["textDocument"], range=whole(SPACE))
    labels = {hint["position"]["line"] + 1: hint["label"] for hint in hints}
    assert labels[5] == "→ 8 | 12 x 8x16x16"
    assert labels[7] == "→ 16 x 8x16x16"
    assert labels[10] == "→ 8"
    ends = {hint["position"]["line"]: hint["position"]["character"] for hint in hints}
    assert all(len(SPACE.split("\n")[line]) == column for line, column in ends.items())


def test_outline(client: Client) -> None:
    params = client.put("s.vns", SPACE + "block half {\n  x = conv(\n")
    found = client.request("textDocument/documentSymbol", textDocument=params["textDocument"])
    assert [entry["name"] for entry in found] == ["s", "n", "first", "half"]
    assert [entry["name"] for entry in found[0]["children"]] == ["clip", "s1", "s2"]
    assert [entry["name"] for entry in found[0]["children"][2]["children"]] == ["wide"]


# ----------------------------------------------------------------------- navigation


def test_definition_and_references_across_files(client: Client) -> None:
    params = client.put("s.vns", SPACE.replace("2 * (head", "2 * (h@ead"))
    found = client.request("textDocument/definition", **params)
    assert found["uri"] == client.uri("blocks.vns")
    assert found["range"]["start"] == {"line": 1, "character": 6}
    places = client.request("textDocument/references", **params, context={"includeDeclaration": True})
    assert len(places) == 6
    assert {place["uri"] for place in places} == {client.uri("s.vns"), client.uri("blocks.vns")}
    path = client.request("textDocument/definition", **client.put("s.vns", SPACE.replace("blocks", "bl@ocks", 1)))
    assert path["uri"] == client.uri("blocks.vns")


def renamed(client: Client, marked: str, name: str, name_of_file: str = "s.vns") -> dict[str, str]:
    """The texts after a rename at the mark."""
    params = client.put(name_of_file, marked)
    edits = client.request("textDocument/rename", **params, newName=name)["changes"]
    texts = {client.uri("blocks.vns"): BLOCKS, client.uri("s.vns"): SPACE}
    return {uri.rpartition("/")[2]: apply(texts[uri], changes) for uri, changes in edits.items()}


def test_renaming_a_block_and_its_parameter_over_two_files(client: Client) -> None:
    texts = renamed(client, SPACE.replace("2 * (head", "2 * (h@ead"), "first_layer")
    assert texts == {
        "blocks.vns": BLOCKS.replace("head", "first_layer"),
        "s.vns": SPACE.replace("head", "first_layer"),
    }
    texts = renamed(client, SPACE.replace("stride=2", "str@ide=2"), "step")
    assert texts["s.vns"] == SPACE.replace("stride=2", "step=2")
    assert "block head(channels, step)" in texts["blocks.vns"]
    assert "stride=(1, step, step)" in texts["blocks.vns"]


@pytest.mark.parametrize(
    ("marked", "name", "expected"),
    [
        ("stage s2 {\n    wide", "deep", SPACE.replace("stage s2 {\n    wide", "stage deep {\n    wide").replace(
            '"s2.*', '"deep.*')),
        ("wide", "slim", SPACE.replace("wide", "slim")),
        ("space s {", "other", SPACE.replace("space s {", "space other {").replace("n : s", "n : other").replace(
            "for s", "for other")),
        ("first for", "second", SPACE.replace("first for", "second for")),
        ("network n", "m", SPACE.replace("network n", "network m")),
        ("clip", "video_clip", SPACE.replace("clip", "video_clip", 1)),
    ],
    ids=["stage", "label", "space", "recipe", "network", "input"],
)  # fmt: skip
def test_renaming(client: Client, marked: str, name: str, expected: str) -> None:
    offset = SPACE.index(marked) + len(marked.split(" {")[0].split(" for")[0])
    assert renamed(client, SPACE[:offset] + "@" + SPACE[offset:], name) == {"s.vns": expected}


@pytest.mark.parametrize("name", ["same", "frames", "bn", "2x", "a b", "block", "__"])
def test_names_that_cannot_be_are_rejected(client: Client, name: str) -> None:
    params = client.put("s.vns", SPACE.replace("2 * (head", "2 * (h@ead"))
    with pytest.raises(Refused, match=r"`"):
        client.request("textDocument/rename", **params, newName=name)


def test_a_name_that_is_taken_is_refused(client: Client) -> None:
    with pytest.raises(Refused, match="`n`"):
        client.request("textDocument/rename", **client.put("s.vns", SPACE.replace("space s", "space s@")), newName="n")
    with pytest.raises(Refused, match="`s1`"):
        params = client.put("s.vns", SPACE.replace("stage s2 {\n", "stage s2@ {\n"))
        client.request("textDocument/rename", **params, newName="s1")


# --------------------------------------------------------------- fixes and formatting


def test_a_quick_fix_removes_the_fault(client: Client) -> None:
    for wrong in (
        SPACE.replace("(head(16, 1) | skip)", "(haed(16, 1) | skip)"),
        SPACE.replace("epochs = 3", "epoch = 3"),
        SPACE.replace("network n : s", "network n : S"),
        SPACE.replace("frames=8", "frame=8", 1),
    ):
        params = client.put("s.vns", wrong)
        fault = client.diagnostics("s.vns")[0]
        actions = client.request(
            "textDocument/codeAction",
            textDocument=params["textDocument"],
            range=fault["range"],
            context={"diagnostics": [fault]},
        )
        assert actions, fault
        assert actions[0]["kind"] == "quickfix"
        assert actions[0]["diagnostics"][0]["code"] == fault["code"]
        fixed = apply(wrong, actions[0]["edit"]["changes"][client.uri("s.vns")])
        assert fixed == SPACE
        client.put("s.vns", fixed)
        assert client.diagnostics("s.vns") == []


def test_formatting_is_that_of_fmt(client: Client) -> None:
    ugly = SPACE.replace("2 * (", "2*(").replace("  epochs", "epochs").replace("{\n    wide", "{ # 🎬\n\n\n    wide")
    for text in (ugly, ugly.replace("\n", "\r\n")):
        params = client.put("s.vns", text)
        edits = client.request(
            "textDocument/formatting",
            textDocument=params["textDocument"],
            options={"tabSize": 8, "insertSpaces": False},
        )
        assert apply(text, edits).replace("\r\n", "\n") == format_text(ugly)
    params = client.put("s.vns", format_text(ugly))
    options = {"tabSize": 2, "insertSpaces": True}
    assert client.request("textDocument/formatting", textDocument=params["textDocument"], options=options) == []
    params = client.put("s.vns", "space {")
    assert client.request("textDocument/formatting", textDocument=params["textDocument"], options=options) == []


def test_no_torch_is_imported() -> None:
    code = "import sys, vnasdsl.lsp.server; print('torch' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], env=cli_environment(), capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "False"


def test_without_pygls_the_remedy_is_named(tmp_path: Path) -> None:
    (tmp_path / "pygls").mkdir()
    (tmp_path / "pygls" / "__init__.py").write_text("", encoding="utf-8")
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from vnasdsl.cli.main import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), "lsp"],
        env=cli_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "pip install 'vnasdsl-lang[lsp]'" in result.stderr

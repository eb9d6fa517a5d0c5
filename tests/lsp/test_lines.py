"""Lines read by name, block inputs, lists and picks in an editor: completion, navigation, renaming, hover and hints."""

from __future__ import annotations

from pathlib import Path

import pytest

from vnasdsl.language.diagnostics import UserError
from vnasdsl.language.source import Span
from vnasdsl.layers import CATALOGUE
from vnasdsl.lsp import completion, features, hover, navigation
from vnasdsl.lsp.documents import Documents, Text, analyse

TEXT = """\
block unit(channels, act) {
  conv(channels, 1x1x1) -> bn -> act
}

tied block cell(before, last, channels) {
  a = before -> unit(channels, relu)
  b = last -> conv(channels, 1x1x1)
  n = sum(pick 1 of [a, b])
  out concat(n, a, b)
}

space s {
  input clip = video(frames=4, size=8, classes=2)
  stem = clip -> conv(4, 1x1x1)
  both = [stem, clip -> unit(4, hardswish)]
  stage s1 {
    inner = mean(both) -> conv(4, 1x1x1)
    sum(inner, stem)
  }
  c1 = cell(stem, stem, 4)
  last = cell(before=stem, last=c1, channels=4)
  weighted(pick 1..2 of [both, c1, last]) -> pool -> linear(classes)
}

search e for s {
  strategy = evolution
  fix = ["c1.n.op=skip"]
}
"""


class Editor:
    """A project of one file; places are marked by `@`, which is taken out."""

    def __init__(self, folder: Path):
        (folder / "pyproject.toml").write_text("", encoding="utf-8")
        self.uri = (folder / "s.vns").as_uri()
        self.documents = Documents()
        self.version = 0

    def put(self, marked: str) -> tuple[Text, int]:
        before, _, after = marked.partition("@")
        self.version += 1
        return self.documents.put(self.uri, before + after, self.version), len(before)

    def labels(self, marked: str) -> list[str]:
        return [c.label for c in completion.candidates(self.documents, *self.put(marked))[1]]

    def places(self, old: str, new: str) -> list[tuple[int, str]]:
        """The lines that speak of the name marked in `new`, which stands in the place of `old`."""
        assert TEXT.count(old) == 1
        text, offset = self.put(TEXT.replace(old, new))
        here = navigation.at(self.documents, text, offset)
        assert here is not None
        return [(o.span.line, o.symbol.kind) for o in navigation.uses(self.documents, text, here.symbol)]


@pytest.fixture
def editor(tmp_path: Path) -> Editor:
    return Editor(tmp_path)


def in_space(line: str) -> str:
    return TEXT.replace("  c1 = cell(stem, stem, 4)\n", f"  {line}\n", 1)


def test_lines_above_are_offered_where_a_layer_may_stand(editor: Editor) -> None:
    found = editor.labels(in_space("c1 = @"))
    assert {"clip", "stem", "both", "unit", "cell", "conv"} <= set(found)
    assert not {"c1", "inner", "last"} & set(found)
    assert {"clip", "stem", "both"} <= set(editor.labels(in_space("c1 = sum(stem, @)")))
    assert "stem" in editor.labels(in_space("c1 = sum(stem, relu -> @)"))
    assert {"stem", "both"} <= set(editor.labels(in_space("c1 = sum(pick 1 of [stem, @")))
    in_stage = editor.labels(TEXT.replace("sum(inner, stem)", "sum(inner, @)"))
    assert {"inner", "stem", "both", "clip"} <= set(in_stage) and "c1" not in in_stage
    in_block = editor.labels(TEXT.replace("out concat(n, a, b)", "out concat(@)"))
    assert {"a", "b", "n", "before", "last"} <= set(in_block) and "stem" not in in_block


def test_lines_are_not_offered_where_a_value_stands(editor: Editor) -> None:
    for line in ("c1 = conv(@", "c1 = conv(4, @", "c1 = weighted(stem, by=@", "c1 = stem -> conv(2 * @"):
        found = editor.labels(in_space(line))
        assert not {"stem", "both", "conv"} & set(found), line


def test_arguments_of_a_block_are_lines_layers_or_values(editor: Editor) -> None:
    found = editor.labels(in_space("c1 = cell(@"))
    assert {"before=", "last=", "channels=", "stem", "relu"} <= set(found)
    assert {"stem", "relu", "same"} <= set(editor.labels(in_space("c1 = cell(before=@")))


@pytest.mark.parametrize(
    ("marked", "expected"),
    [
        ("@", {"tied", "block", "space"}),
        ("tied @", {"block"}),
        ("block b {\n  @\n}", {"out"}),
        ("block b {\n  residual { @ }\n}", set()),
        ("space t {\n  @\n}", {"stage", "input", "require"}),
        ("space t {\n  sum(@)\n}", {"pick"}),
        ("space t {\n  conv(@)\n}", set()),
        ("space t {\n  @", {"stage", "input", "require"}),
    ],
)
def test_keywords_stand_only_where_they_may(editor: Editor, marked: str, expected: set[str]) -> None:
    found = set(editor.labels(marked))
    ours = {"tied", "block", "space", "out", "pick", "stage", "input", "require"}
    assert found & ours == expected or (marked == "@" and expected <= found)


def test_everything_that_reads_a_line_is_found(editor: Editor) -> None:
    assert editor.places("  stem = clip", "  st@em = clip") == [
        (14, "label"), (15, "label"), (18, "label"), (20, "label"), (20, "label"), (21, "label"),
    ]  # fmt: skip
    assert editor.places("sum(inner, stem)", "sum(in@ner, stem)") == [(17, "label"), (18, "label")]
    assert editor.places("[both, c1, last]", "[bo@th, c1, last]") == [(15, "label"), (17, "label"), (22, "label")]
    assert editor.places("= clip -> conv", "= cl@ip -> conv") == [(13, "input"), (14, "input"), (15, "input")]


def test_inputs_of_blocks_and_layers_handed_to_them_are_found(editor: Editor) -> None:
    assert editor.places("a = before ->", "a = bef@ore ->") == [(5, "parameter"), (6, "parameter"), (21, "parameter")]
    assert editor.places("-> bn -> act", "-> bn -> a@ct") == [(1, "parameter"), (2, "parameter")]
    text, offset = editor.put(TEXT.replace("a = before", "a = bef@ore"))
    span = navigation.definition(editor.documents, text, offset)
    assert span is not None and (span.line, span.text) == (5, "before")


def test_renaming_a_line(editor: Editor) -> None:
    text, offset = editor.put(TEXT.replace("  c1 = cell", "  c@1 = cell"))
    places = navigation.rename(editor.documents, text, offset, "first")
    assert [(o.span.line, o.span.text) for o in places] == [(20, "c1"), (21, "c1"), (22, "c1"), (27, "c1")]
    with pytest.raises(UserError):
        navigation.rename(editor.documents, text, offset, "stem")


def test_hover_on_a_line_that_is_read(editor: Editor) -> None:
    text, offset = editor.put(TEXT.replace("sum(inner, stem)", "sum(inner, st@em)"))
    analysis = analyse(editor.documents, text)
    assert [d.code for d in analysis.diagnostics] == ["W0209"]  # of the end of the stage
    found = hover.hover(editor.documents, text, analysis, offset)
    assert found is not None
    assert "line `stem` of `s`" in found[1]


def test_hints_and_hover_count_the_values_of_lists(editor: Editor) -> None:
    text, offset = editor.put(TEXT.replace("  both = [", "  bo@th = ["))
    analysis = analyse(editor.documents, text)
    hints = features.inlay_hints(analysis, Span(text.source, 0, len(text.source.text)), "utf-16")
    labels = {hint.position.line + 1: hint.label for hint in hints}
    assert labels[15] == "→ 2 of 4 x 4x8x8" and labels[14] == "→ 4 x 4x8x8"
    found = hover.hover(editor.documents, text, analysis, offset)
    assert found is not None and "2 of 4 x 4x8x8" in found[1]


def test_all_layers_are_offered_in_a_join(editor: Editor) -> None:
    assert set(CATALOGUE) <= set(editor.labels(in_space("c1 = concat(@)")))

"""Diagnostics for programs: JSON, and the commands of GitHub Actions."""

from __future__ import annotations

import json

from vnasdsl.language.diagnostics import Diagnostic, Fix, Label, UserError
from vnasdsl.language.render import render, render_user_error
from vnasdsl.language.source import Source, Span

SOURCE = Source("spaces/x.vns", "block b {\n  bsic(1) -> bn # \N{GRINNING FACE}\n  wide(3)\n}\n")


def span(text: str) -> Span:
    start = SOURCE.text.index(text)
    return Span(SOURCE, start, start + len(text))


FULL = Diagnostic(
    "E0201",
    "unknown layer or block `bsic`",
    Label(span("bsic"), "not known"),
    secondary=(Label(span("wide"), "this one is"),),
    notes=("a note", "of two\nlines"),
    fix=Fix(span("bsic"), "basic", "did you mean `basic`?"),
)
WARNING = Diagnostic("W0401", "no effect", Label(span("wide(3)\n}")), severity="warning", help="look there")
NOWHERE = Diagnostic("E0103", "there is no such file", Label(Span(Source("a.vns", ""), 0, 0)))


def test_json_holds_everything() -> None:
    document = json.loads(render([FULL, WARNING], "json"))
    assert {key: document[key] for key in ("version", "errors", "warnings")} == {
        "version": 1,
        "errors": 1,
        "warnings": 1,
    }
    place = {
        "file": "spaces/x.vns",
        "start": {"line": 2, "column": 3, "offset": 12},
        "end": {"line": 2, "column": 7, "offset": 16},
    }
    assert document["diagnostics"][0] == {
        "code": "E0201",
        "severity": "error",
        "message": "unknown layer or block `bsic`",
        "span": place,
        "label": "not known",
        "secondary": [
            {
                "span": {
                    "file": "spaces/x.vns",
                    "start": {"line": 3, "column": 3, "offset": 32},
                    "end": {"line": 3, "column": 7, "offset": 36},
                },
                "label": "this one is",
            }
        ],
        "notes": ["a note", "of two\nlines"],
        "help": None,
        "fix": {"span": place, "replacement": "basic", "description": "did you mean `basic`?"},
    }
    assert document["diagnostics"][1]["span"]["end"] == {"line": 4, "column": 2, "offset": 41}
    assert document["diagnostics"][1]["help"] == "look there"


def test_a_fix_in_json_can_be_applied() -> None:
    fix = json.loads(render([FULL], "json"))["diagnostics"][0]["fix"]
    start, end = fix["span"]["start"]["offset"], fix["span"]["end"]["offset"]
    assert (SOURCE.text[:start] + fix["replacement"] + SOURCE.text[end:]).splitlines()[1].startswith("  basic(1)")


def test_json_of_what_has_no_place() -> None:
    (found,) = json.loads(render([NOWHERE], "json"))["diagnostics"]
    assert found["span"] == {"file": "a.vns", "start": None, "end": None}
    (user,) = json.loads(render_user_error(UserError("`x` is empty", "look there")))["diagnostics"]
    assert user.keys() == found.keys()
    assert (user["code"], user["span"], user["help"]) == (None, None, "look there")
    assert json.loads(render([], "json")) == {"version": 1, "errors": 0, "warnings": 0, "diagnostics": []}


def test_json_shows_all_faults_and_text_for_people_counts_the_rest() -> None:
    many = [Diagnostic("E0201", f"fault {i}", Label(span("bsic"))) for i in range(25)]
    warnings = [WARNING] * 3
    assert len(json.loads(render(many, "json"))["diagnostics"]) == 25
    assert len(render(many, "github").splitlines()) == 25
    lines = render([*warnings, *many], "concise").splitlines()
    assert len(lines) == 21
    assert all("error[E0201]" in line for line in lines[:20])
    assert lines[20] == "8 more not shown"
    assert render(many[:21]).endswith("\n\n1 more not shown")


def test_commands_for_github() -> None:
    assert render([FULL, WARNING, NOWHERE], "github").splitlines() == [
        "::error file=spaces/x.vns,line=2,col=3,endLine=2,endColumn=7,title=E0201"
        "::unknown layer or block `bsic`: not known%0Aa note%0Aof two%0Alines%0Ahelp: did you mean `basic`?",
        "::warning file=spaces/x.vns,line=3,endLine=4,title=W0401::no effect%0Ahelp: look there",
        "::error file=a.vns,title=E0103::there is no such file",
    ]


def test_nothing_in_a_text_can_be_another_command() -> None:
    source = Source("a,b:c%.vns\n::add-mask::x", "ab")
    text = render([Diagnostic("E0101", "50%\r\n::stop-commands::x", Label(Span(source, 0, 1)))], "github")
    assert text == (
        "::error file=a%2Cb%3Ac%25.vns%0A%3A%3Aadd-mask%3A%3Ax,line=1,col=1,endLine=1,endColumn=2,title=E0101"
        "::50%25%0D%0A::stop-commands::x"
    )

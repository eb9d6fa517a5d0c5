"""E08..: recipes, which say how a space is searched and a network trained."""

from __future__ import annotations

from vnasdsl.language.codes.code import Code, one

_SPACE = """\
space wide {
  input clip = video(frames=8, size=32, classes=10)
  stage s1 { conv(16 | 32, 3x3x3) -> bn -> relu }
  pool -> linear(classes)
}
"""
_OTHER = _SPACE.replace("wide", "wider").replace("16 | 32", "32 | 64")

CODES = (
    Code(
        "E0801",
        "unknown recipe key",
        "Every kind of recipe has its own keys, and so have the calls in it such as `sgd(...)`; one that is not known"
        " would be ignored silently, and a run of days would not do what its recipe says. A part of a call can be set"
        " with a dot: `weights.lr = 0.1`. The command reference lists all keys with their defaults.",
        one(_SPACE + "\nsearch quick for wide {\n  epoch = 20\n}\n"),
        one(_SPACE + "\nsearch quick for wide {\n  epochs = 20\n}\n"),
    ),
    Code(
        "E0802",
        "wrong recipe value",
        "The value of this key is of another kind than it takes, or outside of what makes sense: a number of epochs is"
        " at least 1, three shares of a split add up to 1. The message says what is expected, the note what the key is"
        " for.",
        one(_SPACE + "\nsearch quick for wide {\n  epochs = 20\n  batch = 0\n}\n"),
        one(_SPACE + "\nsearch quick for wide {\n  epochs = 20\n  batch = 8\n}\n"),
    ),
    Code(
        "E0803",
        "recipe for something else",
        "A recipe is written for one space or network and for one command: `search quick for wide` says how to search"
        " `wide`. It was asked for by name where another space, or another command, is at work. Name the right recipe,"
        " or write one; without `--recipe` the first that fits is taken.",
        one(_SPACE + "\n" + _OTHER + "\nsearch quick for wide {\n  epochs = 20\n}\n"),
        one(_SPACE + "\n" + _OTHER + "\nsearch quick for wider {\n  epochs = 20\n}\n"),
        recipe=("search", "wider", "quick"),
    ),
    Code(
        "E0804",
        "unknown kind of recipe",
        "A recipe begins with what it is for: `search`, `retrain` or `evaluate`, the commands that read it. Then come"
        " its name, and the space or network it is for.",
        one(_SPACE + "\nserach quick for wide {\n  epochs = 20\n}\n"),
        one(_SPACE + "\nsearch quick for wide {\n  epochs = 20\n}\n"),
    ),
)

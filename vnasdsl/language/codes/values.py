"""E03..: arguments, values, and statements that are missing or misplaced."""

from __future__ import annotations

from vnasdsl.language.codes.code import Code, one

CODES = (
    Code(
        "E0301",
        "wrong arguments",
        "Arguments are given in the order of the parameters, then by name: `conv(16, 3x3x3, stride=1x2x2)`. Every"
        " parameter without a default must get a value, none may get two, and those without a name stand first. Only"
        " layers such as `residual` take a body in braces. The help shows how the layer or block is written.",
        one("""\
network small {
  input clip = video(frames=8, size=32, classes=10)
  conv(16, 3x3x3, strides=1x2x2) -> bn -> relu
  pool -> linear(classes)
}
"""),
        one("""\
network small {
  input clip = video(frames=8, size=32, classes=10)
  conv(16, 3x3x3, stride=1x2x2) -> bn -> relu
  pool -> linear(classes)
}
"""),
    ),
    Code(
        "E0302",
        "wrong kind of value",
        "Every parameter takes one kind of value: a whole number, a number, `true` or `false`, or sizes along frames,"
        " rows and columns such as `1x3x3` or `(1, k, k)`. Some take a word too, such as `same` for as many channels as"
        " come in. The message says what was expected here.",
        one("""\
network small {
  input clip = video(frames=8, size=32, classes=10)
  conv(1x3x3, 16) -> bn -> relu
  pool -> linear(classes)
}
"""),
        one("""\
network small {
  input clip = video(frames=8, size=32, classes=10)
  conv(16, 1x3x3) -> bn -> relu
  pool -> linear(classes)
}
"""),
    ),
    Code(
        "E0303",
        "value out of range",
        "The value is of the right kind, but no layer can be built with it: a layer has at least one channel, a kernel"
        " at least size 1, and dropout leaves some values over. The message says which values are possible.",
        one("""\
network small {
  input clip = video(frames=8, size=32, classes=10)
  conv(16, 3x3x3) -> bn -> relu
  pool -> dropout(50) -> linear(classes)
}
"""),
        one("""\
network small {
  input clip = video(frames=8, size=32, classes=10)
  conv(16, 3x3x3) -> bn -> relu
  pool -> dropout(0.5) -> linear(classes)
}
"""),
    ),
    Code(
        "E0304",
        "statement in the wrong place",
        "`input`, `stage` and `require` stand directly in the braces of a space or network, and not inside a stage, a"
        " block or a residual: there is one input and one budget for the whole, and the stages are the columns of the"
        " search. Move the line out, or make the lines of the inner stage a block.",
        one("""\
network small {
  input clip = video(frames=8, size=32, classes=10)
  stage s1 {
    conv(16, 3x3x3) -> bn -> relu
    stage s2 { conv(32, 3x3x3) -> bn -> relu }
  }
  pool -> linear(classes)
}
"""),
        one("""\
network small {
  input clip = video(frames=8, size=32, classes=10)
  stage s1 { conv(16, 3x3x3) -> bn -> relu }
  stage s2 { conv(32, 3x3x3) -> bn -> relu }
  pool -> linear(classes)
}
"""),
    ),
    Code(
        "E0305",
        "layer in the place of a value, or the other way round",
        "A line, and each part of it between `->` or `|`, is a layer or a block; the arguments in parentheses are"
        " values. A value cannot run on a clip, and a layer is no number. To choose between layers write `a | b` as a"
        " line; to let a block run one of two layers, use a conditional such as `relu if wide > 0 else hswish`.",
        one("""\
block basic(channels) {
  conv(channels, 3x3x3) -> bn -> channels
}

network small {
  input clip = video(frames=8, size=32, classes=10)
  basic(16)
  pool -> linear(classes)
}
"""),
        one("""\
block basic(channels) {
  conv(channels, 3x3x3) -> bn -> relu
}

network small {
  input clip = video(frames=8, size=32, classes=10)
  basic(16)
  pool -> linear(classes)
}
"""),
    ),
    Code(
        "E0306",
        "input or layers missing",
        "A space or network has exactly one `input` line, which says how many frames of which size a clip has, and at"
        " least one layer. Shapes, costs and code all start from the input. Write"
        " `input clip = video(frames=16, size=224)` as its first line, with your own numbers.",
        one("""\
network small {
  conv(16, 3x3x3) -> bn -> relu
  pool -> linear(classes)
}
"""),
        one("""\
network small {
  input clip = video(frames=8, size=32, classes=10)
  conv(16, 3x3x3) -> bn -> relu
  pool -> linear(classes)
}
"""),
    ),
    Code(
        "E0307",
        "arithmetic without a result",
        "The numbers of a layer are worked out while the text is read: `+`, `-`, `*` and `//`, the division that rounds"
        " down. Dividing by zero has no result. Often a parameter is zero in one of the uses of a block; hand over"
        " another number, or guard it with a conditional.",
        one("""\
block split(channels, parts) {
  conv(channels // parts, 3x3x3) -> bn -> relu
}

network small {
  input clip = video(frames=8, size=32, classes=10)
  split(16, 0)
  pool -> linear(classes)
}
"""),
        one("""\
block split(channels, parts) {
  conv(channels // parts, 3x3x3) -> bn -> relu
}

network small {
  input clip = video(frames=8, size=32, classes=10)
  split(16, 2)
  pool -> linear(classes)
}
"""),
    ),
    Code(
        "E0308",
        "nothing in a list",
        "A `pick`, a number of copies of a list and a layer that joins take what stands between the brackets: there"
        " must be something to take, and at least one of it. Write the lines or layers between the brackets, and pick"
        " one or more.",
        one("""\
space small {
  input clip = video(frames=8, size=32, classes=10)
  a = clip -> conv(16, 3x3x3, stride=1x2x2)
  sum(pick 0..2 of [a, a -> conv(16, 1x1x1)])
  pool -> linear(classes)
}
"""),
        one("""\
space small {
  input clip = video(frames=8, size=32, classes=10)
  a = clip -> conv(16, 3x3x3, stride=1x2x2)
  sum(pick 1..2 of [a, a -> conv(16, 1x1x1)])
  pool -> linear(classes)
}
"""),
    ),
)

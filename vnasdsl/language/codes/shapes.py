"""E04.., W04..: layers that cannot follow each other at this size of clip."""

from __future__ import annotations

from vnasdsl.language.codes.code import Code, one

CODES = (
    Code(
        "E0401",
        "shape becomes empty",
        "A window that is larger than what it slides over, padding counted, fits nowhere: no frame, row or column is"
        " left. Strides and `padding=valid` make maps smaller from layer to layer, so the fault often lies further up."
        " The message says how much is left here. Use `padding=same`, a smaller kernel, fewer strides or a larger"
        " input.",
        one("""\
network small {
  input clip = video(frames=8, size=32, classes=10)
  conv(16, 3x3x3, stride=1x16x16) -> bn -> relu
  conv(32, 3x3x3, padding=valid) -> bn -> relu
  pool -> linear(classes)
}
"""),
        one("""\
network small {
  input clip = video(frames=8, size=32, classes=10)
  conv(16, 3x3x3, stride=1x8x8) -> bn -> relu
  conv(32, 3x3x3, padding=valid) -> bn -> relu
  pool -> linear(classes)
}
"""),
    ),
    Code(
        "E0402",
        "residual changes the shape",
        "`residual { ... }` adds what its body makes to what came in, number by number, so both have one shape. A conv"
        " with another number of channels or a stride inside the braces breaks that. Write `same` for the channels and"
        " use no stride there; put the layer that changes the shape in front of the residual.",
        one("""\
network small {
  input clip = video(frames=8, size=32, classes=10)
  conv(16, 3x3x3) -> bn -> relu
  residual { conv(32, 3x3x3) -> bn -> relu }
  pool -> linear(classes)
}
"""),
        one("""\
network small {
  input clip = video(frames=8, size=32, classes=10)
  conv(32, 3x3x3) -> bn -> relu
  residual { conv(same, 3x3x3) -> bn -> relu }
  pool -> linear(classes)
}
"""),
    ),
    Code(
        "E0403",
        "wrong number of dimensions",
        "`conv`, `bn` and the pools over a window work on maps: channels x frames x rows x columns. `linear` works on a"
        " vector. `pool` turns the first into the second by taking the mean over frames, rows and columns. Most"
        " networks need it once, at the end: `pool -> linear(classes)`.",
        one("""\
network small {
  input clip = video(frames=8, size=32, classes=10)
  conv(16, 3x3x3) -> bn -> relu
  linear(classes)
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
        "E0404",
        "groups do not divide the channels",
        "A convolution with groups cuts its input and its output channels into that many equal parts, and connects part"
        " to part. Both numbers must be multiples of `groups`. `groups=same` gives every input channel a group of its"
        " own (a depthwise convolution), which fits the number of channels that come in.",
        one("""\
network small {
  input clip = video(frames=8, size=32, classes=10)
  conv(16, 3x3x3) -> bn -> relu
  conv(24, 3x3x3, groups=3) -> bn -> relu
  pool -> linear(classes)
}
"""),
        one("""\
network small {
  input clip = video(frames=8, size=32, classes=10)
  conv(16, 3x3x3) -> bn -> relu
  conv(24, 3x3x3, groups=4) -> bn -> relu
  pool -> linear(classes)
}
"""),
    ),
    Code(
        "E0405",
        "network does not end in classes",
        "What leaves the last line is compared with the label of the clip: one number for each class. A network that"
        " ends in a map or in another number of features cannot be trained. End it with `pool -> linear(classes)`,"
        " where `classes` is the number that the input line, the data or `--classes` gives.",
        one("""\
network small {
  input clip = video(frames=8, size=32, classes=10)
  conv(16, 3x3x3) -> bn -> relu
  pool -> linear(12)
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
        "W0401",
        "no effect at this size",
        "The layer can be built, but part of it does nothing for clips of this size: a dilation that reaches past the"
        " clip leaves all but the middle of the kernel on padding, and a stride along an axis of size 1 changes"
        " nothing. Its weights are trained and its multiply-adds are paid for all the same. Use a smaller dilation or"
        " stride, or longer clips.",
        one("""\
network small {
  input clip = video(frames=8, size=32, classes=10)
  conv(16, 3x1x1, dilation=8x1x1) -> bn -> relu
  pool -> linear(classes)
}
"""),
        one("""\
network small {
  input clip = video(frames=8, size=32, classes=10)
  conv(16, 3x1x1, dilation=4x1x1) -> bn -> relu
  pool -> linear(classes)
}
"""),
    ),
)

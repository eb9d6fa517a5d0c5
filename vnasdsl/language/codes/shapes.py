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
        " use no stride there; put the layer that changes the shape in front of the residual. Or write"
        " `residual(project=auto) { ... }`: where the shape changes the input goes through a 1x1x1 convolution with the"
        " stride that fits, and batch-norm.",
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
        "E0406",
        "segments do not divide the frames",
        "`segments(count) { ... }` cuts the frames into that many equal parts and runs its body on each, with the same"
        " weights. The frames that come in must be a multiple of the count; strides along frames further up make them"
        " fewer. The help shows counts that divide.",
        one("""\
network small {
  input clip = video(frames=8, size=32, classes=10)
  segments(3) { conv(16, 3x3x3) -> bn -> relu }
  pool -> linear(classes)
}
"""),
        one("""\
network small {
  input clip = video(frames=8, size=32, classes=10)
  segments(4) { conv(16, 3x3x3) -> bn -> relu }
  pool -> linear(classes)
}
"""),
    ),
    Code(
        "E0407",
        "fusion of streams with different frame counts",
        "`weighted(...)` brings its inputs to one size in rows and columns by itself, and to one width, but never along"
        " time: which frames belong together is for the text to say. Give every way to it the same strides along"
        " frames, or end the longer one with a pool along frames such as `max_pool(3x1x1, stride=2x1x1)`.",
        one("""\
network small {
  input clip = video(frames=8, size=32, classes=10)
  slow = clip -> conv(16, 3x3x3, stride=2x2x2) -> bn -> relu
  fast = clip -> conv(16, 3x3x3, stride=1x4x4) -> bn -> relu
  weighted(slow, fast)
  pool -> linear(classes)
}
"""),
        one("""\
network small {
  input clip = video(frames=8, size=32, classes=10)
  slow = clip -> conv(16, 3x3x3, stride=2x2x2) -> bn -> relu
  fast = clip -> conv(16, 3x3x3, stride=1x4x4) -> bn -> relu -> max_pool(3x1x1, stride=2x1x1)
  weighted(slow, fast)
  pool -> linear(classes)
}
"""),
    ),
    Code(
        "E0408",
        "edge weights do not match the inputs",
        "`weighted(..., by=[...])` has one weight for every input, in the order in which the inputs are written; an"
        " input that is a list counts with each of its values. The message says how many there are of both. With"
        " `by=learned` every input gets a weight that is trained.",
        one("""\
network small {
  input clip = video(frames=8, size=32, classes=10)
  near = clip -> conv(16, 1x3x3, stride=1x2x2) -> bn -> relu
  wide = clip -> conv(16, 1x5x5, stride=1x2x2) -> bn -> relu
  weighted(near, wide, by=[0.3, 0.8, 0.5])
  pool -> linear(classes)
}
"""),
        one("""\
network small {
  input clip = video(frames=8, size=32, classes=10)
  near = clip -> conv(16, 1x3x3, stride=1x2x2) -> bn -> relu
  wide = clip -> conv(16, 1x5x5, stride=1x2x2) -> bn -> relu
  weighted(near, wide, by=[0.3, 0.8])
  pool -> linear(classes)
}
"""),
    ),
    Code(
        "E0409",
        "joined inputs differ in shape",
        "`sum(...)` and `mean(...)` work number by number: all inputs have one shape. `concat(...)` puts channels one"
        " after the other: frames, rows and columns are equal. Give all ways to it the same strides and padding; a"
        " 1x1x1 convolution brings channels to one number, and `weighted(...)` aligns its inputs by itself.",
        one("""\
network small {
  input clip = video(frames=8, size=32, classes=10)
  near = clip -> conv(16, 1x3x3) -> bn -> relu
  wide = clip -> conv(24, 1x5x5) -> bn -> relu
  sum(near, wide)
  pool -> linear(classes)
}
"""),
        one("""\
network small {
  input clip = video(frames=8, size=32, classes=10)
  near = clip -> conv(16, 1x3x3) -> bn -> relu
  wide = clip -> conv(24, 1x5x5) -> bn -> relu
  concat(near, wide)
  pool -> linear(classes)
}
"""),
    ),
    Code(
        "E0410",
        "line of the whole clip read in a part of it",
        "`segments(count) { ... }` runs its body on each part of the clip. A line outside of it is of the whole clip,"
        " with other frames and another meaning; the body sees only the part that it is given and its own lines. Join"
        " the line behind the braces, with what the parts gave.",
        one("""\
network small {
  input clip = video(frames=8, size=32, classes=10)
  whole = clip -> conv(16, 1x3x3, stride=1x2x2) -> bn -> relu -> pool
  clip -> segments(2) { conv(16, 3x3x3, stride=1x2x2) -> bn -> relu -> pool -> sum(whole, skip) }
  linear(classes)
}
"""),
        one("""\
network small {
  input clip = video(frames=8, size=32, classes=10)
  whole = clip -> conv(16, 1x3x3, stride=1x2x2) -> bn -> relu -> pool
  parts = clip -> segments(2) { conv(16, 3x3x3, stride=1x2x2) -> bn -> relu -> pool }
  sum(whole, parts) -> linear(classes)
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

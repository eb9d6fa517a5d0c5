"""E02..: names that mean nothing, mean two things, or cannot be given."""

from __future__ import annotations

from vnasdsl.language.codes.code import Code, one

CODES = (
    Code(
        "E0201",
        "unknown layer or block",
        "A line is made of layers of the catalogue (`conv`, `bn`, `relu`, `pool`, ...) and of blocks that this file or"
        " one it imports defines. This name is neither. Blocks may be used before the line that defines them, so their"
        " order does not matter: look for a misspelling, a missing `import`, or define the block.",
        one("""\
block basic(channels) {
  conv(channels, 3x3x3) -> bn -> relu
}

network small {
  input clip = video(frames=8, size=32, classes=10)
  3 * baisc(16)
  pool -> linear(classes)
}
"""),
        one("""\
block basic(channels) {
  conv(channels, 3x3x3) -> bn -> relu
}

network small {
  input clip = video(frames=8, size=32, classes=10)
  3 * basic(16)
  pool -> linear(classes)
}
"""),
    ),
    Code(
        "E0202",
        "unknown name",
        "Where a value is expected, a name is a parameter of the block it stands in, or one of the words `same`,"
        " `valid`, `classes`, `true` and `false`. A block sees nothing but its own parameters: what it needs from"
        " outside is handed over as an argument. Correct the name, or add a parameter for it.",
        one("""\
block basic(channels) {
  conv(channels, 3x3x3, stride=(1, stride, stride)) -> bn -> relu
}

network small {
  input clip = video(frames=8, size=32, classes=10)
  basic(16)
  pool -> linear(classes)
}
"""),
        one("""\
block basic(channels, stride=1) {
  conv(channels, 3x3x3, stride=(1, stride, stride)) -> bn -> relu
}

network small {
  input clip = video(frames=8, size=32, classes=10)
  basic(16, 2)
  pool -> linear(classes)
}
"""),
    ),
    Code(
        "E0203",
        "name defined twice",
        "Blocks, spaces and networks, recipes, the parameters of a block and the keys of a recipe each have one meaning"
        " in a file and everything it imports. Otherwise it would depend on the order of the lines which one is meant."
        " A block, a line, an input or a parameter cannot have the name of a layer either, nor a line, an input or a"
        " parameter the name of a block. Give one of the two another name, or remove it.",
        one("""\
block basic(channels) {
  conv(channels, 3x3x3) -> bn -> relu
}

block basic(channels) {
  conv(channels, 1x3x3) -> bn -> relu
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

block spatial(channels) {
  conv(channels, 1x3x3) -> bn -> relu
}

network small {
  input clip = video(frames=8, size=32, classes=10)
  basic(16) -> spatial(16)
  pool -> linear(classes)
}
"""),
    ),
    Code(
        "E0204",
        "two labels alike",
        "The labels of stages and lines name weights in the generated code and in checkpoints, and the choices of a"
        " search. Inside one body each must be different; the options of a choice must differ too, once they are"
        " written as names (`-1` and `1` are alike). Rename one of the two.",
        one("""\
network small {
  input clip = video(frames=8, size=32, classes=10)
  features = conv(16, 1x3x3) -> bn -> relu
  features = conv(16, 3x1x1) -> bn -> relu
  pool -> linear(classes)
}
"""),
        one("""\
network small {
  input clip = video(frames=8, size=32, classes=10)
  spatial = conv(16, 1x3x3) -> bn -> relu
  temporal = conv(16, 3x1x1) -> bn -> relu
  pool -> linear(classes)
}
"""),
    ),
    Code(
        "E0205",
        "name not allowed",
        "Names of the text become names in the generated Python: of classes, modules and arguments. A word of Python, a"
        " builtin, or an attribute that every torch module has would break that code or change what it does, so it is"
        " refused here, where the line is known. The message says which of them it is; choose another name.",
        one("""\
network small {
  input clip = video(frames=8, size=32, classes=10)
  forward = conv(16, 3x3x3) -> bn -> relu
  pool -> linear(classes)
}
"""),
        one("""\
network small {
  input clip = video(frames=8, size=32, classes=10)
  first = conv(16, 3x3x3) -> bn -> relu
  pool -> linear(classes)
}
"""),
    ),
    Code(
        "E0206",
        "unknown space or network",
        "A network may name the space it lies in, and a recipe names the space or network it is for. Neither this file"
        " nor one it imports defines that name. Correct it, or import the file that does.",
        one("""\
space wide {
  input clip = video(frames=8, size=32, classes=10)
  stage s1 { conv(16 | 32, 3x3x3) -> bn -> relu }
  pool -> linear(classes)
}

network small : wider {
  input clip = video(frames=8, size=32, classes=10)
  stage s1 { conv(16, 3x3x3) -> bn -> relu }
  pool -> linear(classes)
}
"""),
        one("""\
space wide {
  input clip = video(frames=8, size=32, classes=10)
  stage s1 { conv(16 | 32, 3x3x3) -> bn -> relu }
  pool -> linear(classes)
}

network small : wide {
  input clip = video(frames=8, size=32, classes=10)
  stage s1 { conv(16, 3x3x3) -> bn -> relu }
  pool -> linear(classes)
}
"""),
    ),
    Code(
        "E0207",
        "block uses itself",
        "A block stands for its lines, which are put in the place of every use. A block that uses itself, directly or"
        " by way of others, would never end. There is no recursion in the language: write copies as `N * block`.",
        one("""\
block basic(channels) {
  conv(channels, 3x3x3) -> bn -> relu
  again(channels)
}

block again(channels) {
  basic(channels)
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
  2 * basic(16)
  pool -> linear(classes)
}
"""),
    ),
    Code(
        "E0209",
        "line read before it is made",
        "A line reads lines above it, by the name in front of their `=`. A name that comes later has no value yet,"
        " and two lines that read each other would never have one. A line named in a stage is read in this stage only."
        " Put the line behind what it reads, or name the line that it should read outside of stages.",
        one("""\
network small {
  input clip = video(frames=8, size=32, classes=10)
  a = clip -> conv(16, 3x3x3, stride=1x2x2)
  b = sum(a, c)
  c = a -> conv(16, 1x1x1)
  pool -> linear(classes)
}
"""),
        one("""\
network small {
  input clip = video(frames=8, size=32, classes=10)
  a = clip -> conv(16, 3x3x3, stride=1x2x2)
  c = a -> conv(16, 1x1x1)
  b = sum(a, c)
  pool -> linear(classes)
}
"""),
    ),
    Code(
        "E0208",
        "name too long",
        "A name has at most 48 characters. It becomes a part of file names, of the names of weights and of lines of"
        " generated code, which all have limits of their own. Choose a shorter one.",
        one("""\
network a_small_network_for_clips_of_eight_frames_with_ten_classes_and_one_layer {
  input clip = video(frames=8, size=32, classes=10)
  conv(16, 3x3x3) -> pool -> linear(classes)
}
"""),
        one("""\
network small {
  input clip = video(frames=8, size=32, classes=10)
  conv(16, 3x3x3) -> pool -> linear(classes)
}
"""),
    ),
    Code(
        "W0209",
        "line that nothing reads",
        "A line goes on from the one before it unless it begins with a name: then it begins with the line of that name."
        " What came before is lost where no other line reads it by its name, and its layers are trained for nothing.",
        one("""\
network small {
  input clip = video(frames=8, size=32, classes=10)
  a = clip -> conv(16, 3x3x3, stride=1x2x2)
  b = clip -> conv(16, 1x1x1)
  a -> pool -> linear(classes)
}
"""),
        one("""\
network small {
  input clip = video(frames=8, size=32, classes=10)
  a = clip -> conv(16, 3x3x3)
  b = clip -> conv(16, 1x1x1)
  sum(a, b) -> pool -> linear(classes)
}
"""),
    ),
)

"""E05.., E06.., W05..: choices, limits on cost, and whether a network lies in the space it claims."""

from __future__ import annotations

from vnasdsl.language.codes.code import Code, one

CODES = (
    Code(
        "E0501",
        "choice changes the shape where it may not",
        "The gradient search mixes the outputs of all options of a choice, so they must have one shape. Only the first"
        " line of a stage may change it: each of its options becomes a state of the stage, with a head for every state"
        " of the stage before (Zhou et al. 2021, section 3.1). Move the choice of channels or stride into the first"
        " line of a stage, or give its options one shape.",
        one("""\
space wide {
  input clip = video(frames=8, size=32, classes=10)
  stage s1 {
    conv(16, 3x3x3) -> bn -> relu
    conv(24 | 32, 3x3x3) -> bn -> relu
  }
  pool -> linear(classes)
}

search by_gradient for wide {
  strategy = gradient
}
"""),
        one("""\
space wide {
  input clip = video(frames=8, size=32, classes=10)
  stage s1 { conv(16, 3x3x3) -> bn -> relu }
  stage s2 { conv(24 | 32, 3x3x3) -> bn -> relu }
  pool -> linear(classes)
}

search by_gradient for wide {
  strategy = gradient
}
"""),
    ),
    Code(
        "E0502",
        "too many layers",
        "Blocks and copies are written out while a text is compiled: a network may have 11,000 layers, a space 60,000"
        " with every option of every choice, and 3,000 choices. Networks for video have some hundreds of layers."
        " Copies of copies multiply, so look for a number that is larger than it was meant to be.",
        one("""\
block basic(channels) {
  conv(channels, 3x3x3) -> bn -> relu
}

network small {
  input clip = video(frames=8, size=32, classes=10)
  100000 * basic(16)
  pool -> linear(classes)
}
"""),
        one("""\
block basic(channels) {
  conv(channels, 3x3x3) -> bn -> relu
}

network small {
  input clip = video(frames=8, size=32, classes=10)
  10 * basic(16)
  pool -> linear(classes)
}
"""),
    ),
    Code(
        "E0503",
        "network leaves a choice open",
        "A `network` is one network: every choice in it has been made, so that it can be compiled to plain code and"
        " trained. A `|` or a range between whole numbers leaves something to choose. Keep one of the options, or write"
        " `space` in the place of `network` and search it.",
        one("""\
network small {
  input clip = video(frames=8, size=32, classes=10)
  conv(16 | 32, 3x3x3) -> bn -> relu
  pool -> linear(classes)
}
"""),
        one("""\
network small {
  input clip = video(frames=8, size=32, classes=10)
  conv(32, 3x3x3) -> bn -> relu
  pool -> linear(classes)
}
"""),
    ),
    Code(
        "E0505",
        "limit that nothing meets",
        "`require` limits what the networks of a space may cost. The least and the greatest cost over all of them are"
        " known exactly, and every one of them breaks this limit: a search could only fail. For a network it means that"
        " it costs more than it, or the space it lies in, allows. Raise the limit, or offer cheaper options.",
        one("""\
space wide {
  input clip = video(frames=8, size=32, classes=10)
  stage s1 { conv(16 | 32, 3x3x3) -> bn -> relu }
  pool -> linear(classes)
  require macs <= 1M
}
"""),
        one("""\
space wide {
  input clip = video(frames=8, size=32, classes=10)
  stage s1 { conv(16 | 32, 3x3x3) -> bn -> relu }
  pool -> linear(classes)
  require macs <= 15M
}
"""),
    ),
    Code(
        "E0506",
        "not a limit",
        "A limit is one of the quantities `macs` (multiply-adds per clip) and `params` (parameters), compared with a"
        " number: `require macs <= 20G`. Magnitudes are K, M, G and T. Equality is refused because hardly a network"
        " would have exactly that cost.",
        one("""\
space wide {
  input clip = video(frames=8, size=32, classes=10)
  stage s1 { conv(16 | 32, 3x3x3) -> bn -> relu }
  pool -> linear(classes)
  require flops <= 15M
}
"""),
        one("""\
space wide {
  input clip = video(frames=8, size=32, classes=10)
  stage s1 { conv(16 | 32, 3x3x3) -> bn -> relu }
  pool -> linear(classes)
  require macs <= 15M
}
"""),
    ),
    Code(
        "E0507",
        "too many options",
        "One choice has at most 1,000 options. A range such as `8..2048` is the choice of every whole number in it, and"
        " each option gets weights of its own in the supernet. Name the few values that are worth trying:"
        " `16 | 32 | 64`.",
        one("""\
space wide {
  input clip = video(frames=8, size=32, classes=10)
  stage s1 { conv(8..2048, 3x3x3) -> bn -> relu }
  pool -> linear(classes)
}
"""),
        one("""\
space wide {
  input clip = video(frames=8, size=32, classes=10)
  stage s1 { conv(8 | 32 | 128, 3x3x3) -> bn -> relu }
  pool -> linear(classes)
}
"""),
    ),
    Code(
        "E0508",
        "too many states of a stage",
        "Every way of making the choices of a stage's first line is a state of that stage, and the supernet holds a"
        " head for each pair of states of neighbouring stages. 64 states are the most: above it the supernet would be"
        " mostly heads. Offer fewer options, or spread the choices over several stages.",
        one("""\
space wide {
  input clip = video(frames=8, size=32, classes=10)
  stage s1 { conv(8..80, 3x3x3) -> bn -> relu }
  pool -> linear(classes)
}

search by_gradient for wide {
  strategy = gradient
}
"""),
        one("""\
space wide {
  input clip = video(frames=8, size=32, classes=10)
  stage s1 { conv(8..16, 3x3x3) -> bn -> relu }
  pool -> linear(classes)
}

search by_gradient for wide {
  strategy = gradient
}
"""),
    ),
    Code(
        "E0509",
        "too many shapes",
        "Shapes and costs are worked out for every shape that can reach a layer, and a choice of channels or stride"
        " multiplies the shapes that reach the next choice. 20,000 pairs of a layer and a shape are the most; the"
        " largest space of the paper has some hundreds. Offer fewer options.",
        one("""\
space wide {
  input clip = video(frames=8, size=32, classes=10)
  stage s1 { conv(1..200, 1x1x1) }
  stage s2 { conv(1..200, 1x1x1) }
  pool -> linear(classes)
}
"""),
        one("""\
space wide {
  input clip = video(frames=8, size=32, classes=10)
  stage s1 { conv(8 | 16, 1x1x1) }
  stage s2 { conv(16 | 32, 1x1x1) }
  pool -> linear(classes)
}
"""),
    ),
    Code(
        "E0510",
        "choice that the gradient cannot take",
        "The search by gradient puts every option into one supernet and weighs it. A choice in the input, a real"
        " number, a call of more combinations than can be written out, a list of varying length, and a `pick` of"
        " varying number or outside of a `sum` have no such mixture. Fix it (`--fix`), offer less, or search the space"
        " in another way: evolution and random search take every choice.",
        one("""\
space small {
  input clip = video(frames=4 | 8, size=32, classes=10)
  conv(16, 3x3x3, stride=1x2x2) -> bn -> relu
  pool -> linear(classes)
}

search by_gradient for small {
  strategy = gradient
}
"""),
        one("""\
space small {
  input clip = video(frames=4 | 8, size=32, classes=10)
  conv(16, 3x3x3, stride=1x2x2) -> bn -> relu
  pool -> linear(classes)
}

search widely for small {
  strategy = evolution
}
"""),
    ),
    Code(
        "E0601",
        "network is not in the space it claims",
        "`network small : wide` says that `small` is one of the networks of the space `wide`. That is proved line by"
        " line and stage by stage, names of stages included; here is the first line that no choice of the space gives,"
        " and what the space has in its place. Correct the line, or drop the claim.",
        one("""\
space wide {
  input clip = video(frames=8, size=32, classes=10)
  stage s1 { conv(16 | 32, 3x3x3) -> bn -> relu }
  pool -> linear(classes)
}

network small : wide {
  input clip = video(frames=8, size=32, classes=10)
  stage s1 { conv(24, 3x3x3) -> bn -> relu }
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
  stage s1 { conv(32, 3x3x3) -> bn -> relu }
  pool -> linear(classes)
}
"""),
    ),
    Code(
        "W0505",
        "limit that everything meets",
        "The least and the greatest cost over all networks of the space are known exactly, and none of them breaks this"
        " limit: it does nothing. Perhaps a magnitude is wrong (K, M, G, T), or the choices became narrower since the"
        " limit was written. Tighten it, or remove it.",
        one("""\
space wide {
  input clip = video(frames=8, size=32, classes=10)
  stage s1 { conv(16 | 32, 3x3x3) -> bn -> relu }
  pool -> linear(classes)
  require macs <= 15G
}
"""),
        one("""\
space wide {
  input clip = video(frames=8, size=32, classes=10)
  stage s1 { conv(16 | 32, 3x3x3) -> bn -> relu }
  pool -> linear(classes)
  require macs <= 15M
}
"""),
    ),
)

"""A comparison as text: `+` for what is new, `-` for what is gone, `~` for what changed. At most 100 columns. And the
meaning of one file as text, for `git diff`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from textwrap import wrap

from vnasdsl.elaborate import Program, Space
from vnasdsl.language import tree
from vnasdsl.language.printer import print_definition, print_module
from vnasdsl.layers.base import Shape
from vnasdsl.show.diff.compare import definition
from vnasdsl.show.diff.outline import (
    Change,
    Choosing,
    Comparison,
    Definition,
    FileDiff,
    Side,
    Size,
    stages,
    used_blocks,
)
from vnasdsl.show.numbers import amount, count_words
from vnasdsl.show.table import between, columns, cost_text, input_text, shapes
from vnasdsl.space.ways import Cost

QUANTITIES = (("MACs", "macs"), ("parameters", "params"))
UNCHANGED = "unchanged"


def signed(before: int, after: int) -> str:
    """The difference, with its share where that says something: `+1.04 G (+16.7%)`, `-824`, `+49.31 G (x 12.39)`."""
    if before == after:
        return UNCHANGED
    difference = f"{'+' if after > before else '-'}{amount(abs(after - before))}"
    if not before:
        return difference
    if after and max(before, after) >= 10 * min(before, after):
        return f"{difference} ({times(before, after)})"
    share = 100 * (after - before) / before
    return f"{difference} ({f'{share:+.1f}' if abs(share) >= 0.05 else '+<0.1' if share > 0 else '-<0.1'}%)"


def size_words(size: Size) -> str:
    return size if isinstance(size, str) else count_words(size)


def times(before: Size, after: Size) -> str:
    """How many times as many: `x 1.33`, `/ 4`."""
    if before == after:
        return UNCHANGED
    if isinstance(before, str) or isinstance(after, str) or not before or not after:
        return f"{size_words(before)} -> {size_words(after)}"
    big, small, sign = (after, before, "x") if after > before else (before, after, "/")
    if big >= 100 * small or big % small == 0:
        return f"{sign} {count_words((2 * big + small) // (2 * small))}"
    return f"{sign} {big / small:.2f}"


def effect(before: Cost | None, after: Cost | None) -> str:
    """What a change does to MACs and parameters: `+1.04 G MACs (+16.7%), +330.88 K parameters (+1.2%)`, or for spaces
    `MACs 442K..885K -> 885K..2.65M`. A line or stage that is not there costs None."""
    parts = []
    for name, field in QUANTITIES:
        a, b = ((getattr(c, f"{field}_min"), getattr(c, f"{field}_max")) if c else (0, 0) for c in (before, after))
        if a == b:
            continue
        if a[0] == a[1] and b[0] == b[1]:
            change, _, share = signed(a[0], b[0]).partition(" (")
            parts.append(f"{change} {name}" + (f" ({share}" if share and before and after else ""))
        elif before and after:
            parts.append(f"{name} {between(*a)} -> {between(*b)}")
        else:
            parts.append(f"{between(*(b if after else a))} {name}")
    return ", ".join(parts)


def outputs(before: tuple[Shape, ...], after: tuple[Shape, ...]) -> str:
    """`out 64 x 16x56x56 -> 48 x 16x56x56`; one shape if there is only one, nothing if none is known."""
    return " -> ".join(dict.fromkeys(f"out {shapes(side)}" for side in (before, after) if side)).replace("-> out", "->")


def effects(before: Side | None, after: Side | None) -> list[str]:
    """Shapes if they changed, costs, and the number of networks, of a line or stage."""
    a, b = before.outputs if before else (), after.outputs if after else ()
    parts = [outputs(a, b) if a != b else ""]
    parts.append(effect(before.cost if before else None, after.cost if after else None))
    sizes: list[Size] = [side.size for side in (before, after) if side]
    if len(sizes) == 2 and sizes[0] != sizes[1]:
        parts.append(f"networks {times(sizes[0], sizes[1])}")
    elif len(sizes) == 1 and isinstance(sizes[0], int) and sizes[0] > 1:
        parts.append(f"{size_words(sizes[0])} options")
    return [part for part in parts if part]


def headline(pair: Comparison | Choosing) -> str:
    """`network a`, `network a -> b`, or `space a -> network b`."""
    a, b = pair.before, pair.after
    if a.kind != b.kind:
        return f"{a.kind} {a.name} -> {b.kind} {b.name}"
    return f"{a.kind} {a.name}" if a.name == b.name else f"{a.kind} {a.name} -> {b.name}"


def summary(one: Definition) -> str:
    """A definition that only one side has: `network a: 15.78 G MACs, 13.45 M parameters`."""
    costs = [f"{size_words(one.size)} networks"] if one.kind == "space" else []
    if one.cost is not None:
        costs.append(f"{between(one.cost.macs_min, one.cost.macs_max)} MACs")
        costs.append(f"{between(one.cost.params_min, one.cost.params_max)} parameters")
    return f"{one.kind} {one.name}: {', '.join(costs)}"


def totals(pair: Comparison | Choosing) -> list[tuple[str, ...]]:
    """A table: of a comparison what each figure was and is, of a choosing where the network lies in the space."""
    if isinstance(pair, Choosing):
        space, network = pair.space.cost, pair.network.cost
        ends = [
            [amount(getattr(space, f"{field}_{end}")) if space else "not computed" for end in ("min", "max")]
            for _, field in QUANTITIES
        ]
        own = [amount(getattr(network, f"{field}_min")) for _, field in QUANTITIES]
        rows = ((name, own[i], *ends[i]) for i, (name, _) in enumerate(QUANTITIES))
        return [("", "network", "least of space", "greatest"), *rows]
    before, after = pair.before, pair.after
    table: list[tuple[str, ...]] = [("", "before", "after", "change")]
    if before.kind == "space":
        sizes = before.size, after.size
        table.append(("networks", size_words(sizes[0]), size_words(sizes[1]), times(*sizes)))
    words = (("least ", "min"), ("greatest ", "max")) if before.kind == "space" else (("", "min"),)
    for name, field in QUANTITIES if before.cost and after.cost else ():
        for word, end in words:
            a, b = (getattr(one.cost, f"{field}_{end}") for one in (before, after))
            table.append((f"{word}{name}", amount(a), amount(b), signed(a, b)))
    return table


def canonical(program: Program) -> str:
    """Every space and network of the file by name, then the blocks that it uses or defines, then its recipes."""
    spaces = [program.spaces[name] for name in sorted(program.spaces)]
    blocks = {item.name: item for item in program.module.items if isinstance(item, tree.Block)}
    for space in spaces:
        blocks |= used_blocks(space)
    recipes = sorted((i for i in program.module.items if isinstance(i, tree.Recipe)), key=lambda recipe: recipe.name)
    definitions: list[tree.Definition] = [*(blocks[name] for name in sorted(blocks)), *recipes]
    return "\n\n".join([*map(_space, spaces), *map(print_definition, definitions)]) + "\n"


def canonical_syntax(module: tree.Module, why: str) -> str:
    """The formatted file, where shapes and costs cannot be known."""
    return f"# shapes and costs are not known: {' '.join(why.split())}\n\n{print_module(module)}"


def _space(space: Space) -> str:
    claim = f" : {space.claim.name}" if space.claim is not None else ""
    lines = [f"{space.kind} {space.name}{claim} {{"]
    lines += [f"  input {input_text(one)}" for one in space.inputs.each]
    lines += [f"  require {' '.join(limit.condition.span.text.split())}" for limit in space.limits]
    for stage in stages(space):
        name = stage.name
        body = [f"  {'  ' if name else ''}{line.side.text}{_facts(line.side)}" for line in stage.inside]
        lines += [f"  stage {name} {{", *body, f"  }}{_facts(stage.side)}"] if name else body
    whole = definition(space)
    if space.kind == "space":
        lines.append(f"  {whole.size} networks")
    lines.append(f"  total: {cost_text(whole.cost) if whole.cost else 'costs not computed'}")
    return "\n".join([*lines, "}"])


def _facts(side: Side) -> str:
    facts = [shapes(side.outputs)] if side.outputs else []
    if side.cost is not None and side.cost != Cost():
        facts.append(cost_text(side.cost))
    return f"  # {'; '.join(facts)}" if facts else ""


WIDTH = 100
SIGNS = {"added": "+", "removed": "-", "changed": "~", "affected": " "}
WORDS = {"input": "input ", "limit": "require ", "block": "block ", "stage": "", "line": ""}
COLORS = {"+": "\x1b[32m", "-": "\x1b[31m", "~": "\x1b[33m"}
_OFF = "\x1b[0m"
_GLUE = "\N{NO-BREAK SPACE}"


def as_text(diff: FileDiff, color: bool = False) -> str:
    """Without a line end."""
    if diff.equal:
        return f"no difference: {diff.before} and {diff.after} mean the same"
    text = "\n\n".join([f"- {diff.before}\n+ {diff.after}", *_parts(diff)])
    return "\n".join(map(_painted, text.split("\n"))) if color else text


def as_markdown(diff: FileDiff) -> str:
    """For a pull request: the text as a fenced diff that sites colour. Without a line end.

    Signs go to the first column, where sites look for them; `!` is the one that they colour as a change.
    """
    if diff.equal:
        return as_text(diff)
    text = re.sub(r"^( *)([-+~!]) ", r"\2 \1", as_text(diff), flags=re.MULTILINE)
    text = re.sub("^~", "!", text, flags=re.MULTILINE)
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}diff\n{text}\n{fence}"


def _parts(diff: FileDiff) -> Iterator[str]:
    yield from (f"- {summary(one)}" for one in diff.removed)
    yield from (f"+ {summary(one)}" for one in diff.added)
    yield from ("\n".join(_change(block, 0)) for block in diff.blocks)
    for pair in diff.compared:
        if not pair.equal:
            yield headline(pair)
            if isinstance(pair, Choosing):
                yield "\n".join(_chosen(pair) if pair.departure is None else _departure(pair))
            else:
                yield "\n".join(line for change in pair.changes for line in _change(change, 0))
            yield columns(totals(pair), right=(1, 2, 3) if isinstance(pair, Choosing) else (1, 2))


# ------------------------------------------------------------------------ changes


def _change(change: Change, indent: int, with_effect: bool = True) -> Iterator[str]:
    """A change with what changed inside; `with_effect`: unless the change around it says the same."""
    space = " " * indent
    below = f"{space}    "
    lines = [line for line in change.inside if line.change != "affected"]
    said = effects(change.before, change.after) if with_effect and change.what != "block" else []
    for head in _head(change, bool(change.inside)):
        yield from _wrapped(f"{space}{head}", below)
    if said:
        yield from _wrapped(f"{below}{'; '.join(said)}", below)
    for line in lines:
        yield from _change(line, indent + 4, change.what != "stage" or len(change.inside) > 1)
    rest = [line for line in change.inside if line.change == "affected"]
    if rest and lines:
        sums = [_sum(side.cost for line in rest if (side := getattr(line, end))) for end in ("before", "after")]
        difference = effect(*sums) or "other shapes"
        yield from _wrapped(f"{below}  {_count(len(rest), 'unchanged line')}: {difference}", below)


def _head(change: Change, opened: bool) -> list[str]:
    """What changed, on one line or two. opened: what is inside is shown below."""
    texts = [side.text for side in (change.before, change.after) if side]
    if change.what == "line" and opened:
        texts = [f"{text.split('{')[0]}{{ ... }}" for text in texts]
    if change.what == "stage":
        texts = [f"stage {text}" if text else "outside stages" for text in texts]
    start = f"{SIGNS[change.change]} {WORDS[change.what]}"
    a, *more = dict.fromkeys(texts)
    both = " -> ".join([start + a, *more])
    if not more or (len(both) <= WIDTH - 8 and " -> " not in a + more[0]):
        return [both]
    return [start + a, f"  became {more[0]}"]


def _sum(costs: Iterable[Cost | None]) -> Cost:
    return sum((cost for cost in costs if cost is not None), Cost())


# ---------------------------------------------------------------- what was chosen


def _departure(pair: Choosing) -> Iterator[str]:
    left = pair.departure
    assert left is not None
    where = f" (line {left.line})" if left.line is not None else ""
    yield from _wrapped(f"! {pair.network.name} is not in {pair.space.name}{where}: {left.message}", "    ")
    if left.help:
        yield from _wrapped(f"    {left.help}", "    ")


def _chosen(pair: Choosing) -> Iterator[str]:
    more = f"; {pair.unmade} more do not exist after these" if pair.unmade else ""
    made = "chosen" if pair.before.kind == "space" else "opened"
    yield f"{made}: {_count(len(pair.chosen), 'choice')} of {pair.space.name}{more}"
    rows = list(_choice_rows(pair))
    widths = [max((len(row[k]) for row in rows), default=0) for k in (0, 1)]
    for stage, kind, option, options in rows:
        start = f"  {stage.ljust(widths[0])}  {kind.ljust(widths[1])}  "
        space, line, of = " " * len(start), start + option, f"of {' | '.join(options)}"
        if len(space + of) > WIDTH:
            of = f"of {len(options)} options"
        if len(f"{line}  {of}") <= WIDTH:
            yield f"{line}  {of}"
        else:
            yield from _wrapped(line, space)
            yield space + of


def _choice_rows(pair: Choosing) -> Iterator[tuple[str, str, str, tuple[str, ...]]]:
    """Stage, kind, what was chosen, and from what. Equal choices in a row share a line: `3 x basic(4), 2 x skip`."""
    stage = None
    for (own, kind, options), group in groupby(pair.chosen, lambda one: (one.stage, one.kind, one.options)):
        runs = [(option, len([*same])) for option, same in groupby(one.option for one in group)]
        made = ", ".join(option if count == 1 else f"{count} x {option}" for option, count in runs)
        yield "" if own == stage else own or "-", kind, made, options
        stage = own


# -------------------------------------------------------------------------- lines


def _count(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


def _wrapped(line: str, indent: str) -> Sequence[str]:
    """A line, broken between words if it is longer than WIDTH. A number is not separated from its magnitude."""
    if len(line) <= WIDTH:
        return [line]
    glued = re.sub(r"(?<=[0-9]) (?=[KMGT]\b|[0-9])", _GLUE, line)
    broken = wrap(glued, WIDTH, subsequent_indent=indent + "  ", break_long_words=False, break_on_hyphens=False)
    return [part.replace(_GLUE, " ") for part in broken]


def _painted(line: str) -> str:
    sign = line.lstrip()[:2]
    return f"{COLORS[sign[0]]}{line}{_OFF}" if sign in ("+ ", "- ", "~ ") else line

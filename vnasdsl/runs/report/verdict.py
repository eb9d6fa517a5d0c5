"""What a run came to, in a few sentences: each says whether it is good, and what to do if not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from vnasdsl.runs.folder import RunReader
from vnasdsl.show.numbers import amount

_DECIDED, _OPEN = 0.5, 0.9
"""Mean entropy of the choices up to which they count as decided, and from which as open."""
_COLLAPSED, _GAP = 0.9, 0.2
"""Share of skips from which a search has collapsed; accuracy by which the decoded network may be behind."""


@dataclass(frozen=True)
class Finding:
    tone: Literal["good", "warn", "plain"]
    text: str


def findings(run: RunReader) -> Iterator[Finding]:
    """The sentences of a run, the most important first."""
    yield _state(run)
    if run.kind == "search":
        yield from _choices(run)
    unreadable = run.report.get("unreadable") or {}
    if unreadable:
        yield Finding("warn", f"{len(unreadable)} videos were unreadable and skipped: `vnasdsl data check` names them.")


def _state(run: RunReader) -> Finding:
    done, planned, what = run.progress
    if run.state == "running":
        return Finding("plain", f"It is running: {done} of {planned} {what} are done. The figures are those so far.")
    if run.state == "stopped":
        return Finding("warn", f"It stopped after {done} of {planned} {what}; `--resume` continues it.")
    top1, videos = run.result.get("top1"), run.result.get("videos")
    if top1 is None:
        return Finding("plain", f"It finished: {done} {what}.")
    chance = 1 / len(run.classes)
    where = "videos of the inference part" if run.kind == "search" else "test videos"
    text = f"{100 * top1:.1f} % top-1 on {videos} {where}; guessing gives {100 * chance:.1f} %."
    return Finding("good" if top1 > 2 * chance else "warn", text)


def _choices(run: RunReader) -> Iterator[Finding]:
    last = run.metrics[-1] if run.metrics else {}
    entropy = last.get("entropy")
    if entropy:
        mean = fmean(entropy.values())
        text = f"Mean entropy of the choices at the end: {mean:.2f} (1 is open, 0 decided)."
        if mean >= _OPEN:
            yield Finding("warn", f"{text} They are hardly decided: search longer, or with a larger choices.lr.")
        else:
            yield Finding("good" if mean <= _DECIDED else "plain", text)
    skips = last.get("decoded_skip_share")
    if skips is not None:
        text = f"{100 * skips:.0f} % of the layers that can be skipped are skipped."
        collapsed = " The search has collapsed." if skips >= _COLLAPSED else ""
        yield Finding("warn" if collapsed else "plain", text + collapsed)
    mixture, decoded = last.get("validate_top1"), run.result.get("top1", last.get("score_top1"))
    if mixture is not None and decoded is not None:
        text = f"The mixture scores {100 * mixture:.1f} % (validate part), the decoded network {100 * decoded:.1f} %."
        behind = mixture - decoded > _GAP
        yield Finding("warn" if behind else "plain", text + (" The search judged other networks." if behind else ""))
    for kind in ("macs", "params"):
        target, cost = last.get(f"target_{kind}"), run.report.get(kind, last.get(f"decoded_{kind}"))
        if target and cost:
            within = cost <= target
            text = (
                f"{amount(round(cost))} {'MACs' if kind == 'macs' else 'parameters'}, target {amount(round(target))}."
            )
            advice = f" `vnasdsl derive RUN --max-{kind} {target:.0f}` finds the most probable one within."
            yield Finding("good" if within else "warn", text + ("" if within else advice))
    greedy = run.report.get("greedy")
    if isinstance(greedy, dict):
        same = "the same network as" if greedy.get("same") else "another network than"
        yield Finding("plain", f"Viterbi decodes {same} argmax in each stage.")

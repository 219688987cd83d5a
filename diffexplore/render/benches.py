"""A bench for people: who is fast, what a compiled graph gains, and how exact each gradient is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import median

from diffexplore.benching.figures import time_by_size, work_precision
from diffexplore.benching.records import Bench, BenchedLoss, Pair
from diffexplore.benching.scale import slopes
from diffexplore.lists import grouped
from diffexplore.methods import runs_program
from diffexplore.numerals import short
from diffexplore.render.bench_tables import largest, summary, table_of_one, winners
from diffexplore.render.outline import ran_itself
from diffexplore.writing.blocks import Block, Gap, Heading, Headline, Note, Picture, text
from diffexplore.writing.numbers import counted

#: Of the diagram: with sixteen methods and what they mean the page fills a screen of 40 lines.
_LINES = 12


def title_of(bench: Bench) -> str:
    """What was timed."""
    names = [subject.name for subject in bench.subjects]
    return f"Bench of {names[0] if len(names) == 1 else counted(len(names), 'loss', 'losses')}"


def headline(bench: Bench) -> Headline:
    """Which method is fastest at the largest size; of several losses on how many."""
    if len(bench.subjects) > 1:
        return Headline("BENCH", "strong", _most_often(bench))
    return Headline("BENCH", "strong", "; ".join(_fastest(bench, subject) for subject in bench.subjects))


def outline(bench: Bench, *, full: bool = True, scale: bool = False) -> Iterator[Block]:
    """The blocks of ``bench``: of one loss with its work-precision diagram, of several without.

    Where it is not ``full``, several losses share one table, and all fits one screen. With ``scale`` the diagram is
    that of time against size, and its slopes are named.
    """
    several = len(bench.subjects) > 1
    yield headline(bench)
    if several and not full:
        yield from summary(bench)
    else:
        for subject in bench.subjects:
            yield from _of_one(bench, subject, several, scale)
    if scale:
        yield from (Note(text(_growth(bench, subject)), "·") for subject in bench.subjects)
    for sentence in _static_and_dynamic(bench):
        yield Note(text(sentence), "·")
    yield Note(text(_conditions(bench), "quiet"))


def _of_one(bench: Bench, subject: BenchedLoss, several: bool, scale: bool) -> Iterator[Block]:
    if several:
        yield Gap()
        yield Heading(_fastest(bench, subject))
    if bench.of(subject.name):
        yield table_of_one(bench, subject)
        if not several:
            figure = time_by_size if scale and len(subject.sizes) > 1 else work_precision
            yield Picture(figure(bench, subject), _LINES)
    if subject.loss.program is not None:
        ran = [one.method for one in bench.of(subject.name) if runs_program(one.method)]
        yield Note(text(ran_itself(subject.loss.program, ran), "quiet"))
    for skip in subject.skipped:
        yield Note(text(f"{skip.method}: {skip.reason}", "quiet"), "·")


def _growth(bench: Bench, subject: BenchedLoss) -> str:
    """As which power of the number of samples the time of each method grows."""
    found = sorted(slopes(bench, subject).items(), key=lambda entry: entry[1])
    words = ", ".join(f"{method} {short(slope, 2)}" for method, slope in found)
    return f"{subject.name}: time grows as N to the power of {words or 'nothing known'}"


def _most_often(bench: Bench) -> str:
    losses, methods = len(bench.subjects), len({one.method for one in bench.measurements})
    words = f"{counted(losses, 'loss', 'losses')}, {counted(methods, 'method')}"
    won = winners(bench)
    if not won:
        return words
    best = max(won, key=lambda method: len(won[method]))
    return f"{words}: {best} is most often fastest, on {len(won[best])}"


def _fastest(bench: Bench, subject: BenchedLoss) -> str:
    """The fastest later call at the largest size, beside reverse mode."""
    found = largest(bench, subject)
    if not found:
        return f"{subject.name}: no method could be timed"
    best = min(found, key=lambda one: one.median)
    words = f"{subject.name}, N = {best.n:,}: {best.method} is fastest, {_time(best.median)}"
    reverse = next((one for one in found if one.method == "reverse"), None)
    return words if reverse is None or reverse is best else f"{words}; reverse {_time(reverse.median)}"


def _static_and_dynamic(bench: Bench) -> Iterator[str]:
    """For each library that has both: how much faster its compiled graph is, by size, and when that pays."""
    for library, pairs in grouped(bench.pairs, lambda pair: pair.library).items():
        by_size = sorted(grouped(pairs, lambda pair: pair.n).items())
        ratios = [short(median([pair.ratio for pair in some]), 2) for _, some in by_size]
        yield f"{library}: compiled {', '.join(ratios)} times as fast as eager; {_paid(pairs)}"


def _paid(pairs: Sequence[Pair]) -> str:
    """After how many calls of the smallest size, whose first call compiles, that is won back."""
    smallest = min(pair.n for pair in pairs)
    typical = median([math.inf if pair.repaid is None else pair.repaid for pair in pairs if pair.n == smallest])
    if typical == 0:
        return "paid off at once"
    return f"paid off after {counted(math.ceil(typical), 'call')}" if math.isfinite(typical) else "never paid off"


def _conditions(bench: Bench) -> str:
    """What the numbers mean and what they were taken on."""
    machine = f"{bench.dtype} on {bench.device}, {counted(bench.threads, 'torch thread')}"
    if len(bench.subjects) > 1:
        return f"{machine}; medians of calls, and of the losses"
    return f"{machine}; medians; spread, error and memory at {max((one.n for one in bench.measurements), default=0):,}"


def _time(seconds: float) -> str:
    if seconds >= 1:
        return f"{short(seconds, 2)} s"
    return f"{short(seconds * 1e3, 2)} ms" if seconds >= 1e-3 else f"{short(seconds * 1e6, 2)} µs"

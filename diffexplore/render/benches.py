"""A bench for people: who is fast, what a compiled graph gains, and how exact each gradient is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from rich.console import Console, ConsoleOptions, RenderResult

from diffexplore.benching.figures import work_precision
from diffexplore.benching.records import Bench, BenchedLoss, Measurement, Pair
from diffexplore.methods import runs_program
from diffexplore.numerals import short
from diffexplore.render.bench_tables import summary, table_of_one, winners
from diffexplore.render.outline import ran_itself
from diffexplore.render.terminal import Drawing, as_text
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
    return _of_several(bench) if len(bench.subjects) > 1 else _of_single(bench)


def outline(bench: Bench, *, full: bool = True) -> Iterator[Block]:
    """The blocks of ``bench``: of one loss with its work-precision diagram, of several without.

    Where it is not ``full``, several losses share one table, and all fits one screen.
    """
    several = len(bench.subjects) > 1
    yield headline(bench)
    if several and not full:
        yield from summary(bench)
    else:
        for subject in bench.subjects:
            yield from _of_one(bench, subject, several)
    for sentence in _static_and_dynamic(bench):
        yield Note(text(sentence), "·")
    yield Note(text(_conditions(bench), "quiet"))


def _of_one(bench: Bench, subject: BenchedLoss, several: bool) -> Iterator[Block]:
    if several:
        yield Gap()
        yield Heading(_fastest(bench, subject))
    if bench.of(subject.name):
        yield table_of_one(bench, subject)
        if not several:
            yield Picture(work_precision(bench, subject), _LINES)
    if subject.loss.program is not None:
        ran = [one.method for one in bench.of(subject.name) if runs_program(one.method)]
        yield Note(text(ran_itself(subject.loss.program, ran), "quiet"))
    for skip in subject.skipped:
        yield Note(text(f"{skip.method}: {skip.reason}", "quiet"), "·")


def _of_several(bench: Bench) -> Headline:
    losses, methods = len(bench.subjects), len({one.method for one in bench.measurements})
    words = f"{counted(losses, 'loss', 'losses')}, {counted(methods, 'method')}"
    won = winners(bench)
    if won:
        best = max(won, key=lambda method: len(won[method]))
        words += f": {best} is most often fastest, on {len(won[best])}"
    return Headline("BENCH", "strong", words)


def _of_single(bench: Bench) -> Headline:
    return Headline("BENCH", "strong", "; ".join(_fastest(bench, subject) for subject in bench.subjects))


def _fastest(bench: Bench, subject: BenchedLoss) -> str:
    """The fastest later call at the largest size, beside reverse mode."""
    largest = _largest(bench, subject)
    if not largest:
        return f"{subject.name}: no method could be timed"
    best = min(largest, key=lambda one: one.median)
    words = f"{subject.name}, N = {best.n:,}: {best.method} is fastest, {_time(best.median)}"
    reverse = next((one for one in largest if one.method == "reverse"), None)
    return words if reverse is None or reverse is best else f"{words}; reverse {_time(reverse.median)}"


def _largest(bench: Bench, subject: BenchedLoss) -> tuple[Measurement, ...]:
    """The measurements at the largest size that has some."""
    n = max((one.n for one in bench.of(subject.name)), default=None)
    return () if n is None else bench.of(subject.name, n)


def _static_and_dynamic(bench: Bench) -> Iterator[str]:
    """For each library that has both: how much faster its compiled graph is, by size, and when that pays."""
    for library in dict.fromkeys(pair.library for pair in bench.pairs):
        pairs = [pair for pair in bench.pairs if pair.library == library]
        sizes = sorted({pair.n for pair in pairs})
        ratios = [short(median([pair.ratio for pair in pairs if pair.n == n]), 2) for n in sizes]
        yield f"{library}: compiled {', '.join(ratios)} times as fast as eager; {_paid(pairs)}"


def _paid(pairs: Sequence[Pair]) -> str:
    """After how many calls of the smallest size, whose first call compiles, that is won back."""
    smallest = min(pair.n for pair in pairs)
    calls = [math.inf if pair.repaid is None else pair.repaid for pair in pairs if pair.n == smallest]
    typical = median(calls)
    if typical == 0:
        return "paid off at once"
    return f"paid off after {counted(math.ceil(typical), 'call')}" if math.isfinite(typical) else "never paid off"


def _conditions(bench: Bench) -> str:
    """What the numbers mean and what they were taken on."""
    machine = f"{bench.dtype} on {bench.device}, {counted(bench.threads, 'torch thread')}"
    if len(bench.subjects) > 1:
        return f"{machine}; medians of calls, and of the losses"
    largest = max((one.n for one in bench.measurements), default=0)
    return f"{machine}; medians; spread, error and memory at {largest:,}"


def _time(seconds: float) -> str:
    if seconds >= 1:
        return f"{short(seconds, 2)} s"
    return f"{short(seconds * 1e3, 2)} ms" if seconds >= 1e-3 else f"{short(seconds * 1e6, 2)} µs"


@dataclass(frozen=True)
class BenchPage:
    """A bench that rich can print in whatever width it has.

    ``ascii`` None chooses by the console's encoding; ``full`` shows a table for each of several losses.
    """

    bench: Bench
    ascii: bool | None = None
    full: bool = False

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from Drawing(tuple(outline(self.bench, full=self.full)), self.ascii).__rich_console__(console, options)


def to_text(bench: Bench, width: int = 100, ascii: bool | None = None) -> str:
    """``bench`` as plain text; ``ascii`` None chooses by the encoding of standard output."""
    return as_text(lambda plain: BenchPage(bench, plain), width, ascii)

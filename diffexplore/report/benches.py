"""A bench for people: who is fast, what a compiled graph gains, and how exact each gradient is."""

from __future__ import annotations

import io
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from rich.console import Console, ConsoleOptions, RenderResult

from diffexplore.benching.figures import work_precision
from diffexplore.benching.records import Bench, Measurement, Pair, Subject
from diffexplore.numerals import ABSENT, short
from diffexplore.report.blocks import Block, Column, Gap, Heading, Headline, Note, Picture, Table, Text, text
from diffexplore.report.markdown import document, escaped
from diffexplore.report.numbers import counted
from diffexplore.report.symbols import speaks_mathematics
from diffexplore.report.terminal import Drawing

#: Sizes that a table has room for; of more, the smallest and the largest ones are shown.
_MOST_SIZES = 3


def title_of(bench: Bench) -> str:
    """What was timed."""
    names = [subject.name for subject in bench.subjects]
    return f"Bench of {names[0] if len(names) == 1 else counted(len(names), 'loss', 'losses')}"


def headline(bench: Bench) -> Headline:
    """Which method is fastest at the largest size, and how exact."""
    return Headline("BENCH", "strong", "; ".join(_fastest(bench, subject) for subject in bench.subjects))


def outline(bench: Bench) -> Iterator[Block]:
    """The blocks of ``bench``: of one loss with its work-precision diagram, of several without."""
    yield headline(bench) if len(bench.subjects) == 1 else _of_several(bench)
    for subject in bench.subjects:
        if len(bench.subjects) > 1:
            yield Gap()
            yield Heading(_fastest(bench, subject))
        if bench.of(subject.name):
            yield _table(bench, subject)
            if len(bench.subjects) == 1:
                yield Picture(work_precision(bench, subject))
        for skip in subject.skipped:
            yield Note(text(f"{skip.method}: {skip.reason}", "quiet"), "·")
    for sentence in _static_and_dynamic(bench):
        yield Note(text(sentence), "·")
    yield Note(text(_conditions(bench), "quiet"))


def _of_several(bench: Bench) -> Headline:
    losses, methods = len(bench.subjects), len({one.method for one in bench.measurements})
    return Headline("BENCH", "strong", f"{counted(losses, 'loss', 'losses')}, {counted(methods, 'method')}")


def _fastest(bench: Bench, subject: Subject) -> str:
    """The fastest later call at the largest size, beside reverse mode."""
    largest = _largest(bench, subject)
    if not largest:
        return f"{subject.name}: no method could be timed"
    best = min(largest, key=lambda one: one.median)
    words = f"{subject.name}, N = {best.n:,}: {best.method} is fastest, {_time(best.median)}"
    reverse = next((one for one in largest if one.method == "reverse"), None)
    return words if reverse is None or reverse is best else f"{words}; reverse {_time(reverse.median)}"


def _largest(bench: Bench, subject: Subject) -> tuple[Measurement, ...]:
    """The measurements at the largest size that has some."""
    n = max((one.n for one in bench.of(subject.name)), default=None)
    return () if n is None else bench.of(subject.name, n)


def _table(bench: Bench, subject: Subject) -> Table:
    sizes = subject.sizes if len(subject.sizes) <= _MOST_SIZES else (*subject.sizes[:1], *subject.sizes[-2:])
    columns = (
        Column("method", align="left"), Column("first", "ms"), *(Column(f"{n:,}", "ms") for n in sizes),
        Column("spread", "%"), Column("error", "ulp"), Column("memory", "MB"),
    )  # fmt: skip
    rows = []
    for method in dict.fromkeys(one.method for one in bench.of(subject.name)):
        by_size = {one.n: one for one in bench.of(subject.name) if one.method == method}
        last, first = by_size[max(by_size)], by_size[min(by_size)]
        cells = [_cell(by_size.get(n)) for n in sizes]
        rows.append(
            (
                text(method),
                text(short(first.first * 1e3, 2)),
                *cells,
                text(_spread(last)),
                text(_ulps(last)),
                text(_megabytes(last.memory)),
            )
        )
    return Table(columns, tuple(rows))


def _cell(one: Measurement | None) -> Text:
    return text(ABSENT if one is None else short(one.median * 1e3, 2))


def _spread(one: Measurement) -> str:
    """Half the distance of the quartiles, as a part of the median."""
    return f"±{50 * (one.high - one.low) / one.median:.0f}"


def _ulps(one: Measurement) -> str:
    return ABSENT if one.error_ulp is None else short(one.error_ulp, 2)


def _megabytes(size: int | None) -> str:
    return ABSENT if size is None else f"{size / 1e6:.1f}"


def _static_and_dynamic(bench: Bench) -> Iterator[str]:
    """For each library that has both: how much faster its compiled graph is, by size, and when that pays."""
    for library in dict.fromkeys(pair.library for pair in bench.pairs):
        pairs = [pair for pair in bench.pairs if pair.library == library]
        sizes = sorted({pair.n for pair in pairs})
        ratios = [short(median([pair.ratio for pair in pairs if pair.n == n]), 2) for n in sizes]
        whose = "" if len(bench.subjects) == 1 else " (medians of the losses)"
        yield f"{library}: compiled {', '.join(ratios)} times as fast as eager{whose}; {_paid(pairs)}"


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
    largest = max((one.n for one in bench.measurements), default=0)
    return (
        f"{bench.dtype} on {bench.device}, {counted(bench.threads, 'torch thread')}; medians; "
        f"spread, error and memory at {largest:,}"
    )


def _time(seconds: float) -> str:
    if seconds >= 1:
        return f"{short(seconds, 2)} s"
    return f"{short(seconds * 1e3, 2)} ms" if seconds >= 1e-3 else f"{short(seconds * 1e6, 2)} µs"


@dataclass(frozen=True)
class BenchPage:
    """A bench that rich can print in whatever width it has; ``ascii`` None chooses by the console's encoding."""

    bench: Bench
    ascii: bool | None = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from Drawing(tuple(outline(self.bench)), self.ascii).__rich_console__(console, options)


def to_text(bench: Bench, width: int = 100, ascii: bool | None = None) -> str:
    """``bench`` as plain text; ``ascii`` None chooses by the encoding of standard output."""
    plain = not speaks_mathematics(sys.stdout.encoding) if ascii is None else ascii
    page = io.StringIO()
    Console(file=page, width=width, color_system=None, highlight=False).print(BenchPage(bench, plain))
    return page.getvalue().rstrip("\n")


def to_markdown(bench: Bench) -> str:
    """``bench`` as a Markdown document."""
    return document(f"# {escaped(title_of(bench))}\n", outline(bench))

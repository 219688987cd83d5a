"""The tables of a bench: the methods on one loss, and on several losses together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import median

from diffexplore.benching.records import Bench, BenchedLoss, Measurement
from diffexplore.lists import grouped
from diffexplore.numerals import ABSENT, short
from diffexplore.writing.blocks import Block, Column, Note, Table, text
from diffexplore.writing.numbers import counted

#: Sizes that a table has room for; of more, the smallest and the largest ones are shown.
_MOST_SIZES = 3


def table_of_one(bench: Bench, subject: BenchedLoss) -> Table:
    """A row for each method: its median times by size; spread, error and memory at the largest size that it has."""
    sizes = _shown(subject.sizes)
    rows = []
    for method, found in _by_method(bench.of(subject.name)).items():
        by_size = {one.n: one for one in found}
        last, first = by_size[max(by_size)], by_size[min(by_size)]
        times = [by_size[n].median if n in by_size else None for n in sizes]
        memory = ABSENT if last.memory is None else f"{last.memory / 1e6:.1f}"
        cells = [method, _ms(first.first), *map(_ms, times), _spread(last), _ulps([last]), memory]
        rows.append(tuple(map(text, cells)))
    return Table((*_columns(sizes), Column("spread", "%"), Column("error", "ulp"), Column("memory", "MB")), tuple(rows))


def summary(bench: Bench) -> Iterator[Block]:
    """What several losses have in common: the medians of their times, the worst error, and which method won where."""
    sizes = _shown(sorted({one.n for one in bench.measurements}))
    rows = []
    for method, found in _by_method(bench.measurements).items():
        first = median(one.first for one in found if one.n == min(other.n for other in found))
        times = [_median([one.median for one in found if one.n == n]) for n in sizes]
        losses = len({one.loss for one in found})
        rows.append(tuple(map(text, [method, _ms(first), *map(_ms, times), _ulps(found), f"{losses}"])))
    yield Table((*_columns(sizes), Column("worst", "ulp"), Column("losses")), tuple(rows))
    for method, names in sorted(winners(bench).items(), key=lambda pair: -len(pair[1])):
        yield Note(text(f"{method} is fastest on {counted(len(names), 'loss', 'losses')}: {', '.join(names)}"), "·")
    missing = Counter(skip.method for subject in bench.subjects for skip in subject.skipped)
    if missing:
        parts = [f"{method} on {counted(count, 'loss', 'losses')}" for method, count in missing.items()]
        yield Note(text(f"not timed: {', '.join(parts)}; --full says why", "quiet"), "·")


def winners(bench: Bench) -> dict[str, list[str]]:
    """For each method that is fastest on a loss at its largest size, the losses."""
    won: dict[str, list[str]] = {}
    for subject in bench.subjects:
        best = min(largest(bench, subject), key=lambda one: one.median, default=None)
        if best is not None:
            won.setdefault(best.method, []).append(subject.name)
    return won


def largest(bench: Bench, subject: BenchedLoss) -> tuple[Measurement, ...]:
    """The measurements of a loss at the largest size that has some."""
    return bench.of(subject.name, max((one.n for one in bench.of(subject.name)), default=0))


def _columns(sizes: Sequence[int]) -> list[Column]:
    return [Column.left("method"), Column("first", "ms"), *(Column(f"{n:,}", "ms") for n in sizes)]


def _shown(sizes: Sequence[int]) -> Sequence[int]:
    return sizes if len(sizes) <= _MOST_SIZES else (*sizes[:1], *sizes[-2:])


def _by_method(measurements: Sequence[Measurement]) -> dict[str, list[Measurement]]:
    return grouped(measurements, lambda one: one.method)


def _median(seconds: Sequence[float]) -> float | None:
    return median(seconds) if seconds else None


def _ms(seconds: float | None) -> str:
    return ABSENT if seconds is None else short(seconds * 1e3, 2)


def _spread(one: Measurement) -> str:
    """Half the distance of the quartiles, as a part of the median."""
    return f"±{50 * (one.high - one.low) / one.median:.0f}"


def _ulps(found: Sequence[Measurement]) -> str:
    """The largest error."""
    known = [one.error_ulp for one in found if one.error_ulp is not None]
    return short(max(known), 2) if known else ABSENT

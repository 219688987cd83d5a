"""Several checks of one function as one report, and what its rows come to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from diffexplore.tensors.pairs import verdict_of
from diffexplore.tensors.records import TensorReport, TensorRow, TensorSummary


def merged(reports: Sequence[TensorReport]) -> TensorReport:
    """One report of checks of the same function, in several dtypes say."""
    first = reports[0]
    rows = tuple(row for report in reports for row in report.rows)
    return replace(
        first,
        verdict=verdict_of(rows),
        truth="certified" if all(report.truth == "certified" for report in reports) else "estimated",
        rows=rows,
        skipped=tuple(dict.fromkeys(skip for report in reports for skip in report.skipped)),
        summary=summary_of(rows),
        notes=tuple(dict.fromkeys(note for report in reports for note in report.notes)),
        dtype=", ".join(dict.fromkeys(report.dtype for report in reports)),
    )


def summary_of(rows: Sequence[TensorRow]) -> TensorSummary:
    entries = [row.entries for row in rows]
    return TensorSummary(
        passed=sum(one.passed for one in entries),
        failed=sum(one.failed for one in entries),
        inconclusive=sum(one.inconclusive for one in entries),
        rows=Counter(row.verdict for row in rows),
        causes=Counter(row.cause.key for row in rows if row.cause is not None),
    )

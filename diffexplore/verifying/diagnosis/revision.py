"""Rows and counts after a diagnosis: named causes, and conventions that are not failures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from flint import arb

from diffexplore.checking.comparisons import PointOutcome
from diffexplore.checking.records import Cause, Row, Verdict
from diffexplore.checking.tallies import Tally

#: Causes that say nothing against the formula of a candidate.
_UNDECIDED = frozenset({"convention", "not_deterministic"})


def revised(
    outcome: PointOutcome, causes: Mapping[str, Cause], accept: Sequence[str], *, every: bool = False
) -> PointOutcome:
    """The outcome with these causes, by partial, on its failing rows (on all rows: ``every``).

    A NaN keeps its own cause, and its partial fails whatever the cause of its other numbers.
    """
    nan = {row.parameter for row in outcome.rows if row.is_nan}
    if not every:
        causes = {name: cause for name, cause in causes.items() if name not in nan or _verdict(cause, accept) == "fail"}
    verdicts = {name: _verdict(cause, accept) for name, cause in causes.items()}
    rows = tuple(_row(row, causes, verdicts, every) for row in outcome.rows)
    tallies = tuple(_tally(tally, verdicts, every) for tally in outcome.tallies)
    counts: Counter[str] = Counter({key: count for key, count in outcome.causes.items() if key != "exceeds_bound"})
    for tally in outcome.tallies:
        if tally.parameter in causes and (tally.failed or every):
            numbers = tally.failed - sum(row.is_nan and _belongs(row, tally) for row in outcome.rows)
            counts[causes[tally.parameter].key] += numbers if not every else _size(tally)
    settled = dict(outcome.settled)
    for name, verdict in verdicts.items():
        if verdict == "pass" and name not in settled:
            settled[name] = float("nan")
    return replace(
        outcome, rows=rows, tallies=tallies, causes=counts, settled=settled,
        failed=any(tally.failed for tally in tallies),
    )  # fmt: skip


def _verdict(cause: Cause, accept: Sequence[str]) -> Verdict:
    accepted = {cause.key, cause.fields.get("convention")} & set(accept)
    if cause.key == "convention" and accepted:
        return "pass"
    if cause.key in _UNDECIDED or (cause.key == "precision" and cause.fields.get("right_in_float64")):
        return "inconclusive"
    return "fail"


def _row(row: Row, causes: Mapping[str, Cause], verdicts: Mapping[str, Verdict], every: bool) -> Row:
    if row.parameter in causes and ((row.verdict == "fail" and not row.is_nan) or every):
        return replace(row, verdict=verdicts[row.parameter], cause=causes[row.parameter])
    if row.cause is not None and row.cause.key == "kink" and _inside(row):
        message = f"a convention: {row.value:.6g} lies between the one-sided derivatives of a kink"
        return replace(row, cause=Cause("kink", message, {"convention": "kink"}))
    return row


def _belongs(row: Row, tally: Tally) -> bool:
    kind = "probes" if row.probe is not None else "reduced" if row.sample is None else "samples"
    return (row.parameter, row.method, kind) == (tally.parameter, tally.method, tally.kind)


def _inside(row: Row) -> bool:
    """Whether the value lies in the hull of the derivatives at a kink."""
    if row.value is None or row.truth is None:
        return False
    return bool(arb(row.truth.mid, row.truth.rad).contains(arb(row.value)))


def _tally(tally: Tally, verdicts: Mapping[str, Verdict], every: bool) -> Tally:
    verdict = verdicts.get(tally.parameter)
    if verdict is None:
        return tally
    if every:
        size = _size(tally)
        return replace(tally, passed=0, inconclusive=0, failed=size)
    moved = tally.failed if verdict != "fail" else 0
    return replace(
        tally,
        failed=tally.failed - moved,
        passed=tally.passed + (moved if verdict == "pass" else 0),
        inconclusive=tally.inconclusive + (moved if verdict == "inconclusive" else 0),
    )


def _size(tally: Tally) -> int:
    return tally.passed + tally.failed + tally.inconclusive

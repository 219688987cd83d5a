"""Gradients that a narrow dtype hides: what its rounding may amount to there shows nothing, so float64 is run as well.

A bound holds for the worst case. Through the layers of a network in float32 it grows until any number would be within
it. The same code in float64 has a bound 2²⁹ times smaller: it tells whether the gradient is right, and its rows take
the places of those that say nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from diffexplore.errors import UsageError
from diffexplore.floating_point import dtype_name
from diffexplore.tensors import candidate as candidates
from diffexplore.tensors.battery.records import BatteryChoice
from diffexplore.tensors.merging import merged
from diffexplore.tensors.records import TensorReport, TensorRow
from diffexplore.tensors.run import checked
from diffexplore.tensors.subject import TensorSubject
from diffexplore.writing.numbers import counted

#: Causes of a row that no number could have failed.
_HIDDEN = ("no_power", "no_bound")


def in_dtype(subject: TensorSubject, dtype: torch.dtype) -> TensorSubject:
    """The same check with every tensor of floats converted."""
    candidate, forward = (candidates.in_dtype(call, dtype) for call in (subject.candidate, subject.forward))
    return replace(subject, candidate=candidate, forward=forward)


def checked_also_wider(subject: TensorSubject, notes: Sequence[str], battery: BatteryChoice) -> TensorReport:
    """The report of a check. Where rounding hides whole gradients, float64 decides all of which it hides an entry."""
    report = checked(subject, notes, battery)
    undecided = any(row.verdict == "inconclusive" and _is_hidden(row) for row in report.rows)
    if report.verdict != "inconclusive" or not undecided or subject.dtype == torch.float64:
        return report
    try:
        wide = checked(in_dtype(subject, torch.float64))
    except UsageError:  # it does not run in float64
        return report
    found = {_pair(row): row for row in wide.rows}
    rows = [found.get(_pair(row), row) if _is_hidden(row) else row for row in report.rows]
    count = counted(sum(map(_is_hidden, report.rows)), "gradient")
    note = f"rounding in {dtype_name(subject.dtype)} hides entries of {count}: checked in float64"
    both = merged([replace(report, rows=tuple(rows)), replace(wide, rows=())])
    return replace(both, dtype=report.dtype, notes=(note, *report.notes))


def _is_hidden(row: TensorRow) -> bool:
    """Whether rounding leaves entries open: all of them, or some of those of a gradient that passes."""
    if row.verdict == "inconclusive":
        return row.cause is not None and row.cause.key in _HIDDEN
    return row.verdict == "pass" and row.entries.inconclusive > row.entries.kinks


def _pair(row: TensorRow) -> tuple[str, str]:
    return row.output, row.input

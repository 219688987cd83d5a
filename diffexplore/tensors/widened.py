"""Gradients that a narrow dtype hides: what its rounding may amount to there says nothing, so float64 is asked as well.

A bound holds for the worst case. Through the layers of a network in float32 it grows until any number would be within
it. The same code in float64 has a bound 2²⁹ times smaller: it tells whether the gradient is right, and the rows in the
narrow dtype stay, with what they leave open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from diffexplore.errors import UsageError
from diffexplore.floating_point import dtype_name
from diffexplore.tensors.candidate import TensorCandidate
from diffexplore.tensors.pairs import verdict_of
from diffexplore.tensors.records import TensorReport, TensorRow
from diffexplore.tensors.run import checked, merged
from diffexplore.tensors.subject import TensorSubject

#: Causes of a row that no number could have failed.
_HIDDEN = ("no_power", "no_bound")


def in_dtype(subject: TensorSubject, dtype: torch.dtype) -> TensorSubject:
    """The same call with every tensor of floats converted."""

    def converted(call: TensorCandidate) -> TensorCandidate:
        floats = {
            one.name: one.tensor.detach().to(dtype, copy=True).requires_grad_(one.tensor.requires_grad)
            for one in call.inputs
            if one.tensor.is_floating_point()
        }
        return call.replaced(floats)

    return replace(subject, candidate=converted(subject.candidate), forward=converted(subject.forward))


def checked_also_wider(subject: TensorSubject, notes: Sequence[str], battery: str) -> TensorReport:
    """The report of a check; the gradients that rounding hides are checked in float64 as well, where that is possible.

    Such a gradient passes where it passes there, and fails where it fails in either.
    """
    report = checked(subject, notes, battery)
    hidden = [_pair(row) for row in report.rows if _is_hidden(row)]
    if report.verdict != "inconclusive" or not hidden or subject.dtype == torch.float64:
        return report
    try:
        wide = checked(in_dtype(subject, torch.float64), (), "none")
    except UsageError:  # it does not run in float64
        return report
    found = [row for row in wide.rows if _pair(row) in hidden]
    decisive = [*(row for row in report.rows if not _is_hidden(row)), *found]
    dtype = dtype_name(subject.dtype)
    note = f"where rounding in {dtype} hides a gradient, it was checked in float64 as well"
    return replace(
        merged([report, replace(wide, rows=tuple(found))]),
        verdict=verdict_of(decisive),
        notes=(*report.notes, note),
    )


def _is_hidden(row: TensorRow) -> bool:
    return row.verdict == "inconclusive" and row.cause is not None and row.cause.key in _HIDDEN


def _pair(row: TensorRow) -> tuple[str, str]:
    return row.output, row.input

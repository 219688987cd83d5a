"""Verification as an assertion: silence where the gradient is right, and a short message where it is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

from diffexplore.arguments import as_flag
from diffexplore.checking.records import Report
from diffexplore.errors import GradientError
from diffexplore.verifying.run import verify


def assert_gradient(
    candidate: Any,
    loss: Any = None,
    data: Mapping[str, Any] | str | PathLike[str] | None = None,
    at: Mapping[str, float] | Sequence[Mapping[str, float]] | None = None,
    *,
    allow_inconclusive: bool = False,
    **options: Any,
) -> Report:
    """Verifies somebody's gradient, and raises where it is wrong or could not be decided.

    ``candidate``, ``loss``, ``data``, ``at`` and ``options`` are those of :func:`verify`. With ``allow_inconclusive`` a
    check that could not be decided passes. Returns the report; its ``summary.power`` says what would have been caught.

    Raises:
        GradientError: an AssertionError; its text names the cause, and ``.report`` holds the rest.
        UsageError: for what cannot be used, the candidate's own exceptions included.
    """
    __tracebackhide__ = True
    allow_inconclusive = as_flag(allow_inconclusive, "allow_inconclusive")
    report = verify(candidate, loss, data, at, **options)
    if report.verdict == "fail" or (report.verdict == "inconclusive" and not allow_inconclusive):
        raise GradientError(report)
    return report

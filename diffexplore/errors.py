"""Errors that a user can mend, each said in one clear line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diffexplore.check.records import Report


class DiffexploreError(Exception):
    """Base class of every error that diffexplore raises on purpose."""


class UsageError(DiffexploreError, ValueError):
    """Input that cannot be used: the message names what was wrong and what would be right.

    The command line prints the message as one line and exits with code 2.
    """


class GradientError(DiffexploreError, AssertionError):
    """A gradient is wrong, or could not be decided: raised by :func:`diffexplore.assert_gradient`.

    Its text fits 25 lines of 100 columns however many samples there are; ``report`` is the whole
    :class:`~diffexplore.Report`. It can be pickled, so that it crosses from one process to another.
    """

    def __init__(self, report: Report) -> None:
        from diffexplore.report.failure import failure_text

        super().__init__(failure_text(report))
        self.report = report

    def __reduce__(self) -> tuple[type[GradientError], tuple[Report]]:
        return type(self), (self.report,)


_LONGEST_NAME = 40
"""Longer names are cut in messages."""


def nearest(name: str, choices: Iterable[str]) -> str | None:
    """The choice most like ``name``, or None where nothing is alike."""
    found = difflib.get_close_matches(name, list(choices), n=1, cutoff=0.5)
    return found[0] if found else None


def unknown(kind: str, name: str, choices: Iterable[str]) -> UsageError:
    """A :class:`UsageError` for a name that is not among ``choices``, with the nearest right one."""
    choices = sorted(choices)
    name = name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
    guess = nearest(name, choices)
    if guess is not None:
        return UsageError(f"unknown {kind} {name!r}: did you mean {guess!r}?")
    return UsageError(f"unknown {kind} {name!r}: choose from {', '.join(choices)}")

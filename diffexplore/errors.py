"""Errors that a user can mend, each in one clear line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from diffexplore.lists import shortened
from diffexplore.suggestions import did_you_mean

if TYPE_CHECKING:
    from diffexplore.checking.records import Report
    from diffexplore.tensors.records import TensorReport


class DiffexploreError(Exception):
    """Base class of every error that diffexplore raises on purpose."""

    def _render_traceback_(self) -> list[str]:
        """What IPython and Jupyter show in the place of a traceback: the error is the user's to mend, not ours."""
        return [f"{type(self).__name__}: {self}"]


class UsageError(DiffexploreError, ValueError):
    """Input that cannot be used: the message names what was wrong and what would be right.

    The command line prints the message as one line and exits with code 2.
    """


class CandidateError(UsageError):
    """The candidate cannot be used as it is: the message names it, what was wrong and what would be right."""


class GradientError(DiffexploreError, AssertionError):
    """A gradient is wrong, or undecided: raised by :func:`diffexplore.assert_gradient`, :func:`diffexplore.gradcheck`.

    Its text fits 25 lines of 100 columns however many samples there are; ``report`` is the whole
    :class:`~diffexplore.Report` or :class:`~diffexplore.TensorReport`. It can be pickled, so that it crosses from one
    process to another.
    """

    def __init__(self, report: Report | TensorReport) -> None:
        from diffexplore.render.failure import failure_text

        super().__init__(failure_text(report))
        self.report = report

    def __reduce__(self) -> tuple[type[GradientError], tuple[Report | TensorReport]]:
        return type(self), (self.report,)


#: A longer list of choices is cut.
_LONGEST_LIST = 150

_LONGEST_NAME = 40
"""Longer names are cut in messages."""


def unknown(kind: str, name: str, choices: Iterable[str]) -> UsageError:
    """A :class:`UsageError` for a name that is not among ``choices``, with the one that it means, or else all."""
    choices, name = sorted(choices), shortened(str(name), _LONGEST_NAME)
    hint = did_you_mean(name, choices) or (f"choose from {_listed(choices)}" if choices else "there is none")
    return UsageError(f"unknown {kind} {name!r}: {hint}")


def _listed(choices: Sequence[str]) -> str:
    """The choices as far as a line has room for them, and how many more there are."""
    shown = list(choices)
    while len(shown) > 1 and len(", ".join(shown)) > _LONGEST_LIST:
        shown.pop()
    left = len(choices) - len(shown)
    return ", ".join(shown) + (f" and {left} more" if left else "")

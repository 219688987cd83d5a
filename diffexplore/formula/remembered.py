"""Functions whose results are kept for later calls, which then cost in a budget what the first call took.

What the seconds of a budget ended early is not kept: it depends on the load of the machine, and a later call may find
more.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import ParamSpec, TypeVar

from diffexplore.formula.budget import METER, Meter, spend

_Arguments = ParamSpec("_Arguments")
_Found = TypeVar("_Found")

_UNLIMITED = 10**18


class _Late(Exception):
    """Carries a result that is not kept, and what it took, past the cache."""


def remembered(most: int) -> Callable[[Callable[_Arguments, _Found]], Callable[_Arguments, _Found]]:
    """A function whose last ``most`` results are kept; each call spends what the first one took."""

    def decorate(function: Callable[_Arguments, _Found]) -> Callable[_Arguments, _Found]:
        @lru_cache(maxsize=most)
        def kept(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> tuple[_Found, int]:
            outer = METER.get()
            meter = Meter(_UNLIMITED if outer is None else outer.left)
            start, token = meter.left, METER.set(meter)
            try:
                found = function(*args, **kwargs)
            finally:
                METER.reset(token)
            if meter.late:
                raise _Late(found, start - meter.left)
            return found, start - meter.left

        @wraps(function)
        def call(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Found:
            try:
                found, operations = kept(*args, **kwargs)  # type: ignore[arg-type]  # the arguments are hashable
            except _Late as late:
                found, operations = late.args
                outer = METER.get()
                if outer is not None:
                    outer.late = True
            spend(operations)
            return found

        return call

    return decorate

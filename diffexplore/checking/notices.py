"""Who hears of every check and verification that ends, wherever it was called from: a test run that collects them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diffexplore.checking.records import Report

_hearers: list[Callable[[Report], None]] = []


@contextmanager
def heard_by(hearer: Callable[[Report], None]) -> Iterator[None]:
    """Calls ``hearer`` with each report that is made inside the ``with`` block."""
    _hearers.append(hearer)
    try:
        yield
    finally:
        _hearers.remove(hearer)


def announced(report: Report) -> Report:
    """The report, after all who listen have heard of it."""
    for hearer in tuple(_hearers):
        hearer(report)
    return report

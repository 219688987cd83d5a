"""Callbacks for every report that is made, wherever the check was called from: a test run collects them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from diffexplore.documents import Document

_Document = TypeVar("_Document", bound="Document")

_callbacks: list[Callable[[Document], None]] = []


@contextmanager
def notifying(callback: Callable[[Document], None]) -> Iterator[None]:
    """Calls ``callback`` with each report that is made inside the ``with`` block."""
    _callbacks.append(callback)
    try:
        yield
    finally:
        _callbacks.remove(callback)


def announced(report: _Document) -> _Document:
    """The report, after every callback was called with it."""
    for callback in tuple(_callbacks):
        callback(report)
    return report

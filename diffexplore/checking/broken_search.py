"""A search for a cause that ends in an error of ours: the verdict is known before it, and stays; the report says so."""

from __future__ import annotations

import traceback
from dataclasses import replace
from pathlib import Path

from diffexplore.checking.records import Cause

#: What the sentence on such a search has in it.
OURS = "a defect of diffexplore"


def told(cause: Cause, error: Exception | None) -> Cause:
    """The cause, whose message says besides which error ended a search; the cause as it is where none did."""
    if error is None:
        return cause
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{type(error).__name__} ({Path(last.filename).name}, line {last.lineno})"
    return replace(cause, message=f"{cause.message}; a search for the cause ended in {where}, {OURS}: please report it")

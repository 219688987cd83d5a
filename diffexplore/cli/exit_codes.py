"""What the process says to the one that called it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diffexplore.checking.records import Verdict

USAGE = 2
INTERNAL = 70
INTERRUPTED = 130
BROKEN_PIPE = 141  # 128 + SIGPIPE, as a shell reports it

OF_STATUS: dict[str, int] = {"proved": 0, "refuted": 1, "unknown": 3}

OF_VERDICT: dict[Verdict, int] = {"pass": 0, "fail": 1, "inconclusive": 3}

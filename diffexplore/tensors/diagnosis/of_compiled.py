"""Gradients that are wrong where code was compiled, and right where the Python runs that it was compiled from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from diffexplore.checking.judge import FAIL
from diffexplore.checking.records import Cause
from diffexplore.tensors.pairs import UpstreamTrial
from diffexplore.tensors.watched_call import WatchedCall

_ONLY_COMPILED = Cause(
    "compile",
    "the Python that was compiled gives the right gradient, and the code that torch.compile makes of it another one",
)


def only_compiled(
    seen: WatchedCall, output: str, place: int, trials: Sequence[tuple[int, UpstreamTrial]]
) -> tuple[Cause, ...]:
    """That every entry which failed is right as it is written; nothing where one is not, or nothing was compiled.

    ``trials`` are those of one output and of the input at ``place``, with the number of the upstream gradient.
    """
    if seen.as_written is None:
        return ()
    found = [_is_right(seen.as_written, (output, number), place, trial) for number, trial in trials]
    return (_ONLY_COMPILED,) if found and all(found) else ()


def _is_right(written: WatchedCall, call: tuple[str, int], place: int, trial: UpstreamTrial) -> bool:
    several = written.gradients.get(call, "")
    if isinstance(several, str):
        return False
    judged, value = trial.judged, several[place].value.reshape(-1)
    if value.shape != judged.value.shape:  # along directions
        return False
    with np.errstate(all="ignore"):
        off = np.abs((value - judged.truth.high) - judged.truth.low) - judged.truth.radius
        return not bool(((judged.verdict == FAIL) & ~(off <= judged.bound)).any())

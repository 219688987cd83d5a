"""How often the data were read."""

from __future__ import annotations

from diffexplore.fitting.moments import moments_of
from diffexplore.fitting.objective import takes_sums
from diffexplore.fitting.records import Finding, Fit
from diffexplore.lists import shortened

_LONGEST = 100


def sums(fit: Fit) -> Finding | None:
    """The run that takes its numbers from sums over the data, and which these are."""
    if fit.fitted is None:
        return None
    moments, divided = moments_of(fit.fitted.loss), fit.fitted.batch.n < fit.n
    for run in fit.runs:
        if moments is not None and takes_sums(moments, fit.n, run.method, run.dtype, divided=divided):
            names = [symbol.name for symbol in moments.exponents]
            listed = shortened(", ".join(names), _LONGEST)
            sentence = f"{run.method} in {run.dtype} reads the data once, and then goes by {len(names)} sums: {listed}"
            if divided:
                sentence += "; other methods, which would read it at each step, are left out"
            return Finding("sums", sentence, {"sums": names})
    return None

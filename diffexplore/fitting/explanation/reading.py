"""How often the data were read."""

from __future__ import annotations

from diffexplore.fitting.moments import moments_of
from diffexplore.fitting.objective import takes_sums
from diffexplore.fitting.records import Finding, Fit
from diffexplore.lists import shortened

_LONGEST = 100


def sums(fit: Fit) -> Finding | None:
    """The run that takes its numbers from sums over the data, and which these are."""
    moments = None if fit.fitted is None else moments_of(fit.fitted.loss)
    for run in fit.runs:
        if moments is not None and takes_sums(moments, fit.n, run.method, run.dtype):
            names = [symbol.name for symbol in moments.exponents]
            listed = shortened(", ".join(names), _LONGEST)
            sentence = f"{run.method} in {run.dtype} reads the data once, and then goes by {len(names)} sums: {listed}"
            return Finding("sums", sentence, {"sums": names})
    return None

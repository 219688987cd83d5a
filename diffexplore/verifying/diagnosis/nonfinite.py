"""Which sample, and which operation of a candidate, made a NaN or an infinity, or lost the bound of its error."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from diffexplore.bounds.claims import UNIT_ROUNDOFF
from diffexplore.bounds.watch import observing
from diffexplore.checking.explain import explained
from diffexplore.checking.origin import Origin
from diffexplore.checking.provenance import Provenance
from diffexplore.checking.records import Cause, Row
from diffexplore.checking.unbounded import Unbounded
from diffexplore.checking.unbounded import explained as name_culprit
from diffexplore.verifying.diagnosis.locate import by_halving
from diffexplore.verifying.diagnosis.scene import Laboratory, Scene

#: Batches that are searched for the sample to blame.
_MOST = 2**22


def origin_of(row: Row, laboratory: Laboratory) -> Cause:
    """The cause of a row whose value is not finite, with the sample and the operation that made it."""
    assert row.cause is not None
    name, where = row.parameter, row.sample
    if where is None and row.probe is None:
        scene = _halved(laboratory, lambda found: name in found.estimates and not np.isfinite(found.values(name)).all())
        where = scene.index[0] if scene is not None else None
    index, _, data = laboratory.values_of(where)
    origin = Origin()
    with observing(origin):
        laboratory.call(laboratory.point, np.arange(laboratory.n) if where is None else index)
    return explained(row.cause, origin, where, data)


def culprit_of(row: Row, laboratory: Laboratory) -> Cause:
    """The cause of a row without a bound, with the operation of the candidate at which it is lost."""
    assert row.cause is not None
    name, where = row.parameter, row.sample
    if where is None:
        scene = _halved(laboratory, lambda found: name in found.estimates and not np.isfinite(found.bounds(name)).all())
        where = scene.index[0] if scene is not None and scene.n == 1 else None
    if where is None and laboratory.columns:
        return row.cause
    index, values, data = laboratory.values_of(where)
    observer = Unbounded(Provenance(values, UNIT_ROUNDOFF[laboratory.problem.dtype]))
    with observing(observer):
        laboratory.call(laboratory.point, index)
    return name_culprit(row.cause, observer.found, where, data)


def _halved(laboratory: Laboratory, wrong: Callable[[Scene], bool]) -> Scene | None:
    """A single sample that is ``wrong`` by itself, of a batch that is not too large to be searched."""
    return by_halving(laboratory, wrong) if laboratory.columns and laboratory.n <= _MOST else None

"""Which sample, and which operation of a candidate, made a NaN or an infinity, or lost the bound of its error."""

from __future__ import annotations

import numpy as np
import torch

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
    if where is None and row.probe is None and laboratory.columns and laboratory.n <= _MOST:
        scene = by_halving(laboratory, lambda found: _not_finite(found, name))
        where = scene.index[0] if scene is not None else None
    origin = Origin()
    index = np.arange(laboratory.n) if where is None else np.array([where])
    with observing(origin):
        laboratory.ask(laboratory.point, index)
    data = {} if where is None else {key: float(column[where]) for key, column in laboratory.columns.items()}
    return explained(row.cause, origin, where, data)


def culprit_of(row: Row, laboratory: Laboratory) -> Cause:
    """The cause of a row without a bound, with the operation of the candidate at which it is lost."""
    assert row.cause is not None
    name, where = row.parameter, row.sample
    if where is None and laboratory.columns and laboratory.n <= _MOST:
        scene = by_halving(laboratory, lambda found: _unbounded(found, name))
        where = scene.index[0] if scene is not None and scene.n == 1 else None
    if where is None and laboratory.columns:
        return row.cause
    index = np.array([0 if where is None else where])
    rows = {key: column[torch.from_numpy(index).to(column.device)] for key, column in laboratory.columns.items()}
    values = laboratory.problem.values(laboratory.point, rows)
    observer = Unbounded(Provenance(values, UNIT_ROUNDOFF[laboratory.problem.dtype]))
    with observing(observer):
        laboratory.ask(laboratory.point, index)
    data = {} if where is None else {key: float(column[where]) for key, column in laboratory.columns.items()}
    return name_culprit(row.cause, observer.found, where, data)


def _unbounded(scene: Scene, name: str) -> bool:
    return name in scene.estimates and not np.isfinite(scene.bounds(name)).all()


def _not_finite(scene: Scene, name: str) -> bool:
    return name in scene.estimates and not np.isfinite(scene.values(name)).all()

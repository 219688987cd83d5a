"""The upstream gradient of a candidate: a number for a loss, one for each entry of an output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from diffexplore.arguments import is_table, wrong
from diffexplore.checking.batch import Batch
from diffexplore.errors import CandidateError, UsageError
from diffexplore.formula.parse import names_in
from diffexplore.loss import Loss
from diffexplore.verifying.calling import call
from diffexplore.verifying.candidates import Candidate, adapt
from diffexplore.verifying.candidates.computes_loss import UPSTREAM, ComputesLoss
from diffexplore.verifying.candidates.layer import Layer
from diffexplore.verifying.packs import Packed, adapt_packed


@dataclass(frozen=True)
class VerifiedSubject:
    """A candidate with the loss, the batch and the points of its verification.

    With ``surrogate`` the loss only says what the gradient is meant to be, and not what the candidate computes.
    """

    candidate: Candidate
    loss: Loss
    batch: Batch
    points: Sequence[Mapping[str, float]]
    surrogate: bool = False


def subject_of(
    candidate: Any, loss: Loss, batch: Batch, points: Sequence[Mapping[str, float]], *, upstream: Any = None,
    kind: str | None = None, pack: Mapping[str, Any] | None = None,
) -> VerifiedSubject:  # fmt: skip
    """What is verified: the candidate as it is, or its output contracted with an upstream gradient.

    A candidate that returns one number, and is given one, computes u·L: then u is a parameter of the loss. Else each
    output ℓᵢ has its uᵢ, and the loss is Σ uᵢ ℓᵢ. A number fits outputs of any shape: of one that has not one entry for
    each sample it multiplies the sum of all entries, which is u·Σ ℓᵢ. Raises UsageError for an upstream gradient that
    does not fit.
    """
    if upstream is None:
        return VerifiedSubject(_adapted(candidate, loss, kind, pack), loss, batch, points)
    column = _numbers(upstream, batch.n)
    shape = _shape_of_output(candidate, loss, batch, points[0], kind, pack) if column.ndim == 0 else None
    if shape is not None and shape != (batch.n,):
        reduction = loss.reduction if prod(shape) == 1 else "sum"
        scaled = _times_upstream(loss, (*loss.parameters, UPSTREAM), loss.data, reduction)
        points = [{**point, UPSTREAM: float(column)} for point in points]
        return VerifiedSubject(_adapted(candidate, scaled, kind, pack), scaled, batch, points)
    contracted = _times_upstream(loss, loss.parameters, (*loss.data, UPSTREAM), "sum")
    wide = replace(batch, columns={**batch.columns, UPSTREAM: np.broadcast_to(column, (batch.n,)).copy()})
    return VerifiedSubject(_adapted(candidate, contracted, kind, pack), contracted, wide, points)


def _adapted(candidate: Any, loss: Loss, kind: str | None, pack: Mapping[str, Any] | None) -> Candidate:
    """What somebody gave, as a candidate for the gradient of ``loss``."""
    return adapt_packed(candidate, loss, kind, pack) if pack is not None else adapt(candidate, loss, kind)


def _numbers(upstream: Any, n: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    try:
        given = upstream.to_numpy() if is_table(upstream) else upstream
        if isinstance(given, np.ndarray):  # torch takes no other byte order, and no stride below 0
            given = np.array(given, given.dtype.newbyteorder("="), order="C")
        given = torch.as_tensor(given)
        if given.is_complex() or given.dtype == torch.bool:
            raise TypeError
        column: np.ndarray[Any, Any] = given.to(torch.float64).numpy(force=True)
    except Exception:  # what torch raises for all that is no array of numbers
        raise wrong("the upstream gradient", "a number or an array of numbers", upstream) from None
    if column.ndim > 1 or (column.ndim == 1 and len(column) != n):
        raise UsageError(f"the upstream gradient should be a number or have shape ({n},), not {column.shape}")
    if not np.isfinite(column).all():
        raise UsageError("the upstream gradient should be finite")
    return column


def _times_upstream(loss: Loss, parameters: Sequence[str], data: Sequence[str], reduction: str) -> Loss:
    """The loss whose summand is multiplied by the upstream gradient."""
    formula = loss.times(UPSTREAM)
    if isinstance(formula, str):
        used = set(names_in(formula, (*parameters, *data)))
    else:
        used = {symbol.name for symbol in formula.free_symbols}
    contracted = Loss(
        formula, parameters=[name for name in parameters if name in used], data=[name for name in data if name in used],
        reduction=reduction, name=loss.name, domain=loss.domain_text, source=loss.source,
    )  # fmt: skip
    return contracted.with_symbols(parameters, data)


def _shape_of_output(
    given: Any, loss: Loss, batch: Batch, point: Mapping[str, float], kind: str | None, pack: Mapping[str, Any] | None
) -> tuple[int, ...] | None:
    """The shape of what the candidate returns on the batch; None where it cannot be decided yet."""
    try:
        candidate = _adapted(given, loss, kind, pack)
    except CandidateError:  # formulas may name the upstream gradient, which this loss has not
        return None
    inner = candidate.inner if isinstance(candidate, Packed) else candidate
    if not isinstance(inner, (ComputesLoss, Layer)):
        return None
    values = {name: torch.tensor(float(point[name]), dtype=torch.float64, device="cpu") for name in loss.parameters}
    values |= {name: torch.as_tensor(batch.columns[name]).clone() for name in loss.data}
    packed = candidate.symbols.pack(values) if isinstance(candidate, Packed) else values
    try:
        output = call(lambda: inner.returned(packed), candidate.name, seed=0)
    except CandidateError:  # the verification says what is wrong
        return None
    return tuple(output.shape) if isinstance(output, Tensor) else None

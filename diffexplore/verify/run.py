"""A verification from end to end: a candidate, a loss, a batch and points in, a report out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import Any

import numpy as np
import torch

from diffexplore.bounds.canary import broken_claims
from diffexplore.check.batch import Batch, make_batch
from diffexplore.check.evaluate import Running
from diffexplore.check.listener import Listener, Silence
from diffexplore.check.options import as_device, as_dtype, as_seed, as_wrt
from diffexplore.check.points import make_points
from diffexplore.check.problem import Problem
from diffexplore.check.records import Report
from diffexplore.check.run import assemble, scale_over
from diffexplore.errors import UsageError
from diffexplore.loss import Loss
from diffexplore.verify.candidates import Candidate, adapt
from diffexplore.verify.candidates.computes_loss import UPSTREAM
from diffexplore.verify.diagnosis.diagnose import diagnosed
from diffexplore.verify.observed import Observed
from diffexplore.verify.point import CandidateCheck


def verify(
    candidate: Any,
    loss: Loss | str,
    data: Mapping[str, Any] | str | PathLike[str] | None = None,
    at: Mapping[str, float] | Sequence[Mapping[str, float]] | None = None,
    *,
    kind: str | None = None,
    upstream: Any = None,
    wrt: Sequence[str] | str | None = None,
    dtype: str | torch.dtype = "float64",
    device: str | torch.device = "auto",
    seed: int = 0,
    accept: Sequence[str] | str = (),
    listener: Listener | None = None,
) -> Report:
    """Is somebody's gradient the gradient of this loss, and if not, why?

    ``candidate`` is a torch function, autograd Function or module that computes the loss (``kind="loss"``), a function
    that returns the gradient (``"gradient"``; torch or NumPy; a tuple, mapping or array), a pair of forward and
    backward (``"layer"``), a mapping from symbols to formulas (``"formulas"``), or a training step, or tensors, whose
    ``.grad`` is meant (``"grads"``). Its arguments are bound by name where they are named like the loss's symbols,
    else in the loss's order. ``upstream`` (a number, or shape (n,)) is the gradient of what follows, for candidates
    whose output has an entry for each sample. ``wrt`` names the partials (default: all parameters); by data, what is
    verified is ∂L/∂z_i for every sample. ``accept`` names causes of conventions that are to pass. Everything else is
    as for :func:`check`.

    Returns a report with the candidate's rows; those that failed carry a named cause.
    Raises :class:`~diffexplore.errors.UsageError` for what cannot be used, the candidate's own exceptions included.
    """
    loss = _as_loss(loss)
    points = make_points(loss, _default_at(candidate, loss, at))
    batch = make_batch(loss, data)
    if upstream is not None:
        loss, batch = with_upstream(loss, batch, upstream)
    adapted = adapt(candidate, loss, kind)
    accepted = (accept,) if isinstance(accept, str) else tuple(accept)
    return run_verification(
        adapted, loss, batch, points, wrt=wrt, dtype=dtype, device=device, seed=seed, accept=accepted, listener=listener
    )


def run_verification(
    candidate: Candidate,
    loss: Loss,
    batch: Batch,
    points: Sequence[Mapping[str, float]],
    *,
    wrt: Sequence[str] | str | None = None,
    dtype: str | torch.dtype = "float64",
    device: str | torch.device = "auto",
    seed: int = 0,
    accept: tuple[str, ...] = (),
    listener: Listener | None = None,
) -> Report:
    """The same for an adapted candidate on a batch that is at hand."""
    listener = listener or Silence()
    seed = as_seed(seed)
    problem = Problem(loss, _partials(loss, wrt), as_dtype(dtype), as_device(device))
    used = problem.loss_program.operations | problem.gradient_program.operations
    broken = broken_claims(problem.dtype, problem.device, used)
    running = [Running(candidate.name, Observed(candidate, seed), "; ".join(broken) or None)]
    columns = {name: torch.as_tensor(column) for name, column in batch.columns.items()}
    scale = scale_over(problem, points, columns, batch.n)
    checks = [CandidateCheck(problem, point, columns, batch.n, running, scale, seed, listener) for point in points]
    for check in checks:
        check.accept = accept
    outcomes = [
        diagnosed(check, check.run(f"point {i + 1} of {len(points)}"), accept) for i, check in enumerate(checks)
    ]
    return assemble(problem, outcomes, (), batch.n, seed, broken)


def _partials(loss: Loss, wrt: Sequence[str] | str | None) -> tuple[str, ...]:
    """What is verified: what is asked for, or all parameters; all data where there are none."""
    names = as_wrt(loss, wrt)
    return tuple(name for name in names if name != UPSTREAM) if wrt is None else names


def with_upstream(loss: Loss, batch: Batch, upstream: Any) -> tuple[Loss, Batch]:
    """The loss Σ uᵢ ℓᵢ, whose gradient is that of the outputs ℓᵢ contracted with an upstream gradient."""
    column = np.asarray(upstream, dtype=np.float64)
    if column.ndim > 1 or (column.ndim == 1 and len(column) != batch.n):
        raise UsageError(f"the upstream gradient should be a number or have shape ({batch.n},), not {column.shape}")
    if not np.isfinite(column).all():
        raise UsageError("the upstream gradient should be finite")
    import sympy

    contracted = Loss(
        sympy.Symbol(UPSTREAM, real=True) * loss.expression,
        parameters=loss.parameters,
        data=(*loss.data, UPSTREAM),
        reduction="sum",
        name=loss.name,
        domain=loss.domain_text,
        source=loss.source,
    )
    columns = {**batch.columns, UPSTREAM: np.broadcast_to(column, (batch.n,)).copy()}
    return contracted, replace(batch, columns=columns)


def _as_loss(loss: Loss | str) -> Loss:
    if isinstance(loss, Loss):
        return loss
    from diffexplore import losses

    return losses.get(loss)


def _default_at(
    candidate: Any, loss: Loss, at: Mapping[str, float] | Sequence[Mapping[str, float]] | None
) -> Mapping[str, float] | Sequence[Mapping[str, float]] | None:
    """Tensors that hold their gradients also hold the point at which these were taken."""
    if at is not None or not isinstance(candidate, Mapping):
        return at
    leaves = {name: candidate.get(name) for name in loss.parameters}
    point = {
        name: float(leaf.detach())
        for name, leaf in leaves.items()
        if isinstance(leaf, torch.Tensor) and leaf.numel() == 1
    }
    return point if len(point) == len(leaves) else at

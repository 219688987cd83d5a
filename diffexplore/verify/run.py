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
from diffexplore.check.notices import announced
from diffexplore.check.options import as_device, as_dtype, as_seed, as_wrt
from diffexplore.check.point import PointOutcome
from diffexplore.check.points import make_points
from diffexplore.check.problem import Problem
from diffexplore.check.records import CandidateSummary, Report, Skipped
from diffexplore.check.run import assemble, scale_over
from diffexplore.errors import UsageError
from diffexplore.loss import Loss
from diffexplore.verify.candidates import Candidate, adapt
from diffexplore.verify.candidates.computes_loss import UPSTREAM
from diffexplore.verify.candidates.formulas import Formulas
from diffexplore.verify.decision import decide, with_counterexamples
from diffexplore.verify.diagnosis.diagnose import diagnosed
from diffexplore.verify.modes import ModeUnavailable, as_modes, merged, mode_checks
from diffexplore.verify.observed import Observed
from diffexplore.verify.packs import adapt_packed, taken_apart
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
    modes: Sequence[str] | str = ("reverse",),
    pack: Mapping[str, Any] | None = None,
    listener: Listener | None = None,
) -> Report:
    """Is somebody's gradient the gradient of this loss, and if not, why?

    ``candidate`` is a torch function, autograd Function or module that computes the loss (``kind="loss"``), a function
    that returns the gradient (``"gradient"``; torch or NumPy; a tuple, mapping or array), a pair of forward and
    backward (``"layer"``), a mapping from symbols to formulas (``"formulas"``), or a training step, or tensors, whose
    ``.grad`` is meant (``"grads"``). Its arguments are bound by name where they are named like the loss's symbols,
    else in the loss's order. ``upstream`` (a number, or shape (n,)) is the gradient of what follows, for candidates
    whose output has an entry for each sample. ``wrt`` names the partials (default: all parameters); by data, what is
    verified is ∂L/∂z_i for every sample. ``accept`` names causes of conventions that are to pass. ``modes`` may add
    ``"forward"`` and ``"double backward"`` for candidates that compute the loss; what they do not have is skipped with
    torch's reason. ``pack`` makes tensors of the loss's symbols, for candidates that take vectors and matrices:
    ``{"W": [["w11", "w12"], ["w21", "w22"]], "X": ["x1", "x2"]}`` gives W of shape (2, 2) and X of shape (n, 2).
    Everything else is as for :func:`check`.

    Returns a report with the candidate's rows; those that failed carry a named cause.
    Raises :class:`~diffexplore.errors.UsageError` for what cannot be used, the candidate's own exceptions included.
    """
    loss = as_loss(loss)
    leaves = taken_apart(candidate, loss, pack) if pack else candidate
    points = make_points(loss, _default_at(leaves, loss, at))
    batch = make_batch(loss, data)
    if upstream is not None:
        loss, batch = with_upstream(loss, batch, upstream)
    accepted = (accept,) if isinstance(accept, str) else tuple(accept)
    return run_verification(
        adapted(candidate, loss, kind, pack), loss, batch, points,
        wrt=wrt, dtype=dtype, device=device, seed=seed, accept=accepted, modes=modes, listener=listener,
    )  # fmt: skip


def adapted(candidate: Any, loss: Loss, kind: str | None, pack: Mapping[str, Any] | None) -> Candidate:
    """What somebody gave, as a candidate for the gradient of ``loss``."""
    return adapt_packed(candidate, loss, kind, pack) if pack else adapt(candidate, loss, kind)


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
    modes: Sequence[str] | str = ("reverse",),
    listener: Listener | None = None,
) -> Report:
    """The same for an adapted candidate on a batch that is at hand."""
    listener = listener or Silence()
    seed, further = as_seed(seed), as_modes(modes)
    problem = Problem(loss, _partials(loss, wrt), as_dtype(dtype), as_device(device))

    def outcomes_of(candidate: Candidate, problem: Problem) -> tuple[list[PointOutcome], tuple[str, ...]]:
        return _outcomes(candidate, problem, batch, points, seed, accept, listener)

    outcomes, broken = outcomes_of(candidate, problem)
    checks, skipped = mode_checks(candidate, loss, further, problem.wrt)
    for check in checks:
        try:
            others, _ = outcomes_of(check.candidate, replace(problem, loss=check.loss, wrt=check.wrt))
        except ModeUnavailable as error:
            skipped.append(Skipped(check.candidate.name, str(error)))
        else:
            outcomes = [merged(outcome, other) for outcome, other in zip(outcomes, others, strict=True)]
    skipped += dict.fromkeys(skip for outcome in outcomes for skip in outcome.skipped)
    decisions = decide(candidate.expressions, loss) if isinstance(candidate, Formulas) else {}
    summary = CandidateSummary(candidate.name, candidate.kind, {name: d.words for name, d in decisions.items()})
    outcomes = [with_counterexamples(outcome, decisions) for outcome in outcomes]
    report = assemble(problem, outcomes, skipped, batch.n, seed, broken)
    return announced(replace(report, candidate=summary))


def _outcomes(
    candidate: Candidate, problem: Problem, batch: Batch, points: Sequence[Mapping[str, float]], seed: int,
    accept: tuple[str, ...], listener: Listener,
) -> tuple[list[PointOutcome], tuple[str, ...]]:  # fmt: skip
    """What each point gave, with causes named, and the rounding claims that do not hold here."""
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
    return outcomes, broken


def _partials(loss: Loss, wrt: Sequence[str] | str | None) -> tuple[str, ...]:
    """What is verified: what is asked for, or all parameters; all data where there are none."""
    names = as_wrt(loss, wrt)
    return tuple(name for name in names if name != UPSTREAM) if wrt is None else names


def with_upstream(loss: Loss, batch: Batch, upstream: Any) -> tuple[Loss, Batch]:
    """The loss Σ uᵢ ℓᵢ, whose gradient is that of the outputs ℓᵢ contracted with an upstream gradient."""
    try:
        column = torch.as_tensor(upstream, dtype=torch.float64).detach().cpu().numpy()
    except (TypeError, ValueError, RuntimeError):
        raise UsageError(f"the upstream gradient should be a number or an array, not {upstream!r:.40}") from None
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


def as_loss(loss: Loss | str) -> Loss:
    """A loss as it is, or that of a name in the catalogue."""
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

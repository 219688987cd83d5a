"""A verification from end to end: a candidate, a loss, a batch and points in, a report out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import Any

import torch
from torch import Tensor

from diffexplore.ambient_modes import undisturbed
from diffexplore.arguments import as_text, as_words, wrong
from diffexplore.checking.batch import Batch, make_batch
from diffexplore.checking.listener import Listener, Silence, announced
from diffexplore.checking.options import Options, as_seed, as_wrt
from diffexplore.checking.records import Report
from diffexplore.checking.run import assemble
from diffexplore.errors import UsageError
from diffexplore.formula.descriptions import CandidateSummary
from diffexplore.inputs.losses import loss_given
from diffexplore.inputs.names import named_in
from diffexplore.inputs.points import make_points
from diffexplore.inputs.surrogates import surrogate_loss
from diffexplore.loss import Loss
from diffexplore.verifying.all_points import AllPoints
from diffexplore.verifying.candidates.computes_loss import UPSTREAM
from diffexplore.verifying.candidates.formulas import Formulas
from diffexplore.verifying.decision import decide, with_counterexamples
from diffexplore.verifying.modes import as_modes, mode_checks
from diffexplore.verifying.own import own_forward
from diffexplore.verifying.packs import by_symbol
from diffexplore.verifying.surroundings import keeps_surroundings
from diffexplore.verifying.upstream import VerifiedSubject, subject_of


@undisturbed
@keeps_surroundings
def verify(
    candidate: Any,
    loss: Any = None,
    data: Mapping[str, Any] | str | PathLike[str] | Batch | None = None,
    at: Mapping[str, float] | Sequence[Mapping[str, float]] | None = None,
    *,
    kind: str | None = None,
    upstream: Any = None,
    surrogate: Any = None,
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

    Args:
        candidate: a torch function, autograd Function or module that computes the loss (``kind="loss"``), a function
            that returns the gradient (``"gradient"``; torch or NumPy; a tuple, mapping or array), a pair of forward and
            backward (``"layer"``), a mapping from symbols to formulas (``"formulas"``), or a training step, or tensors,
            whose ``.grad`` is meant (``"grads"``). Its arguments are bound by name where they are named like the loss's
            symbols, else in the loss's order.
        loss: whatever :func:`check` takes for one; without it, the gradient should be that of the candidate's own
            forward pass, which is read as a formula.
        data, at, dtype, device, seed: as for :func:`check`.
        kind: of the candidate, in the words above; by default what it looks like.
        upstream: the gradient of what follows: shape (n,) for candidates whose output has an entry for each sample, or
            a number for outputs of any shape.
        surrogate: in the place of a loss: what the gradient of a step is meant to be the gradient of. The forward is
            left alone. ``"identity"`` (of the first argument), a function with a steepness, such as ``"sigmoid4"``, a
            formula of the candidate's arguments, a :class:`Loss` or a torch function.
        wrt: the partials, by default all parameters; by data, what is verified is ∂L/∂z_i for every sample.
        accept: causes of conventions that are to pass.
        modes: may add ``"forward"`` and ``"double backward"`` for candidates that compute the loss; what they do not
            have is skipped with torch's reason.
        pack: makes tensors of the loss's symbols, for candidates that take vectors and matrices: ``{"W": [["w11",
            "w12"], ["w21", "w22"]], "X": ["x1", "x2"]}`` gives W of shape (2, 2) and X of shape (n, 2).
        listener: follows the progress.

    Returns:
        A report with the candidate's rows; those that failed carry a named cause.

    Raises:
        UsageError: for what cannot be used, the candidate's own exceptions included.
    """
    if kind is not None:
        as_text(kind, "kind")
    if surrogate is not None:
        if loss is not None:
            raise UsageError("loss= says what is computed, surrogate= what its gradient is meant to be: give one")
        loss = surrogate_loss(surrogate, candidate, named_in(at, data, wrt))
    if loss is None:
        loss = own_forward(candidate, named_in(at, data, wrt), upstream=upstream, kind=kind)
    loss = loss_given(loss, (_own_point(candidate) or None) if at is None else at, data, wrt)
    leaves = candidate if pack is None else by_symbol(candidate, loss, pack)
    points = make_points(loss, _default_at(leaves, loss, at))
    batch = make_batch(loss, data)
    accepted = as_words(accept, "accept", "'kink' or ['kink']")
    if listener is not None and not hasattr(listener, "progress"):
        raise wrong("listener", "an object that hears of the progress", listener)
    subject = subject_of(candidate, loss, batch, points, upstream=upstream, kind=kind, pack=pack)
    subject = replace(subject, surrogate=surrogate is not None)
    return run_verification(
        subject, wrt=wrt, dtype=dtype, device=device, seed=seed, accept=accepted, modes=modes, listener=listener
    )


def run_verification(
    subject: VerifiedSubject, *, accept: tuple[str, ...], modes: Sequence[str] | str, listener: Listener | None,
    **options: Any,
) -> Report:  # fmt: skip
    """The same for an adapted candidate on a batch that is at hand, with the fields of :class:`Options`."""
    candidate = subject.candidate
    listener = listener or Silence()
    loss = subject.loss.of_formula()  # what is verified is the candidate, not the function that the loss was read from
    given = Options(**options)
    seed, further = as_seed(given.seed), as_modes(modes)
    listener.progress("deriving the gradient", 0, 0)
    problem = given.problem(loss, _partials(loss, given.wrt))
    points = AllPoints(subject, seed, accept, listener)
    outcomes, broken = points.of_candidate(problem)
    checks, unavailable = mode_checks(candidate, loss, further, problem.wrt, seed)
    outcomes, without = points.with_modes(outcomes, checks, problem)
    skipped = dict.fromkeys([*(skip for outcome in outcomes for skip in outcome.skipped), *unavailable, *without])
    decisions = decide(candidate.expressions, loss) if isinstance(candidate, Formulas) else {}
    summary = CandidateSummary(candidate.name, candidate.kind, {name: d.words for name, d in decisions.items()})
    outcomes = [with_counterexamples(outcome, decisions) for outcome in outcomes]
    report = assemble(problem, outcomes, list(skipped), subject.batch.n, seed, broken)
    return announced(replace(report, candidate=summary))


def _partials(loss: Loss, wrt: Sequence[str] | str | None) -> tuple[str, ...]:
    """What is verified: what is requested, or all parameters; all data where there are none."""
    if wrt is not None:
        return as_wrt(loss, wrt)
    parameters = tuple(name for name in loss.parameters if name != UPSTREAM)
    return parameters or as_wrt(loss, [name for name in loss.data if name != UPSTREAM])


def _own_point(candidate: Any) -> dict[str, Any] | None:
    """The tensors of one number that hold their gradients: the point at which these were taken; None of other kinds."""
    if not isinstance(candidate, Mapping):
        return None
    return {name: leaf for name, leaf in candidate.items() if isinstance(leaf, Tensor) and leaf.numel() == 1}


def _default_at(
    candidate: Any, loss: Loss, at: Mapping[str, float] | Sequence[Mapping[str, float]] | None
) -> Mapping[str, float] | Sequence[Mapping[str, float]] | None:
    """Tensors that hold their gradients also hold the point at which these were taken."""
    own = _own_point(candidate)
    if at is not None or own is None or not own.keys() >= set(loss.parameters):
        return at
    return {name: float(own[name].detach()) for name in loss.parameters}

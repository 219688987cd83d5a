"""Gradients that should be 0: of a forward that is a step, or on which an input has no influence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from diffexplore.checking.judge import FAIL
from diffexplore.checking.records import Cause
from diffexplore.errors import CandidateError
from diffexplore.tensors.candidate import TensorCandidate, TensorInput
from diffexplore.tensors.pairs import UpstreamTrial
from diffexplore.tensors.subject import TensorCalls
from diffexplore.torch_code.nearby import stays_inside
from diffexplore.torch_private.watching import tree_leaves


def where_the_derivative_is_0(
    calls: TensorCalls, output: str, name: str, trials: Sequence[UpstreamTrial]
) -> tuple[Cause, ...]:
    """Why every entry of a gradient should be exactly 0, and is not; nothing where another cause has to be sought."""
    truths = [trial.judged.truth for trial in trials]
    if not all(np.isfinite(trial.judged.value).all() for trial in trials):
        return ()  # a NaN has another cause
    if calls.subject.order > 1 or not all(
        len(one.high) and (one.status == 0).all() and (np.abs(one.high) <= one.radius).all() for one in truths
    ):
        return ()
    if not _has_influence(calls.subject.forward, output, name):
        inside = stays_inside(next(iter(calls.subject.forward.sources)).tensor.device)
        known = (
            f"the {output} is the same where {name} is halved and where it is 0"
            if inside
            else (f"{name} has no influence on the {output}")
        )
        return (Cause("no_influence", f"{known}: the derivative by it is 0"),)
    message = (
        f"the forward is a step in {name}, with derivative 0, and the backward gives a surrogate: pass "
        "surrogate='identity' for a straight-through gradient, or surrogate=FUNCTION whose derivative it is meant to be"
    )
    return (Cause("surrogate", message),)


def only_where_specified(
    candidate: TensorCandidate, source: TensorInput, trials: Sequence[UpstreamTrial]
) -> tuple[Cause, ...]:
    """That a gradient by a sparse input is right where an element is specified, and 0 elsewhere; else nothing."""
    leaves = tree_leaves(candidate.args)
    for place, pattern in candidate.patterns.items():
        if leaves[place] is source.tensor:
            elsewhere = pattern.unspecified.numpy(force=True)
            elsewhere = np.repeat(elsewhere.reshape(-1), 2 if source.tensor.is_complex() else 1)
            wrong = [trial.judged.verdict == FAIL for trial in trials]
            zero = [(trial.judged.value == 0) & elsewhere for trial in trials]
            if all((one <= nothing).all() for one, nothing in zip(wrong, zero, strict=True)) and any(
                map(np.any, wrong)
            ):
                message = (
                    f"it is 0 at elements of {source.name} that are not specified, where the derivative is not: pass "
                    "masked=True where these are no variables"
                )
                return (Cause("unspecified", message),)
    return ()


def _has_influence(forward: TensorCandidate, output: str, name: str) -> bool:
    """Whether an output is another one where an input has other numbers and signs; also where that cannot be tried."""
    own = next(one.tensor.detach() for one in forward.inputs if one.name == name)
    others = (0 * own, own / 2) if stays_inside(own.device) else (-own, 2 * own + 1)
    found = []
    for other in (own, *others):
        try:
            several = forward.replaced({name: other.clone().requires_grad_()}).returned()
        except CandidateError:
            return True
        found += [one.tensor.detach() for one in several if one.name == output]
    return not all(torch.equal(found[0].nan_to_num(), one.nan_to_num()) for one in found[1:])

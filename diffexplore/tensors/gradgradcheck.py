"""The call of torch.autograd.gradgradcheck, answered with certified second derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from diffexplore.ambient_modes import undisturbed_but_for_theirs
from diffexplore.arguments import as_flag
from diffexplore.checking.options import as_seed
from diffexplore.errors import CandidateError, UsageError
from diffexplore.floating_point import dtype_name
from diffexplore.tensors.candidate import TensorCandidate, TensorOutput
from diffexplore.tensors.gradcheck import checked_in, notes_on, raise_unless_right
from diffexplore.tensors.records import TensorReport
from diffexplore.tensors.sparse_inputs import meaning_of
from diffexplore.tensors.subject import TensorSubject
from diffexplore.tensors.subject_given import leaves_given, subject_of
from diffexplore.tensors.twice import differentiable_outputs, gradients_of
from diffexplore.tensors.upstream import upstreams_for
from diffexplore.tracing.backward import nodes_of
from diffexplore.verifying.surroundings import surroundings_kept

Tensor = torch.Tensor

#: Keywords of torch.autograd.gradgradcheck that say how finite differences are taken, or what is tried in any case.
_WITHOUT_EFFECT = (
    "eps", "atol", "rtol", "nondet_tol", "check_grad_dtypes", "check_rev_over_rev", "fast_mode",
)  # fmt: skip

#: Those that ask for other ways to differentiate, or to call, than the one that is compared.
_OTHER_WAYS = ("gen_non_contig_grad_outputs", "check_undefined_grad", "check_batched_grad", "check_fwd_over_rev")


@undisturbed_but_for_theirs
def gradgradcheck(
    fn: Any = None,
    inputs: Any = (),
    grad_outputs: Any = None,
    *,
    reference: Any = None,
    raise_exception: bool = True,
    jacobian: bool = False,
    surrogate: Any = None,
    allow_inconclusive: bool = False,
    seed: int = 0,
    dtypes: Any = None,
    func: Any = None,
    masked: Any = False,
    **torch_options: Any,
) -> TensorReport:
    """Are the derivatives of a function's gradients right? The call of ``torch.autograd.gradgradcheck``.

    With g the gradients of Σ grad_outputs · output by the inputs, what autograd gives with ``create_graph=True`` for
    the derivatives of Σ v · g by each input, and by each of the ``grad_outputs``, is compared with the truth, entry
    by entry. The weights v are unequal random numbers, for the gradient by one input after the other, so that
    every second derivative is seen. The truth is that of the forward pass, certified: neither the backward pass nor its
    backward has a part in it. The gradients themselves are checked first.

    Args:
        fn, inputs: a function and its arguments, as for :func:`diffexplore.gradcheck`.
        grad_outputs: the upstream gradients, one for each output that can be differentiated, in its shape; a tensor
            alone for one output. The derivatives by those that require a gradient are checked. None: random numbers.
        reference, surrogate, jacobian, raise_exception, allow_inconclusive, seed, dtypes: as for ``gradcheck``;
            ``jacobian`` looks at each second derivative by itself.
        func: another name of ``fn``, as torch has it.
        masked: whether the specified elements of sparse inputs are the variables, as for ``gradcheck``.
        torch_options: the other keywords of ``torch.autograd.gradgradcheck``, which have no effect here; the report
            says so, and what it does not try.

    Returns:
        A report, of ``order`` 2: each row is the derivative of the gradient by one input (``output``) by an ``input``.
        Where the gradients themselves are wrong it is the report of these, of ``order`` 1.

    Raises:
        GradientError: also a ``torch.autograd.gradcheck.GradcheckError``: a derivative is wrong or undecided.
        UsageError: for what cannot be checked: a backward pass marked with ``once_differentiable``, or one of torch's
            that has no derivative, among them.
    """
    __tracebackhide__ = True
    if (fn is None) == (func is None):
        raise UsageError("gradgradcheck takes one function, fn or func")
    raises = as_flag(raise_exception, "raise_exception"), as_flag(allow_inconclusive, "allow_inconclusive")
    others = [name for name in _OTHER_WAYS if torch_options.pop(name, False)]
    notes = [*notes_on(torch_options, (*_WITHOUT_EFFECT, *_OTHER_WAYS), "gradgradcheck"), *_not_tried(others)]
    fn = func if fn is None else fn
    with surroundings_kept(leaves_given(fn, inputs), "gradgradcheck"):
        first = subject_of(
            fn, inputs, reference=reference, surrogate=surrogate, seed=as_seed(seed),
            masked=as_flag(masked or False, "masked"),
        )  # fmt: skip
        notes += meaning_of(first.candidate.patterns.values())
        report = checked_in(dtypes, first, notes)
        if report.verdict == "fail":
            report = replace(report, notes=(_FIRST_WRONG, *report.notes))
        else:
            second = differentiated_again(first, grad_outputs, jacobian=as_flag(jacobian, "jacobian"))
            report = checked_in(dtypes, second, [*notes, *_told(report)])
    if raises[0]:
        raise_unless_right(report, allow_inconclusive=raises[1])
    return report


_FIRST_WRONG = "the gradients themselves are wrong: their derivatives were not looked at"


def _not_tried(names: Sequence[str]) -> list[str]:
    skipped = f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} not tried"
    return [f"{skipped}: gradients are differentiated in reverse mode, as they were given"] if names else []


def _told(first: TensorReport) -> list[str]:
    return [f"{skip.method}: {skip.reason}" for skip in first.skipped]


def differentiated_again(first: TensorSubject, grad_outputs: Any = None, *, jacobian: bool = False) -> TensorSubject:
    """The check of the derivatives of the gradients that ``first`` checks.

    Raises CandidateError where there are none, and UsageError for ``grad_outputs`` that do not fit the outputs.
    """
    outputs = differentiable_outputs(first.candidate)
    upstreams = _upstreams(first.candidate, outputs, grad_outputs)
    candidate = gradients_of(first.candidate, upstreams)
    _check_differentiable_twice(candidate)
    forward = gradients_of(first.forward, upstreams)
    return TensorSubject(candidate, forward, first.reference, jacobian=jacobian)


def _upstreams(candidate: TensorCandidate, outputs: Sequence[TensorOutput], given: Any) -> list[Tensor]:
    """Those that are given, or random numbers. Raises UsageError where they are not those of the outputs."""
    if given is None:
        return [next(iter(upstreams_for(one.tensor, candidate.seed)))[1].requires_grad_() for one in outputs]
    several = [given] if isinstance(given, Tensor) else list(given) if isinstance(given, (tuple, list)) else []
    if len(several) != len(outputs) or not all(isinstance(one, Tensor) for one in several):
        listed = ", ".join(one.name for one in outputs)
        raise UsageError(f"grad_outputs takes {len(outputs)} tensor{'s' * (len(outputs) > 1)}, that for {listed}")
    for one, output in zip(several, outputs, strict=True):
        if (one.shape, one.dtype) != (output.tensor.shape, output.tensor.dtype):
            theirs, ours = (f"{dtype_name(tensor.dtype)}{list(tensor.shape)}" for tensor in (one, output.tensor))
            raise UsageError(f"grad_outputs: that for {output.name} is {theirs}, and {output.name} is {ours}")
    return several


def _check_differentiable_twice(candidate: TensorCandidate) -> None:
    """Raises CandidateError where a second derivative is refused on purpose, or torch has none."""
    call = candidate.replaced()
    for one in call.outputs():
        try:
            call.gradients(one, torch.ones_like(one.tensor))
            reason = _ONCE if _is_marked(one.tensor) else ""
        except CandidateError as error:
            reason = _ONCE if "once_differentiable" in str(error) else str(error).partition(": ")[2]
        if reason == _ONCE or "is not implemented" in reason:
            raise CandidateError(f"{candidate.name} has no second derivatives: {reason}")


_ONCE = "its backward is marked with @once_differentiable"


def _is_marked(gradient: Tensor) -> bool:
    """Whether a node stands behind it that raises, as ``once_differentiable`` puts it there."""
    return any(node.name() == "torch::autograd::Error" for node in nodes_of(gradient))

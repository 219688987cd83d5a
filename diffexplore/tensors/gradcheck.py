"""The call of torch.autograd.gradcheck, answered with a certified truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from diffexplore.ambient_modes import undisturbed_but_for_theirs
from diffexplore.arguments import as_flag, as_text
from diffexplore.checking.options import as_dtype, as_seed
from diffexplore.errors import UsageError, unknown
from diffexplore.floating_point import dtype_name
from diffexplore.tensors.battery.records import NOTHING_TRIED, BatteryChoice
from diffexplore.tensors.merging import merged
from diffexplore.tensors.records import TensorReport
from diffexplore.tensors.replay import given_again, kept_of, write_replays
from diffexplore.tensors.run import checked
from diffexplore.tensors.sparse_inputs import meaning_of
from diffexplore.tensors.subject import TensorSubject
from diffexplore.tensors.subject_given import leaves_given, subject_of
from diffexplore.tensors.widened import checked_also_wider, in_dtype
from diffexplore.verifying.surroundings import surroundings_kept

#: Keywords of torch.autograd.gradcheck that say how finite differences are taken, or what is tried in any case.
_WITHOUT_EFFECT = (
    "eps", "atol", "rtol", "check_sparse_nnz", "nondet_tol", "check_grad_dtypes", "check_backward_ad", "fast_mode",
)  # fmt: skip

#: Those that ask for trials which the quick battery lacks, by the keys of these.
_ALSO_TRIED = {
    "check_forward_ad": ("forward_mode",),
    "check_batched_grad": ("vmap",),
    "check_batched_forward_grad": ("vmap", "forward_mode"),
}

#: Those whose False leaves out trials.
_NOT_TRIED = {"check_undefined_grad": ("undefined_upstream", "unused_output")}

BATTERIES = ("quick", "full", "none")


@undisturbed_but_for_theirs
def gradcheck(
    fn: Any = None,
    inputs: Any = (),
    *,
    reference: Any = None,
    raise_exception: bool = True,
    battery: str = "quick",
    jacobian: bool = False,
    surrogate: Any = None,
    allow_inconclusive: bool = False,
    seed: int = 0,
    dtypes: Any = None,
    replay: Any = None,
    func: Any = None,
    masked: Any = False,
    **torch_options: Any,
) -> TensorReport:
    """Are a function's gradients the derivatives of its outputs? The call of ``torch.autograd.gradcheck``.

    No formula is needed: the forward pass is recorded below autograd, in balls, and swept back by rules of our own.
    That gives the exact derivative at exactly these floats, in any dtype. Every entry of every gradient is compared
    with it, for upstream gradients of unequal random numbers; what is allowed is derived from the operations that ran.

    Args:
        fn: an autograd Function or its ``apply``, a module (the gradients by its parameters that require them are
            checked too), a custom operator, a compiled function, or any function of tensors. It may return one tensor,
            or a tuple, list or dict of tensors; those without a gradient are skipped.
        inputs: the arguments, a tuple, or one tensor alone. Those that require gradients are differentiated by; they
            have to be leaves. Arguments that are no tensors are passed on. Or the path of a file that ``replay`` wrote,
            whose arguments, parameters and seed are taken.
        reference: a plain torch function of the same arguments, whose forward is differentiated for the truth: where
            that of ``fn`` is a black box (a kernel in Triton or C++, NumPy). Its values are compared with those of
            ``fn`` first.
        raise_exception: whether a gradient that is wrong or undecided raises.
        battery: how much is tried besides of how a backward pass is called: "quick", "full" or "none".
        jacobian: whether each entry of the Jacobian is looked at, by an upstream gradient for each entry of the output.
        surrogate: what the gradient of a step is meant to be the derivative of: "identity" (of the first argument), a
            function of one argument with a steepness, such as "sigmoid4", a formula of the arguments, entry by entry,
            or a function of the same arguments, or of the first of them. The forward is left alone.
        allow_inconclusive: whether an undecided check raises nothing.
        seed: of the upstream gradients, and of torch's random generators before each call.
        dtypes: dtypes, or their names, to which the inputs are converted, one after another; None leaves them as they
            are.
        replay: a path: unless the check passes, the exact numbers of its arguments are written there, as JSON.
        func: another name of ``fn``, as torch has it.
        masked: whether the specified elements of sparse inputs are the variables, and gradients elsewhere are ignored.
            Else every element is one, those that are not specified are 0, and their gradients are looked at as well.
        torch_options: the other keywords of ``torch.autograd.gradcheck``. ``check_forward_ad`` tries forward mode,
            ``check_batched_grad`` vmap, in any battery; ``check_undefined_grad=False`` leaves out upstream gradients of
            None. ``eps``, ``atol``, ``rtol``, ``nondet_tol``, ``fast_mode`` and others have no effect here; the report
            says so.

    Returns:
        A report: true where the verdict is "pass". ``rows`` has a row for each pair of an output and an input.

    Raises:
        GradientError: also a ``torch.autograd.gradcheck.GradcheckError``: a gradient is wrong or undecided.
        UsageError: for what cannot be checked, the exceptions of ``fn`` included.
    """
    __tracebackhide__ = True
    if (fn is None) == (func is None):
        raise UsageError("gradcheck takes one function, fn or func")
    raises = as_flag(raise_exception, "raise_exception"), as_flag(allow_inconclusive, "allow_inconclusive")
    chosen = {name: torch_options.pop(name) for name in (*_ALSO_TRIED, *_NOT_TRIED) if name in torch_options}
    tried = _battery(battery, chosen)
    notes = notes_on(torch_options, (*_WITHOUT_EFFECT, *_ALSO_TRIED, *_NOT_TRIED), "gradcheck")
    fn = func if fn is None else fn
    given = given_again(inputs, as_seed(seed))
    with surroundings_kept(leaves_given(fn, given.args), "gradcheck"):
        subject = subject_of(
            fn, given.args, reference=reference, surrogate=surrogate, seed=given.seed,
            jacobian=as_flag(jacobian, "jacobian"), masked=as_flag(masked or False, "masked"), state=given.state,
        )  # fmt: skip
        report = checked_in(dtypes, subject, [*notes, *meaning_of(subject.candidate.patterns.values())], tried)
    if replay is not None and report.verdict != "pass":
        options = {"battery": battery, "jacobian": jacobian, **{name: bool(one) for name, one in chosen.items()}}
        options |= {} if dtypes is None else {"dtypes": [dtype_name(one) for one in _dtypes(dtypes)]}
        write_replays(replay, [kept_of(fn, given, options)])
    if raises[0]:
        raise_unless_right(report, allow_inconclusive=raises[1])
    return report


def checked_in(
    dtypes: Any, subject: TensorSubject, notes: Sequence[str], battery: BatteryChoice = NOTHING_TRIED
) -> TensorReport:
    """The report of a check in each of ``dtypes``; of the inputs as they are where that is None."""
    if dtypes is None:
        return checked_also_wider(subject, notes, battery)
    return merged([checked(in_dtype(subject, dtype), notes, battery) for dtype in _dtypes(dtypes)])


def raise_unless_right(report: TensorReport, *, allow_inconclusive: bool = False) -> None:
    """Raises a GradientError, which is torch's GradcheckError as well, unless ``report`` is a pass."""
    __tracebackhide__ = True
    if report.verdict == "fail" or (report.verdict == "inconclusive" and not allow_inconclusive):
        from diffexplore.tensors.errors import TensorGradientError

        raise TensorGradientError(report)


def _dtypes(dtypes: Any) -> list[torch.dtype]:
    several = [dtypes] if isinstance(dtypes, (str, torch.dtype)) else list(dtypes)
    return [as_dtype(one) for one in several] or [torch.float64]


def _battery(battery: Any, chosen: Mapping[str, Any]) -> BatteryChoice:
    """The trials of a battery, with those and without those that keywords of torch's name."""
    if as_text(battery, "battery") not in BATTERIES:
        raise unknown("battery", battery, BATTERIES)
    also = {key for name, keys in _ALSO_TRIED.items() if chosen.get(name) for key in keys}
    without = {key for name, keys in _NOT_TRIED.items() if not chosen.get(name, True) for key in keys}
    return BatteryChoice(str(battery), frozenset(also), frozenset(without))


def notes_on(torch_options: dict[str, Any], known: Sequence[str], name_of_check: str) -> list[str]:
    """That keywords of torch's have no effect here. Raises UsageError for one that torch does not have either."""
    for name in torch_options:
        if name not in known:
            raise unknown(f"keyword of {name_of_check}", name, known)
    if not torch_options:
        return []
    has = "has" if len(torch_options) == 1 else "have"
    return [
        f"{', '.join(torch_options)} {has} no effect: the truth is certified, and what is allowed is derived from the "
        "operations that ran"
    ]

"""Constants in the calls of a function of tensors that were computed of its inputs, out of sight."""

from __future__ import annotations

from diffexplore.errors import CandidateError
from diffexplore.tensors.candidate import TensorCandidate, is_differentiable
from diffexplore.tensors.upstream import upstreams_for
from diffexplore.torch_code.hidden_steps import ConstantsTaken, constant_that_varies, moved


def hidden_constant(candidate: TensorCandidate, *, everywhere: bool = False) -> str | None:
    """The operation that takes one (:func:`~diffexplore.torch_code.hidden_steps.constant_that_varies`), or None.

    Looks within the forwards of autograd Functions; with ``everywhere`` at all operations, and at backward passes.
    """
    inputs = {one.name: one.tensor for one in candidate.sources}

    def taken(step: float, until: int | None) -> ConstantsTaken | None:
        return _taken(candidate.replaced(moved(inputs, step) if step else None), everywhere, until)

    return constant_that_varies(taken)


def _taken(candidate: TensorCandidate, everywhere: bool, until: int | None = None) -> ConstantsTaken | None:
    """The constants of one call; None where it raises."""
    call = candidate.replaced()
    mode = ConstantsTaken([one.tensor for one in call.inputs], everywhere=everywhere, until=until)
    try:
        with mode:
            outputs = [one for one in call.returned() if is_differentiable(one.tensor)]
            mode.note("the output", [one.tensor for one in outputs])
            for one in outputs if everywhere else ():
                (_, upstream), *_ = upstreams_for(one.tensor, call.seed)
                mode.keep(upstream)
                found = call.gradients(one, upstream)
                mode.note("the gradient", [gradient for gradient in found if gradient is not None])
    except CandidateError:
        return None
    return mode

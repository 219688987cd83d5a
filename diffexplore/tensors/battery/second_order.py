"""The backward differentiated again: H·v against differences of certified first derivatives.

Central differences of sixth order of the exact gradients at x ± jhv, j = 1, 2, 3 (Fornberg, Math. Comp. 51 (1988)).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from diffexplore.errors import CandidateError
from diffexplore.tensors.battery.records import (
    CallFinding,
    CallSetting,
    CallTrial,
    PlainCall,
    TrialUnavailable,
    reason_of,
)
from diffexplore.tensors.candidate import TensorCandidate
from diffexplore.tensors.truth import recorded
from diffexplore.torch_ops.tensor_rules.operands import NotCertified

Tensor = torch.Tensor

_WEIGHTS = ((1, 3 / 4), (2, -3 / 20), (3, 1 / 60))
_STEPS = (2.0**-8, 2.0**-10)

#: A second derivative is wrong where it is off by so many times the measured error of the differences.
_FACTOR = 100.0


def double_backward(setting: CallSetting) -> Iterator[CallFinding]:
    """Σ v · gradient, differentiated by every input; v are unequal random numbers."""
    for call in setting.calls:
        ways = _ways(setting.candidate)
        found = _by_autograd(setting, call, ways)
        if found is None:
            raise TrialUnavailable("the backward is marked with @once_differentiable, or torch has no derivative of it")
        if isinstance(found, str):
            yield CallFinding("double_backward", f"the backward cannot be differentiated again: {found}: {_MEND}")
            continue
        large, small = (_by_differences(setting, call, ways, step) for step in _STEPS)
        for place, source in enumerate(setting.candidate.sources):
            value = np.zeros(source.tensor.shape) if found[place] is None else _numbers(found[place])
            error = np.abs(large[place] - small[place])
            unit = float(torch.finfo(source.tensor.dtype).eps)
            size = float(np.abs(small[place]).max(initial=0.0)) + float(np.abs(value).max(initial=0.0))
            room = (unit**0.5 + 2.0**-30) * size + 64 * unit * _scale(setting, call, source.tensor)
            off = np.abs(value - small[place]) > _FACTOR * error + room
            if off.any():
                worst = int(np.where(off, np.abs(value - small[place]), -1.0).argmax())
                index = ", ".join(str(int(i)) for i in np.unravel_index(worst, value.shape))
                yield CallFinding(
                    "double_backward",
                    f"the backward, differentiated again by {source.name}, gives {value.reshape(-1)[worst]:.6g} at "
                    f"[{index}], not {small[place].reshape(-1)[worst]:.6g}: {_MEND}",
                )
                break


_MEND = "save inputs and outputs only, and compute the rest again, or mark it with @once_differentiable"


def _scale(setting: CallSetting, call: PlainCall, source: Tensor) -> float:
    """How large a second derivative is of which nothing is known: Σ |upstream · output| by the square of the input."""
    output = setting.output_of(setting.candidate.replaced(), call.output).tensor.detach()
    size = float((output.double().abs() * call.upstream.double().abs()).nan_to_num(posinf=0.0).sum())
    largest = float(source.detach().double().abs().max()) if source.numel() else 0.0
    return size / largest**2 if largest else size


def _ways(candidate: TensorCandidate) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(candidate.seed + 7)
    found = {}
    for one in candidate.sources:
        sizes = 0.5 + torch.rand(one.tensor.shape, generator=generator, dtype=torch.float64)
        signs = torch.where(torch.rand(one.tensor.shape, generator=generator) < 0.5, -1.0, 1.0)
        found[one.name] = (sizes * signs).to(one.tensor)
    return found


def _by_autograd(setting: CallSetting, call: PlainCall, ways: dict[str, Tensor]) -> list[Tensor | None] | str | None:
    """The second derivative along the ways; the text of an exception; None where it is refused on purpose."""
    candidate = setting.candidate.replaced()
    output = setting.output_of(candidate, call.output)
    try:
        upstream = call.upstream.clone().requires_grad_()  # what is marked @once_differentiable says so only then
        first = candidate.gradients(output, upstream, create_graph=True)
        terms = [
            (gradient * ways[one.name]).sum()
            for one, gradient in zip(candidate.sources, first, strict=True)
            if gradient is not None and gradient.requires_grad
        ]
        if any(gradient is not None and _refuses(gradient) for gradient in first):
            return None
        if not terms:
            return [None] * len(candidate.sources)
        total = torch.stack(terms).sum()
        return list(torch.autograd.grad(total, [one.tensor for one in candidate.sources], allow_unused=True))
    except CandidateError as error:
        return reason_of(error)
    except RuntimeError as error:
        text = " ".join(str(error).split())
        return None if "is not implemented" in text else text[:160]


def _refuses(gradient: Tensor) -> bool:
    """Whether a node stands behind it that raises: the one that @once_differentiable puts there."""
    return gradient.grad_fn is not None and gradient.grad_fn.name() == "torch::autograd::Error"


def _by_differences(setting: CallSetting, call: PlainCall, ways: dict[str, Tensor], step: float) -> list[np.ndarray]:
    names = [one.name for one in setting.forward.sources]
    total = [np.zeros(tuple(one.tensor.shape)) for one in setting.forward.sources]
    for times, weight in _WEIGHTS:
        for sign in (1, -1):
            gradients = _exact_at(setting, call, ways, sign * times * step)
            for place in range(len(names)):
                total[place] += sign * weight / step * gradients[place]
    return total


def _exact_at(setting: CallSetting, call: PlainCall, ways: dict[str, Tensor], step: float) -> list[np.ndarray]:
    moved = {
        one.name: (one.tensor.detach().double() + step * ways[one.name].double()).requires_grad_()
        for one in setting.forward.sources
    }
    rest = {
        one.name: one.tensor.detach().double()
        for one in setting.forward.inputs
        if one.tensor.is_floating_point() and one.name not in moved
    }
    taken = recorded(setting.forward.replaced({**rest, **moved}))
    if taken.problem is not None:
        raise TrialUnavailable(f"its forward cannot be read: {taken.problem}")
    names = [one.name for one in taken.outputs]
    place = names.index(call.output) if call.output in names else 0
    try:
        balls = taken.gradients(place, call.upstream.double())
    except NotCertified as error:
        raise TrialUnavailable(f"its forward cannot be read: {error}") from None
    return [np.where(np.isfinite(ball.radius), ball.high, np.nan) for ball in balls]


def _numbers(tensor: Tensor | None) -> np.ndarray:
    assert tensor is not None
    return np.asarray(tensor.detach().cpu().double().numpy())


TRIALS = (CallTrial("double_backward", "the backward differentiated again", "full", double_backward),)

"""What torch makes of the function besides a backward pass: forward mode, vmap, compilation, autocast."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from types import FunctionType
from typing import Any

import numpy as np
import torch
from torch.autograd import forward_ad

from diffexplore.errors import CandidateError
from diffexplore.tensors.battery.records import (
    CallFinding,
    CallSetting,
    CallTrial,
    PlainCall,
    TrialUnavailable,
)
from diffexplore.tensors.candidate import TensorOutput, named_tensors
from diffexplore.tensors.numbers import numbers_of

Tensor = torch.Tensor

#: It traces forward and backward, and runs both operation by operation.
_BACKEND = "aot_eager"


def forward_mode(setting: CallSetting) -> Iterator[CallFinding]:
    """⟨upstream, J·v⟩ has to be ⟨gradient, v⟩."""
    generator = torch.Generator().manual_seed(setting.candidate.seed)
    tangents = {
        one.name: torch.randn(one.tensor.shape, generator=generator, dtype=torch.float64, device="cpu").to(one.tensor)
        for one in setting.candidate.sources
    }
    with forward_ad.dual_level():
        duals = {
            one.name: forward_ad.make_dual(one.tensor.detach().clone(), tangents[one.name])
            for one in setting.candidate.sources
        }
        try:
            outputs = {
                one.name: forward_ad.unpack_dual(one.tensor).tangent
                for one in setting.candidate.replaced(duals).returned()
            }
        except CandidateError as error:
            raise TrialUnavailable(_reason(error)) from None
    for call in setting.calls:
        tangent = outputs.get(call.output)
        along = 0.0 if tangent is None else float((tangent.double() * call.upstream.double()).sum())
        total, room = 0.0, 0.0 if tangent is None else _share(tangent.double() * call.upstream.double(), call.upstream)
        for source, numbers in zip(setting.candidate.sources, call.gradients, strict=True):
            way = tangents[source.name].double().cpu()
            terms, bound = torch.from_numpy(numbers.value.copy()) * way, torch.from_numpy(numbers.in_any_call.copy())
            total += float(terms.sum())
            room += _share(terms, call.upstream) + float((bound * way.abs())[bound.isfinite()].sum())
        if not math.isfinite(total):
            continue  # that is reported of the plain call
        if not abs(along - total) <= room and not abs(along - total) <= room + _moved(setting, call, tangents):
            yield CallFinding(
                "forward_mode",
                "the derivative by forward mode (jvp) is not that of the backward: along a random direction "
                f"{along:.6g}, not {total:.6g}",
            )


def _moved(setting: CallSetting, call: PlainCall, tangents: dict[str, Tensor]) -> float:
    """How far rounding is seen to move the derivative along the tangents, by entries without a bound."""
    most = 0.0
    for place, (source, numbers) in enumerate(zip(setting.candidate.sources, call.gradients, strict=True)):
        unbounded = ~np.isfinite(numbers.in_any_call)
        if unbounded.any():
            way = np.abs(numbers_of(tangents[source.name]))
            most += float((setting.moved(call, place) * way).sum(where=unbounded))
    return most


def _share(terms: Tensor, upstream: Tensor) -> float:
    """How far a sum of these may be off: what cancels rounds as well."""
    unit = torch.finfo(upstream.dtype).eps if upstream.dtype.is_floating_point else 2.0**-52
    return float(unit**0.5 * terms.abs().sum() + 1e-300)


def vmapped(setting: CallSetting) -> Iterator[CallFinding]:
    """torch.func.vmap over copies of one call has to give copies of its result and gradients."""
    sources = setting.candidate.sources
    stacked = [torch.stack([one.tensor.detach(), one.tensor.detach()]) for one in sources]
    for call in setting.calls:

        def gradients(*tensors: Tensor, call: PlainCall = call) -> tuple[Tensor, ...]:
            return torch.func.grad(scalar_of(setting, call), argnums=tuple(range(len(sources))))(*tensors)

        try:
            found = torch.func.vmap(gradients)(*stacked)
        except Exception as error:
            raise TrialUnavailable(" ".join(str(error).split())[:160]) from None
        for copy in range(2):
            off = setting.differing(tuple(one[copy] for one in found), plain_values(setting, call), call, call.upstream)
            if off is not None:
                yield CallFinding("vmap", f"under torch.func.vmap the gradient by {off}: the vmap rule is wrong")
                break


def compiled(setting: CallSetting) -> Iterator[CallFinding]:
    """torch.compile of what the user gave, with the backend that runs the forward and backward which torch traced."""
    function = setting.candidate.function
    if function.compiled:
        raise TrialUnavailable("it is compiled already")

    def called(state: Mapping[str, Tensor], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        return function.call(state, args, kwargs)

    compile_: Any = torch.compile
    runs = compile_(_of_its_own(called), backend=_BACKEND)
    for call in setting.calls:
        candidate = setting.candidate.replaced()
        try:
            returned = dict(named_tensors(runs(candidate.state, candidate.args, candidate.kwargs), "output"))
            output = TensorOutput(call.output, returned[call.output])
            # A graph that torch compiled may have given its buffers away: it is gone through once.
            found = candidate.gradients(output, call.upstream.clone(), retain_graph=False)
        except Exception as error:
            raise TrialUnavailable(" ".join(str(error).split())[:160]) from None
        off = setting.differing(found, plain_values(setting, call), call, call.upstream)
        if off is not None:
            yield CallFinding("compile", f"under torch.compile (backend={_BACKEND}) the gradient by {off}")
            return


def autocast(setting: CallSetting) -> Iterator[CallFinding]:
    """Under autocast to bfloat16: gradients in the dtypes of the inputs, and no larger errors than bfloat16 makes."""
    candidate = setting.candidate.replaced()
    with torch.autocast(candidate.sources[0].tensor.device.type, dtype=torch.bfloat16):
        try:
            outputs = {call.output: setting.output_of(candidate, call.output) for call in setting.calls}
        except (CandidateError, TrialUnavailable) as error:
            raise TrialUnavailable(f"the forward refuses autocast: {error}") from None
    for call in setting.calls:
        output = outputs[call.output]
        try:
            found = candidate.gradients(output, call.upstream.to(output.tensor.dtype))
        except CandidateError as error:
            yield CallFinding(
                "autocast",
                f"the backward raises under autocast ({_reason(error)}): decorate it with custom_fwd, custom_bwd",
            )
            continue
        for one, gradient, numbers in zip(candidate.sources, found, call.gradients, strict=True):
            if gradient is not None and _far(gradient, torch.from_numpy(numbers.value.copy())):
                yield CallFinding(
                    "autocast", f"under autocast to bfloat16 the gradient by {one.name} is another than without it, by "
                    "far more than bfloat16 rounds",
                )  # fmt: skip


def _of_its_own(function: Any) -> Any:
    """The function with code of its own: what torch compiled of another closure of the same code counts for both."""
    code = function.__code__.replace()
    return FunctionType(code, function.__globals__, code.co_name, function.__defaults__, function.__closure__)


def _far(found: Tensor, expected: Tensor) -> bool:
    size = float(expected.abs().max()) if expected.numel() else 0.0
    return bool(((found.detach().cpu().double() - expected).abs() > 0.5 * size).any())


def outputs_of(setting: CallSetting) -> Any:
    """The outputs of the plain calls as functions of the inputs that are differentiated by."""
    candidate, names = setting.candidate, [one.name for one in setting.candidate.sources]

    def outputs(*tensors: Tensor) -> tuple[Tensor, ...]:
        moved = candidate.replaced(dict(zip(names, tensors, strict=True)))
        returned = candidate.function.call(moved.state, moved.args, moved.kwargs)
        found = dict(named_tensors(returned, "output"))
        return tuple(found[call.output] for call in setting.calls)

    return outputs


def scalar_of(setting: CallSetting, call: PlainCall) -> Any:
    """Σ upstream · output as a function of the inputs that are differentiated by."""
    outputs, place = outputs_of(setting), setting.calls.index(call)
    return lambda *tensors: (outputs(*tensors)[place] * call.upstream).sum()


def plain_values(setting: CallSetting, call: PlainCall) -> tuple[Tensor, ...]:
    """The gradients that a plain call gave."""
    return tuple(
        torch.from_numpy(numbers.value.copy()).to(one.tensor)
        for one, numbers in zip(setting.candidate.sources, call.gradients, strict=True)
    )


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:160]


TRIALS: Sequence[CallTrial] = (
    CallTrial("forward_mode", "forward mode", "full", forward_mode),
    CallTrial("vmap", "torch.func.vmap", "full", vmapped),
    CallTrial("compile", "torch.compile", "full", compiled),
    CallTrial("autocast", "autocast", "full", autocast),
)

"""What a function of tensors computes: outputs and gradients, and how far rounding may have moved each number."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch

from diffexplore.bounds.claims import UNIT_ROUNDOFF
from diffexplore.bounds.handling import real_numbers
from diffexplore.bounds.watch import Observer, Watch, observing
from diffexplore.errors import CandidateError
from diffexplore.floating_point import dtype_name
from diffexplore.tensors.candidate import TensorCandidate, TensorOutput, is_differentiable
from diffexplore.tensors.differentiated import LeftElsewhere
from diffexplore.tensors.numbers import MadeOtherwise, TensorNumbers, numbers_of, real_dtype, shape_of
from diffexplore.tensors.side_by_side import SideBySideWatch
from diffexplore.tensors.watched_call import WatchedCall
from diffexplore.torch_code.escapes import Escapes
from diffexplore.torch_code.leaving_torch import CandidateWatch
from diffexplore.torch_private.compiling import compiled_calls
from diffexplore.torch_private.control_flow import control_flow_refused

Tensor = torch.Tensor

#: Bounds beyond it say nothing; as infinities they do not overflow.
_NOTHING_KNOWN = 1e300

#: What is hidden in a call that raises under a watch, and not without one.
UNWATCHED = "operations that cannot be watched"

#: What is hidden where a call of compiled code was seen.
COMPILED = "compiled code"

#: What is hidden where a call without a watch gives numbers that the watched one's rounding does not explain.
OTHERWISE = "operations that run otherwise under a watch"


class _Operations(Observer):
    """Keeps the names of the operations under a watch."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def saw(self, watch: Watch, name: str, args: tuple[Any, ...], out: Any) -> None:
        self.seen.add(name.strip("_"))


def observed(candidate: TensorCandidate, upstreams: dict[str, list[Tensor]]) -> WatchedCall:
    """One call under a watch, differentiated once for each output and each of its upstream gradients.

    Rounding is measured by the narrowest dtype of the inputs, and of what the forward pass itself computes in. What was
    compiled runs as it is written under a watch; its own numbers are those of a call without one. So are those of what
    chooses another algorithm where it sees a watch, as torch's backward passes of ``prod`` and ``det`` do.
    """
    with compiled_calls() as calls:
        found = _watched(candidate, upstreams)
    if calls.unknown:
        return observed(candidate, upstreams)
    if UNWATCHED in found.hidden:
        return found
    plain = _called(candidate, upstreams, narrowest(candidate), found.narrowed_forward, CandidateWatch, watches=False)
    if not calls.seen:
        return _as_without_a_watch(found, plain)
    hidden = tuple(sorted({COMPILED, *found.hidden} - {UNWATCHED}))
    seen = replace(
        plain, narrowed=found.narrowed, operations=found.operations, converted_to=found.converted_to, as_written=found
    )
    return seen.without_bounds(hidden)


def observed_as_decided(candidate: TensorCandidate, upstreams: dict[str, list[Tensor]]) -> WatchedCall:
    """The same, with comparisons as the program made them, also where rounding may turn them.

    Its bounds hold for the numbers that the program would compute without rounding by these decisions.
    """
    return _watched(candidate, upstreams, takes_decisions=True)


def _as_without_a_watch(found: WatchedCall, plain: WatchedCall) -> WatchedCall:
    """The watched call with the numbers of a plain one, which are off by its bounds and by the difference.

    Where a number is another one by more than its bound, or has none, it was made in another way.
    """
    try:
        outputs = {name: one.moved_to(plain.outputs[name]) for name, one in found.outputs.items()}
        gradients = {key: _moved(several, plain.gradients[key]) for key, several in found.gradients.items()}
    except MadeOtherwise:
        seen = replace(found, outputs=plain.outputs, gradients=plain.gradients)
        return seen.without_bounds(tuple(sorted({OTHERWISE, *found.hidden})))
    return replace(found, outputs=outputs, gradients=gradients)


def _moved(several: list[TensorNumbers] | str, others: list[TensorNumbers] | str) -> list[TensorNumbers] | str:
    if isinstance(several, str) or isinstance(others, str):
        return others
    return [*map(TensorNumbers.moved_to, several, others)]


def _watched(
    candidate: TensorCandidate, upstreams: dict[str, list[Tensor]], *, takes_decisions: bool = False
) -> WatchedCall:
    dtype = narrowest(candidate)
    kinds = [partial(kind, takes_decisions=takes_decisions) for kind in (CandidateWatch, SideBySideWatch)]
    found = _observed(candidate, upstreams, dtype, frozenset(), kinds[0])
    if found.narrowed_forward:
        dtype = max(found.narrowed_forward, key=lambda dtype: UNIT_ROUNDOFF[dtype])
        found = _observed(candidate, upstreams, dtype, found.narrowed_forward, kinds[0])
    if dtype in (None, torch.float64) or found.narrowed:
        return found
    return _sharper(found, _observed(candidate, upstreams, dtype, found.narrowed_forward, kinds[1]))


def _sharper(found: WatchedCall, beside: WatchedCall) -> WatchedCall:
    """A call with the sharper one of two bounds of each number: the worst case, and what rounding did (``beside``)."""
    if beside.hidden:
        return found
    if found.hidden:
        return replace(
            found,
            outputs={name: one.of_one_call for name, one in beside.outputs.items()},
            gradients={
                key: several if isinstance(several, str) else [one.of_one_call for one in several]
                for key, several in beside.gradients.items()
            },
            hidden=(),
        )
    gradients = dict(found.gradients)
    for key, several in found.gradients.items():
        others = beside.gradients[key]
        if not isinstance(several, str) and not isinstance(others, str):
            gradients[key] = [*map(TensorNumbers.sharper, several, others)]
    outputs = {name: one.sharper(beside.outputs[name]) for name, one in found.outputs.items()}
    return replace(found, outputs=outputs, gradients=gradients)


def _observed(
    candidate: TensorCandidate, upstreams: dict[str, list[Tensor]], expected: torch.dtype | None,
    narrowed_forward: frozenset[torch.dtype], kind: Callable[..., CandidateWatch],
) -> WatchedCall:  # fmt: skip
    """One call. What raises under a watch, and not without one, is not watched: nothing is known of its rounding."""
    call = candidate, upstreams, expected, narrowed_forward, kind
    try:
        found = _called(*call)
    except CandidateError:
        return _called(*call, watches=False)
    raising = [key for key, several in found.gradients.items() if isinstance(several, str)]
    plain = _called(*call, watches=False) if raising else found
    return plain if any(not isinstance(plain.gradients.get(key, ""), str) for key in raising) else found


def _called(
    candidate: TensorCandidate, upstreams: dict[str, list[Tensor]], expected: torch.dtype | None,
    narrowed_forward: frozenset[torch.dtype], kind: Callable[..., CandidateWatch], *, watches: bool = True,
) -> WatchedCall:  # fmt: skip
    call = candidate.replaced()
    known = [*(one.tensor for one in call.inputs), *(one for several in upstreams.values() for one in several)]
    operations, escapes = _Operations(), Escapes()
    outputs: dict[str, TensorOutput] = {}
    found: dict[tuple[str, int], tuple[Tensor | None, ...] | str] = {}
    with observing(operations):
        watch = kind(expected=expected, inputs=known)
    with ExitStack() as looking_on:
        for mode in (escapes, watch, control_flow_refused()) if watches else ():
            looking_on.enter_context(mode)
        returned = call.returned()
        narrowed_forward |= watch.narrowed
        for one in returned:
            if not is_differentiable(one.tensor):
                continue
            outputs[one.name] = one
            for place, upstream in enumerate(upstreams[one.name]):
                found[one.name, place] = _backward(call, one, upstream)
    numbers = partial(_numbers, watch if watches else None)
    values = {name: numbers(one.tensor, one.tensor) for name, one in outputs.items()}
    like = [source.tensor for source in call.sources]
    gradients: dict[tuple[str, int], list[TensorNumbers] | str] = {
        key: several if isinstance(several, str) else [*map(numbers, several, like)] for key, several in found.items()
    }
    # Asking for a radius may itself have found that it is not known.
    unseen = set() if watches else {UNWATCHED}
    hidden = tuple(sorted(watch.unwatched | escapes.seen | watch.leaving | unseen))
    narrowed = tuple(sorted(map(dtype_name, watch.narrowed)))
    seen = WatchedCall(values, gradients, (), narrowed, narrowed_forward, frozenset(operations.seen))
    seen = replace(seen, converted_to=frozenset(watch.converted_to))
    return seen.without_bounds(hidden) if hidden else seen


def _backward(call: TensorCandidate, output: TensorOutput, upstream: Tensor) -> tuple[Tensor | None, ...] | str:
    try:
        return call.gradients(output, upstream.clone())  # a backward may write into it
    except LeftElsewhere:
        raise
    except CandidateError as error:
        return str(error)


def _numbers(watch: CandidateWatch | None, tensor: Tensor | None, like: Tensor) -> TensorNumbers:
    if tensor is None:
        zeros = np.zeros(shape_of(like))
        return TensorNumbers(zeros, zeros, absent=True)
    if watch is None:
        return TensorNumbers(numbers_of(tensor), np.full(shape_of(tensor), np.inf))
    parts = real_numbers(tensor)
    assert parts is not None, "gradients are floats or complex numbers"
    watch.meet([tensor])
    radius = torch.nan_to_num(watch.radius(parts).to(torch.float64), nan=math.inf).expand(parts.shape).to("cpu")
    return TensorNumbers(numbers_of(tensor), torch.where(radius < _NOTHING_KNOWN, radius, math.inf).numpy())


def narrowest(candidate: TensorCandidate) -> torch.dtype | None:
    """The dtype with the largest rounding errors among those of the inputs."""
    floats = [one.tensor for one in candidate.inputs if one.tensor.is_floating_point() or one.tensor.is_complex()]
    dtypes = {real_dtype(tensor) for tensor in floats} & UNIT_ROUNDOFF.keys()
    return max(dtypes, key=lambda dtype: UNIT_ROUNDOFF[dtype], default=None)

"""Upstream gradients of other numbers: ones, as after ``.sum()``, and these of another sign and size."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from diffexplore.errors import CandidateError
from diffexplore.tensors.battery.layouts import certain, where_known
from diffexplore.tensors.battery.records import (
    CallFinding,
    CallSetting,
    CallTrial,
    Gradients,
    PlainCall,
    TrialUnavailable,
    as_tensors,
    reason_of,
)
from diffexplore.tensors.numbers import TensorNumbers
from diffexplore.tensors.observed import observed
from diffexplore.torch_ops.tensor_rules.operands import NotCertified

#: Powers of two, by which a right backward pass multiplies without rounding; beyond the range of float16.
_SIZES = (-(2.0**16), 2.0**-16)

#: Dtypes that end before it, as float16 and those of 8 bits, lose numbers of other sizes.
_FAR = 2.0**100


def ones(setting: CallSetting) -> Iterator[CallFinding]:
    """The gradients for ones against the truth; those for multiples of ones against multiples of them."""
    if setting.exact is None:
        raise TrialUnavailable("the truth is not certified")
    for call in setting.calls:
        upstream = torch.ones_like(call.upstream, memory_format=torch.contiguous_format)
        try:
            truths = setting.exact.gradients(setting.places[call.output], upstream)
        except NotCertified as reason:
            raise TrialUnavailable(f"for ones the truth is not known: {reason}") from None
        candidate = setting.candidate.replaced()
        output = setting.output_of(candidate, call.output)
        known = [certain(*both) for both in zip(truths, call.gradients, strict=True)]
        exact = as_tensors((truth.high for truth in truths), candidate.sources)
        try:
            found = candidate.gradients(output, upstream.clone())
        except CandidateError as error:
            yield CallFinding("upstream_not_linear", f"it raises for an upstream gradient of ones: {reason_of(error)}")
            continue
        off = setting.differing(where_known(known, found), where_known(known, exact), call, upstream)
        if off is not None:
            yield CallFinding(
                "upstream_not_linear", f"for an upstream gradient of ones, as after .sum(), the gradient by {off}"
            )
            continue
        short = any(torch.finfo(dtype).max < _FAR for dtype in {upstream.dtype, *setting.converted_to})
        for size in () if short else _SIZES:
            scaled = candidate.gradients(output, size * upstream)
            expected = tuple(None if one is None else size * one for one in found)
            if any(one is not None and not bool(one.isfinite().all()) for one in (*scaled, *expected)):
                continue
            off = setting.differing(scaled, expected, call, size * upstream)
            if off is not None:
                off = _beyond_its_rounding(setting, call, scaled, expected, size * upstream)
            if off is not None:
                yield CallFinding(
                    "upstream_not_linear",
                    f"for an upstream gradient of {size:g} throughout the gradient by {off}: it has to be {size:g} "
                    "times that for ones",
                )
                break


def _beyond_its_rounding(
    setting: CallSetting, call: PlainCall, scaled: Gradients, expected: Gradients, upstream: torch.Tensor
) -> str | None:
    """What still differs by the bounds of that call itself: an algorithm may lose digits at another size.

    The derivative of torch's matrix exponential does. Where nothing is known of the rounding at this size, and
    something at that of the plain call, nothing is compared.
    """
    upstreams: dict[str, list[torch.Tensor]] = {name: [] for name in setting.upstreams}
    own = observed(setting.candidate, {**upstreams, call.output: [upstream]}).gradients[call.output, 0]
    if isinstance(own, str):
        return setting.differing(scaled, expected, call, upstream)
    known = [_still_bounded(*both) for both in zip(own, call.gradients, strict=True)]
    scaled, expected = (where_known(known, gradients) for gradients in (scaled, expected))
    return setting.differing(scaled, expected, PlainCall(call.output, upstream, tuple(own)), upstream)


def _still_bounded(own: TensorNumbers, plain: TensorNumbers) -> torch.Tensor:
    bounded = np.isfinite(own.in_any_call) | ~np.isfinite(plain.in_any_call)
    return torch.from_numpy(np.asarray(bounded))


TRIALS = (CallTrial("upstream_not_linear", "upstream gradients of other sizes", "quick", ones),)

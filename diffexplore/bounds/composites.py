"""Kernels that compute many steps in one: their formula is run step by step under the watch, beside the kernel.

A constant number of ulps would be wrong for them: log_softmax rounds x − max(x) to half an ulp of a number that may be
in the hundreds, and the exponential that follows turns this into as large a relative error. So what such a kernel
rounds is not claimed but derived at the operands at hand. Let f be the exact function, k the kernel's result and s that
of the same formula in elementary operations, in the dtype in which kernels compute (float32 for half precision). The
watch gives a radius r with |s − f(X)| ≤ r for all X in the balls of the operands, every rounding of every step
included. Then, whatever order, instructions or intermediate dtype the kernel uses,

    |k − f(X)| ≤ |k − s| + r.

Nothing is assumed of the kernel itself: one that strays from its formula costs power, which every pass states.
Source: N. J. Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., 2002, §3.3 (running error bounds).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from diffexplore.bounds.claims import UPWARD, rounding
from diffexplore.bounds.formulas import FORMULAS, PRIMITIVES
from diffexplore.bounds.handling import as_list, finite_float, plain_name
from diffexplore.torch_private.watching import OpOverload, decomposition_table, tree_leaves, tree_map

if TYPE_CHECKING:
    from diffexplore.bounds.watch import Watch

Tensor = torch.Tensor

#: Composite kernels that torch itself writes in elementary operations: its table of decompositions says how.
BY_TORCH = frozenset(
    "_softmax_backward_data _log_softmax_backward_data gelu gelu_backward silu silu_backward mish mish_backward "
    "softplus softplus_backward log_sigmoid_forward log_sigmoid_backward elu elu_backward celu hardtanh "
    "hardtanh_backward hardswish hardswish_backward hardsigmoid hardsigmoid_backward leaky_relu leaky_relu_backward "
    "softshrink hardshrink threshold_backward glu glu_backward huber_loss huber_loss_backward smooth_l1_loss "
    "smooth_l1_loss_backward mse_loss mse_loss_backward binary_cross_entropy binary_cross_entropy_backward "
    "binary_cross_entropy_with_logits nll_loss_forward nll_loss_backward native_layer_norm native_layer_norm_backward "
    "native_group_norm native_group_norm_backward native_batch_norm native_batch_norm_backward var var_mean std "
    "linalg_vector_norm norm renorm dist logit logit_backward addcmul addcdiv lerp special_entr special_xlog1py "
    "xlogy log2 log10 deg2rad rad2deg sinc logaddexp2 special_log_ndtr special_ndtri".split()
)

#: Kernels that change an operand although their schema does not say so: their formula is run on copies.
_UPDATING = frozenset(["native_batch_norm"])


def composite(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Runs a kernel, and its formula step by step; what one is off the other is part of the bound."""
    from diffexplore.bounds.aten import unwatched

    formula = _formula(func)
    if formula is None or not any(finite_float(value) for value in _leaves((args, kwargs))):
        return unwatched(watch, func, args, kwargs)
    name, in_place = plain_name(func)
    missing = set(watch.unwatched)
    with watch:
        operands = tree_map(_copied, args) if name in _UPDATING else args
        try:
            steps = as_list(formula(*operands, **kwargs))
        except NotImplementedError:  # a case that the formula does not cover
            steps = []
    incomplete = not steps or watch.unwatched != missing
    watch.unwatched &= missing
    if incomplete:
        return unwatched(watch, func, args, kwargs)
    out = func(*args, **kwargs)
    if in_place:
        watch.forget(out)
    for tensor, step in zip(as_list(out), steps, strict=True):
        if finite_float(tensor):
            watch.set(tensor, _radius(watch, tensor, step))
    return out


def _radius(watch: Watch, out: Tensor, step: Tensor) -> Tensor:
    if step.shape != out.shape:
        return torch.full((), math.inf, dtype=torch.float64, device=out.device)
    value, other = out.detach().to(torch.float64), step.detach().to(torch.float64)
    dtype = watch.rounds_in(out.dtype)
    if dtype is not out.dtype:  # narrower than expected: allowed for no more than if it were as expected
        return watch.radius(step) + rounding("convert", value, dtype)
    return ((value - other).abs() + watch.radius(step)) * UPWARD


def _formula(func: Any) -> Callable[..., Any] | None:
    """The formula of a kernel: one of ours, or torch's own decomposition of it."""
    if not isinstance(func, OpOverload):  # NumPy's functions come here, too
        return None
    if func.namespace == "prims":
        return PRIMITIVES.get(func.overloadpacket.__name__)
    name, in_place = plain_name(func)
    if name in FORMULAS:
        return FORMULAS[name]
    if in_place:
        functional = getattr(torch.ops.aten, name, None)
        func = getattr(functional, func._overloadname, None)
    formula: Callable[..., Any] | None = decomposition_table.get(func)
    return formula


def _copied(value: Any) -> Any:
    return value.clone() if isinstance(value, torch.Tensor) else value


def _leaves(values: Any) -> list[Any]:
    return tree_leaves(values)

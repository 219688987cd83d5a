"""Operators that add up elements with weights that no operand changes, and those that choose elements by their order.

A sum F(x) of elements with weights from 0 to 1 takes radii as it takes values: |F(X) − F(x)| ≤ F(|X − x|). Its n
additions and a division by a count round by γ_{n+2} F(|X|) (Higham, "Accuracy and Stability of Numerical Algorithms",
2nd ed., 2002, §4.2). Order statistics change by no more than the largest change of an element.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch

from diffexplore.bounds.claims import COMPUTE, QUANTUM, UNIT_ROUNDOFF, UPWARD, rounding
from diffexplore.bounds.handling import as_list, finite_float, unwatched
from diffexplore.torch_private.watching import tree_leaves, tree_map

if TYPE_CHECKING:
    from diffexplore.bounds.watch import Watch

Tensor = torch.Tensor


def mapped(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Arguments with each tensor of floats changed."""
    return tree_map(lambda leaf: change(leaf) if finite_float(leaf) else leaf, value)


def moved(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Each element of the result is one of some operand: radii move as values do."""
    out = func(*args, **kwargs)
    radii, named = mapped((args, kwargs), watch.radius)
    if finite_float(out):
        watch.set(out, func(*radii, **named))
    return out


def added_in_own_dtype(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Sums of elements by kernels that divide and add in the dtype of the result, however narrow."""
    return added_up(watch, func, args, kwargs, compute=UNIT_ROUNDOFF, windows=_covering)


def added_up(
    watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any],
    compute: Mapping[torch.dtype, float] | None = None, windows: Callable[[tuple[Any, ...]], int] | None = None,
) -> Any:  # fmt: skip
    """Sums of elements, with weight 1 or as means.

    ``compute`` is by how much each step may round, by the dtype; ``windows`` over how many elements a mean is at most.
    """
    out = func(*args, **kwargs)
    if not finite_float(out):
        return out
    radius, reach, counts = (
        func(*some, **named).abs()  # a divisor may be negative
        for some, named in (
            mapped((args, kwargs), change)
            for change in (
                watch.radius,
                lambda leaf: watch.ball(leaf, leaf).farthest_from_zero,
                lambda leaf: torch.ones_like(leaf, dtype=torch.float64),
            )
        )
    )
    dtype = watch.rounds_in(out.dtype)
    terms = max(_count(counts), (windows or _window)(args))
    unit = compute[dtype] if compute else UNIT_ROUNDOFF[dtype if out.is_cuda else COMPUTE[dtype]]
    growth = math.expm1((terms + 2) * math.log1p(unit))
    own = 1 + 4 * (terms + 2) * 2.0**-53
    value = out.detach().to(torch.float64)
    lost = torch.where(reach == 0, 0.0, reach * growth + rounding("add", value, dtype) + terms * QUANTUM[dtype])
    watch.set(out, (radius + lost) * own * UPWARD)
    return out


def _count(counts: Tensor) -> int:
    return math.ceil(float(counts.max())) if counts.numel() else 0


def _window(args: tuple[Any, ...]) -> int:
    """Over how many elements a pooling operator may average; 1 for one that has no windows."""
    sizes = next((value for value in args if isinstance(value, (list, tuple)) and _are_numbers(value)), None)
    if sizes is None and len(args) < 2:
        return 1
    spatial = [math.prod(leaf.shape[-3:]) for leaf in tree_leaves(args) if finite_float(leaf)]
    return max(spatial, default=1)


def _covering(args: tuple[Any, ...]) -> int:
    """In how many windows of a pooling operator an element lies at most: of its backward, given its arguments."""
    if len(args) < 2 or not isinstance(args[1], torch.Tensor):
        return 1  # the weights are 1, and are counted
    kernel = next((value for value in args if isinstance(value, (list, tuple)) and _are_numbers(value)), None)
    if kernel is not None:
        return math.prod(kernel) if len(kernel) > 1 else int(kernel[0]) ** 3
    shapes = zip(args[0].shape, args[1].shape, strict=True)
    return math.prod(math.ceil(windows / size) + 1 for windows, size in shapes if size and windows != size)


def _are_numbers(value: Any) -> bool:
    return bool(value) and all(isinstance(one, int) for one in value)


def scattered(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """index_put and put: elements take the place of others, or are added to them, in their own dtype."""
    accumulates = bool(args[3]) if len(args) > 3 else bool(kwargs.get("accumulate", False))
    if not accumulates:
        return moved(watch, func, args, kwargs)
    return added_up(watch, func, args, kwargs, compute=UNIT_ROUNDOFF)


def added_at(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """index_add: elements times alpha are added to others, in their own dtype."""
    factor = kwargs.get("alpha", 1)
    if factor == 1:
        return added_up(watch, func, args, kwargs, compute=UNIT_ROUNDOFF)
    target, dim, index, source = args
    out = func(*args, **kwargs)
    if not finite_float(out):
        return out
    a, b, scale = watch.ball(target, target), watch.ball(source, source), abs(float(factor))
    scale_off = float(watch.operand_radius(factor)) if isinstance(factor, float) else 0.0
    spread = b.rad * (scale + scale_off) + b.mid.abs() * scale_off
    radius = torch.index_add(a.rad, dim, index, spread)
    reach = torch.index_add(a.farthest_from_zero, dim, index, b.farthest_from_zero * scale)
    counts = torch.index_add(torch.ones_like(a.mid), dim, index, torch.ones_like(b.mid))
    dtype, terms = watch.rounds_in(out.dtype), _count(counts) + 1  # the product rounds, and so may alpha
    growth = math.expm1((terms + 2) * math.log1p(UNIT_ROUNDOFF[dtype]))
    lost = reach * growth + 2 * (terms + 2) * QUANTUM[dtype]
    watch.set(out, (radius + lost) * UPWARD * (1 + 4 * (terms + 2) * 2.0**-53))
    return out


def ordered(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Elements chosen by their order, and where they stood."""
    if watch.smooth:
        return unwatched(watch, func, args, kwargs)
    out = func(*args, **kwargs)
    radii = [watch.radius(leaf) for leaf in tree_leaves((args, kwargs)) if finite_float(leaf)]
    most = max((float(radius.max()) for radius in radii if radius.numel()), default=0.0)
    for tensor in as_list(out):
        if finite_float(tensor):
            watch.set(tensor, torch.full((), most, dtype=torch.float64, device=tensor.device))
    return out


def by_index(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A gradient that is added up at the indices which the forward chose; the values that it chose from do not bear."""
    fixed = (args[0], *(leaf.detach().to(torch.float64) if finite_float(leaf) else leaf for leaf in args[1:]))
    out = func(*args, **kwargs)
    upstream = watch.ball(args[0], args[0])
    radius, reach = (func(part, *fixed[1:], **kwargs) for part in (upstream.rad, upstream.farthest_from_zero))
    terms = _count(func(torch.ones_like(upstream.mid), *fixed[1:], **kwargs))
    dtype = watch.rounds_in(out.dtype)
    value = out.detach().to(torch.float64)
    growth = math.expm1(terms * math.log1p(UNIT_ROUNDOFF[dtype]))
    lost = torch.where(reach == 0, 0.0, reach * growth + rounding("add", value, dtype) * (terms > 1))
    watch.set(out, (radius + lost) * UPWARD)
    return out

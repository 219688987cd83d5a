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
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from diffexplore.bounds.claims import UPWARD, rounding
from diffexplore.bounds.drawing import nothing_drawn
from diffexplore.bounds.handling import Kinks, as_list, plain_name, real_numbers, unknown, unwatched
from diffexplore.torch_private.watching import OpOverload, decomposition_table, tree_leaves, tree_map

if TYPE_CHECKING:
    from diffexplore.bounds.watch import Watch


@dataclass(frozen=True)
class StepByStep:
    """The bound of a composite kernel: its formula in elementary operations, run step by step.

    Attributes:
        formula: called with the arguments of the operation; None where torch itself writes it in elementary operations.
        updates: whether the kernel changes an operand although its schema does not say so: steps run on copies.
        draws: whether the kernel draws random numbers: then the formula is called with what it returned as well, as
            ``drawn``, and says what it returns but that.
    """

    formula: Callable[..., Any] | None = None
    updates: bool = False
    draws: bool = False

    in_place: ClassVar[bool] = True

    def run(self, kinks: Kinks, watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Runs a kernel, and its formula step by step; what one is off the other is part of the bound."""
        formula = self.formula or _by_torch(func)
        if formula is None or not any(real_numbers(value) is not None for value in tree_leaves((args, kwargs))):
            return unwatched(watch, func, args, kwargs)
        if self.draws:
            return self._by_what_is_drawn(formula, watch, func, args, kwargs)
        steps = self._steps(formula, watch, func, args, kwargs)
        if steps is None:
            return unwatched(watch, func, args, kwargs)
        try:
            out = func(*args, **kwargs)
        except RuntimeError:
            if not watch.formulas_stand_in:
                raise
            return steps
        return self._bounded(watch, func, out, steps)

    def _by_what_is_drawn(
        self, formula: Callable[..., Any], watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """The kernel runs first, as its formula takes what it drew; what it overwrites is kept for that."""
        with watch:
            operands = tree_map(_copied, args[:1]) + args[1:] if plain_name(func)[1] else args
        out = func(*args, **kwargs)
        steps = self._steps(formula, watch, func, operands, {**kwargs, "drawn": out})
        return unknown(watch, func, args, kwargs, out) if steps is None else self._bounded(watch, func, out, steps)

    def _bounded(self, watch: Watch, func: Any, out: Any, steps: Any) -> Any:
        """What the kernel returned, with bounds by the results of its steps."""
        if plain_name(func)[1]:
            watch.forget(out)
        for tensor, step in zip(as_list(out), as_list(steps), strict=not self.draws):
            _transfer(watch, tensor, step)
        return out

    def _steps(
        self, formula: Callable[..., Any], watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """What the formula returns; None where it does not cover a case, has a step without a bound, or draws itself.

        Numbers that it draws would be others than those of the kernel, which is to draw what it does unwatched.
        """
        missing = set(watch.unwatched)
        with nothing_drawn(func, args) as has_drawn, watch:
            operands = tree_map(_copied, args) if self.updates else args
            try:
                found = formula(*operands, **kwargs)
            except (RuntimeError, ValueError, LookupError, TypeError, ZeroDivisionError):  # a case that is not covered
                found = None
            covered = found is not None and found is not NotImplemented and as_list(found) and not has_drawn()
        complete = covered and watch.unwatched == missing
        watch.unwatched &= missing
        return found if complete else None


def _transfer(watch: Watch, tensor: Any, step: Any) -> None:
    """Says of a result how far it is off its formula's, and of a truth value whether that one is decided."""
    numbers = real_numbers(tensor)
    if numbers is not None:
        watch.set(numbers, _radius(watch, numbers, real_numbers(step)))
    elif isinstance(step, Tensor) and watch.undecided(step) is not None:
        watch.set(tensor, watch.undecided(step))  # type: ignore[arg-type]  # it is not None


def _radius(watch: Watch, out: Tensor, step: Tensor | None) -> Tensor:
    if step is None or step.shape != out.shape:
        return torch.full((), math.inf, dtype=torch.float64, device=out.device)
    value, other = out.detach().to(torch.float64), step.detach().to(torch.float64)
    dtype = watch.rounds_in(out.dtype)
    if dtype is not out.dtype:  # narrower than expected: allowed for no more than if it were as expected
        return watch.radius(step) + rounding("convert", value, dtype)
    apart = torch.where(value == other, 0.0, (value - other).abs())  # infinities may be equal
    return (apart + watch.radius(step)) * UPWARD


def _by_torch(func: Any) -> Callable[..., Any] | None:
    """Torch's own decomposition of a kernel, or of that of which it is the form in place."""
    if not isinstance(func, OpOverload):  # NumPy's functions come here, too
        return None
    name, in_place = plain_name(func)
    if in_place:
        func = getattr(getattr(torch.ops.aten, name, None), func._overloadname, None)
    formula: Callable[..., Any] | None = decomposition_table.get(func)
    return formula


def _copied(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value

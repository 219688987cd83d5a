"""Im f(x + ih) / h: a difference without cancellation, for analytic functions.

Truncation is at most h²/6 · sup|f‴(x + is)| over 0 ≤ s ≤ h, enclosed in complex balls; h is so small that it hardly
counts. Source: W. Squire and G. Trapp, SIAM Review 40 (1998) 110.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import replace

import torch
from torch import Tensor

from diffexplore.arithmetic.torch_real import TORCH
from diffexplore.bounds.claims import UPWARD, summation_rounding
from diffexplore.bounds.complex_balls import COMPLEX, OPERATIONS, ComplexBall, lifted
from diffexplore.floating_point import LOST_BESIDE
from diffexplore.formula.budget import Ending
from diffexplore.functions.facts import CORNER, JUMP
from diffexplore.functions.tables import CONTROL, having
from diffexplore.methods._hull import hull
from diffexplore.methods._unmoved import Unmoved, kept
from diffexplore.methods.base import Estimate, Estimates, Values, with_step
from diffexplore.methods.prepared import Prepared, of_tensors
from diffexplore.methods.problem import Problem, spread_over
from diffexplore.program.program import Program

_COMPLEX = {torch.float64: torch.complex128, torch.float32: torch.complex64}

#: The step is 2 to this power, times the binade of |x|.
_STEP_EXPONENT = {torch.float64: -64, torch.float32: -40}

#: The smallest binade by which the step is scaled: below it, products with the step may underflow.
_SMALLEST_BINADE = {torch.float64: -256, torch.float32: -20}

_BRANCHING = having(CORNER, JUMP) | CONTROL - {"full_like"}


class ComplexStep:
    """One complex evaluation for each symbol."""

    exact = False
    opaque = False

    def obstacle(self, problem: Problem) -> str | None:
        if problem.dtype not in _COMPLEX:
            return f"torch has no complex arithmetic for {str(problem.dtype).removeprefix('torch.')}"
        used = problem.plain_loss_program.operations
        if branching := sorted(used & _BRANCHING):
            return f"the loss is not analytic: {', '.join(branching)}"
        if missing := sorted(used - set(OPERATIONS)):
            return f"no complex kernel with a known error: {', '.join(missing)}"
        for name in problem.wrt:
            found = problem.derivative_program(name, 3)
            if isinstance(found, Ending):
                return f"its truncation error is not bounded: the third derivative in {name} is {found.value}"
            if missing := sorted(found.operations - set(OPERATIONS)):
                held = f"the third derivative in {name} has {', '.join(missing)}"
                return f"its truncation error is not bounded: {held}, without a complex kernel of a known error"
        return None

    def reduced(self, problem: Problem, values: Values, n: int) -> Estimates:
        return {name: self._estimate(problem, values, name, n, reduce=True) for name in problem.parameters}

    def samples(self, problem: Problem, values: Values, n: int) -> Estimates:
        return {name: self._estimate(problem, values, name, n, reduce=False) for name in problem.wrt}

    def prepared(self, problem: Problem, values: Values, n: int) -> Prepared:
        """The complex evaluations alone, by torch's own complex kernels."""
        steps = {name: self.chosen_step(problem, values[name]).to(problem.dtype) for name in problem.wrt}
        complex_values = {name: value.to(_COMPLEX[problem.dtype]) for name, value in values.items()}

        def partial(name: str) -> Tensor:
            moved = {**complex_values, name: complex_values[name] + 1j * steps[name]}
            summands = spread_over(problem.plain_loss_program.run(TORCH, moved)[0], n, moved)
            partials = summands.imag / steps[name]
            return problem.reduce(partials) if problem.parameters else partials

        return of_tensors(lambda: [partial(name) for name in problem.wrt], problem.device)

    def _estimate(self, problem: Problem, values: Values, name: str, n: int, *, reduce: bool) -> Estimate:
        return self.at_step(problem, values, name, n, self.chosen_step(problem, values[name]), reduce=reduce)

    def chosen_step(self, problem: Problem, x: Tensor) -> Tensor:
        """The step at x (float64, the shape of x): small beside it in whatever units, and beside 1 where it is 0."""
        size = torch.where(x == 0, 1.0, x.to(torch.float64).abs())
        binade = torch.floor(torch.log2(size)).clamp(min=_SMALLEST_BINADE[problem.dtype])
        return torch.exp2(binade + _STEP_EXPONENT[problem.dtype])

    def at_step(
        self, problem: Problem, values: Values, name: str, n: int, step: Tensor, *, reduce: bool = True
    ) -> Estimate:
        """The partial by a step of the shape of the symbol's values: one, or m places of shape (m, 1)."""
        summand = _at(problem, problem.plain_loss_program, values, name, n, imag=step)
        third = problem.derivative_program(name, 3)
        assert not isinstance(third, Ending), "the method's obstacle is requested first"
        roundoff, square = summand.imag_radius / step, step.square() / 6
        truncation = square * _size(_of_all(problem, third, values, name, step))
        if not bool((truncation <= roundoff * LOST_BESIDE).all()):
            truncation = square * _size(_at(problem, third, values, name, n, reach=step))
        bound = roundoff + truncation
        partials = summand.value.imag / step.to(problem.dtype)
        stepped = ~(summand.value.real.isfinite() & partials.isfinite())
        if reduce:
            partials, bound = _reduce(problem, partials, bound)
            stepped = stepped.any(-1, keepdim=True) if stepped.dim() > 1 else stepped.any()
        bound = torch.nan_to_num(bound * UPWARD, nan=math.inf, posinf=math.inf)
        return with_step(partials.to(torch.float64).expand(bound.shape), bound, stepped)


def _size(ball: ComplexBall) -> Tensor:
    """A bound on the absolute value."""
    real, imag = ball.parts
    return torch.hypot(real.mid.abs() + real.rad, imag.mid.abs() + imag.rad)


def _of_all(problem: Problem, program: Program, values: Values, name: str, step: Tensor) -> ComplexBall:
    """The program over all points within the steps of all samples along the imaginary axis, in one ball."""
    return _moved(program, values, name, 1, "hull", _hull_of, _hull_of(values[name], step.max()))


def _hull_of(value: Tensor, reach: Tensor | None = None) -> ComplexBall:
    middle, radius = hull(value)
    none = torch.zeros_like(middle)
    return ComplexBall(middle.to(torch.complex128), radius, none if reach is None else reach, is_real=reach is None)


def _moved(
    program: Program, values: Values, name: str, n: int, kind: Hashable, held: Callable[[Tensor], ComplexBall],
    moved: ComplexBall,
) -> ComplexBall:  # fmt: skip
    """The program at values, each as it is ``held`` in a ball, but for one that is ``moved``."""

    def balls() -> dict[str, ComplexBall]:
        return {key: held(value) for key, value in values.items()}

    base = kept(values, ("complex", kind), program, lambda: Unmoved(COMPLEX, balls(), n))
    out = program.run(COMPLEX, {**balls(), name: moved})[0] if base is None else base.run(program, name, moved)
    return out if isinstance(out, ComplexBall) else lifted(out, moved)


def _at(
    problem: Problem, program: Program, values: Values, name: str, n: int,
    *, imag: Tensor | None = None, reach: Tensor | None = None,
) -> ComplexBall:  # fmt: skip
    """The program at x + i·imag, or over all points within ``reach`` of x along the imaginary axis."""

    def held(value: Tensor) -> ComplexBall:
        none = torch.zeros((), dtype=torch.float64, device=value.device)
        return ComplexBall(value.to(_COMPLEX[problem.dtype]), none, none, is_real=True)

    moved = replace(held(values[name]), is_real=False)
    if imag is not None:
        moved = replace(moved, value=moved.value + 1j * imag.to(problem.dtype))
    if reach is not None:
        moved = replace(moved, imag_radius=reach)
    out = _moved(program, values, name, n, problem.dtype, held, moved)
    shape = torch.broadcast_shapes(out.value.shape, *(value.shape for value in values.values()), (n,))
    zero = torch.zeros(shape, dtype=torch.float64, device=out.value.device)
    return ComplexBall(out.value.expand(shape), out.real_radius + zero, out.imag_radius + zero)


def _reduce(problem: Problem, partials: Tensor, bound: Tensor) -> tuple[Tensor, Tensor]:
    n = partials.shape[-1]
    out = problem.reduce(partials)
    divisor = n if problem.loss.reduction == "mean" else 1
    places = partials.dim() > 1
    magnitude = partials.to(torch.float64).abs().sum(-1, keepdim=places) / divisor
    rounding = summation_rounding(magnitude, out.to(torch.float64), n, problem.dtype) * 4
    return out, bound.sum(-1, keepdim=places) * (1 + n * 2.0**-52) / divisor + rounding


METHOD = ComplexStep()

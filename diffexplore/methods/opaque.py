"""What code is allowed whose rounding cannot be followed: a multiple of what the formula's own evaluations need."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from diffexplore.arithmetic.torch_real import TORCH
from diffexplore.bounds.claims import UNIT_ROUNDOFF
from diffexplore.bounds.watch import Watch, observing
from diffexplore.formula.descriptions import VALUE
from diffexplore.methods.base import Estimate, Estimates, Method, Values
from diffexplore.methods.problem import Problem, spread_over

#: What code whose operations cannot be watched is allowed, in bounds of the references.
OPAQUE_FACTOR = 16.0


def granted(problem: Problem, estimates: Estimates, values: Values, n: int) -> Estimates:
    """The estimates of a user's function; in float64 with what opaque code is allowed, where they have no bound.

    In narrower dtypes they stay without one: a stable evaluation and an unstable one may differ by more than that.
    """
    if problem.dtype != torch.float64 or not any(estimate.reason for estimate in estimates.values()):
        return estimates
    with observing(None):
        return allowed(estimates, problem.of_formula, values, n)


def allowed(estimates: Mapping[str, Estimate], problem: Problem, values: Values, n: int) -> Estimates:
    """The estimates, of the reduced loss, with a multiple of the larger reference bound."""
    from diffexplore.methods import reverse, symbolic

    references = [_reference(method, problem, values, n) for method in (symbolic.METHOD, reverse.METHOD)]
    found = {}
    for name, estimate in estimates.items():
        bounds = [reference[name] for reference in references] if name != VALUE else [_value_bound(problem, values, n)]
        bound = OPAQUE_FACTOR * torch.stack([known.expand(estimate.value.shape) for known in bounds]).amax(0)
        if name != VALUE and bool((bound == 0).any()):
            bound = torch.where(bound == 0, _conditioned(problem, values, n)[name], bound)
        found[name] = Estimate(estimate.value, bound.to(estimate.value.device))
    return found


def allowed_by_sample(estimates: Mapping[str, Estimate], problem: Problem, values: Values, n: int) -> Estimates:
    """The estimates, of the partials of each sample, with a multiple of the larger reference bound."""
    from diffexplore.methods import reverse, symbolic

    references = [method.samples(problem, values, n) for method in (symbolic.METHOD, reverse.METHOD)]
    found = {}
    for name, estimate in estimates.items():
        known = [reference[name].bound.expand(estimate.value.shape) for reference in references]
        bound = OPAQUE_FACTOR * torch.stack(known).amax(0)
        if bool((bound == 0).any()):
            bound = torch.where(bound == 0, _conditioned_by_sample(problem, values, n)[name], bound)
        found[name] = Estimate(estimate.value, bound.to(estimate.value.device))
    return found


def _conditioned(problem: Problem, values: Values, n: int) -> dict[str, Tensor]:
    """What rounding the inputs once would do to the partials.

    The references may compute an exact 0 where another order of the same operations rounds: as at a perfect fit.
    """
    with Watch() as watch:
        partials = _partials_of_rounded(watch, problem, values, n)
        reduced = {name: problem.reduce(partials[name]) for name in problem.parameters}
    weight = problem.weight(n)
    by_data = {name: weight * watch.radius(partial) for name, partial in partials.items() if name not in reduced}
    return {name: watch.radius(value) for name, value in reduced.items()} | by_data


def _conditioned_by_sample(problem: Problem, values: Values, n: int) -> dict[str, Tensor]:
    """The same of the partials of each sample."""
    with Watch() as watch:
        partials = _partials_of_rounded(watch, problem, values, n)
    return {name: watch.radius(partial) for name, partial in partials.items()}


def _partials_of_rounded(watch: Watch, problem: Problem, values: Values, n: int) -> dict[str, Tensor]:
    """The partials of each sample, under an open watch, from inputs that are rounded once."""
    unit = UNIT_ROUNDOFF[problem.dtype]
    copies = {name: value.detach().clone() for name, value in values.items()}
    for copy in copies.values():
        watch.set(copy, unit * copy.to(torch.float64).abs())
    outputs = problem.closed_form_program.run(TORCH, copies)
    return {name: spread_over(output, n, copies) for name, output in zip(problem.wrt, outputs, strict=True)}


def _reference(method: Method, problem: Problem, values: Values, n: int) -> dict[str, Tensor]:
    """How far a reference's own partials may be from the truth; by data, those of the reduced loss."""
    bounds = {name: estimate.bound for name, estimate in method.reduced(problem, values, n).items()}
    if set(problem.wrt) - set(bounds):
        weight, unit = problem.weight(n), UNIT_ROUNDOFF[problem.dtype]
        for name, estimate in method.samples(problem, values, n).items():
            if name not in bounds:
                bounds[name] = weight * (estimate.bound + 2 * unit * estimate.value.abs())
    return bounds


def _value_bound(problem: Problem, values: Values, n: int) -> Tensor:
    with Watch() as watch:
        value = problem.reduce(problem.summands(values, n))
    radius = watch.radius(value).to(torch.float64)
    return torch.nan_to_num(radius, nan=math.inf)

"""numdifftools' ``Derivative``: central differences at many steps, extrapolated, of which it keeps the best.

Its extrapolation is not linear and its steps are its own choice, so no bound on its error can be derived. It states an
estimate of its error, which proves nothing: it is allowed a hundred times that, beside what opaque code is allowed, and
only where the loss is proved smooth over the steps that its result is made of. Source: P. Brodtkorb and J. D'Errico,
numdifftools.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from diffexplore.arithmetic.numpy_real import NUMPY
from diffexplore.bounds.watch import observing
from diffexplore.formula.budget import Ending
from diffexplore.methods._along import Along
from diffexplore.methods._difference import UNBOUNDED
from diffexplore.methods.base import Estimate, Estimates, Values, is_watched, of_unknown_error, spread, with_step
from diffexplore.methods.opaque import allowed, allowed_by_sample
from diffexplore.methods.prepared import Prepared
from diffexplore.methods.problem import Problem

Array = np.ndarray

#: What it may differ by, in its own estimates of its error.
_ESTIMATES = 100.0

#: What it keeps is made of five steps, each half the one before: Richardson's rule takes three neighbours, and
#: Wynn's three of its results. It names the third of them, so that the largest is this many times it.
LARGEST = 4.0


@dataclass(frozen=True)
class _Found:
    """Derivatives, its estimates of their errors, how far from x it went, where the loss is not finite."""

    value: Array
    estimate: Array
    reach: Array
    stepped: Array


class Numdifftools:
    """One symbol after the other, of the reduced loss or of all samples at once, in double precision."""

    exact = False
    opaque = False  # it computes in float64 alone: there is nothing wider to run it in

    def obstacle(self, problem: Problem) -> str | None:
        if problem.dtype != torch.float64:
            return "numdifftools chooses its steps for float64"
        if missing := sorted(problem.loss_program.operations - set(NUMPY.operations)):
            return f"NumPy has no {', '.join(missing)}"
        for name in problem.wrt:
            found = problem.derivative_program(name, 1)
            if isinstance(found, Ending):
                return f"where the loss is smooth is not known: the derivative in {name} is {found.value}"
        return None

    def reduced(self, problem: Problem, values: Values, n: int) -> Estimates:
        found = {name: _derivative(_reduced(problem, values, name, n), values[name]) for name in problem.parameters}
        along = {name: Along(problem, values, name, n, problem.reduce) for name in found}
        return _estimates(found, along, allowed, problem, values, n)

    def samples(self, problem: Problem, values: Values, n: int) -> Estimates:
        own = spread(values, problem.wrt, n)
        found = {name: _derivative(_by_sample(problem, values, name, n), own[name]) for name in problem.wrt}
        along = {name: Along(problem.of_formula, {**values, name: own[name]}, name, n) for name in found}
        return _estimates(found, along, allowed_by_sample, problem, values, n)

    def prepared(self, problem: Problem, values: Values, n: int) -> Prepared:
        import numdifftools

        make = _reduced if problem.parameters else _by_sample
        derivatives = [numdifftools.Derivative(make(problem, values, name, n)) for name in problem.wrt]
        at = [values[name].detach().cpu().numpy() for name in problem.wrt]

        def call() -> list[Any]:
            with np.errstate(all="ignore"):
                return [derivative(x) for derivative, x in zip(derivatives, at, strict=True)]

        return Prepared(call, lambda outputs: tuple(np.asarray(output, np.float64) for output in outputs))


def _by_sample(problem: Problem, values: Values, name: str, n: int) -> Callable[[Array], Array]:
    """The loss of each sample as a function of one symbol, an array of shape (n,)."""
    arrays: Mapping[str, Array] = {key: value.detach().cpu().numpy() for key, value in values.items()}

    def summands(x: Array) -> Array:
        with np.errstate(all="ignore"):
            (out,) = problem.loss_program.run(NUMPY, {**arrays, name: x})
        return np.broadcast_to(np.asarray(out, np.float64), (n,))

    return summands


def _reduced(problem: Problem, values: Values, name: str, n: int) -> Callable[[Array], Array]:
    """The loss as a function of one parameter."""
    summands = _by_sample(problem, values, name, n)
    reduce = np.mean if problem.loss.reduction == "mean" else np.sum
    return lambda x: np.asarray(reduce(summands(np.asarray(x))))


def _derivative(function: Callable[[Array], Array], at: Tensor) -> _Found:
    import numdifftools

    x = at.detach().cpu().numpy()
    reach, broken = np.zeros(x.shape), np.full(x.shape, math.inf)

    def seen(node: Array) -> Array:
        value = function(node)
        away = np.abs(node - x)
        np.maximum(reach, away, out=reach)
        np.minimum(broken, np.where(np.isfinite(value), math.inf, away), out=broken)
        return value

    with np.errstate(all="ignore"):
        found = numdifftools.Derivative(seen, full_output=True)(x)
    value, estimate, step = (
        np.array(part, np.float64).reshape(x.shape) for part in (found.estimate, found.error_estimate, found.final_step)
    )
    largest = LARGEST * np.abs(step)
    used = np.minimum(reach, largest + np.spacing(np.abs(x) + largest))  # a node is rounded
    stepped = (broken <= used) | ~np.isfinite(value)
    return _Found(*(np.asarray(part) for part in (value, np.abs(estimate), used, stepped)))


def _estimates(
    found: Mapping[str, _Found], along: Mapping[str, Along], bounded: Callable[..., Estimates], problem: Problem,
    values: Values, n: int,
) -> Estimates:  # fmt: skip
    """What it found by each symbol, with bounds where they are requested; ``bounded`` gives those of opaque code."""
    plain = {name: of_unknown_error(torch.from_numpy(one.value)) for name, one in found.items()}
    if not is_watched():
        return {
            name: with_step(plain[name].value, plain[name].bound, torch.from_numpy(one.stepped), plain[name].reason)
            for name, one in found.items()
        }
    with observing(None):
        references = bounded(plain, problem.of_formula, values, n)
    return {name: _bounded(one, along[name], references[name].bound) for name, one in found.items()}


def _bounded(found: _Found, along: Along, reference: Tensor) -> Estimate:
    """What it found, with what it is allowed: nothing is known where the loss is not smooth as far as it looked."""
    reach = torch.from_numpy(found.reach)
    smooth = along.largest_derivative(1, reach, torch.full_like(reach, math.inf)).isfinite()
    bound = torch.where(smooth, reference + _ESTIMATES * torch.from_numpy(found.estimate), math.inf)
    reason = None if bool(smooth.all()) else UNBOUNDED
    return with_step(torch.from_numpy(found.value), bound, torch.from_numpy(found.stepped), reason)


METHOD = Numdifftools()

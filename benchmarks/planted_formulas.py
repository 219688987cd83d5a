"""Planted errors in the formula itself: a constant with too few digits, and a power that is off by one."""

from __future__ import annotations

from collections.abc import Callable

import sympy
import torch

from benchmarks.given import Given, Gradient
from benchmarks.kinds import Kind, named
from diffexplore.arithmetic.torch_real import TORCH
from diffexplore.formula.derive import differentiate
from diffexplore.methods.problem import Problem, spread_over
from diffexplore.program.program import lower

Tensor = torch.Tensor
Change = Callable[[sympy.Expr], sympy.Expr]

_CUBIC, _WRONG_CUBIC = sympy.Rational(44715, 10**6), sympy.Rational(44714, 10**6)
_PI = sympy.Rational(314159, 10**5)


def _constants(loss: sympy.Expr) -> sympy.Expr:
    """0.044714 for 0.044715, wherever the number or its multiple by a small one stands."""
    return loss.replace(
        lambda node: node.is_Rational and (node / _CUBIC).is_Integer, lambda node: node / _CUBIC * _WRONG_CUBIC
    )


def _pi(loss: sympy.Expr) -> sympy.Expr:
    return loss.subs(sympy.pi, _PI)


def _power(loss: sympy.Expr) -> sympy.Expr:
    """The first square or other power of a denominator, or else of a numerator, with an exponent one nearer to 0."""
    powers = [n for n in sympy.preorder_traversal(loss) if n.is_Pow and n.exp.is_Integer and abs(n.exp) > 1]
    powers = sorted(powers, key=lambda node: bool(node.exp > 0))
    return loss.xreplace({powers[0]: powers[0].base ** (powers[0].exp - sympy.sign(powers[0].exp))}) if powers else loss


def _of_loss(change: Change) -> Callable[[Given], Tensor]:
    """The loss that is written with the error; torch differentiates it."""

    def plant(given: Given) -> Tensor:
        problem = given.problem
        outputs = lower([change(problem.loss.expression)], problem.inputs).run(TORCH, given.values)
        return problem.reduce(spread_over(outputs[0], given.n, given.values))

    return plant


def _of_gradient(change: Change) -> Callable[[Given], Gradient]:
    """The gradient of that loss, written out."""

    def plant(given: Given) -> Gradient:
        problem = given.problem
        loss = change(problem.loss.expression)
        partials = [differentiate(loss, problem.loss.symbols[name]) for name in problem.wrt]
        return given.reduced(given.run(lower(partials, problem.inputs)))

    return plant


def _in_partial(given: Given) -> Gradient:
    """The first partial with a power of it off by one, the others as they are."""
    problem = given.problem
    raw = problem.loss.gradient(problem.wrt).raw
    first = next(name for name in problem.wrt if _power(raw[name]) != raw[name])
    partials = [_power(raw[name]) if name == first else raw[name] for name in problem.wrt]
    return given.reduced(given.run(lower(partials, problem.inputs)))


def _changes(change: Change) -> Callable[[Problem], bool]:
    return lambda problem: change(problem.loss.expression) != problem.loss.expression


def _changes_a_partial(problem: Problem) -> bool:
    raw = problem.loss.gradient(problem.wrt).raw
    return any(_power(raw[name]) != raw[name] for name in problem.wrt)


_CONSTANT = named("wrong_constant")
#: A power that is off by one may be a factor of the whole, or a term that is there once more.
_POWER = named("wrong_power", "factor_of_input", "missing_term", "cut_path")

PLANTED_FORMULAS: tuple[Kind, ...] = (
    Kind("constant cut in the loss", _CONSTANT, _of_loss(_constants), form="loss", there=_changes(_constants)),
    Kind("constant cut in the gradient", _CONSTANT, _of_gradient(_constants), there=_changes(_constants)),
    Kind("pi cut to 3.14159", _CONSTANT, _of_gradient(_pi), there=_changes(_pi)),
    Kind("power of the loss off by one", _POWER, _of_loss(_power), form="loss", there=_changes(_power)),
    Kind("power of a partial off by one", _POWER, _in_partial, there=_changes_a_partial),
)

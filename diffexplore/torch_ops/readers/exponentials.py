"""Exponentials of choices: exp(log u) is u, and exp(−∞) is 0, in the branch in which each stands.

Programs write log 0 as −∞, or as the lowest float, of which the exponential is 0 in floats as well. So no formula holds
an infinity where an exponential takes it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import sympy
import torch
from sympy import Expr

from diffexplore.floating_point import dtype_name
from diffexplore.formula.recognise import Recognised, itself
from diffexplore.torch_ops.readers.arrays import Grid, each
from diffexplore.torch_ops.readers.logic import select

if TYPE_CHECKING:
    from diffexplore.tracing.interpret import Reading

#: The lowest floats of dtypes whose exponentials are 0 by far in all of these dtypes.
_LOWEST = {
    itself(torch.finfo(dtype).min): (torch.finfo(dtype).min, dtype_name(dtype))
    for dtype in (torch.float64, torch.float32, torch.bfloat16)
}


def exponential(reading: Reading, x: Expr) -> Expr:
    """exp(x); by branches where x has a choice as a term with a logarithm or the lowest float in a branch.

    Where floats are what they are there is no number for exp(-2**1023) beside others, and x stays as it is.
    """
    terms = sympy.Add.make_args(x)
    if reading.way.exact and any(map(x.has, _LOWEST)):
        return sympy.exp(x)
    for place, term in enumerate(terms):
        if isinstance(term, sympy.Piecewise) and len(term.args) == 2 and any(map(_gives_way, term.args)):
            rest = sympy.Add(*terms[:place], *terms[place + 1 :])
            taken, otherwise = (exponential(reading, rest + branch.expr) for branch in term.args)
            return select(term.args[0].cond, taken, otherwise)
    lowest = next(filter(_LOWEST.__contains__, terms), None)
    if lowest is None:
        return sympy.exp(x)
    value, dtype = _LOWEST[lowest]
    found = Recognised(value, -sympy.oo, 1.0, dtype)
    reading.note(found.note)
    reading.constants[value, dtype] = found
    return sympy.S.Zero


def _gives_way(branch: Any) -> bool:
    """Whether the exponential of a branch has another form than exp(branch)."""
    terms = sympy.Add.make_args(branch.expr)
    return any(
        term in _LOWEST or term is sympy.S.NegativeInfinity or isinstance(term, sympy.log)
        or (isinstance(term, sympy.Piecewise) and any(map(_gives_way, term.args)))
        for term in terms
    )  # fmt: skip


def exp(reading: Reading, x: Any) -> Grid:
    return each(partial(exponential, reading), reading.number(x))


def logarithm(x: Expr) -> Expr:
    """log(x); −∞ of 0."""
    return sympy.S.NegativeInfinity if x.is_zero else sympy.log(x)


def logaddexp(reading: Reading, x: Any, y: Any) -> Grid:
    return each(lambda a, b: logarithm(a + b), exp(reading, x), exp(reading, y))

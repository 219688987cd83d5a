"""Step functions as constants: off its jumps, floor(p) is some number k, whatever p is.

A proof for every real k holds on every piece between two jumps. A refutation needs a k that occurs, so it is repeated
on the piece of one k.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import sympy
from sympy.logic.boolalg import Boolean

from diffexplore.formula.step_functions import STEPS, ceil, rounded

_PIECE = sympy.Integer(1)


@dataclass(frozen=True)
class Flat:
    """Two expressions without their step functions, and what was put in the place of each."""

    forward: sympy.Expr
    claimed: sympy.Expr
    constants: Mapping[sympy.Basic, sympy.Symbol]

    def spelled(self, condition: str) -> str:
        """``condition`` with the step functions in the place of the constants."""
        return spelled(condition, self.constants)

    def on_one_piece(self) -> tuple[sympy.Expr, sympy.Expr, tuple[Boolean, ...]]:
        """Both expressions where every step has the value 1, and the conditions under which it has."""
        values = dict.fromkeys(self.constants.values(), _PIECE)
        conditions: list[Boolean] = []
        for step in self.constants:
            low, high = _range(step)
            argument = step.args[0].xreplace(self.constants).xreplace(values)
            conditions += [argument > low, argument < high]
        return self.forward.xreplace(values), self.claimed.xreplace(values), tuple(conditions)


def spelled(condition: str, symbols: Mapping[sympy.Basic, sympy.Symbol]) -> str:
    """``condition`` with the names of ``symbols`` replaced by the expressions that they stand for."""
    for expression, symbol in symbols.items():
        condition = re.sub(rf"\b{symbol.name}\b", str(expression), condition)
    return condition


def flattened(forward: sympy.Expr, claimed: sympy.Expr) -> Flat:
    """``forward`` and ``claimed`` with a symbol for each step function in them."""
    steps = sorted(forward.atoms(*STEPS) | claimed.atoms(*STEPS), key=lambda step: (step.count_ops(), str(step)))
    constants = {step: sympy.Symbol(f"k{number}", real=True) for number, step in enumerate(steps, start=1)}
    return Flat(forward.xreplace(constants), claimed.xreplace(constants), constants)


def _range(step: sympy.Basic) -> tuple[sympy.Expr, sympy.Expr]:
    """Between which arguments the step has the value 1."""
    if isinstance(step, ceil):
        return _PIECE - 1, _PIECE
    if isinstance(step, rounded):
        return _PIECE - sympy.Rational(1, 2), _PIECE + sympy.Rational(1, 2)
    return _PIECE, _PIECE + 1

"""Simplification (quick)."""
from __future__ import annotations
from dataclasses import dataclass
import sympy
from diffexplore.symbolic.cost import count_ops


@dataclass(frozen=True)
class Simplified:
    expr: sympy.Expr
    stopped: bool


def simplify(expr: sympy.Expr, budget_seconds: float = 2.0) -> Simplified:
    candidates = [expr, sympy.factor_terms(expr)]
    if count_ops(expr) < 200:
        candidates.append(sympy.factor(expr))
    return Simplified(min(candidates, key=count_ops), False)

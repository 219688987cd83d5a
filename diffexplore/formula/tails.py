"""Tails of the normal distribution beside the exponentials that they cancel.

exp(x²)·erfc(x) is ∞·0 in floats from x = 27 on, though its value is that of erfcx(x), about 1/(x·√π).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sympy

from diffexplore.formula import build
from diffexplore.formula.functions_sympy import where
from diffexplore.functions.tables import builders


@dataclass(frozen=True)
class _Tail:
    """f(v) = ``factor``·exp(−w²)·erfcx(w), with w = ``scale``·v."""

    factor: sympy.Expr
    scale: sympy.Expr


#: By the name of the class.
_TAILS: Mapping[str, _Tail] = {
    "erfc": _Tail(sympy.S.One, sympy.S.One),
    "ndtr": _Tail(sympy.S.Half, -1 / sympy.sqrt(2)),
}


def without_tails(node: sympy.Mul, *, choices: bool) -> sympy.Expr:
    """A product with erfcx in the place of a tail and of the exponential that cancels it; else the same.

    Args:
        node: a product.
        choices: whether both forms may stand in a choice, where erfcx overflows on the other side.
    """
    exponential = next((factor for factor in node.args if isinstance(factor, sympy.exp)), None)
    if exponential is None:
        return node
    for factor in node.args:
        base, power = build.base_and_exponent(factor)
        tail = _TAILS.get(base.func.__name__) if base.is_Function and abs(power) == 1 else None
        left = None if tail is None else _left(exponential.args[0], power * (tail.scale * base.args[0]) ** 2)
        if tail is not None and left is not None:
            w = tail.scale * base.args[0]
            others = [one for one in node.args if one not in (factor, exponential)]
            scaled = build.product([*others, tail.factor**power, sympy.exp(left), builders()["erfcx"](w) ** power])
            return scaled if left == 0 else where(w > 0, scaled, node) if choices else node
    return node


def _left(exponent: sympy.Expr, square: sympy.Expr) -> sympy.Expr | None:
    """What is left of an exponent without a square that is a part of it; None where it is none."""
    before, after = sympy.expand(exponent), sympy.expand(exponent - square)
    return after if after == 0 or len(sympy.Add.make_args(after)) < len(sympy.Add.make_args(before)) else None


def log_of_tail(node: sympy.log) -> sympy.Expr:
    """The logarithm of a tail such that it does not underflow; another one as it is."""
    factor, function = node.args[0].as_coeff_Mul()
    tail = _TAILS.get(function.func.__name__) if function.is_Function else None
    if tail is None or not factor.is_positive:
        return node
    w = tail.scale * function.args[0]
    return where(w > 1, sympy.log(factor * tail.factor * builders()["erfcx"](w)) - w**2, node)

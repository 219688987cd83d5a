"""What the functions and methods of ATen that formulas call are, for one real element."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import sympy
from sympy.logic.boolalg import Boolean

from diffexplore.auditing.departures import depart
from diffexplore.errors import DiffexploreError
from diffexplore.formula import step_functions
from diffexplore.functions import FUNCTIONS as IN_FORMULAS
from diffexplore.torch_ops.registry import OPERATORS


class NotRead(DiffexploreError):
    """A formula with something in it that has no reading here, named in the message."""


def number(value: Any) -> sympy.Expr:
    """``value`` as a number: a condition counts 1 where it holds, else 0.

    Raises:
        NotRead: where it is none.
    """
    if isinstance(value, sympy.Expr):  # first: SymPy counts a symbol among conditions as well
        return value
    if isinstance(value, (bool, Boolean)):
        return where(truth(value), sympy.S.One, sympy.S.Zero)
    if isinstance(value, int):
        return sympy.Integer(value)
    raise NotRead(f"{_shown(value)}, which is not a number")


def truth(value: Any) -> Boolean:
    """``value`` as a condition: a number holds where it is not 0.

    Raises:
        NotRead: where it is none.
    """
    if isinstance(value, sympy.Expr):
        return sympy.Ne(value, 0)
    if isinstance(value, (bool, Boolean)):
        return sympy.sympify(value)
    raise NotRead(f"{_shown(value)}, which is not a condition")


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, (str, bool)) or value is None else "a value"


def where(condition: Any, taken: Any, otherwise: Any) -> sympy.Expr:
    """``taken`` where the condition holds, else ``otherwise``."""
    return sympy.Piecewise((number(taken), truth(condition)), (number(otherwise), True))


def divided(x: sympy.Expr, y: sympy.Expr, rounding_mode: str | None = None) -> sympy.Expr:
    """``x / y``, rounded as the mode of ``div`` says."""
    if rounding_mode is None:
        return number(x) / number(y)
    return {"trunc": step_functions.trunc, "floor": step_functions.floor}[rounding_mode](x / y)


def same(x: Any, *_: Any) -> Any:
    """What changes sizes, dtypes or places only, or the imaginary part of a number that has none."""
    return x


def to_float(x: sympy.Expr) -> sympy.Expr:
    """A scalar in float32: a number is rounded, and a symbol stands for one that float32 has."""
    if isinstance(x, sympy.Rational):
        rounded = Fraction(struct.unpack("f", struct.pack("f", float(x)))[0])
        words = f"toFloat rounds {float(x)} to float32"
        return depart(f"float32({x})", rounded, x, words) if rounded != Fraction(x.p, x.q) else x
    return x


def _always(value: sympy.Basic) -> Callable[..., sympy.Basic]:
    return lambda *_: value


def _of_records() -> dict[str, Callable[..., Any]]:
    """The formulas of elementwise operators, whose operands C++ makes numbers of."""
    return {name: _of_numbers(known.formula) for name, known in OPERATORS.items() if known.formula is not None}


def _of_numbers(formula: Callable[..., sympy.Expr]) -> Callable[..., sympy.Expr]:
    return lambda *operands: formula(*map(number, operands))


_OWN: Mapping[str, Callable[..., Any]] = {
    **dict.fromkeys(
        "conj real to type_as clone contiguous expand_as expand_symint detach toDouble toComplexDouble "
        "resolve_conj conj_physical scalar_tensor".split(),
        same,
    ),
    **dict.fromkeys(
        "zeros_like zeros zeros_symint new_zeros new_zeros_symint _efficientzerotensor zero".split(),
        _always(sympy.S.Zero),
    ),
    "toFloat": to_float,
    "ones_like": _always(sympy.S.One),
    **dict.fromkeys(("isnan", "isinf"), _always(sympy.false)),
    "isfinite": _always(sympy.true),
    "handle_r_to_c": lambda *values: values[-1],
    "apply_loss_reduction": same,
    "maybe_multiply": lambda x, factor: x * factor,
    "where": where,
    **dict.fromkeys(("masked_fill", "masked_fill_inplace_if_safe"), lambda x, mask, value: where(mask, value, x)),
    **dict.fromkeys(("fill", "copy"), lambda x, value: number(value)),
    "logical_and": lambda x, y: sympy.And(truth(x), truth(y)),
    "logical_or": lambda x, y: sympy.Or(truth(x), truth(y)),
    "logical_not": lambda x: sympy.Not(truth(x)),
    "sum": same,
    "max": sympy.Max,
    "min": sympy.Min,
    "div": divided,
    # In the terms of exp and log, which the algebra of proofs knows more of.
    **{name: one.naive for name, one in IN_FORMULAS.items() if one.naive is not None and name in ("log1p", "expm1")},
    "polygamma": sympy.polygamma,
    # For a positive argument of the logarithm, where torch's case of its own at x = 0 changes nothing.
    "xlogy": lambda x, y: x * sympy.log(y),
    "special_xlog1py": lambda x, y: x * sympy.log(1 + y),
}

#: Name, without ``_`` for in place, → what it is.
FUNCTIONS: Mapping[str, Callable[..., Any]] = {**_of_records(), **_OWN}

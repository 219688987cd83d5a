"""Forms that keep the digits that others lose: a table, of which nothing is proposed before it is tried."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import sympy
import torch
from flint import arb
from sympy.codegen import cfunctions

from diffexplore.arithmetic.balls import BALLS, precision
from diffexplore.arithmetic.torch_real import TORCH
from diffexplore.bounds.claims import UNIT_ROUNDOFF
from diffexplore.bounds.watch import Watch
from diffexplore.formula.forms import can_be_multiplied_out
from diffexplore.formula.functions_sympy import sigmoid, softplus
from diffexplore.formula.size import nodes
from diffexplore.formula.text import to_text
from diffexplore.functions.tables import naive_forms
from diffexplore.lists import shortened
from diffexplore.program.program import lower

Tensor = torch.Tensor

_BITS = 320

#: Two enclosures of one number agree where they overlap and are this narrow.
_NARROW = 2.0**-100

_p, _q = (sympy.Wild(name, exclude=[0]) for name in "pq")
_w = sympy.Wild("w", exclude=[0])
_expm1, _log1p = cfunctions.expm1, cfunctions.log1p


@dataclass(frozen=True)
class StableForm:
    """``pattern`` loses digits somewhere that ``form`` keeps; its Wild symbols, by name, stand for any expression."""

    pattern: sympy.Expr
    form: Callable[..., sympy.Expr]


# SymPy writes erfc(−w) as 2 − erfc(w), which would lose the digits again: it is kept from doing so.
#: In the order in which they are tried. Source: N. J. Higham, "Accuracy and Stability of Numerical Algorithms", §1.7
#: and problem 1; W. Kahan, "Branch cuts for complex elementary functions" (expm1, log1p).
FORMS: tuple[StableForm, ...] = (
    StableForm(1 - 1 / (1 + sympy.exp(_w)), lambda w: sigmoid(w)),
    StableForm(1 - sympy.exp(_w) / (1 + sympy.exp(_w)), lambda w: sigmoid(-w)),
    StableForm(1 - sigmoid(_w), lambda w: sigmoid(-w)),
    *(StableForm(naive(_w), lambda w, form=form: form(w)) for form, naive in naive_forms()),
    StableForm(1 - sympy.exp(_w), lambda w: -_expm1(w)),
    StableForm(_expm1(_w) + 1, lambda w: sympy.exp(w)),
    StableForm(sympy.log(sympy.exp(_p) + sympy.exp(_q)), lambda p, q: p + softplus(q - p)),
    StableForm(1 + sympy.erf(_w), lambda w: sympy.erfc(-w, evaluate=False)),
    StableForm(1 - sympy.erfc(_w), lambda w: sympy.erf(w)),
    StableForm(1 - sympy.tanh(_w) ** 2, lambda w: 1 / sympy.cosh(w) ** 2),
    StableForm(1 - sympy.tanh(_w), lambda w: 2 * sigmoid(-2 * w)),
    StableForm(1 + sympy.tanh(_w), lambda w: 2 * sigmoid(2 * w)),
    StableForm(1 - sympy.cos(_w), lambda w: 2 * sympy.sin(w / 2) ** 2),
    StableForm(sympy.cos(_w) - 1, lambda w: -2 * sympy.sin(w / 2) ** 2),
    StableForm(1 - sympy.sin(_w) ** 2, lambda w: sympy.cos(w) ** 2),
    StableForm(1 - sympy.cos(_w) ** 2, lambda w: sympy.sin(w) ** 2),
    StableForm(sympy.cosh(_w) - 1, lambda w: 2 * sympy.sinh(w / 2) ** 2),
    StableForm(sympy.sqrt(_p) - sympy.sqrt(_q), lambda p, q: (p - q) / (sympy.sqrt(p) + sympy.sqrt(q))),
    StableForm(sympy.sqrt(_p) - _q, lambda p, q: (p - q**2) / (sympy.sqrt(p) + q)),
    StableForm(sympy.log(_p) - sympy.log(_q), lambda p, q: _log1p((p - q) / q)),
    StableForm(sympy.exp(_p) - sympy.exp(_q), lambda p, q: sympy.exp(q) * _expm1(p - q)),
    StableForm(sympy.sin(_p) - sympy.sin(_q), lambda p, q: 2 * sympy.cos((p + q) / 2) * sympy.sin((p - q) / 2)),
    StableForm(sympy.cos(_p) - sympy.cos(_q), lambda p, q: -2 * sympy.sin((p + q) / 2) * sympy.sin((p - q) / 2)),
    StableForm(1 / _p - 1 / _q, lambda p, q: (q - p) / (p * q)),
    StableForm(_p**2 - _q**2, lambda p, q: (p - q) * (p + q)),
)


#: A higher one costs more than a form is worth.
_HIGHEST_DEGREE = 100


def _factored(node: sympy.Expr) -> sympy.Expr:
    """``node`` as a product. SymPy takes exp(10²⁰) and exp(10²⁰·x) for powers of exp(1) and exp(x), of that degree."""
    large = {part: sympy.Dummy(real=True) for part in node.atoms(sympy.exp, sympy.Pow) if _is_of_high_degree(part)}
    back = {name: part for part, name in large.items()}
    return sympy.factor(node.xreplace(large)).xreplace(back)


def _is_of_high_degree(power: sympy.Expr) -> bool:
    coefficients = [term.as_coeff_Mul()[0] for term in sympy.Add.make_args(power.as_base_exp()[1])]
    return any(max(abs(number.p), number.q) > _HIGHEST_DEGREE for number in coefficients if number.is_Rational)


#: Rearrangements for any sum; SymPy factors (a² − 2ab + b²) too.
_ANY: tuple[Callable[[sympy.Expr], sympy.Expr], ...] = (
    lambda node: node,
    _factored,
)

#: Larger formulas are left as they are.
_MOST_NODES = 60


@dataclass(frozen=True)
class FormTrial:
    """What a form gives at a point: the relative radius of its watched run, and whether it equals the other form."""

    relative: float
    equal: bool


@lru_cache(maxsize=256)
def better_form(
    node: sympy.Expr, point: tuple[tuple[str, float], ...], dtype: torch.dtype
) -> tuple[sympy.Expr, float] | None:
    """A form of ``node`` that keeps more than half the digits here, where it loses them, and its relative radius.

    ``point`` holds a value for each symbol. Every form is run, and held against enclosures of both.
    """
    if not node.free_symbols or nodes(node) > _MOST_NODES or not can_be_multiplied_out(node):
        return None
    values = {name: torch.tensor(value, dtype=dtype, device="cpu") for name, value in point}
    for form in _proposals(node):
        trial = tried(form, node, values)
        if trial.equal and trial.relative <= math.sqrt(UNIT_ROUNDOFF[dtype]):
            return form, trial.relative
    return None


@lru_cache(maxsize=256)
def _proposals(node: sympy.Expr) -> tuple[sympy.Expr, ...]:
    """Other forms of ``node``, each once, in the order in which they are tried; they are the same at every point."""
    return tuple(dict.fromkeys(_other_forms(node)))


def _other_forms(node: sympy.Expr) -> Iterator[sympy.Expr]:
    for known in FORMS:
        for sign in (1, -1):
            signed = sign * node
            found = signed.match(known.pattern) if _may_match(signed, known.pattern) else None
            if found and all(symbol in found for symbol in known.pattern.atoms(sympy.Wild)):
                form = sign * known.form(**{symbol.name: part for symbol, part in found.items()})
                yield form
                yield form.replace(lambda part: part.is_Add, sympy.expand)
    for rearranged in _ANY:
        form = rearranged(node)
        if sympy.count_ops(form) <= sympy.count_ops(node):  # else it is right here, and no better elsewhere
            yield form


def _may_match(node: sympy.Expr, pattern: sympy.Expr) -> bool:
    """Whether it is worth a search, which takes long for sums of many terms; a function matches one of its kind."""
    most = 2 if len(pattern.atoms(sympy.Wild)) > 1 else 4
    in_question = node.func is pattern.func and (not node.is_Add or len(node.args) <= most)
    return in_question and _functions_in(pattern) <= _functions_in(node)


def _functions_in(expr: sympy.Expr) -> set[type[sympy.Basic]]:
    return {type(part) for part in expr.atoms(sympy.Function)}


def tried(form: sympy.Expr, node: sympy.Expr, values: Mapping[str, Tensor]) -> FormTrial:
    """Runs ``form`` under a watch at ``values``, and compares its exact value with that of ``node``."""
    failed = FormTrial(math.inf, False)
    names = tuple(values)
    try:
        program, other = lower([form], names), lower([node], names)
        with precision(_BITS):
            balls = {name: arb(float(value)) for name, value in values.items()}
            exact, same = program.run(BALLS, balls)[0], other.run(BALLS, balls)[0]
            if not (_is_narrow(exact) and _is_narrow(same) and exact.overlaps(same)):
                return failed
            size = abs(float(exact.mid()))
        with Watch() as watch:
            out = program.run(TORCH, dict(values))[0]
        if not isinstance(out, torch.Tensor) or size == 0 or not bool(out.isfinite().all()):
            return failed
        return FormTrial(float(watch.radius(out).reshape(-1)[0]) / size, True)
    except (TypeError, ValueError, RuntimeError, KeyError, AssertionError):
        return failed


def _is_narrow(ball: arb) -> bool:
    return bool(ball.is_finite()) and bool(ball.rad() <= abs(ball.mid()) * _NARROW)


#: Longer ones are cut.
_LONGEST = 70


def shown(formula: sympy.Expr) -> str:
    """The formula in ASCII, cut where it is long; numbers of a program, binary fractions, as decimals of few digits."""
    long = [number for number in formula.atoms(sympy.Rational) if number.q > 10_000]
    short = formula.xreplace({number: sympy.Symbol(f"{float(number):.6g}", positive=True) for number in long})
    return shortened(to_text(short, unicode=False), _LONGEST)


def evaluated(formula: sympy.Expr) -> sympy.Expr:
    """The formula as SymPy writes it, in which forms are recognised."""
    if not formula.args:
        return formula
    return formula.func(*(evaluated(argument) for argument in formula.args))

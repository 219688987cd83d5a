"""The rungs of the ladder: one way to rewrite an expression each.

Polynomial algorithms see the functions of an expression as black boxes (``hidden``): left alone, SymPy would split
exp(a + b), and refuse Piecewise.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy

from diffexplore.formula.budget import spend
from diffexplore.formula.factoring import factor
from diffexplore.formula.functions_sympy import sigmoid, softplus
from diffexplore.formula.size import OverOneDenominator, TooLarge

MOST_TO_FACTOR = 400_000
"""What would take more than this (:attr:`OverOneDenominator.to_factor`) is not begun, for nothing can stop it."""

MOST_TERMS = 400
"""Longer sums are not put over one denominator: each term would be multiplied by all denominators."""

Form = Callable[[sympy.Expr], sympy.Expr]


def as_it_is(expr: sympy.Expr) -> sympy.Expr:
    """The expression itself, to be arranged only."""
    return expr


class _Boxes:
    """Black boxes in the place of functions, roots and symbolic powers; related ones share a box.

    exp(2·u) becomes box(exp(u))², and u^(3/2) becomes box(√u)³.
    """

    def __init__(self) -> None:
        self._boxes: dict[sympy.Expr, sympy.Dummy] = {}

    def hide(self, expr: sympy.Expr) -> sympy.Expr:
        if expr.is_Symbol or expr.is_Number:
            return expr
        if expr.is_Add or expr.is_Mul:
            return expr.func(*(self.hide(arg) for arg in expr.args))
        if isinstance(expr, sympy.exp):
            return self._exponential(expr)
        if expr.is_Pow and expr.exp.is_Integer:
            return self.hide(expr.base) ** expr.exp
        if expr.is_Pow and expr.exp.is_Rational:
            return self._box(expr.base ** sympy.Rational(1, expr.exp.q)) ** expr.exp.p
        return self._box(expr)

    def _exponential(self, expr: sympy.Expr) -> sympy.Expr:
        factor, inner = expr.args[0].as_content_primitive()
        if inner.could_extract_minus_sign():
            factor, inner = -factor, -inner
        return self._box(sympy.exp(inner / factor.q)) ** factor.p if factor.is_Rational else self._box(expr)

    def _box(self, expr: sympy.Expr) -> sympy.Expr:
        if expr not in self._boxes:
            self._boxes[expr] = sympy.Dummy(f"box{len(self._boxes)}", real=True, positive=expr.is_positive or None)
        return self._boxes[expr]

    def open(self, expr: sympy.Expr) -> sympy.Expr:
        return expr.xreplace({box: content for content, box in self._boxes.items()})


def hidden(form: Form, bounded: Callable[[sympy.Expr], None]) -> Form:
    """``form`` applied to the polynomial structure of an expression, if that is within the bounds of its algorithm."""

    def applied(expr: sympy.Expr) -> sympy.Expr:
        boxes = _Boxes()
        structure = boxes.hide(expr)
        bounded(structure)
        return boxes.open(form(structure))

    return applied


def few_to_factor(expr: sympy.Expr) -> None:
    """Spend what polynomial algorithms take on ``expr``; raises :class:`TooLarge` where that is too much."""
    operations = OverOneDenominator(expr).to_factor
    if operations > MOST_TO_FACTOR:
        raise TooLarge
    spend(operations)


def can_be_multiplied_out(expr: sympy.Expr) -> bool:
    """Whether polynomial algorithms may be begun on ``expr``; what they take is spent then."""
    try:
        few_to_factor(expr)
    except TooLarge:
        return False
    return True


def few_terms(expr: sympy.Expr) -> None:
    """Spend what it takes to look through the terms of sums; raises :class:`TooLarge` where there are too many."""
    longest = max((len(add.args) for add in expr.atoms(sympy.Add)), default=0)
    if longest > MOST_TERMS:
        raise TooLarge
    spend(1 + longest**2)


def merged_powers(expr: sympy.Expr) -> sympy.Expr:
    """exp(a)·exp(b) and x^a·x^b in one power."""
    symbolic = any(not power.exp.is_Rational for power in expr.atoms(sympy.Pow))
    return sympy.powsimp(expr) if symbolic or expr.has(sympy.exp) else expr


def signed(expr: sympy.Expr) -> sympy.Expr:
    """|u| as u·sign(u) where sign(u) occurs as well, factored."""
    pairs = {sympy.Abs(node.args[0]): node.args[0] * node for node in expr.atoms(sympy.sign)}
    return factored(expr.xreplace(pairs)) if pairs else expr


def squares_replaced(old: type[sympy.Function], new: type[sympy.Function], square: Form) -> Form:
    """The form that writes old(u)² as ``square(new(u)²)`` and factors, such as sin(u)² = 1 − cos(u)²."""

    def applied(expr: sympy.Expr) -> sympy.Expr:
        squares = {
            power: square(new(*power.base.args) ** 2) ** (power.exp // 2) * power.base ** (power.exp % 2)
            for power in expr.atoms(sympy.Pow)
            if isinstance(power.base, old) and power.exp.is_Integer and power.exp > 1
        }
        return factored(expr.xreplace(squares)) if squares else expr

    return applied


def factored(expr: sympy.Expr) -> sympy.Expr:
    """Over one denominator, and in factors.

    Done twice where there are roots: a squared root is a polynomial only once it is out of its box.
    """
    form = hidden(factor, few_to_factor)
    once, powers = form(expr), expr.atoms(sympy.Pow)
    roots = (p for p in powers if p.exp.is_Rational and not p.exp.is_Integer and not p.base.is_number)
    return form(once) if any(roots) else once


def around_sums(form: Form) -> Form:
    """``form`` with the sums under powers left whole: (a·x − y)² is not multiplied out beside other terms."""

    def applied(expr: sympy.Expr) -> sympy.Expr:
        powers = (power for power in expr.atoms(sympy.Pow) if power.base.is_Add and power.exp.is_Integer)
        boxes = {power.base: sympy.Dummy(real=True) for power in powers if power.exp > 1}
        return form(expr.xreplace(boxes)).xreplace({box: base for base, box in boxes.items()}) if boxes else expr

    return applied


def mirrored(expr: sympy.Expr) -> sympy.Expr:
    """σ(−u) as 1 − σ(u) and softplus(−u) as softplus(u) − u beside the same of u, factored."""
    nodes = expr.atoms(sigmoid, softplus)
    turned = (node for node in nodes if node.args[0].could_extract_minus_sign() and node.func(-node.args[0]) in nodes)
    pairs = {node: _of_mirrored(node.func(-node.args[0])) for node in turned}
    return factored(expr.xreplace(pairs)) if pairs else expr


def _of_mirrored(node: sympy.Expr) -> sympy.Expr:
    """f(−u), by f(u)."""
    return 1 - node if isinstance(node, sigmoid) else node - node.args[0]


CHEAP: tuple[Form, ...] = (
    hidden(sympy.factor_terms, few_terms),
    factored,
    around_sums(factored),
    around_sums(hidden(sympy.together, few_terms)),
    signed,
)

THOROUGH: tuple[Form, ...] = (
    merged_powers,
    mirrored,
    squares_replaced(sympy.sin, sympy.cos, lambda square: 1 - square),
    squares_replaced(sympy.cos, sympy.sin, lambda square: 1 - square),
    squares_replaced(sympy.sinh, sympy.cosh, lambda square: square - 1),
    squares_replaced(sympy.cosh, sympy.sinh, lambda square: square + 1),
)

OF_SUMS: tuple[Form, ...] = (hidden(sympy.cancel, few_to_factor), hidden(sympy.expand, few_to_factor))
"""Tried only where no product was found."""

"""The rules of differentiation, one application at a time, as a student learns them."""

from __future__ import annotations

import sympy
from sympy.core.function import AppliedUndef

from diffexplore.formula import build
from diffexplore.formula.derive import differentiate
from diffexplore.formula.order import is_reciprocal
from diffexplore.formula.text import to_text


def pending(expr: sympy.Expr, symbol: sympy.Symbol) -> sympy.Expr:
    """d(expr)/d(symbol), still to be worked out; done at once for constants, the symbol and its multiples."""
    constant, rest = expr.as_independent(symbol, as_Add=False)
    if not expr.has(symbol):
        return sympy.S.Zero
    return constant if rest == symbol else sympy.Derivative(expr, symbol)


def is_inner(node: sympy.Derivative) -> bool:
    """Whether the derivative is of a named inner function, such as du/da."""
    return isinstance(node.expr, AppliedUndef)


def apply_rule(node: sympy.Derivative, *, unicode: bool = True) -> tuple[str, sympy.Expr]:
    """The name of the rule for the outermost operation, and what it makes of the derivative."""
    expr, symbol = node.expr, node.variables[0]
    if expr.is_Add:
        return "sum rule", build.total(pending(term, symbol) for term in expr.args)
    if expr.is_Mul:
        return _of_product(expr, symbol)
    if expr.is_Pow:
        return _of_power(expr.base, expr.exp, symbol)
    if isinstance(expr, sympy.Piecewise):
        return "each branch on its own", sympy.Piecewise(*((pending(part, symbol), cond) for part, cond in expr.args))
    return _of_function(expr, symbol, unicode)


def _of_product(expr: sympy.Expr, symbol: sympy.Symbol) -> tuple[str, sympy.Expr]:
    constant, rest = expr.as_independent(symbol, as_Add=False)
    if constant != 1:
        return "constant factor", build.product([constant, pending(rest, symbol)])
    above, below = _bar(rest)
    if below == 1:
        factors = sympy.Mul.make_args(above)
        slopes = ([*factors[:i], pending(factor, symbol), *factors[i + 1 :]] for i, factor in enumerate(factors))
        return "product rule", build.total(map(build.product, slopes))
    terms = [build.product([below, pending(above, symbol)]), build.product([-1 * above, pending(below, symbol)])]
    return "quotient rule", build.product([build.total(terms), below**-2])


def _bar(expr: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr]:
    """Numerator and denominator; only negative powers stand below the bar, exp(−x) does not."""
    factors = sympy.Mul.make_args(expr)
    below = [factor for factor in factors if is_reciprocal(factor)]
    return build.product(f for f in factors if f not in below), build.product(1 / factor for factor in below)


def _of_power(base: sympy.Expr, exponent: sympy.Expr, symbol: sympy.Symbol) -> tuple[str, sympy.Expr]:
    if not exponent.has(symbol):
        rule = "power rule" if base == symbol else "power rule and chain rule"
        return rule, build.product([exponent, base ** (exponent - 1), pending(base, symbol)])
    if not base.has(symbol):
        return "exponential rule", build.product([base**exponent, sympy.log(base), pending(exponent, symbol)])
    logarithm = sympy.Derivative(exponent * sympy.log(base), symbol)
    return "logarithmic derivative, f' = f·(log f)'", build.product([base**exponent, logarithm])


def _of_function(expr: sympy.Expr, symbol: sympy.Symbol, unicode: bool) -> tuple[str, sympy.Expr]:
    """The chain rule over all arguments that depend on the symbol."""
    stand_ins = [sympy.Dummy("t", real=True) for _ in expr.args]
    moving = [position for position, argument in enumerate(expr.args) if argument.has(symbol)]
    arguments = [stand_ins[i] if i in moving else argument for i, argument in enumerate(expr.args)]
    back = dict(zip(stand_ins, expr.args, strict=True))
    terms = []
    for position in moving:
        outer = differentiate(expr.func(*arguments), stand_ins[position])
        terms.append(build.product([outer.xreplace(back), pending(expr.args[position], symbol)]))
    return _rule_of_function(expr, moving, unicode), build.total(terms)


def _rule_of_function(expr: sympy.Expr, moving: list[int], unicode: bool) -> str:
    name = to_text(expr.func(*expr.args), unicode=False).split("(")[0]
    if len(moving) > 1:
        return f"chain rule for {name}, one term for each argument"
    if isinstance(expr, (sympy.Heaviside, sympy.sign)):
        return f"{name} is constant but for its jump"
    if isinstance(expr, (sympy.Max, sympy.Min)):
        return f"chain rule for {name}: the slope of the argument that is taken"
    t = sympy.Symbol("t", real=True)
    slope = differentiate(expr.func(*(t if i in moving else argument for i, argument in enumerate(expr.args))), t)
    if t in expr.free_symbols:
        return f"chain rule for {name}"
    direct = expr.args[moving[0]].is_Symbol
    return f"{'' if direct else 'chain rule with '}{name}'(t) = {to_text(slope, unicode=unicode)}"

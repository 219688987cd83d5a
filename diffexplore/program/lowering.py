"""From a SymPy expression to the steps of a :class:`~diffexplore.program.program.Program`."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import sympy
from sympy.logic.boolalg import Boolean, BooleanFalse, BooleanTrue

from diffexplore.formula.collector import Collector
from diffexplore.formula.functions_sympy import dsinc
from diffexplore.functions.tables import composed, function_of
from diffexplore.program.program import Program

#: A rational is divided by its denominator where both its parts are exact in every dtype; else it is one number.
_LARGEST_PART = 2048


_RELATIONS: dict[type, str] = {
    sympy.StrictLessThan: "lt", sympy.LessThan: "le", sympy.StrictGreaterThan: "gt", sympy.GreaterThan: "ge",
    sympy.Equality: "eq", sympy.Unequality: "ne",
}  # fmt: skip


class Lowering:
    """Collects steps; equal subexpressions get one slot."""

    def __init__(self, inputs: tuple[str, ...], *, fold: bool = True) -> None:
        self._collector = Collector(inputs)
        self._constant, self._step = self._collector.constant, self._collector.step
        self._fold = fold
        self._slots: dict[sympy.Basic, int] = {}
        self._numbers: dict[sympy.Basic, bool] = {}

    def program(self, outputs: list[int]) -> Program:
        """The finished program."""
        return self._collector.program(outputs)

    def slot(self, expression: sympy.Basic) -> int:
        """The slot that holds ``expression``."""
        if expression not in self._slots:
            # a sum whose negative is at hand costs one operation: ∂ℓ/∂x and ∂ℓ/∂y often differ by a sign alone
            known = self._slots.get(-expression) if expression.is_Add else None
            self._slots[expression] = self._lower(expression) if known is None else self._step("neg", known)
        return self._slots[expression]

    def _lower(self, expression: sympy.Basic) -> int:
        if isinstance(expression, sympy.Symbol):
            return self._collector.input(expression.name)
        if isinstance(expression, (BooleanTrue, BooleanFalse)):
            return self._constant(sympy.Integer(1 if expression else 0))
        if isinstance(expression, sympy.Rational) or (self._fold and self._is_one_number(expression)):
            return self._constant(expression)
        if expression in (sympy.pi, sympy.E, sympy.EulerGamma, sympy.nan):
            return self._constant(expression)
        handler = _HANDLERS.get(type(expression))
        if handler is not None:
            return handler(self, expression)
        return self._function(expression)

    # ---------------------------------------------------------------------------------------------- arithmetic
    def _add(self, expression: sympy.Add) -> int:
        # A positive term first: then every negative one is a subtraction and costs no negation.
        constant, rest = self._split(expression)
        parts = [*rest, *([constant] if constant != 0 else [])]
        if len(parts) == 1:
            return self.slot(parts[0])
        terms = sorted(parts, key=lambda term: term.could_extract_minus_sign())
        total = self.slot(terms[0])
        for term in terms[1:]:
            if term.could_extract_minus_sign():
                total = self._step("sub", total, self.slot(-term))
            else:
                total = self._step("add", total, self.slot(term))
        return total

    def _mul(self, expression: sympy.Mul) -> int:
        constant, factors = self._split(expression)
        coefficient, irrational = constant.as_coeff_Mul(rational=True)
        above: list[int] = []
        below: list[int] = []
        if irrational != 1:  # one exact constant, so that two never meet in a rounded step
            above.append(self._constant(abs(coefficient) * irrational))
            coefficient = sympy.sign(coefficient)
        for factor in factors:
            base, exponent = factor.as_base_exp()
            if exponent.is_Rational and exponent.is_negative and not isinstance(factor, sympy.exp):
                below.append(self.slot(base**-exponent))
            else:
                above.append(self.slot(factor))
        magnitude = abs(coefficient)
        if max(magnitude.p, magnitude.q) > _LARGEST_PART:  # 10⁴¹ below 132521403 would be infinite in float32
            above.insert(0, self._constant(magnitude))
            magnitude = sympy.S.One
        if magnitude.p != 1:
            above.insert(0, self._constant(sympy.Integer(magnitude.p)))
        if magnitude.q != 1:
            below.insert(0, self._constant(sympy.Integer(magnitude.q)))
        value = self._collector.fold("mul", above) if above else self._constant(sympy.Integer(1))
        if below:
            value = self._step("div", value, self._collector.fold("mul", below))
        return self._step("neg", value) if coefficient < 0 else value

    def _split(self, expression: sympy.Add | sympy.Mul) -> tuple[sympy.Expr, list[sympy.Expr]]:
        """The constant part of a sum or product in one exact number, and the other operands in order."""
        ordered = _terms_in_order(expression) if expression.is_Add else expression.as_ordered_factors()
        if not self._fold:
            constant, rest = expression.as_coeff_Add() if expression.is_Add else expression.as_coeff_Mul(rational=True)
            return constant, list(expression.func.make_args(rest))
        constant = expression.func(*[part for part in ordered if self._is_one_number(part)])
        return constant, [part for part in ordered if not self._is_one_number(part)]

    def _is_one_number(self, expression: sympy.Basic) -> bool:
        """Whether it is a constant whose value is certain: not one of two that hang on an undecided comparison.

        Symbols are Booleans in SymPy, too. What is known of a part is kept: each part is in many others.
        """
        known = self._numbers.get(expression)
        if known is None:
            known = not isinstance(expression, Boolean) and all(map(self._is_one_number, expression.args))
            self._numbers[expression] = known
        return known

    def _pow(self, expression: sympy.Pow) -> int:
        base, exponent = expression.as_base_exp()
        if exponent.is_Rational and exponent.is_negative:
            return self._step("div", self._constant(sympy.S.One), self.slot(base**-exponent))
        if exponent == sympy.S.Half:
            return self._step("sqrt", self.slot(base))
        return self._step("pow", self.slot(base), self.slot(exponent))

    # ----------------------------------------------------------------------------------------------- functions
    def _function(self, expression: sympy.Basic) -> int:
        kind = type(expression)
        slots = [self.slot(argument) for argument in expression.args]
        known = function_of(expression)
        if known is not None:
            return composed(known, self._collector, slots)
        if kind in _RELATIONS:
            if all(slot < 0 for slot in slots):  # bare numbers, which nothing distinguished before
                slots[0] = self._step("full_like", 0, slots[0])
            return self._step(_RELATIONS[kind], *slots)
        raise TypeError(f"no operation computes {kind.__name__}")

    def _fold_pairs(self, operation: str, expression: sympy.Basic) -> int:
        ordered = sorted(expression.args, key=sympy.default_sort_key)
        return self._collector.fold(operation, [self.slot(argument) for argument in ordered])

    def _polygamma(self, expression: sympy.polygamma) -> int:
        order, argument = expression.args
        if not order.is_Integer:
            raise TypeError(f"no operation computes polygamma of order {order}")
        if order == 0:
            return self._step("digamma", self.slot(argument))
        return self._step("polygamma", self._constant(order), self.slot(argument))

    # ------------------------------------------------------------------------------------------------ branches
    def _piecewise(self, expression: sympy.Piecewise) -> int:
        branches = list(expression.args)
        last, condition = branches[-1]
        value = self.slot(last) if condition == True else None  # noqa: E712 (SymPy's true is not Python's)
        if value is None:
            value = self._constant(sympy.nan)
            branches.append((sympy.nan, sympy.true))
        for branch, condition in reversed(branches[:-1]):
            value = self._collector.choice(self.slot(condition), self.slot(branch), value)
        return value


@lru_cache(1024)  # partials share their sums, and SymPy orders a hundred terms in 50 ms
def _terms_in_order(expression: sympy.Add) -> tuple[sympy.Expr, ...]:
    return tuple(expression.as_ordered_terms())


_HANDLERS: dict[type, Callable[[Lowering, sympy.Basic], int]] = {
    sympy.Add: Lowering._add,
    sympy.Mul: Lowering._mul,
    sympy.Pow: Lowering._pow,
    sympy.Max: lambda self, expression: self._fold_pairs("max", expression),
    sympy.Min: lambda self, expression: self._fold_pairs("min", expression),
    sympy.And: lambda self, expression: self._fold_pairs("and", expression),
    sympy.Or: lambda self, expression: self._fold_pairs("or", expression),
    sympy.Not: lambda self, expression: self._step("not", self.slot(expression.args[0])),
    # SymPy makes an ITE of a comparison with a piecewise side.
    sympy.ITE: lambda self, expression: self.slot(expression.to_nnf(simplify=False)),
    sympy.Heaviside: lambda self, expression: self._step("heaviside", self.slot(expression.args[0])),
    sympy.polygamma: Lowering._polygamma,
    dsinc: lambda self, node: self._step("dsinc", self._constant(node.args[0]), self.slot(node.args[1])),
    sympy.Piecewise: Lowering._piecewise,
}

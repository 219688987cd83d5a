"""From a SymPy expression to the steps of a :class:`~diffexplore.symbolic.program.Program`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import sympy
from sympy.logic.boolalg import BooleanFalse, BooleanTrue

from diffexplore.symbolic.guards import safe_point
from diffexplore.symbolic.operations import FUNCTIONS, RECIPROCALS, RELATIONS
from diffexplore.symbolic.program import Constant, Program, Step

_Environment = Mapping[sympy.Symbol, int]


class Lowering:
    """Collects steps; equal subexpressions and equal operations on equal slots get one slot."""

    def __init__(self, inputs: tuple[str, ...], *, guard: bool, fold: bool = True) -> None:
        self._inputs = inputs
        self._guard = guard
        self._fold = fold
        self._constants: dict[sympy.Expr, int] = {}
        self._steps: dict[tuple[str, tuple[int, ...]], int] = {}
        self._slots: dict[tuple[sympy.Basic, int], int] = {}
        self._environment: _Environment = {}
        self._environment_key = 0
        self._environments = 0

    # Constants and steps are counted apart while they grow; a constant is numbered -1, -2, … until the end.
    def program(self, outputs: list[int]) -> Program:
        """The finished program."""
        first_step = len(self._inputs) + len(self._constants)

        def final(slot: int) -> int:
            if slot < 0:
                return len(self._inputs) - 1 - slot
            return slot if slot < len(self._inputs) else slot - len(self._inputs) + first_step

        steps = tuple(Step(name, tuple(final(slot) for slot in slots)) for name, slots in self._steps)
        constants = tuple(Constant(exact) for exact in self._constants)
        return Program(self._inputs, constants, steps, tuple(final(slot) for slot in outputs))

    def slot(self, expression: sympy.Basic) -> int:
        """The slot that holds ``expression``."""
        key = (expression, self._environment_key)
        if key not in self._slots:
            self._slots[key] = self._negated(expression) or self._lower(expression)
        return self._slots[key]

    def _negated(self, expression: sympy.Basic) -> int | None:
        """A sum whose negative is at hand costs one operation: ∂ℓ/∂x and ∂ℓ/∂y often differ by a sign alone."""
        known = self._slots.get((-expression, self._environment_key)) if expression.is_Add else None
        return None if known is None else self._step("neg", known)

    def _lower(self, expression: sympy.Basic) -> int:
        if isinstance(expression, sympy.Symbol):
            return self._environment.get(expression, self._input(expression))
        if isinstance(expression, (BooleanTrue, BooleanFalse)):
            return self._constant(sympy.Integer(1 if expression else 0))
        if isinstance(expression, sympy.Rational) or (self._fold and not expression.free_symbols):
            return self._constant(expression)
        if expression in (sympy.pi, sympy.E, sympy.EulerGamma, sympy.nan):
            return self._constant(expression)
        handler = _HANDLERS.get(type(expression))
        if handler is not None:
            return handler(self, expression)
        return self._function(expression)

    def _input(self, symbol: sympy.Symbol) -> int:
        try:
            return self._inputs.index(symbol.name)
        except ValueError:
            raise TypeError(f"the expression has the symbol {symbol.name!r}, which is not an input") from None

    def _constant(self, value: sympy.Expr) -> int:
        number = self._constants.setdefault(value, len(self._constants))
        return -1 - number

    def _step(self, operation: str, *slots: int) -> int:
        key = (operation, slots)
        if key not in self._steps:
            self._steps[key] = len(self._inputs) + len(self._steps)
        return self._steps[key]

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
        if magnitude.p != 1:
            above.insert(0, self._constant(sympy.Integer(magnitude.p)))
        if magnitude.q != 1:
            below.insert(0, self._constant(sympy.Integer(magnitude.q)))
        value = self._product(above) if above else self._constant(sympy.Integer(1))
        if below:
            value = self._step("div", value, self._product(below))
        return self._step("neg", value) if coefficient < 0 else value

    def _split(self, expression: sympy.Add | sympy.Mul) -> tuple[sympy.Expr, list[sympy.Expr]]:
        """The constant part of a sum or product in one exact number, and the other operands in order."""
        ordered = expression.as_ordered_terms() if expression.is_Add else expression.as_ordered_factors()
        if not self._fold:
            constant, rest = expression.as_coeff_Add() if expression.is_Add else expression.as_coeff_Mul(rational=True)
            return constant, list(expression.func.make_args(rest))
        constant = expression.func(*[part for part in ordered if not part.free_symbols])
        return constant, [part for part in ordered if part.free_symbols]

    def _product(self, slots: list[int]) -> int:
        product = slots[0]
        for slot in slots[1:]:
            product = self._step("mul", product, slot)
        return product

    def _pow(self, expression: sympy.Pow) -> int:
        base, exponent = expression.as_base_exp()
        if exponent.is_Rational and exponent.is_negative:
            return self._step("div", self._constant(sympy.Integer(1)), self.slot(base**-exponent))
        if exponent.is_Integer:
            return self._power(self.slot(base), int(exponent))
        if exponent.is_Rational and exponent.q == 2:
            root = self._step("sqrt", self.slot(base))
            whole = int(exponent.p // 2)
            return self._step("mul", self._power(self.slot(base), whole), root) if whole else root
        return self._step("pow", self.slot(base), self.slot(exponent))

    def _power(self, slot: int, exponent: int) -> int:
        """An integer power as products by repeated squaring: exact rules for every arithmetic, complex too."""
        result: int | None = None
        square = slot
        while True:
            if exponent & 1:
                result = square if result is None else self._step("mul", result, square)
            exponent >>= 1
            if not exponent:
                assert result is not None
                return result
            square = self._step("mul", square, square)

    # ----------------------------------------------------------------------------------------------- functions
    def _function(self, expression: sympy.Basic) -> int:
        kind = type(expression)
        slots = [self.slot(argument) for argument in expression.args]
        if kind in FUNCTIONS:
            return self._step(FUNCTIONS[kind], *slots)
        if kind in RECIPROCALS:
            return self._step("div", self._constant(sympy.Integer(1)), self._step(RECIPROCALS[kind], *slots))
        if kind in RELATIONS:
            return self._step(RELATIONS[kind], *slots)
        raise TypeError(f"no operation computes {kind.__name__}")

    def _fold_pairs(self, operation: str, expression: sympy.Basic) -> int:
        slots = [self.slot(argument) for argument in sorted(expression.args, key=sympy.default_sort_key)]
        value = slots[0]
        for slot in slots[1:]:
            value = self._step(operation, value, slot)
        return value

    def _sinc(self, expression: sympy.sinc) -> int:
        # torch.sinc is normalised by π; SymPy's is sin(x)/x.
        x = expression.args[0]
        return self.slot(sympy.Piecewise((sympy.sin(x) / x, sympy.Ne(x, 0)), (1, True)))

    def _heaviside(self, expression: sympy.Heaviside) -> int:
        return self._step("heaviside", self.slot(expression.args[0]))

    def _polygamma(self, expression: sympy.polygamma) -> int:
        order, argument = expression.args
        if not order.is_Integer:
            raise TypeError(f"no operation computes polygamma of order {order}")
        if order == 0:
            return self._step("digamma", self.slot(argument))
        return self._step("polygamma", self._constant(order), self.slot(argument))

    # ------------------------------------------------------------------------------------------------ branches
    def _not(self, expression: sympy.Not) -> int:
        return self._step("not", self.slot(expression.args[0]))

    def _piecewise(self, expression: sympy.Piecewise) -> int:
        branches = list(expression.args)
        last, condition = branches[-1]
        value = self.slot(last) if condition == True else None  # noqa: E712 (SymPy's true is not Python's)
        if value is None:
            value = self._constant(sympy.nan)
            branches.append((sympy.nan, sympy.true))
        for branch, condition in reversed(branches[:-1]):
            taken = self.slot(condition)
            chosen = self._guarded(branch, condition, taken)
            if chosen < 0 and value < 0:
                # Of two bare numbers no library knows the dtype: one of them takes that of the inputs.
                chosen = self._step("full_like", 0, chosen)
            value = self._step("where", taken, chosen, value)
        return value

    def _guarded(self, branch: sympy.Expr, condition: sympy.Basic, taken: int) -> int:
        point = safe_point(branch, condition) if self._guard else {}
        if not point:
            return self.slot(branch)
        shielded = {
            symbol: self._step("where", taken, self.slot(symbol), self._constant(value))
            for symbol, value in point.items()
        }
        outer = self._environment, self._environment_key
        self._environments += 1
        self._environment, self._environment_key = {**self._environment, **shielded}, self._environments
        try:
            return self.slot(branch)
        finally:
            self._environment, self._environment_key = outer


_HANDLERS: dict[type, Callable[[Lowering, sympy.Basic], int]] = {
    sympy.Add: Lowering._add,
    sympy.Mul: Lowering._mul,
    sympy.Pow: Lowering._pow,
    sympy.Max: lambda self, expression: self._fold_pairs("max", expression),
    sympy.Min: lambda self, expression: self._fold_pairs("min", expression),
    sympy.And: lambda self, expression: self._fold_pairs("and", expression),
    sympy.Or: lambda self, expression: self._fold_pairs("or", expression),
    sympy.Not: Lowering._not,
    # SymPy makes an ITE of a comparison with a piecewise side.
    sympy.ITE: lambda self, expression: self.slot(expression.to_nnf(simplify=False)),
    sympy.Heaviside: Lowering._heaviside,
    sympy.sinc: Lowering._sinc,
    sympy.polygamma: Lowering._polygamma,
    sympy.Piecewise: Lowering._piecewise,
}

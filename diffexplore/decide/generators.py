"""From smooth SymPy expressions to rational functions of independent generators, by exact identities.

Every rewriting holds for all real arguments at which the expression is defined. What has no rule is a generator of
its own, known by its arguments in canonical form.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from functools import reduce
from typing import Any

import sympy
from sympy.core.function import AppliedUndef

from diffexplore.decide.angles import Angles
from diffexplore.decide.lattice import FinerBasis
from diffexplore.decide.rational import Quotient, RingIsFull, quotient_key, rational
from diffexplore.decide.records import Undefined, Unsupported
from diffexplore.decide.unified import Term
from diffexplore.formula.batch_sums import BatchSum
from diffexplore.formula.budget import spend
from diffexplore.functions.facts import GENERATOR, NO_NORMAL_FORM, ODD, Equal, NormalForm
from diffexplore.functions.lazy import resolved
from diffexplore.functions.tables import function_of

_RESTARTS = 40
_CONSTANTS = (sympy.pi, sympy.EulerGamma, sympy.Catalan)


def with_converter(work: Callable[[Converter], Any], kind: type[Converter] | None = None) -> Any:
    """``work`` done with a converter; anew where the generators turn out too few or too coarse."""
    capacity, scales, orders = 32, dict[Hashable, int](), dict[Hashable, int]()
    for _ in range(_RESTARTS):
        spend(capacity)
        try:
            return work((kind or Converter)(capacity, scales, orders))
        except RingIsFull:
            capacity *= 2
        except FinerBasis:
            continue
    raise Unsupported("the arguments of exponentials and roots have too many different fractions")


class Converter(Angles):
    """Turns expressions without branches into quotients; equal generators are shared among all it has turned."""

    def __init__(self, capacity: int, scales: dict[Hashable, int], orders: dict[Hashable, int]) -> None:
        super().__init__(capacity, scales, orders)
        self._memo: dict[tuple[Hashable, sympy.Basic], Quotient] = {}
        self._region: Hashable = None
        self._signs_of: dict[tuple[Hashable, tuple[sympy.Expr, ...]], dict[Hashable, int]] = {}
        self.learning = False
        self.sum_rule: Callable[[Converter, BatchSum], Quotient] | None = None
        self.sums: dict[int, Term] = {}

    @contextmanager
    def assuming(self, region: Hashable, nonnegative: Iterable[sympy.Expr]) -> Iterator[None]:
        """In here, in the ``region``, the given expressions are not negative."""
        outer = self._region, self._signs, self.learning
        try:
            self._signs = self._learned(region, tuple(nonnegative))
            self._region, self.learning = region, outer[2]
            yield
        finally:
            self._region, self._signs, self.learning = outer

    def _learned(self, region: Hashable, nonnegative: tuple[sympy.Expr, ...]) -> dict[Hashable, int]:
        """The signs that follow; found once, for a proof comes back to a region for each of its sums and pieces."""
        key = region, nonnegative
        if key not in self._signs_of:
            self._region, self._signs, self.learning = (region, "learning"), {}, True
            for expr in sorted(nonnegative, key=lambda known: known.count_ops()):
                with suppress(Unsupported, Undefined):
                    self.learn_nonnegative(self.convert(expr))
            self._signs_of[key] = self._signs
        return self._signs_of[key]

    def vanishes(self, expr: sympy.Expr) -> bool:
        """Whether ``expr`` is 0 wherever it is defined (False: not shown to be)."""
        return self.ring.is_zero(self.convert(expr))

    def convert(self, expr: sympy.Basic) -> Quotient:
        key = (self._region, expr)
        if key not in self._memo:
            spend()
            self._memo[key] = self._convert(expr)
        return self._memo[key]

    def _convert(self, expr: sympy.Basic) -> Quotient:
        ring = self.ring
        if expr.is_Rational:
            return ring.constant(rational(expr))
        if expr.is_Symbol:
            return self.atom(("symbol", expr), positive=bool(expr.is_positive), depends={expr})
        if expr.is_Add:
            return reduce(ring.add, map(self.convert, expr.args), ring.zero)
        if expr.is_Mul:
            return reduce(ring.mul, map(self.convert, expr.args), ring.one)
        if expr is sympy.E:
            return self.exp(ring.one)
        if expr in _CONSTANTS:
            return self.atom(("constant", expr), positive=True)
        if isinstance(expr, BatchSum) and self.sum_rule is not None:
            return self.sum_rule(self, expr)
        if expr.is_Pow:
            return self._pow(*expr.as_base_exp())
        if isinstance(expr, AppliedUndef):
            return self._generator(expr)
        function = function_of(expr)
        rule = NO_NORMAL_FORM if function is None else function.facts.normal_form
        if rule is ODD:
            return self.odd(expr.func.__name__, self.convert(expr.args[0]))
        if rule is GENERATOR:
            return self._generator(expr)
        if isinstance(rule, Equal):
            return self.convert(rule.expression(*expr.args))
        if isinstance(rule, NormalForm):
            raise Unsupported(f"there is no rule for {type(expr).__name__}")
        quotient: Quotient = resolved(rule)(self, self.convert(expr.args[0]))
        return quotient

    def _generator(self, expr: sympy.Expr) -> Quotient:
        return self._opaque(expr.func.__name__, list(map(self.convert, expr.args)))

    def _pow(self, base: sympy.Expr, exponent: sympy.Expr) -> Quotient:
        if base is sympy.E:
            return self.exp(self.convert(exponent))
        if exponent.is_Integer:
            return self.ring.power(self.convert(base), int(exponent))
        if exponent.is_Rational:  # a real root: its base is not negative
            return self.root(self.convert(base), Fraction(int(exponent.p), int(exponent.q)))
        # The real power is exp(exponent·log(base)); SymPy's is the same where the base is positive.
        power = self.convert(base)
        return self.exp(self.ring.mul(self.convert(exponent), self.log(power)))

    def odd(self, name: str, argument: Quotient) -> Quotient:
        """f(−u) = −f(u): one generator for both, with a positive leading coefficient of u."""
        argument = self.reduced(argument)
        if argument.top.is_zero():
            return self.ring.zero  # each of them is 0 at 0
        if argument.top.leading_coefficient() < 0:
            return self.ring.negative(self._opaque(name, [self.ring.negative(argument)]))
        return self._opaque(name, [argument])

    def _opaque(self, name: str, arguments: list[Quotient]) -> Quotient:
        arguments = [self.reduced(argument) for argument in arguments]
        depends = set().union(*(self.depends_on(argument) for argument in arguments))
        return self.atom((name, *map(quotient_key, arguments)), depends=depends)

"""Certified values of expressions at a point, with sums that run over its samples.

A summand is lowered once and run for each sample; a sum that several expressions have is added up once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import sympy
from flint import arb, fmpq

from diffexplore.arithmetic.balls import BALLS, precision
from diffexplore.decide.records import EnclosedValue, Unsupported
from diffexplore.formula.batch_sums import SAMPLES, BatchSum, outermost
from diffexplore.formula.budget import spend
from diffexplore.formula.compare import PRECISIONS, is_sharp
from diffexplore.formula.remembered import remembered
from diffexplore.formula.size import nodes
from diffexplore.program.program import Program, lower

Summands = Callable[[BatchSum, int], sympy.Expr]
"""What a sum adds for the sample at a place."""

_STEPS_PER_OPERATION = 4  # at the lowest precision; a step takes about a microsecond, SymPy's visit of a node several

_Balls = Mapping[sympy.Basic, arb]


class _NoValue(Exception):
    """A symbol has no value at the point."""


@dataclass(frozen=True)
class FlatExpression:
    """An expression in which a symbol stands for each sum, those sums, and the other symbols."""

    plain: sympy.Expr
    sums: Mapping[sympy.Symbol, BatchSum]
    symbols: frozenset[sympy.Basic]


@dataclass(frozen=True)
class LoweredExpression:
    """An expression as a program, whose inputs are symbols and sums; of each sum the symbols that it leaves free."""

    symbols: Mapping[str, sympy.Basic]
    sums: Mapping[str, tuple[BatchSum, frozenset[sympy.Basic]]]
    program: Program


class LoweredExpressions:
    """Expressions as programs: one for all numbers of samples where N does not stand outside the sums."""

    def __init__(self) -> None:
        self._flat: dict[sympy.Expr, FlatExpression] = {}
        self._known: dict[tuple[sympy.Expr, int], LoweredExpression] = {}

    def of(self, expr: sympy.Expr, samples: int) -> LoweredExpression:
        """``expr`` for so many samples; for none N is a symbol as the others are."""
        flat = self._flat.get(expr)
        if flat is None:
            flat = self._flat[expr] = _flat(expr)
        number = samples if SAMPLES in flat.symbols else 0
        if (expr, number) not in self._known:
            self._known[expr, number] = _lowered(expr, number)
        return self._known[expr, number]


class PointValues:
    """The values of expressions at one point.

    ``point`` has a number for each symbol, also for N where there are no ``samples``. Data symbols outside sums are
    those of the first sample. ``summands`` says what a sum adds for the sample at a place. ``programs`` are kept for
    other points.
    """

    def __init__(
        self,
        point: Mapping[sympy.Basic, Fraction],
        samples: Sequence[Mapping[sympy.Basic, Fraction]] = (),
        summands: Summands = lambda one, place: one.summand,
        programs: LoweredExpressions | None = None,
    ) -> None:
        self._programs = LoweredExpressions() if programs is None else programs
        self._numbers = [{**point, **samples[0]} if samples else point, *samples]
        self._summands = summands
        self._balls: dict[int, list[_Balls]] = {}
        self._sums: dict[tuple[int, BatchSum], arb] = {}

    def of(self, expr: sympy.Expr) -> arb | None:
        """A ball of 50 digits around the value; None where it has no finite one, or none is found.

        Raises :class:`Unsupported` for what no operation computes.
        """
        try:
            for bits in PRECISIONS:
                with precision(bits):
                    first, *samples = self._at(bits)
                    ball = self._value(expr, bits, first, samples, frozenset())
                    if is_sharp(ball):
                        return ball
        except TypeError as error:
            raise Unsupported(str(error)) from None
        except _NoValue:
            pass
        return None

    def _at(self, bits: int) -> list[_Balls]:
        """The numbers as balls: those outside sums, and those of each sample."""
        if bits not in self._balls:
            self._balls[bits] = [
                {symbol: arb(fmpq(number.numerator, number.denominator)) for symbol, number in numbers.items()}
                for numbers in self._numbers
            ]
        return self._balls[bits]

    def _value(
        self, expr: sympy.Expr, bits: int, known: _Balls, samples: Sequence[_Balls], bound: frozenset[sympy.Basic]
    ) -> arb:
        """The value where the symbols are ``known``, of which ``bound`` are those of one sample of a sum around it."""
        lowered = self._programs.of(expr, len(samples))
        try:
            inputs = {name: known[symbol] for name, symbol in lowered.symbols.items()}
        except KeyError:
            raise _NoValue from None
        for name, (one, free) in lowered.sums.items():
            inputs[name] = self._sum(one, bits, known, samples, bound if free & bound else frozenset())
        spend(1 + len(lowered.program.steps) * bits // (PRECISIONS[0] * _STEPS_PER_OPERATION))
        return lowered.program.run(BALLS, inputs)[0]

    def _sum(
        self, one: BatchSum, bits: int, known: _Balls, samples: Sequence[_Balls], bound: frozenset[sympy.Basic]
    ) -> arb:
        """The sum; kept where it is the same for every sample of the sums around it: where ``bound`` is empty."""
        if not bound and (bits, one) in self._sums:
            return self._sums[bits, one]
        inner = bound | frozenset(one.symbols)
        total = arb(0)
        for place, sample in enumerate(samples):
            mine = {**known, **{symbol: sample[symbol] for symbol in one.symbols if symbol in sample}}
            total += self._value(self._summands(one, place), bits, mine, samples, inner)
        if not bound:
            self._sums[bits, one] = total
        return total


@remembered(1024)  # other decisions look at the same expressions
def _flat(expr: sympy.Expr) -> FlatExpression:
    spend(nodes(expr))
    found = outermost(expr) if expr.has(BatchSum) else []
    names = {one: sympy.Symbol(f"sum@{number}", real=True) for number, one in enumerate(found)}
    plain = expr.xreplace(names) if names else expr
    sums = {name: one for one, name in names.items()}
    return FlatExpression(plain, sums, frozenset(plain.free_symbols - sums.keys()))


@remembered(1024)
def _lowered(expr: sympy.Expr, samples: int) -> LoweredExpression:
    flat = _flat(expr)
    spend(nodes(flat.plain))
    number = {SAMPLES: sympy.Integer(samples)} if samples else {}
    plain = flat.plain.xreplace(number) if number else flat.plain
    symbols = {str(symbol): symbol for symbol in sorted(flat.symbols - number.keys(), key=str)}
    sums = {str(name): (one, frozenset(one.free_symbols)) for name, one in flat.sums.items()}
    return LoweredExpression(symbols, sums, lower([plain], [*symbols, *sums]))


def value(
    expr: sympy.Expr,
    point: Mapping[sympy.Basic, Fraction],
    samples: Sequence[Mapping[sympy.Basic, Fraction]] = (),
) -> arb | None:
    """A ball around the value of ``expr`` at one point, as of :class:`PointValues`."""
    return PointValues(point, samples).of(expr)


def as_record(ball: arb) -> EnclosedValue:
    """The ball as decimal texts; what the texts leave out of the middle is added to the radius."""
    with precision(512):
        middle = ball.mid().str(50, radius=False)
        middle = middle.rstrip("0").rstrip(".") if "." in middle and "e" not in middle else middle
        radius = abs(ball - arb(middle)).upper()
        return EnclosedValue(middle, (radius * arb("1.01")).str(3, radius=False) if radius > 0 else "0")

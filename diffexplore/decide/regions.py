"""Regions on which every condition has one answer: bounds on lines such as 1 < x + y < 2.

A region is open, or open in a seam: there some symbols are expressions in the others, as y is 1 where y = 1, or a
direction has one value that no symbol is solved for, as y² + t² is 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import sympy

from diffexplore.decide.records import Unsupported
from diffexplore.formula.batch_sums import BatchSum, batch_sum
from diffexplore.formula.budget import spend
from diffexplore.formula.functions_sympy import expm1
from diffexplore.formula.remembered import remembered
from diffexplore.formula.signs import ANY, NEGATIVE, POSITIVE, Signs, number_sign, sign_of
from diffexplore.formula.size import OverOneDenominator
from diffexplore.formula.text import to_text

_MOST_EXPANDED = 20_000  # terms times symbols: with more of them, what is compared is not multiplied out


@dataclass(frozen=True)
class LinearForm:
    """p = factor·(direction − threshold): what is compared, and with which constant."""

    direction: sympy.Expr
    threshold: sympy.Expr
    factor: int  # the sign of the factor


@dataclass(frozen=True)
class OpenInterval:
    """Open bounds; None is none."""

    low: sympy.Expr | None = None
    high: sympy.Expr | None = None

    def sign_against(self, threshold: sympy.Expr) -> Signs:
        """The sign of a value in the interval minus ``threshold``."""
        if self.low is not None and number_sign(self.low - threshold).certain in (0, 1):
            return POSITIVE
        if self.high is not None and number_sign(self.high - threshold).certain in (0, -1):
            return NEGATIVE
        return ANY

    def positive(self, direction: sympy.Expr) -> Iterator[sympy.Expr]:
        """What is positive where a direction lies in the interval."""
        if self.low is not None:
            yield direction - self.low
        if self.high is not None:
            yield self.high - direction


@dataclass(frozen=True)
class Region:
    """Bounds on directions, in the order in which they were found; ``fixed`` symbols are what stands beside them.

    No fixed symbol stands in a bound, in a level or in what another one is. ``levels`` are directions with the one
    value that each has: expressions are not rewritten by them, but signs are decided.
    """

    bounds: tuple[tuple[sympy.Expr, OpenInterval], ...] = ()
    fixed: tuple[tuple[sympy.Symbol, sympy.Expr], ...] = ()
    levels: tuple[tuple[sympy.Expr, sympy.Expr], ...] = ()
    _lookup: dict[sympy.Expr, OpenInterval] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        self._lookup.update(self.bounds)

    @property
    def seam(self) -> tuple[tuple[sympy.Expr, sympy.Expr], ...]:
        """What is equal to what on the seam in which the region is open; () where it is open by itself."""
        return (*self.fixed, *self.levels)

    def sign(self, p: sympy.Expr) -> Signs:
        """The signs that p may have here."""
        return sign_of(self.restricted(p), self._known)

    def restricted(self, expr: Any) -> Any:
        """``expr`` with what the fixed symbols are; a symbol that a sum binds is not the fixed one."""
        return restricted(expr, self.fixed) if self.fixed else expr

    def on(self, symbol: sympy.Symbol, value: sympy.Expr) -> Region | None:
        """The part of the region where the symbol is ``value``, which does not hold it; None where there is none."""
        new = ((symbol, self.restricted(value)),)
        kept = tuple((other, restricted(expr, new)) for other, expr in self.fixed)
        start = self._levels_on(new)
        if start is None:
            return None
        found = Region((), (*kept, *new), start)
        for positive in self.nonnegative():
            signs = found.sign(positive)
            if 1 not in signs:
                return None
            if signs.certain is None:
                found = found.split(positive)[0]
        return found

    def at_level(self, p: sympy.Expr) -> Region:
        """The part of the region where p is 0, with no symbol solved for."""
        line = line_of(self.restricted(p))
        return replace(self, levels=(*self.levels, (line.direction, line.threshold)), _lookup={})

    def _levels_on(
        self, new: tuple[tuple[sympy.Symbol, sympy.Expr], ...]
    ) -> tuple[tuple[sympy.Expr, sympy.Expr], ...] | None:
        """The levels with a symbol fixed; None where one of them is not met."""
        found = []
        for direction, value in self.levels:
            p = sympy.expand(restricted(direction - value, new))
            if p.free_symbols or p.has(BatchSum):
                line = line_of(p)
                found.append((line.direction, line.threshold))
            elif 0 not in number_sign(p):
                return None
        return tuple(found)

    def _known(self, expr: sympy.Expr) -> Signs | None:
        line = line_of(expr)
        level = next((value for direction, value in self.levels if direction == line.direction), None)
        if level is not None:
            return Signs(line.factor * one for one in number_sign(level - line.threshold))
        interval = self._lookup.get(line.direction)
        if interval is None:
            return None
        sign = interval.sign_against(line.threshold)
        return sign if line.factor > 0 else Signs(-one for one in sign)

    def split(self, p: sympy.Expr) -> tuple[Region, Region]:
        """The parts where p > 0 and where p < 0."""
        line = line_of(self.restricted(p))
        old = self._lookup.get(line.direction, OpenInterval())
        upper = self._with(line.direction, replace(old, low=line.threshold))
        lower = self._with(line.direction, replace(old, high=line.threshold))
        return (upper, lower) if line.factor > 0 else (lower, upper)

    def _with(self, direction: sympy.Expr, interval: OpenInterval) -> Region:
        kept = {**self._lookup, direction: interval}
        return replace(self, bounds=tuple(kept.items()), _lookup={})

    def may_touch(self, line: LinearForm) -> bool:
        """Whether the line may bound the region: not where it runs beyond a bound of the same direction."""
        if any(direction == line.direction for direction, _ in self.levels):
            return False
        interval = self._lookup.get(line.direction)
        return interval is None or line.threshold in (interval.low, interval.high)

    def nonnegative(self) -> Iterator[sympy.Expr]:
        """What is known not to be negative here."""
        for direction, interval in self.bounds:
            yield from interval.positive(direction)

    def without(self, symbols: set[sympy.Basic]) -> Region:
        """What is known without the bounds that involve ``symbols``."""
        kept = tuple(bound for bound in self.bounds if not bound[0].free_symbols & symbols)
        fixed = tuple((one, value) for one, value in self.fixed if not {one, *value.free_symbols} & symbols)
        levels = tuple(level for level in self.levels if not level[0].free_symbols & symbols)
        return Region(kept, fixed, levels)

    def about(self, symbols: set[sympy.Basic]) -> Region:
        """What is known of ``symbols`` alone; all of it, where that is nothing."""
        kept = Region(
            tuple(bound for bound in self.bounds if bound[0].free_symbols <= symbols),
            tuple(pair for pair in self.fixed if pair[0] in symbols),
            tuple(level for level in self.levels if level[0].free_symbols <= symbols),
        )
        return kept if kept.bounds or kept.seam else self

    def __str__(self) -> str:
        fixed = (f"{to_text(one)} = {to_text(value)}" for one, value in self.seam)
        return ", ".join((*fixed, *(_text(*bound) for bound in self.bounds))) or "everywhere"


def restricted(expr: Any, fixed: tuple[tuple[sympy.Symbol, sympy.Expr], ...]) -> Any:
    """``expr`` with the fixed symbols replaced, but for those that its sums bind."""
    values = dict(fixed)
    if not expr.atoms(sympy.Symbol) & set(values):
        return expr
    if not expr.has(BatchSum):
        return expr.xreplace(values)
    if isinstance(expr, BatchSum):
        outer = tuple((one, value) for one, value in fixed if one not in expr.symbols)
        return batch_sum(restricted(expr.summand, outer), expr.symbols) if outer else expr
    return expr.func(*[restricted(argument, fixed) for argument in expr.args])


@remembered(20000)
def line_of(p: sympy.Expr) -> LinearForm:
    """p as a multiple of a direction, whose first coefficient is 1, minus a constant."""
    expanded = expanded_out(p)
    constants = [term for term in sympy.Add.make_args(expanded) if not term.free_symbols and not term.has(BatchSum)]
    constant = sympy.Add(*constants)
    rest = expanded - constant
    coefficients = rest.as_coefficients_dict()
    first = min(coefficients, key=str)
    lead = coefficients[first]
    return _undone(LinearForm(sympy.expand(rest / lead), -constant / lead, 1 if lead > 0 else -1))


def small(p: sympy.Expr) -> bool:
    """Whether algorithms for polynomials may be begun on p; what they take is spent then."""
    operations = OverOneDenominator(p).operations
    if operations > _MOST_EXPANDED:
        return False
    spend(operations)
    return True


def expanded_out(p: sympy.Expr) -> sympy.Expr:
    """p multiplied out; raises :class:`Unsupported` where that is too large."""
    if not small(p):
        raise Unsupported("a condition is too large to be multiplied out")
    return sympy.expand(p)


def is_root(expr: sympy.Expr) -> bool:
    """Whether it is an increasing power of what is not negative wherever it has a value."""
    return bool(expr.is_Pow and expr.exp.is_Rational and expr.exp.is_positive and not expr.exp.is_Integer)


def _undone(line: LinearForm) -> LinearForm:
    """exp(u) > t is u > log t, so that it is seen beside u > 0: increasing functions are undone."""
    direction, threshold = line.direction, line.threshold
    if isinstance(direction, sympy.log):
        inner = direction.args[0] - sympy.exp(threshold)
    elif isinstance(direction, sympy.exp) and number_sign(threshold) == POSITIVE:
        inner = direction.args[0] - sympy.log(threshold)
    elif isinstance(direction, expm1) and number_sign(threshold + 1) == POSITIVE:
        inner = direction.args[0] - sympy.log(threshold + 1)
    elif is_root(direction) and number_sign(threshold) == POSITIVE:
        inner = direction.base - threshold ** (1 / direction.exp)
    else:
        return line
    found = line_of(inner)
    return LinearForm(found.direction, found.threshold, found.factor * line.factor)


def _text(direction: sympy.Expr, interval: OpenInterval) -> str:
    low = f"{to_text(interval.low)} < " if interval.low is not None else ""
    high = f" < {to_text(interval.high)}" if interval.high is not None else ""
    if low and not high:
        return f"{to_text(direction)} > {to_text(interval.low)}"
    return f"{low}{to_text(direction)}{high}"

"""What a kernel computes: the loss, its partials and its second partials, as formulas and programs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import sympy
from sympy.logic.boolalg import Boolean

from diffexplore.formula.accurate_forms import accurate
from diffexplore.formula.derive import differentiate
from diffexplore.formula.evaluable import evaluable
from diffexplore.formula.scaled_exponentials import scaled_exponentials
from diffexplore.formula.text import to_text
from diffexplore.kernels.separation import NotSeparable
from diffexplore.kernels.statistics import Statistics, statistics_of
from diffexplore.loss import Loss
from diffexplore.program.program import Program, lower
from diffexplore.tracing.lost import written_domain

#: What an output is differentiated by: nothing (the loss itself), a name, or two.
Key = tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Plan:
    """The loss, the names that it is differentiated by, and whether twice."""

    loss: Loss
    wrt: tuple[str, ...]
    hessian: bool

    @cached_property
    def keys(self) -> tuple[Key, ...]:
        """The outputs: the loss, its partials, and the upper half of its Hessian."""
        pairs = [(row, self.wrt[j]) for i, row in enumerate(self.wrt) for j in range(i, len(self.wrt))]
        return ((), *((name,) for name in self.wrt), *(pairs if self.hessian else ()))

    def by_sample(self, key: Key) -> bool:
        """Whether an output has a number for each sample: it is differentiated by data."""
        return any(name in self.loss.data for name in key)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The parameters, then the data."""
        return (*self.loss.parameters, *self.loss.data)

    @cached_property
    def written(self) -> Program:
        """What autograd runs: the summand as it was written, NaN where its function has no value."""
        if self.loss.program is None or self._lost_of_slope == sympy.true:
            return self.loss.written
        return lower([self.loss.expression * _valued(sympy.S.One, self._lost_of_value)], self.inputs, plain=False)

    def program(self, simplified: Sequence[bool]) -> Program:
        """The summand and its derivatives, with common subexpressions once.

        ``simplified`` says of each output whether it is the simplified form, or what the rules of differentiation
        give, which shares more with the summand.
        """
        forms = zip(self._closed_forms.items(), self._raw.values(), simplified, strict=True)
        return lower([closed if choice else raw for (_, closed), raw, choice in forms], self.inputs)

    @cached_property
    def _closed_forms(self) -> dict[Key, sympy.Expr]:
        found: dict[Key, sympy.Expr] = {(): self.loss.expression}
        found |= {(name,): one for name, one in self.loss.gradient(self.wrt).items()}
        if self.hessian:
            second = self.loss.hessian(self.wrt)
            found |= {key: second[key[0], key[1]] for key in self.keys if len(key) == 2}
        return self._evaluable(found)

    @cached_property
    def _raw(self) -> dict[Key, sympy.Expr]:
        found = self._evaluable(self._differentiated(self.loss.expression))
        return {key: _numbers_out(one) if key else one for key, one in found.items()}

    def _evaluable(self, found: Mapping[Key, sympy.Expr]) -> dict[Key, sympy.Expr]:
        """The forms that floats evaluate, NaN where what was written has no value, or no slope."""
        domain = self.loss.domain
        forms = {
            key: evaluable(found[key], domain) if key else scaled_exponentials(accurate(found[key]))
            for key in self.keys
        }
        return {key: _valued(form, self._lost_of_slope if key else self._lost_of_value) for key, form in forms.items()}

    @cached_property
    def _lost_of_value(self) -> Boolean:
        """Where what was written has a value, as far as its formula does not say so."""
        return sympy.And(*written_domain(self.loss, slope=False))

    @cached_property
    def _lost_of_slope(self) -> Boolean:
        return sympy.And(*written_domain(self.loss))

    def _differentiated(self, expression: sympy.Expr) -> dict[Key, sympy.Expr]:
        found: dict[Key, sympy.Expr] = {(): expression}
        for key in self.keys:
            if key:
                found[key] = differentiate(found[key[:-1]], self.loss.symbols[key[-1]])
        return found

    @cached_property
    def _separated(self) -> Statistics | NotSeparable:
        data = {self.loss.symbols[name] for name in self.loss.data}
        if self._lost_of_slope.free_symbols & data:
            where = to_text(self._lost_of_slope)
            return NotSeparable(self.loss.shown, f"has a value for data with {where} alone, which sums do not show")
        try:
            return statistics_of(self.loss)
        except NotSeparable as found:
            return found

    @property
    def statistics(self) -> Statistics | None:
        """The sufficient statistics; None where there are none."""
        return self._separated if isinstance(self._separated, Statistics) else None

    @property
    def summed(self) -> frozenset[str]:
        """The data symbols that are added up themselves, or in products; in others' functions they may be as well."""
        generators = () if self.statistics is None else self.statistics.generators
        return frozenset(one.name for one in generators if isinstance(one, sympy.Symbol))

    @property
    def mixed(self) -> NotSeparable | None:
        """The part of the summand in which parameters and data are not separated, and why; None where there is none."""
        return None if isinstance(self._separated, Statistics) else self._separated

    def combination(self, centre: Iterable[float], sum_names: Callable[[tuple[int, ...]], str]) -> Program:
        """The outputs in the parameters, the sums about a centre by their names, and the symbols of the centre.

        Of a mean the sums are means as well.
        """
        statistics = self.statistics
        assert statistics is not None, "the loss has sufficient statistics"
        coefficients = statistics.coefficients(tuple(centre))
        sums = {powers: sympy.Symbol(sum_names(powers), real=True) for powers in coefficients}
        outputs: dict[Key, list[sympy.Expr]] = {key: [] for key in self.keys}
        for powers, factor in coefficients.items():
            for key, derivative in self._evaluable(self._differentiated(factor)).items():
                outputs[key].append(derivative * sums[powers])
        names = (
            *self.loss.parameters,
            *(one.name for one in sums.values()),
            *(c.name for c in statistics.centre_symbols),
        )
        return lower([sympy.Add(*outputs[key]) for key in self.keys], names)


def _valued(form: sympy.Expr, condition: Boolean) -> sympy.Expr:
    """The form where the condition holds, elsewhere NaN."""
    return form if condition == sympy.true else sympy.Piecewise((form, condition), (sympy.nan, True))


def _numbers_out(expression: sympy.Expr) -> sympy.Expr:
    """Products of sums with the number that the terms of each have in common before it: 2u + 2v shares less than u + v.

    Of the terms of an expression alone: what is inside them may be deep.
    """
    terms = (
        sympy.Mul(*[part for factor in sympy.Mul.make_args(term) for part in _primitive(factor)])
        for term in sympy.Add.make_args(expression)
    )
    return sympy.Add(*terms)


def _primitive(factor: sympy.Expr) -> tuple[sympy.Expr, ...]:
    return factor.primitive() if factor.is_Add else (factor,)

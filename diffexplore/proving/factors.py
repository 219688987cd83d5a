"""An upstream gradient that only multiplies: what holds for 1 holds for all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import sympy

from diffexplore.formula.batch_sums import BatchSum, batch_sum
from diffexplore.proving.programs import TensorProgram
from diffexplore.tracing.declarations import Array
from diffexplore.tracing.traced import Traced


def without_factor(program: TensorProgram, traced: Traced) -> tuple[TensorProgram, Traced]:
    """A program and its formulas without the upstream gradient of its only number, where all is proportional to that.

    Proportional is what is a product with the symbol as written, in each term: then what holds for the upstream
    gradient 1 holds for all. Elsewhere the symbol stays, and the question is about every upstream gradient.
    """
    if len(program.weights) != 1 or program.weights[0].array.shape or program.by_sample:
        return program, traced
    (weight,) = program.weights
    (upstream,) = weight.array.symbols
    every = {**(traced.partials or {}), **{f"{name} again": expr for name, expr in (traced.second or {}).items()}}
    partials = [expr for name, expr in every.items() if name.removesuffix(" again") != upstream.name]
    conditions = (*traced.conventions, *(one for domain in traced.domains.values() for one in domain))
    if not all(expr == 0 or is_proportional(expr, upstream) for expr in (traced.output, *partials)):
        return program, traced
    if any(upstream in condition.free_symbols for condition in conditions):
        return program, traced
    return without_weight(program), _at_one(traced, weight.array)


def _at_one(traced: Traced, weight: Array) -> Traced:
    """The formulas for the upstream gradient 1, which is no argument any more."""
    (upstream,) = weight.symbols

    def kept(formulas: Mapping[str, sympy.Expr]) -> Mapping[str, sympy.Expr]:
        return MappingProxyType(
            {name: _divided(expr, upstream) for name, expr in formulas.items() if name != upstream.name}
        )

    return replace(
        traced,
        parameters=tuple(array for array in traced.parameters if array != weight),
        output=_divided(traced.output, upstream),
        partials=None if traced.partials is None else kept(traced.partials),
        second=None if traced.second is None else kept(traced.second),
        domains=MappingProxyType({name: domain for name, domain in traced.domains.items() if name != upstream.name}),
        read_again=lambda way: _at_one(traced.read_again(way), weight),
    )


def without_weight(program: TensorProgram) -> TensorProgram:
    """The program with the upstream gradient 1 of its only number."""
    (weight,) = program.weights
    kept = tuple(array for array in program.parameters if array != weight.array)
    return replace(program, function=lambda **tensors: weight.of(program.plain(**tensors)), parameters=kept, weights=())


def is_proportional(expr: sympy.Expr, symbol: sympy.Symbol) -> bool:
    """Whether an expression is, as it is written, the symbol times what does not depend on it."""
    if expr == symbol:
        return True
    if symbol not in expr.free_symbols:
        return False
    if isinstance(expr, BatchSum):
        return is_proportional(expr.summand, symbol)
    if expr.is_Add:
        return all(is_proportional(term, symbol) for term in expr.args)
    if expr.is_Mul:
        having = [factor for factor in expr.args if symbol in factor.free_symbols]
        return len(having) == 1 and is_proportional(having[0], symbol)
    if isinstance(expr, sympy.Piecewise):
        return all(
            symbol not in piece.cond.free_symbols and (piece.expr == 0 or is_proportional(piece.expr, symbol))
            for piece in expr.args
        )
    return False


def _divided(expr: sympy.Expr, symbol: sympy.Symbol) -> sympy.Expr:
    """What is proportional to the symbol without it; conditions stay as they are written, as their conventions are."""
    if expr == symbol:
        return sympy.S.One
    if symbol not in expr.free_symbols:
        return expr
    if isinstance(expr, BatchSum):
        return batch_sum(_divided(expr.summand, symbol), expr.symbols)
    if isinstance(expr, sympy.Piecewise):
        return sympy.Piecewise(*((_divided(piece.expr, symbol), piece.cond) for piece in expr.args), evaluate=False)
    return expr.func(*(_divided(part, symbol) for part in expr.args))

"""``loss_of``: the loss that a traced function computes, as a summand and its reduction."""

from __future__ import annotations

from collections.abc import Sequence

import sympy

from diffexplore.errors import UsageError
from diffexplore.formula.batch_sums import SAMPLES, BatchSum
from diffexplore.loss import Loss
from diffexplore.tracing.declarations import real, symbols_of
from diffexplore.tracing.lost import lost_conditions
from diffexplore.tracing.traced import OUTPUT, Traced


def loss_of(traced: Traced, *, name: str | None = None, domain: str | Sequence[str] | None = None) -> Loss:
    """The summand with its reduction; what it does not depend on (it cancels, say) are symbols, too, of gradient 0.

    Where the function has no value though the summand has one is outside of its domain.

    Raises UsageError, naming why, where the function is not the mean or sum of a formula of each sample.
    """
    summand, reduction = _summand(traced)
    every = [[symbol.name for symbol in symbols_of(arrays)] for arrays in (traced.parameters, traced.data)]
    used = [[name for name in names if real(name) in summand.free_symbols] for names in every]
    loss = Loss(summand, parameters=used[0], data=used[1], reduction=reduction, name=name, domain=domain)
    whole = loss if used == every else loss.with_symbols(*every)
    return whole.within(lost_conditions(traced.domains[OUTPUT], summand))


def _summand(traced: Traced) -> tuple[sympy.Expr, str]:
    if traced.samples is not None:
        raise UsageError(
            f"{traced.mixing} mixes samples, so that the function is no mean or sum of a formula of each sample"
        )
    output = traced.output
    if not output.has(BatchSum):
        if output.has(SAMPLES):
            raise UsageError("the function depends on the number of samples, and not through a mean or sum over them")
        return output, "mean"
    constant, sums = _split(output)
    summand = sympy.Add(*(factor * inner for factor, inner in sums))
    if constant == 0 and not summand.has(SAMPLES):
        return summand, "sum"
    mean = constant + sympy.Add(*(SAMPLES * factor * inner for factor, inner in sums))
    if not mean.has(SAMPLES):
        return mean, "mean"
    if constant != 0 and not summand.has(SAMPLES):
        raise UsageError(
            f"the function adds {constant} once to a sum over the samples, which no formula of each sample does: "
            "take the mean over the samples, or leave the term out"
        )
    raise UsageError("the function depends on the number of samples in another way than a mean or sum over them does")


def _split(output: sympy.Expr) -> tuple[sympy.Expr, list[tuple[sympy.Expr, sympy.Expr]]]:
    """The terms without sums, and for each sum its factor and its summand."""
    if not all(_is_plain(term) for term in sympy.Add.make_args(output)):
        output = sympy.expand_mul(output, deep=False)
    constant, sums = sympy.S.Zero, []
    for term in sympy.Add.make_args(output):
        if not term.has(BatchSum):
            constant += term
            continue
        if not _is_plain(term):
            raise UsageError(
                "the function is no mean or sum of a formula of each sample: it computes further with a sum over them"
            )
        (inner,) = (factor for factor in sympy.Mul.make_args(term) if isinstance(factor, BatchSum))
        sums.append((term / inner, inner.summand))
    return constant, sums


def _is_plain(term: sympy.Expr) -> bool:
    """Whether a term has no sum, or is one without sums inside, times what has none."""
    inner = [factor for factor in sympy.Mul.make_args(term) if factor.has(BatchSum)]
    return not inner or (len(inner) == 1 and isinstance(inner[0], BatchSum) and not inner[0].summand.has(BatchSum))

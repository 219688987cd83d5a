"""Formulas of a gradient, decided by algebra: equal, or a point where the two certainly differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice

import sympy

from diffexplore.checking.comparisons import PointOutcome
from diffexplore.checking.records import Cause, Row
from diffexplore.formula.compare import agreement, values_of_both
from diffexplore.loss import Loss

_TRIED = 16


@dataclass(frozen=True)
class FormulaDecision:
    """``words`` says how a formula compares with the partial; ``counterexample`` is a point where it differs."""

    words: str
    counterexample: Mapping[str, str] | None = None
    values: tuple[float, float] | None = None


def decide(expressions: Mapping[str, sympy.Expr], loss: Loss) -> dict[str, FormulaDecision]:
    """Each formula against the partial of the summand by its symbol."""
    gradient = loss.gradient(tuple(expressions))
    return {name: _decided(expression, gradient.raw[name]) for name, expression in expressions.items()}


def _decided(written: sympy.Expr, exact: sympy.Expr) -> FormulaDecision:
    how = agreement(written, exact)
    if how is not None:
        return FormulaDecision("equal by algebra" if how == "symbolically" else f"equal {how}, which is no proof")
    for point, first, second in islice(values_of_both(written, exact), _TRIED):
        if not first.overlaps(second):
            shown = {str(symbol): str(value) for symbol, value in point.items()}
            at = ", ".join(f"{symbol} = {value}" for symbol, value in shown.items())
            values = (float(first.mid()), float(second.mid()))
            return FormulaDecision(f"different: at {at} it is {values[0]:.6g}, not {values[1]:.6g}", shown, values)
    return FormulaDecision("undecided by algebra")


def with_counterexamples(outcome: PointOutcome, decisions: Mapping[str, FormulaDecision]) -> PointOutcome:
    """The outcome whose failing rows also hold the point at which their formula was seen to differ."""
    return replace(outcome, rows=tuple(_row(row, decisions.get(row.parameter)) for row in outcome.rows))


def _row(row: Row, decision: FormulaDecision | None) -> Row:
    if row.verdict != "fail" or row.cause is None or decision is None or decision.counterexample is None:
        return row
    fields = {**row.cause.fields, "counterexample": dict(decision.counterexample)}
    return replace(row, cause=Cause(row.cause.key, f"{row.cause.message} ({decision.words})", fields))

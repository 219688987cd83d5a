"""A gradient written as formulas, which are parsed and never evaluated as Python."""

from __future__ import annotations

from collections.abc import Mapping

import sympy
import torch

from diffexplore.arithmetic.torch_real import TORCH
from diffexplore.check.problem import spread_over
from diffexplore.errors import UsageError, unknown
from diffexplore.loss import Loss
from diffexplore.symbolic.parse import parse
from diffexplore.symbolic.program import lower
from diffexplore.verify.candidates.base import Answer, CandidateError
from diffexplore.verify.candidates.computes_loss import UPSTREAM

Tensor = torch.Tensor


class Formulas:
    """The partial of the summand by each symbol; the reduction of the loss is applied to them."""

    kind = "formulas"
    repeatable = True
    torch = True

    def __init__(self, candidate: Mapping[str, str], loss: Loss, name: str) -> None:
        self.name = name
        self._loss = loss
        written = {symbol: _expression(text, symbol, loss) for symbol, text in candidate.items()}
        self.expressions = {symbol: _contracted(formula, loss) for symbol, formula in written.items()}
        self._inputs = (*loss.parameters, *loss.data)

    def answer(self, wrt: tuple[str, ...], values: Mapping[str, Tensor]) -> Answer:
        missing = [symbol for symbol in wrt if symbol not in self.expressions]
        if missing:
            raise CandidateError(f"{self.name} has no formula for the partial by {', '.join(missing)}")
        outputs = lower([self.expressions[symbol] for symbol in wrt], self._inputs).run(TORCH, values)
        n = len(values[self._loss.data[0]]) if self._loss.data else 1
        return Answer({
            symbol: self._reduced(spread_over(output, n, values), symbol, n)
            for symbol, output in zip(wrt, outputs, strict=True)
        })  # fmt: skip

    def _reduced(self, partials: Tensor, symbol: str, n: int) -> Tensor:
        mean = self._loss.reduction == "mean"
        if symbol in self._loss.parameters:
            return partials.mean() if mean else partials.sum()
        return partials / n if mean else partials


def _contracted(formula: sympy.Expr, loss: Loss) -> sympy.Expr:
    """The formula times the upstream gradient, where there is one that it does not name itself."""
    upstream = loss.symbols.get(UPSTREAM)
    return formula if upstream is None or formula.has(upstream) else upstream * formula


def _expression(text: str, symbol: str, loss: Loss) -> sympy.Expr:
    if symbol not in loss.symbols:
        raise unknown("symbol", symbol, loss.symbols)
    try:
        return parse(text, tuple(loss.symbols))
    except UsageError as error:
        raise CandidateError(f"the formula for the partial by {symbol}: {error}") from None

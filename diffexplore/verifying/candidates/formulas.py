"""A gradient written as formulas, which are parsed and never evaluated as Python."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

import sympy
from torch import Tensor

from diffexplore.arithmetic.torch_real import TORCH
from diffexplore.errors import CandidateError, UsageError, unknown
from diffexplore.formula.notation import reduction_of
from diffexplore.formula.parse import parsed
from diffexplore.formula.syntax import read
from diffexplore.formula.written import program_of
from diffexplore.loss import Loss
from diffexplore.methods.problem import spread_over
from diffexplore.verifying.candidates.base import Answer, Candidate
from diffexplore.verifying.candidates.computes_loss import UPSTREAM


class Formulas(Candidate):
    """The partial of the summand by each symbol; the reduction of the loss is applied to them."""

    kind = "formulas"
    torch = True
    form = "formulas are a mapping from symbols to texts"
    packable = False  # they are of scalar symbols

    @staticmethod
    def accepts(candidate: Any) -> bool:
        return isinstance(candidate, Mapping)

    recognises = accepts

    def __init__(self, candidate: Mapping[str, str], loss: Loss, name: str) -> None:
        self.name = name
        self._loss = loss
        trees = {symbol: _tree(text, symbol, loss) for symbol, text in candidate.items()}
        self.expressions = {symbol: _contracted(expression, loss) for symbol, (_, expression) in trees.items()}
        inputs = (*loss.parameters, *loss.data)
        self._written = {symbol: program_of(tree, inputs) for symbol, (tree, _) in trees.items()}

    def answer(self, wrt: tuple[str, ...], values: Mapping[str, Tensor]) -> Answer:
        missing = [symbol for symbol in wrt if symbol not in self.expressions]
        if missing:
            raise CandidateError(f"{self.name} has no formula for the partial by {', '.join(missing)}")
        n = len(values[self._loss.data[0]]) if self._loss.data else 1
        return Answer({symbol: self._reduced(self._partial(symbol, values, n), symbol, n) for symbol in wrt})

    def _partial(self, symbol: str, values: Mapping[str, Tensor], n: int) -> Tensor:
        """The formula as it was written, for each sample."""
        program = self._written[symbol]
        partial = spread_over(program.run(TORCH, values)[0], n, values)
        named = UPSTREAM in program.inputs and program.depends_on([UPSTREAM])[program.outputs[0]]
        return partial if named or UPSTREAM not in self._loss.data else partial * values[UPSTREAM]

    def _reduced(self, partials: Tensor, symbol: str, n: int) -> Tensor:
        mean = self._loss.reduction == "mean"
        if symbol in self._loss.parameters:
            return partials.mean() if mean else partials.sum()
        return partials / n if mean else partials


def _contracted(formula: sympy.Expr, loss: Loss) -> sympy.Expr:
    """The formula times the upstream gradient, where there is one that it does not name itself."""
    upstream = loss.symbols.get(UPSTREAM)
    return formula if upstream is None or formula.has(upstream) else upstream * formula


def _tree(text: str, symbol: str, loss: Loss) -> tuple[ast.expr, sympy.Expr]:
    """A formula as it was written, and as SymPy simplifies it."""
    if symbol not in loss.symbols:
        raise unknown("symbol", symbol, loss.symbols)
    stated, summand = reduction_of(text)
    if stated not in (None, loss.reduction):
        raise CandidateError(
            f"the formula for the partial by {symbol} takes the {stated}, the loss the {loss.reduction}"
        )
    try:
        tree = read(summand, symbols=loss.symbols)
        return tree, parsed(tree, tuple(loss.symbols))
    except UsageError as error:
        raise CandidateError(f"the formula for the partial by {symbol}: {error}") from None

"""The backward of a candidate, differentiated again: the entries of its Hessian."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import sympy
import torch
from torch import Tensor

from diffexplore.checking.comparisons import PointOutcome
from diffexplore.checking.records import DOUBLE_BACKWARD, WEIGHTED, Cause
from diffexplore.formula.text import to_text
from diffexplore.loss import Loss
from diffexplore.tracing.backward import nodes_of
from diffexplore.verifying.calling import ModeUnavailable, torch_reasons
from diffexplore.verifying.candidates.base import Answer, Candidate, Symbols, gradients_by, leaves_of
from diffexplore.verifying.candidates.computes_loss import ComputesLoss
from diffexplore.verifying.gradients import named_gradients
from diffexplore.verifying.packs import PackedSymbols


class DoubleBackward(Candidate):
    """The gradient of one entry of the gradient, or of a sum of them all with weights, through the backward's graph.

    ``weights`` maps the parameters whose partials are added up to their weights.
    """

    title = f"{{}}{DOUBLE_BACKWARD}"
    kind = "loss"
    torch = True

    def __init__(self, inner: ComputesLoss, symbols: Symbols, weights: Mapping[str, float]) -> None:
        self.name = self.title.format(inner.name)
        self._inner = inner
        self._weights = weights
        self._places = symbols.places if isinstance(symbols, PackedSymbols) else {}

    def answer(self, wrt: tuple[str, ...], values: Mapping[str, Tensor]) -> Answer:
        entries = {name: self._places.get(name, (name, ())) for name in self._weights}
        first = tuple(dict.fromkeys(argument for argument, _ in entries.values()))
        leaves = leaves_of(tuple(dict.fromkeys((*first, *wrt))), values)
        with torch_reasons():
            output = self._inner.output({**values, **leaves})
            gradients = self._inner.gradients(output, {name: leaves[name] for name in first}, values, create_graph=True)
            terms = [weight * gradients[entries[name][0]][entries[name][1]] for name, weight in self._weights.items()]
            second = _again(torch.stack(terms).sum(), {name: leaves[name] for name in wrt})
        return Answer(named_gradients(second, wrt, values, self.name))


def _again(total: Tensor, leaves: Mapping[str, Tensor]) -> dict[str, Tensor]:
    if not total.requires_grad:  # the gradient is constant, or the backward pass keeps no graph
        return {name: torch.zeros_like(leaf) for name, leaf in leaves.items()}
    if any(node.name() == _ONCE for node in nodes_of(total)):
        # Its node would raise, but lies on no path to the leaves, and torch would return 0 without a word.
        raise ModeUnavailable("a function of the candidate is marked with @once_differentiable")
    return gradients_by(leaves, total)


#: What torch puts into the graph of a backward that is differentiable once only.
_ONCE = "torch::autograd::Error"


def unequal(count: int, seed: int) -> list[float]:
    """Distinct weights between 1 and 2, or powers of two of such, that every dtype holds exactly."""
    draw = np.random.default_rng([seed, 0xD0B1E])
    numbers = [float(n) / 64 * 2.0**m for m in range(1 + count // 63) for n in draw.permutation(range(65, 128))]
    return numbers[:count]


def weighted_gradient(loss: Loss, weights: Mapping[str, float]) -> Loss:
    """The loss whose summand is Σₖ wₖ ∂ℓ/∂θₖ; symbols that drop out stay its own."""
    gradient = loss.gradient(tuple(weights))
    expression = sympy.Add(*(sympy.Rational(weight) * gradient[name] for name, weight in weights.items()))
    derived = copy.copy(loss)
    formula = to_text(expression, unicode=False)
    for attribute, value in (("expression", expression), ("formula", formula), ("_program", None), ("_derived", {})):
        object.__setattr__(derived, attribute, value)
    return derived


def of_second_order(outcome: PointOutcome, of: str) -> PointOutcome:
    """What a double backward gave, its rows and their causes named as second partials."""
    rows = tuple(replace(row, of=of, cause=_of_second_order(row.cause, of, row.parameter)) for row in outcome.rows)
    return replace(outcome, rows=rows)


def _of_second_order(cause: Cause | None, of: str, name: str) -> Cause | None:
    """A cause in words of the second derivative: it was found as one of the gradient of a gradient."""
    if cause is None:
        return None
    message = cause.message.replace(f"the gradient by {name}", f"the derivative by {name} of {gradient_of(of)}")
    return replace(cause, message=message.replace("the gradient", "the second derivative"))


def gradient_of(of: str) -> str:
    """The first derivative that a double backward starts from."""
    return "Σₖ wₖ ∂L/∂θₖ" if of == WEIGHTED else f"∂L/∂{of}"

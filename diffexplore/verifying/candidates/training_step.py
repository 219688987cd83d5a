"""The ``.grad`` fields that a training step leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from diffexplore.errors import CandidateError
from diffexplore.torch_code.calling import bind
from diffexplore.verifying.candidates.base import Answer, Candidate, Symbols, leaves_of
from diffexplore.verifying.gradients import named_gradients


class TrainingStep(Candidate):
    """A function that runs ``backward()`` on tensors that it is given, and leaves their gradients in ``.grad``."""

    kind = "grads"
    torch = True
    form = "a training step must be callable"

    def __init__(self, candidate: Callable[..., Any], loss: Symbols, name: str) -> None:
        self.name = name
        self._candidate = candidate
        self._binding = bind(candidate, (*loss.parameters, *loss.data), name)

    def answer(self, wrt: tuple[str, ...], values: Mapping[str, Tensor]) -> Answer:
        leaves = leaves_of(wrt, values)
        self._binding.call(self._candidate, {**values, **leaves})
        return Answer(named_gradients(_grads(leaves, self.name), wrt, values, self.name))


class GradFields(Candidate):
    """Tensors of the user, by name, after their own training step: what lies in ``.grad`` is verified as it is."""

    kind = "grads"
    repeatable = False
    torch = False
    form = "tensors are a mapping from symbols to tensors"

    @staticmethod
    def recognises(candidate: Any) -> bool:
        return isinstance(candidate, Mapping) and any(isinstance(value, Tensor) for value in candidate.values())

    @staticmethod
    def accepts(candidate: Any) -> bool:
        return isinstance(candidate, Mapping)

    def __init__(self, candidate: Mapping[str, Tensor], loss: Symbols, name: str) -> None:
        self.name = name
        self._leaves = dict(candidate)

    def answer(self, wrt: tuple[str, ...], values: Mapping[str, Tensor]) -> Answer:
        missing = [symbol for symbol in wrt if symbol not in self._leaves]
        if missing:
            raise CandidateError(f"{self.name} holds no tensor named {', '.join(missing)}")
        grads = _grads({symbol: self._leaves[symbol] for symbol in wrt}, self.name)
        return Answer(named_gradients(grads, wrt, values, self.name))


def _grads(leaves: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    for symbol, leaf in leaves.items():
        if leaf.grad is None:
            raise CandidateError(f"{name} leaves no gradient in {symbol}.grad: call backward() on the loss first")
    return {symbol: leaf.grad.detach().clone() for symbol, leaf in leaves.items() if leaf.grad is not None}

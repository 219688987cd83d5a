"""A forward/backward pair in the style of a Caffe layer."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from diffexplore.errors import CandidateError
from diffexplore.verifying.candidates.base import Answer, Candidate, RecordedForward, Symbols
from diffexplore.verifying.candidates.computes_loss import UPSTREAM
from diffexplore.verifying.candidates.returns_gradient import to_numpy, uses_numpy
from diffexplore.verifying.gradients import check_fits, check_is_one_number, kind_of_value, named_gradients


class Layer(Candidate):
    """``forward(inputs) -> output`` and ``backward(inputs, output, upstream) -> gradients``.

    ``inputs`` is a named tuple of the loss's symbols, parameters first; the gradients come in that order too, or by
    name, for all of them or for those that are requested. Without an upstream gradient the output is the loss, and
    upstream is 1.
    """

    kind = "layer"
    form = "a layer is a pair (forward, backward)"

    @staticmethod
    def recognises(candidate: Any) -> bool:
        return isinstance(candidate, (tuple, list))

    @staticmethod
    def accepts(candidate: Any) -> bool:
        return True  # an object with both methods is one, too

    def __init__(self, candidate: Any, loss: Symbols, name: str) -> None:
        self.name = name
        self._forward, self._backward = _pair(candidate, name)
        self._symbols = tuple(symbol for symbol in (*loss.parameters, *loss.data) if symbol != UPSTREAM)
        self._inputs = namedtuple("inputs", self._symbols)  # type: ignore[misc]  # its fields are the loss's symbols
        self._contracted = UPSTREAM in (*loss.parameters, *loss.data)
        self.torch = not (uses_numpy(self._forward) or uses_numpy(self._backward))

    def returned(self, values: Mapping[str, Tensor]) -> Tensor:
        """The output at some tensors."""
        return self._run_forward(values)[2]

    def answer(self, wrt: tuple[str, ...], values: Mapping[str, Tensor]) -> Answer:
        inputs, output, tensor = self._run_forward(values)
        upstream = self._upstream_of(tensor, values)
        if not self._contracted:
            check_is_one_number(tensor, f"forward of {self.name}")
        check_fits(tensor, upstream, self.name)
        returned = self._backward(inputs, output, self._given(upstream))
        value = (tensor * upstream.to(tensor.dtype)).sum() if self._contracted else tensor.reshape(())
        return Answer(named_gradients(self._selected(returned, wrt), wrt, values, self.name), value.detach())

    def graph(self, wrt: tuple[str, ...], values: Mapping[str, Tensor]) -> RecordedForward:
        """The output of one forward pass, and the backward that may be called again with it."""
        inputs, output, tensor = self._run_forward(values)
        modified: dict[str, None] = {}

        def backward(factor: float) -> Mapping[str, Tensor]:
            upstream = factor * self._upstream_of(tensor, values)
            before, given = upstream.clone(), self._given(upstream)
            returned = self._backward(inputs, output, given)
            if not torch.equal(torch.as_tensor(given), before):
                modified[self.name] = None
            return named_gradients(self._selected(returned, wrt), wrt, values, self.name)

        return RecordedForward(backward, lambda: tuple(modified))

    def _upstream_of(self, output: Tensor, values: Mapping[str, Tensor]) -> Tensor:
        """The upstream gradient of the output: a number is that of each of its entries."""
        if not self._contracted:
            return torch.ones_like(output)
        upstream = values[UPSTREAM]
        return upstream if upstream.dim() else upstream.expand(output.shape).clone()

    def _run_forward(self, values: Mapping[str, Tensor]) -> tuple[Any, Any, Tensor]:
        """The inputs, the output, and the output as a tensor."""
        inputs = self._inputs(*(self._given(values[symbol]) for symbol in self._symbols))
        output = self._forward(inputs)
        tensor = output if isinstance(output, Tensor) else _as_tensor(output)
        if tensor is None or not tensor.is_floating_point():
            what = kind_of_value(output) if output is None or tensor is None else f"{tensor.dtype}"
            raise CandidateError(f"forward of {self.name} returns {what}, where an output of floats should be")
        return inputs, output, tensor

    def _given(self, tensor: Tensor) -> Any:
        return tensor if self.torch else to_numpy(tensor, self.name)

    def _selected(self, returned: Any, wrt: tuple[str, ...]) -> Any:
        """Of the gradients by all inputs, those that are requested."""
        if isinstance(returned, (tuple, list)) and len(returned) == len(self._symbols) != len(wrt):
            return dict(zip(self._symbols, returned, strict=True))
        return returned


def _as_tensor(output: Any) -> Tensor | None:
    try:
        return torch.as_tensor(output)
    except (TypeError, ValueError, RuntimeError):
        return None


def _pair(candidate: Any, name: str) -> tuple[Any, Any]:
    if isinstance(candidate, (tuple, list)) and len(candidate) == 2 and all(callable(part) for part in candidate):
        return candidate[0], candidate[1]
    forward, backward = getattr(candidate, "forward", None), getattr(candidate, "backward", None)
    if callable(forward) and callable(backward):
        return forward, backward
    raise CandidateError(f"{name} should be a pair (forward, backward), or have methods of these names")

"""A candidate that computes the loss (or, with an upstream gradient, an output): torch differentiates it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from diffexplore.loss import Loss
from diffexplore.verify.binding import bind, picked
from diffexplore.verify.candidates.base import Answer, CandidateError
from diffexplore.verify.gradients import named_gradients

Tensor = torch.Tensor

#: The column of an upstream gradient, in losses that stand for an output contracted with one.
UPSTREAM = "upstream"


class ComputesLoss:
    """A torch function, an autograd Function or a module; what is verified is what autograd makes of it."""

    kind = "loss"
    repeatable = True
    torch = True

    def __init__(self, candidate: Any, loss: Loss, name: str) -> None:
        self.name = name
        symbols = [symbol for symbol in (*loss.parameters, *loss.data) if symbol != UPSTREAM]
        self._upstream = UPSTREAM in loss.data
        self._call, self._order = _callable(candidate, symbols, name)

    def output(self, values: Mapping[str, Tensor]) -> Tensor:
        """The loss at some tensors, of shape (); with an upstream gradient, its product with the output."""
        output = self._call(values)
        if not isinstance(output, torch.Tensor):
            raise CandidateError(
                f"{self.name} returns {_kind(output)}, where the loss should be: a tensor of one number"
            )
        if self._upstream:
            return self._contracted(output, values[UPSTREAM])
        if output.numel() != 1:
            raise CandidateError(
                f"{self.name} returns a tensor of shape {tuple(output.shape)}, where the loss is one number: reduce "
                "it, or give the upstream gradient"
            )
        return output.reshape(())

    def _contracted(self, output: Tensor, upstream: Tensor) -> Tensor:
        if output.shape != upstream.shape:
            raise CandidateError(
                f"{self.name} returns an output of shape {tuple(output.shape)}, and the upstream gradient has shape "
                f"{tuple(upstream.shape)}"
            )
        return (output * upstream).sum()

    def answer(self, wrt: tuple[str, ...], values: Mapping[str, Tensor]) -> Answer:
        leaves = {name: values[name].detach().clone().requires_grad_() for name in wrt}
        output = self.output({**values, **leaves})
        if not output.requires_grad:
            raise CandidateError(
                f"{self.name} returns a loss that autograd cannot differentiate by {', '.join(wrt)}: every path to "
                "them is cut (detach, .item(), NumPy or no_grad)"
            )
        upstream = torch.ones_like(output)
        gradients = torch.autograd.grad(
            output, list(leaves.values()), upstream, allow_unused=True, materialize_grads=True
        )
        return Answer(named_gradients(dict(zip(wrt, gradients, strict=True)), wrt, values, self.name), output.detach())


def _callable(
    candidate: Any, symbols: list[str], name: str
) -> tuple[Callable[[Mapping[str, Tensor]], Any], tuple[str, ...]]:
    """The candidate as a function of named tensors, and its arguments in order."""
    if isinstance(candidate, type) and issubclass(candidate, torch.autograd.Function):
        skip = 0 if candidate.setup_context is not torch.autograd.Function.setup_context else 1
        order = bind(candidate.forward, symbols, name, skip=skip)
        return lambda values: candidate.apply(*picked(order, values)), order
    if isinstance(candidate, torch.nn.Module):
        own = [key for key, _ in candidate.named_parameters() if key in symbols]
        order = bind(candidate.forward, [symbol for symbol in symbols if symbol not in own], name)
        return lambda values: torch.func.functional_call(
            candidate, {key: values[key] for key in own}, tuple(picked(order, values))
        ), order
    order = bind(candidate, symbols, name)
    return lambda values: candidate(*picked(order, values)), order


def _kind(output: Any) -> str:
    return "None" if output is None else f"a {type(output).__name__}"

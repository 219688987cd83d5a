"""A candidate that computes the loss (or, with an upstream gradient, an output): torch differentiates it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from diffexplore.arithmetic.torch_real import TORCH
from diffexplore.errors import CandidateError
from diffexplore.formula.evaluable import evaluable
from diffexplore.loss import Loss
from diffexplore.program.program import lower
from diffexplore.torch_code.calling import autograd_function, bind, order_of_apply
from diffexplore.tracing.backward import UpstreamWatch, written_by_hand
from diffexplore.verifying.candidates.base import Answer, Candidate, RecordedForward, Symbols, gradients_by, leaves_of
from diffexplore.verifying.gradients import check_fits, check_is_one_number, kind_of_value, named_gradients

#: The column of an upstream gradient, in losses that stand for an output contracted with one.
UPSTREAM = "upstream"


class ComputesLoss(Candidate):
    """A torch function, an autograd Function or a module; what is verified is what autograd makes of it."""

    kind = "loss"
    torch = True
    form = "a candidate that computes a loss must be callable"

    @staticmethod
    def recognises(candidate: Any) -> bool:
        return True  # whatever no other kind does

    def __init__(self, candidate: Any, loss: Symbols, name: str) -> None:
        self.name = name
        self._loss = loss
        symbols = [symbol for symbol in (*loss.parameters, *loss.data) if symbol != UPSTREAM]
        self._upstream = UPSTREAM in (*loss.parameters, *loss.data)
        self._call = _callable(candidate, symbols, name)

    def returned(self, values: Mapping[str, Tensor]) -> Any:
        """What the candidate returns."""
        return self._call(values)

    def output(self, values: Mapping[str, Tensor]) -> Tensor:
        """The loss at some tensors, of shape (); with an upstream gradient, its product with the output."""
        output = self._call(values)
        if not isinstance(output, Tensor):
            raise CandidateError(
                f"{self.name} returns {kind_of_value(output)}, where the loss should be: a tensor of one number "
                "(where it returns the gradient: --kind gradient, in Python kind='gradient')"
            )
        if not output.is_floating_point():
            raise CandidateError(
                f"{self.name} returns a tensor of {str(output.dtype).removeprefix('torch.')}, which has no gradient: "
                "floats should be there"
            )
        if self._upstream:
            upstream = values[UPSTREAM]
            if upstream.dim():
                check_fits(output, upstream, self.name)
            return (output * upstream).sum()
        check_is_one_number(output, self.name)
        return output.reshape(())

    def answer(self, wrt: tuple[str, ...], values: Mapping[str, Tensor]) -> Answer:
        leaves = leaves_of(wrt, values)
        output = self.output({**values, **leaves})
        gradients = self.gradients(output, leaves, values)
        return Answer(named_gradients(gradients, wrt, values, self.name), output.detach())

    def graph(self, wrt: tuple[str, ...], values: Mapping[str, Tensor]) -> RecordedForward | None:
        """The graph of one forward pass, where an autograd Function is part of it."""
        leaves = leaves_of(wrt, values)
        output = self.output({**values, **leaves})
        if not output.requires_grad or not written_by_hand(output):
            return None
        watch = UpstreamWatch(output)

        def backward(factor: float) -> Mapping[str, Tensor]:
            return gradients_by(leaves, output, torch.full_like(output, factor), retain_graph=True)

        return RecordedForward(backward, lambda: tuple(watch.modified))

    def gradients(
        self, output: Tensor, leaves: Mapping[str, Tensor], values: Mapping[str, Tensor], *, create_graph: bool = False
    ) -> dict[str, Tensor]:
        """Autograd's gradient of an output by each leaf; raises CandidateError where every path to them is cut."""
        if not output.requires_grad:
            if is_flat(self._loss, tuple(leaves), values):  # code that branches may return a constant, and be right
                return {name: torch.zeros_like(leaf) for name, leaf in leaves.items()}
            raise CandidateError(
                f"{self.name} returns a loss that autograd cannot differentiate by {', '.join(leaves)}: every path to "
                "them is cut (detach, .item(), NumPy or no_grad)"
            )
        # Only where the upstream gradient is differentiable does torch notice a function that is so once only.
        upstream = torch.ones_like(output).requires_grad_(create_graph)
        return gradients_by(leaves, output, upstream, create_graph=create_graph)


def is_flat(loss: Any, wrt: tuple[str, ...], values: Mapping[str, Tensor]) -> bool:
    """Whether the loss does not change with any of the symbols at these values, as far as floats can tell."""
    if not isinstance(loss, Loss):  # its symbols are packed
        return bool(loss.is_flat(wrt, values))
    gradient = loss.gradient(wrt)
    forms = [evaluable(gradient[name], loss.domain) for name in wrt]
    partials = lower(forms, (*loss.parameters, *loss.data)).run(TORCH, values)
    return all(bool((torch.as_tensor(partial) == 0).all()) for partial in partials)


def _callable(candidate: Any, symbols: list[str], name: str) -> Callable[[Mapping[str, Tensor]], Any]:
    """The candidate as a function of named tensors."""
    function = autograd_function(candidate)
    if function is not None:
        order = order_of_apply(function, symbols, name)
        return lambda values: function.apply(*(values[symbol] for symbol in order))
    if isinstance(candidate, torch.nn.Module):
        own = [key for key, _ in candidate.named_parameters() if key in symbols]
        bound = bind(candidate.forward, [symbol for symbol in symbols if symbol not in own], name)
        return lambda values: torch.func.functional_call(
            candidate, {key: values[key] for key in own}, *bound.arguments(values)
        )
    bound = bind(candidate, symbols, name)
    return lambda values: bound.call(candidate, values)

"""torch's reverse mode through ``torch.compile``, forward and backward pass compiled by its default backend."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from types import FunctionType
from typing import Any

import numpy as np
import torch
import torch.fx
from torch import Tensor

from diffexplore.arithmetic.torch_real import TORCH
from diffexplore.methods._library import Gradient, LibraryMethod
from diffexplore.methods.problem import Problem


class TorchCompile(LibraryMethod):
    """The loss is compiled, and differentiated by one backward pass. Compiled code cannot be watched."""

    title = "torch.compile"

    def obstacle(self, problem: Problem) -> str | None:
        return missing_compiler(problem.device.type)

    def operations(self, dtype: torch.dtype) -> Mapping[str, Any]:
        return TORCH.operations

    def scope(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def array(self, tensor: Tensor) -> Any:
        return tensor

    def numbers(self, array: Any) -> np.ndarray:
        numbers: np.ndarray = array.detach().to(torch.float64).cpu().numpy()
        return numbers

    def reduced_gradient(self, problem: Problem) -> Gradient:
        summands = _straight_line(problem)
        loss = _compiled(lambda *arrays: problem.reduce(_spread(summands(*arrays), problem, arrays)))
        return _gradient(loss, problem, problem.parameters, spread=False)

    def sample_gradients(self, problem: Problem) -> Gradient:
        summands = _straight_line(problem)
        by_sample = _compiled(lambda *arrays: _spread(summands(*arrays), problem, arrays))
        return _gradient(by_sample, problem, problem.wrt, spread=True)

    def finished(self, outputs: Sequence[Any]) -> Sequence[Any]:
        if outputs and outputs[0].is_cuda:
            torch.cuda.synchronize()
        return outputs

    def _arrays(self, problem: Problem, values: Mapping[str, Tensor]) -> list[Any]:
        return [values[name].detach() for name in problem.inputs]  # on the device of the problem


def missing_compiler(device: str) -> str | None:
    """What torch.compile lacks to compile for a type of device ("cpu", "cuda"), in one line; None where it can."""
    if device == "cpu" and shutil.which(os.environ.get("CXX", "c++")) is None:
        return "torch.compile needs a C++ compiler, and finds none here"
    if device == "cuda" and find_spec("triton") is None:
        return "torch.compile needs triton, which is not installed here"
    return None


def _compiled(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """One compilation for all numbers of samples but one, which torch always takes for itself.

    Each loss has code of its own: torch counts how often it has compiled the same code, and runs what comes after the
    eighth time as it is, without compiling it.
    """
    assert isinstance(function, FunctionType)
    own = FunctionType(function.__code__.replace(), function.__globals__, closure=function.__closure__)
    compiled: Callable[..., Tensor] = torch.compile(own, dynamic=True)
    return compiled


def _straight_line(problem: Problem) -> torch.fx.GraphModule:
    """The summand as code with its constants written out: torch takes numbers from elsewhere for sizes that vary."""
    program, graph = problem.loss_program, torch.fx.Graph()
    slots: list[Any] = [graph.placeholder(f"input_{place}") for place in range(len(program.inputs))]
    slots += [TORCH.constant(constant) for constant in program.constants]
    for step in program.steps:
        operands = tuple(slots[slot] for slot in step.arguments)
        slots.append(graph.call_function(TORCH.operations[step.operation], operands))
    graph.output(slots[program.outputs[0]])
    return torch.fx.GraphModule(torch.nn.Module(), graph)


def _spread(out: Tensor | float, problem: Problem, arrays: Sequence[Tensor]) -> Tensor:
    """``out`` for each sample."""
    n = _count(problem, arrays)
    return out.expand(n) if isinstance(out, Tensor) else arrays[0].new_full((n,), out)


def _count(problem: Problem, arrays: Sequence[Tensor]) -> int:
    return arrays[problem.inputs.index(problem.loss.data[0])].shape[0] if problem.loss.data else 1


def _gradient(function: Callable[..., Tensor], problem: Problem, names: Sequence[str], *, spread: bool) -> Gradient:
    """The gradient of a function by the inputs named, which ``spread`` gives an entry of their own for each sample."""
    places = [problem.inputs.index(name) for name in names]

    def gradient(*arrays: Tensor) -> Sequence[Tensor]:
        n = _count(problem, arrays)
        given = list(arrays)
        for place in places:
            copy = arrays[place].expand(n) if spread else arrays[place]
            given[place] = copy.clone().requires_grad_()
        output = function(*given)
        leaves = tuple(given[place] for place in places)
        if not output.requires_grad:  # the loss is locally constant, as a sign is
            return tuple(torch.zeros_like(leaf) for leaf in leaves)
        upstream = torch.ones_like(output)
        return torch.autograd.grad(output, leaves, upstream, allow_unused=True, materialize_grads=True)

    return gradient


METHOD = TorchCompile()

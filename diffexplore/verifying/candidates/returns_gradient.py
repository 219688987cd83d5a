"""A candidate that returns the gradient itself, computed with torch or with NumPy."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from diffexplore.errors import CandidateError
from diffexplore.torch_code.calling import bind
from diffexplore.verifying.candidates.base import Answer, Candidate, Symbols
from diffexplore.verifying.gradients import named_gradients


class ReturnsGradient(Candidate):
    """A function of the symbols that returns a mapping, a tuple or an array of gradients, in the order requested."""

    kind = "gradient"
    form = "a candidate that computes a gradient must be callable"

    def __init__(self, candidate: Callable[..., Any], loss: Symbols, name: str) -> None:
        self.name = name
        self.torch = not uses_numpy(candidate)
        self._candidate = candidate
        self._binding = bind(candidate, (*loss.parameters, *loss.data), name)

    def answer(self, wrt: tuple[str, ...], values: Mapping[str, Tensor]) -> Answer:
        given = values if self.torch else {name: to_numpy(tensor, self.name) for name, tensor in values.items()}
        return Answer(named_gradients(self._binding.call(self._candidate, given), wrt, values, self.name))


def to_numpy(tensor: Tensor, name: str) -> Any:
    """A copy as an array, or for a parameter as a NumPy scalar."""
    if tensor.dtype == torch.bfloat16:
        raise CandidateError(f"{name} computes with NumPy, which has no bfloat16: choose float16, float32 or float64")
    array = tensor.numpy(force=True).copy()
    return array if array.ndim else array[()]


def uses_numpy(function: Any) -> bool:
    """Whether the code of a function, with the functions of its module that it names, names NumPy and not torch."""
    modules = _modules(_plain_function(function), set())
    return "numpy" in modules and "torch" not in modules


def _modules(function: Any, seen: set[Any]) -> set[str]:
    """The packages that a plain function names, and those of the functions that it names."""
    code = getattr(function, "__code__", None)
    if code is None or code in seen:
        return set()
    seen.add(code)
    scope = getattr(function, "__globals__", {})
    named = [scope[name] for name in _names(code) if name in scope]
    found = {module.__name__.split(".")[0] for module in named if isinstance(module, types.ModuleType)}
    helpers = (other for other in named if isinstance(other, types.FunctionType) and other.__globals__ is scope)
    return found.union(*(_modules(helper, seen) for helper in helpers))


def _plain_function(function: Any) -> Any:
    """The plain function behind a method, a partial or an object that can be called."""
    function = getattr(function, "func", function)
    function = getattr(function, "__func__", function)
    return function if hasattr(function, "__code__") else type(function).__call__


def _names(code: types.CodeType) -> set[str]:
    nested = (constant for constant in code.co_consts if isinstance(constant, types.CodeType))
    return set(code.co_names).union(*(_names(inner) for inner in nested))

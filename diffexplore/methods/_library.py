"""Gradients by other libraries: the formula of a loss lowered to their arrays, and differentiated by them.

Their operations cannot be watched: what they are allowed is a multiple of what the formula's own evaluations by torch
need (see docs/contract.md, "Methods of other libraries").
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from diffexplore.bounds.watch import observing
from diffexplore.methods.base import Estimate, Estimates, Values, is_watched, of_unknown_error
from diffexplore.methods.opaque import allowed, allowed_by_sample
from diffexplore.methods.prepared import Prepared
from diffexplore.methods.problem import Problem
from diffexplore.methods.torch_loss import Unavailable

#: A gradient as the library computes it, of one array for each input of the problem.
Gradient = Callable[..., Sequence[Any]]

Kind = Literal["reduced", "samples"]


class LibraryMethod(ABC):
    """The gradient of the formula by one library, reduced in one call or of each sample."""

    exact = True
    opaque = True

    def __init__(self) -> None:
        self._gradients: WeakKeyDictionary[Problem, dict[str, Gradient]] = WeakKeyDictionary()

    # ------------------------------------------------------------------------------------ what a library has to say
    title: str

    @abstractmethod
    def operations(self, dtype: torch.dtype) -> Mapping[str, Any]:
        """Its function for each operation of a program that it has."""

    @abstractmethod
    def scope(self) -> AbstractContextManager[Any]:
        """What holds while it computes, and nowhere else."""

    @abstractmethod
    def array(self, tensor: Tensor) -> Any:
        """A tensor's numbers as an array of the library."""

    @abstractmethod
    def numbers(self, array: Any) -> np.ndarray:
        """An array's numbers as NumPy has them; waits until they are computed."""

    @abstractmethod
    def reduced_gradient(self, problem: Problem) -> Gradient:
        """∂L/∂θ for each parameter in ``problem.parameters``, a function of the inputs."""

    @abstractmethod
    def sample_gradients(self, problem: Problem) -> Gradient:
        """∂ℓ_i/∂s for each symbol s in ``problem.wrt``, of shape (n,), a function of the inputs."""

    # ---------------------------------------------------------------------------------------- the contract of a method
    def obstacle(self, problem: Problem) -> str | None:
        if problem.device.type != "cpu":
            return f"{self.title} runs on the CPU here"
        missing = sorted(problem.loss_program.operations - set(self.operations(problem.dtype)))
        return f"{self.title} has no {', '.join(missing)}" if missing else None

    def reduced(self, problem: Problem, values: Values, n: int) -> Estimates:
        if not problem.parameters:
            return {}
        found = self._computed("reduced", problem, values)
        estimates = {
            name: of_unknown_error(value.reshape(())) for name, value in zip(problem.parameters, found, strict=True)
        }
        return self._allowed(allowed, estimates, problem, values, n)

    def samples(self, problem: Problem, values: Values, n: int) -> Estimates:
        found = self._computed("samples", problem, values)
        estimates = {name: of_unknown_error(value.expand(n)) for name, value in zip(problem.wrt, found, strict=True)}
        return self._allowed(allowed_by_sample, estimates, problem, values, n)

    def prepared(self, problem: Problem, values: Values, n: int) -> Prepared:
        gradient = self._gradient(problem, "reduced" if problem.parameters else "samples")
        with self.scope():
            arrays = self._arrays(problem, values)

        return Prepared(
            lambda: self.finished(gradient(*arrays)),
            lambda outputs: tuple(np.array(self.numbers(output)) for output in outputs),
            self.scope,
        )

    def finished(self, outputs: Sequence[Any]) -> Sequence[Any]:
        """The outputs, once they are computed: some libraries return before they are."""
        return outputs

    def _allowed(
        self, bounded: Callable[..., Estimates], estimates: dict[str, Estimate], problem: Problem, values: Values,
        n: int,
    ) -> Estimates:  # fmt: skip
        """The estimates with the bounds of opaque code, where bounds are requested."""
        if not is_watched():
            return estimates
        with observing(None):  # who looks on is not to take the references for the method
            return bounded(estimates, problem.of_formula, values, n)

    def _gradient(self, problem: Problem, kind: Kind) -> Gradient:
        """The gradient of a problem, the same one for all batches: what is compiled is compiled once."""
        gradients = self._gradients.setdefault(problem, {})
        if kind not in gradients:
            gradients[kind] = self.reduced_gradient(problem) if kind == "reduced" else self.sample_gradients(problem)
        return gradients[kind]

    def _computed(self, kind: Kind, problem: Problem, values: Values) -> list[Tensor]:
        """The gradient on the host, in float64; raises Unavailable where the library refuses."""
        try:
            with self.scope():
                outputs = self._gradient(problem, kind)(*self._arrays(problem, values))
                arrays = [np.asarray(self.numbers(output), np.float64) for output in outputs]
        except (NotImplementedError, TypeError, ValueError, RuntimeError, LookupError) as error:
            first = next(iter(str(error).splitlines()), "")
            raise Unavailable(f"{self.title} refuses: {type(error).__name__}: {first[:200]}") from error
        return [torch.from_numpy(array.copy()) for array in arrays]

    def _arrays(self, problem: Problem, values: Values) -> list[Any]:
        return [self.array(values[name].detach().cpu()) for name in problem.inputs]


def as_numpy(tensor: Tensor) -> np.ndarray:
    """The numbers of a CPU tensor; those of bfloat16 in the dtype that JAX and TensorFlow share."""
    if tensor.dtype != torch.bfloat16:
        return tensor.numpy()
    import ml_dtypes

    return tensor.contiguous().view(torch.int16).numpy().view(ml_dtypes.bfloat16)

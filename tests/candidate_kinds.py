"""Candidates of every kind for one loss, right and wrong: for the tests of verification."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import diffexplore as dx

Tensor = torch.Tensor

MEAN = dx.Loss("(a*x - y + b)**2", parameters="a, b", data="x, y")
SUM = dx.Loss("(a*x - y + b)**2", parameters="a, b", data="x, y", reduction="sum")
DATA = {"x": [0.5, 1.25, 2.0, -1.5], "y": [1.0, 2.0, 2.5, 0.75]}
AT = {"a": 1.25, "b": 0.75}
UPSTREAM = [1.5, -0.5, 2.0, 0.25]
TORCH_DTYPES = ("float64", "float32", "bfloat16")
NUMPY_DTYPES = ("float64", "float32", "float16")


# ------------------------------------------------------------------------------------------------- the candidates
class Square(torch.autograd.Function):
    """The squares of residuals; ``factor`` of the backward should be 2."""

    factor = 2.0

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
        r = a * x - y + b
        ctx.save_for_backward(r, x, a)
        return r * r

    @classmethod
    def backward(cls, ctx: Any, upstream: Tensor) -> Any:
        r, x, a = ctx.saved_tensors
        g = cls.factor * r * upstream
        return (g * x).sum(), g.sum(), g * a, -g


class WrongSquare(Square):
    factor = 3.0


class SetupSquare(torch.autograd.Function):
    """The same with setup_context."""

    factor = 2.0

    @staticmethod
    def forward(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return (a * x - y + b) ** 2

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @classmethod
    def backward(cls, ctx: Any, upstream: Tensor) -> Any:
        a, b, x, y = ctx.saved_tensors
        g = cls.factor * (a * x - y + b) * upstream
        return (g * x).sum(), g.sum(), g * a, -g


class WrongSetupSquare(SetupSquare):
    factor = 3.0


class ReducedSquare(torch.autograd.Function):
    """The whole loss in a Function."""

    factor = 2.0

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
        r = a * x - y + b
        ctx.save_for_backward(r, x, a)
        return (r * r).mean()

    @classmethod
    def backward(cls, ctx: Any, upstream: Tensor) -> Any:
        r, x, a = ctx.saved_tensors
        g = cls.factor * r / len(x) * upstream
        return (g * x).sum(), g.sum(), g * a, -g


class WrongReducedSquare(ReducedSquare):
    factor = 3.0


class Line(torch.nn.Module):
    """A module that owns the parameters of the loss."""

    def __init__(self, factor: float = 1.0) -> None:
        super().__init__()
        self.a = torch.nn.Parameter(torch.zeros((), dtype=torch.float64))
        self.b = torch.nn.Parameter(torch.zeros((), dtype=torch.float64))
        self.factor = factor

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return ((self.a * x - y + self.b) ** 2).mean() * self.factor


class Lines(Line):
    """The same with an output for each sample."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return (self.a * x - y + self.b) ** 2 * self.factor


def mean_loss(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return ((a * x - y + b) ** 2).mean()


def outputs(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return (a * x - y + b) ** 2


def torch_gradient(factor: float) -> Callable[..., Any]:
    def gradient(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Any:
        r = a * x - y + b
        return torch.mean(factor * r * x), torch.mean(factor * r)

    return gradient


def numpy_gradient(factor: float) -> Callable[..., Any]:
    def gradient(a: Any, b: Any, x: Any, y: Any) -> Any:
        r = a * x - y + b
        two = x.dtype.type(factor)
        return np.mean(two * r * x, dtype=x.dtype), np.mean(two * r, dtype=x.dtype)

    return gradient


class TorchLayer:
    """A Caffe-style layer: an output for each sample."""

    def __init__(self, factor: float = 2.0) -> None:
        self.factor = factor

    def forward(self, inputs: Any) -> Tensor:
        return (inputs.a * inputs.x - inputs.y + inputs.b) ** 2

    def backward(self, inputs: Any, output: Tensor, upstream: Tensor) -> Any:
        g = self.factor * (inputs.a * inputs.x - inputs.y + inputs.b) * upstream
        return torch.sum(g * inputs.x), torch.sum(g), g * inputs.a, -g


class NumpyLayer:
    """The same in NumPy."""

    def __init__(self, factor: float = 2.0) -> None:
        self.factor = factor

    def forward(self, inputs: Any) -> Any:
        return np.square(inputs.a * inputs.x - inputs.y + inputs.b)

    def backward(self, inputs: Any, output: Any, upstream: Any) -> Any:
        dtype = inputs.x.dtype
        g = dtype.type(self.factor) * (inputs.a * inputs.x - inputs.y + inputs.b) * upstream
        return {"a": np.sum(g * inputs.x, dtype=dtype), "b": np.sum(g, dtype=dtype), "x": g * inputs.a, "y": -g}


class ReducedNumpyLayer(NumpyLayer):
    """A layer whose output is the mean loss."""

    def forward(self, inputs: Any) -> Any:
        return np.mean(super().forward(inputs), dtype=inputs.x.dtype)

    def backward(self, inputs: Any, output: Any, upstream: Any) -> Any:
        n = inputs.x.dtype.type(len(inputs.x))
        return super().backward(inputs, output, upstream / n)


def pair(layer: Any) -> Any:
    return layer.forward, layer.backward


def step(times: int = 1) -> Callable[..., None]:
    def run(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> None:
        for _ in range(times):
            mean_loss(a, b, x, y).backward()

    return run

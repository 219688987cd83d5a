"""Where gradients are verified: catalogue losses on batches of any size, at ordinary points and at the optimum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from flint import arb

from diffexplore import losses
from diffexplore.arithmetic.balls import precision
from diffexplore.checking.evaluate import Evaluator
from diffexplore.floating_point import FLOAT_FORMATS
from diffexplore.loss import Loss
from diffexplore.methods.problem import Problem

Tensor = torch.Tensor
Point = dict[str, float]

#: A loss whose data say which samples count.
MASKED = Loss(
    "where(m > 0.5, (a*x + b - y)**2, 0)", parameters="a, b", data="x, y, m", name="masked",
    default_data=lambda: {
        "x": np.linspace(-2.0, 3.0, 100),
        "y": np.cos(np.arange(100.0)) + 0.5,
        "m": (np.arange(100) % 3 != 0).astype(float),
    },
    default_points=({"a": 1.25, "b": -0.5},),
)  # fmt: skip

#: Cross-entropy of two classes, with a label that says that a sample does not count.
LABELLED = Loss(
    "where(t == -100, 0, where(t == 1, -log(sigmoid(a*x + b)), -log(1 - sigmoid(a*x + b))))",
    parameters="a, b", data="x, t", name="labelled",
    default_data=lambda: {
        "x": np.linspace(-2.0, 3.0, 100),
        "t": np.choose(np.arange(100) % 5, [0.0, 1.0, -100.0, 1.0, 0.0]),
    },
    default_points=({"a": 0.75, "b": -0.25},),
)  # fmt: skip

#: A curve with constants that people write with too few digits.
GELU = Loss(
    "(b*x*(1 + tanh(sqrt(2/pi)*(a*x + 0.044715*(a*x)**3)))/2 - y)**2/(2*(b**2 + 1))",
    parameters="a, b", data="x, y", name="gelu",
    default_data=lambda: {"x": np.linspace(-2.0, 3.0, 100), "y": np.cos(np.arange(100.0)) + 0.5},
    default_points=({"a": 0.75, "b": 1.25},),
)  # fmt: skip

#: Losses of the benchmark's own, by name.
OWN = {loss.name: loss for loss in (MASKED, LABELLED, GELU)}

LOSSES = (
    "perpendicular", "squared_error", "huber", "log_cosh", "cauchy", "logistic", "softplus", "poisson", *OWN,
)  # fmt: skip
SIZES = (10, 1_000, 100_000)
POINTS = ("default", "optimum", "random")

_JITTER = 0.25
_STRIDE = 7
_FELT = 1e-6
_STEPS = 60
_CERTIFIED_STEPS = 3
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class SceneKey:
    """A loss on a number of samples, in a dtype, at a point: what a scene is made from."""

    loss: str
    n: int
    dtype: str
    point: str


@dataclass(frozen=True)
class Scene:
    """A loss with its batch, rounded to the dtype, and the point."""

    key: SceneKey

    @cached_property
    def loss(self) -> Loss:
        return OWN.get(self.key.loss) or losses.get(self.key.loss)

    @cached_property
    def dtype(self) -> torch.dtype:
        return FLOAT_FORMATS[self.key.dtype].dtype

    @cached_property
    def columns(self) -> dict[str, np.ndarray]:
        return batch(self.loss, self.key.n, self.dtype)

    @cached_property
    def point(self) -> Point:
        if self.key.point == "optimum":
            return optimum(self.loss, self.columns, certified=self.dtype is torch.float64)
        base = self.loss.default_points[-1]
        if self.key.point == "default":
            return dict(base)
        draw = np.random.default_rng([len(self.key.loss), self.key.n])
        return {name: float(value * draw.uniform(0.7, 1.4) + 0.1 * draw.normal()) for name, value in base.items()}

    @cached_property
    def upstream(self) -> np.ndarray:
        """A gradient of what follows, for outputs with an entry for each sample."""
        column = np.random.default_rng([3, self.key.n]).uniform(0.25, 2.0, self.key.n)
        return torch.from_numpy(column).to(self.dtype).double().numpy()

    def problem(self, *, by_data: bool = False) -> Problem:
        return Problem(self.loss, self.loss.data[:1] if by_data else self.loss.parameters, self.dtype, _CPU)


def batch(loss: Loss, n: int, dtype: torch.dtype) -> dict[str, np.ndarray]:
    """The default data of a loss, repeated to ``n`` samples with the first column moved at random, in a dtype."""
    assert loss.default_data is not None
    draw = np.random.default_rng([11, n])
    columns = {}
    for i, (name, column) in enumerate(loss.default_data().items()):
        known = np.asarray(column)
        whole = known[np.arange(n) % len(known)] if n >= len(known) else known[::_STRIDE][:n]
        moved = whole + _JITTER * draw.normal(size=n) if i == 0 else whole
        columns[name] = torch.from_numpy(np.ascontiguousarray(moved)).to(dtype).double().numpy()
    return columns


def optimum(loss: Loss, columns: Mapping[str, np.ndarray], *, certified: bool) -> Point:
    """Where the loss is least on a batch: by damped Newton steps, the last of them with a certified gradient."""
    problem = Problem(loss, loss.parameters, torch.float64, _CPU)
    tensors = {name: torch.from_numpy(column) for name, column in columns.items()}
    start = torch.tensor([loss.default_points[-1][name] for name in loss.parameters], dtype=torch.float64)
    theta = _descended(problem, start, tensors)
    for _ in range(_CERTIFIED_STEPS if certified else 0):
        point = dict(zip(loss.parameters, theta.tolist(), strict=True))
        theta = theta - _solved(_hessian(problem, theta, tensors), _certified_gradient(problem, point, tensors))
    return dict(zip(loss.parameters, theta.tolist(), strict=True))


def _objective(problem: Problem, theta: Tensor, columns: Mapping[str, Tensor]) -> Tensor:
    values = {**dict(zip(problem.loss.parameters, theta, strict=True)), **columns}
    return problem.reduce(problem.summands(values, len(next(iter(columns.values())))))


def _hessian(problem: Problem, theta: Tensor, columns: Mapping[str, Tensor]) -> Tensor:
    return torch.autograd.functional.hessian(lambda t: _objective(problem, t, columns), theta)


def _descended(problem: Problem, theta: Tensor, columns: Mapping[str, Tensor]) -> Tensor:
    for _ in range(_STEPS):
        leaf = theta.clone().requires_grad_()
        value = _objective(problem, leaf, columns)
        (gradient,) = torch.autograd.grad(value, leaf)
        step = _solved(_hessian(problem, theta, columns), gradient)
        step = step * (0.5 * theta.norm() / step.norm()).clamp(max=1)
        for _ in range(40):
            if bool(_objective(problem, theta - step, columns) < value):
                break
            step = step / 2
        else:
            return theta
        theta = theta - step
    return theta


def _solved(hessian: Tensor, gradient: Tensor) -> Tensor:
    """A step that goes downhill: curvatures by their size, and none along directions that the loss does not feel."""
    curvature, axes = torch.linalg.eigh(hessian)
    size = curvature.abs()
    felt = size > _FELT * size.max()
    along = axes.T @ gradient
    return axes @ torch.where(felt, along / torch.where(felt, size, 1.0), 0.0)


def _certified_gradient(problem: Problem, point: Point, columns: Mapping[str, Tensor]) -> Tensor:
    n = len(next(iter(columns.values())))
    totals = {name: arb(0) for name in problem.wrt}
    for chunk in Evaluator(problem, point, columns, n).chunks([], lambda done: None):
        with precision(256):
            for name in totals:
                totals[name] += chunk.sums[name]
    return torch.tensor([float((total / n).mid()) for total in totals.values()], dtype=torch.float64)

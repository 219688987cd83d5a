"""Every kind of candidate: right ones pass, wrong ones fail, in every dtype and however their arguments are bound."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.checkpoint import checkpoint

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


FORMULAS = {"a": "2*x*(a*x - y + b)", "b": "2*(a*x - y + b)"}

#: name: (right, wrong, kind, dtypes, whether it takes an upstream gradient)
KINDS: dict[str, tuple[Any, Any, str | None, tuple[str, ...], bool]] = {
    "loss": (mean_loss, lambda a, b, x, y: mean_loss(a, b.detach() + 0 * b, x, y), None, TORCH_DTYPES, False),
    "outputs": (outputs, lambda a, b, x, y: outputs(a, b, x, y) * 1.5, None, TORCH_DTYPES, True),
    "function": (ReducedSquare, WrongReducedSquare, None, TORCH_DTYPES, False),
    "function-outputs": (Square, WrongSquare, None, TORCH_DTYPES, True),
    "setup-outputs": (SetupSquare, WrongSetupSquare, None, TORCH_DTYPES, True),
    "apply": (Square.apply, WrongSquare.apply, None, TORCH_DTYPES, True),
    "module": (Line(), Line(1.5), None, TORCH_DTYPES, False),
    "module-outputs": (Lines(), Lines(1.5), None, TORCH_DTYPES, True),
    "gradient": (torch_gradient(2), torch_gradient(3), "gradient", TORCH_DTYPES, False),
    "numpy": (numpy_gradient(2), numpy_gradient(3), "gradient", NUMPY_DTYPES, False),
    "formulas": (FORMULAS, {**FORMULAS, "b": "a*x - y + b"}, None, TORCH_DTYPES, False),
    "formulas-outputs": (FORMULAS, {**FORMULAS, "b": "a*x - y + b"}, None, TORCH_DTYPES, True),
    "layer": (TorchLayer(), TorchLayer(3.0), "layer", TORCH_DTYPES, True),
    "pair": (pair(TorchLayer()), pair(TorchLayer(3.0)), None, TORCH_DTYPES, True),
    "numpy-layer": (NumpyLayer(), NumpyLayer(3.0), "layer", NUMPY_DTYPES, True),
    "numpy-pair": (pair(ReducedNumpyLayer()), pair(ReducedNumpyLayer(3.0)), None, NUMPY_DTYPES, False),
    "step": (step(), step(2), "grads", TORCH_DTYPES, False),
}

CASES = [pytest.param(kind, dtype, id=f"{kind}-{dtype}") for kind, entry in KINDS.items() for dtype in entry[3]]


def verdict_of(candidate: Any, **options: Any) -> str:
    loss = options.pop("loss", MEAN)
    return dx.verify(candidate, loss, DATA, AT, **options).verdict


@pytest.mark.parametrize(("kind", "dtype"), CASES)
def test_right_passes_and_wrong_fails(kind: str, dtype: str) -> None:
    right, wrong, said, _, takes_upstream = KINDS[kind]
    upstream = UPSTREAM if takes_upstream else None
    assert verdict_of(right, kind=said, dtype=dtype, upstream=upstream) == "pass"
    assert verdict_of(wrong, kind=said, dtype=dtype, upstream=upstream) == "fail"


@pytest.mark.parametrize("kind", [kind for kind, entry in KINDS.items() if entry[4]])
def test_an_upstream_gradient_may_be_one_number(kind: str) -> None:
    right, wrong, said, _, _ = KINDS[kind]
    assert verdict_of(right, kind=said, upstream=1.5) == "pass"
    assert verdict_of(wrong, kind=said, upstream=1.5) == "fail"


@pytest.mark.parametrize("kind", [kind for kind, entry in KINDS.items() if entry[4]])
def test_an_output_for_each_sample_needs_an_upstream_gradient(kind: str) -> None:
    right, _, said, _, _ = KINDS[kind]
    if kind.startswith("formulas"):
        assert verdict_of(right, kind=said) == "pass"  # they are of the summand, whatever follows
    else:
        with pytest.raises(dx.UsageError, match="upstream"):
            verdict_of(right, kind=said)


@pytest.mark.parametrize("kind", ["loss", "outputs", "function", "function-outputs", "setup-outputs", "pair", "step"])
def test_partials_by_data(kind: str) -> None:
    right, wrong, said, _, takes_upstream = KINDS[kind]
    upstream = UPSTREAM if takes_upstream else None
    report = dx.verify(right, MEAN, DATA, AT, kind=said, upstream=upstream, wrt="x, y")
    assert report.verdict == "pass"
    assert {row.sample for row in report.rows if row.parameter == "x"} <= set(range(4))
    if kind != "loss":  # of that one, only the partial by b is wrong
        assert dx.verify(wrong, MEAN, DATA, AT, kind=said, upstream=upstream, wrt="x, y").verdict == "fail"


def test_partials_by_parameters_and_data_at_once() -> None:
    assert verdict_of(Square, upstream=UPSTREAM, wrt=("b", "x")) == "pass"
    assert verdict_of(WrongSquare, upstream=UPSTREAM, wrt=("b", "x")) == "fail"


def test_mean_and_sum_are_told_apart() -> None:
    def total(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return ((a * x - y + b) ** 2).sum()

    assert verdict_of(total, loss=SUM) == "pass"
    assert verdict_of(mean_loss, loss=SUM) == "fail"
    assert verdict_of(total, loss=MEAN) == "fail"


# ------------------------------------------------------------------------------------- what a gradient may look like
def _parts(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    r = 2 * (a * x - y + b)
    return (r * x).mean(), r.mean()


RETURNED: dict[str, Callable[[tuple[Any, Any]], Any]] = {
    "tuple": lambda parts: parts,
    "list": list,
    "mapping": lambda parts: {"b": parts[1], "a": parts[0]},
    "more names": lambda parts: {"b": parts[1], "a": parts[0], "loss": None},
    "stacked": lambda parts: torch.stack(parts),
    "of shape (1,)": lambda parts: [part.reshape(1) for part in parts],
    "numbers": lambda parts: tuple(float(part) for part in parts),
    "array": lambda parts: np.array([float(part) for part in parts]),
    "array scalars": lambda parts: [np.float64(float(part)) for part in parts],
}


@pytest.mark.parametrize("shape", RETURNED)
def test_what_a_gradient_may_look_like(shape: str) -> None:
    assert verdict_of(lambda a, b, x, y: RETURNED[shape](_parts(a, b, x, y)), kind="gradient") == "pass"
    wrong = lambda a, b, x, y: RETURNED[shape](_parts(a * 1.01, b, x, y))  # noqa: E731  # beside its right twin
    assert verdict_of(wrong, kind="gradient") == "fail"


@pytest.mark.parametrize("wrap", [lambda g: g, lambda g: (g,), lambda g: {"b": g}, float])
def test_the_gradient_by_one_symbol(wrap: Callable[[Any], Any]) -> None:
    right = lambda a, b, x, y: wrap(_parts(a, b, x, y)[1])  # noqa: E731  # beside its wrong twin
    wrong = lambda a, b, x, y: wrap(_parts(a, b, x, y)[0])  # noqa: E731  # beside its right twin
    assert verdict_of(right, kind="gradient", wrt="b") == "pass"
    assert verdict_of(wrong, kind="gradient", wrt="b") == "fail"


# ---------------------------------------------------------------------------------------------------- arguments
class Holder:
    """A function in several disguises."""

    def method(self, a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return mean_loss(a, b, x, y)

    @classmethod
    def of_class(cls, a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return mean_loss(a, b, x, y)

    @staticmethod
    def static(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return mean_loss(a, b, x, y)

    def __call__(self, a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return mean_loss(a, b, x, y)


def scaled(scale: float, a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return scale * mean_loss(a, b, x, y)


BOUND: dict[str, Any] = {
    "by name": lambda y, b, x, a: mean_loss(a, b, x, y),
    "by order": lambda slope, offset, abscissa, ordinate: mean_loss(slope, offset, abscissa, ordinate),
    "variadic": lambda *values: mean_loss(*values),
    "defaults": lambda a, b, x, y, power=2: (torch.abs(a * x - y + b) ** power).mean(),
    "keywords": lambda a, b, x, y, *, power=2: (torch.abs(a * x - y + b) ** power).mean(),
    "partial": functools.partial(scaled, 1.0),
    "keyword partial": functools.partial(scaled, scale=1.0),
    "method": Holder().method,
    "class method": Holder.of_class,
    "static method": Holder.static,
    "instance": Holder(),
    "only keywords": lambda *, a, b, x, y: mean_loss(a, b, x, y),
    "name and keywords": lambda a, b, *, x, y: mean_loss(a, b, x, y),
}


@pytest.mark.parametrize("binding", BOUND)
def test_arguments_are_bound(binding: str) -> None:
    assert verdict_of(BOUND[binding]) == "pass"


def test_a_subset_of_the_names_is_enough() -> None:
    loss = dx.Loss("(a*x)**2 + 0.5*b", parameters="a, b", data="x", reduction="sum")
    only_b = lambda b: (b * 0 + 2.0,)  # noqa: E731  # of the partial that needs no more
    report = dx.verify(only_b, loss, {"x": [1.0, 2.0, 3.0, 4.0]}, AT, kind="gradient", wrt="b")
    assert report.verdict == "pass"


def test_a_module_takes_what_it_does_not_own() -> None:
    class Half(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.b = torch.nn.Parameter(torch.zeros((), dtype=torch.float64))

        def forward(self, y: Tensor, x: Tensor, a: Tensor) -> Tensor:
            return mean_loss(a, self.b, x, y)

    assert verdict_of(Half()) == "pass"


# ------------------------------------------------------------------------------------------------- .grad of tensors
def _leaves(dtype: torch.dtype, *, backward: int = 1) -> dict[str, Tensor]:
    tensors = {name: torch.tensor(value, dtype=dtype) for name, value in (AT | DATA).items()}
    leaves = {name: tensors[name].requires_grad_() for name in ("a", "b")}
    for _ in range(backward):
        mean_loss(**tensors).backward()
    return leaves


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_grad_of_tensors(dtype: str) -> None:
    torch_dtype = getattr(torch, dtype)
    assert dx.verify(_leaves(torch_dtype), MEAN, DATA, AT, dtype=dtype).verdict == "pass"
    assert dx.verify(_leaves(torch_dtype, backward=2), MEAN, DATA, AT, dtype=dtype).verdict == "fail"


def test_tensors_hold_the_point_too() -> None:
    report = dx.verify(_leaves(torch.float64), MEAN, DATA)
    assert report.verdict == "pass"
    assert {row.point["a"] for row in report.rows} == {AT["a"]}


# ---------------------------------------------------------------------------------------- torch's own detours
def by_checkpoint(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return checkpoint(mean_loss, a, b, x, y, use_reentrant=False)


def by_hook(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
    r = a * x - y + b
    r.register_hook(lambda upstream: upstream * 1.0)
    return (r**2).mean()


def by_transform(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Any:
    return torch.func.grad(mean_loss, argnums=(0, 1))(a, b, x, y)


def by_sample(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Any:
    each = torch.func.vmap(torch.func.grad(outputs, argnums=(0, 1)), in_dims=(None, None, 0, 0))(a, b, x, y)
    return tuple(partials.mean() for partials in each)


def by_own_leaves(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Any:
    leaves = a.detach().requires_grad_(), b.detach().requires_grad_()
    return torch.autograd.grad(mean_loss(*leaves, x, y), leaves)


DETOURS = [
    (by_checkpoint, "loss"), (by_hook, "loss"), (by_transform, "gradient"), (by_sample, "gradient"),
    (by_own_leaves, "gradient"),
]  # fmt: skip


@pytest.mark.parametrize(("candidate", "kind"), DETOURS)
def test_detours_of_torch(candidate: Any, kind: str) -> None:
    assert verdict_of(candidate, kind=kind) == "pass"
    assert verdict_of(lambda a, b, x, y: candidate(a * 1.001, b, x, y), kind=kind) == "fail"

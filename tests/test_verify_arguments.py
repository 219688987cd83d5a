"""What a gradient may look like, how arguments are bound, and detours through torch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from candidate_kinds import AT, DATA, MEAN, mean_loss, outputs
from representatives import one_in
from torch.utils.checkpoint import checkpoint

import diffexplore as dx

Tensor = torch.Tensor


def verdict_of(candidate: Any, **options: Any) -> str:
    loss = options.pop("loss", MEAN)
    return dx.verify(candidate, loss, DATA, AT, **options).verdict


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
    "array of another byte order": lambda parts: np.array([float(part) for part in parts], ">f8"),
    "negated lazily": lambda parts: [_negated(np.array([float(part)]))[0] for part in parts],
    "reversed arrays": lambda parts: [np.array([float(part), 1])[1::-1][1:] for part in parts],
}


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize("shape", one_in(4, RETURNED))
def test_what_a_gradient_may_look_like(shape: str) -> None:
    assert verdict_of(lambda a, b, x, y: RETURNED[shape](_parts(a, b, x, y)), kind="gradient") == "pass"
    wrong = lambda a, b, x, y: RETURNED[shape](_parts(a * 1.01, b, x, y))  # noqa: E731  # beside its right twin
    assert verdict_of(wrong, kind="gradient") == "fail"


def _negated(numbers: np.ndarray) -> Tensor:
    """Numbers that torch keeps with the opposite sign."""
    return torch.complex(torch.zeros(len(numbers)).double(), -torch.from_numpy(numbers)).conj().imag


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize("sign", [torch.sgn, torch.sign])
def test_zeros_that_torch_keeps_nowhere(sign: Callable[[Tensor], Tensor]) -> None:
    """The derivative of sgn is a tensor without memory."""
    loss = dx.Loss("sign(x - a)*b", parameters="a, b", data="x")
    data, at = {"x": [1.0, 3.0, 4.5]}, {"a": 2.0, "b": 0.5}
    report = dx.verify(lambda a, b, x: (sign(x - a) * b).mean(), loss, data, at, wrt=["a", "b", "x"])
    assert report.verdict == "pass"
    wrong = dx.verify(
        lambda a, b, x: (sign(x - a) * b).mean(),
        dx.Loss("sign(x - a)*b + x", parameters="a, b", data="x"),
        data,
        at,
        wrt="x",
    )
    assert wrong.verdict == "fail"


@pytest.mark.parametrize("change", [lambda v: v[::-1].copy()[::-1], lambda v: v.astype(">f8"), _negated, list])
def test_what_an_upstream_gradient_may_look_like(change: Callable[[Any], Any]) -> None:
    loss = dx.Loss("a*x", parameters="a", data="x", reduction="sum")
    given = change(np.array([2.0, -1.0, 0.5]))
    report = dx.verify(lambda a, x: a * x, loss, {"x": [1.0, 2.0, 3.0]}, {"a": 2.0}, upstream=given)
    (truth,) = {float(row.truth.mid) for row in report.rows if row.parameter == "a" and row.probe is None}
    assert report.verdict == "pass" and truth == 1.5  # 2 · 1 − 1 · 2 + 0.5 · 3


@pytest.mark.usefixtures("causes_unsought")
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


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize(("candidate", "kind"), one_in(2, DETOURS))
def test_detours_of_torch(candidate: Any, kind: str) -> None:
    assert verdict_of(candidate, kind=kind) == "pass"
    assert verdict_of(lambda a, b, x, y: candidate(a * 1.001, b, x, y), kind=kind) == "fail"

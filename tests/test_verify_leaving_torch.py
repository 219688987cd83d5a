"""Numbers that leave torch on their way to a gradient: they are seen leaving, and never raise a false alarm."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from representatives import each_value
from torch.utils._python_dispatch import _disable_current_modes

import diffexplore as dx
from diffexplore.torch_code.escapes import Escapes
from diffexplore.torch_code.leaving_torch import CandidateWatch

Tensor = torch.Tensor
LINE = dx.Loss("(a*x - y + b)**2", parameters="a, b", data="x, y")
RELU = dx.Loss("Max(a*x - b, 0)**2", parameters="a, b", data="x", reduction="sum")
DTYPES = ("float64", "float32", "bfloat16")

#: By each of these a number leaves torch; True where bfloat16 can take it too.
WAYS: dict[str, tuple[Callable[[Tensor], Any], bool]] = {
    "item": (lambda t: t.item(), True),
    "float": (lambda t: float(t), True),
    "int": (lambda t: int(t), True),
    "index": (lambda t: [0, 1, 2, 3][t.to(torch.int64)], True),
    "tolist": (lambda t: t.tolist(), True),
    "math": (lambda t: math.exp(t), True),
    "data_ptr": (lambda t: t.data_ptr(), True),
    "storage": (lambda t: t.untyped_storage(), True),
    "tensor": (lambda t: torch.tensor([t, t]), True),
    "equal": (lambda t: torch.equal(t, t + 1), True),
    "numpy": (lambda t: t.detach().numpy(), False),
    "force": (lambda t: t.numpy(force=True), False),
    "asarray": (lambda t: np.asarray(t.detach()), False),
    "ufunc": (lambda t: np.exp(t.detach()), False),
    "dlpack": (lambda t: np.from_dlpack(t.detach()), False),
}

#: None of these lets out a number that could come back, or a choice that rounding could have turned.
NOT_DOORS: dict[str, Callable[[Tensor], Any]] = {
    "print": lambda t: f"{t} {t:.3f} {t!r}",
    "decided": lambda t: bool(t > 0),
    "nan": lambda t: bool(torch.isnan(t)),
    "shape": lambda t: t.reshape(1).shape[0],
    "arithmetic": lambda t: t * 2 + t.exp(),
}


class Passes(torch.autograd.Function):
    """Twice its input; ``use`` is called in one of the directions."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, use: Callable[[Tensor], Any], where: str) -> Tensor:
        ctx.use, ctx.where = use, where
        if where == "forward":
            use(x)
        return x * 2

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Any:
        if ctx.where == "backward":
            ctx.use(upstream)
        return upstream * 2, None, None


def seen_while(use: Callable[[Tensor], Any], where: str, dtype: torch.dtype, start: str = "grad") -> set[str]:
    """The ways out of torch that were noted while ``use`` was called on a tensor with a rounding error behind it."""
    with Escapes() as escapes, CandidateWatch(expected=dtype) as watch:
        x = torch.tensor(1.3, dtype=dtype).requires_grad_()
        y = Passes.apply(x * 1.1, use, where) * (x * 1.1)  # so is the upstream gradient
        if start == "grad":
            torch.autograd.grad(y, x)
        elif start == "backward":
            torch.autograd.backward(y)
        else:
            y.backward()
    return escapes.seen | watch.leaving


@pytest.mark.parametrize("where", ["forward", "backward"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_a_way_out_of_torch_is_seen_in_both_directions(way: str, where: str, dtype: torch.dtype) -> None:
    use, takes_bfloat16 = WAYS[way]
    if dtype == torch.bfloat16 and not takes_bfloat16:
        with pytest.raises((TypeError, RuntimeError, BufferError)):  # what NumPy says depends on its version
            seen_while(use, where, dtype)
    else:
        assert seen_while(use, where, dtype)


@pytest.mark.parametrize("start", ["grad", "backward", "method"])
def test_a_door_is_seen_however_the_backward_pass_is_started(start: str) -> None:
    assert seen_while(lambda t: t.numpy(), "backward", torch.float64, start) == {"numpy"}


@pytest.mark.parametrize("where", ["forward", "backward"])
@pytest.mark.parametrize("use", NOT_DOORS)
def test_what_is_no_door_is_not_noted(use: str, where: str) -> None:
    assert seen_while(NOT_DOORS[use], where, torch.float64) == set()


#: By each of these methods of a tensor, or functions of a list of tensors, numbers leave torch unseen.
METHODS: dict[str, Callable[[Tensor], Any]] = {
    "numpy": lambda t: t.numpy(), "tolist": lambda t: t.tolist(), "item": lambda t: t.item(),
    "data_ptr": lambda t: t.data_ptr(), "storage": lambda t: t.storage(), "untyped_storage": lambda t: t.untyped_storage(),
    "share_memory_": lambda t: t.share_memory_(),
    "apply_": lambda t: t.apply_(abs), "map_": lambda t: t.map_(t, lambda x, y: x), "__array__": lambda t: t.__array__(),
    "__float__": float, "__int__": int, "__index__": lambda t: [0, 1, 2][t.long()], "__complex__": complex,
    "__dlpack__": lambda t: t.__dlpack__(), "__deepcopy__": copy.deepcopy,
    "tensor": lambda t: torch.tensor([t, t]), "as_tensor": lambda t: torch.as_tensor([t, t]),
    "asarray": lambda t: torch.asarray([t, t]), "new_tensor": lambda t: t.new_tensor([t, t]),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
@pytest.mark.parametrize("name", METHODS)
def test_each_method_by_which_numbers_leave_torch_is_noted(name: str) -> None:
    with Escapes() as escapes:
        METHODS[name](torch.tensor(1.25))
    assert name in escapes.seen


UNDECIDED: dict[str, Callable[[Tensor], Any]] = {
    "if": lambda t: 1 if t[0] > 0 else 0,
    "any": lambda t: bool((t > 0).any()),
    "count": lambda t: int((t > 0).sum()),
    "mask": lambda t: t[t > 0],
    "assigned": lambda t: t.clone().index_put_((t > 0,), torch.zeros((), dtype=t.dtype)),
    "nonzero": lambda t: torch.nonzero(t > 0),
    "argmax": lambda t: torch.stack([t, -t]).flatten()[torch.stack([t, -t]).flatten().argmax()],
    "gather": lambda t: t.gather(0, t.argmin(0, keepdim=True)),
}


@pytest.mark.parametrize("choice", UNDECIDED)
def test_a_choice_that_hangs_on_rounding_is_a_door(choice: str) -> None:
    with CandidateWatch() as watch:
        x = torch.tensor([1.1, 2.3], dtype=torch.float64)
        UNDECIDED[choice](x * 3.3 - 3.3 * x)  # 0 up to rounding
    assert watch.leaving | watch.unwatched


@pytest.mark.parametrize("choice", ["if", "any", "count", "mask"])
def test_a_choice_that_is_decided_is_no_door(choice: str) -> None:
    x = torch.tensor([1.1], dtype=torch.float64)
    with CandidateWatch() as watch:
        UNDECIDED[choice](x * 3.3 + 1)
    assert not watch.leaving


# --------------------------------------------------------------------------------- right candidates never fail
def by_item(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Any:
    r = a.item() * x - y + b.item()
    return 2 * (r * x).mean(), 2 * r.mean()


def by_list(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Any:
    rows = list(zip(x.tolist(), y.tolist(), strict=True))
    residuals = [float(a) * u - v + float(b) for u, v in rows]
    pairs = zip(residuals, rows, strict=True)
    return 2 * sum(r * u for r, (u, _) in pairs) / len(rows), 2 * sum(residuals) / len(rows)


def by_scalars(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Any:
    r = a * x - y + b
    return torch.tensor([2 * (r * x).mean(), 2 * r.mean()], dtype=x.dtype)


def by_assignment(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Any:
    r, gradient = a * x - y + b, torch.empty(2, dtype=x.dtype)
    gradient[0] = 2 * (r * x).mean()
    gradient[1] = 2 * r.mean()
    return gradient


def by_array(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Any:
    u, v = np.asarray(x), y.numpy()
    r = float(a) * u - v + float(b)
    return torch.from_numpy(np.asarray(2 * (r * u).mean())), (2 * r).mean()


class Residual(torch.autograd.Function):
    """a x - y + b, its backward by numbers that leave torch."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return a * x - y + b

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Any:
        (x,) = ctx.saved_tensors
        pairs = list(zip(upstream.tolist(), x.tolist(), strict=True))
        total = sum(u * v for u, v in pairs)
        return torch.tensor(total, dtype=x.dtype), torch.tensor(sum(u for u, _ in pairs), dtype=x.dtype), None, None


def by_function(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return (Residual.apply(a, b, x, y) ** 2).mean()


RIGHT = {
    "item": (by_item, "gradient"), "list": (by_list, "gradient"), "scalars": (by_scalars, "gradient"),
    "assignment": (by_assignment, "gradient"), "array": (by_array, "gradient"), "function": (by_function, "loss"),
}  # fmt: skip

numbers = st.floats(-4, 4, allow_subnormal=False).map(lambda value: round(value, 3))


@pytest.mark.parametrize(("way", "dtype"), each_value(list(RIGHT), DTYPES))
@given(a=numbers, b=numbers, rows=st.lists(st.tuples(numbers, numbers), min_size=1, max_size=5))
@settings(max_examples=2)
def test_a_right_gradient_through_a_door_never_fails(
    way: str, dtype: str, a: float, b: float, rows: list[tuple[float, float]]
) -> None:
    candidate, kind = RIGHT[way]
    if way == "array" and dtype == "bfloat16":
        return
    data = {"x": [x for x, _ in rows], "y": [y for _, y in rows]}
    report = dx.verify(candidate, LINE, data, {"a": a, "b": b}, kind=kind, dtype=dtype)
    assert report.verdict != "fail", [row for row in report.rows if row.verdict == "fail"]


def by_branches(a: Tensor, b: Tensor, x: Tensor) -> Tensor:
    total = x.new_zeros(())
    for u in x:
        z = a * u - b
        if z > 0:
            total = total + z * z
    return total


def by_mask(a: Tensor, b: Tensor, x: Tensor) -> Tensor:
    z = a * x - b
    return (z[z > 0] ** 2).sum()


@pytest.mark.parametrize(("candidate", "dtype"), each_value([by_branches, by_mask], DTYPES))
@given(a=numbers, b=numbers, x=st.lists(numbers, min_size=1, max_size=4), tie=st.booleans())
@settings(max_examples=2)
def test_a_right_branch_never_fails(
    candidate: Callable[..., Tensor], dtype: str, a: float, b: float, x: list[float], tie: bool
) -> None:
    point = {"a": a, "b": a * x[0] if tie else b}
    report = dx.verify(candidate, RELU, {"x": x}, point, dtype=dtype)
    assert report.verdict != "fail", [row for row in report.rows if row.verdict == "fail"]


@pytest.mark.parametrize("way", RIGHT)
def test_a_right_gradient_through_a_door_is_decided(way: str) -> None:
    candidate, kind = RIGHT[way]
    data, point = {"x": [0.5, 1.5, 2.0], "y": [1.0, 2.0, 2.5]}, {"a": 1.3, "b": 0.7}
    assert dx.verify(candidate, LINE, data, point, kind=kind).verdict == "pass"


def test_memory_that_other_code_writes_to_is_a_door() -> None:
    with CandidateWatch() as watch:
        out = torch.empty(2, dtype=torch.float64)
        with _disable_current_modes():  # as a kernel would, which torch does not see
            out.copy_(torch.tensor([1.1, 2.2], dtype=torch.float64))
        out * 2
    assert watch.leaving


@pytest.mark.parametrize("write", [lambda t: t.fill_(0.5), lambda t: t.copy_(torch.ones(2)), lambda t: t.zero_()])
def test_memory_that_torch_writes_to_is_no_door(write: Callable[[Tensor], Tensor]) -> None:
    with CandidateWatch() as watch:
        write(torch.empty(2, dtype=torch.float64)) * 2
    assert not watch.leaving


def test_a_wrong_gradient_through_a_door_fails() -> None:
    def wrong(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Any:
        right = by_item(a, b, x, y)
        return right[0] * 1.001, right[1]

    data, point = {"x": [0.5, 1.5, 2.0], "y": [1.0, 2.0, 2.5]}, {"a": 1.3, "b": 0.7}
    assert dx.verify(wrong, LINE, data, point, kind="gradient").verdict == "fail"
    assert dx.verify(by_item, LINE, data, point, kind="gradient").verdict == "pass"


def test_a_tensor_of_the_closure_is_an_exact_constant() -> None:
    tenth = torch.tensor(0.5, dtype=torch.float64)
    loss = dx.Loss("(a*x)**2/2", parameters="a", data="x")
    data, point = {"x": [0.5, 1.5]}, {"a": 1.3}
    assert dx.verify(lambda a, x: ((a * x) ** 2 * tenth).mean(), loss, data, point).verdict == "pass"

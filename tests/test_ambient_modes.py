"""What surrounds a call does not change its answer: torch's modes and defaults, and SymPy's."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy
import torch

import diffexplore as dx

DATA = {"x": [0.0, 1.0, 2.0], "y": [1.0, 2.0, 4.0]}
AT = {"a": 0.5, "b": 0.25}
FORMULA = "(a*x + b - y)**2 + exp(-a)"


class Scaled(torch.autograd.Function):
    """tanh(x)·w, where w is repeated over the rows of x."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x, w)
        return torch.tanh(x) * w

    @staticmethod
    def backward(ctx: Any, upstream: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x, w = ctx.saved_tensors
        slope = torch.tanh(x)
        return upstream * w * (1 - slope * slope), (upstream * slope).sum(0)


X = torch.linspace(-1, 1, 6, dtype=torch.float64).reshape(2, 3).requires_grad_()
W = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64, requires_grad=True)


def _loss() -> dx.Loss:
    return dx.Loss(FORMULA, parameters="a, b", data="x, y")


def _softplus(a: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.softplus(a * x).mean()


def _by_hand(a: Any, b: Any, x: Any, y: Any) -> dict[str, Any]:
    residual = a * x + b - y
    return {"a": (2 * residual * x).mean() - np.exp(-a), "b": (2 * residual).mean()}


def _kernels() -> list[str]:
    loss = dx.Loss("(a*x + b - y)**2 * exp(-a)", parameters="a, b", data="x, y")
    return [str(loss.compile(backend=name, hessian=True)(AT, DATA)) for name in ("statistics", "blocked", "eager")]


CALLS: dict[str, Callable[[], Any]] = {
    "check": lambda: dx.check(_loss(), DATA, AT, methods=["symbolic", "reverse", "forward", "vmap", "complex_step"]),
    "check of a torch function": lambda: dx.check(
        dx.Loss.from_torch(_softplus, parameters="a", data="x"), {"x": DATA["x"]}, {"a": 0.5}, methods=["reverse"]
    ),
    "gradcheck": lambda: dx.gradcheck(Scaled.apply, (X, W)),
    "gradgradcheck": lambda: dx.gradgradcheck(Scaled.apply, (X, W)),
    "verify": lambda: dx.verify(_by_hand, _loss(), DATA, AT, kind="gradient"),
    "prove": lambda: dx.prove(_softplus, parameters="a", data="x"),
    "fit": lambda: dx.fit(_loss(), DATA, AT, steps=3, methods=["reverse"]),
    "graph": lambda: dx.graph("log(1 + exp(a*x))"),
    "derive": lambda: str(dx.Loss("log(cosh(a*x + b))", parameters="a, b", data="x").hessian()),
    "kernels": _kernels,
}


@contextmanager
def _default_dtype(dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


MODES: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "detect_anomaly": lambda: torch.autograd.set_detect_anomaly(True),
    "saved_tensors_hooks": lambda: torch.autograd.graph.save_on_cpu(),
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "default device": lambda: torch.device("meta"),
    "default dtype": lambda: _default_dtype(torch.float64),
    "NumPy's errors": lambda: np.errstate(all="raise"),
    "SymPy's evaluate": lambda: sympy.evaluate(False),
}


def _answer(call: str) -> str:
    found = CALLS[call]()
    return json.dumps(found.to_dict() if hasattr(found, "to_dict") else found, default=str)


_plain = cache(_answer)


@pytest.mark.parametrize("call", CALLS)
def test_all_modes_together_change_no_answer(call: str) -> None:
    expected = _plain(call)
    with ExitStack() as stack:
        for mode in MODES.values():
            stack.enter_context(mode())
        assert _answer(call) == expected


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("call", CALLS)
def test_a_mode_changes_no_answer(call: str, mode: str) -> None:
    expected = _plain(call)
    with MODES[mode]():
        assert _answer(call) == expected


def test_modes_are_as_before_when_the_call_ends() -> None:
    hooks = torch.autograd.graph.saved_tensors_hooks(lambda saved: saved, lambda kept: kept)
    with torch.no_grad(), torch.device("meta"), hooks, sympy.evaluate(False), torch.autocast("cpu"):
        dx.check(_loss(), DATA, AT, methods=["symbolic"])
        assert torch.get_default_device().type == "meta"
        assert not torch.is_grad_enabled()
        assert torch.is_autocast_enabled("cpu")
        assert torch._C._autograd._top_saved_tensors_default_hooks(True) is not None
        assert sympy.Add(1, 1).args == (1, 1)
    assert torch.get_default_device().type == "cpu"
    assert torch._C._autograd._top_saved_tensors_default_hooks(True) is None


@pytest.mark.parametrize("call", ["check", "gradcheck", "verify", "prove"])
def test_a_check_within_forward_mode_is_refused(call: str) -> None:
    with (
        torch.autograd.forward_ad.dual_level(),
        pytest.raises(dx.UsageError, match=r"outside of forward_ad\.dual_level"),
    ):
        CALLS[call]()


#: What makes a tensor on the default device, and in the default dtype where no other is said.
CREATES = {"empty", "eye", "full", "linspace", "ones", "rand", "randn", "zeros"}
CREATES_LIKE_ITS_NUMBERS = {"arange", "scalar_tensor", "tensor"}

#: The rooms that run below somebody's function, with their default device and dtype.
BELOW_THEIRS = ("arithmetic", "bounds", "tensors", "torch_code", "torch_ops", "torch_private", "tracing")


@pytest.mark.parametrize("room", BELOW_THEIRS)
def test_new_tensors_do_not_depend_on_defaults(room: str) -> None:
    """Somebody's default device and dtype are those of their function, not of what checks it."""
    found = []
    for path in sorted((Path(dx.__file__).parent / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("torch."):
                name = ast.unparse(node.func).removeprefix("torch.")
                stated = {keyword.arg for keyword in node.keywords}
                missing = {"device"} - stated if name in CREATES | CREATES_LIKE_ITS_NUMBERS else set()
                missing |= {"dtype"} - stated if name in CREATES else set()
                found += [f"{path.name}:{node.lineno} {ast.unparse(node)}: no {one}" for one in missing]
    assert found == []

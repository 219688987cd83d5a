"""The claims about rounding hold on this build, and a build on which one does not is found out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from matrix import DTYPES
from representatives import each_value
from torch.utils._python_dispatch import TorchDispatchMode

from diffexplore import Loss, check
from diffexplore.bounds import canary, claims, trials
from diffexplore.bounds.canary import broken_claims
from diffexplore.functions import FUNCTIONS
from diffexplore.functions import OPERATIONS as RECORDS
from diffexplore.functions.rounding import Claim

CPU = torch.device("cpu")
DERIVED_BY = {name: one.derivative_uses for name, one in RECORDS.items() if one.derivative_uses}
CLAIMED = {name: one.ulps for name, one in claims.CLAIMS.items() if isinstance(one, Claim)}
EVERY_FUNCTION = (*(name for name in RECORDS if canary._intervals(name)), *trials.TRIALS)

#: Operations of programs that take two operands, and those that have no derivative of their own.
OF_TWO = ("add", "sub", "mul", "div", "pow", "max", "min", "atan2")
WITHOUT_DERIVATIVE = "heaviside full_like where lt le gt ge eq ne and or not".split()


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    """Nothing that another test found out is remembered, before or after."""
    caches: list[Any] = [canary._broken_basics, canary._broken_function, canary._broken_kernel, canary._broken_sums]
    for remembered in caches:
        remembered.cache_clear()
    yield
    for remembered in caches:
        remembered.cache_clear()


@pytest.mark.parametrize(("library", "dtype"), each_value(["torch", "numpy"], DTYPES))
def test_all_claims_hold_here(dtype: str, library: str) -> None:
    if library == "numpy" and dtype == "bfloat16":
        pytest.skip("NumPy has no bfloat16")
    assert broken_claims(getattr(torch, dtype), CPU, EVERY_FUNCTION, library=library) == ()


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", DTYPES)
def test_all_claims_hold_on_the_gpu(dtype: str) -> None:
    assert broken_claims(getattr(torch, dtype), torch.device("cuda"), EVERY_FUNCTION) == ()


@pytest.mark.parametrize("name", ["sin", "exp", "sqrt", "lgamma", "softplus"])
def test_an_inaccurate_function_is_found(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    honest: Callable[..., torch.Tensor] = canary.TORCH[name]
    monkeypatch.setitem(canary.TORCH, name, lambda x: honest(x) * (1 + 64 * 2.0**-52))
    (line,) = broken_claims(torch.float64, CPU, [name, "cos"])
    assert line.startswith(f"torch's {name} is off by more than ")


def test_an_inaccurate_numpy_function_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    honest: Callable[..., Any] = canary.NUMPY["cos"]
    monkeypatch.setitem(canary.NUMPY, "cos", lambda x: honest(x) + np.float32(1e-5))
    assert broken_claims(torch.float32, CPU, ["cos"], library="numpy") == ("numpy's cos is off by more than 4 ulp",)
    assert broken_claims(torch.float32, CPU, ["cos"]) == ()


def test_every_claim_is_tried() -> None:
    """As the functions themselves, as the libraries' gamma, or as powers and polygamma in some dtypes."""
    tried = {canary._claimed_as(name) for name in EVERY_FUNCTION}
    assert tried | {"pow_multiplied", "trigamma"} == set(CLAIMED)


def one_sixteenth_off(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """More than is claimed of any kernel, but for float64's trigamma's; a power of two is multiplied exactly."""
    return lambda *operands: kernel(*operands) * (1 + 2.0**-4)


@pytest.mark.parametrize(("name", "dtype"), each_value(list(trials.TRIALS), DTYPES))
def test_an_inaccurate_kernel_is_found(monkeypatch: pytest.MonkeyPatch, name: str, dtype: str) -> None:
    honest = trials.TRIALS[name]
    monkeypatch.setitem(trials.TRIALS, name, replace(honest, kernel=one_sixteenth_off(honest.kernel)))
    (line,) = broken_claims(getattr(torch, dtype), CPU, [name, "add"])
    assert line == f"torch's {name} is off by more than {CLAIMED[canary._claimed_as(name)]} ulp"


@pytest.mark.parametrize("name", trials.TRIALS)
def test_each_set_of_operands_finds_a_few_ulps(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """An error of eight times the claim at one set of operands alone, such as one exponent of a power."""
    honest = trials.TRIALS[name]
    off = 1 + 8 * CLAIMED[canary._claimed_as(name)] * 2.0**-23
    for operands in honest.operands():
        wrong = replace(honest, kernel=lambda *x: honest.kernel(*x) * off, operands=lambda one=operands: (one,))
        monkeypatch.setitem(trials.TRIALS, name, wrong)
        canary._broken_kernel.cache_clear()
        assert len(broken_claims(torch.float32, CPU, [name])) == 1, operands


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_kernel_that_leaves_the_numbers_is_found(monkeypatch: pytest.MonkeyPatch, wrong: float) -> None:
    monkeypatch.setitem(trials.TRIALS, "rsqrt", replace(trials.TRIALS["rsqrt"], kernel=lambda x: x * wrong))
    assert len(broken_claims(torch.float32, CPU, ["rsqrt"])) == 1


@pytest.mark.parametrize("name", ["pow", "atan2"])
def test_an_inaccurate_numpy_kernel_is_found(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    honest: Callable[..., Any] = canary.NUMPY[name]
    monkeypatch.setitem(canary.NUMPY, name, lambda x, y: honest(x, y) * np.float32(1 + 2.0**-16))
    (line,) = broken_claims(torch.float32, CPU, [name], library="numpy")
    assert line == f"numpy's {name} is off by more than 4 ulp"
    assert broken_claims(torch.float32, CPU, [name]) == ()


@pytest.mark.parametrize("operation", DERIVED_BY)
def test_what_a_derivative_needs_is_tried_with_it(monkeypatch: pytest.MonkeyPatch, operation: str) -> None:
    """All of the kernels of its derivative are spoiled, and each of them is named, of torch alone."""
    for kernel in DERIVED_BY[operation]:
        if kernel in trials.TRIALS:
            honest = trials.TRIALS[kernel]
            monkeypatch.setitem(trials.TRIALS, kernel, replace(honest, kernel=one_sixteenth_off(honest.kernel)))
        else:
            monkeypatch.setitem(canary.TORCH, kernel, one_sixteenth_off(canary.TORCH[kernel]))
    named = [line.split(" is off")[0] for line in broken_claims(torch.float32, CPU, [operation])]
    assert sorted(named) == sorted(f"torch's {kernel}" for kernel in DERIVED_BY[operation])
    assert broken_claims(torch.float32, CPU, [operation], library="numpy") == ()


class Recorder(TorchDispatchMode):
    """Keeps the names of the ATen operations that are run."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.add(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


def functions_of_one(name: str) -> list[Callable[..., torch.Tensor]]:
    """An operation of a program as functions of one tensor: with a number on either side, or a tensor on both."""
    operation = canary.TORCH[name]
    if name not in OF_TWO:
        entry = FUNCTIONS.get(name)
        orders, others = (entry.orders, entry.least + len(entry.optional) - entry.orders - 1) if entry else (0, 0)
        return [lambda x: operation(*[2] * orders, *[1.25 * x] * others, x)]
    return [
        lambda x: operation(x, 1.25 * x), lambda x: operation(x, 0.3), lambda x: operation(x, 3),
        lambda x: operation(0.3, x), lambda x: operation(2, x),
    ]  # fmt: skip


@pytest.mark.parametrize("name", [name for name in canary.TORCH if name not in WITHOUT_DERIVATIVE])
def test_no_kernel_behind_a_derivative_is_forgotten(name: str) -> None:
    """The operations that torch runs to differentiate, as this build does it, are tried if a claim is made of them."""
    recorder = Recorder()
    with recorder:
        for function in functions_of_one(name):
            x = torch.full((3,), 1.5 if name == "acosh" else 0.5, dtype=torch.float64)
            leaf = x.clone().requires_grad_()
            torch.autograd.grad(function(leaf).sum(), leaf)
            torch.func.jvp(function, (x,), (torch.ones_like(x),))
            torch.func.vmap(torch.func.grad(lambda x, f=function: f(x).sum()))(x)
    claimed = recorder.names & set(CLAIMED)
    own = {canary._claimed_as(part) for part in canary._kernels(name, "torch")}
    assert claimed - own <= {canary._claimed_as(used) for used in DERIVED_BY.get(name, ())}


def test_a_function_that_is_not_used_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(canary.TORCH, "sin", lambda x: x)
    assert broken_claims(torch.float64, CPU, ["exp", "add"]) == ()


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div"])
def test_arithmetic_that_is_not_rounded_to_nearest_is_found(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    honest: Callable[..., torch.Tensor] = canary.TORCH[name]
    monkeypatch.setitem(canary.TORCH, name, lambda x, y: torch.nextafter(honest(x, y), torch.full_like(x, torch.inf)))
    assert broken_claims(torch.float32, CPU, []) == (f"{name} is not rounded to nearest",)


def test_flushing_to_zero_is_found() -> None:
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor cannot flush subnormal numbers to zero")
    try:
        broken = broken_claims(torch.float32, CPU, [])
    finally:
        torch.set_flush_denormal(False)
    assert "subnormal numbers are flushed to zero" in broken


def test_a_sum_that_loses_more_than_is_claimed_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canary, "summation_depth", lambda n: 1)
    assert broken_claims(torch.float64, CPU, []) == ("a sum of 100 values loses more than its depth allows",)


def test_the_depth_of_sums_is_less_than_their_length() -> None:
    depths = [claims.summation_depth(n) for n in (0, 1, 2, 10, 100, 10_000, 10**6, 10**9)]
    assert depths[:4] == [0, 0, 1, 9]
    assert depths == sorted(depths)
    assert depths[-1] < 10**4


def test_a_broken_claim_lets_nothing_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that rest on it are refused, and the report says why."""
    monkeypatch.setitem(canary.TORCH, "sin", lambda x: x)
    loss = Loss("sin(a*x)", parameters="a", data="x")
    report = check(loss, {"x": [0.5, 1.5]}, {"a": 0.75}, methods=["reverse", "symbolic"])
    assert report.verdict == "inconclusive"
    assert report.summary.passed == 0
    assert set(report.summary.causes) == {"no_bound"}
    assert all(row.cause is not None and "torch's sin" in row.cause.message for row in report.rows)
    assert report.environment["rounding_claims"] == ["torch's sin is off by more than 4 ulp"]
    # NumPy's own sine is as good as before.
    numpy_only = check(loss, {"x": [0.5, 1.5]}, {"a": 0.75}, methods=["reverse", "numpy"])
    assert numpy_only.verdict == "pass"
    assert {row.verdict for row in numpy_only.rows if row.method == "numpy"} == {"pass"}


def test_where_all_hold_the_environment_says_so() -> None:
    report = check("perpendicular", {"x": [1.0], "y": [2.0]}, {"a": 1.0, "b": 0.5}, methods="reverse")
    assert report.environment["rounding_claims"] == "hold"
    assert report.environment["flush_to_zero"] is False

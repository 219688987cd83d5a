"""Constants of a loss are rounded to the dtype of a check, however torch is given them: as numbers or as tensors."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

import diffexplore as dx

Tensor = torch.Tensor

X = [-2.37, 0.0317, 0.21, 1.8155, 2.9899]

#: Of a and x. Mapped over samples, torch makes a tensor of a Python number before an operation is seen.
FUNCTIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "product": lambda a, x: (2.718281828 * (a * x)).sum(),
    "quotient": lambda a, x: (0.1 / (a * x + 3)).sum(),
    "choice": lambda a, x: (torch.where(x > 0, 0.1, 2.718281828) * a * x).sum(),
    "clamp": lambda a, x: (torch.clamp(x, 0.1, 2.7) * a).sum(),
    "tensor": lambda a, x: (torch.tensor(2.718281828, dtype=x.dtype) * a * x).sum(),
    "larger tensor": lambda a, x: (torch.maximum(x, torch.tensor(0.1, dtype=x.dtype)) * a).sum(),
}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_rounded_constants_are_no_errors(name: str, dtype: str) -> None:
    loss = dx.Loss.from_torch(FUNCTIONS[name], parameters="a", data="x")
    report = dx.check(loss, {"x": X}, {"a": 0.725}, methods=["vmap", "reverse"], dtype=dtype)
    assert not report.summary.failed


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_formula_s_constant_is_rounded_for_each_sample(dtype: str) -> None:
    loss = dx.Loss("2.7182818284590452*(a*x - y)", parameters="a", data="x, y")
    report = dx.check(loss, {"x": X, "y": X}, {"a": 0.5}, methods=["vmap"], dtype=dtype)
    assert not report.summary.failed
    assert all(row.bound for row in report.rows if row.sample is not None)


@pytest.mark.parametrize(("constant", "verdict"), [(0.1, "pass"), (0.1005, "fail")])
def test_a_candidate_s_constant_in_16_bits_is_the_rounding_of_what_is_close(constant: float, verdict: str) -> None:
    def gradient(a: Tensor, x: Tensor) -> dict[str, Tensor]:
        return {"a": (torch.tensor(constant, dtype=torch.float16) * x).mean()}

    loss = dx.Loss("0.1*a*x", parameters="a", data="x")
    report = dx.verify(gradient, loss, {"x": [1.0, 3.0]}, {"a": 0.5}, kind="gradient", dtype="float16")
    assert report.verdict == verdict


@pytest.mark.parametrize("constant", ["1e-5", "1e-6", "3e-7"])
def test_a_candidate_s_constant_below_the_normal_numbers_is_a_rounding(constant: str) -> None:
    def gradient(a: Tensor, x: Tensor) -> dict[str, Tensor]:
        return {"a": (torch.tensor(float(constant), dtype=torch.float16) * x).mean()}

    loss = dx.Loss(f"{constant}*a*x", parameters="a", data="x")
    report = dx.verify(gradient, loss, {"x": [2e4, 3e4]}, {"a": 0.5}, kind="gradient", dtype="float16")
    assert report.verdict == "pass"

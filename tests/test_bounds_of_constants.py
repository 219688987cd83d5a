"""Constants of a loss are rounded to the dtype of a check, however torch is given them: as numbers or as tensors."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest
import torch
from representatives import each_value

import diffexplore as dx
from diffexplore.bounds.watch import Watch

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


@pytest.mark.parametrize(
    ("name", "dtype"), each_value(list(FUNCTIONS), ["float16", "bfloat16", "float32", "float64"])
)  # fmt: skip
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


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize(
    "bounds",
    [(0, 0.75, 0.1), (0.1, 3), (1, 0, -0.3), (0.7,), (5,), (0, 2, 0.5), (3, -4, -2), (1e9, 1e9 + 2, 0.25), (0, 0)],
    ids=str,
)
def test_numbers_at_equal_distances(bounds: tuple[float, ...], dtype: torch.dtype) -> None:
    with Watch() as watch:
        out = torch.arange(*bounds, dtype=dtype)
    start, step = (Fraction(str(one)) for one in ((0, 1) if len(bounds) == 1 else (bounds[0], (*bounds, 1)[2])))
    for place, (value, radius) in enumerate(zip(out.tolist(), watch.radius(out).tolist(), strict=True)):
        off = abs(start + place * step - Fraction(value))
        assert off <= Fraction(radius) <= 2 * off + Fraction(2.0**-48) * (abs(start) + abs(place * step))
        assert radius == 0 or off or step.denominator not in (1, 2, 4)


def test_a_step_of_tenths_is_no_error_of_a_method() -> None:
    def loss(a: torch.Tensor) -> torch.Tensor:
        return a * torch.arange(0, 0.75, 0.1, dtype=a.dtype)[3]

    for dtype in ("float64", "float32"):
        assert dx.verify(loss, dx.Loss.from_torch(loss, parameters="a"), at={"a": 1.0}, dtype=dtype).verdict == "pass"


def test_the_value_of_a_step_on_its_jump_is_as_far_off_as_it_is_rounded() -> None:
    watch = Watch()
    x, at_zero = torch.tensor([0.0, 0.0, 1e-3, 1.0]), torch.full((4,), 5.0)
    watch.set(x, torch.tensor([0.0, 1e-3, 1e-2, 0.5], dtype=torch.float64))
    watch.set(at_zero, torch.full((4,), 0.25, dtype=torch.float64))
    with watch:
        out = torch.heaviside(x, at_zero)
    assert out.tolist() == [5, 5, 1, 1] and watch.radius(out).tolist() == [0.25, 5, 4.25, 0]


@pytest.mark.parametrize("formula", ["max(a, b)*x", "heaviside(a)*b*x", "abs(a - b)*x"])
def test_formulas_with_steps_are_checked_in_numpy(formula: str) -> None:
    """Heaviside's function of formulas takes no number for its value at 0."""
    loss = dx.Loss(formula, parameters="a, b", data="x")
    report = dx.check(loss, {"x": [0.5, 1.0, 2.0]}, {"a": 0.9, "b": 1.99}, methods=["numpy"])
    assert report.summary.failed == 0
    assert report.summary.passed > 0

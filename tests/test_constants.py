"""One policy for constants, in proofs, audits and verification: within two ulps of the dtype in which they are held."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from typing import Any

import mpmath
import pytest
import sympy
import torch
from representatives import each_value, one_in, slow

import diffexplore as dx
from diffexplore.cli.main import main
from diffexplore.formula import recognise

Tensor = torch.Tensor


class Gelu(torch.autograd.Function):
    """As people write it: 1/√2, √(2π) computed in floats."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return 0.5 * x * (1 + torch.erf(x * (1 / math.sqrt(2))))

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        cdf = 0.5 * (1 + torch.erf(x / math.sqrt(2)))
        return g * (cdf + x * torch.exp(-0.5 * x * x) / math.sqrt(2 * math.pi))


class GeluByTensor(Gelu):
    """The same with the last constant in a tensor of floats."""

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        cdf = 0.5 * (1 + torch.erf(x / math.sqrt(2)))
        return g * (cdf + x * torch.exp(-0.5 * x * x) * OF_FLOATS)


class GeluWithFourDigits(Gelu):
    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return g * (0.5 * (1 + torch.erf(x / math.sqrt(2))) + x * torch.exp(-0.5 * x * x) * 0.3989)


class GeluOfTanh(torch.autograd.Function):
    """The forward pass rounds √(2/π) to eight digits, and so does the backward pass: one number, consistently."""

    factor = 0.79788456

    @classmethod
    def inner(cls, x: Tensor, factor: float) -> Tensor:
        return torch.tanh(factor * (x + 0.044715 * x**3))

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return 0.5 * x * (1 + GeluOfTanh.inner(x, GeluOfTanh.factor))

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        return _backward_of_tanh(ctx, g, GeluOfTanh.factor)


class GeluOfTwoFactors(GeluOfTanh):
    """Eight digits in the forward pass, all digits in the backward pass: not the derivative."""

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        return _backward_of_tanh(ctx, g, math.sqrt(2 / math.pi))


def _backward_of_tanh(ctx: Any, g: Tensor, factor: float) -> Tensor:
    (x,) = ctx.saved_tensors
    t = GeluOfTanh.inner(x, factor)
    return g * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * factor * (1 + 3 * 0.044715 * x * x))


TENTH = torch.tensor(0.1, dtype=torch.float32)
OF_FLOATS = torch.tensor(1 / math.sqrt(2 * math.pi), dtype=torch.float32)

GELU = "x*(1 + erf(x/sqrt(2)))/2"


# -------------------------------------------------------------------------------------------------------------- proofs
@cache
def proof_of(function: Any) -> dx.Proof:
    """The proof of one of torch's own functions."""
    return dx.prove(function, parameters="x", data="")


@pytest.mark.parametrize("function", one_in(2, [torch.erfinv, torch.log10, torch.log2]), ids=lambda f: f.__name__)
def test_torch_own_constants_agree_with_the_audit(function: Any, tmp_path: Any) -> None:
    proof = proof_of(function)
    assert (proof.status, proof.up_to_rounding) == ("proved", True)
    assert main(["audit", "--only", function.__name__, "--quiet", "--json", str(tmp_path / "audit.json")]) == 0
    (record,) = json.loads((tmp_path / "audit.json").read_text(encoding="utf-8"))["records"]
    assert record["status"] == "proved"


def test_the_headline_and_the_document_name_the_rounding() -> None:
    """√π/2 is 0.5·sqrt(M_PI) in some versions of torch and M_PI_4·M_2_SQRTPI in others, one unit apart."""
    proof = proof_of(torch.erfinv)
    document = json.loads(proof.to_json())
    assert document["up_to_rounding"] is True
    (constant,) = document["constants"]
    value, relative = constant["value"], constant["relative"]
    with mpmath.workdps(40):
        meant = mpmath.sqrt(mpmath.pi) / 2
        assert relative == pytest.approx(float(abs(value / meant - 1)), rel=0.06)  # it has two digits
    assert 0 < relative < 2.5e-16
    assert constant == {"value": value, "read_as": "sqrt(π)/2", "relative": relative, "dtype": "float64", "others": []}
    assert str(proof).startswith(f"PROVED  up to the rounding of {value!r} (relative {relative}): erfinv computes")


@pytest.mark.parametrize(("candidate", "loss"), each_value([Gelu, GeluByTensor], [None, GELU]))
def test_a_right_program_with_computed_constants_is_proved(candidate: Any, loss: str | None) -> None:
    known = None if loss is None else dx.Loss(loss, parameters="x")
    proof = dx.prove(candidate, known, parameters=None if known else "x")
    assert (proof.status, proof.up_to_rounding) == ("proved", True)
    assert {constant.dtype for constant in proof.constants} == (
        {"float64", "float32"} if candidate is GeluByTensor else {"float64"}
    )
    assert all(constant.relative < (1e-7 if constant.dtype == "float32" else 5e-16) for constant in proof.constants)


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize("candidate", [GeluWithFourDigits, slow(GeluOfTwoFactors)])
def test_a_wrong_constant_stays_refuted(candidate: Any) -> None:
    assert dx.prove(candidate, parameters="x").status == "refuted"


def test_a_constant_of_few_digits_is_the_same_number_forwards_and_backwards() -> None:
    assert dx.prove(GeluOfTanh, parameters="x").status == "proved"


HALF_ROOT_OF_PI = math.sqrt(math.pi) / 2

RIGHT = [
    HALF_ROOT_OF_PI, math.nextafter(HALF_ROOT_OF_PI, 1), math.nextafter(HALF_ROOT_OF_PI, 0), 0.5 * math.sqrt(math.pi),
    torch.tensor(HALF_ROOT_OF_PI, dtype=torch.float32), torch.tensor(HALF_ROOT_OF_PI, dtype=torch.float64),
]  # fmt: skip
WRONG = [
    0.8862, 0.886227, HALF_ROOT_OF_PI * (1 + 1e-9), HALF_ROOT_OF_PI * (1 - 1e-9), HALF_ROOT_OF_PI + 8 * 2.0**-53,
    torch.tensor(0.8862, dtype=torch.float32), torch.tensor(HALF_ROOT_OF_PI * (1 + 1e-6), dtype=torch.float32),
    torch.tensor(HALF_ROOT_OF_PI * (1 + 1e-9), dtype=torch.float64),
    torch.tensor(HALF_ROOT_OF_PI, dtype=torch.bfloat16).double(),
]  # fmt: skip

LOSS = dx.Loss("sqrt(pi)/2*x**2", parameters="x")


def scaled_square(constant: Any) -> Callable[[Tensor], Tensor]:
    return lambda x: constant * x * x


@pytest.mark.parametrize("constant", one_in(2, RIGHT, first=1), ids=str)
def test_what_is_within_two_ulps_is_right_in_proofs_and_in_verification(constant: Any) -> None:
    proof = dx.prove(scaled_square(constant), LOSS)
    assert (proof.status, proof.up_to_rounding) == ("proved", True)
    assert dx.verify(scaled_square(constant), LOSS, at={"x": 1.3}).verdict == "pass"


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize("constant", one_in(3, WRONG, first=1), ids=str)
def test_what_is_farther_off_is_wrong_in_proofs_and_in_verification(constant: Any) -> None:
    assert dx.prove(scaled_square(constant), LOSS).status == "refuted"
    if constant != WRONG[4]:  # eight ulps are within the bound of the roundings
        assert dx.verify(scaled_square(constant), LOSS, at={"x": 1.3}).verdict == "fail"


def test_the_floats_as_they_are_are_proved_without_reserve_where_that_is_so() -> None:
    for candidate in (lambda x: 0.1 * x * x, lambda x: TENTH * x.sin(), lambda x: (x - 0.30000000000000004) ** 2):
        proof = dx.prove(candidate, parameters="x")
        assert (proof.status, proof.up_to_rounding) == ("proved", False)
        assert "up to" not in str(proof)


def test_a_difference_of_two_roundings_of_one_number_is_no_zero() -> None:
    """0.1 in float64 and in float32 are read as one number; the program computes their difference."""

    class Difference(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x * 0.1

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Tensor:
            return g * TENTH

    proof = dx.prove(Difference, parameters="x")
    assert str(proof).startswith("PROVED  up to the rounding of 0.10000000149011612 in float32 (relative 1.5e-08)")


def test_of_two_numbers_within_two_ulps_the_simpler_is_taken_and_both_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    near = sympy.sqrt(sympy.Rational(1, 9) + sympy.Rational(1, 10**17))  # 1.5e-17 above a third
    size = Fraction(str(sympy.N(near, 60)))
    monkeypatch.setattr(recognise, "_sizes", lambda: ((near, size),))
    recognise.recognised.cache_clear()
    try:
        proof = dx.prove(lambda x: x / 3 + x * (1 / 3), parameters="x")
        found = recognise.recognised(1 / 3)
    finally:
        recognise.recognised.cache_clear()
    assert found is not None
    assert (found.number, found.others) == (sympy.Rational(1, 3), (near,))
    assert [constant.others for constant in proof.constants] == [(str(near),)]
    assert any(str(near) in note for note in proof.notes)


# -------------------------------------------------------------------------------------------------------- verification
@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize("constant", one_in(5, [0.1, 1 / 3, math.sqrt(2 / math.pi), 0.044715, math.log(2)]))
def test_the_rounding_of_a_tensor_of_floats_is_in_the_bound(constant: float) -> None:
    """A product by a rounded constant, whose result is rounded again: two roundings, where an exact one has one."""
    texts = {
        0.1: "1/10",
        1 / 3: "1/3",
        math.sqrt(2 / math.pi): "sqrt(2/pi)",
        0.044715: "0.044715",
        math.log(2): "log(2)",
    }
    loss = dx.Loss(f"{texts[constant]}*a**2/2", parameters="a")
    held = torch.tensor(constant, dtype=torch.float32)
    points = [{"a": 1 + 0.0371 * k} for k in range(8)]
    assert dx.verify(lambda a: held * a, loss, at=points, kind="gradient", dtype="float32").verdict == "pass"
    assert (
        dx.verify(lambda a: (held * 1.00001) * a, loss, at=points, kind="gradient", dtype="float32").verdict == "fail"
    )


def test_an_input_is_no_constant() -> None:
    """0.1 as an input is the double 0.1: the bound of exact operations on it stays 0."""
    loss = dx.Loss("a + b", parameters="a, b")
    report = dx.verify(lambda a, b: a + b, loss, at={"a": 0.1, "b": 1 / 3})
    assert all(row.bound == 0 for row in report.rows if row.parameter in "ab")

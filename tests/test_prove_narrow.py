"""Proofs of programs that compute in a narrower dtype: read as exact, and the answer says where they are not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import sympy
import torch
from autograd_functions import function_of
from representatives import one_in

import diffexplore as dx
from diffexplore.tracing.narrow import is_exact

Tensor = torch.Tensor
ROUNDOFF = {"float16": 2.0**-11, "bfloat16": 2.0**-8, "float32": 2.0**-24}
LARGEST = {"float16": 65504.0, "bfloat16": (2 - 2.0**-7) * 2.0**127, "float32": (2 - 2.0**-23) * 2.0**127}


def squared(backward: Callable[[Tensor, Tensor], Tensor], forward: Callable[[Tensor], Tensor] = torch.square) -> Any:
    return function_of(forward, backward)


#: Casts, each with the dtypes that the answer names.
CASTS: dict[str, tuple[Any, list[str]]] = {
    "in_backward": (squared(lambda g, x: g * (2 * x.half()).double()), ["float16"]),
    "of_upstream": (squared(lambda g, x: g.bfloat16().double() * (2 * x)), ["bfloat16"]),
    "promoted": (squared(lambda g, x: g * (2 * x.float())), ["float32"]),
    "type_as": (squared(lambda g, x: g * (2 * x.type_as(torch.zeros(1, dtype=torch.float16)))), ["float16"]),
    "in_forward": (squared(lambda g, x: g * 2 * x, lambda x: (x.to(torch.half) ** 2).double()), ["float16"]),
    "both": (squared(lambda g, x: g * (2 * x.float()), lambda x: (x.half() ** 2).double()), ["float16", "float32"]),
    "by_torch": (lambda x: (x.float() ** 2).double(), ["float32"]),
    "as_output": (lambda x: x.half() ** 2, ["float16"]),
    "of_sum": (lambda x: x.sum(dtype=torch.float32) ** 2, ["float32"]),
    "of_softmax": (lambda x: torch.softmax(x, -1, dtype=torch.float32), ["float32"]),
    "of_cumsum": (lambda x: x * x.cumsum(0, dtype=torch.float32), ["float32"]),
    "computed_constant": (lambda x: x * (torch.arange(3.0)[1:2] * 0.1), ["float32"]),
    "copied_into": (squared(lambda g, x: g * 2 * torch.zeros_like(x, dtype=torch.half).copy_(x)), ["float16"]),
    "in_place": (squared(lambda g, x: g * torch.ones_like(x, dtype=torch.half).mul_(x).mul_(2)), ["float16"]),
    # whole numbers and truth values are held by every dtype
    "mask": (squared(lambda g, x: g * 2 * x * ((x > 0).half() + (x <= 0).to(torch.float32))), []),
    "ones": (squared(lambda g, x: g * 2 * x * torch.ones_like(x, dtype=torch.half)), []),
    "moved": (lambda x: x * torch.tensor([0.1, 0.3]).flip(0)[:1], []),
    "double": (lambda x: (x.double() * torch.arange(3.0)[1:2]).to(torch.float64), []),
}  # fmt: skip


@pytest.mark.parametrize("name", one_in(4, CASTS))
def test_a_proof_names_the_dtypes_that_it_leaves_out(name: str) -> None:
    candidate, dtypes = CASTS[name]
    proof = dx.prove(candidate, parameters="x[2]", data=[])
    assert proof.status == "proved"
    assert [one.dtype for one in proof.narrow] == dtypes
    for one in proof.narrow:
        assert (one.relative, one.largest) == (ROUNDOFF[one.dtype], LARGEST[one.dtype])
        assert all(line.startswith("test_prove_narrow.py:") for line in one.lines)
        assert f"rounding and the range of {one.dtype} at {one.lines[0]}" in str(proof)
    assert ("up to" in str(proof)) is bool(dtypes)


def test_the_headline_and_the_document_say_how_much_a_narrower_dtype_rounds() -> None:
    proof = dx.prove(CASTS["in_backward"][0], parameters="x", data=[])
    (found,) = json.loads(proof.to_json())["narrow"]
    (line,) = found["lines"]
    assert found == {"dtype": "float16", "relative": 2.0**-11, "largest": 65504.0, "lines": [line]}
    size = "(relative 4.9e-4 an operation, infinite beyond 65504)"
    assert str(proof).startswith(f"PROVED  up to the rounding and the range of float16 at {line} {size}: Written ")


@pytest.mark.usefixtures("causes_unsought")
def test_a_wrong_backward_in_half_is_refuted_and_a_cast_to_whole_numbers_is_refused() -> None:
    wrong = dx.prove(squared(lambda g, x: g * (3 * x.half()).double()), parameters="x", data=[])
    assert wrong.status == "refuted"
    assert any(note.startswith("computed in float16 at") for note in wrong.notes)
    for cast in (Tensor.int, Tensor.long, lambda x: x.to(torch.uint8)):
        with pytest.raises(dx.UsageError, match=r"rounding to whole numbers makes steps.* write \.trunc\(\)"):
            dx.prove(squared(lambda g, x, cast=cast: g * 2 * cast(x)), parameters="x", data=[])


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2], ids=str)
def test_a_cast_to_8_bits_is_refused(dtype: torch.dtype) -> None:
    with pytest.raises(dx.UsageError, match=r"no bound on the rounding to float8_e\dm\d\w*: cast to float16"):
        dx.prove(squared(lambda g, x: g * 2 * x.to(dtype).double()), parameters="x", data=[])


x = sympy.Symbol("x", real=True)


@pytest.mark.parametrize(
    ("number", "dtype", "exact"),
    [
        (2048, torch.float16, True), (2049, torch.float16, False), (2**24 + 1, torch.float32, False), (2**16, torch.float16, False),
        (sympy.Rational(3, 8), torch.bfloat16, True), (sympy.Rational(1, 10), torch.float32, False), (sympy.oo, torch.float16, True),
        (sympy.Rational(257, 512), torch.bfloat16, False), (sympy.Piecewise((1, x > 0), (sympy.Rational(1, 2), True)), torch.half, True),
        (sympy.sign(x), torch.bfloat16, True), (300 * sympy.sign(x), torch.bfloat16, False), (x, torch.float32, False), (sympy.pi, torch.half, False),
    ],
)  # fmt: skip
def test_which_numbers_a_dtype_holds(number: Any, dtype: torch.dtype, exact: bool) -> None:
    assert is_exact(sympy.sympify(number), dtype) is exact

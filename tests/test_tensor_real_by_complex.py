"""Real numbers beside complex ones: what torch makes of both is complex."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from representatives import each_value

import diffexplore as dx

Tensor = torch.Tensor

BOTH: dict[str, Callable[[Tensor], Tensor]] = {
    "times": lambda x: (x * 1j).abs(),
    "over": lambda x: (x / (1 + 2j)).real * x,
    "under": lambda x: (1j / x).abs(),
    "plus": lambda x: (x + 1j).abs(),
    "from": lambda x: (1j - x).abs(),
    "to the power": lambda x: (x ** (1 + 1j)).real,
    "to the power of a root": lambda x: (x ** (0.5 + 0j)).abs(),
    "to powers of a tensor": lambda x: (x ** torch.tensor([1j, 2 - 1j, -1 + 1j], dtype=torch.complex64)).real,
    "as the power": lambda x: ((1 + 1j) ** x).real,
}


@pytest.mark.parametrize(("name", "dtype"), each_value(list(BOTH), [torch.float32, torch.bfloat16]))
def test_a_real_number_beside_a_complex_one_is_certified(name: str, dtype: torch.dtype) -> None:
    """Of bfloat16 there are no complex numbers: torch computes in complex64."""
    x = torch.tensor([0.5, -1.25, 3.0], dtype=dtype, requires_grad=True)
    report = dx.gradcheck(BOTH[name], x, battery="none", raise_exception=False)
    assert (report.verdict, report.truth) == ("pass", "certified"), str(report)


@pytest.mark.parametrize("dtype", [torch.complex128, torch.complex64])
def test_a_whole_number_to_a_complex_power_is_certified(dtype: torch.dtype) -> None:
    z = torch.tensor([0.3 + 1j, 1.2 - 0.5j], dtype=dtype, requires_grad=True)
    report = dx.gradcheck(lambda z: (torch.tensor([2, 3]) ** z).abs(), z, battery="none", raise_exception=False)
    assert (report.verdict, report.truth) == ("pass", "certified"), str(report)

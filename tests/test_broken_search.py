"""An error of ours in the search for a cause loses no verdict: the report has it, and says where the search ended."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

import diffexplore as dx
from diffexplore.tensors.diagnosis import diagnose
from diffexplore.verifying.diagnosis import regions

ENDED = "a search for the cause ended in KeyError (test_broken_search.py, line"


class Tripled(torch.autograd.Function):
    """2x, with a gradient that is wrong in a way that has a name."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return 2 * x

    @staticmethod
    def backward(ctx: Any, g: torch.Tensor) -> torch.Tensor:
        return 3 * g


def broken(*_arguments: Any, **_options: Any) -> Iterator[Any]:
    raise KeyError("a table lacks this")


@pytest.mark.parametrize("others", [True, False])
def test_a_broken_family_of_causes_loses_no_verdict(monkeypatch: pytest.MonkeyPatch, others: bool) -> None:
    families = (broken, *diagnose.FAMILIES) if others else (broken,)
    monkeypatch.setattr(diagnose.cause, "__defaults__", (families, None))
    x = torch.randn(3, dtype=torch.float64, requires_grad=True)
    report = dx.gradcheck(Tripled, x, raise_exception=False)
    (row,) = report.rows
    assert report.verdict == "fail" and row.cause is not None and ENDED in row.cause.message
    assert (row.cause.key == "factor") is others


def test_a_broken_search_loses_no_verdict_of_verify(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regions, "explained", broken)
    report = dx.verify({"a": "3*a*x**2"}, "a**2*x**2", data={"x": [1.0, 2.0]}, at={"a": 2.0})
    assert report.verdict == "fail"
    assert any(row.cause is not None and ENDED in row.cause.message for row in report.rows)

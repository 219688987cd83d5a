"""check() refuses what it cannot use: one clear line each, before any long work."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from matrix import few_samples
from representatives import slow

from diffexplore import DiffexploreError, Loss, UsageError, check
from diffexplore.checking.options import as_device, as_dtype, as_wrt

DATA = few_samples("perpendicular")
POINT = {"a": 1.0, "b": 0.5}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dtype": "float46"}, "unknown dtype 'float46': did you mean 'float64'?"),
        ({"dtype": "int32"}, "unknown dtype 'int32'"),
        ({"dtype": torch.complex64}, "unknown dtype 'complex64'"),
        ({"dtype": ""}, "unknown dtype"),
        ({"methods": "revers"}, "unknown method 'revers': did you mean 'reverse'?"),
        ({"methods": ["symbolic", "magic"]}, "unknown method 'magic': choose from"),
        ({"methods": []}, "no method is named: choose from"),
        ({"methods": ""}, "unknown method"),
        ({"device": "cdua"}, "unknown device 'cdua': did you mean 'cuda'?"),
        ({"device": "meta"}, "unknown device 'meta'"),
        ({"device": "mps"}, "unknown device 'mps'"),
        ({"wrt": "c"}, "unknown symbol 'c': choose from a, b, x, y"),
        ({"wrt": "a, zz"}, "unknown symbol 'zz'"),
        ({"wrt": []}, "nothing to differentiate by: name one of a, b, x, y"),
        ({"wrt": "a, a"}, "a"),
        ({"step": 0.0}, "step"),
        ({"step": -1e-3}, "step"),
        ({"step": float("nan")}, "step"),
        ({"step": float("inf")}, "step"),
        ({"step": 1e-30, "dtype": "float16"}, "that float16 can hold"),
        ({"step": "tiny"}, "step"),
        ({"seed": -1}, "seed"),
        ({"seed": 0.5}, "seed"),
    ],
)
def test_an_option_that_cannot_be_used(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        check("perpendicular", DATA, POINT, **options)
    text = str(caught.value)
    assert message in text
    assert "\n" not in text
    assert len(text) < 200


@pytest.mark.parametrize(
    ("loss", "data", "at", "message"),
    [
        ("perpendiculr", None, None, "did you mean 'perpendicular'?"),
        ("perpendicular", {"x": [1.0]}, None, "y"),
        ("perpendicular", {"x": [1.0], "y": [1.0, 2.0]}, None, "y"),
        ("perpendicular", {"x": [], "y": []}, None, "empty"),
        ("perpendicular", {"x": [1.0, float("nan")], "y": [1.0, 2.0]}, None, "row 2"),
        ("perpendicular", {"x": [1.0, 2.0], "y": [float("inf"), 2.0]}, None, "'y'"),
        ("perpendicular", DATA, {"a": 1.0}, "b"),
        ("perpendicular", DATA, {"a": 1.0, "b": 2.0, "c": 3.0}, "c"),
        ("perpendicular", DATA, {"a": float("nan"), "b": 2.0}, "a"),
        ("perpendicular", "no_such_file.csv", None, "no_such_file.csv"),
    ],
)
def test_input_that_cannot_be_used(loss: str, data: Any, at: Any, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        check(loss, data, at)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_cuda_asked_for_and_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match="device 'cuda' is requested, but torch finds no CUDA GPU"):
        check("perpendicular", DATA, POINT, device="cuda")
    with pytest.raises(UsageError, match="no CUDA GPU"):
        as_device("cuda:1")
    assert as_device("auto") == torch.device("cpu")


def test_auto_takes_the_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert as_device("auto").type == "cuda"
    assert as_device("cpu").type == "cpu"


def test_a_gpu_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert as_device("cuda:1").index == 1
    with pytest.raises(UsageError, match="there is no device 'cuda:2': torch finds 2 GPUs, counted from 0"):
        as_device("cuda:2")


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_dtypes_by_name_and_by_object(dtype: torch.dtype) -> None:
    assert as_dtype(dtype) is dtype
    assert as_dtype(str(dtype)) is dtype
    assert as_dtype(str(dtype).removeprefix("torch.")) is dtype


def test_what_is_differentiated_by_default() -> None:
    with_parameters = Loss("a*x", parameters="a", data="x")
    without = Loss("x*y", parameters=(), data="x, y", reduction="sum")
    assert as_wrt(with_parameters, None) == ("a",)
    assert as_wrt(without, None) == ("x", "y")
    assert as_wrt(with_parameters, "x a") == ("x", "a")
    assert as_wrt(with_parameters, ["x"]) == ("x",)


def test_usage_errors_are_value_errors_and_our_own() -> None:
    assert issubclass(UsageError, ValueError)
    assert issubclass(UsageError, DiffexploreError)


@pytest.mark.parametrize(
    ("formula", "at", "keys"),
    [
        ("1/a", {"a": 0.0}, {"undefined"}),
        slow("sqrt(a)", {"a": -1.0}, {"undefined"}),
        ("exp(exp(a))", {"a": 7.0}, {"overflow"}),
        ("abs(a)", {"a": 0.0}, {"kink"}),
        slow("a**3", {"a": 1e300}, {"overflow"}),
    ],
)
def test_singular_points_are_not_bad_input(formula: str, at: dict[str, float], keys: set[str]) -> None:
    report = check(Loss(formula, parameters="a"), None, at)
    assert report.verdict == "inconclusive"
    assert set(report.summary.causes) == keys
    assert report.summary.failed == 0
    assert {row.verdict for row in report.rows if row.probe is None} == {"inconclusive"}

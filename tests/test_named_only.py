"""Methods that run only when named: what there is without their libraries, and the judgement of what is not watched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
import torch
from matrix import few_samples
from planted import TamperedEntry

import diffexplore as dx
from diffexplore import methods
from diffexplore.cli.main import main
from diffexplore.errors import UsageError
from diffexplore.methods import opaque, symbolic
from diffexplore.methods.base import Estimates, Values, is_watched
from diffexplore.methods.problem import Problem

AT = {"a": 0.5, "b": 2.0}
NAMED = ("torch_compile", "jax_grad", "jax_jit", "tensorflow_tape", "tensorflow_function", "numdifftools")

Output = pytest.CaptureFixture[str]


def test_the_default_methods_are_the_same_whatever_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = methods.names()
    assert set(found).isdisjoint(NAMED)
    for answer in (None, object()):
        monkeypatch.setattr("diffexplore.methods.find_spec", lambda name, answer=answer: answer)
        assert methods.names() == found == tuple(entry.name for entry in methods.select(None))
    assert tuple(entry.name for entry in methods.named_only()) == NAMED


@pytest.mark.parametrize("name", NAMED[1:])
@pytest.mark.parametrize("command", [["report"], ["fit"], ["bench"]])
def test_a_missing_library_is_named_with_what_installs_it(
    name: str, command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setattr("diffexplore.methods.find_spec", lambda module: None)
    assert main([*command, "--methods", name]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    extra = name.partition("_")[0]
    assert captured.err.startswith(f"error: {name} needs ")
    assert captured.err.endswith(f'python -m pip install "diffexplore[{extra}]"\n')
    assert captured.err.count("\n") == 1
    with pytest.raises(UsageError, match="pip install"):
        dx.check("perpendicular", methods=name)


def test_list_says_what_is_installed(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setattr("diffexplore.methods.find_spec", lambda module: object() if module == "jax" else None)
    assert main(["list", "--ascii"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "jax_grad jax.grad, operation by operation (installed)" in text
    assert '(not installed: python -m pip install "diffexplore[tensorflow]")' in text


# ------------------------------------------------------------------------------------- what cannot be watched
@dataclass(frozen=True)
class _Opaque:
    """The symbolic gradient behind a wall; ``change`` makes of its values what the library is to compute."""

    change: Callable[[torch.Tensor, torch.dtype], torch.Tensor]
    exact = True
    opaque = True

    def obstacle(self, problem: Problem) -> str | None:
        return None

    def reduced(self, problem: Problem, values: Values, n: int) -> Estimates:
        found = symbolic.METHOD.reduced(problem, values, n)
        return self._bounded(opaque.allowed, found, problem, values, n)

    def samples(self, problem: Problem, values: Values, n: int) -> Estimates:
        found = symbolic.METHOD.samples(problem, values, n)
        return self._bounded(opaque.allowed_by_sample, found, problem, values, n)

    def _bounded(
        self, bounded: Callable[..., Estimates], found: Estimates, problem: Problem, values: Values, n: int
    ) -> Estimates:
        changed = {
            name: replace(estimate, value=self.change(estimate.value, problem.dtype))
            for name, estimate in found.items()
        }
        return bounded(changed, problem, values, n) if is_watched() else changed


def report_of(change: Callable[[torch.Tensor, torch.dtype], torch.Tensor], dtype: str) -> dx.Report:
    entry = TamperedEntry("other", "another library", _Opaque(change))  # type: ignore[arg-type]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(methods, "_ENTRIES", (entry,))
        return dx.check("perpendicular", few_samples("perpendicular"), AT, dtype=dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
def test_a_right_gradient_that_is_not_watched_passes(dtype: str) -> None:
    report = report_of(lambda value, dtype: value, dtype)
    assert report.summary.failed == 0
    assert report.summary.passed > 0


def test_rounding_of_a_narrow_dtype_is_no_wrong_gradient() -> None:
    """Digits that are lost in float32 and not in float64 are rounding, beyond whatever was allowed."""
    report = report_of(lambda value, dtype: value * (1 if dtype == torch.float64 else 1 + 1e-2), "float32")
    assert report.verdict == "inconclusive"
    assert report.summary.failed == 0
    assert set(report.summary.causes) == {"precision"}
    row = report.rows[0]
    assert row.cause is not None
    assert row.cause.key == "precision"
    assert row.cause.fields["right_in_float64"] is True
    assert row.error_rel == pytest.approx(1e-2, rel=1e-2)


@pytest.mark.parametrize("size", [1e-2, 1.0])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_an_error_in_float64_as_well_fails(dtype: str, size: float) -> None:
    report = report_of(lambda value, dtype: value * (1 + size), dtype)
    assert report.verdict == "fail"
    assert set(report.summary.causes) == {"exceeds_bound"}


def test_a_nan_in_a_narrow_dtype_fails() -> None:
    """Such a gradient cannot be used, whatever float64 would give."""
    report = report_of(lambda value, dtype: value * (1 if dtype == torch.float64 else float("nan")), "float32")
    assert report.verdict == "fail"
    assert set(report.summary.causes) == {"nan"}

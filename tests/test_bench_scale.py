"""Benches at scale: kernels beside reading the data, and as which power of the number of samples their time grows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from documents import check_document

import diffexplore as dx
from diffexplore.benching.bench import run_bench
from diffexplore.benching.records import Bench
from diffexplore.benching.scale import methods_at_scale, slopes
from diffexplore.benching.settings import TimedLoss
from diffexplore.checking.options import as_device, as_dtype
from diffexplore.cli.main import main

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")


def bench_of(name: str, sizes: tuple[int, ...]) -> Bench:
    loss = dx.losses.get(name)
    request = TimedLoss(name, loss, loss.default_points[0])
    return run_bench([request], sizes, methods_at_scale([]), as_dtype("float64"), as_device("cpu"), 0)


def test_kernels_stand_beside_reading_and_slopes_are_named(tmp_path: Path, capsys: Output) -> None:
    path = tmp_path / "scale.json"
    arguments = ["perpendicular", "--scale", "--sizes", "1e3,1e4", "--methods", "reverse", "--json", str(path)]
    assert main(["bench", *arguments]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "perpendicular: time by size" in printed
    assert "perpendicular: time grows as N to the power of " in printed
    assert "inductor: torch.compile needs a C++ compiler" in printed
    found = check_document("bench", path.read_text(encoding="utf-8"))
    assert found["methods"] == ["reading", "statistics", "blocked", "inductor", "reverse"]
    errors = {(one["method"], one["n"]): one["error_ulp"] for one in found["measurements"]}
    assert errors["reading", 10_000] is None
    assert errors["statistics", 10_000] <= 0.51
    assert 0 <= errors["blocked", 10_000] < 1_000


@pytest.mark.parametrize(("name", "missing"), [("poisson", "statistics"), ("graph_sum", "statistics")])
def test_a_kernel_that_cannot_run_is_skipped_with_its_reason(name: str, missing: str) -> None:
    bench = bench_of(name, (50,))
    assert {one.method for one in bench.measurements} == {"reading", "blocked"}
    assert {one.method for one in bench.subjects[0].skipped} == {missing, "inductor"}


def test_a_slope_is_that_between_the_two_largest_sizes() -> None:
    bench = bench_of("squared_error", (10, 100, 1_000))
    seconds = {10: 5.0, 100: 1.0, 1_000: 100.0}
    made = replace(bench, measurements=tuple(replace(one, median=seconds[one.n]) for one in bench.measurements))
    assert slopes(made, made.subjects[0]) == pytest.approx(dict.fromkeys(("reading", "statistics", "blocked"), 2.0))

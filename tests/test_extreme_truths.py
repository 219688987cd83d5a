"""Truths far below the range of doubles, and sums near its end: both are judged and written, and nothing raises."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from representatives import each_value

import diffexplore as dx
from diffexplore.__main__ import main
from diffexplore.auditing.records import Check
from diffexplore.render.displays import to_markdown


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize(
    ("loss", "x"), each_value(["exp(-x)", "exp(-exp(x))", "exp(-x) - exp(-x - 1e-9)"], ["1000", "1e20", "1e300"])
)
def test_a_wrong_gradient_of_a_tiny_truth_fails_with_both_numbers(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loss: str, x: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.py").write_text("def g(x): return x\n")
    command = ["verify", "own.py:g", "--loss", loss, "--kind", "gradient", "--at", f"x={x}"]
    for more in ([], ["--full"]):
        assert main([*command, *more]) == 1
        shown = capsys.readouterr()
        assert shown.err == ""
        assert "∂L/∂x is wrong" in " ".join(shown.out.split())
    assert main([*command, "--json", "-"]) == 1
    assert json.loads(capsys.readouterr().out)["verdict"] == "fail"


def test_a_truth_below_all_doubles_is_written_with_its_exponent() -> None:
    def g(x: float) -> float:
        return 1.0

    report = dx.verify(g, dx.Loss("exp(-x)", parameters="x"), at={"x": 1000.0}, kind="gradient")
    # e^−1000 = 10^(−1000/ln 10) = 10^−434.29448 = 5.08e−435
    assert "should be −5.08e−435" in " ".join(str(report).split()).replace("e-", "e−")
    assert to_markdown(report)


@pytest.mark.parametrize(
    ("derivative", "rule", "relative"),
    [
        ("2", "1e-43429448190325182765", 1.0),
        ("1e-2000000", "1", float("inf")),
        ("0", "1", None),
        ("2 ± 1e-9", "3", 0.5),
    ],
)
def test_how_far_a_rule_is_off_at_its_counterexample(derivative: str, rule: str, relative: float | None) -> None:
    check = Check("self", "", "refuted", "", counterexample={"derivative": derivative, "rule": rule, "point": {}})
    assert check.relative == relative


@pytest.mark.parametrize(("largest", "n"), [(2.0**990, 127), (2.0**990, 128), (2.0**990, 20_000)])
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_sum_that_doubles_hold_has_a_truth(largest: float, n: int) -> None:
    """Beyond 2⁹⁹⁰ double-double balls have infinite radii, in whole blocks of samples and in the last one."""
    x = np.zeros(n)
    x[:: n // 19][:20] = largest
    report = dx.check(dx.Loss("a*x", parameters="a", data="x"), {"x": x}, at={"a": 1.0}, methods=["reverse"])
    (row,) = (row for row in report.rows if row.parameter == "a" and row.sample is None and row.probe is None)
    assert (row.verdict, row.value) == ("pass", pytest.approx(20 * largest / n))
    assert row.truth is not None
    assert float(row.truth.mid) == pytest.approx(20 * largest / n, rel=1e-15)


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_sum_beyond_all_doubles_is_said_to_be_one() -> None:
    report = dx.check(dx.Loss("a*x", parameters="a", data="x", reduction="sum"), {"x": [1e308] * 128}, at={"a": 1.0})
    assert report.verdict == "inconclusive"
    assert {row.cause and row.cause.message for row in report.rows if row.sample is None and row.probe is None} == {
        "the truth is beyond the range of double precision"
    }
    assert "beyond the range of double precision" in " ".join(str(report).split())

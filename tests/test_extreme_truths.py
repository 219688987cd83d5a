"""Truths far below the range of doubles: every text and every diagnosis of them is made, and nothing raises."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import diffexplore as dx
from diffexplore.__main__ import main
from diffexplore.auditing.records import Check
from diffexplore.render.displays import to_markdown


@pytest.mark.parametrize("x", ["1000", "1e20", "1e300"])
@pytest.mark.parametrize("loss", ["exp(-x)", "exp(-exp(x))", "exp(-x) - exp(-x - 1e-9)"])
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

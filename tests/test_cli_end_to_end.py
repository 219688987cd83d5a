"""``diffexplore report`` with nothing replaced: arguments, check and page together, on small batches."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pytest

from diffexplore.cli.main import main

Output = pytest.CaptureFixture[str]


def test_a_formula_on_a_table_of_ones_own(capsys: Output, tmp_path: Path) -> None:
    table = tmp_path / "points.csv"
    table.write_text("x,y\n0.5,1.2\n1.5,3.1\n2.5,4.8\n", encoding="utf-8")
    arguments = ["report", "(a*x - y + b)**2/(2*(a**2+1))", "--at", "a=1.3,b=0.7", "--data", str(table), "--wrt", "a,x"]
    assert main([*arguments, "--methods", "symbolic,reverse", "--ascii", "--full"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("PASS  every partial agrees with the truth: 2 comparisons reduced, 12 by sample")
    assert any(line.split()[:2] == ["dL/da", "="] for line in lines)
    assert any(line.split()[:2] == ["dl_i/dx", "="] for line in lines)
    assert "dL/da  at a = 1.3, b = 0.7" in lines


def test_a_kink_is_inconclusive_and_says_so(capsys: Output) -> None:
    assert main(["report", "-abs(a*x)", "--at", "a=0", "--points", "3", "--methods", "reverse"]) == 3
    assert "kink" in capsys.readouterr().out.splitlines()[0]


def test_every_row_is_streamed(capsys: Output) -> None:
    assert main(["report", "--methods", "reverse", "--rows", "all", "--wrt", "b"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    samples = {(row["point"]["a"], row["sample"]) for row in rows if row["sample"] is not None}
    assert samples == {(a, sample) for a in (0.0, 2.5) for sample in range(100)}


def test_the_document_agrees_with_the_exit_code(capsys: Output) -> None:
    code = main(["report", "--methods", "symbolic", "--json", "-", "--dtype", "float32"])
    document = json.loads(capsys.readouterr().out)
    assert (code, document["verdict"], document["dtype"]) == (0, "pass", "float32")
    assert {row["method"] for row in document["rows"]} == {"symbolic"}


def test_a_loss_without_data_has_one_evaluation_and_no_samples(capsys: Output) -> None:
    assert main(["report", "x**2*sin(x)", "--wrt", "x", "--at", "x=1", "--json", "-"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert {row["sample"] for row in document["rows"]} == {None}
    assert {tally["kind"] for tally in document["summary"]["tallies"]} == {"reduced"}
    assert document["summary"]["pass"] == 10
    assert main(["report", "abs(x)", "--wrt", "x", "--at", "x=0", "--full"]) == 3
    page = capsys.readouterr().out
    assert "sample" not in page
    assert "probe point, at x = " in page


def test_every_method_runs_where_only_data_is_differentiated(capsys: Output) -> None:
    """vmap has no parameters there to reduce the partials of."""
    assert main(["report", "graph_sum", "--json", "-"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["skipped"] == []
    assert "vmap" in {row["method"] for row in document["rows"]}


def test_no_warning_where_values_are_not_finite(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """NumPy's warnings are no part of a report; here the sum of two infinities is NaN."""
    table = tmp_path / "points.csv"
    table.write_text("x,y\n1,1\n1,-1\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert main(["report", "exp(a*x)*y", "--at", "a=1e4", "--data", str(table), "--methods", "numpy"]) == 3
    assert capfd.readouterr().err == ""


def test_second_partials_as_source(capsys: Output) -> None:
    for form in ("python", "torch"):
        assert main(["derive", "a*x**2", "--wrt", "a,x", "--hessian", "--format", form]) == 0
        assert "def hessian(a, x):" in capsys.readouterr().out


@pytest.mark.parametrize("how", [(), ("--steps",), ("--hessian",), ("--format", "python"), ("--format", "torch")])
def test_what_derive_prints_ends_with_its_last_line(capsys: Output, how: tuple[str, ...]) -> None:
    assert main(["derive", "a*x**2", "--wrt", "a", *how]) == 0
    out = capsys.readouterr().out
    assert out.endswith("\n")
    assert out.splitlines()[-1].strip()

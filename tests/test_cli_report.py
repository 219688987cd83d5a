"""``diffexplore report`` from arguments to exit code, with the check itself replaced by prepared reports."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path
from typing import Any

import pytest
import report_fixtures as fixtures

from diffexplore.checking.records import Report
from diffexplore.cli.main import main
from diffexplore.cli.progress import ScreenListener, listening

Output = pytest.CaptureFixture[str]


class Check:
    """Stands in for the module of the check: returns a prepared report, and remembers what it received."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.received: dict[str, Any] = {}
        self.error: BaseException | None = None

    def run_check(self, loss: Any, batch: Any, points: Any, **how: Any) -> Report:
        self.received = {"loss": loss, "batch": batch, "points": points, **how}
        if self.error is not None:
            raise self.error
        listener = how["listener"]
        listener.progress("samples", 1, 2)
        if listener.wants_rows:
            for row in self.report.rows:
                listener.row(row)
        return self.report


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> Check:
    stand_in = Check(fixtures.passing())
    module = types.ModuleType("diffexplore.checking.run")
    module.run_check = stand_in.run_check  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "diffexplore.checking.run", module)
    return stand_in


@pytest.mark.parametrize(
    ("make", "code", "word"),
    [(fixtures.passing, 0, "PASS"), (fixtures.failing, 1, "FAIL"), (fixtures.undecided, 3, "INCONCLUSIVE")],
)
def test_the_exit_code_is_the_verdict(check: Check, capsys: Output, make: Any, code: int, word: str) -> None:
    check.report = make()
    assert main(["report"]) == code
    printed = capsys.readouterr()
    assert printed.out.startswith(f"{word}  ")
    assert printed.err == ""


def test_without_arguments_the_notebooks_loss_is_checked(check: Check) -> None:
    assert main(["report"]) == 0
    assert check.received["loss"].name == "perpendicular"
    assert check.received["batch"].n == 100
    assert [dict(point) for point in check.received["points"]] == [{"a": 0.0, "b": 0.0}, {"a": 2.5, "b": 1.0}]
    assert check.received["wrt"] == ("a", "b")
    assert (check.received["dtype"], check.received["device"], check.received["seed"]) == ("float64", "auto", 0)
    assert check.received["methods"] is None
    assert check.received["step"] is None


def test_every_option_arrives(check: Check, tmp_path: Path) -> None:
    table = tmp_path / "points.csv"
    table.write_text("x,y,other\n1,2,9\n3,4,9\n")
    points = ["--at", "a=1.3,b=0.7", "--at", "b=-2,a=1e-3", "--data", str(table), "--wrt", "a,x"]
    how = ["--reduction", "sum", "--dtype", "float32", "--device", "cpu", "--seed", "7"]
    code = main(["report", "(a*x - y + b)**2", *points, *how, "--methods", "reverse,numpy", "--step", "1e-4"])
    assert code == 0
    received = check.received
    assert (received["loss"].parameters, received["loss"].data, received["loss"].reduction) == (
        ("a", "b"),
        ("x", "y"),
        "sum",
    )
    assert list(received["batch"].columns["x"]) == [1.0, 3.0]
    assert [dict(point) for point in received["points"]] == [{"a": 1.3, "b": 0.7}, {"a": 1e-3, "b": -2.0}]
    assert received["wrt"] == ("a", "x")
    assert (received["dtype"], received["device"], received["seed"], received["step"]) == ("float32", "cpu", 7, 1e-4)
    assert received["methods"] == ("reverse", "numpy")


def test_a_formula_that_begins_with_a_minus_sign(check: Check) -> None:
    assert main(["report", "-x**2 + a", "--at", "a=1", "--points", "5"]) == 0
    assert check.received["loss"].formula == "-x**2 + a"
    assert check.received["batch"].n == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["report", "perpendiculr"], "unknown loss 'perpendiculr': did you mean 'perpendicular'?"),
        (["report", "--dtype", "flaot64"], "unknown dtype 'flaot64': did you mean 'float64'?"),
        (["report", "--device", "gpu"], "unknown device 'gpu': did you mean 'cuda'?"),
        (["report", "--methods", "revers"], "unknown method 'revers': did you mean 'reverse'?"),
        (["report", "--reduction", "average"], "unknown reduction 'average'"),
        (["report", "--rows", "some"], "unknown choice of rows 'some'"),
        (["report", "--step", "0"], "--step takes a positive number"),
        (["report", "--step", "nan"], "--step takes a positive number"),
        (["report", "--at", "a=1"], "no value for b"),
        (["report", "--at", "a=1,a=2,b=0"], "'a' comes twice"),
        (["report", "--at", "a=one,b=0"], "not a number such as 1.3, 1e-3 or pi/2"),
        (["report", "--points", "0"], "number of samples"),
        (["report", "--points", "5", "--data", "x.csv"], "not both"),
        (["report", "--data", "missing.csv"], "missing.csv"),
        (["report", "sinn(x)*a", "--at", "a=1", "--points", "5"], "did you mean 'sin"),
        (["report", "a*x", "--at", "a=1"], "no value for x"),
        (["report", "--rows", "all", "--json", "-"], "both take standard output"),
        (["report", "--json", "no/such/folder/r.json"], "cannot write no/such/folder/r.json: No such file"),
        (["report", "--markdown", "."], "cannot write .: Is a directory"),
        (["report", "--sed", "3"], "unknown option '--sed': did you mean '--seed'?"),
        (["report", "--seed", "three"], "--seed takes a whole number, such as 1000 or 1e6, not 'three'"),
        (["report", "a", "b"], "'b' is more than the command takes, diffexplore report [LOSS] [OPTIONS]"),
        (["derive"], "LOSS is missing: diffexplore derive LOSS [OPTIONS]"),
        (["derive", "x**2", "--format", "word"], "unknown format 'word'"),
        (["derive", "x**2", "--wrt", "c"], "unknown symbol 'c'"),
        (["derive", "x**2", "--steps", "--format", "json"], "--steps is for --format text"),
        (["rapport"], "unknown command 'rapport': did you mean 'report'?"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    check: Check, capsys: Output, arguments: list[str], message: str
) -> None:
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: ")
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert "Traceback" not in printed.err
    assert check.received == {}, "bad input is found before the check begins"


def test_json_on_stdout_is_all_that_is_printed(check: Check, capsys: Output) -> None:
    check.report = fixtures.failing()
    assert main(["report", "--json", "-"]) == 1
    printed = capsys.readouterr()
    assert json.loads(printed.out)["verdict"] == "fail"
    assert printed.err == ""


def test_files_are_written_beside_the_page(check: Check, capsys: Output, tmp_path: Path) -> None:
    document, page = tmp_path / "r.json", tmp_path / "r.md"
    assert main(["report", "--json", str(document), "--markdown", str(page)]) == 0
    assert json.loads(document.read_text(encoding="utf-8"))["n"] == 100
    assert "| reverse |" in page.read_text(encoding="utf-8")
    assert "∂L/∂a" in capsys.readouterr().out


def test_a_failing_run_leaves_files_as_they_were(check: Check, tmp_path: Path) -> None:
    kept, new = tmp_path / "kept.json", tmp_path / "new.md"
    kept.write_text("before")
    check.error = RuntimeError("boom")
    assert main(["report", "--json", str(kept), "--markdown", str(new)]) == 70
    assert kept.read_text() == "before"
    assert not new.exists()


def test_all_rows_are_streamed_as_lines_of_json(check: Check, capsys: Output) -> None:
    assert main(["report", "--rows", "all"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(check.report.rows)
    assert {json.loads(line)["verdict"] for line in lines} == {"pass"}


def test_quiet_prints_the_verdict_only(check: Check, capsys: Output) -> None:
    assert main(["report", "--quiet"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("PASS  every partial agrees")
    assert "method" not in out


def test_ascii_and_hessian(check: Check, capsys: Output) -> None:
    assert main(["report", "--ascii", "--hessian"]) == 0
    out = capsys.readouterr().out
    assert out.isascii()
    assert "d2L/dadb" in out
    assert "d2L/dbda" not in out


def test_an_internal_error_is_one_line_and_exit_code_70(check: Check, capsys: Output) -> None:
    check.error = ZeroDivisionError("a bug")
    assert main(["report"]) == 70
    assert capsys.readouterr().err == "internal error: ZeroDivisionError: a bug (--debug shows where)\n"
    assert main(["report", "--debug"]) == 70
    assert "Traceback" in capsys.readouterr().err


def test_an_interruption_is_exit_code_130(check: Check, capsys: Output) -> None:
    check.error = KeyboardInterrupt()
    assert main(["report"]) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_progress_is_shown_only_to_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with listening(quiet=False, rows_to=None) as listener:
        listener.progress("truth", 3, 10)
        listener.progress("truth", 10, 10)
        assert listener._display is not None
        assert [(task.description, task.completed, task.total) for task in listener._display.tasks] == [
            ("truth", 10, 10)
        ]
    with listening(quiet=True, rows_to=None) as listener:
        assert listener._display is None
    ScreenListener(None, None).progress("truth", 1, 2)

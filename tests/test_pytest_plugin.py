"""The pytest plugin, in pytest runs of its own."""

from __future__ import annotations

import json
import re

import pytest
from documents import check_document
from processes import run_python
from representatives import slow

pytest_plugins = ("pytester",)

CHECKS = """
import pytest
import diffexplore as dx

DATA = {"x": [0.5, 1.5, 2.5], "y": [1.0, 2.0, 4.5]}
LOSS = dx.Loss("(a*x + b - y)**2", parameters="a, b", data="x, y")

def right(a, b, x, y):
    return ((a * x + b - y) ** 2).mean()

def half(a, b, x, y):
    return right(a, b, x, y) / 2

def test_right(gradient):
    report = gradient(right, LOSS, DATA, {"a": 1.0, "b": 0.5})
    assert report.verdict == "pass"

def test_wrong(gradient):
    gradient(half, LOSS, DATA, {"a": 1.0, "b": 0.5})

@pytest.mark.gradient_check(dtype="float32", seed=3)
class TestMarked:
    @pytest.mark.gradient_check(allow_inconclusive=True, dtype="bfloat16")
    def test_nearest_first(self, gradient):
        report = gradient(lambda a, x: (a * x).abs().mean(), dx.Loss("abs(a*x)", parameters="a", data="x"),
                          {"x": [1.0, 2.0]}, {"a": 0.0})
        assert (report.verdict, report.dtype, report.seed) == ("inconclusive", "bfloat16", 3)

    def test_argument_first(self, gradient):
        assert gradient(right, LOSS, DATA, {"a": 1.0, "b": 0.5}, seed=4).seed == 4
        assert gradient(right, LOSS, DATA, {"a": 2.0, "b": 0.5}).dtype == "float32"

def test_undecided(gradient):
    gradient(lambda a, x: (a * x).abs().mean(), dx.Loss("abs(a*x)", parameters="a", data="x"),
             {"x": [1.0, 2.0]}, {"a": 0.0})

def test_without_the_fixture():
    dx.assert_gradient(right, LOSS, DATA, {"a": 1.0, "b": 0.5})
    dx.check(LOSS, DATA, {"a": 1.0, "b": 0.5}, methods=["reverse"])
"""
EXPECTED = [
    ("TestMarked::test_argument_first", "pass"),
    ("TestMarked::test_argument_first", "pass"),
    ("TestMarked::test_nearest_first", "inconclusive"),
    ("test_right", "pass"),
    ("test_undecided", "inconclusive"),
    ("test_without_the_fixture", "pass"),
    ("test_without_the_fixture", "pass"),
    ("test_wrong", "fail"),
]


@pytest.mark.parametrize("processes", ["0", slow("1"), slow("2")])
def test_failures_are_shown_and_all_checks_are_collected(pytester: pytest.Pytester, processes: str) -> None:
    pytester.makepyfile(test_mine=CHECKS)
    run = pytester.runpytest_subprocess if processes == "2" else pytester.runpytest_inprocess
    loaded = "ignore:Module already imported"  # by the tests around it
    result = run("-n", processes, "--strict-markers", "-W", "error", "-W", loaded, "--gradient-report", "found.json")
    result.assert_outcomes(passed=4, failed=2)
    words = " ".join(result.stdout.str().split())
    assert "your loss half is half this loss" in words
    assert "could not decide ∂L/∂a at a = 0" in words
    result.stdout.re_match_lines([r"E +partial +at +value +truth +ulp +ulp", r"E +∂L/∂a +a=1 b=0.5 .*"])
    assert "assertion.py" not in words
    assert "pytest_plugin.py:" not in words
    # With xdist either failure may be the last: then the summary follows it.
    section = re.split(r"\n(?:____|====)", result.stdout.str().split("test_wrong ____")[1])[0]
    assert len(section.splitlines()) < 40
    document = check_document("gradient_report", (pytester.path / "found.json").read_text(encoding="utf-8"))
    found = [(check["test"].removeprefix("test_mine.py::"), check["verdict"]) for check in document["checks"]]
    assert found == EXPECTED
    assert document["summary"] == {"pass": 5, "fail": 1, "inconclusive": 2}
    (wrong,) = [check["report"] for check in document["checks"] if check["verdict"] == "fail"]
    assert {row["method"] for row in wrong["rows"]} == {"half"}


#: A check without what loads torch: its report is announced as that of a check is.
ANNOUNCED = """
from diffexplore.checking.listener import announced

class Report:
    def __init__(self, verdict):
        self.verdict = verdict

    def to_json(self, indent):
        return f'{{"verdict": "{self.verdict}"}}'

def test_once():
    announced(Report("pass"))

def test_twice():
    announced(Report("inconclusive"))
    announced(Report("fail"))
    assert False
"""


def test_checks_cross_between_processes(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_mine=ANNOUNCED)
    result = pytester.runpytest_inprocess("-n", "1", "--strict-markers", "--gradient-report", "found.json")
    result.assert_outcomes(passed=1, failed=1)
    document = json.loads((pytester.path / "found.json").read_text(encoding="utf-8"))
    assert document["summary"] == {"pass": 1, "fail": 1, "inconclusive": 1}
    found = [(check["test"], check["report"]["verdict"]) for check in document["checks"]]
    assert found == [
        (f"test_mine.py::test_{name}", verdict)
        for name, verdict in (("once", "pass"), ("twice", "inconclusive"), ("twice", "fail"))
    ]


def test_a_report_that_cannot_be_written_is_refused_before_the_tests(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(): pass")
    result = pytester.runpytest_inprocess("--gradient-report", "nowhere/found.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --gradient-report: cannot write *found.json: No such file or directory"])


def test_a_run_without_checks_writes_an_empty_report(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(): pass")
    pytester.runpytest_inprocess("--gradient-report", "found.json").assert_outcomes(passed=1)
    document = check_document("gradient_report", (pytester.path / "found.json").read_text(encoding="utf-8"))
    assert document["checks"] == []


def test_the_marker_and_the_fixture_are_listed(pytester: pytest.Pytester) -> None:
    pytester.runpytest_inprocess("--markers").stdout.fnmatch_lines(["@pytest.mark.gradient_check(*"])


def test_loading_the_plugin_imports_nothing_heavy() -> None:
    program = (
        "import sys, diffexplore.pytest_plugin; "
        "print(sorted({'torch', 'sympy', 'numpy', 'flint', 'rich', 'typer'} & set(sys.modules)))"
    )
    assert run_python("-c", program).stdout == "[]\n"

"""How a check of tensors shows itself: a failure in 25 lines of 80 columns, in every medium, and the commands."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from autograd_functions import function_of_all
from documents import check_document
from tensor_functions import Weighted, leaves
from tensor_reports import REPORTS, WRONG, checked, report_named

import diffexplore as dx
from diffexplore.cli.main import main


def test_a_failure_names_the_entry_with_both_numbers() -> None:
    report = report_named("wrong")
    row = report.failed[0]
    with pytest.raises(dx.GradientError) as caught:
        dx.gradcheck(WRONG, leaves((4, 3), (3,)))
    assert f"[{', '.join(map(str, row.entry or ()))}]" in str(caught.value)
    assert "3 of 3 entries" in " ".join(str(caught.value).split()) and "should be" in str(caught.value)


@pytest.mark.parametrize("name", REPORTS)
def test_every_medium_holds_the_verdict(name: str) -> None:
    report = report_named(name)
    word = report.verdict.upper()
    assert report.to_text(width=80).startswith(word) and str(report).startswith(word)
    assert all(len(line) <= 80 for line in str(report).splitlines())
    assert word in report._repr_html_() and f"**{word}" in report.to_markdown(full=True)
    assert "<!doctype html>" in report.to_html().lower() and report.function in report.to_html()
    assert repr(report).startswith(f"<TensorReport of {report.function}: {report.verdict} (")
    assert all(repr(row).startswith("<TensorRow ") for row in report.rows)
    check_document("tensor_report", report.to_json())


def test_a_row_has_the_keys_of_the_document() -> None:
    row = checked(Weighted, leaves((4, 3), (3,))).to_dict()["rows"][0]
    assert (row["output"], row["input"], row["shape"]) == ("output", "x", [4, 3])
    assert row["truth"]["kind"] == "certified" and len(row["entry"]) == 2
    assert row["entries"] == {"pass": 12, "fail": 0, "inconclusive": 0, "kinks": 0, "zeros": 0, "overflows": 0}
    assert row["smallest_detectable_median"] <= row["smallest_detectable"]
    assert abs(row["value"] - float(row["truth"]["mid"])) <= row["bound"]


def test_as_a_dataframe() -> None:
    pytest.importorskip("pandas")
    frame = checked(Weighted, leaves((4, 3), (3,))).to_dataframe()
    assert list(frame["input"]) == ["x", "w"] and list(frame["entries.pass"]) == [12, 3]


# ------------------------------------------------------------------------------------------------------- command line
CODE = """
import torch

class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return x * x * w

    @staticmethod
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        return 2 * x * w * g, (x * x * g).sum(0)

    @staticmethod
    def sample_inputs():
        return torch.randn(4, 3, requires_grad=True), torch.randn(3, requires_grad=True)

class Halved(Square):
    @staticmethod
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        return x * w * g, (x * x * g).sum(0)

class Unsampled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, g):
        return g

class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, factor=2.0):
        ctx.factor = factor
        return factor * x

    @staticmethod
    def backward(ctx, g):
        return ctx.factor * g, None

def sample_inputs():
    return {"Doubled": (torch.randn(3, requires_grad=True), 3.0)}
"""


@pytest.fixture
def code(tmp_path: Path) -> str:
    path = tmp_path / "layers.py"
    path.write_text(CODE)
    return str(path)


Verify = Callable[..., tuple[int, str]]


@pytest.fixture
def verify(capsys: pytest.CaptureFixture[str]) -> Verify:
    """Runs the command; its exit code, and what it prints, with the error if there is one."""

    def run(*arguments: str) -> tuple[int, str]:
        code = main(["verify", *arguments])
        captured = capsys.readouterr()
        return code, captured.out + (captured.err if code == 2 else "")

    return run


@pytest.mark.parametrize(
    ("name", "inputs", "exit_code", "first"),
    [
        ("Square", "x[8,16], w[16]", 0, "PASS  Square: the gradients by x and w are right, 144 entries"),
        ("Halved", "x[8,16],w[16]", 1, "FAIL  Halved: the gradient by x is wrong"),
        ("Doubled", "x[3]", 0, "PASS  Doubled: the gradient by x is right, 3 entries"),
    ],
)
def test_verify_at_stated_shapes(verify: Verify, code: str, name: str, inputs: str, exit_code: int, first: str) -> None:
    found, output = verify(f"{code}:{name}", "--inputs", inputs)
    assert found == exit_code and output.startswith(first)


@pytest.mark.parametrize(("masked", "exit_code"), [(["--masked"], 0), ([], 1)])
def test_verify_by_specified_elements(verify: Verify, tmp_path: Path, masked: list[str], exit_code: int) -> None:
    file, inputs = tmp_path / "mine.py", tmp_path / "inputs.pt"
    file.write_text("import torch\ndef product(x, w):\n    return torch.sparse.mm(x, w)\n")
    sparse = torch.tensor([[0.0, 2.0], [1.0, 0.0]], dtype=torch.float64).to_sparse().requires_grad_()
    torch.save((sparse, torch.tensor([[1.0, 3.0], [0.5, -1.0]], dtype=torch.float64)), inputs)
    assert verify(f"{file}:product", "--inputs", str(inputs), *masked, "--quiet")[0] == exit_code
    assert verify(f"{file}:product", "--loss", "x**2", "--masked")[0] == 2


@pytest.mark.parametrize("suffix", [".pt", ".npz"])
def test_verify_at_tensors_of_a_file(verify: Verify, code: str, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"inputs{suffix}"
    if suffix == ".pt":
        torch.save({"x": torch.randn(2, 3), "w": torch.randn(3)}, path)
    else:
        np.savez(path, x=np.ones((2, 3), np.float32), w=np.arange(3, dtype=np.float32) + 1)
    found, output = verify(f"{code}:Square", "--inputs", str(path), "--json", "-")
    report = check_document("tensor_report", output)
    assert (found, report["dtype"], [row["shape"] for row in report["rows"]]) == (0, "float32", [[2, 3], [3]])


def test_verify_a_whole_file_the_worst_first(verify: Verify, code: str) -> None:
    found, output = verify(code)
    lines = [line for line in output.splitlines() if line.startswith(("FAIL", "PASS"))]
    assert found == 1 and lines[0] == "FAIL  of 3 functions 1 fail, 2 pass"
    assert [line.split(":")[0] for line in lines[1:]] == ["FAIL  Halved", "PASS  Square", "PASS  Doubled"]
    found, output = verify(code, "--json", "-")
    document = check_document("gradient_report", output)
    assert (found, document["summary"]) == (1, {"pass": 2, "fail": 1, "inconclusive": 0})


def test_verify_a_whole_file_says_what_is_not_checked(verify: Verify, code: str) -> None:
    assert "\nnot checked, without sample_inputs: Unsampled\n" in verify(code)[1]
    assert check_document("gradient_report", verify(code, "--json", "-")[1])["unchecked"] == ["Unsampled"]


@pytest.mark.parametrize(
    ("name", "options", "exit_code", "words"),
    [
        ("Halved", (), 1, "FAIL Halved: the gradient by x is wrong"),
        ("Doubled", (), 0, "PASS Doubled: the gradient by x is right, 3 entries"),
        ("Halved", ("--surrogate", "identity"), 1, "FAIL Halved: the gradient by"),
        ("Unsampled", (), 2, "verify has to know"),
        ("Doubled", ("--at", "x=1"), 0, "PASS Doubled agrees with the truth"),
        ("Doubled", ("--dtype", "float64"), 2, "--dtype is that in which --inputs are drawn: sample_inputs"),
    ],
)
def test_verify_a_function_at_its_sample_inputs(
    verify: Verify, code: str, name: str, options: tuple[str, ...], exit_code: int, words: str
) -> None:
    found, output = verify(f"{code}:{name}", *options)
    assert found == exit_code and words in " ".join(output.split()), output


def test_a_file_is_executed_once_and_makes_the_inputs_of_what_is_named(verify: Verify, code: str) -> None:
    log, path = Path(f"{code}.log"), Path(code)
    path.write_text(f"{CODE.replace('return torch', 'raise KeyError; return torch')}open({str(log)!r}, 'a').write('x')")
    assert verify(f"{code}:Doubled", "--reference", f"{code}:Doubled")[0] == 0
    assert verify(f"{code}:Square")[0] == 2 and log.read_text() == "x"


def test_the_result_goes_to_files_and_annotations(verify: Verify, code: str, tmp_path: Path) -> None:
    page, text = tmp_path / "a.html", tmp_path / "a.md"
    found, output = verify(
        f"{code}:Halved", "--inputs", "x[2,2],w[2]", "--github", "--html", str(page), "--markdown", str(text)
    )
    assert found == 1 and "::error file=" in output and "Halved: the gradient by x is wrong" in output
    assert "Halved" in page.read_text() and "**FAIL**" in text.read_text()
    assert verify(code, "-o", str(page))[0] == 1 and "3 functions" in page.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{}:Square", "--inputs", "x[8,16],v[16]"], "unknown argument in --inputs: 'v': choose from w, x"),
        (["{}:Square", "--inputs", "x[8,16]"], "Square takes x, w: --inputs has no w"),
        (["{}:Squares", "--inputs", "x[3]"], "'Squares': did you mean 'Square'?"),
        (["{}:Square", "--inputs", "x[3]", "--shapes", "x[3]"], "leave --shapes out"),
        (["{}:Square", "--inputs", "x[3]", "--loss", "a*x"], "leave --loss out"),
        (["{}:Square", "--inputs", "x[a]"], "is not made of numbers"),
        (["{}:Square", "--inputs", "x[8,16"], "a bracket in 'x[8,16' belongs to no shape"),
        (["{}:Square", "--inputs", "x[3],x[3]"], "'x' is declared twice"),
        (["{}:Square", "--inputs", ""], "--inputs takes the shapes of the arguments"),
        (["{}:Square", "--inputs", "none.pt"], "cannot read none.pt: there is no such file"),
        (["--inputs", "x[3]"], "--inputs takes a function beside it"),
        (["{}:Square", "--inputs", "x[2,3],w[4]"], "Square raises RuntimeError: The size of tensor a (3)"),
        (["none.py"], "cannot read none.py: there is no such file"),
    ],
)
def test_what_cannot_be_verified_is_one_line(verify: Verify, code: str, arguments: list[str], message: str) -> None:
    found, output = verify(*(argument.format(code) for argument in arguments))
    assert found == 2 and message in " ".join(output.split())


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("x = 1", "has no autograd Function with sample_inputs"),
        ("def sample_inputs(): return {'Other': (1,)}\nclass Others: pass", "'Other': did you mean 'Others'?"),
        ("def sample_inputs(): return 3", "should return a mapping"),
        ("def sample_inputs(): raise KeyError('no')", "sample_inputs raises KeyError"),
    ],
)
def test_a_file_without_usable_inputs(verify: Verify, tmp_path: Path, lines: str, message: str) -> None:
    path = tmp_path / "none.py"
    path.write_text(lines)
    found, output = verify(str(path))
    assert found == 2 and message in " ".join(output.split())


@pytest.mark.parametrize(
    ("returned", "code", "words"),
    [
        ("{'x': ones(4, 3), 'w': ones(3)}", 0, "PASS Square: 15 entries right"),
        ("{'short': (ones(1, 3), ones(3)), 'long': (ones(4, 3), ones(3))}", 0, "PASS Square: 21 entries right"),
        ("{'x': ones(4, 3), 'v': ones(3)}", 2, "unknown argument in Square.sample_inputs: 'v': choose from w, x"),
        ("{'x': ones(4, 3)}", 2, "Square takes x, w: Square.sample_inputs has no w"),
    ],
)
def test_inputs_of_a_class_may_be_named(verify: Verify, tmp_path: Path, returned: str, code: int, words: str) -> None:
    path = tmp_path / "named.py"
    ones = "\n\ndef ones(*shape): return torch.ones(*shape, requires_grad=True)\n"
    listed = "return torch.randn(4, 3, requires_grad=True), torch.randn(3, requires_grad=True)"
    path.write_text(CODE.split("class Halved")[0].replace(listed, f"return {returned}") + ones)
    found, output = verify(str(path))
    assert found == code and words in " ".join(output.split())


def test_a_file_that_holds_no_tensors(verify: Verify, code: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.pt"
    path.write_bytes(b"no tensors")
    found, output = verify(f"{code}:Square", "--inputs", str(path))
    assert found == 2 and "should hold tensors as torch.save writes them" in " ".join(output.split())
    assert "cannot read" in output and "Traceback" not in output


# ------------------------------------------------------------------------------------------------------------- pytest
pytest_plugins = ("pytester",)

TESTS = """
import torch
import diffexplore as dx

def wrong(x):
    return 1.0 * x

class Wrong(torch.autograd.Function):
    forward = staticmethod(lambda ctx, x: 2 * x)
    backward = staticmethod(lambda ctx, g: 3 * g)

def test_right(gradient):
    assert gradient(torch.sin, torch.ones(3, requires_grad=True)).verdict == "pass"

def test_tuple(gradient):
    assert gradient(torch.mul, (torch.ones(3, requires_grad=True), torch.ones(3)), seed=2).seed == 2

def test_wrong(gradient):
    gradient(Wrong, inputs=torch.ones(3, requires_grad=True))
"""


def test_the_fixture_takes_the_same_call(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "--gradient-report", "found.json")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*FAIL  Wrong: the gradient by x is wrong*"])
    document = check_document("gradient_report", (pytester.path / "found.json").read_text())
    assert json.loads(json.dumps(document["summary"])) == {"pass": 2, "fail": 1, "inconclusive": 0}


class Off(torch.autograd.Function):
    """A number whose gradient is nearly right: the two look the same in six digits."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return x.exp()

    @staticmethod
    def backward(ctx: Any, upstream: torch.Tensor) -> torch.Tensor:
        (x,) = ctx.saved_tensors
        found: torch.Tensor = upstream * x.exp() * (1 + 1e-9 * torch.tensor([3.0, -1.0, 2.0], dtype=x.dtype))
        return found


def test_numbers_that_no_cause_explains_look_different() -> None:
    x = torch.tensor([0.5, -1.25, 2.0], dtype=torch.float64, requires_grad=True)
    (row,) = checked(Off, x, battery="none").failed
    assert row.cause is not None and row.cause.key == "unexplained"
    entries = row.cause.message.partition("wrong; ")[2].split("; ")
    assert len(entries) == 3
    assert all(len(set(entry.partition(" is ")[2].split(", not "))) == 2 for entry in entries)


def test_entries_that_are_undecided_are_told_in_plain_words() -> None:
    report = checked(torch.relu, [torch.tensor([0.0, 1.0, -2.0, 0.0], requires_grad=True)])
    assert "input 0: 2 entries undecided, at a kink, a tie or a singularity" in " ".join(str(report).split())


def test_gradients_with_causes_of_their_own_are_told_apart() -> None:
    """Only a gradient with the cause of the first is said to be wrong likewise."""

    def report(second: float) -> str:
        twice = function_of_all(lambda x, y: x.exp() * y, lambda g, x, y: (2 * g * x.exp() * y, second * g * x.exp()))
        inputs = [torch.linspace(0.3, 0.9, 6, dtype=torch.float64).requires_grad_() for _ in range(2)]
        return " ".join(str(dx.gradcheck(twice.apply, inputs, raise_exception=False, battery="none")).split())

    assert "; so is that by input " in report(2.0)
    assert "is wrong, too" in report(3.0)
    assert ": it is 3 times the gradient" in report(3.0)
    assert ": it is 2 times the gradient" in report(3.0)

"""What a user's own file may do while a command runs it: end the process, print, name a lambda."""

from __future__ import annotations

import inspect
import json
import os
from pathlib import Path

import pytest

from diffexplore.cli.main import main
from diffexplore.verifying.loading import load_candidate

Output = pytest.CaptureFixture[str]
FILE = """
import sys
import torch

def leaves(a, x):
    sys.exit(0)

def says(a, x):
    print("so far so good")
    return (a * x).mean()

short = lambda a, x: (a * x).mean()

def any_number(*numbers):
    return (numbers[0] * numbers[1]).mean()

def scaled(a, x, k):
    return (a * x).mean() * k

def focal(w, g, x, y):
    p = torch.sigmoid(w * x)
    q = torch.where(y == 1, p, 1 - p)
    return (-((1 - q) ** g) * torch.log(q)).mean()
"""
POINT = ["--at", "a=2", "--points", "3"]
METHODS = ["--methods", "reverse"]
RUNNING = [
    ["report", *POINT, *METHODS],
    ["verify", "--loss", "a*x", *POINT],
    ["prove", "--wrt", "a"],
    ["derive", "--wrt", "a"],
    ["graph", "--wrt", "a"],
    ["fit", *POINT, "--steps", "2"],
]


@pytest.fixture(autouse=True)
def _file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(FILE, encoding="utf-8")


@pytest.mark.parametrize("command", RUNNING, ids=lambda command: command[0])
def test_a_function_that_ends_the_process_has_no_verdict(command: list[str], capsys: Output) -> None:
    assert main([command[0], "mine.py:leaves", *command[1:]]) == 2
    assert "raises SystemExit: 0 (mine.py, line 6)" in capsys.readouterr().err


@pytest.mark.parametrize("command", RUNNING, ids=lambda command: command[0])
def test_what_a_function_prints_is_no_part_of_a_document(command: list[str], capsys: Output) -> None:
    option = ["--format", "json"] if command[0] == "derive" else ["--json", "-"]
    assert main([command[0], "mine.py:says", *command[1:], *option]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)
    assert "so far so good" in printed.err


@pytest.mark.parametrize(
    "command", [*RUNNING, ["verify", "--inputs", "x[3]"], ["report", "--json", "z" * 5_000]], ids=lambda one: one[0]
)
def test_a_name_that_is_too_long_for_a_file_is_refused(command: list[str], capsys: Output) -> None:
    given = "perpendicular" if "z" * 5_000 in command else f"{'z' * 5_000}.py:f"
    assert main([command[0], given, *command[1:]]) == 2
    assert capsys.readouterr().err.startswith("error: cannot ")


def test_a_lambda_has_the_name_by_which_the_file_calls_it(capsys: Output) -> None:
    assert main(["report", "mine.py:short", *POINT, *METHODS]) == 0
    loss = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("  L "))
    assert loss.endswith("   short")


def test_a_name_of_nothing_is_not_followed_by_an_empty_list(capsys: Output) -> None:
    assert main(["prove", "mine.py:any_number", "--wrt", "a"]) == 2
    assert capsys.readouterr().err == "error: unknown argument 'a': there is none\n"


def test_a_condition_that_holds_on_every_branch_is_not_stated(capsys: Output) -> None:
    """Neither branch of where(y = 1, σ, 1 − σ) reaches 1, and no condition is SymPy's if-then-else."""
    assert main(["prove", "mine.py:focal", "--wrt", "w,g", "--ascii"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "PROVED focal computes the gradient of its own forward pass, for every input and every number" in text
    assert "ITE" not in text and "holds where " not in text


def test_an_argument_without_a_column_is_named_before_the_function_is_called(capsys: Output) -> None:
    """Taken for a number of each sample, k would make the result a tensor, which is not what is wrong."""
    Path("x.csv").write_text("x\n1\n2\n", encoding="utf-8")
    assert main(["report", "mine.py:scaled", "--at", "a=2", "--data", "x.csv"]) == 2
    assert capsys.readouterr().err == "error: k is not a column of x.csv: give --at a=…,k=… (the columns are x)\n"


def test_a_file_that_is_written_again_is_read_again(tmp_path: Path) -> None:
    """Also where its size and its time are those that it had: a clock has ticks, and Python compares seconds."""
    file, factors = tmp_path / "mine.py", []
    for factor in (2, 3):
        file.write_text(f"def scaled(a):\n    return a * {factor}\n")
        os.utime(file, (1_700_000_000, 1_700_000_000))
        scaled = load_candidate(f"{file}:scaled")
        factors.append((scaled(1), inspect.getsource(scaled)[-2:-1]))
    assert factors == [(2, "2"), (3, "3")]

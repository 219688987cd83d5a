"""``diffexplore prove``, and losses that are functions in files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from diffexplore.cli.main import main

Output = pytest.CaptureFixture[str]

PROGRAMS = """\
import torch

print("imported")


def distance(a, b, x, y):
    return ((a * x + b - y) ** 2).mean()


def cut(a, b, x, y):
    return ((a * x + b - y) * (a * x + b - y).detach()).mean()


def linear(w, c, X, y):
    return ((X @ w + c - y) ** 2).sum()


def branches(a, x):
    return (a * x).mean() if a > 0 else x.mean()


def centred(x):
    return x - x.mean(-1, keepdim=True)


def uncentred(x):
    return x - x.mean(-1, keepdim=True).detach()


number = 3
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    Path("programs.py").write_text(PROGRAMS)


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize(
    ("arguments", "code", "answer"),
    [
        (["distance", "--wrt", "a,b"], 0, "PROVED  distance computes the gradient of its own forward pass"),
        (["distance", "--loss", "squared_error"], 0, "PROVED  distance computes the gradient of squared_error"),
        (["cut", "--loss", "squared_error"], 1, "REFUTED  cut does not compute the gradient of squared_error"),
        (["linear", "--wrt", "w,c", "--shapes", "w[2],X[2]"], 0, "PROVED  linear computes"),
    ],
)
def test_the_answer_and_the_exit_code(capsys: Output, arguments: list[str], code: int, answer: str) -> None:
    name, *options = arguments
    assert main(["prove", f"programs.py:{name}", *options, "--quiet"]) == code
    printed = capsys.readouterr()
    assert printed.out.startswith(answer)
    assert "imported" in printed.err  # what the file prints is not in the answer


def test_json_goes_to_a_file_or_alone_to_standard_output(capsys: Output) -> None:
    assert main(["prove", "programs.py:centred", "--shapes", "x[2]", "--json", "-"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["status"] == "proved"
    assert main(["prove", "programs.py:centred", "--shapes", "x[2]", "--json", "proof.json"]) == 0
    assert json.loads(Path("proof.json").read_text(encoding="utf-8")) == document
    assert "PROVED" in capsys.readouterr().out


def test_ascii(capsys: Output) -> None:
    assert main(["prove", "programs.py:uncentred", "--shapes", "x[2]", "--ascii"]) == 1
    assert capsys.readouterr().out.isascii()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["programs.py:distance", "--wrt", "q"], "'q'"),
        (["programs.py:missing", "--wrt", "a"], "'missing'"),
        (["programs.py:number", "--wrt", "a"], "is not a function"),
        (["nowhere.py:f", "--wrt", "a"], "no such file"),
        (["squared_error", "--wrt", "a"], "FILE.py:NAME"),
        (["programs.py:branches", "--wrt", "a"], "torch.where"),
        (["programs.py:linear", "--wrt", "w,c", "--shapes", "w[x]"], "shape"),
        (["programs.py:linear", "--wrt", "w,c", "--shapes", "q[2]"], "'q'"),
        (["programs.py:distance", "--wrt", "a,b", "--domain", "a >"], "a >"),
        (["programs.py:distance", "--wrt", "a,b", "--json", "no/such/folder"], "cannot write"),
    ],
)
def test_refusals(capsys: Output, arguments: list[str], message: str) -> None:
    assert main(["prove", *arguments]) == 2
    printed = capsys.readouterr()
    lines = [line for line in printed.err.splitlines() if line != "imported"]
    assert len(lines) == 1
    assert message in lines[0]
    assert printed.out == ""


def test_a_function_in_a_file_is_a_loss(capsys: Output) -> None:
    assert main(["derive", "programs.py:distance", "--wrt", "a,b", "--format", "json"]) == 0
    traced = json.loads(capsys.readouterr().out.removeprefix("imported\n"))
    assert main(["derive", "squared_error", "--format", "json"]) == 0
    known = json.loads(capsys.readouterr().out)
    assert traced["gradient"]["b"]["expression"] == known["gradient"]["b"]["expression"]


def test_a_function_in_a_file_is_reported_on(capsys: Output) -> None:
    Path("points.csv").write_text("x,y\n1,2\n2,3\n4,4\n")
    arguments = ["programs.py:distance", "--at", "a=1.5,b=0.5", "--data", "points.csv", "--quiet"]
    assert main(["report", *arguments]) == 0
    assert "PASS" in capsys.readouterr().out
    assert main(["report", "programs.py:linear", "--at", "w1=1,w2=2,c=0.5", "--shapes", "w[2],X[2]", "--points", "9",
                 "--quiet"]) == 0  # fmt: skip
    assert main(["report", "programs.py:distance", "--data", "points.csv"]) == 2
    assert "--at" in capsys.readouterr().err


@pytest.mark.usefixtures("causes_unsought")
def test_a_program_is_held_against_another_one(capsys: Output) -> None:
    assert main(["prove", "programs.py:cut", "--loss", "programs.py:distance", "--wrt", "a,b", "--quiet"]) == 1
    linear = ["--loss", "programs.py:linear", "--wrt", "w1,w2,c", "--shapes", "w[2],X[2]", "--quiet"]
    assert main(["prove", "programs.py:linear", *linear]) == 0
    assert "REFUTED  cut does not compute the gradient of distance" in capsys.readouterr().out


@pytest.mark.usefixtures("causes_unsought")
def test_a_verification_against_a_function_is_replayed(capsys: Output) -> None:
    Path("points.csv").write_text("x,y\n1,2\n2,3.5\n4,4\n")
    against = ["--loss", "programs.py:distance", "--at", "a=1.5,b=0.5", "--data", "points.csv"]
    assert main(["verify", "programs.py:cut", *against, "--json", "-", "--replay", "again.json"]) == 1
    first = json.loads(capsys.readouterr().out)
    assert main(["verify", "--replay", "again.json", "--json", "-"]) == 1
    assert json.loads(capsys.readouterr().out)["rows"] == first["rows"]


@pytest.mark.usefixtures("causes_unsought")
def test_without_names_every_argument_is_differentiated_by(capsys: Output) -> None:
    assert main(["prove", "programs.py:distance", "--json", "-"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [statement["name"] for statement in document["statements"]] == ["a", "b", "x", "y"]
    assert main(["prove", "programs.py:uncentred", "--shapes", "x[2]", "--quiet"]) == 1

"""``diffexplore verify``: candidates of files, what it prints, what it keeps, and what it refuses."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import pytest
from representatives import one_in, slow

from diffexplore.cli.main import main

Output = pytest.CaptureFixture[str]

CANDIDATES = """\
import sys
import torch

print("imported")


def right(a, b, x, y):
    print("called")
    return ((a * x + b - y) ** 2).mean()


def half(a, b, x, y):
    return ((a * x + b - y) ** 2).mean() / 2


def gradient(a, b, x, y):
    residual = a * x + b - y
    return (2 * x * residual).mean(), (2 * residual).mean()


def raises(a, b, x, y):
    raise ValueError("no such\\nluck")


def leaves(a, b, x, y):
    sys.exit(0)


class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, upstream):
        (x,) = ctx.saved_tensors
        return upstream * 3 * x**2


number = 3
"""
LOSS = ["--loss", "(a*x + b - y)**2", "--at", "a=2,b=1", "--data", "points.csv"]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(CANDIDATES, encoding="utf-8")
    Path("points.csv").write_text("x,y,u\n0.1,1.2,1\n1.3,2.9,-0.5\n2.7,5.1,0.25\n", encoding="utf-8")


@cache
def replay() -> str:
    """What is kept of the verification of ``half``."""
    assert main(["verify", "mine.py:half", *LOSS, "--replay", "again.json", "--quiet"]) == 1
    return Path("again.json").read_text(encoding="utf-8")


def refusal(capsys: Output, *arguments: str) -> str:
    """The one line with which a command is refused."""
    assert main(["verify", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = [line for line in captured.err.splitlines() if line not in ("imported", "called")]
    assert line.startswith("error: ")
    return line.removeprefix("error: ")


@pytest.mark.parametrize("width", [80, slow(120)])
def test_a_right_loss_passes(capsys: Output, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert main(["verify", "mine.py:right", *LOSS]) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert lines[0].startswith("PASS  right agrees with the truth: 3 comparisons reduced")
    assert max(map(len, lines)) <= width
    assert " L, the loss itself: 1 pass; worst 0.853 of 5.9 ulp allowed at a = 2, b = 1" in " ".join(
        captured.out.split()
    )
    assert main(["verify", "mine.py:right", *LOSS, "--full"]) == 0
    full = " ".join(capsys.readouterr().out.split())
    _, _, value = full.partition(" L = 0.72666667 at a = 2, b = 1: truth 0.72666667, error ")
    assert "pass" in value.split()[:6]
    assert "(value)" not in captured.out
    assert {"imported", "called"} <= set(captured.err.splitlines())


def test_what_a_candidate_prints_is_not_in_the_document(capsys: Output) -> None:
    assert main(["verify", "mine.py:right", *LOSS, "--json", "-"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["verdict"] == "pass"
    assert {row["method"] for row in document["rows"]} == {"right"}


def test_a_wrong_loss_fails(capsys: Output) -> None:
    assert main(["verify", "mine.py:half", *LOSS, "--ascii", "--markdown", "page.md"]) == 1
    page = capsys.readouterr().out
    words = " ".join(page.split())
    assert words.startswith(
        "FAIL your loss half is half this loss: a factor 2 was dropped; its gradient agrees with it"
    )
    assert page.isascii()
    assert "half this loss" in Path("page.md").read_text(encoding="utf-8")


def test_a_function_that_returns_the_gradient(capsys: Output) -> None:
    assert main(["verify", "mine.py:gradient", *LOSS, "--kind", "gradient", "--quiet"]) == 0
    assert capsys.readouterr().out.startswith("PASS  gradient agrees")


def test_formulas_in_a_file_are_not_executed(capsys: Output) -> None:
    Path("paper.json").write_text('{"a": "2*x*(a*x + b - y)", "b": "a*x + b - y"}', encoding="utf-8")
    assert main(["verify", "paper.json", *LOSS, "--quiet"]) == 1
    assert capsys.readouterr().out.startswith("FAIL  the candidate: ∂L/∂b is wrong (")


@pytest.mark.parametrize("upstream", ["2.5", "u"])
def test_an_upstream_gradient_is_a_number_or_a_column(capsys: Output, upstream: str) -> None:
    arguments = ["--loss", "x**3", "--wrt", "x", "--data", "points.csv", "--upstream", upstream]
    assert main(["verify", "mine.py:Cube", *arguments]) == 0
    assert "∂L/∂xᵢ: 3 pass" in capsys.readouterr().out


def test_a_fail_is_written_and_run_again(capsys: Output) -> None:
    assert main(["verify", "mine.py:half", *LOSS, "--replay", "again.json", "--json", "-", "--seed", "5"]) == 1
    captured = capsys.readouterr()
    assert "wrote again.json (" in captured.err
    first = json.loads(captured.out)
    kept = json.loads(Path("again.json").read_text(encoding="utf-8"))
    assert kept["points"] == [{"a": (2.0).hex(), "b": (1.0).hex()}]
    assert kept["data"]["x"] == [x.hex() for x in (0.1, 1.3, 2.7)]
    assert kept["candidate"] == "mine.py:half"
    Path("points.csv").unlink()
    assert main(["verify", "--replay", "again.json", "--json", "-"]) == 1
    again = json.loads(capsys.readouterr().out)
    assert again == first


def test_an_upstream_gradient_is_replayed(capsys: Output) -> None:
    Path("mine.py").write_text(CANDIDATES.replace("upstream * 3", "3"), encoding="utf-8")
    arguments = ["--loss", "x**3", "--wrt", "x", "--data", "points.csv", "--upstream", "u", "--replay", "again.json"]
    assert main(["verify", "mine.py:Cube", *arguments, "--quiet"]) == 1
    first = capsys.readouterr().out
    assert main(["verify", "--replay", "again.json", "--quiet"]) == 1
    assert capsys.readouterr().out == first


def test_a_pass_writes_no_replay(capsys: Output) -> None:
    assert main(["verify", "mine.py:right", *LOSS, "--replay", "again.json", "--quiet"]) == 0
    assert not Path("again.json").exists()
    assert "wrote" not in capsys.readouterr().err


@pytest.mark.usefixtures("causes_unsought")
def test_a_replay_of_a_mended_candidate_passes(capsys: Output) -> None:
    Path("again.json").write_text(replay(), encoding="utf-8")
    Path("mine.py").write_text(CANDIDATES.replace(".mean() / 2", ".mean()"), encoding="utf-8")
    assert main(["verify", "--replay", "again.json", "--quiet"]) == 0
    assert "PASS  half agrees" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mine.py:raises", *LOSS], "raises raises ValueError: no such luck (mine.py, line 22)"),
        (["mine.py:leaves", *LOSS], "leaves raises SystemExit: 0 (mine.py, line 26)"),
        (["mine.py:rigth", *LOSS], "unknown name in mine.py: 'rigth': did you mean 'right'?"),
        (["mine.py:number", *LOSS], "a candidate that computes a loss must be callable, not int"),
        (["yours.py:right", *LOSS], "cannot read yours.py: there is no such file"),
        (["right", *LOSS], "a candidate is FILE.py:NAME, or a FILE.json of formulas, not 'right'"),
        (["mine.py", *LOSS], "'mine.py' is a file: name what it defines, as in mine.py:gradient"),
        (["points.json", *LOSS], "cannot read points.json: No such file or directory"),
        (["mine.py:right", "--kind", "gradient"], "name the loss whose gradient it should be: --loss LOSS"),
        ([], "name a candidate, FILE.py:NAME with --loss LOSS, or a --replay FILE to run again"),
        (["--replay", "mine.py"], "mine.py holds no verification: --replay writes one where a candidate does not pass"),
        (["--replay", "none.json"], "cannot read none.json: No such file or directory"),
        (
            ["--replay", "mine.py", "--seed", "1"],
            "without a candidate, --replay runs what its file says: leave the other options out",
        ),
        (["mine.py:right", *LOSS, "--kind", "los"], "unknown kind 'los': did you mean 'loss'?"),
        (["mine.py:right", *LOSS, "--replay", "none/again.json"], "cannot write none/again.json: "),
        (["mine.py:Cube", *LOSS, "--upstream", "v"], "points.csv: "),
        (
            ["mine.py:Cube", "--loss", "x**3", "--wrt", "x", "--points", "3", "--upstream", "u"],
            "--upstream takes a number, or a column of the --data FILE, not 'u'",
        ),
    ],
)
def test_refusals(capsys: Output, arguments: list[str], message: str) -> None:
    line = refusal(capsys, *arguments)
    assert line.startswith(message)
    assert len(line) < 200


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import torch\n1 / 0\n", "broken.py raises ZeroDivisionError: division by zero (broken.py, line 2)"),
        ("def f(:\n", "broken.py raises SyntaxError: "),
        ("import nothing_of_this_name\n", "broken.py raises ModuleNotFoundError: "),
        ("raise SystemExit(0)\n", "broken.py raises SystemExit: 0 (broken.py, line 1)"),
    ],
)
def test_a_file_that_cannot_be_imported(capsys: Output, text: str, message: str) -> None:
    Path("broken.py").write_text(text, encoding="utf-8")
    assert refusal(capsys, "broken.py:f", *LOSS).startswith(message)


@pytest.mark.parametrize("content", ["{", "[]", '{"a": 1}'])
def test_a_file_that_holds_no_formulas(capsys: Output, content: str) -> None:
    Path("paper.json").write_text(content, encoding="utf-8")
    assert refusal(capsys, "paper.json", *LOSS).startswith("paper.json ")


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize(
    "change", one_in(2, [{"format": 99}, {"points": [{"a": "nan", "b": "0x1p0"}]}, {"data": {}}, {"more": 1}])
)
def test_a_replay_that_was_tampered_with(capsys: Output, change: dict[str, object]) -> None:
    document = json.loads(replay()) | change
    capsys.readouterr()
    Path("again.json").write_text(json.dumps(document), encoding="utf-8")
    assert refusal(capsys, "--replay", "again.json").startswith("again.json holds no verification")


def test_a_candidate_may_import_its_neighbours(capsys: Output) -> None:
    Path("neighbour.py").write_text("def square(t):\n    return t * t\n", encoding="utf-8")
    Path("user.py").write_text(
        "from neighbour import square\n\n\ndef f(a, b, x, y):\n    return square(a * x + b - y).mean()\n",
        encoding="utf-8",
    )
    assert main(["verify", "user.py:f", *LOSS, "--quiet"]) == 0
    assert capsys.readouterr().out.startswith("PASS  f agrees")


def test_the_help_says_that_the_file_is_executed(capsys: Output) -> None:
    assert main(["verify", "--help"]) == 0
    words = " ".join(capsys.readouterr().out.split())
    assert "THIS RUNS THE CODE IN FILE.py" in words


PACKED = """\
def layer(w, X, y):
    return ((X @ w - y) ** 2).mean()


def summed(w, X, y):
    return ((X @ w - y) ** 2).sum()
"""


def packed(name: str, *more: str) -> list[str]:
    Path("packed.py").write_text(PACKED)
    Path("two.csv").write_text("x1,x2,y\n1,0.5,1\n2,-0.25,0\n-1,3,2\n")
    loss = ["--loss", "(u*x1 + v*x2 - y)**2", "--at", "u=0.75,v=-1.5", "--data", "two.csv"]
    return ["verify", f"packed.py:{name}", *loss, "--pack", "w=u,v", "--pack", "X=x1,x2", *more]


def test_vectors_and_further_modes(capsys: Output) -> None:
    assert main(packed("layer", "--modes", "reverse,forward,double-backward", "--json", "-")) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert {row["method"] for row in rows} == {"layer", "layer (forward mode)", "layer (double backward)"}


def test_a_double_backward_is_shown_beside_its_own_truth(capsys: Output) -> None:
    main(packed("layer", "--modes", "reverse,double-backward"))
    assert re.search(r"∂²L/∂u² .*\d", capsys.readouterr().out)
    main(packed("layer", "--modes", "reverse,double-backward", "--full"))
    first, second = capsys.readouterr().out.split("∂²L/∂u²")
    assert "layer (double backward)" not in first.split("∂L/∂u  at")[1]
    assert "layer (double backward)" in second


@pytest.mark.usefixtures("causes_unsought")
def test_packs_and_modes_are_replayed(capsys: Output) -> None:
    arguments = packed("summed", "--modes", "forward", "--json", "-", "--replay", "again.json")
    assert main(arguments) == 1
    first = json.loads(capsys.readouterr().out)
    assert main(["verify", "--replay", "again.json", "--json", "-"]) == 1
    assert json.loads(capsys.readouterr().out)["rows"] == first["rows"]


@pytest.mark.parametrize("given", ["w", "w=", "=u,v", "w=u,,v"])
def test_a_pack_that_cannot_be_read(capsys: Output, given: str) -> None:
    assert main([*packed("layer"), "--pack", given]) == 2
    assert "--pack takes" in capsys.readouterr().err

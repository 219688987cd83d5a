"""Every command's answer fits one screen of 40 lines of 80 columns; --full shows the rest."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from representatives import slow, these

from diffexplore.cli.main import main
from diffexplore.proving import prove
from diffexplore.verifying.replay import Replay


def lines_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    main([*arguments])
    return capsys.readouterr().out.rstrip("\n").splitlines()


@pytest.fixture(autouse=True)
def _eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


@pytest.mark.parametrize(
    "arguments",
    [
        ("report", "--dtype", "float16", "--samples", "4"),
        slow(("report", "hyperplane", "--dtype", "bfloat16", "--samples", "30")),
        slow(("report", "--scan", "h=1e-9:1e-2:12", "--samples", "3")),
        slow(("report", "--scan", "a=-3:3:3", "--scan", "h=1e-9:1:5", "--samples", "10")),
        ("graph", "perpendicular"),
        ("graph", "huber"),
        ("graph", "hyperplane:9"),
        ("graph", "sin(a*x)*exp(b*x)/(1+a**2*x**2)+log(1+exp(a*x+b))"),
    ],
    ids=" ".join,
)
def test_it_fits(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    lines = lines_of(capsys, *arguments)
    assert 10 < len(lines) <= 40
    assert max(map(len, lines)) <= 80
    page = "\n".join(lines)
    used, explained = set(re.findall(r"\d (\[\d\])", page)), set(re.findall(r"^(\[\d\]) ", page, re.MULTILINE))
    assert used <= explained, "however much is saved, what a cell refers to is on the screen"
    assert used or "float16" not in arguments


def test_a_scan_stands_in_the_place_of_the_matrix_and_says_where(capsys: pytest.CaptureFixture[str]) -> None:
    lines = lines_of(capsys, "report", "--samples", "5", "--at", "a=2,b=1", "--scan", "a=1:2:3")
    page = "\n".join(lines)
    assert "perpendicular at b = 1, in float64 on 5 samples." in page
    assert [line.strip() for line in lines if "Correct digits of" in line] == [
        "correct digits          Correct digits of ∂L/∂a along a",
        "correct digits          Correct digits of ∂L/∂b along a",
    ]
    assert "would be caught  " not in page
    assert "diffexplore report --at a=2,b=1 --samples 5 --scan a=1:2:3 --full" in page
    full = "\n".join(lines_of(capsys, "report", "--samples", "5", "--at", "a=2,b=1", "--scan", "a=1:2:3", "--full"))
    assert "From the fewest to the most" in full


def test_a_graph_on_one_screen_counts_what_it_leaves_out(capsys: pytest.CaptureFixture[str]) -> None:
    brief, full = (lines_of(capsys, "graph", "hyperplane:9", *more) for more in ((), ("--full",)))
    assert len(full) > 150

    def tree(lines: list[str]) -> int:
        start, end = (next(i for i, line in enumerate(lines) if line.startswith(word)) for word in ("Forw", "Backw"))
        inside = [line for line in lines[start:end] if line.startswith("  ")]
        return sum(bool(line[2:3].strip()) or "├" in line or "└" in line for line in inside)

    (left,) = (int(found[1]) for line in brief if (found := re.match(r"and (\d+) further lines: --full", line)))
    assert tree(brief) + left == tree(full)
    (steps,) = (int(found[1]) for line in brief if (found := re.match(r"and (\d+) other steps: --full", line)))
    back = [sum(bool(re.match(r"  ∂L/∂\w+ +=", line)) for line in lines) for lines in (brief, full)]
    assert back[0] + steps == back[1]


PROGRAMS = """
import torch

class Scaled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a)
        return a.clone(), b.clone()

    @staticmethod
    def backward(ctx, by_a, by_b):
        return by_a * ctx.saved_tensors[0], by_b * 2

def right(a, b, x, y):
    return ((a*x - y + b)**2 / (2*(a**2 + 1))).mean()

def factor(a, b, x, y):
    return ((a*x - y + b)**2 / (a**2 + 1)).mean()

def missing(a, b, x, y):
    return ((a*x - y)**2 / (2*(a**2 + 1))).mean()

def added(a, b, x, y):
    return right(a, b, x, y) - 3

def tilted(a, b, x, y):
    return right(a, b, x, y) - 0.5*a

def no_number(a, b, x, y):
    return right(a, b, x, y) + torch.sqrt(-1 - a*a)

def power(a, b, x, y):
    return ((a*x - y + b)**2 / (2*(a**2 + 1)**2)).mean()

def several(a, b, x, y):
    return right(*Scaled.apply(a, b), x, y)
"""
#: What the headline says of each, by both commands or by one of them.
HEADLINES: dict[str, dict[str, str]] = {
    "right": {"verify": "PASS", "prove": "PROVED"},
    "factor": dict.fromkeys(
        ("verify", "prove"), "is 2 times this loss: the 1/2 is missing; its gradient agrees with it"
    ),
    "missing": dict.fromkeys(("verify", "prove"), "as if the term b were missing in a*x + b - y"),
    "added": dict.fromkeys(("verify", "prove"), "the constant -3 is added to the loss, which changes no gradient"),
    "tilted": dict.fromkeys(("verify", "prove"), "an extra constant -0.5 (+- "),
    "no_number": {"verify": "sqrt(-1) = NaN; sqrt has no real value of a negative number"},
    "power": dict.fromkeys(("verify", "prove"), "that has 1/(a**2 + 1)**2 in the place of 1/(a**2 + 1)"),
    "several": dict.fromkeys(("verify", "prove"), "it is a times the gradient; dL/db is wrong too"),
}


#: A pass, and a proof and a fail with what is said of the loss.
EACH_TIME = [("verify", "right"), ("prove", "added"), ("verify", "no_number")]


@pytest.fixture
def computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first result is shown again by the later commands of a test, which differ in how they show it alone."""

    def once(function: Callable[..., Any]) -> Callable[..., Any]:
        results: list[Any] = []

        def kept(*args: Any, **options: Any) -> Any:
            if not results:
                results.append(function(*args, **options))
            return results[0]

        return kept

    monkeypatch.setattr(Replay, "run", once(Replay.run))
    monkeypatch.setattr(prove, "prove", once(prove.prove))


@pytest.mark.usefixtures("computed_once")
@pytest.mark.parametrize(
    ("command", "program"),
    these(EACH_TIME, [(command, program) for program, said in HEADLINES.items() for command in said]),
)
def test_a_verdict_stands_first_with_its_cause(
    command: str, program: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "mine.py"
    path.write_text(PROGRAMS, encoding="utf-8")
    called = (command, f"{path}:{program}", "--loss", "perpendicular", "--ascii")
    lines = lines_of(capsys, *called)
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80
    headline = lines[: lines.index("")]
    assert HEADLINES[program][command] in " ".join(" ".join(headline).split())
    assert "overflows" not in "\n".join(lines), "a NaN is no overflow"
    assert lines_of(capsys, *called, "--quiet") == headline
    typeset = "\n".join(lines_of(capsys, *called[:-1], "--quiet"))
    assert re.search(r"(?<![\w.])-(?=[\d.])", typeset) is None, "a negative number has a minus sign"

"""Defaults of a project, from [tool.diffexplore] in the nearest pyproject.toml."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from diffexplore.cli.main import main

Output = pytest.CaptureFixture[str]

REPORT = ["report", "a*x", "--at", "a=1.5", "--samples", "4", "--json", "-"]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's pyproject.toml, above the working directory."""
    folder = tmp_path / "tests" / "unit"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return tmp_path / "pyproject.toml"


def document(capsys: Output, *more: str) -> tuple[dict[str, Any], str]:
    assert main([*REPORT, *more]) == 0
    captured = capsys.readouterr()
    found: dict[str, Any] = json.loads(captured.out)
    return found, captured.err


def test_a_default_holds_where_the_command_line_says_nothing(project: Path, capsys: Output) -> None:
    project.write_text(
        '[tool.diffexplore]\ndtype = "float32"\nseed = 7\n[tool.diffexplore.report]\nmethods = ["reverse"]\n'
    )
    found, notes = document(capsys)
    assert (found["dtype"], found["seed"]) == ("float32", 7)
    assert {row["method"] for row in found["rows"] if row["parameter"] == "a"} == {"reverse"}
    (line,) = [line for line in notes.splitlines() if line.startswith("defaults from ")]
    place, _, used = line.partition(f"{project}: ")
    assert place == "defaults from "
    assert sorted(used.split()) == ["--dtype", "--methods", "--seed", "7", "float32", "reverse"]
    found, notes = document(capsys, "--dtype=float64", "--methods", "forward", "--seed", "1")
    assert (found["dtype"], found["seed"]) == ("float64", 1)
    assert "defaults from" not in notes


def test_a_command_has_defaults_of_its_own(project: Path, capsys: Output) -> None:
    project.write_text(
        "[tool.diffexplore]\ndtype = 'float32'\n[tool.diffexplore.fit]\ndtype = 'float64'\nlr = 1e-3\nsteps = 3\n"
    )
    assert main(["fit", "a**2", "--at", "a=1", "--json", "-"]) == 0
    captured = capsys.readouterr()
    fit = json.loads(captured.out)
    assert (fit["dtype"], fit["lr"], fit["steps"]) == ("float64", 1e-3, 3)
    assert document(capsys)[0]["dtype"] == "float32"


def test_the_nearest_file_counts_and_quiet_says_nothing_of_it(
    project: Path, tmp_path: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write_text('[tool.diffexplore]\ndtype = "float32"\n')
    (tmp_path / "tests" / "pyproject.toml").write_text("[tool.black]\nline-length = 88\n")
    found, notes = document(capsys)
    assert (found["dtype"], "defaults" in notes) == ("float64", False)
    monkeypatch.chdir(tmp_path)
    found, notes = document(capsys, "--quiet")
    assert (found["dtype"], notes) == ("float32", "")


def test_flags_are_true_or_false(project: Path, capsys: Output) -> None:
    project.write_text("[tool.diffexplore]\nascii = true\nno_color = false\n")
    assert main(["derive", "a*x**2"]) == 0
    assert capsys.readouterr().out.isascii()


def test_a_replay_runs_what_its_file_says(project: Path, capsys: Output) -> None:
    project.write_text('[tool.diffexplore]\ndtype = "float32"\n')
    Path("mine.py").write_text("def loss(a, x):\n    return 2*(a*x).mean()\n")
    assert main(["verify", "mine.py:loss", "--loss", "a*x", "--at", "a=1", "--samples", "5", "--replay", "r.json"]) == 1
    capsys.readouterr()
    project.write_text('[tool.diffexplore]\ndtype = "float64"\n')
    assert main(["verify", "--replay", "r.json", "--json", "-"]) == 1
    assert json.loads(capsys.readouterr().out)["dtype"] == "float32"
    assert main(["verify", "--replay", "r.json", "--dtype", "float64"]) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dtyp = 'float32'", "unknown key in [tool.diffexplore] of {}: 'dtyp': did you mean 'dtype'?"),
        ("data = 'x.csv'", "unknown key in [tool.diffexplore] of {}: 'data': "),
        ("lr = 1", "{}: lr belongs to a command: write it in a table such as [tool.diffexplore.fit]"),
        ("quiet = 1", "{}: quiet should be true or false, not 1"),
        ("seed = nan", "{}: seed should be a text, a number or a list of these, not nan"),
        ("dtype = {a = 1}", "unknown key in [tool.diffexplore] of {}: 'dtype'"),
        ("dtype = [1", "{} is not TOML: "),
        ("[tool.diffexplore.fit]\nlrr = 1", "unknown key in [tool.diffexplore.fit] of {}: 'lrr': did you mean 'lr'?"),
        ("[tool.diffexplore.fits]\nlr = 1", "unknown key in [tool.diffexplore] of {}: 'fits': did you mean 'fit'?"),
    ],
)  # fmt: skip
def test_what_is_no_default_is_refused_in_one_line(project: Path, text: str, message: str, capsys: Output) -> None:
    project.write_text(f"[tool.diffexplore]\n{text}\n")
    assert main(["report", "huber"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: " + message.format(project))
    assert captured.err.count("\n") == 1
    assert main(["report", "--help"]) == 0

"""What people type: short ways, other names, whole numbers in any notation, and what is said of the rest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import diffexplore as dx
from diffexplore.cli.main import main
from diffexplore.whole import whole

Output = pytest.CaptureFixture[str]
SEED = "x,y\n0,1.2\n1,2.9\n2,5.1\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("seed.csv").write_text(SEED, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("argument", ["-v", "-V", "--version", "version"])
def test_the_version(argument: str, capsys: Output) -> None:
    assert main([argument]) == 0
    assert capsys.readouterr().out == f"diffexplore {dx.__version__}\n"


def test_help_of_all_and_of_one_command(capsys: Output) -> None:
    pages = {}
    for arguments in (["help"], ["--help"], ["help", "graph"], ["graph", "--help"]):
        assert main(arguments) == 0
        pages[tuple(arguments)] = capsys.readouterr().out
    assert pages["help",].strip() == pages["--help",].strip()
    assert pages["help", "graph"] == pages["graph", "--help"]
    assert "--svg" in pages["help", "graph"]


@pytest.mark.parametrize("alias", ["backward", "autograd", "reverse,backward"])
def test_reverse_mode_has_other_names(alias: str) -> None:
    loss = dx.Loss("a*x", parameters="a", data="x")
    report = dx.check(loss, {"x": [1.0, 2.0]}, {"a": 1.0}, methods=alias)
    assert {row.method for row in report.rows} == {"reverse"}
    assert {row.method for row in dx.check(loss, {"x": [1.0]}, {"a": 1.0}, methods=alias.split(",")).rows} == {
        "reverse"
    }


def test_other_names_on_the_command_line(capsys: Output) -> None:
    assert main(["report", "a*x", "--at", "a=1", "--points", "3", "--methods", "numpy, autograd", "--json", "-"]) == 0
    assert {row["method"] for row in json.loads(capsys.readouterr().out)["rows"]} == {"numpy", "reverse"}


@pytest.mark.parametrize("number", ["20", "2e1", "20.0", "2_0", "+20", "0.2e2", "2.E+1"])
def test_whole_numbers_in_any_notation(number: str, capsys: Output) -> None:
    given = ["--points", number, "--seed", number]
    assert main(["report", "a*x", "--at", "a=1", *given, "--methods", "numpy", "--json", "-"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["n"], document["seed"]) == (20, 20)


@pytest.mark.parametrize(
    ("text", "number"),
    [("1e6", 10**6), ("1_000_000", 10**6), ("1e-1", None), ("2.5", None), ("", None), ("1__0", None), ("_1", None),
     ("1e", None), ("nan", None), ("inf", None), ("1e9999", None), ("0x10", None), ("٣", None), ("-3", -3), ("1e999", 10**999)],
)  # fmt: skip
def test_texts_of_whole_numbers(text: str, number: int | None) -> None:
    assert whole(text) == number


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["report", "a*x", "--at", "a=1", "--points", "many"], "--samples takes a whole number, such as 1000 or 1e6, not 'many'"),
        (["report", "a*x", "--at", "a=1", "--points", "2.5"], "--samples takes a whole number, such as 1000 or 1e6, not '2.5'"),
        (["verify", "m.py:f", "--loss", "a", "--seed", "x"], "--seed takes a whole number"),
        (["graph", "a*x", "--sample", "one"], "--sample takes a whole number"),
        (["report", "a*x", "--step", "small"], "--step takes a positive number such as 1e-5, not 'small'"),
        (["report", "a*x", "--at"], "--at lacks its value: --at a=1.3,b=0.7 (see diffexplore report --help)"),
        (["report", "a*x", "--quiet=yes"], "--quiet takes no value: leave out what follows the '='"),
        (["derive"], "LOSS is missing: diffexplore derive LOSS [OPTIONS]"),
        (["prove"], "FILE.py:NAME is missing: diffexplore prove FILE.py:NAME [OPTIONS]"),
        (["report", "a", "+", "b"], "'+ b' is more than the command takes, diffexplore report [LOSS] [OPTIONS]"),
        (["list", "methods", "losses"], "'losses' is more than the command takes, diffexplore list [NAME] [OPTIONS]"),
        (["audit", "log10"], "diffexplore audit [OPTIONS], which without an argument does all that it can: audit the"),
        (["prove", "mine.py:loss", "a*x"], "prove FILE.py:NAME [OPTIONS]: give the loss with --loss, in quotes"),
        (["verify", "m.py:f", "-a*x", "y"], "verify [FILE.py:NAME] [OPTIONS]: give the loss with --loss, in quotes"),
        (["report", "a*x", "-w"], "unknown option '-w' (see diffexplore report --help)"),
        (["report", "-v"], "unknown option '-v': diffexplore --version prints the version (the formula is written '(-v)')"),
        (["derive", "a*x", "-V"], "unknown option '-V': diffexplore --version prints the version"),
        (["fit", "a*x", "-q"], "unknown option '-q': --quiet leaves out"),
        (["list", "-v"], "unknown option '-v'"),
        (["report", "seed.csv"], "'seed.csv' is a file of data, not a loss: give the loss first, then --data seed.csv"),
        (["derive", "no/such.NPZ"], "'no/such.NPZ' is a file of data, not a loss"),
        (["graph", "mine.py"], "'mine.py' is a file: name the function in it, as in mine.py:loss"),
        (["report", "found.json"], "'found.json' is a file, not a loss"),
        (["report", "a*x + b - y", "--data", "seed.csv"],
         "a, b are not columns of seed.csv: give --at a=…,b=… (the columns are x, y)"),
        (["report", "a*x + b - y", "--data", "seed.csv", "--at", "a=1"],
         "b is not a column of seed.csv: give --at a=…,b=… (the columns are x, y)"),
        (["report", "a*X - y", "--data", "seed.csv", "--at", "a=1"], "X is not a column of seed.csv: did you mean 'x'?"),
        (["verify", "m.py:f", "--loss", "a*x - y", "--data", "seed.csv"], "a is not a column of seed.csv: give --at a=…"),
        (["graph", "a*x - y", "--data", "seed.csv"], "a is not a column of seed.csv: give --at a=…"),
        (["report", "a*x - y", "--data", "none.csv"], "cannot read none.csv: No such file or directory"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)  # fmt: skip
def test_the_error_says_what_would_be_right(arguments: list[str], message: str, capsys: Output) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert "pydantic" not in error
    assert "Input should" not in error


@pytest.mark.parametrize(
    ("text", "partial"),
    [("x²", "∂L/∂x = 2·x"), ("x⁻²", "∂L/∂x = −2/x³"), ("x³ + x²", "∂L/∂x = "), ("σ(w·x)", "∂L/∂w = x·σ(−w·x)·σ(w·x)"),
     ("mean[(a·x − y)²]", "∂L/∂a = mean[2·x·(a·x − y)]"), ("|x|", "∂L/∂x = "), ("√x", "∂L/∂x = ")],
)  # fmt: skip
def test_what_is_printed_is_read_back(text: str, partial: str, capsys: Output) -> None:
    assert main(["derive", text, *(["--wrt", "a"] if "a" in text.replace("mean", "") else [])]) == 0
    assert partial in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["derive", "-v", "--wrt", "v"], ["derive", "(-v)"], ["derive", "-x"]])
def test_a_formula_of_one_symbol_with_a_minus_sign(arguments: list[str], capsys: Output) -> None:
    assert main(arguments) == 0
    assert "= −1" in capsys.readouterr().out


def test_missing_columns_of_an_archive(capsys: Output) -> None:
    import numpy as np

    np.savez("seed.npz", x=[1.0, 2.0])
    assert main(["report", "a*x + b", "--data", "seed.npz", "--at", "a=1"]) == 2
    assert "b is not a column of seed.npz: give --at a=…,b=… (the columns are x)" in capsys.readouterr().err


def test_the_list_shows_functions_and_other_names(capsys: Output) -> None:
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    assert "also called backward, autograd" in " ".join(out.split())
    assert "heaviside" in out
    assert max(map(len, out.splitlines())) <= 80

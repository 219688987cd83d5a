"""``-o FILE`` by its suffix, the options of all commands, figures, SARIF, annotations and dataframes."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
from representatives import one_in

import diffexplore as dx
from diffexplore.cli.formats import FORMATS, of_command
from diffexplore.cli.formats.record import COMMANDS
from diffexplore.cli.main import main
from diffexplore.errors import UsageError

Output = pytest.CaptureFixture[str]
PROGRAM = '''"""Candidates."""
import torch


def helper(x):
    return x


def right(a, x):
    return (a * x**2).mean()


def wrong(a, x):
    return helper((a * x**2).mean() * 2)


tripled = lambda a, x: (3 * a * x**2).mean()
'''
FORMULA = ["a*x**2", "--at", "a=2", "--points", "4"]
RUNS: dict[str, list[str]] = {
    "report": ["report", *FORMULA, "--methods", "reverse"],
    "verify": ["verify", "mine.py:wrong", "--loss", *FORMULA],
    "prove": ["prove", "mine.py:wrong", "--wrt", "a"],
    "fit": ["fit", "squared_error", "--lr", "0.1", "--steps", "3", "--dtype", "float64"],
    "graph": ["graph", *FORMULA],
    "derive": ["derive", "a*x**2", "--wrt", "a"],
    "audit": ["audit", "--only", "neg"],
}
SUFFIXES = [(command, suffix) for command in RUNS for format in of_command(command) for suffix in format.suffixes]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(PROGRAM, encoding="utf-8")
    return tmp_path


# -------------------------------------------------------------------------------------------------------------- by suffix
@pytest.mark.parametrize("command", one_in(3, RUNS, first=2))
def test_every_suffix_and_every_option_in_one_run(command: str, capsys: Output) -> None:
    suffixes = [suffix for known, suffix in SUFFIXES if known == command]
    files = [f"out{suffix}" for suffix in suffixes]
    by_option = {
        format.option: f"same{format.suffixes[0]}"
        for format in of_command(command)
        if format.option and format.suffixes
    }
    options = [
        *(part for file in files for part in ("-o", file)),
        *(part for pair in by_option.items() for part in pair),
    ]
    assert main([*RUNS[command], *map(str, options)]) in (0, 1)
    assert capsys.readouterr().out.strip()  # files leave standard output to people
    for file in files:
        _check(Path(file))
    for file in by_option.values():
        assert Path(file).read_bytes() == Path(file.replace("same", "out")).read_bytes()


def _check(path: Path) -> None:
    """That a file is what its suffix says."""
    raw = path.read_bytes()
    match path.suffix:
        case ".json" if path.name.endswith(".sarif.json"):
            assert json.loads(raw)["version"] == "2.1.0"
        case ".json" | ".sarif":
            assert isinstance(json.loads(raw), dict)
        case ".html" | ".htm":
            assert raw.startswith(b"<!doctype html>")
        case ".svg":
            assert ElementTree.fromstring(raw).tag.endswith("svg")
        case ".png":
            assert raw.startswith(b"\x89PNG")
        case ".pdf":
            assert raw.startswith(b"%PDF")
        case ".md" | ".markdown":
            assert raw.startswith(b"# ")
        case ".dot" | ".gv":
            assert raw.startswith(b"digraph")
        case ".py":
            compile(raw, path.name, "exec")
        case ".tex":
            assert b"\\partial" in raw
        case _:
            assert path.suffix == ".txt" and raw.strip()


@pytest.mark.parametrize("command", RUNS)
def test_a_dash_is_json(command: str, capsys: Output) -> None:
    assert main([*RUNS[command], "-o", "-"]) in (0, 1)
    document = json.loads(capsys.readouterr().out)
    assert document["schema_version"] == 2


def test_a_figure_of_a_graph_is_its_drawing() -> None:
    assert main([*RUNS["graph"], "--figure", "x.svg", "--svg", "y.svg"]) == 0
    assert Path("x.svg").read_text("utf-8") == Path("y.svg").read_text("utf-8")


def test_suffixes_in_any_case() -> None:
    assert main([*RUNS["graph"], "-o", "X.JSON", "-o", "x.Svg"]) == 0
    assert json.loads(Path("X.JSON").read_text("utf-8"))["nodes"] and Path("x.Svg").exists()


# --------------------------------------------------------------------------------------------------------------- refusals
@pytest.mark.parametrize(("command", "arguments", "said"), [
    ("fit", ["-o", "x.doc"], "end it in .json, .md,"),
    ("fit", ["-o", "x"], "end it in .json, .md,"),
    ("fit", ["-o", ".json"], "not '.json'"),
    ("report", ["-o", "x.dot"], "not 'x.dot'"),
    ("fit", ["-o", ""], "not ''"),
    ("fit", ["--figure", "x.gif"], ".png, .svg or .pdf"),
    ("fit", ["--figure", "-"], "--figure takes the name of a file"),
    ("graph", ["--figure", "x.png"], "a graph is drawn as SVG"),
    ("graph", ["-o", "x.png"], "not 'x.png'"),
    ("fit", ["-o", "-", "--markdown", "-"], "-o - and --markdown - both take standard output"),
    ("report", ["-o", "-", "--rows", "all"], "--rows all and -o - both take standard output"),
    ("derive", ["-o", "-", "--format", "latex"], "--format latex and -o - both take standard output"),
    ("fit", ["-o", "x.json", "--json", "x.json"], "-o x.json and --json x.json would write the same file"),
    ("fit", ["-o", "x.json", "-o", "./x.json"], "would write the same file"),
    ("verify", ["-o", "x.json", "--replay", "x.json"], "would write the same file"),
    ("fit", ["-o", "none/x.json"], "cannot write none/x.json"),
    ("fit", ["--html", "."], "cannot write ."),
    ("derive", ["--github"], "unknown option '--github'"),
    ("graph", ["--sarif", "x.sarif"], "unknown option '--sarif'"),
    ("fit", ["-o"], "lacks its value"),
])  # fmt: skip
def test_what_cannot_be_written_is_refused_before_the_work(
    command: str, arguments: list[str], said: str, capsys: Output, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("diffexplore.cli.loss_argument.loss_to_check", lambda *_, **__: pytest.fail("it began"))
    monkeypatch.setattr("diffexplore.cli.loss_argument.loss_to_derive", lambda *_, **__: pytest.fail("it began"))
    assert main([*RUNS[command], *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert [path.name for path in folder.iterdir()] == ["mine.py"]


def test_without_matplotlib_a_figure_is_refused_before_the_work(
    capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("diffexplore.figures.matplotlib.find_spec", lambda name: None)
    monkeypatch.setattr("diffexplore.cli.loss_argument.loss_to_check", lambda *_, **__: pytest.fail("it began"))
    assert main([*RUNS["fit"], "-o", "x.png"]) == 2
    assert 'python -m pip install "diffexplore[plot]"' in capsys.readouterr().err


def test_one_text_that_cannot_be_made_leaves_no_file(
    capsys: Output, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> str:
        raise UsageError("this page cannot be made")

    monkeypatch.setattr("diffexplore.pages.to_page", broken)
    assert main([*RUNS["graph"], "-o", "a.json", "-o", "b.html"]) == 2
    assert "this page cannot be made" in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == ["mine.py"]


def test_a_minus_o_is_an_option_and_not_a_formula(capsys: Output) -> None:
    assert main(["derive", "-a*x", "--wrt", "a", "-o", "x.json"]) == 0
    assert json.loads(Path("x.json").read_text("utf-8"))["gradient"]["a"]["expression"] == "-x"


# ---------------------------------------------------------------------------------------------------------------- registry
def test_formats_name_commands_and_have_their_own_options() -> None:
    assert all(set(format.commands) <= set(COMMANDS) for format in FORMATS)
    assert all(suffix.startswith(".") and suffix == suffix.lower() for format in FORMATS for suffix in format.suffixes)
    for command in RUNS:
        options = [format.option for format in of_command(command) if format.option]
        assert len(options) == len(set(options))
        assert {"--json", "--markdown", "--html"} <= {format.option for format in of_command(command)}


# ------------------------------------------------------------------------------------------------------------------- SARIF
def _sarif(*arguments: str) -> dict[str, Any]:
    main([*arguments, "--quiet", "--sarif", "out.sarif"])
    log: dict[str, Any] = json.loads(Path("out.sarif").read_text("utf-8"))
    _check_structure(log)
    (run,) = log["runs"]
    return run  # type: ignore[no-any-return]


def _check_structure(log: dict[str, Any]) -> None:
    """What SARIF 2.1.0 demands of a log (sections 3.13, 3.14, 3.18, 3.27, 3.28, 3.30, 3.49)."""
    assert log["version"] == "2.1.0" and log["$schema"].endswith("sarif-2.1.0.json")
    for run in log["runs"]:
        driver = run["tool"]["driver"]
        assert driver["name"] == "diffexplore"
        ids = [rule["id"] for rule in driver["rules"]]
        assert len(ids) == len(set(ids)) and all(rule["shortDescription"]["text"] for rule in driver["rules"])
        for result in run["results"]:
            assert result["message"]["text"] and ids[result["ruleIndex"]] == result["ruleId"]
            assert result["kind"] in ("fail", "open")
            assert result["level"] == ("error" if result["kind"] == "fail" else "none")  # only fails have a level
            for location in result.get("locations", ()):
                physical = location["physicalLocation"]
                uri = physical["artifactLocation"]["uri"]
                assert "\\" not in uri and " " not in uri and Path(unquote(uri)).is_file()
                assert physical["region"]["startLine"] >= 1


@pytest.mark.parametrize(("name", "line"), [("wrong", 13), ("tripled", 17)])
def test_sarif_points_to_the_candidate(name: str, line: int) -> None:
    run = _sarif("verify", f"mine.py:{name}", "--loss", *FORMULA)
    (result,) = run["results"]
    assert (result["ruleId"], result["kind"]) == ("factor", "fail")
    assert "is wrong by" in result["message"]["text"] and "times the" in result["message"]["text"]
    place = result["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "mine.py"}, "region": {"startLine": line}}


def test_sarif_of_what_is_right_is_empty() -> None:
    run = _sarif("verify", "mine.py:right", "--loss", *FORMULA)
    assert run["results"] == [] and run["tool"]["driver"]["rules"] == []


def test_sarif_of_what_is_undecided_is_open() -> None:
    run = _sarif("report", "abs(a*x)", "--at", "a=0", "--points", "4", "--methods", "reverse")
    assert {result["kind"] for result in run["results"]} == {"open"}
    assert "could not decide ∂L/∂a at a = 0" in run["results"][0]["message"]["text"]
    assert "locations" not in run["results"][0]


def test_sarif_of_a_proof(folder: Path) -> None:
    Path("odd name.py").write_text(PROGRAM, encoding="utf-8")
    run = _sarif("prove", "odd name.py:wrong", "--loss", "a*x**2", "--wrt", "a")
    (result,) = run["results"]
    assert result["kind"] == "fail" and result["message"]["text"].startswith("your loss wrong is 2 times this loss")
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "odd%20name.py"


def test_sarif_of_a_file_elsewhere(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("other") / "mine.py"
    path.write_text(PROGRAM, encoding="utf-8")
    main(["verify", f"{path}:wrong", "--loss", *FORMULA, "--quiet", "--sarif", "out.sarif"])
    (result,) = json.loads(Path("out.sarif").read_text("utf-8"))["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == path.as_uri()


@pytest.mark.parametrize(("code", "line"), [
    ("def f(): pass\ndef f(): pass\n", 2), ("f = 1\n", 1), ("if 1:\n    def f(): pass\n", 2), ("from m import g as f\n", 1),
    ("x = 1\n", 1), ("def (:\n", 1), ("\n\nclass f: pass\n", 3), ("a, f = 1, 2\n", 1), ("\0", 1),
])  # fmt: skip
def test_lines_are_read_without_running_the_file(code: str, line: int) -> None:
    from diffexplore.cli.code_places import code_place

    Path("any.py").write_text(code, encoding="utf-8")
    found = code_place("any.py:f")
    assert found is not None and (found.path, found.line) == ("any.py", line)


@pytest.mark.parametrize("text", [None, "", "perpendicular", "a*x", "absent.py:f", "mine.py", "a:b"])
def test_what_is_no_file_has_no_line(text: str | None) -> None:
    from diffexplore.cli.code_places import code_place

    assert code_place(text) is None


# ------------------------------------------------------------------------------------------------------------- annotations
def test_github_shows_problems_beside_the_code(capsys: Output) -> None:
    assert main(["verify", "mine.py:wrong", "--loss", *FORMULA, "--quiet", "--github"]) == 1
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("::")]
    assert line.startswith(
        "::error file=mine.py,line=13,title=diffexplore%3A factor::∂L/∂a is wrong by 100 %25 at a = 2 (so is L): "
    )


def test_annotations_leave_standard_output_to_a_program(capsys: Output) -> None:
    assert main(["verify", "mine.py:wrong", "--loss", *FORMULA, "--github", "-o", "-"]) == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out)["verdict"] == "fail"
    assert captured.err.startswith("::error file=mine.py,line=13")


def test_annotations_are_escaped() -> None:
    from diffexplore.render.problems import CodePlace, CodeProblem, to_annotation

    problem = CodeProblem("a,b", "open", "100 %\nfirst: second, ::third", CodePlace("odd,name:x.py", 3))
    assert to_annotation(problem) == (
        "::warning file=odd%2Cname%3Ax.py,line=3,title=diffexplore%3A a%2Cb::100 %25%0Afirst: second, ::third"
    )


# -------------------------------------------------------------------------------------------------------------- dataframes
@pytest.fixture
def pandas(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A pandas that keeps what it is given: the real one is no dependency."""
    module = types.ModuleType("pandas")
    module.DataFrame = list  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pandas", module)
    return module


def test_a_report_is_a_line_for_each_row(pandas: types.ModuleType) -> None:
    report = dx.verify(
        lambda a, x: (2 * a * x**2).mean(), dx.Loss("a*x**2", parameters="a", data="x"), {"x": [1.0, 2.0]}, {"a": 3.0}
    )
    lines = report.to_dataframe()
    assert len(lines) == len(report.rows)
    assert all(list(line) == list(lines[0]) for line in lines)  # the same columns, truth and cause or not
    for line, row in zip(lines, report.rows, strict=True):
        assert (line["point.a"], line["verdict"], line["value"]) == (3.0, row.verdict, row.value)
        assert line["cause.key"] == (row.cause and row.cause.key) and line["truth.mid"] == (row.truth and row.truth.mid)


def test_a_fit_is_a_line_for_each_step(pandas: types.ModuleType) -> None:
    fit = dx.fit("squared_error", lr=0.1, steps=4)
    lines = fit.to_dataframe()
    assert len(lines) == 2 * 5
    assert lines[-1] == {"method": "reverse", "dtype": "float64", "step": 4, "loss": fit.runs[1].last.loss,
                         "point.a": fit.runs[1].last.point["a"], "point.b": fit.runs[1].last.point["b"]}  # fmt: skip


def test_without_pandas_a_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UsageError, match="python -m pip install pandas"):
        dx.check("squared_error", methods="reverse").to_dataframe()


def test_an_option_that_is_given_twice_writes_both_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*RUNS["derive"], "--html", "one.html", "--html", "two.html"]) == 0
    assert Path("one.html").read_text(encoding="utf-8") == Path("two.html").read_text(encoding="utf-8") != ""

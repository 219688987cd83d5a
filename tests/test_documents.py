"""The documents of every command: whole, finite, and as the published schema says."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from documents import check_document
from jsonschema import Draft202012Validator
from representatives import one_in

from diffexplore.cli.main import main
from diffexplore.documents import plain, to_json
from diffexplore.errors import UsageError
from diffexplore.render.schema import schema

Output = pytest.CaptureFixture[str]

FILE = """\
import torch

def loss(a, x):
    return ((a * x) ** 2).mean()

def twice(a, x):
    return 2 * a * x**2

def halved(a, x):
    return (a * x**2).mean()

def tenth(a, x):
    return (0.1 * (a * x).exp()).mean()

def cut(a, x):
    return (a.detach() * x * a).mean()
"""
LOSS = ["--loss", "(a*x)**2", "--at", "a=2", "--points", "4"]
COMMANDS: list[tuple[str, list[str]]] = [
    ("report", ["report", "a*x**2", "--at", "a=2", "--points", "4"]),
    ("report", ["report", "exp(a*x)", "--at", "a=2000", "--points", "3"]),  # whose power is infinite
    ("report", ["report", "abs(a)", "--at", "a=0"]),
    ("report", ["report", "exp(a*x) - 1", "--at", "a=1e-9", "--points", "3", "--dtype", "float32"]),
    ("report", ["report", "log(a)", "--at", "a=1", "--at", "a=3", "--methods", "backward,numpy"]),
    ("report", ["report", "graph_sum"]),
    ("report", ["verify", "mine.py:loss", *LOSS]),
    ("report", ["verify", "mine.py:halved", *LOSS, "--kind", "gradient"]),
    ("report", ["verify", "mine.py:loss", *LOSS, "--upstream", "0.5", "--modes", "reverse,forward"]),
    ("report", ["verify", "mine.json", *LOSS]),
    ("derivation", ["derive", "a*x**2", "--wrt", "a,x", "--format", "json"]),
    ("derivation", ["derive", "sqrt(a*x)", "--wrt", "a,x", "--format", "json", "--hessian"]),
    ("proof", ["prove", "mine.py:loss", "--wrt", "a"]),
    ("proof", ["prove", "mine.py:cut", "--wrt", "a"]),
    ("proof", ["prove", "mine.py:tenth", "--loss", "exp(a*x)/10", "--wrt", "a"]),
    ("graph", ["graph", "a*x**2 + abs(a)"]),
    ("graph", ["graph", "a*x**2 + abs(a)", "--at", "a=0", "--points", "2"]),
    ("graph", ["graph", "mine.py:loss", "--wrt", "a"]),
    ("fit", ["fit", "--steps", "20"]),
    ("fit", ["fit", "squared_error", "--lr", "1", "--steps", "100"]),
    ("fit", ["fit", "line_distance", "--steps", "2", "--methods", "reverse", "--optimizer", "lbfgs"]),
    ("fit", ["fit", "a**2 - b**2", "--at", "a=1,b=1", "--steps", "2"]),
    ("fit", ["fit", "a*x", "--at", "a=1", "--points", "3", "--steps", "2"]),
    ("audit", ["audit", "--only", "exp", "--only", "log2", "--only", "celu", "--only", "mm"]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "arguments"), one_in(4, COMMANDS), ids=lambda value: " ".join(value)[:40])
def test_what_a_command_writes_is_as_the_schema_says(
    kind: str, arguments: list[str], capsys: Output, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(FILE, encoding="utf-8")
    Path("mine.json").write_text('{"a": "2*a*x**2"}', encoding="utf-8")
    as_json = [] if "--format" in arguments else ["--json", "-"]
    code = main([*arguments, *as_json])
    out = capsys.readouterr()
    assert code in (0, 1, 3), out.err
    document = check_document(kind, out.out)
    assert document["schema_version"] >= 1


def test_every_streamed_row_is_as_the_schema_says(capsys: Output) -> None:
    assert main(["report", "exp(a*x)", "--at", "a=2000", "--points", "3", "--rows", "all"]) == 3
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 30
    for line in lines:
        check_document("row", line)


def test_the_schema_itself_is_one_and_refuses_other_documents() -> None:
    Draft202012Validator.check_schema(schema())
    assert Draft202012Validator(schema()).is_valid({"schema_version": 1}) is False
    with pytest.raises(AssertionError):
        check_document("report", '{"schema_version": 1}')
    with pytest.raises(AssertionError):
        check_document("row", '{"value": NaN}')
    with pytest.raises(UsageError, match="unknown document 'reprot': did you mean 'report'"):
        schema("reprot")


def test_a_document_of_any_kind_fits_the_whole_schema(capsys: Output) -> None:
    assert main(["graph", "a*x", "--json", "-"]) == 0
    assert Draft202012Validator(schema()).is_valid(json.loads(capsys.readouterr().out))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (math.nan, None), (-math.inf, None), (np.float32(0.5), 0.5), (np.float64("inf"), None), (np.int64(3), 3),
        (np.bool_(True), True), ((1, math.inf), [1, None]), ({1: {"a": math.nan}}, {"1": {"a": None}}), (True, True),
        (Path("a"), "a"), (None, None), (np.array(2.0), 2.0),
    ],
)  # fmt: skip
def test_what_no_document_can_hold_has_one_spelling(value: Any, expected: Any) -> None:
    assert plain(value) == expected
    assert json.loads(to_json({"value": value})) == {"value": expected}

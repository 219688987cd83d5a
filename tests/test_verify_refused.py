"""A file of functions, some of which cannot be checked: these are told, and hide no other."""

from __future__ import annotations

from pathlib import Path

import pytest
from documents import check_document

from diffexplore.cli.main import main

CODE = """
import torch


class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, upstream):
        (x,) = ctx.saved_tensors
        return 3 * upstream * x**2

    @staticmethod
    def sample_inputs():
        return (torch.linspace(1, 2, 3, requires_grad=True),)


class Halved(Cube):
    @staticmethod
    def backward(ctx, upstream):
        (x,) = ctx.saved_tensors
        return 1.5 * upstream * x**2
"""

REFUSED = """

class Constant(Cube):
    sample_inputs = staticmethod(lambda: (torch.ones(2),))


class Broken(Cube):
    sample_inputs = staticmethod(lambda: 1 / 0)
"""


def test_a_function_that_cannot_be_checked_hides_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "layers.py").write_text(CODE + REFUSED)
    assert main(["verify", str(tmp_path / "layers.py")]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "FAIL  of 2 functions 1 fail, 1 pass"
    assert "REFUSED  Broken: Broken.sample_inputs raises ZeroDivisionError: division by zero" in lines
    assert any(line.startswith("REFUSED  Constant: no input of Constant requires a gradient") for line in lines)
    assert main(["verify", str(tmp_path / "layers.py"), "--json", "-"]) == 2
    document = check_document("gradient_report", capsys.readouterr().out)
    assert {one["test"] for one in document["refused"]} == {"Constant", "Broken"}
    assert [one["test"] for one in document["checks"]] == ["Halved", "Cube"]


def test_where_none_can_be_checked_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "layers.py").write_text(CODE.replace(", requires_grad=True", ""))
    assert main(["verify", str(tmp_path / "layers.py")]) == 2
    captured = capsys.readouterr()
    assert not captured.out and captured.err.count("\n") == 1
    assert "requires a gradient" in captured.err

"""A report of a check of tensors is 25 lines of 80 columns at most, in every medium of text."""

from __future__ import annotations

from pathlib import Path

import pytest
from tensor_reports import REPORTS, report_named

from diffexplore.cli.main import main


@pytest.mark.parametrize("name", [name for name in REPORTS if "right" not in name])
@pytest.mark.parametrize("ascii", [False, True])
def test_a_failure_fits_25_lines_of_80_columns(name: str, ascii: bool) -> None:
    from diffexplore.render.tensors import failure_text

    text = failure_text(report_named(name), ascii=ascii)
    lines = text.splitlines()
    assert len(lines) <= 25 and max(map(len, lines)) <= 80
    assert lines[0].startswith(("FAIL", "INCONCLUSIVE")) and "again: the same call with seed=0" in lines[-1]
    assert not ascii or text.isascii()


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_fits_25_lines_of_80_columns(name: str) -> None:
    report = report_named(name)
    for shown in (report.to_text(width=80), str(report)):
        lines = shown.splitlines()
        assert len(lines) <= 25 and max(map(len, lines)) <= 80
    assert len(report.to_text(width=80, full=True)) >= len(report.to_text(width=80))


def test_a_screen_of_many_outputs_fits_25_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], causes_unsought: None
) -> None:
    monkeypatch.chdir(tmp_path)
    outputs = "def outputs(x): return {f'hidden_state_{k}': Twice.apply(x) * k for k in range(1, 14)}"
    Path("many.py").write_text(f"{TWICE}\n{outputs}\n")
    assert main(["verify", "many.py:outputs", "--inputs", "x[2]", "--ascii"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 25 and max(map(len, lines)) <= 80


TWICE = """
import torch

class Twice(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x): return 1 * x
    @staticmethod
    def backward(ctx, g): return 2 * g
"""


def test_a_line_of_a_file_tells_what_stays_undecided_and_what_else_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("two.py").write_text(TWO)
    assert main(["verify", "two.py", "--ascii"]) == 1
    told = " ".join(capsys.readouterr().out.split())
    assert "PASS Bent: 2 entries right" in told and "1 entry undecided" in told
    assert "FAIL Both: by b, 2 of 2 entries wrong" in told and "; by a wrong, too" in told


TWO = """
import torch

class Bent(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.abs()
    @staticmethod
    def backward(ctx, g): return g * ctx.saved_tensors[0].sign()
    @staticmethod
    def sample_inputs(): return (torch.tensor([-1.0, 0.0, 2.0], requires_grad=True),)

class Both(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a, b): return a * 2 + b * 3
    @staticmethod
    def backward(ctx, g): return g * 4, g.flip(0) * 3
    @staticmethod
    def sample_inputs(): return tuple(torch.tensor([1.0, 2.0]).requires_grad_() for _ in range(2))
"""

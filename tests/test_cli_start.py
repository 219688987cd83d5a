"""How the program starts, lists and derives; few subprocesses, each for what only a process can show."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from processes import HANGS, run_python
from representatives import slow

import diffexplore
from diffexplore import losses, methods
from diffexplore.cli import panels
from diffexplore.cli.main import main

Output = pytest.CaptureFixture[str]
HEAVY = (
    "torch", "sympy", "numpy", "flint", "scipy", "plotext", "plotly", "matplotlib", "jax", "tensorflow", "numdifftools",
)  # fmt: skip


def test_help_and_list_import_nothing_heavy() -> None:
    calls = [["list"], ["--help"], *([name, "--help"] for name in panels._EXAMPLES)]
    program = f"""
import io, sys
from contextlib import redirect_stdout
from diffexplore.cli.main import main

for arguments in {calls!r}:
    with redirect_stdout(io.StringIO()) as out:
        assert main(arguments) == 0, arguments
    assert len(out.getvalue().splitlines()) > 10, arguments
    loaded = set({HEAVY!r}) & set(sys.modules)
    assert not loaded, (arguments, loaded)
"""
    done = run_python("-c", program)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("arguments", [["list"], slow(["report", "--help"])], ids=" ".join)
def test_a_closed_pipe_ends_in_silence(arguments: list[str]) -> None:
    """As in ``diffexplore list | true``."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "diffexplore", *arguments],
            stdout=writing,
            stderr=subprocess.PIPE,
            check=False,
            timeout=HANGS,
        )
    finally:
        os.close(writing)
    assert done.stderr == b""
    assert done.returncode == 141


def test_any_encoding_can_be_printed_to(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    monkeypatch.setattr(sys, "stdout", out)
    assert main(["derive", "sqrt(α)*x**2", "--wrt", "x"]) == 0
    out.flush()
    written = out.buffer.getvalue()  # type: ignore[attr-defined]
    assert b"dL/dx = " in written
    assert b"\\u03b1" in written


def test_the_help_names_every_command(capsys: Output) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    for command in ("report", "derive", "verify", "prove", "fit", "audit", "graph", "list"):
        assert f"│ {command} " in out
    assert out.index("Check a gradient") < out.index("│ verify") < out.index("Look at a loss") < out.index("│ derive")


def test_list_names_every_loss_and_method(capsys: Output) -> None:
    assert main(["list", "--ascii"]) == 0
    out = capsys.readouterr().out
    assert out.isascii()
    firsts = {line.split()[0] for line in out.splitlines() if line.strip()}
    assert set(losses.names()) <= firsts
    assert set(methods.names()) <= firsts
    assert "Devices" not in out


def test_list_devices(capsys: Output) -> None:
    assert main(["list", "--devices"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split()[:1] == ["cpu"] for line in lines)


def test_help_does_not_ask_for_a_value_where_there_is_none(capsys: Output) -> None:
    for command in ("report", "derive", "verify", "audit", "list"):
        assert main([command, "--help"]) == 0
        lines = [line for line in capsys.readouterr().out.splitlines() if "<bool>" in line]
        assert all("--help" in line for line in lines), lines  # that one is typer's own


def test_derive_prints_the_gradient(capsys: Output) -> None:
    assert main(["derive", "-x**2 + a"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "L = −x² + a" in lines
    assert any(line.startswith("∂L/∂x = −2·x") for line in lines)


def test_derive_hessian_shows_each_pair_once(capsys: Output) -> None:
    assert main(["derive", "perpendicular", "--hessian"]) == 0
    out = capsys.readouterr().out
    assert [out.count(f"∂²L/∂{pair}") for pair in ("a²", "a∂b", "b∂a", "b²")] == [1, 1, 0, 1]


def test_derive_wrt_selects(capsys: Output) -> None:
    assert main(["derive", "perpendicular", "--wrt", "b,x"]) == 0
    out = capsys.readouterr().out
    assert "∂L/∂b" in out
    assert "∂ℓᵢ/∂x" in out
    assert "∂L/∂a" not in out


def test_derive_steps(capsys: Output) -> None:
    assert main(["derive", "(a*x - y)**2", "--wrt", "a", "--steps"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    start = next(i for i, line in enumerate(lines) if line.startswith("∂ℓ/∂a step by step; each line checked"))
    assert lines[start + 1] == "∂ℓ/∂a = ∂/∂a[(a·x − y)²]"
    assert lines[start + 2] == "= ∂/∂a[u²] let u = a·x − y"
    assert any("chain rule" in line for line in lines[start:])


def test_a_step_that_was_not_checked_is_marked(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setattr("diffexplore.formula.steps.agreement", lambda before, after: None)
    assert main(["derive", "(a*x - y)**2", "--wrt", "a", "--steps"]) == 0
    out = capsys.readouterr().out
    assert "each line checked against the one before it: not checked" in out
    assert "let u = a·x − y (not checked)" in out


@pytest.mark.parametrize(
    ("language", "sign"),
    [
        ("latex", r"\frac{\partial \ell}{\partial a} &="),
        ("python", "def gradient(a, b, x, y):"),
        ("torch", "tensors, elementwise over the samples"),
    ],
)
def test_derive_exports(capsys: Output, language: str, sign: str) -> None:
    assert main(["derive", "perpendicular", "--format", language]) == 0
    assert sign in capsys.readouterr().out


def test_derive_as_json(capsys: Output) -> None:
    assert main(["derive", "perpendicular", "--wrt", "b", "--format", "json", "--hessian"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["loss"]["parameters"] == ["a", "b"]
    assert list(document["gradient"]) == ["b"]
    assert list(document["hessian"]) == ["b,b"]


def test_the_version_is_printed(capsys: Output) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"diffexplore {diffexplore.__version__}\n"


def test_a_module_can_be_run(tmp_path: Path) -> None:
    done = run_python("-m", "diffexplore", "report", "nonsense")
    assert done.returncode == 2
    assert done.stderr.startswith("error: unknown loss 'nonsense'")

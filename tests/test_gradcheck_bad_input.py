"""What cannot be checked: one clear line, from gradcheck, from the fixture, and with exit code 2 from the command line."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from typing import Any

import pytest
import torch

import diffexplore as dx
from diffexplore.cli.main import main

CODE = """
import itertools
import numpy
import torch

numbers = itertools.count(1)

def square(x): return x * x
def detached(x): return x.detach() * 2
def without(x):
    with torch.no_grad(): return x * 2
def made_anew(x): return torch.tensor([float(x.sum())])
def whole(x): return x.argmax()
def nothing(x): return None
def text(x): return "x"
def other_each_time(x): return x * next(numbers)
def other_shape(x): return x.reshape(-1)[: next(numbers) % 3 + 1] * 2
def raises(x): raise ValueError("no such\\nthing")
def product(x, y): return x @ y
def cube(x): return x**3
def flat(x): return (x * x).sum()
def pair(x): return x * x, x + x
def pair_of_which_one_is_detached(x): return (x * x).detach(), x + x
def pair_in_another_order(x): return {"b": x + x, "a": x * x}
def named_pair(x): return {"a": x * x, "b": x + x}

class Opaque(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.from_numpy(numpy.square(x.detach().numpy()))

    @staticmethod
    def backward(ctx, g):
        return 2 * g * ctx.saved_tensors[0]
"""

Output = pytest.CaptureFixture[str]

#: The name of a function, what it is given, and what is said; the options of a call, with names of functions.
CASES: list[tuple[str, str, str, dict[str, str]]] = [
    ("detached", "x[3]", "detached returns an output without a graph (its requires_grad is False)", {}),
    ("without", "x[3]", "without returns an output without a graph (its requires_grad is False)", {}),
    ("made_anew", "x[3]", "made_anew returns an output without a graph (its requires_grad is False)", {}),
    ("whole", "x[3]", "whole returns no floats, but int64: nothing of it can be differentiated", {}),
    ("nothing", "x[3]", "nothing returns None, not a tensor, or a tuple, list or dict of tensors", {}),
    ("text", "x[3]", "text returns a str, not a tensor", {}),
    ("other_each_time", "x[3]", "other_each_time is not the same from call to call", {}),
    ("other_shape", "x[3]", "other_shape is not the same from call to call: output changes its shape", {}),
    ("raises", "x[3]", "raises raises ValueError: no such thing (bad.py, line ", {}),
    ("product", "x[2,3],y[2,3]", "product raises RuntimeError: mat1 and mat2 shapes cannot be multiplied", {}),
    ("Opaque", "x[3]", "your forward is not this reference: output[", {"reference": "cube"}),
    ("square", "x[3]", "pair returns 2 outputs of floats, and square 1 output of floats", {"reference": "pair"}),
    ("pair", "x[3]", "square returns 1 output of floats, and pair 2 outputs of floats", {"reference": "square"}),
    ("Opaque", "x[3]", "your forward is not this reference: output has shape (3,), not ()", {"reference": "flat"}),
    ("square", "x[3]", "the surrogate does not fit: output has shape (3,), not ()", {"surrogate": "flat"}),
]


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The functions, as a module; their file is in the working folder."""
    monkeypatch.chdir(tmp_path)
    Path("bad.py").write_text(CODE, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("bad", "bad.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _drawn(shapes: str) -> tuple[torch.Tensor, ...]:
    sizes = [[int(n) for n in one.partition("[")[2].split(",")] for one in shapes.split("]") if one]
    return tuple((1.5 + torch.arange(math.prod(size)).reshape(size)).double().requires_grad_() for size in sizes)


@pytest.mark.parametrize(("name", "shapes", "said", "options"), CASES, ids=[case[0] for case in CASES])
def test_one_clear_line_from_every_side(
    name: str, shapes: str, said: str, options: dict[str, str], code: Any, gradient: Any, capsys: Output
) -> None:
    given = {option: getattr(code, other) for option, other in options.items()}
    for check in (dx.gradcheck, gradient):
        with pytest.raises(dx.UsageError) as caught:
            check(getattr(code, name), _drawn(shapes), **given)
        assert said in str(caught.value) and "\n" not in str(caught.value)
    typed = [word for option, other in options.items() for word in (f"--{option}", f"bad.py:{other}")]
    assert main(["verify", f"bad.py:{name}", "--inputs", shapes, *typed]) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.count("\n") == 1 and said in printed.err


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ({"x": torch.arange(3)}, "x holds integers (int64), give floats with requires_grad=True"),
        ({"x": torch.ones(3) > 0}, "no input of square requires a gradient: x holds integers (bool)"),
        ({"z": torch.ones(3)}, "unknown argument in the file: 'z': choose from x"),
        ({"x": 3.0}, "no input of square requires a gradient: give at least one tensor"),
        ({"x": torch.eye(3).to_sparse()}, "the output of square is a sparse tensor: return it dense"),
        ({}, "square takes x: the file has no x"),
    ],
    ids=str,
)
def test_files_that_hold_nothing_to_differentiate_by(held: Any, said: str, code: Any, capsys: Output) -> None:
    torch.save(held, "held.pt")
    assert main(["verify", "bad.py:square", "--inputs", "held.pt"]) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.count("\n") == 1 and said in printed.err


def test_what_torch_refuses_or_was_computed(code: Any, gradient: Any) -> None:
    x = torch.ones(3, requires_grad=True)
    for check in (dx.gradcheck, gradient):
        with pytest.raises(dx.UsageError, match=r"x is not a leaf, .*: give square x\.detach\(\)\.requires_grad_\(\)"):
            check(code.square, x * 2)
        with pytest.raises(dx.UsageError, match="no input of square requires a gradient: give x with requires_grad"):
            check(code.square, torch.ones(3))


def test_a_forward_that_cannot_be_read_is_estimated_and_says_where(code: Any, capsys: Output) -> None:
    report = dx.gradcheck(code.Opaque, _drawn("x[3]"))
    assert report.truth == "estimated"
    said = "numbers leave torch by numpy (bad.py, line "
    assert said in report.notes[0] and report.notes[0].endswith("pass reference= for a certificate")
    assert main(["verify", "bad.py:Opaque", "--inputs", "x[3]"]) == 0
    assert said in " ".join(capsys.readouterr().out.split())


def test_empty_inputs_are_named_with_what_to_pass(code: Any, capsys: Output) -> None:
    assert main(["verify", "bad.py:square", "--inputs", "x[0,3]", "--ascii"]) == 3
    said = "square: nothing was compared, as x is 0x3: pass inputs that have elements"
    assert said in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("function", "reference"),
    [
        ("pair_of_which_one_is_detached", "pair"),  # that it is detached is no difference of the values
        ("named_pair", "pair_in_another_order"),
        ("pair", "named_pair"),
    ],
)
def test_outputs_of_a_reference_are_found_by_name_and_place(function: str, reference: str, code: Any) -> None:
    written: dict[str, Any] = {}
    exec(CODE, written)  # this file's own text
    x = torch.randn(3, dtype=torch.float64, requires_grad=True)
    assert dx.gradcheck(written[function], (x,), reference=written[reference], battery="none")


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("bad.py:sqare", "unknown name in bad.py: 'sqare': did you mean 'square'?"),
        ("none.py:square", "cannot read none.py: there is no such file"),
        ("bad.py", "bad.py has no autograd Function with sample_inputs"),
    ],
)
def test_names_and_files_that_are_not_there(place: str, said: str, code: Any, capsys: Output) -> None:
    inputs = ["--inputs", "x[3]"] if ":" in place else []
    assert main(["verify", place, *inputs]) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.count("\n") == 1 and said in printed.err


def test_a_computed_input_without_a_name_is_told_by_its_place() -> None:
    with pytest.raises(
        dx.UsageError, match=r"input 0 is not a leaf, .*: give sin its \.detach\(\)\.requires_grad_\(\)"
    ):
        dx.gradcheck(torch.sin, torch.ones(2, requires_grad=True) * 2)

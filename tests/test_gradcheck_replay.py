"""Checks of functions of tensors that do not pass, written to a file and run again on the same numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tensor_functions import PLANTED, Weighted, leaves, weighted

import diffexplore as dx
from diffexplore.cli.main import main
from diffexplore.tensors.replay import read_replays

Tensor = torch.Tensor

CODE = """
import torch

class Wrong(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return x * x * w

    @staticmethod
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        return 2 * x * w * g, (x * x * g).mean(0)

class Right(Wrong):
    @staticmethod
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        return 2 * x * w * g, (x * x * g).sum(0)

class Layer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.randn(3))

    def forward(self, x):
        return Wrong.apply(x, self.w)

class Step(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx, g):
        return 2 * g

def plain(x, w):
    return x**2 * w

def sample_inputs():
    inputs = (torch.randn(4, 3, requires_grad=True), torch.randn(3, requires_grad=True))
    return {"Wrong": inputs, "Right": inputs}
"""

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(CODE, encoding="utf-8")


def document_of(capsys: Output, *arguments: str) -> Any:
    main(["verify", *arguments, "--json", "-"])
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    "arguments",
    [
        ("mine.py:Wrong", "--inputs", "x[4,3],w[3]", "--seed", "5"),
        ("mine.py:Wrong", "--inputs", "x[4,3],w[3]", "--dtype", "bfloat16"),
        ("mine.py:Wrong", "--inputs", "x[4,3],w[3]", "--reference", "mine.py:plain"),
        ("mine.py:Layer", "--inputs", "x[4,3]"),
        ("mine.py:Step", "--inputs", "x[3]", "--surrogate", "identity"),
    ],
)
def test_a_failure_is_written_and_fails_again_in_the_same_way(arguments: tuple[str, ...], capsys: Output) -> None:
    first = document_of(capsys, *arguments, "--replay", "again.json")
    assert first["verdict"] == "fail"
    assert document_of(capsys, "--replay", "again.json") == first


def test_a_file_of_functions_writes_those_that_do_not_pass(capsys: Output) -> None:
    assert main(["verify", "mine.py", "--replay", "again.json"]) == 1
    assert "wrote again.json" in capsys.readouterr().err
    assert [one.function for one in read_replays(Path("again.json"))] == ["mine.py:Wrong"]
    assert main(["verify", "--replay", "again.json", "--quiet"]) == 1
    Path("mine.py").write_text(CODE.replace(".mean(0)", ".sum(0)"), encoding="utf-8")
    assert main(["verify", "--replay", "again.json", "--quiet"]) == 0


def test_a_pass_writes_nothing() -> None:
    assert main(["verify", "mine.py:Right", "--inputs", "x[4,3],w[3]", "--replay", "again.json", "--quiet"]) == 0
    assert not Path("again.json").exists()


def test_the_fixture_writes_and_reads_it(gradient: Any) -> None:
    wrong = weighted(PLANTED["mean for sum"][0])
    inputs = leaves((4, 3), (3,))
    with pytest.raises(dx.GradientError) as first:
        gradient(wrong, inputs, seed=3, replay="again.json")
    with pytest.raises(dx.GradientError) as second:
        gradient(wrong, inputs="again.json")
    assert str(first.value) == str(second.value)
    gradient(Weighted, inputs="again.json")


def test_every_kind_of_argument_is_kept() -> None:
    def wrong(x: Tensor, scale: float, axes: Any, named: dict[str, Any], index: Tensor, z: Tensor, flag: Any) -> Tensor:
        assert (axes, flag, index.dtype, x.stride()) == ((0, [1]), None, torch.int64, (1, 2))
        return Doubled.apply(x) * scale * named["w"].sum() + z.abs().sum() * index.sum()  # type: ignore[no-untyped-call]

    class Doubled(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x.clone()

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Tensor:
            return 2 * g

    inputs = (
        torch.randn(3, 2, dtype=torch.float64).T.requires_grad_(), 0.1, (0, [1]), {"w": torch.randn(2)},
        torch.tensor([1, 2]), torch.randn(2, dtype=torch.complex128, requires_grad=True), None,
    )  # fmt: skip
    first = dx.gradcheck(wrong, inputs, raise_exception=False, replay="again.json", battery="none")
    again = dx.gradcheck(wrong, "again.json", raise_exception=False, battery="none")
    assert first.verdict == "fail" and first.to_dict() == again.to_dict()


def test_what_no_file_keeps_is_refused() -> None:
    class Handle:
        pass

    wrong = weighted(PLANTED["factor"][0])
    with pytest.raises(dx.UsageError, match="an argument is a Handle: no file can keep it"):
        dx.gradcheck(lambda x, w, handle: wrong.apply(x, w), (*leaves((4, 3), (3,)), Handle()), replay="again.json")


TENSOR = {"dtype": "float64", "shape": [2], "strides": [1], "requires_grad": True, "numbers": ["0x1p+0", "0x1p-1"]}
CHECK = {"function": "nosuch.py:f", "seed": 0, "options": {}, "args": [{"tensor": TENSOR}], "state": {}}


@pytest.mark.parametrize(
    "check",
    [
        3, [], {}, {**CHECK, "more": 1}, {**CHECK, "function": 3}, {**CHECK, "seed": -1}, {**CHECK, "options": []},
        {**CHECK, "options": {"battery": None}}, {**CHECK, "args": {}}, {**CHECK, "args": [{"what": 3}]},
        {**CHECK, "args": [{"float": "0.1q"}]}, {**CHECK, "args": [[1]]}, {**CHECK, "state": {"w": 3}},
        *(
            {**CHECK, "args": [{"tensor": {**TENSOR, **change}}]}
            for change in (
                {"dtype": "float7"}, {"dtype": 3}, {"shape": [3]}, {"shape": [-2]}, {"shape": "2"}, {"strides": []},
                {"strides": [True]}, {"numbers": 3}, {"numbers": ["x", "y"]}, {"numbers": [10**400, 1]},
                {"dtype": "int64"}, {"more": 1},
            )
        ),
    ],
)  # fmt: skip
def test_a_file_that_was_tampered_with_is_refused(check: Any, capsys: Output) -> None:
    Path("again.json").write_text(json.dumps({"format": 1, "gradcheck": [check]}), encoding="utf-8")
    assert main(["verify", "--replay", "again.json"]) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.startswith("error: again.json holds no check (")
    assert printed.err.count("\n") == 1


def test_a_file_of_another_format_and_one_of_several_checks() -> None:
    for document in ({"format": 2, "gradcheck": [CHECK]}, {"format": 1, "gradcheck": []}, {"gradcheck": [CHECK]}):
        Path("again.json").write_text(json.dumps(document), encoding="utf-8")
        with pytest.raises(dx.UsageError, match=r"again\.json holds no check"):
            read_replays(Path("again.json"))
    Path("again.json").write_text(json.dumps({"format": 1, "gradcheck": [CHECK, CHECK]}), encoding="utf-8")
    with pytest.raises(dx.UsageError, match=r"again\.json holds 2 checks: diffexplore verify --replay again.json runs"):
        dx.gradcheck(torch.tanh, "again.json")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["mine.py", "--surrogate", "identity"], "--surrogate takes a function beside it: name FILE.py:NAME"),
        (["mine.py:Step", "--reference", "mine.py:plain"], "--reference is for functions of tensors: state their"),
        (["mine.py", "--reference", "mine.py:plain"], "--reference takes a function beside it: name FILE.py:NAME"),
        (["--inputs", "x[3]"], "--inputs takes a function beside it: name FILE.py:NAME"),
        (["mine.py:Wrong", "--inputs", "x[4,3],w[3]", "--replay", "-"], "--replay takes the name of a file"),
        (["mine.py:Wrong", "--inputs", "x[4,3],w[3]", "--reference", "mine.py:plane"], "did you mean 'plain'"),
        (["--replay", "again.json", "--seed", "1"], "without a candidate, --replay runs what its file says"),
    ],
)
def test_options_that_do_not_go_together(arguments: list[str], said: str, capsys: Output) -> None:
    Path("again.json").write_text(json.dumps({"format": 1, "gradcheck": [CHECK]}), encoding="utf-8")
    assert main(["verify", *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and said in printed.err and printed.err.count("\n") == 1


def test_a_file_of_functions_shows_each_cause(capsys: Output) -> None:
    assert main(["verify", "mine.py", "--ascii"]) == 1
    printed = " ".join(capsys.readouterr().out.split())
    assert (
        "Wrong: by w, 3 of 3 entries wrong: it is 1/4 times the gradient: the mean over axis 0 of the output" in printed
    )

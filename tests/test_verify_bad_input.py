"""Candidates that cannot be used: one clear line each, which names the candidate and what would be right."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import diffexplore as dx

Tensor = torch.Tensor

LINE = dx.Loss("(a*x - y + b)**2", parameters="a, b", data="x, y")
DATA = {"x": [0.5, 1.25, 2.0, -1.5], "y": [1.0, 2.0, 2.5, 0.75]}
AT = {"a": 1.25, "b": 0.75}


def ask(candidate: Any, **options: Any) -> Any:
    return dx.verify(candidate, options.pop("loss", LINE), options.pop("data", DATA), AT, **options)


def refused(candidate: Any, **options: Any) -> str:
    """The message of the refusal, which must be one line of readable length."""
    with pytest.raises(dx.UsageError) as caught:
        ask(candidate, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 450
    return message


def returning(make: Callable[..., Any]) -> Callable[..., Any]:
    """A gradient function that makes its answer of the two right partials, the parameters and the data."""

    def gradient(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Any:
        r = 2 * (a * x - y + b)
        return make((r * x).mean(), r.mean(), x)

    return gradient


WRONG_GRADIENTS: dict[str, tuple[Callable[..., Any], str]] = {
    "too few": (lambda ga, gb, x: (ga,), r"returns 1 gradients?, where 2 gradients, by a, b, should be"),
    "too many": (lambda ga, gb, x: (ga, gb, ga), r"returns 3 gradients, where 2"),
    "one number": (lambda ga, gb, x: ga, r"returns one number, where 2 gradients"),
    "name missing": (lambda ga, gb, x: {"a": ga}, r"no gradient by b: it returns a"),
    "no names": (lambda ga, gb, x: {}, r"no gradient by a, b: it returns nothing"),
    "per sample": (lambda ga, gb, x: (ga * x, gb), r"shape \(4,\), and a has shape \(\): the sum or mean .* missing"),
    "wrong shape": (lambda ga, gb, x: (ga.expand(2, 2), gb), r"gradient by a of shape \(2, 2\)"),
    "other dtype": (lambda ga, gb, x: (ga, gb.float()), r"gradient by b in float32, and b is float64"),
    "float32 array": (lambda ga, gb, x: (ga, np.float32(gb)), r"gradient by b in float32"),
    "extended precision": (
        lambda ga, gb, x: (ga, np.longdouble(gb)),
        r"an array of (float|longdouble)\S* as the .* by b",
    ),
    "integer": (lambda ga, gb, x: (ga, gb.long()), r"gradient by b in int64"),
    "integer array": (lambda ga, gb, x: (ga, np.int64(3)), r"an array of int64 as the gradient by b"),
    "boolean": (lambda ga, gb, x: (ga, True), r"a bool as the gradient by b"),
    "complex": (lambda ga, gb, x: (ga, gb.to(torch.complex128)), r"gradient by b in complex128"),
    "complex number": (lambda ga, gb, x: (ga, 1j), r"a complex as the gradient by b"),
    "sparse": (lambda ga, gb, x: (ga, gb.reshape(1).to_sparse()), r"a sparse tensor as the gradient by b"),
    "nothing": (lambda ga, gb, x: None, r"returns None, where 2 gradients.*return statement"),
    "one None": (lambda ga, gb, x: (ga, None), r"returns None for the gradient by b"),
    "text": (lambda ga, gb, x: "gradient", r"returns text"),
    "texts": (lambda ga, gb, x: ("1", "2"), r"a str as the gradient by a"),
    "object": (lambda ga, gb, x: object(), r"returns an? object"),
    "nested": (lambda ga, gb, x: ([ga], [gb]), r"a list as the gradient by a"),
    "set": (lambda ga, gb, x: {1.0, 2.0}, r"returns a set"),
    "generator": (lambda ga, gb, x: (g for g in (ga, gb)), r"returns a generator"),
    "array of objects": (lambda ga, gb, x: np.array([ga, None], dtype=object), r"returns None for the gradient by b"),
    "on another device": (lambda ga, gb, x: (ga, gb.to("meta")), r"on meta, and b is on cpu"),
}


@pytest.mark.parametrize("what", WRONG_GRADIENTS)
def test_what_is_no_gradient_is_refused(what: str) -> None:
    make, pattern = WRONG_GRADIENTS[what]
    message = refused(returning(make), kind="gradient")
    assert re.search(pattern, message), message
    assert message.startswith("gradient ")  # the candidate's name


# ------------------------------------------------------------------------------------------------ its own exceptions
def raises_here(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
    raise ZeroDivisionError("the sky\nis falling")


class RaisesInBackward(torch.autograd.Function):
    """Its forward is right."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return ((a * x - y + b) ** 2).mean()

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Any:
        return upstream + ctx.forgotten


def line_of(function: Any, text: str) -> int:
    """The line of this file on which a function says ``text``."""
    import inspect

    lines, first = inspect.getsourcelines(function)
    return first + next(i for i, line in enumerate(lines) if text in line)


def test_an_exception_keeps_its_place() -> None:
    message = refused(raises_here)
    assert "raises_here raises ZeroDivisionError: the sky is falling" in message
    assert f"test_verify_bad_input.py, line {line_of(raises_here, 'raise Zero')}" in message


def test_an_exception_in_a_backward_keeps_its_place() -> None:
    message = refused(RaisesInBackward)
    assert "RaisesInBackward raises AttributeError" in message
    assert f"test_verify_bad_input.py, line {line_of(RaisesInBackward, 'ctx.forgotten')}" in message


def test_an_exception_without_a_message() -> None:
    def silent(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
        raise ValueError

    assert "silent raises ValueError: no message" in refused(silent)


@pytest.mark.parametrize("stop", [SystemExit(3), KeyboardInterrupt()])
def test_leaving_python(stop: BaseException) -> None:
    def leaves(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
        raise stop

    if isinstance(stop, KeyboardInterrupt):
        with pytest.raises(KeyboardInterrupt):
            ask(leaves)
    else:
        assert "leaves raises SystemExit: 3" in refused(leaves)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_absent() -> None:
    def on_gpu(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return ((a.cuda() * x.cuda() - y.cuda() + b.cuda()) ** 2).mean()

    message = refused(on_gpu)
    assert "on_gpu raises" in message
    assert "NVIDIA" in message or "CUDA" in message


def test_printing_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    def prints(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
        loss = ((a * x - y + b) ** 2).mean()
        print(f"the loss is {loss:.3f}", a)
        return loss

    loud = ask(prints)
    assert "the loss is" in capsys.readouterr().out
    quiet = ask(lambda a, b, x, y: ((a * x - y + b) ** 2).mean())
    assert loud.verdict == quiet.verdict == "pass"
    assert [row.bound for row in loud.rows] == [row.bound for row in quiet.rows]


# -------------------------------------------------------------------------------------------------- what it is
@pytest.mark.parametrize("kind", ["Loss", "gradients", "vjp", ""])
def test_an_unknown_kind(kind: str) -> None:
    assert "unknown kind" in refused(raises_here, kind=kind)


@pytest.mark.parametrize(
    ("candidate", "kind"),
    [(3.0, None), (3.0, "gradient"), ("a*x", None), (None, None), (3.0, "layer"), (3.0, "formulas"), (3.0, "grads"),
     ((1, 2), None), ((abs,), None), ({"a": 3.0}, None), ({"a": None}, None), (object(), "layer"), ({}, None)],
)  # fmt: skip
def test_what_is_no_candidate(candidate: Any, kind: str | None) -> None:
    refused(candidate, kind=kind)


@pytest.mark.parametrize(
    "candidate",
    [lambda: None, lambda p, q, r: p, lambda a, b, x, y, z: a, lambda a, b, x, *, w: a, abs],
    ids=["none", "three", "five", "keyword", "builtin"],
)
def test_arguments_that_do_not_fit(candidate: Any) -> None:
    refused(candidate)


def test_arguments_that_do_not_fit_are_listed() -> None:
    message = refused(lambda p, q, r: p)
    assert "takes (p, q, r), and the loss has (a, b, x, y)" in message


def test_a_formula_that_cannot_be_read() -> None:
    assert "by a" in refused({"a": "2*(", "b": "1"})
    assert "no formula for the partial by b" in refused({"a": "2*x"})
    assert "unknown symbol" in refused({"q": "2*x", "a": "1", "b": "1"})
    assert "by a" in refused({"a": "2*w", "b": "1"})


# ------------------------------------------------------------------------------------------------- losses, outputs
WRONG_LOSSES: dict[str, tuple[Callable[..., Any], str]] = {
    "detached": (lambda a, b, x, y: ((a * x - y + b) ** 2).mean().detach(), r"every path to them is cut"),
    "number": (lambda a, b, x, y: ((a * x - y + b) ** 2).mean().item(), r"returns a float"),
    "nothing": (lambda a, b, x, y: None, r"returns None"),
    "per sample": (lambda a, b, x, y: (a * x - y + b) ** 2, r"shape \(4,\).*upstream"),
    "integer": (lambda a, b, x, y: (a * x - y + b).mean().round().long(), r"int64"),
    "complex": (lambda a, b, x, y: (a * x - y + b).mean().to(torch.complex128), r"complex128"),
    "tuple": (lambda a, b, x, y: ((a * x - y + b).mean(), a), r"returns a tuple"),
}


@pytest.mark.parametrize("what", WRONG_LOSSES)
def test_what_is_no_loss_is_refused(what: str) -> None:
    candidate, pattern = WRONG_LOSSES[what]
    message = refused(candidate)
    assert re.search(pattern, message), message


def test_a_loss_that_is_constant_where_it_should_be() -> None:
    flat = dx.Loss("Max(a*x, 0)", parameters="a", data="x")

    def branches(a: Tensor, x: Tensor) -> Tensor:
        return (a * x).mean() if bool((a > 0).all()) else torch.zeros((), dtype=x.dtype)

    assert dx.verify(branches, flat, {"x": [1.0, 2.0]}, {"a": -1.5}).verdict != "fail"


@pytest.mark.parametrize(
    ("upstream", "pattern"),
    [([1.0, 2.0], r"shape \(4,\), not \(2,\)"), ([[1.0] * 4], r"not \(1, 4\)"), (float("nan"), "finite"),
     ([1.0, 2.0, float("inf"), 1.0], "finite"), ("all", "upstream"), (None, "upstream"), ([1j] * 4, "upstream"),
     ({"a": 1.0}, "upstream")],
)  # fmt: skip
def test_an_upstream_gradient_that_does_not_fit(upstream: Any, pattern: str) -> None:
    assert re.search(pattern, refused(lambda a, b, x, y: (a * x - y + b) ** 2, upstream=upstream))


def test_an_output_that_does_not_fit_the_upstream_gradient() -> None:
    message = refused(lambda a, b, x, y: ((a * x - y + b) ** 2).mean(), upstream=[1.0] * 4)
    assert "output of shape (), and the upstream gradient has shape (4,)" in message


LAYERS: dict[str, tuple[Any, str]] = {
    "no output": ((lambda inputs: None, lambda inputs, output, upstream: (1.0, 1.0)), "None"),
    "text": ((lambda inputs: "loss", lambda inputs, output, upstream: (1.0, 1.0)), "str"),
    "per sample": ((lambda inputs: inputs.x, lambda inputs, output, upstream: (1.0, 1.0)), "upstream"),
    "arguments": ((lambda inputs: inputs.a, lambda output, upstream: (1.0, 1.0)), "argument"),
    "integers": ((lambda inputs: inputs.x.sum().long(), lambda inputs, output, upstream: (1.0, 1.0)), "int64"),
    "unknown input": ((lambda inputs: inputs.weight, lambda inputs, output, upstream: (1.0, 1.0)), "weight"),
}


@pytest.mark.parametrize("what", LAYERS)
def test_layers_that_cannot_be_used(what: str) -> None:
    candidate, pattern = LAYERS[what]
    assert pattern in refused(candidate)


# -------------------------------------------------------------------------------------------------- training steps
def test_a_step_without_backward() -> None:
    assert "no gradient in a.grad" in refused(lambda a, b, x, y: None, kind="grads")


def test_a_step_that_writes_what_is_no_gradient() -> None:
    def step(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> None:
        ((a * x - y + b) ** 2).mean().backward()
        b.grad = None

    assert "no gradient in b.grad" in refused(step, kind="grads")


def test_tensors_without_gradients() -> None:
    leaves = {name: torch.tensor(value, dtype=torch.float64, requires_grad=True) for name, value in AT.items()}
    assert "no gradient in a.grad" in refused(leaves)
    assert "no tensor named b" in refused({"a": leaves["a"]})


# --------------------------------------------------------------------------------------------------- in place
def test_inputs_modified_in_place_are_noted() -> None:
    def modifies(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
        loss = ((a * x - y + b) ** 2).mean()
        y.zero_()
        return loss

    assert ask(modifies).verdict == "fail"


def test_leaves_modified_in_place_are_refused_by_torch() -> None:
    def modifies(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
        a.mul_(2)
        return ((a * x - y + b) ** 2).mean()

    assert "leaf Variable" in refused(modifies)


# --------------------------------------------------------------------------------------------------- not finite
@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("opaque", [False, True])
def test_a_gradient_that_is_not_finite_does_not_pass(wrong: float, opaque: bool) -> None:
    candidate = returning(lambda ga, gb, x: (ga, float(gb) * wrong if opaque else gb * wrong))
    report = ask(candidate, kind="gradient")
    assert report.verdict != "pass"
    rows = [row for row in report.rows if row.parameter == "b" and row.probe is None]
    assert rows
    assert all(row.value is None and row.verdict != "pass" for row in rows)

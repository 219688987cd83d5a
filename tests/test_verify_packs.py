"""Candidates that take vectors and matrices, made of the scalar symbols of a loss."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import torch
from representatives import one_in

import diffexplore as dx

Tensor = torch.Tensor

# The squared error of a linear layer y = W x, of two inputs and two outputs.
LAYER = dx.Loss(
    "((w11*x1 + w12*x2 - y1)**2 + (w21*x1 + w22*x2 - y2)**2)/2",
    parameters="w11, w12, w21, w22",
    data="x1, x2, y1, y2",
)
PACK = {"W": [["w11", "w12"], ["w21", "w22"]], "X": ["x1", "x2"], "Y": ["y1", "y2"]}
DATA = {"x1": [0.5, 1.5, -1.0], "x2": [2.0, -0.75, 1.25], "y1": [1.0, 0.5, 2.0], "y2": [-1.0, 0.25, 3.0]}
AT = {"w11": 1.5, "w12": -0.5, "w21": 0.25, "w22": 2.0}
W = torch.tensor([[1.5, -0.5], [0.25, 2.0]], dtype=torch.float64)
X, Y = (torch.tensor([DATA[f"{name}1"], DATA[f"{name}2"]], dtype=torch.float64).T for name in "xy")


def loss_of(W: Tensor, X: Tensor, Y: Tensor) -> Tensor:
    return ((X @ W.T - Y) ** 2).sum(1).mean() / 2


class Linear(torch.autograd.Function):
    """A linear layer with its own backward."""

    @staticmethod
    def forward(ctx: Any, W: Tensor, X: Tensor, Y: Tensor) -> Tensor:
        r = X @ W.T - Y
        ctx.save_for_backward(r, W, X)
        return (r * r).sum(1) / 2

    @classmethod
    def backward(cls, ctx: Any, upstream: Tensor) -> Any:
        r, W, X = ctx.saved_tensors
        g = upstream[:, None] * r
        return cls.by_weight(g, X), g @ W, -g

    @staticmethod
    def by_weight(g: Tensor, X: Tensor) -> Tensor:
        return g.T @ X


class TransposedLinear(Linear):
    @staticmethod
    def by_weight(g: Tensor, X: Tensor) -> Tensor:
        return X.T @ g


class NumpyLayer:
    """The same in the style of a Caffe layer."""

    def forward(self, inputs: Any) -> Any:
        return np.sum(np.square(inputs.X @ inputs.W.T - inputs.Y), axis=1) / 2

    def backward(self, inputs: Any, output: Any, upstream: Any) -> Any:
        g = upstream[:, np.newaxis] * (inputs.X @ inputs.W.T - inputs.Y)
        return {"W": self.by_weight(g, inputs.X), "X": g @ inputs.W, "Y": -g}

    def by_weight(self, g: Any, X: Any) -> Any:
        return g.T @ X


class TransposedNumpyLayer(NumpyLayer):
    def by_weight(self, g: Any, X: Any) -> Any:
        return X.T @ g


def gradient(W: Tensor, X: Tensor, Y: Tensor) -> Tensor:
    return (X @ W.T - Y).T @ X / len(X)


def transposed_gradient(W: Tensor, X: Tensor, Y: Tensor) -> Tensor:
    return gradient(W, X, Y).T


def numpy_gradient(W: Any, X: Any, Y: Any) -> Any:
    return np.matmul((X @ W.T - Y).T, X) / len(X)


def step(W: Tensor, X: Tensor, Y: Tensor) -> None:
    loss_of(W, X, Y).backward()


def two_steps(W: Tensor, X: Tensor, Y: Tensor) -> None:
    step(W, X, Y)
    step(W, X, Y)


UPSTREAM = [1.5, -0.5, 2.0]
CASES = {
    "loss": (loss_of, lambda W, X, Y: loss_of(W.T, X, Y), None, None),
    "function": (Linear, TransposedLinear, None, UPSTREAM),
    "gradient": (gradient, transposed_gradient, "gradient", None),
    "numpy gradient": (numpy_gradient, lambda W, X, Y: numpy_gradient(W, X, Y).T, "gradient", None),
    "layer": (NumpyLayer(), TransposedNumpyLayer(), "layer", UPSTREAM),
    "grads": (step, two_steps, "grads", None),
}


@functools.cache
def verified(case: str, *, right: bool) -> dx.Report:
    candidate, wrong, kind, upstream = CASES[case]
    return ask(candidate if right else wrong, kind=kind, upstream=upstream)


def ask(candidate: Any, loss: dx.Loss = LAYER, pack: Any = PACK, **options: Any) -> Any:
    return dx.verify(candidate, loss, DATA, AT, pack=pack, **options)


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize("case", one_in(3, CASES, first=1))
def test_right_passes_and_wrong_fails(case: str) -> None:
    report = verified(case, right=True)
    assert report.verdict == "pass"
    assert {row.parameter for row in report.rows} - {"(value)"} == set(LAYER.parameters)
    assert verified(case, right=False).verdict == "fail"


@pytest.mark.parametrize("case", one_in(3, ["function", "gradient", "numpy gradient", "layer"]))
def test_a_transposed_gradient_is_one_of_swapped_partials(case: str) -> None:
    rows = verified(case, right=False).rows
    whole = {row.parameter: row for row in rows if row.sample is None and row.probe is None}
    assert {name for name, row in whole.items() if row.verdict == "fail"} == {"w12", "w21"}
    assert whole["w12"].value == pytest.approx(float(whole["w21"].truth.mid), rel=1e-12)


@pytest.mark.parametrize("case", one_in(2, ["loss", "function", "layer", "grads"]))
def test_partials_by_packed_data(case: str) -> None:
    right, _, kind, upstream = CASES[case]
    assert ask(right, kind=kind, upstream=upstream, wrt="x2, y1").verdict == "pass"


@pytest.mark.usefixtures("causes_unsought")
def test_one_partial_of_a_packed_parameter() -> None:
    assert ask(transposed_gradient, kind="gradient", wrt="w21").verdict == "fail"
    assert ask(transposed_gradient, kind="gradient", wrt="w22").verdict == "pass"


def test_some_symbols_may_stay_as_they_are() -> None:
    def mixed(W: Tensor, x1: Tensor, x2: Tensor, Y: Tensor) -> Tensor:
        return loss_of(W, torch.stack([x1, x2], 1), Y)

    assert ask(mixed, pack={"W": PACK["W"], "Y": PACK["Y"]}).verdict == "pass"


def test_arguments_are_bound_in_the_order_of_their_first_symbols() -> None:
    assert ask(lambda weight, inputs, targets: loss_of(weight, inputs, targets)).verdict == "pass"


def test_further_modes_take_packs() -> None:
    report = ask(loss_of, modes=("forward", "double backward"))
    assert report.verdict == "pass"
    assert {row.method.partition(" ")[2] for row in report.rows} == {"", "(forward mode)", "(double backward)"}


def test_the_grad_of_a_matrix_holds_the_point_too() -> None:
    leaf = W.clone().requires_grad_()
    loss_of(leaf, X, Y).backward()
    report = dx.verify({"W": leaf}, LAYER, DATA, pack=PACK)
    assert report.verdict == "pass"
    assert report.rows[0].point == AT
    loss_of(leaf, X, Y).backward()
    assert dx.verify({"W": leaf}, LAYER, DATA, pack=PACK).verdict == "fail"


def test_modified_packs_are_noted() -> None:
    def modifies(W: Tensor, X: Tensor, Y: Tensor) -> Tensor:
        loss = loss_of(W, X, Y.clone())
        Y.zero_()
        return loss

    report = ask(modifies)
    assert report.verdict == "fail"
    assert "inputs_modified" in {row.cause.key for row in report.rows if row.cause is not None}


@pytest.mark.parametrize(
    ("pack", "pattern"),
    [
        ({"W": ["w11", "w12", "w21", "w99"]}, "unknown symbol 'w99'"),
        ({"W": ["w11", "w11"]}, "'w11' is packed twice"),
        ({"W": ["w11"], "V": ["w11"]}, "'w11' is packed twice"),
        ({"W": [["w11", "w12"], ["w21"]]}, "'W' are not all of one length"),
        ({"W": [["w11", "w12"], "w21"]}, "'W' are not all of one length"),
        ({"W": ["w11", "x1"]}, "'W' mixes parameters and data"),
        ({"w22": ["w11", "w12"]}, "'w22' is a symbol of the loss"),
        ({"W": []}, "'W' should be packed from a list"),
        ({"W": 3}, "'W' should be packed from a list"),
        (["w11"], "pack should map arguments to lists"),
    ],
)
def test_packs_that_do_not_fit(pack: Any, pattern: str) -> None:
    with pytest.raises(dx.UsageError, match=pattern):
        ask(loss_of, pack=pack)


def test_a_gradient_of_another_shape_is_refused() -> None:
    with pytest.raises(dx.UsageError, match=r"gradient by W of shape \(4,\), and W has shape \(2, 2\)"):
        ask(lambda W, X, Y: gradient(W, X, Y).flatten(), kind="gradient")


def test_a_transposed_gradient_of_another_shape_is_named() -> None:
    loss = dx.Loss("(v1*x1 + v2*x2)**2", parameters="v1, v2", data="x1, x2")
    data, at = {"x1": [1.0, 2.0], "x2": [0.5, 3.0]}, {"v1": 1.5, "v2": 0.5}
    pack = {"V": [["v1", "v2"]], "X": ["x1", "x2"]}

    def row(V: Tensor, X: Tensor) -> Tensor:
        return 2 * (X @ V.T).T @ X / len(X)

    assert dx.verify(row, loss, data, at, kind="gradient", pack=pack).verdict == "pass"
    with pytest.raises(dx.UsageError, match="is it transposed"):
        dx.verify(lambda V, X: row(V, X).T, loss, data, at, kind="gradient", pack=pack)


def test_formulas_are_not_packed() -> None:
    with pytest.raises(dx.UsageError, match="nothing to pack"):
        ask({"W": "w11"}, kind="formulas")

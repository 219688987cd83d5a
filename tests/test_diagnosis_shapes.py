"""Mistakes of shape are named: broadcasting, the wrong axis, a transposed matrix."""

from __future__ import annotations

import torch

from diffexplore import Loss, verify
from diffexplore.checking.records import Cause, Report

Tensor = torch.Tensor

DATA = {"x": [1.0, 2.0, 3.5, -1.0], "y": [0.5, 1.0, 4.0, 2.0]}
POINT = {"a": 1.25, "b": 0.5}


def named(report: Report) -> dict[str, Cause]:
    """The cause of each failing partial."""
    return {row.parameter: row.cause for row in report.rows if row.verdict == "fail" and row.cause}


def test_samples_broadcast_against_each_other() -> None:
    def all_pairs(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return ((a * x - y[:, None] + b) ** 2 / (2 * (a**2 + 1))).mean()

    found = named(verify(all_pairs, "perpendicular", DATA, POINT))
    assert found["a"].key == "broadcast"
    assert found["a"].fields["certain"]


def test_entries_by_data_that_were_added_up_over_the_samples() -> None:
    def summed(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        slope = (a * x - y + b) / (a * a + 1) / len(x)
        return {"x": (a * slope).sum().expand(len(x)).clone(), "y": -slope}

    found = named(verify(summed, "perpendicular", DATA, POINT, kind="gradient", wrt="x, y"))
    assert {name: (cause.key, cause.fields["by"]) for name, cause in found.items()} == {"x": ("reduction_axis", "sum")}


def test_a_vector_of_partials_averaged_along_itself() -> None:
    loss = Loss("(w1*x1 + w2*x2 + w3*x3 - y)**2", parameters="w1, w2, w3", data="x1, x2, x3, y")
    data = {"x1": [1.0, 0.5, 2.0], "x2": [0.25, -1.0, 1.0], "x3": [3.0, 1.5, -0.5], "y": [1.0, 2.0, 0.0]}

    def averaged(w: Tensor, X: Tensor, y: Tensor) -> dict[str, Tensor]:
        slope = 2 * ((X @ w - y)[:, None] * X).mean(0)
        return {"w": slope.mean().expand(3).clone()}

    pack = {"w": ["w1", "w2", "w3"], "X": ["x1", "x2", "x3"]}
    at = {"w1": 1.0, "w2": 0.5, "w3": -0.75}
    found = named(verify(averaged, loss, data, at, kind="gradient", pack=pack))
    assert {(name, cause.key, cause.fields["by"]) for name, cause in found.items()} == {
        (name, "reduction_axis", "mean") for name in ("w1", "w2", "w3")
    }


def test_a_transposed_matrix() -> None:
    loss = Loss(
        "(w11*x1 + w12*x2 - y1)**2 + (w21*x1 + w22*x2 - y2)**2",
        parameters="w11, w12, w21, w22", data="x1, x2, y1, y2",
    )  # fmt: skip
    data = {"x1": [1.0, 2.0, 3.0], "x2": [0.5, -1.0, 0.75], "y1": [1.0, 1.0, 2.0], "y2": [0.0, 3.0, 1.0]}

    def forgot_to_transpose(W: Tensor, X: Tensor, Y: Tensor) -> dict[str, Tensor]:
        return {"W": 2 * X.T @ (X @ W.T - Y) / len(X)}

    pack = {"W": [["w11", "w12"], ["w21", "w22"]], "X": ["x1", "x2"], "Y": ["y1", "y2"]}
    at = {"w11": 1.0, "w12": 0.25, "w21": -0.5, "w22": 2.0}
    found = named(verify(forgot_to_transpose, loss, data, at, kind="gradient", pack=pack))
    assert {name: cause.key for name, cause in found.items()} == {"w12": "transposed", "w21": "transposed"}

"""Every kind of candidate: right ones pass, wrong ones fail, in several dtypes and however their arguments are bound."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from candidate_kinds import (
    AT,
    DATA,
    MEAN,
    NUMPY_DTYPES,
    SUM,
    TORCH_DTYPES,
    UPSTREAM,
    Line,
    Lines,
    NumpyLayer,
    ReducedNumpyLayer,
    ReducedSquare,
    SetupSquare,
    Square,
    TorchLayer,
    WrongReducedSquare,
    WrongSetupSquare,
    WrongSquare,
    mean_loss,
    numpy_gradient,
    outputs,
    pair,
    step,
    torch_gradient,
)
from representatives import one_in, slow

import diffexplore as dx

Tensor = torch.Tensor

FORMULAS = {"a": "2*x*(a*x - y + b)", "b": "2*(a*x - y + b)"}

#: name: (right, wrong, kind, dtypes, whether it takes an upstream gradient)
KINDS: dict[str, tuple[Any, Any, str | None, tuple[str, ...], bool]] = {
    "loss": (mean_loss, lambda a, b, x, y: mean_loss(a, b.detach() + 0 * b, x, y), None, TORCH_DTYPES, False),
    "outputs": (outputs, lambda a, b, x, y: outputs(a, b, x, y) * 1.5, None, TORCH_DTYPES, True),
    "function": (ReducedSquare, WrongReducedSquare, None, TORCH_DTYPES, False),
    "function-outputs": (Square, WrongSquare, None, TORCH_DTYPES, True),
    "setup-outputs": (SetupSquare, WrongSetupSquare, None, TORCH_DTYPES, True),
    "apply": (Square.apply, WrongSquare.apply, None, TORCH_DTYPES, True),
    "module": (Line(), Line(1.5), None, TORCH_DTYPES, False),
    "module-outputs": (Lines(), Lines(1.5), None, TORCH_DTYPES, True),
    "gradient": (torch_gradient(2), torch_gradient(3), "gradient", TORCH_DTYPES, False),
    "numpy": (numpy_gradient(2), numpy_gradient(3), "gradient", NUMPY_DTYPES, False),
    "formulas": (FORMULAS, {**FORMULAS, "b": "a*x - y + b"}, None, TORCH_DTYPES, False),
    "formulas-outputs": (FORMULAS, {**FORMULAS, "b": "a*x - y + b"}, None, TORCH_DTYPES, True),
    "layer": (TorchLayer(), TorchLayer(3.0), "layer", TORCH_DTYPES, True),
    "pair": (pair(TorchLayer()), pair(TorchLayer(3.0)), None, TORCH_DTYPES, True),
    "numpy-layer": (NumpyLayer(), NumpyLayer(3.0), "layer", NUMPY_DTYPES, True),
    "numpy-pair": (pair(ReducedNumpyLayer()), pair(ReducedNumpyLayer(3.0)), None, NUMPY_DTYPES, False),
    "step": (step(), step(2), "grads", TORCH_DTYPES, False),
}

#: Of the kinds that are read alike one each time.
EACH_TIME = ("loss", "function", "setup-outputs", "numpy", "formulas-outputs", "layer", "step")

#: Every kind in every dtype, of which a kind runs in one of them each time.
CASES = [
    (pytest.param if number == place % 3 and kind in EACH_TIME else slow)(kind, dtype, id=f"{kind}-{dtype}")
    for place, (kind, (_, _, _, dtypes, _)) in enumerate(KINDS.items())
    for number, dtype in enumerate(dtypes)
]


def verdict_of(candidate: Any, **options: Any) -> str:
    loss = options.pop("loss", MEAN)
    return dx.verify(candidate, loss, DATA, AT, **options).verdict


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize(("kind", "dtype"), CASES)
def test_right_passes_and_wrong_fails(kind: str, dtype: str) -> None:
    right, wrong, said, _, takes_upstream = KINDS[kind]
    upstream = UPSTREAM if takes_upstream else None
    assert verdict_of(right, kind=said, dtype=dtype, upstream=upstream) == "pass"
    assert verdict_of(wrong, kind=said, dtype=dtype, upstream=upstream) == "fail"


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize("kind", one_in(6, [kind for kind, entry in KINDS.items() if entry[4]]))
def test_an_upstream_gradient_may_be_one_number(kind: str) -> None:
    right, wrong, said, _, _ = KINDS[kind]
    assert verdict_of(right, kind=said, upstream=1.5) == "pass"
    assert verdict_of(wrong, kind=said, upstream=1.5) == "fail"


@pytest.mark.parametrize("kind", [kind for kind, entry in KINDS.items() if entry[4]])
def test_an_output_for_each_sample_needs_an_upstream_gradient(kind: str) -> None:
    right, _, said, _, _ = KINDS[kind]
    if kind.startswith("formulas"):
        assert verdict_of(right, kind=said) == "pass"  # they are of the summand, whatever follows
    else:
        with pytest.raises(dx.UsageError, match="upstream"):
            verdict_of(right, kind=said)


@pytest.mark.parametrize(
    "kind", one_in(6, ["loss", "outputs", "function", "function-outputs", "setup-outputs", "pair", "step"])
)
def test_partials_by_data(kind: str) -> None:
    right, wrong, said, _, takes_upstream = KINDS[kind]
    upstream = UPSTREAM if takes_upstream else None
    report = dx.verify(right, MEAN, DATA, AT, kind=said, upstream=upstream, wrt="x, y")
    assert report.verdict == "pass"
    assert {row.sample for row in report.rows if row.parameter == "x"} <= set(range(4))
    if kind != "loss":  # of that one, only the partial by b is wrong
        assert dx.verify(wrong, MEAN, DATA, AT, kind=said, upstream=upstream, wrt="x, y").verdict == "fail"


@pytest.mark.usefixtures("causes_unsought")
def test_partials_by_parameters_and_data_at_once() -> None:
    assert verdict_of(Square, upstream=UPSTREAM, wrt=("b", "x")) == "pass"
    assert verdict_of(WrongSquare, upstream=UPSTREAM, wrt=("b", "x")) == "fail"


@pytest.mark.usefixtures("causes_unsought")
def test_mean_and_sum_are_told_apart() -> None:
    def total(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return ((a * x - y + b) ** 2).sum()

    assert verdict_of(total, loss=SUM) == "pass"
    assert verdict_of(mean_loss, loss=SUM) == "fail"
    assert verdict_of(total, loss=MEAN) == "fail"

"""Exported source runs on its own and gives the gradient."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from typing import Any

import pytest
import torch
from sample_calls import formula_of

from diffexplore.errors import UsageError
from diffexplore.formula.compare import value_at
from diffexplore.formula.parse import names_in
from diffexplore.functions import TABLE
from diffexplore.loss import Loss
from diffexplore.program.export import to_json_dict, to_latex, to_python, to_torch

PERPENDICULAR = Loss("(a*x - y + b)**2/(2*(a**2 + 1))", parameters="a, b", data="x, y")


def run(source: str, function: str = "gradient") -> Any:
    """A function of an exported module."""
    module: dict[str, Any] = {}
    exec(compile(source, "exported", "exec"), module)
    return module[function]


def test_python_source() -> None:
    assert to_python(PERPENDICULAR, PERPENDICULAR.gradient()) == (
        '"""Partials of (a*x + b - y)**2/(2*(a**2 + 1)) with respect to a, b."""\n\n'
        "\n"
        "def gradient(a, b, x, y):\n"
        '    """The partials with respect to a, b: floats, for one sample."""\n'
        "    v0 = a**2 + 1\n"
        "    v1 = b - y\n"
        "    v2 = a*x + v1\n"
        "    return (\n"
        "        v2*(x - a*v1)/v0**2,\n"
        "        v2/v0,\n"
        "    )\n"
    )


HESSIAN_OF_PERPENDICULAR = """

def hessian(a, b, x, y):
    \"\"\"The second partials with respect to a, b, row by row: floats, for one sample.\"\"\"
"""


def test_the_second_partials_as_source() -> None:
    gradient, hessian = PERPENDICULAR.gradient(), PERPENDICULAR.hessian()
    source = to_python(PERPENDICULAR, gradient, hessian)
    assert source.startswith(to_python(PERPENDICULAR, gradient) + HESSIAN_OF_PERPENDICULAR)
    values = {"a": 1.5, "b": -0.5, "x": 2.0, "y": 0.25}
    point = {PERPENDICULAR.symbols[name]: Fraction(value) for name, value in values.items()}
    expected = [[float(value_at(hessian[i, j], point)) for j in "ab"] for i in "ab"]  # type: ignore[arg-type]
    rows = run(source, "hessian")(*values.values())
    assert isinstance(rows, tuple) and isinstance(rows[0], tuple)
    assert [list(row) for row in rows] == [pytest.approx(row, rel=1e-14) for row in expected]
    tensors = [torch.full((3,), value, dtype=torch.float64) for value in values.values()]
    batch = run(to_torch(PERPENDICULAR, gradient, hessian), "hessian")(*tensors)
    assert [[entry[2].item() for entry in row] for row in batch] == [pytest.approx(row, rel=1e-14) for row in expected]


def test_second_partials_by_one_symbol_are_a_matrix_of_one() -> None:
    loss = Loss("relu(a)*x", parameters="a", data="x")
    assert run(to_python(loss, loss.gradient(), loss.hessian()), "hessian")(1.0, 2.0) == ((0.0,),)
    batch = run(to_torch(loss, loss.gradient(), loss.hessian()), "hessian")(torch.tensor(1.0), torch.ones(4))
    assert batch[0][0].tolist() == [0.0] * 4


def test_constants_are_floats_in_python() -> None:
    loss = Loss("3*a + x*b", parameters="a, b", data="x")
    assert isinstance(run(to_python(loss, loss.gradient()))(1.0, 1.0, 1.0)[0], float)


@pytest.mark.parametrize(
    ("formula", "in_python", "in_torch"),
    [
        ("a**2*x", [], []),
        ("sin(a*x)", ["import math"], ["import torch"]),
        ("sigmoid(a*x)", ["import math"], ["import torch"]),  # in Python, it is a helper that needs math
        ("sqrt(2)*a*x", ["import math"], ["import math"]),
        ("sin(pi*a*x)", ["import math"], ["import math", "import torch"]),
    ],
)
def test_only_what_is_used_is_imported(formula: str, in_python: list[str], in_torch: list[str]) -> None:
    loss = Loss(formula, parameters="a", data="x")
    for export, expected in ((to_python, in_python), (to_torch, in_torch)):
        lines = export(loss, loss.gradient()).splitlines()
        assert [line for line in lines if line.startswith("import")] == expected


NOT_IN_MATH = (
    "erfinv", "ndtri", "gamma", "lgamma", "digamma", "trigamma", "polygamma", "dgammainc", "dzeta", "dbetainc",
)  # fmt: skip
NOT_IN_TORCH = ("dgammainc", "dzeta", "betainc", "dbetainc")


@pytest.mark.parametrize("name", [entry.name for entry in TABLE])
def test_every_function_in_torch_and_python(name: str) -> None:
    loss = Loss(formula_of(name), parameters="a", data="x")
    gradient = loss.gradient()  # by a alone, of a multiple of the function: it has the function and its derivatives
    point = {loss.symbols["a"]: Fraction(7, 10), loss.symbols["x"]: Fraction(4, 10)}
    expected = [float(value_at(expr, point)) for expr in gradient.values()]  # type: ignore[arg-type]
    tensors = (torch.tensor([0.7, 0.7], dtype=torch.float64), torch.tensor([0.4, 0.4], dtype=torch.float64))
    if name in NOT_IN_TORCH:
        with pytest.raises(UsageError, match=f"torch has no {name}"):
            to_torch(loss, gradient)
    else:
        results = run(to_torch(loss, gradient))(*tensors)
        assert all(result.dtype == torch.float64 and result.shape == (2,) for result in results)
        assert [result[1].item() for result in results] == pytest.approx(expected, rel=1e-8)  # torch's trigamma
    if name in NOT_IN_MATH:
        with pytest.raises(UsageError, match="math module has no"):
            to_python(loss, gradient)
    else:
        assert run(to_python(loss, gradient))(0.7, 0.4) == pytest.approx(expected, rel=1e-12)


def test_half_precision_stays_half() -> None:
    text = "where(a > 0, 1, 3)*a*x/3 + gamma(x)*a + max(a, 0.5) + heaviside(a)*x + sqrt(2/pi)*a"
    loss = Loss(text, parameters="a", data="x")
    result = run(to_torch(loss, loss.gradient()))(*(torch.ones(3, dtype=torch.bfloat16) for _ in range(2)))
    assert result[0].dtype == torch.bfloat16


def test_constant_partials_have_the_shape_of_the_batch() -> None:
    loss = Loss("a*3 + x*b", parameters="a, b", data="x")
    results = run(to_torch(loss, loss.gradient()))(torch.tensor(1.0), torch.tensor(2.0), torch.arange(4.0))
    assert results[0].tolist() == [3.0] * 4


def test_a_branch_that_is_not_taken_does_no_harm() -> None:
    loss = Loss("where(a > 0, log(a)**3*x, x/(a - 1)) + where(a > 0, log(a)**2, 0)", parameters="a", data="x")
    gradient = loss.gradient()
    assert run(to_python(loss, gradient))(-1.0, 2.0) == pytest.approx((-0.5,))
    assert run(to_torch(loss, gradient))(torch.tensor(-1.0), torch.tensor(2.0))[0].item() == pytest.approx(-0.5)


def test_half_at_the_step() -> None:
    loss = Loss("relu(a)*x", parameters="a", data="x")
    assert run(to_python(loss, loss.gradient()))(0.0, 2.0) == (1.0,)
    assert run(to_torch(loss, loss.gradient()))(torch.tensor(0.0), torch.tensor(2.0))[0].item() == 1.0


@pytest.mark.parametrize("name", ["torch", "math", "gradient", "hessian", "one", "float", "v0"])
def test_symbols_named_like_the_module(name: str) -> None:
    text = f"sin({name}*x)*exp({name}*x) + max({name}, 1)"
    loss = Loss(text, parameters=[name], data="x")
    expected = math.cos(0.2) * math.exp(0.2) * 2 + math.sin(0.2) * math.exp(0.2) * 2
    result = run(to_torch(loss, loss.gradient()))(torch.tensor(0.1), torch.tensor(2.0))
    assert result[0].item() == pytest.approx(expected)
    assert run(to_python(loss, loss.gradient()))(0.1, 2.0)[0] == pytest.approx(expected)


def test_latex_and_json() -> None:
    gradient, hessian = PERPENDICULAR.gradient(), PERPENDICULAR.hessian()
    latex = to_latex(PERPENDICULAR, gradient, hessian)
    assert latex.startswith("\\begin{aligned}\nL &= \\frac{1}{N} \\sum_{i=1}^{N}")
    assert latex.count(r"\partial \ell") == 2
    assert "bmatrix" in latex
    document = json.loads(json.dumps(to_json_dict(PERPENDICULAR, gradient, hessian), allow_nan=False))
    assert document["gradient"]["b"]["expression"] == "(a*x + b - y)/(a**2 + 1)"
    assert document["gradient"]["b"]["text"] == "(a·x + b − y)/(a² + 1)"
    assert document["loss"]["parameters"] == ["a", "b"]
    assert list(document["hessian"]) == ["a,a", "a,b", "b,a", "b,b"]
    assert names_in("a*x") == ("a", "x")

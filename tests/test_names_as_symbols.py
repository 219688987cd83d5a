"""A name that is declared is a symbol wherever it is not called, if it is that of a function or constant, too."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

import diffexplore as dx
from diffexplore.cli.main import main
from diffexplore.formula.parse import names_in
from diffexplore.formula.text import to_text
from diffexplore.program.export import to_python

CASES = [
    ("gamma*x", "gamma", {"gamma": lambda v, x: x}),
    ("beta*zeta*x", "beta zeta", {"beta": lambda v, x: v["zeta"] * x, "zeta": lambda v, x: v["beta"] * x}),
    ("gamma(gamma)*x", "gamma", {"gamma": lambda v, x: x * math.gamma(1.5) * 0.03648997397857652}),  # ψ(3/2), DLMF 5.4
    ("E*x + e", "E", {"E": lambda v, x: x}),
    ("E*e*x", "E e", {"E": lambda v, x: v["e"] * x, "e": lambda v, x: v["E"] * x}),
    ("exp(1)*e**2*x", "e", {"e": lambda v, x: math.e * 2 * v["e"] * x}),
    ("lambda*x**2 + in", "lambda in", {"lambda": lambda v, x: x**2, "in": lambda v, x: 1}),
    ("pi*x**2", "pi", {"pi": lambda v, x: x**2}),
    ("N*S*Q*I*x", "N S Q I", {name: lambda v, x: 1.5**3 * x for name in "NSQI"}),
    ("where(max > x, max(max, x)*sin, 0)", "max sin", {}),
    ("k1*x + y0*i0*zeta", "k1 y0 i0 zeta", {"k1": lambda v, x: x, "i0": lambda v, x: v["y0"] * v["zeta"]}),
    ("k1*i0(i0)*x", "k1 i0", {"k1": lambda v, x: x * 1.6467231897728904}),  # I₀(3/2), DLMF 10.25.2
]


@pytest.mark.parametrize(("formula", "parameters", "expected"), CASES, ids=[case[0] for case in CASES])
def test_declared_names(formula: str, parameters: str, expected: dict[str, object]) -> None:
    loss = dx.Loss(formula, parameters=parameters, data="x")
    point, samples = dict.fromkeys(loss.parameters, 1.5), [0.5, 2.0]
    report = dx.check(loss, {"x": samples}, point, methods="symbolic,reverse", device="cpu")
    assert report.verdict == "pass"
    for name, partial in expected.items():
        mean = sum(partial(point, x) for x in samples) / len(samples)  # type: ignore[operator]
        (row, *_) = [row for row in report.rows if row.parameter == name and row.sample is None and row.probe is None]
        assert row.truth is not None
        assert float(row.truth.mid) == pytest.approx(mean, rel=1e-12)
    texts = {name: to_text(expression, unicode=False) for name, expression in loss.gradient().items()}
    assert dx.verify(texts, loss, {"x": samples}, point).verdict == "pass"  # what is printed is read back


def test_data_and_domains() -> None:
    loss = dx.Loss("a*gamma/E", parameters="a", data="gamma, E", domain="E > 0 and gamma != 1")
    assert {symbol.name for condition in loss.domain for symbol in condition.free_symbols} == {"E", "gamma"}
    assert dx.check(loss, {"gamma": [2.0], "E": [3.0]}, {"a": 1.0}, methods="reverse").verdict == "pass"


@pytest.mark.parametrize("text", ["gamma*x", "lambda*x", "sin + x"])
def test_undeclared_ones_are_told_apart(text: str) -> None:
    with pytest.raises(dx.UsageError, match="declare it as a parameter or as data"):
        dx.Loss(text, parameters="a", data="x")


def test_code_does_not_hide_what_it_calls() -> None:
    loss = dx.Loss("lambda*abs(max)*x", parameters="lambda, max", data="x")
    source = to_python(loss, loss.gradient())
    names: dict[str, object] = {}
    exec(source, names)
    assert names["gradient"](2.0, -3.0, 0.5) == (1.5, -1.0)  # type: ignore[operator]


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "data.csv"
    path.write_text("gamma,E\n1,2\n3,4\n", encoding="utf-8")
    assert main(["report", "gamma*E*x", "--at", "x=2", "--data", str(path), "--quiet"]) == 0
    assert main(["report", "lambda*x", "--at", "lambda=2", "--points", "3", "--quiet"]) == 0
    assert main(["derive", "beta*gamma*E", "--wrt", "gamma,E"]) == 0
    assert main(["graph", "gamma*x", "--at", "gamma=2", "--points", "3", "--quiet"]) == 0
    assert "error" not in capsys.readouterr().err
    assert main(["derive", "gamma*x"]) == 2


@pytest.mark.parametrize("formula", ["a*k1 + x*i0", "k0*a - i1*x**2"])
def test_names_that_parameters_often_have_need_no_declaration(formula: str) -> None:
    names = set(dx.Loss(formula, parameters="a", data=[n for n in ("x", "k0", "k1", "i0", "i1") if n in formula]).data)
    assert set(names_in(formula)) == names | {"a"}
    assert "i0" not in names_in("i0(a)*k1(x)")

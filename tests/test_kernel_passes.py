"""Kernels in blocks: sums of several terms in few passes, and the same bits for any number of threads."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np
import pytest
import torch
from representatives import each_value

import diffexplore as dx
from diffexplore.kernels.backends import blocked

AT = {"a": 0.75, "b": -1.25, "c": 3.0}

#: A sum of terms: for each a sign, and the names of its factors.
TERMS = {
    "a*x - y + b": ("+ax", "-y", "+b"),
    "y - a*x - b": ("+y", "-ax", "-b"),
    "b - a*x - y": ("+b", "-ax", "-y"),
    "a*x + b*y + c": ("+ax", "+by", "+c"),
    "a*x - b*y - c": ("+ax", "-by", "-c"),
    "-a*x - b*y": ("-ax", "-by"),
    "-x - y - c": ("-x", "-y", "-c"),
    "x - y": ("+x", "-y"),
    "c - x - a*y": ("+c", "-x", "-ay"),
    "a*x*y - x - y - b": ("+axy", "-x", "-y", "-b"),
    "a*b*x - c*y + x*y": ("+abx", "-cy", "+xy"),
    "x + a*x - b + y": ("+x", "+ax", "-b", "+y"),
}


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def data(n: int) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(4)
    return {"x": draw.uniform(-2, 2, n), "y": draw.uniform(-2, 2, n)}


@pytest.mark.parametrize(("formula", "power"), each_value(list(TERMS), [1, 3]))
def test_a_sum_of_terms_in_any_order_is_within_its_bound(formula: str, power: int) -> None:
    """Σ (terms)ᵖ and its partial by a, in rational arithmetic; with a function around it, so that the sum is computed."""
    columns = data(50)
    exact = []
    slopes = []
    for x, y in zip(columns["x"].tolist(), columns["y"].tolist(), strict=True):
        values = {name: Fraction(one) for name, one in {**AT, "x": x, "y": y}.items()}
        inner = sum(_term(term, values) for term in TERMS[formula])
        by_a = sum(_term(term.replace("a", ""), values) for term in TERMS[formula] if "a" in term)
        exact.append(inner**power)
        slopes.append(power * inner ** (power - 1) * by_a)
    names = [name for name in AT if any(name in term for term in TERMS[formula])]
    loss = dx.Loss(f"({formula})**{power}", parameters=names, data="x, y", reduction="sum")
    found = loss.compile(backend="blocked")({name: AT[name] for name in names}, columns)
    assert abs(Fraction(found.value) - sum(exact)) <= Fraction(found.bounds.value) < 1e-9
    if "a" in names:
        assert abs(Fraction(found.gradient["a"]) - sum(slopes)) <= Fraction(found.bounds.gradient["a"]) < 1e-9


def _term(term: str, values: dict[str, Fraction]) -> Fraction:
    return (-1 if term[0] == "-" else 1) * prod((values[name] for name in term[1:]), start=Fraction(1))


@pytest.mark.parametrize(
    ("formula", "passes"),
    [("exp(a*x - y + b)", 3), ("exp(a*x + y)", 2), ("exp(c + b*y - a*x - c*x)", 4), ("exp(x - y)", 2)],
)
def test_products_with_parameters_take_no_passes(formula: str, passes: int) -> None:
    """Those of the sum and of the exponential; one more adds it up."""
    parameters = [name for name in AT if name in formula.replace("exp", "")]
    loss = dx.Loss(formula, parameters=parameters, data="x, y")
    assert loss.compile(wrt=(), backend="blocked").explain().operations == passes + 1


@pytest.mark.parametrize(
    ("formula", "operations"),
    [
        ("log(1 + (a*x + b - y)**2/c**2)", 2 + 4 + 1 + 4),  # r, log(1 + r²/c²), q = r/(…); Σ log, Σ q, Σ x q, Σ r q
        # r, the summand, sign(r), where(…, r, sign(r)); Σ, and for the partials Σ x·where and Σ where
        ("where(abs(a*x + b - y) <= 1, (a*x + b - y)**2/2, abs(a*x + b - y) - 1/2)", 2 + 6 + 2 + 3),
        ("exp(a*x + b) - y*(a*x + b)", 3 + 4),  # u, exp(u), exp(u) - y; Σ exp(u), Σ y u, and two for the partials
        ("(a*x + b*y + c)**2", 2 + 4),  # r; Σ r², Σ x r, Σ y r, Σ r
    ],
)
def test_partials_share_what_they_can(formula: str, operations: int) -> None:
    parameters = [name for name in AT if name in formula.replace("exp", "").replace("abs", "")]
    loss = dx.Loss(formula, parameters=parameters, data="x, y", domain="c > 0" if "c**2" in formula else None)
    kernel = loss.compile(backend="blocked")
    assert kernel.explain().operations == operations
    at, columns = {name: AT[name] for name in parameters}, data(3_000)
    found, other = kernel(at, columns), loss.compile(backend="eager")(at, columns)
    assert found.value == pytest.approx(other.value, rel=1e-12)
    for name in parameters:
        assert (
            abs(found.gradient[name] - other.gradient[name])
            <= found.bounds.gradient[name] + other.bounds.gradient[name]
        )


@pytest.mark.parametrize("rows", [511, 512, 40_000])
def test_the_bound_of_a_sum_of_products_does_not_grow_with_the_block(rows: int) -> None:
    columns = data(rows)
    bounds = dx.losses.get("poisson").compile(backend="blocked")({"a": 0.5, "b": 0.25}, columns).bounds
    assert bounds.gradient["a"] < 1e-12


@pytest.mark.parametrize("name", ["perpendicular", "poisson", "huber"])
def test_the_bits_do_not_depend_on_the_threads(name: str, threads: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocked, "CACHE", 200_000)
    loss = dx.losses.get(name)
    columns = {one: column + 3 for one, column in data(200_001).items()}
    found: list[Any] = []
    for count in (1, 2, 3):
        torch.set_num_threads(count)
        found.append(loss.compile([*loss.parameters, "x"], backend="blocked")(loss.default_points[0], columns))
        assert torch.get_num_threads() == count
    for other in found[1:]:
        assert other.value == found[0].value
        for symbol, partial in found[0].gradient.items():
            np.testing.assert_array_equal(other.gradient[symbol], partial)


@pytest.mark.parametrize("backend", ["statistics", "blocked"])
def test_the_default_device_of_a_program_does_not_matter(backend: str) -> None:
    bound = dx.losses.get("perpendicular").compile(backend=backend)
    with torch.device("meta"):
        elsewhere = bound({"a": 0.5, "b": 1.0}, data(300))
    assert elsewhere == bound({"a": 0.5, "b": 1.0}, data(300))

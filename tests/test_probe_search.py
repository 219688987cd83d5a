"""Probes are found among candidates that are looked at together, and each shows what it shows alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import diffexplore as dx
from diffexplore.bounds.watch import Watch
from diffexplore.checking.probe_places import ProbePlaces
from diffexplore.checking.probe_search import ProbeSearch
from diffexplore.checking.probes import Probe
from diffexplore.methods.problem import Problem

DTYPES = {"float64": torch.float64, "float32": torch.float32, "bfloat16": torch.bfloat16}


def _problem(loss: dx.Loss, dtype: str = "float64") -> Problem:
    return Problem(loss, loss.parameters, DTYPES[dtype], torch.device("cpu"))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_place_among_others_shows_what_it_shows_alone(dtype: str, reduction: Any) -> None:
    loss = dx.Loss("log(1 + exp(a*x - b)) - y*a", parameters="a, b", data="x, y", reduction=reduction)
    generator = np.random.default_rng(5)
    columns = {name: torch.from_numpy(generator.uniform(0.5, 2, 40)) for name in ("x", "y")}
    points = [{"a": float(a), "b": float(b)} for a, b in generator.normal(size=(5, 2))]
    chosen = [np.sort(generator.permutation(40)[:12]) for _ in points]
    problem = _problem(loss, dtype)
    places, search = ProbePlaces(problem, points, columns, chosen), ProbeSearch(problem, (points[0],), columns, 40, 0)
    rounded = 16 * torch.finfo(problem.dtype).eps  # a sum of twelve is added in double precision, and in the dtype
    for place, name, count in ((0, "a", 1), (2, "b", 7), (4, "a", 12)):
        samples = np.arange(count)
        alone = Probe(places.point(place), chosen[place][samples], "", True)
        assert places.power(name, place, samples) == pytest.approx(search.power(name, alone), rel=1e-6, abs=rounded)


def test_a_value_that_is_the_same_everywhere_has_a_place_for_each_sample() -> None:
    problem = _problem(dx.Loss("a + 2*b*x", parameters="a, b", data="x"))
    points = [{"a": 1.0, "b": 1.0}, {"a": 2.0, "b": -1.0}]
    places = ProbePlaces(problem, points, {"x": torch.tensor([1.0, 2.0, 3.0])}, [np.arange(3)] * 2)
    assert [partial.tolist() for partial in places.partials] == [[[1.0] * 3] * 2, [[2.0, 4.0, 6.0]] * 2]
    assert places.usable.all() and places.usable.shape == (2, 3)


def test_all_candidates_for_all_symbols_are_looked_at_in_three_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"p{place}" for place in range(6)]
    text = "log(" + " + ".join(f"exp({name}*x)" for name in names) + ")"
    problem = _problem(dx.Loss(text, parameters=names, data="x"))
    columns = {"x": torch.tensor([300.0, 400.0, -500.0])}
    seen: list[Any] = []
    run = Watch.run

    def counted(watch: Watch, func: Any, *rest: Any) -> Any:
        seen.append(func)
        return run(watch, func, *rest)

    monkeypatch.setattr(Watch, "run", counted)
    point = {name: 0.1 * place for place, name in enumerate(names)}
    search = ProbeSearch(problem, (point,), columns, 3, 0)
    assert all(search.best(name) is not None for name in names)
    # The exponents are so large that no candidate is sharp: all are looked at.
    each = len(problem.closed_form_program.steps) + 2 * len(names)  # an output is spread over samples and places
    assert 2 * each < len(seen) <= 3 * each

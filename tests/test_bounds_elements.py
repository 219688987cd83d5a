"""What holds of all elements of a tensor is what torch says of each of them; balls of doubles skip nothing but zeros."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from representatives import each_value

from diffexplore import losses
from diffexplore.arithmetic import double_balls
from diffexplore.arithmetic.double_balls import DoubleBall
from diffexplore.bounds import elements
from diffexplore.checking.options import Options
from diffexplore.loss import Loss
from diffexplore.methods._difference import CENTRAL, FORWARD, RICHARDSON, Difference
from diffexplore.methods.complex_step import METHOD as COMPLEX_STEP

Tensor = torch.Tensor

_ODD = (math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324, 2.0**-1022, 1e308)


def _tensors(dtype: torch.dtype) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    found = []
    for count in (0, 3, 1000):
        plain = (torch.rand(count, generator=generator) + 0.5).to(dtype)
        found += [plain, torch.zeros_like(plain)]
        for odd in _ODD if count else ():
            changed = plain.clone()
            changed[count // 2] = torch.tensor(odd, dtype=torch.float64).to(dtype)
            found.append(changed)
    return found


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_elements_are_seen_as_torch_sees_them(dtype: torch.dtype) -> None:
    for values in _tensors(dtype):
        finite = values.isfinite()
        assert elements.all_finite(values) == bool(finite.all())
        assert elements.none_is_infinite(values.abs()) == bool(finite.all())
        assert torch.equal(elements.not_finite(values), ~finite)
        assert elements.all_hold(values) == bool(values.all())
        assert elements.none_hold(values) == (not bool(values.any()))
        least = elements.smallest(values.abs()) if values.numel() else 0.0
        assert math.isnan(least) or not least or least == float(values.abs().min())
        assert torch.equal(elements.chosen(finite, values, 7.0), torch.where(finite, values, 7.0))


# The last one moves 1 by a unit in its last place.
@pytest.mark.parametrize("number", [2.0**-1074, 2.0**-1022, 2.0**-149, 1e-9, 1.5 * 2.0**-53])
@pytest.mark.parametrize("exponent", [-1070, -1019, -1000, -60, 0])
def test_a_number_is_added_as_by_torch(number: float, exponent: int) -> None:
    values = torch.linspace(1, 2, 1000, dtype=torch.float64) * 2.0**exponent
    expected = values + torch.full_like(values, number)
    assert torch.equal(elements.add_number(values.clone(), number), expected)
    assert torch.equal(elements.add_number(values.clone(), number, float(values.min())), expected)


@pytest.mark.parametrize("operation", [double_balls.add, double_balls.sub, double_balls.mul, double_balls.div])
def test_one_zero_for_all_lower_parts_gives_the_bits_of_many(
    operation: Callable[[DoubleBall, DoubleBall], DoubleBall],
) -> None:
    generator = np.random.default_rng(3)
    doubles = [generator.normal(size=500) * 10.0 ** generator.integers(-9, 9, 500) for _ in range(2)]
    doubles[0][:3], doubles[1][:2] = (0.0, 1e300, -1e-290), (0.0, 1e-300)
    third = double_balls.exact(np.full(500, 3.0))
    many = [double_balls.div(double_balls.exact(x), third) for x in doubles] + [*map(double_balls.exact, doubles)]
    one = many[:2] + [double_balls.exact_samples(x) for x in doubles]
    with np.errstate(all="ignore"):
        for i in range(4):
            for j in range(4):
                expected, found = operation(many[i], many[j]), operation(one[i], one[j])
                known = np.isfinite(expected.radius)
                assert np.array_equal(np.broadcast_to(np.isfinite(found.radius), 500), known)
                for one_field, field in zip(expected, found, strict=True):
                    assert np.array_equal(np.broadcast_to(field, 500)[known], one_field[known])


_STEPPED = {
    "smooth": Loss("(a*x - y + b)**2/(2*(a**2 + 1))", parameters="a, b", data="x, y"),
    "kinks of some samples": Loss("abs(a*x - y) + b*x", parameters="a, b", data="x, y"),
    "a pole of some samples": Loss("b*x/(a - y)", parameters="a, b", data="x, y"),
}


@pytest.mark.parametrize(("name", "method"), each_value(list(_STEPPED), [FORWARD, CENTRAL, RICHARDSON]))
def test_one_ball_for_all_samples_tells_what_a_ball_for_each_tells(name: str, method: Difference) -> None:
    loss = _STEPPED[name]
    problem = Options(device="cpu", step=2.0**-6).problem(loss, loss.parameters)
    # None is a power of two: products by one, of a sample alone, are known to round nothing.
    x = torch.tensor([0.3, 0.7, 1.3, 1.9, -3.1], dtype=torch.float64)
    y = torch.tensor([0.3, 1.105, 40.1, 2.095, -3.6], dtype=torch.float64)
    together = method.samples(problem, problem.values({"a": 1.1, "b": 2.3}, {"x": x, "y": y}), len(x))
    for i in range(len(x)):
        row = {"x": x[i : i + 1], "y": y[i : i + 1]}
        alone = method.samples(problem, problem.values({"a": 1.1, "b": 2.3}, row), 1)
        for symbol in loss.parameters:
            assert float(alone[symbol].value) == float(together[symbol].value[i])
            assert float(alone[symbol].bound) == pytest.approx(float(together[symbol].bound[i]), rel=1e-9)
    bounds = torch.stack([together[symbol].bound for symbol in loss.parameters])
    assert bool(bounds.isfinite().any())
    assert bool(bounds.isfinite().all()) == (name == "smooth")


def test_what_differences_share_does_not_change_them() -> None:
    loss = losses.get("perpendicular")
    problem = Options(device="cpu").problem(loss, loss.parameters)
    generator = torch.Generator().manual_seed(2)
    columns = {name: torch.randn(600, generator=generator, dtype=torch.float64) for name in loss.data}
    values = problem.values({"a": 2.5, "b": 1.0}, columns)
    for method in (FORWARD, CENTRAL, RICHARDSON, COMPLEX_STEP):
        for shared, alone in (
            (method.samples(problem, values, 600), method.samples(problem, dict(values), 600)),
            (method.reduced(problem, values, 600), method.reduced(problem, dict(values), 600)),
        ):
            for name in loss.parameters:
                assert torch.equal(shared[name].value, alone[name].value)
                assert torch.equal(shared[name].bound, alone[name].bound)

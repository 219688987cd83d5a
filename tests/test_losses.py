"""The catalogue: what it lists, what it builds, and that its defaults make every partial visible."""

from __future__ import annotations

import math
import statistics
import subprocess
import sys

import pytest
import torch

from diffexplore import losses
from diffexplore.arithmetic.torch_real import TORCH
from diffexplore.errors import UsageError
from diffexplore.losses import Entry
from diffexplore.losses._catalogue import hyperplane
from diffexplore.losses._data import line_with_outliers
from diffexplore.program.program import lower

ENTRIES = pytest.mark.parametrize("entry", losses.entries(), ids=losses.names())


def summand_partials(entry: Entry, point: dict[str, float]) -> dict[str, torch.Tensor]:
    """The summand and its partials, for each sample, as torch differentiates them in float64."""
    loss = entry.loss()
    columns = {name: torch.tensor(column, dtype=torch.float64) for name, column in entry.default_data().items()}
    n = len(next(iter(columns.values())))
    inputs = {name: torch.full((n,), point[name], dtype=torch.float64) for name in entry.parameters} | columns
    for column in inputs.values():
        column.requires_grad_()
    (value,) = lower([loss.expression], list(inputs)).run(TORCH, inputs)
    names = entry.parameters or entry.data
    partials = torch.autograd.grad(value.sum(), [inputs[name] for name in names])
    return {"value": value.detach(), **dict(zip(names, partials, strict=True))}


def test_listing_imports_nothing_heavy() -> None:
    code = (
        "import sys, diffexplore.losses as losses; losses.names(); losses.entries()[0].default_data();"
        "print([name for name in ('numpy', 'sympy', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_catalogue_holds_the_losses_that_it_promises() -> None:
    assert losses.names() == (
        "perpendicular", "line_distance", "line_distance_squared", "hyperplane", "graph_sum", "squared_error",
        "absolute_error", "huber", "log_cosh", "cauchy", "logistic", "softplus", "poisson",
    )  # fmt: skip


@ENTRIES
def test_loss_says_what_its_entry_says(entry: Entry) -> None:
    loss = losses.get(entry.name)
    assert (loss.name, loss.parameters, loss.data) == (entry.name, entry.parameters, entry.data)
    assert (loss.reduction, loss.source) == (entry.reduction, entry.source)
    assert len(loss.domain) == len(entry.domain)
    assert loss.default_data is not None and loss.default_data() == entry.default_data()
    assert [dict(point) for point in loss.default_points] == [dict(point) for point in entry.default_points]


@ENTRIES
def test_default_data_has_one_finite_column_a_symbol_and_never_changes(entry: Entry) -> None:
    columns = entry.default_data()
    assert tuple(columns) == entry.data
    assert len({len(column) for column in columns.values()}) == 1
    assert all(math.isfinite(value) for column in columns.values() for value in column)
    assert entry.default_data() == columns


@ENTRIES
def test_points_give_each_parameter_a_value(entry: Entry) -> None:
    assert entry.default_points
    assert all(tuple(point) == entry.parameters for point in entry.default_points)


@ENTRIES
def test_defaults_lie_in_the_domain(entry: Entry) -> None:
    loss = entry.loss()
    columns = entry.default_data()
    for point in entry.default_points:
        for sample in range(0, len(columns[entry.data[0]]), 5):
            values = {**point, **{name: column[sample] for name, column in columns.items()}}
            inside = {loss.symbols[name]: value for name, value in values.items()}
            assert all(bool(condition.subs(inside)) for condition in loss.domain)


@ENTRIES
def test_every_partial_is_visible_and_moderate_at_every_default_point(entry: Entry) -> None:
    largest = 1e5 if entry.name == "perpendicular" else 100.0
    for point in entry.default_points:
        found = summand_partials(entry, dict(point))
        assert found.pop("value").abs().max() < largest
        for name, partial in found.items():
            assert 1e-3 < partial.abs().mean() < largest, name
            # The mean does not cancel to nothing, except that the notebook's data at its line is near the optimum.
            cancelled = 1e-3 if entry.name == "perpendicular" else 0.05
            assert partial.mean().abs() > cancelled * partial.abs().mean() or not entry.parameters, name


def test_piecewise_losses_show_both_of_their_branches() -> None:
    for entry in losses.entries():
        if entry.name in ("huber", "absolute_error", "line_distance", "hyperplane"):
            for point in entry.default_points:
                partial = summand_partials(entry, dict(point))["b" if "b" in entry.parameters else "C"]
                assert (partial > 0).any() and (partial < 0).any()
    huber = next(entry for entry in losses.entries() if entry.name == "huber")
    slope = summand_partials(huber, dict(huber.default_points[0]))["b"].abs()
    assert (slope == 1).any() and (slope < 1).any()


def test_embedded_points_are_the_notebooks_line() -> None:
    columns = losses.entries()[0].default_data()
    x, y = (torch.tensor(columns[name], dtype=torch.float64) for name in "xy")
    assert (len(x), columns["x"][0], columns["y"][-1]) == (100, 1.8834308093613288, 250.47275712255768)
    # The closed form of total least squares.
    centred = torch.stack([x - x.mean(), y - y.mean()])
    (sxx, sxy), (_, syy) = (centred @ centred.T / 100).tolist()
    a = (syy - sxx + math.hypot(syy - sxx, 2 * sxy)) / (2 * sxy)
    b = float(y.mean() - a * x.mean())
    assert (round(a, 5), round(b, 5)) == (2.52097, -0.49526)
    assert round(float(((a * x - y + b) ** 2).mean()) / (a * a + 1), 5) == 4.19523


def test_every_tenth_point_of_the_robust_losses_is_an_outlier() -> None:
    columns = line_with_outliers()
    residual = [y - 1.5 * x - 0.5 for x, y in zip(columns["x"], columns["y"], strict=True)]
    outliers = [residual.pop(sample) for sample in range(90, -1, -10)]
    assert min(map(abs, outliers)) > 1.2 > max(map(abs, residual))
    assert 0.3 < statistics.pstdev(residual) < 0.5


@pytest.mark.parametrize("name", ["hyperplane:5", "hyperplane"])
def test_hyperplane_comes_in_any_dimension(name: str) -> None:
    loss = losses.get(name) if ":" in name else losses.get(name, dimensions=5)
    assert loss.name == "hyperplane:5"
    assert loss.parameters == ("w1", "w2", "w3", "w4", "w5", "b")
    assert loss.data == ("x1", "x2", "x3", "x4", "x5")
    assert losses.get("hyperplane").data == ("x1", "x2", "x3")


@pytest.mark.parametrize("dimensions", [1, 2, 10, 32])
def test_every_member_of_the_family_has_visible_partials(dimensions: int) -> None:
    entry = hyperplane(dimensions)
    for point in entry.default_points:
        found = summand_partials(entry, dict(point))
        assert found.pop("value").abs().max() < 100
        assert len(found) == dimensions + 1
        assert all(partial.mean().abs() > 0.05 * partial.abs().mean() for partial in found.values())


def test_losses_are_built_once() -> None:
    assert losses.get("huber") is losses.get("huber")


@pytest.mark.parametrize(
    ("name", "dimensions", "message"),
    [
        ("perpendicula", None, "unknown loss 'perpendicula': did you mean 'perpendicular'?"),
        ("Huber", None, "unknown loss 'Huber': did you mean 'huber'?"),
        ("(a*x)**2", None, "'(a*x)**2' is no name of a loss: of a formula make one, as in dx.Loss('a*x',"),
        ("qqq", None, "unknown loss 'qqq': choose from absolute_error, cauchy,"),
        ("hyperplan:4", None, "unknown loss 'hyperplan': did you mean 'hyperplane'?"),
        ("hyperplane:x", None, "'hyperplane:x' should end in a number of dimensions, such as hyperplane:5"),
        ("hyperplane:", None, "'hyperplane:' should end in a number of dimensions"),
        ("hyperplane:0", None, "hyperplane has 1 to 32 dimensions, not 0"),
        ("hyperplane:" + "9" * 5000, None, "hyperplane has 1 to 32 dimensions, not 999999"),
        ("hyperplane:5", 5, "the loss 'hyperplane:5' says its dimensions already"),
        ("huber:3", None, "the loss 'huber' has no dimensions to choose"),
        ("huber", 3, "the loss 'huber' has no dimensions to choose"),
        ("hyperplane", 2.5, "dimensions should be a whole number from 1 to 1,000,000, not 2.5"),
    ],
)
def test_what_is_not_in_the_catalogue_is_refused(name: str, dimensions: int | None, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        losses.get(name, dimensions=dimensions)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)

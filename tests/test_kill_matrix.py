"""The kill matrix in small: an error of every cause, form and mode is caught; the whole of it is marked slow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from representatives import each_value, slow

from benchmarks import kill_matrix
from benchmarks.planted import KINDS, PLANTED, RIGHT, Kind
from benchmarks.rivals import ACCEPTS, RIVALS
from benchmarks.scenes import LOSSES, Scene, SceneKey
from benchmarks.scoring import CAUGHT, FALSE_ALARM, INCONCLUSIVE, MISSED, NOT_FINITE
from benchmarks.scoring import RIGHT as PASSED

#: Where all partials are positive, their absolute values are no error.
NOT_THERE = {("default", "absolute value")}

#: A candidate that takes its own batch alone has no sub-batches, and the whole one has no power at the optimum.
NO_POWER = {("optimum", "factor of a fixed size"), ("optimum", "right of one size")}

#: Planted into other programs in test_verify_modes.py and test_double_backward_bce.py.
ELSEWHERE = {"second derivative zero"}

#: A value that is not finite is no number to compare: it fails with a cause of its own, and is counted by itself.
OPEN = {"one sample NaN"}


@pytest.fixture(scope="module")
def scenes() -> dict[str, Scene]:
    return {point: Scene(SceneKey("perpendicular", 10, "float64", point)) for point in ("default", "optimum")}


def test_there_are_at_least_twenty_five_kinds() -> None:
    assert len(PLANTED) >= 25
    assert len(KINDS) == len(PLANTED) + len(RIGHT)


def _cells() -> Iterator[Any]:
    """The kinds with a cause, a form or a mode that those before them lack, at one point, and those without power there.

    Every other cell is a slow test.
    """
    seen: set[Any] = set()
    for place, kind in enumerate(PLANTED):
        features = {*kind.causes, *(kind.modes or ()), kind.form, kind.by_data, kind.one_size}
        at = "optimum" if place % 2 or ("default", kind.key) in NOT_THERE else "default"
        for point in ("default", "optimum"):
            new = point == at and not features <= seen and kind.key not in ELSEWHERE
            runs = new or (point, kind.key) in NO_POWER
            yield (pytest.param if runs else slow)(kind, point, id=f"{kind.key}-{point}")
        seen |= features


@pytest.mark.parametrize(("kind", "point"), list(_cells()))
def test_a_planted_error_is_caught(kind: Kind, point: str, scenes: dict[str, Scene]) -> None:
    if (point, kind.key) in NOT_THERE or not kind.there(scenes[point].problem(by_data=kind.by_data)):
        pytest.skip("no error is there")
    if (point, kind.key) in NO_POWER:
        assert kill_matrix.run_cell(scenes[point], kind, rivals=False).ended == INCONCLUSIVE
        return
    outcome = kill_matrix.run_cell(scenes[point], kind, rivals=False)
    assert outcome.ended == (NOT_FINITE if kind.key in OPEN else CAUGHT)
    assert outcome.named != "wrong, certain", outcome.cause


@pytest.mark.parametrize(
    ("kind", "point"), each_value(RIGHT, ["default", "optimum"]), ids=lambda one: getattr(one, "key", one)
)
def test_a_right_candidate_passes(kind: Kind, point: str, scenes: dict[str, Scene]) -> None:
    expected = INCONCLUSIVE if (point, kind.key) in NO_POWER else PASSED
    assert kill_matrix.run_cell(scenes[point], kind, rivals=False).ended == expected


def test_gradcheck_takes_a_doubled_gradient_at_the_optimum(scenes: dict[str, Scene]) -> None:
    outcome = kill_matrix.run_cell(scenes["optimum"], KINDS["doubled"], rivals=False)
    assert outcome.ended == CAUGHT
    assert (outcome.named, outcome.cause) == ("right", "factor")
    assert RIVALS["gradcheck slow"](scenes["optimum"], KINDS["doubled"]) == ACCEPTS


def test_an_error_below_the_stated_power_is_no_miss(scenes: dict[str, Scene]) -> None:
    narrow = Scene(SceneKey("perpendicular", 10, "float32", "default"))
    assert kill_matrix.run_cell(narrow, KINDS["relative error 1e-09 in one"], rivals=False).ended != MISSED


@pytest.mark.slow
@pytest.mark.parametrize("dtype", kill_matrix.DTYPES)
@pytest.mark.parametrize("loss", LOSSES)
def test_no_error_is_missed_and_no_right_gradient_fails(loss: str, dtype: str) -> None:
    for key in kill_matrix.scenes():
        if (key.loss, key.dtype) == (loss, dtype):
            found = kill_matrix.work((key, tuple(KINDS), True))
            assert not [trouble for trouble in found.troubles if trouble.startswith((MISSED, FALSE_ALARM, "CRASH"))]

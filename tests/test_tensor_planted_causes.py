"""Each cause that is known of, planted into backward passes as people write them, is the one that is named."""

from __future__ import annotations

import pytest
from handwritten.collection import PIECES
from handwritten.planted_causes import PLANTED, PlantedCause
from representatives import one_in

import diffexplore as dx

BY_NAME = {piece.name: piece for piece in PIECES}

CELLS = [pytest.param(one, id=f"{what}-{place}") for what, some in PLANTED.items() for place, one in enumerate(some)]


@pytest.mark.parametrize("planted", one_in(12, CELLS, first=1))
def test_the_planted_cause_is_named(planted: PlantedCause) -> None:
    piece = BY_NAME[planted.piece]
    given = {"reference": piece.reference, "surrogate": piece.surrogate}
    named = {key: value for key, value in given.items() if value is not None}
    report = dx.gradcheck(piece.function(planted.mistake), piece.inputs(), raise_exception=False, **named)
    assert report.verdict == "fail"
    causes = [row.cause for row in report.rows if row.verdict == "fail"]
    assert any(one.key in planted.mistake.keys and planted.words in one.message for one in causes), causes


def test_each_cause_is_planted_into_two_pieces() -> None:
    assert all(len({one.piece for one in some}) > 1 for some in PLANTED.values())

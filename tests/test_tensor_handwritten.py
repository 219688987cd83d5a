"""Backward passes as people write them pass, and a mistake in each is caught and named."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from handwritten.collection import PIECES
from handwritten.pieces import Mistake, Piece
from handwritten.wide import wide_inputs
from representatives import one_in, these

import diffexplore as dx

BY_NAME = {piece.name: piece for piece in PIECES}

#: One mistake of each piece; the benchmark tries all of them.
ONE_EACH = [(piece.name, place % len(piece.mistakes)) for place, piece in enumerate(PIECES)]

#: Of the mistakes a sixth, but for those whose causes are looked for through many steps of an iteration.
MISTAKEN = set(ONE_EACH[::6]) - {("MatrixSquareRoot", 1), ("ChainPartition", 1)}

#: What no cause names, by piece and number of the mistake; and what is no mistake for a truth that is not certified.
UNNAMED: set[tuple[str, int]] = set()


#: At widths of 64: NumPy whose terms cancel, and a factor of the length of an axis.
WIDE = ["RNNStep", "LayerNorm", "CrossEntropy"]


def checked(piece: Piece, mistake: Mistake | None = None, inputs: tuple[Any, ...] | None = None) -> Any:
    given = {"reference": piece.reference, "surrogate": piece.surrogate}
    named = {key: value for key, value in given.items() if value is not None}
    return dx.gradcheck(piece.function(mistake), inputs or piece.inputs(), raise_exception=False, **named)


@pytest.mark.parametrize("name", one_in(6, BY_NAME, first=1))
def test_a_right_backward_passes(name: str) -> None:
    report = checked(BY_NAME[name])
    assert report.verdict == "pass", report
    assert report.truth == "certified"


@pytest.mark.parametrize(("name", "place"), these(MISTAKEN, ONE_EACH))
def test_a_mistake_is_caught_and_named(name: str, place: int) -> None:
    piece = BY_NAME[name]
    mistake = piece.mistakes[place]
    report = checked(piece, mistake)
    causes = [row.cause.key for row in report.rows if row.verdict == "fail"]
    assert report.verdict == "fail"
    if (name, place) not in UNNAMED:
        assert set(causes) & set(mistake.keys), (causes, mistake)


@pytest.mark.parametrize("name", these(WIDE, sorted(BY_NAME)))
def test_a_right_backward_passes_at_widths_of_64(name: str) -> None:
    """That of ``tanh`` from its output, 1 − y², loses what its argument had of digits; torch's own loses as much."""
    report = checked(BY_NAME[name], inputs=wide_inputs()[name])
    assert report.verdict == "pass", report


@pytest.mark.parametrize("place", these([0, 1], range(5)))
def test_a_mistake_is_caught_where_the_bound_is_that_of_the_reference(place: int) -> None:
    piece = BY_NAME["RNNStep"]
    assert checked(piece, piece.mistakes[place], wide_inputs()["RNNStep"]).verdict == "fail"


def test_each_piece_has_five_mistakes() -> None:
    assert len(PIECES) >= 40
    assert all(len(piece.mistakes) == 5 for piece in PIECES)


@pytest.mark.parametrize("name", these(["Solve"], ["Inverse", "LogDet", "MatrixSquareRoot", "Mahalanobis"]))
def test_matrices_of_64_rows_are_certified(name: str) -> None:
    assert checked(BY_NAME[name], inputs=wide_inputs()[name]).truth == "certified"


def test_the_determinant_of_a_large_singular_matrix_is_left_to_differences() -> None:
    """Its adjugate would be the determinants of 40² minors."""
    a = torch.ones(40, 40, dtype=torch.float64, requires_grad=True)
    report = dx.gradcheck(torch.linalg.det, a, raise_exception=False, battery="none")
    assert report.truth == "estimated" and "more than 32 rows" in report.notes[0], report

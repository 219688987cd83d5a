"""Wide tables in two parts: what stands for a table runs each time, and the rest of it with the slow sweeps."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import pytest
from _pytest.mark import ParameterSet

SLOW = pytest.mark.slow


def one_in(number: int, cells: Iterable[Any], *, first: int = 0) -> list[ParameterSet]:
    """The cells of a table, for ``parametrize``: each ``number``-th from the ``first`` on, and the others as slow tests.

    A cell is a value, a tuple of values, or a ``pytest.param``.
    """
    return [_kept(cell, place % number == first % number) for place, cell in enumerate(cells)]


def these(kept: Collection[Any], cells: Iterable[Any]) -> list[ParameterSet]:
    """The cells of a table, of which those that are named run each time, and the others as slow tests."""
    return [_kept(cell, cell in kept) for cell in cells]


def each_value(*tables: Sequence[Any], rounds: int = 1) -> list[ParameterSet]:
    """All combinations: few of them, in which every value of every table occurs, run each time; the others are slow.

    Each of the rounds goes once through the longest table, beside other values of the others than the rounds before.
    """
    kept = {
        tuple((place + turn * table) % len(values) for table, values in enumerate(tables))
        for turn in range(rounds)
        for place in range(max(map(len, tables)))
    }
    cells = itertools.product(*map(enumerate, tables))
    return [
        _kept(pytest.param(*(value for _, value in cell)), tuple(place for place, _ in cell) in kept) for cell in cells
    ]


def slow(*values: Any, id: str | None = None) -> ParameterSet:
    """A cell that is a slow test."""
    return pytest.param(*values, id=id, marks=SLOW)


def _kept(cell: Any, kept: bool) -> ParameterSet:
    found = cell if isinstance(cell, ParameterSet) else pytest.param(*(cell if isinstance(cell, tuple) else (cell,)))
    return found if kept else pytest.param(*found.values, id=found.id, marks=[*found.marks, SLOW])

"""Mistakes of shape: samples broadcast against each other, sums along the wrong axis, a transposed matrix."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from flint import arb

from diffexplore.verifying.diagnosis.hypothesis import Hypothesis, Prediction, truth_of
from diffexplore.verifying.diagnosis.scene import Scene, exact_partial, need_samples

#: How the entries of a vector and of a matrix are named: w3; W2_1 or w21.
_VECTOR = re.compile(r"(.*?\D)(\d+)")
_MATRIX = re.compile(r"(.*?\D)(?:(\d+)_(\d+)|(\d)(\d))")


def all_pairs(name: str, scenes: Sequence[Scene]) -> Iterator[Hypothesis]:
    """One column of shape (N, 1) beside others of shape (N,): every sample of one meets every sample of the others."""
    columns = scenes[0].problem.loss.data
    for column in columns if len(columns) > 1 else ():
        message = f"{column} is broadcast against the other data: all N × N pairs of samples (shapes (N, 1) and (N,)?)"
        yield Hypothesis("broadcast", message, 2.4, _over_pairs(name, column), {"column": column})


def _over_pairs(name: str, column: str) -> Prediction:
    def predict(scene: Scene) -> list[arb]:
        need_samples(scene)
        n, part = scene.n, exact_partial(scene.problem, name)
        crossed = tuple({**one, column: other[column]} for one in scene.samples for other in scene.samples)
        pairs = Scene(scene.problem, scene.point, crossed, (), scene.total, scene.estimates)
        parts = pairs.at_samples(part)
        rows = [parts[i * n : (i + 1) * n] for i in range(n)]
        if not scene.by_sample(name):
            sums = [sum(parts, arb(0))]
        elif name == column:
            sums = [sum(meeting, arb(0)) for meeting in zip(*rows, strict=True)]
        else:
            sums = [sum(row, arb(0)) for row in rows]
        return [total / n**2 if scene.mean else total for total in sums]

    return predict


def wrong_axis(name: str, scenes: Sequence[Scene]) -> Iterator[Hypothesis]:
    """The entries of a gradient added up (or averaged) along an axis that they should keep."""
    first = scenes[0]
    if first.by_sample(name):
        yield from _reduced(name, "the samples", lambda scene: scene.truth(name))
        return
    group = _of_one_vector(name, first.problem.parameters)
    if len(group) > 1:
        entries = ", ".join(group) if len(group) < 5 else f"{group[0]}, …, {group[-1]}"
        yield from _reduced(name, entries, lambda scene: [scene.truth(other)[0] for other in group])


def _reduced(name: str, along: str, entries: Prediction) -> Iterator[Hypothesis]:
    def total(scene: Scene) -> list[arb]:
        return [sum(entries(scene) or [], arb(0))] * len(scene.values(name))

    def mean(scene: Scene) -> list[arb]:
        return [value / len(entries(scene) or []) for value in total(scene)]

    for words, predict in (("sum", total), ("mean", mean)):
        message = f"every entry is the {words} over {along}: reduced along the wrong axis"
        yield Hypothesis("reduction_axis", message, 2.4, predict, {"along": along, "by": words})


def _of_one_vector(name: str, names: Sequence[str]) -> list[str]:
    """The names that differ from ``name`` in their number alone."""
    shape = _VECTOR.fullmatch(name)
    if shape is None:
        return [name]
    return [other for other in names if (match := _VECTOR.fullmatch(other)) and match[1] == shape[1]]


def transposed(name: str, scenes: Sequence[Scene]) -> Iterator[Hypothesis]:
    """A matrix of partials in the place of its transpose, its entries read in the order of the other."""
    places = _places(name, scenes[0].problem.parameters)
    if name not in places:
        return
    rows = sorted(places, key=lambda other: places[other])
    columns = sorted(places, key=lambda other: places[other][::-1])
    letter = _prefix(name)
    for order, goal in ((rows, columns), (columns, rows)):
        other = goal[order.index(name)]
        if other != name:
            message = f"the gradient by {letter} is transposed: {name} has the partial by {other}"
            yield Hypothesis("transposed", message, 1.4, truth_of(other), {"matrix": letter, "other": other})


def _places(name: str, names: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Row and column of all entries of the matrix that ``name`` is one of; empty where it is of none."""
    places = {}
    for other in names:
        match = _MATRIX.fullmatch(other)
        if match is not None and match[1] == _prefix(name):
            places[other] = (int(match[2] or match[4]), int(match[3] or match[5]))
    complete = len(places) == len({i for i, _ in places.values()}) * len({j for _, j in places.values()})
    return places if complete and len(places) > 1 else {}


def _prefix(name: str) -> str:
    match = _MATRIX.fullmatch(name)
    return match[1] if match else name

"""Synthetic data: seeded points where the loss is defined."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import sympy
import torch
from torch import Tensor

from diffexplore.arithmetic.torch_real import TORCH
from diffexplore.checking.options import as_seed
from diffexplore.errors import UsageError
from diffexplore.program.program import Program, lower

if TYPE_CHECKING:
    from diffexplore.loss import Loss

Points = Sequence[Mapping[str, float]]
Columns = dict[str, npt.NDArray[np.float64]]

#: Half-widths of the cubes that are tried, the plainest first.
REACHES = (2.0, 10.0, 0.1, 100.0, 1e3, 1e-3, 1e6)
PILOT = 4096
GOOD_SHARE, LEAST_SHARE = 0.05, 0.002
_CHUNK = 1 << 16

#: Labels are the values that a formula compares data with, which no uniform draw would hit: this part of the samples.
_SHARE = 0.5


def synthetic_columns(loss: Loss, n: int, seed: int = 0, points: Points = ()) -> Columns:
    """``n`` samples, each drawn uniformly from a cube around 0 and kept where the loss is defined.

    Data that the formula compares with numbers for equality take these numbers in half of the samples.
    Kept are samples that meet every condition of the loss's domain and give its summand a finite value at each of
    ``points``; where there are none, or none such, whatever depends on data alone decides, and at last the
    conditions. The cube reaches from −2 to 2 in every symbol, or is another one where that holds too little of the
    domain. The same seed gives the same samples.
    Raises :class:`UsageError` where no cube meets the conditions, and for a seed that is not a natural number.
    """
    seed = as_seed(seed)
    reach, tests = _cube(loss, points, seed)
    draw = np.random.default_rng(seed)
    kept: list[npt.NDArray[np.float64]] = []
    missing = n
    while missing > 0:
        drawn = _draw(draw, reach, _CHUNK if n > PILOT else PILOT, loss)
        kept.append(drawn[:, _accepted(drawn, loss.data, tests)][:, :missing])
        missing -= kept[-1].shape[1]
    return dict(zip(loss.data, np.concatenate(kept, axis=1), strict=True))


def _cube(loss: Loss, points: Points, seed: int) -> tuple[float, list[_Test]]:
    """A reach, and the strictest tests that samples within it pass: singular points are no reason to give up."""
    nowhere: Points = ({},)
    for summand, at in ((loss.expression, points), (loss.expression, nowhere), (None, nowhere)):
        tests = [_test(loss, summand, point) for point in at]
        reach = _reach(loss, tests, seed) if tests else None
        if reach is not None:
            return reach, tests
    names = ", ".join(loss.data)
    raise UsageError(f"found no synthetic values of {names} in the domain of the loss: give the data instead")


def _reach(loss: Loss, tests: Sequence[_Test], seed: int) -> float | None:
    """The first reach whose cube passes a good share of its samples, or else the one that passes most."""
    best, most = None, LEAST_SHARE
    for reach in REACHES:
        drawn = _draw(np.random.default_rng(seed), reach, PILOT, loss)
        share = float(_accepted(drawn, loss.data, tests).mean())
        if share >= GOOD_SHARE:
            return reach
        if share >= most:
            best, most = reach, share
    return best


def _draw(draw: np.random.Generator, reach: float, n: int, loss: Loss) -> npt.NDArray[np.float64]:
    drawn = draw.uniform(-reach, reach, (len(loss.data), n))
    return _with_labels(drawn, loss.data, _labels_of(loss), draw)


def _labels_of(loss: Loss) -> dict[str, tuple[float, ...]]:
    """For each data symbol that is compared with numbers for equality, these numbers in order."""
    found: dict[str, set[float]] = {}
    for relation in loss.expression.atoms(sympy.Eq, sympy.Ne):
        for symbol, number in (relation.args, relation.args[::-1]):
            if symbol.is_Symbol and symbol.name in loss.data and number.is_Rational:
                found.setdefault(symbol.name, set()).add(float(number))
    return {name: tuple(sorted(values)) for name, values in found.items()}


def _with_labels(
    drawn: npt.NDArray[np.float64], names: Sequence[str], labels: Mapping[str, Sequence[float]],
    draw: np.random.Generator,
) -> npt.NDArray[np.float64]:  # fmt: skip
    """Columns of shape (symbols, n) in which a part of the samples take the labels, each column by itself."""
    columns = drawn.copy() if labels else drawn
    for row, name in enumerate(names):
        if name in labels:
            chosen = draw.choice(np.array(labels[name]), columns.shape[1])
            columns[row] = np.where(draw.random(columns.shape[1]) < _SHARE, chosen, columns[row])
    return columns


@dataclass(frozen=True)
class _Test:
    """Whether samples are acceptable at one point: the first outputs are conditions, the others should be finite.

    So should the summand as it was written, where all that it depends on is known.
    """

    program: Program
    conditions: int
    point: Mapping[str, Tensor]
    written: Program | None = None

    def __call__(self, columns: Mapping[str, Tensor], n: int) -> Tensor:
        values = {**self.point, **columns}
        outputs = self.program.run(TORCH, values) + (self.written.run(TORCH, values) if self.written else [])
        accepted = torch.ones(n, dtype=torch.bool, device="cpu")
        for condition in outputs[: self.conditions]:
            accepted &= torch.as_tensor(condition, dtype=torch.bool)
        for value in outputs[self.conditions :]:
            accepted &= torch.isfinite(torch.as_tensor(value))
        return accepted


def _test(loss: Loss, summand: sympy.Expr | None, point: Mapping[str, float]) -> _Test:
    names = [*loss.data, *point]
    known = {loss.symbols[name] for name in names}
    conditions = [condition for condition in loss.domain if condition.free_symbols <= known]
    parts = dict.fromkeys(_known_parts(summand, known)) if summand is not None else ()
    values = {name: torch.tensor(value, dtype=torch.float64, device="cpu") for name, value in point.items()}
    written = loss.written if summand is not None and len(known) == len(loss.symbols) else None
    return _Test(lower([*conditions, *parts], names), len(conditions), values, written)


def _known_parts(expression: sympy.Basic, known: set[sympy.Symbol]) -> Iterator[sympy.Basic]:
    """The largest parts of ``expression`` whose symbols are all ``known``; a branch that may not be taken has none."""
    if expression.free_symbols <= known:
        if expression.free_symbols:
            yield expression
    elif not isinstance(expression, sympy.Piecewise):
        for argument in expression.args:
            yield from _known_parts(argument, known)


def _accepted(drawn: npt.NDArray[np.float64], names: Sequence[str], tests: Sequence[_Test]) -> npt.NDArray[np.bool_]:
    columns = {name: torch.from_numpy(column) for name, column in zip(names, drawn, strict=True)}
    accepted = torch.ones(drawn.shape[1], dtype=torch.bool, device="cpu")
    for test in tests:
        accepted &= test(columns, drawn.shape[1])
    return accepted.numpy()

"""Random checks: formulas × points × data × dtypes, well-conditioned and ill-conditioned, and which are in range.

A case lies *inside* when at the numbers that the methods really use every sample is in the domain of the loss, has a
gradient, and no value that the formulas of the loss and of its gradient pass through leaves the range of normal
numbers of the dtype. Outside, a check has to see only that no right gradient fails.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sympy
import torch

from benchmarks.formulas import LABEL, LABELS
from diffexplore.arithmetic.torch_real import TORCH
from diffexplore.floating_point import FLOAT_FORMATS
from diffexplore.loss import Loss
from diffexplore.methods.problem import Problem
from diffexplore.program.program import Program, lower

CONDITIONS = ("plain", "plain", "offset", "optimum", "critical", "tiny", "huge")

DTYPES = {name: known.dtype for name, known in FLOAT_FORMATS.items()}

_OFFSET = {"float64": 1e6, "float32": 1e6, "bfloat16": 1e6, "float16": 1e3}
_DECADES = {"float64": 30.0, "float32": 5.0, "bfloat16": 5.0, "float16": 1.5}
_GRID = 65
_BISECTIONS = 60


@dataclass(frozen=True)
class Case:
    """One check: a loss at a point on a batch (columns of equal length, none for a loss without data) in a dtype."""

    loss: Loss
    point: Mapping[str, float]
    columns: Mapping[str, list[float]]
    dtype: str
    condition: str

    @property
    def n(self) -> int:
        return len(next(iter(self.columns.values()))) if self.columns else 1

    def describe(self) -> str:
        """Everything that is needed to repeat the check."""
        return f"{self.loss!r} at {dict(self.point)} on {dict(self.columns)} in {self.dtype} ({self.condition})"


#: Numbers of samples: small batches, where a row is easily looked through.
SIZES = (1, 2, 5, 12, 20)


def cases(
    loss: Loss, count: int, seed: str, dtypes: tuple[str, ...] = tuple(DTYPES), sizes: tuple[int, ...] = SIZES
) -> Iterator[Case]:
    """``count`` cases of one loss, dtypes and conditions in turn."""
    rng = random.Random(seed)
    for i in range(count):
        dtype = dtypes[i % len(dtypes)]
        condition = rng.choice(CONDITIONS)
        point, columns = _draw(loss, rng, _scale(condition, dtype, rng), sizes)
        if condition == "offset":
            columns = {name: _moved(name, column, _OFFSET[dtype]) for name, column in columns.items()}
        if condition == "optimum":
            point = _optimum(loss, point, columns, rng) or point
        if condition == "critical":
            point = _critical(loss, point, columns, rng) or point
        yield Case(loss, point, columns, dtype, condition)


def _moved(name: str, column: list[float], offset: float) -> list[float]:
    """A column far from 0; labels stay what they are."""
    return column if name == LABEL else [value + offset for value in column]


def _scale(condition: str, dtype: str, rng: random.Random) -> float:
    decades = rng.uniform(0.5, 1) * _DECADES[dtype]
    return 10.0 ** {"tiny": -decades, "huge": decades}.get(condition, 0.0)


def _draw(
    loss: Loss, rng: random.Random, scale: float, sizes: tuple[int, ...]
) -> tuple[dict[str, float], dict[str, list[float]]]:
    point = {name: rng.uniform(-2, 2) * scale for name in loss.parameters}
    if "s" in point:
        point["s"] = rng.uniform(0.2, 3.0) * scale
    n = rng.choice(sizes)
    drawn = {name: [rng.uniform(-3, 3) * scale for _ in range(n)] for name in loss.data}
    labels = {name: [rng.choice(LABELS) for _ in range(n)] for name in drawn if name == LABEL}
    return point, drawn | labels


# --------------------------------------------------------------------------------------------------- special points
def _optimum(
    loss: Loss, point: Mapping[str, float], columns: Mapping[str, list[float]], rng: random.Random
) -> dict[str, float] | None:
    """A point where the mean partial in one parameter vanishes up to rounding, sometimes moved off by a little."""
    name = rng.choice(loss.parameters)
    program = lower([loss.gradient()[name]], (*loss.parameters, *loss.data))
    return _near_root(program, name, point, columns, rng)


def _critical(
    loss: Loss, point: Mapping[str, float], columns: Mapping[str, list[float]], rng: random.Random
) -> dict[str, float] | None:
    """A point near (or at) a zero of a denominator or of the argument of |·|, max, a condition, a logarithm."""
    found = sorted(_critical_parts(loss), key=sympy.default_sort_key)
    if not found:
        return None
    part = rng.choice(found)
    names = [name for name in loss.parameters if loss.symbols[name] in part.free_symbols]
    one = {name: column[:1] for name, column in columns.items()}
    name = rng.choice(names)
    return _near_root(lower([part], (*loss.parameters, *loss.data)), name, point, one, rng)


def _critical_parts(loss: Loss) -> set[sympy.Expr]:
    parts: set[sympy.Expr] = set()
    for node in sympy.preorder_traversal(loss.expression):
        if isinstance(node, sympy.Pow) and node.exp.is_negative:
            parts.add(node.base)
        elif isinstance(node, (sympy.Abs, sympy.sign, sympy.Heaviside, sympy.log, sympy.coth, sympy.cot, sympy.csch)):
            parts.add(node.args[0])
        elif isinstance(node, (sympy.Max, sympy.Min, sympy.core.relational.Relational)):
            parts.add(node.args[0] - node.args[1])
    symbols = {loss.symbols[name] for name in loss.parameters}
    return {part for part in parts if part.free_symbols & symbols}


def _near_root(
    program: Program, name: str, point: Mapping[str, float], columns: Mapping[str, list[float]], rng: random.Random
) -> dict[str, float] | None:
    """``point`` with ``name`` moved to where the mean output changes its sign, then off by a random relative bit."""
    low_end, high_end = (0.1, 4.0) if name == "s" else (-4.0, 4.0)
    grid = torch.linspace(low_end, high_end, _GRID, dtype=torch.float64)
    values = _means(program, name, grid, point, columns)
    change = torch.nonzero(values[:-1] * values[1:] < 0).flatten().tolist()
    if not change:
        return None
    start = rng.choice(change)
    low, high, sign = float(grid[start]), float(grid[start + 1]), float(values[start].sign())
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        here = float(_means(program, name, torch.tensor([middle], dtype=torch.float64), point, columns)[0])
        low, high = (middle, high) if here * sign > 0 else (low, middle)
    off = rng.choice((0.0, rng.choice((-1, 1)) * 2.0 ** -rng.randint(4, 50)))
    return {**point, name: low * (1 + off)}


def _means(
    program: Program, name: str, grid: torch.Tensor, point: Mapping[str, float], columns: Mapping[str, list[float]]
) -> torch.Tensor:
    values: dict[str, torch.Tensor] = {key: torch.tensor(value, dtype=torch.float64) for key, value in point.items()}
    values |= {key: torch.tensor(column, dtype=torch.float64) for key, column in columns.items()}
    values[name] = grid[:, None]
    (out,) = program.run(TORCH, values)
    if not isinstance(out, torch.Tensor) or out.dim() < 2:
        return torch.zeros_like(grid)
    return out.mean(dim=1)


# ----------------------------------------------------------------------------------------------------- in range?
#: Functions that are never 0: where they give it, they underflowed. A product or quotient may be 0 with an operand.
_NEVER_ZERO = frozenset({"exp", "sigmoid", "softplus", "erfc", "gamma", "cosh"})
_ZERO_WITH_FIRST = frozenset({"div", "pow", "sqrt", "sinh", "expm1", "tanh", "atan"})


class _Slots:
    """Torch arithmetic that remembers whether every value stayed in the range of normal numbers."""

    def __init__(self, dtype: torch.dtype) -> None:
        self._format = torch.finfo(dtype)
        self.inside = True
        self.operations = {name: self._watched(name, function) for name, function in TORCH.operations.items()}
        self.constant = TORCH.constant

    def _watched(self, name, function):  # type: ignore[no-untyped-def]
        def operation(*operands):  # type: ignore[no-untyped-def]
            out = function(*operands)
            if isinstance(out, torch.Tensor) and out.is_floating_point():
                size = out.abs()
                normal = (size <= self._format.max) & (size >= self._format.tiny)
                self.inside &= bool((normal | (size == 0) & _may_be_zero(name, operands)).all())
            return out

        return operation


def _may_be_zero(name: str, operands: tuple[Any, ...]) -> torch.Tensor:
    zeros = [torch.as_tensor(operand) == 0 for operand in operands]
    if name == "mul":
        return zeros[0] | zeros[1]
    return torch.tensor(name not in _NEVER_ZERO) if name not in _ZERO_WITH_FIRST else zeros[0]


def in_range(problem: Problem, point: Mapping[str, float], columns: Mapping[str, torch.Tensor]) -> bool:
    """Whether loss and gradient, evaluated in float64, stay in the normal range of the problem's dtype throughout."""
    values = {name: value.to(torch.float64) for name, value in problem.values(point, columns).items()}
    if not all(bool(value.isfinite().all()) for value in values.values()):
        return False
    slots = _Slots(problem.dtype)
    for program in (problem.plain_loss_program, problem.gradient_program):
        program.run(slots, values)
    return slots.inside

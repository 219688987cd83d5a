"""Every record of an ATen operator: each of its fields is held against another, or against torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from functools import cache
from typing import Any

import numpy as np
import pytest
import sympy
import torch
from aten_arguments import CALLS, UNWRITTEN, A, grid_points, in_domain, of_elements, packet, run
from bound_operations import assert_within
from flint import arb

from diffexplore.arithmetic.balls import BALLS
from diffexplore.auditing.expressions import parse_formula
from diffexplore.bounds.ball import unchanged
from diffexplore.bounds.claims import rounding_parts
from diffexplore.bounds.composites import StepByStep
from diffexplore.bounds.elementwise import Elementwise
from diffexplore.bounds.watch import Watch
from diffexplore.formula.signs import certainly
from diffexplore.program.program import lower
from diffexplore.torch_ops import arithmetic, functions, kinks, registry
from diffexplore.torch_ops.domains import AS_COMPOSED, EVERYWHERE, NOT_STATED
from diffexplore.torch_ops.readers.arrays import Grid, cells_of
from diffexplore.torch_ops.readers.certain import has_value
from diffexplore.torch_ops.readers.logic import is_truth
from diffexplore.torch_ops.records import OPAQUE, Operator, smooth
from diffexplore.torch_ops.registry import OPERATORS
from diffexplore.torch_private.watching import decomposition_table
from diffexplore.tracing.interpret import Reading
from diffexplore.tracing.lines import SourcePlace
from diffexplore.tracing.ways import USUAL

Tensor = torch.Tensor

RECORDS = {known.name: known for known in OPERATORS.values()}
WITH_FORMULA = [name for name, known in RECORDS.items() if known.formula is not None and hasattr(torch.ops.aten, name)]

#: Kernels whose own values are less exact than the others.
ROUGH = {
    "digamma": 1e-9, "erfinv": 1e-12, "polygamma": 1e-8, "polygamma_": 1e-8, "hardsigmoid_backward": 1e-7,
    **dict.fromkeys(("special_bessel_j0", "special_bessel_j1", "special_bessel_y0", "special_bessel_y1"), 1e-6),
}  # fmt: skip


def symbols(count: int) -> list[sympy.Symbol]:
    return [sympy.Symbol(f"x{i}", real=True) for i in range(count)]


@cache
def exact(name: str) -> Callable[..., arb]:
    """The formula of a record as a function of Arb numbers."""
    formula = RECORDS[name].formula
    assert formula is not None
    names = symbols(of_elements(RECORDS[name])[1])
    program = lower([formula(*names)], [symbol.name for symbol in names])
    return lambda *numbers: program.run(BALLS, {s.name: x for s, x in zip(names, numbers, strict=True)})[0]


# ----------------------------------------------------------------------------------------------- formulas and readers
@pytest.mark.parametrize("name", WITH_FORMULA)
def test_the_formula_is_what_torch_computes(name: str) -> None:
    known = RECORDS[name]
    overload, count = of_elements(known)
    assert known.formula is not None
    compared = 0
    for point in grid_points(count)[:: 1 if count == 1 else 7]:
        value = float(run(overload, [torch.tensor(x).double() for x in point]))
        if math.isfinite(value) and in_domain(known, point):
            true = sympy.sympify(known.formula(*map(sympy.Rational, point))).evalf(25)
            if true.is_real:
                compared += 1
                assert abs(float(true) - value) <= ROUGH.get(name, 1e-13) * max(1, abs(value)), point
    assert compared >= 3


def read(known: Operator, arguments: Sequence[Any], named: Mapping[str, Any], results: Sequence[Tensor]) -> Any:
    """What a reader makes of arguments, as cells of numbers."""
    reading = object.__new__(Reading)
    reading.data, reading.notes, reading.guards, reading.conventions = (), {}, {}, {}
    reading.place, reading.way = SourcePlace(), USUAL
    reading.shape, reading.dtype, reading.certain = (tuple(results[0].shape), None), results[0].dtype, True
    reading.needs, reading.operand, reading.results = set(), arguments[0], results
    assert known.reader is not None
    return known.reader(reading, *map(as_grid, arguments), **{name: as_grid(value) for name, value in named.items()})


def called(name: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of the call of an operator, and the named ones."""
    given = CALLS[name]
    return (given[:-1], given[-1]) if isinstance(given[-1], dict) else (given, {})


def as_grid(argument: Any) -> Any:
    if isinstance(argument, (list, tuple)):
        return [as_grid(part) for part in argument]
    if isinstance(argument, Tensor) and argument.is_complex():
        return as_grid(torch.view_as_real(argument))
    if not isinstance(argument, Tensor):
        return sympy.Rational(argument) if isinstance(argument, float) else argument
    kind = {torch.bool: sympy.sympify, torch.int64: sympy.Integer, torch.int32: sympy.Integer}.get(
        argument.dtype, sympy.Rational
    )
    return Grid(cells_of(map(kind, argument.flatten().tolist()), tuple(argument.shape)))


def as_tensor(cells: Any, like: Tensor) -> Tensor:
    values = [float(cell is sympy.true if is_truth(cell) else cell) for cell in cells.flat]
    return torch.tensor(values, dtype=torch.float64).reshape(like.shape)


@pytest.mark.parametrize("name", CALLS)
def test_the_reader_makes_what_torch_computes(name: str) -> None:
    arguments, named = called(name)
    out = packet(name)(*deepcopy(arguments), **named)  # it may write into one of them
    parts = list(out) if isinstance(out, (tuple, list)) else [out]
    parts = [torch.view_as_real(part) if part.is_complex() else part for part in parts]
    made = read(OPERATORS[name], arguments, named, parts)
    for part, grid in zip(parts, made if isinstance(made, tuple) else [made], strict=True):
        assert grid.cells.shape == tuple(part.shape)
        near = {"rtol": ROUGH.get(name, 1e-12), "atol": 1e-14}
        torch.testing.assert_close(as_tensor(grid.cells, part), part.double(), **near)


def test_every_reader_is_tried() -> None:
    """By its formula, or by a call."""
    readers = {name for name, known in OPERATORS.items() if known.read is not None}
    formulas = {name for name in OPERATORS if OPERATORS[name].formula is not None}
    assert readers - formulas == set(CALLS) | UNWRITTEN


# ------------------------------------------------------------------------------------------------------------- domains
OF_ONE = {known.name for known in functions.OPERATORS} | {"neg", "positive"}
OF_SEVERAL = {known.name for known in arithmetic.OPERATORS} - OF_ONE
#: Of polygamma torch has finite numbers at poles, by rounding.
NOT_OF_NUMBERS = ("frexp", "lerp", "addcmul", "positive", "polygamma", "polygamma_")
OF_NUMBERS = [
    known.name
    for known in (*functions.OPERATORS, *arithmetic.OPERATORS)
    if known.defined not in (AS_COMPOSED, NOT_STATED) and known.name not in NOT_OF_NUMBERS
]


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_the_domain_is_where_torch_has_a_finite_value(name: str) -> None:
    overload, count = of_elements(RECORDS[name], least=2 if name in OF_SEVERAL else 1)
    for point in grid_points(count):
        finite = bool(run(overload, [torch.tensor(x).double() for x in point]).isfinite())
        assert finite == in_domain(RECORDS[name], point), point


#: What the audit looks at right of 0 alone, or where the order, the shape or the exponent allows.
NARROWER = {"lgamma", "digamma", "polygamma", "polygamma_", "mvlgamma", "igamma", "igammac", "special_zeta", "pow"}


@pytest.mark.parametrize("name", [name for name, known in RECORDS.items() if known.cases])
def test_the_cases_of_the_audit_are_read(name: str) -> None:
    known = RECORDS[name]
    for case in known.cases:
        for text in (*case.formulas, *case.domain, *case.saved.values(), *case.conventions):
            parse_formula(text)
        of_operands = tuple(text for text in case.domain if text.startswith(("self ", "other ")))
        if name in (*OF_ONE, *OF_SEVERAL) and of_operands and name not in NARROWER:
            holds = [_holds(of_operands, point) for point in grid_points(2)]
            xlog = {"xlogy": ("other > 0",), "special_xlog1py": ("other > -1",)}
            assert holds == [_holds(xlog.get(name, known.defined.interior), point) for point in grid_points(2)]


def _holds(conditions: Sequence[str], point: Sequence[float]) -> bool:
    compare = {">": float.__gt__, "<": float.__lt__}
    parts = (text.split() for text in conditions)
    return all(compare[sign](point[name == "other"], float(limit)) for name, sign, limit in parts)


# -------------------------------------------------------------------------------------------------- bounds and kinks
BOUNDED = [name for name in WITH_FORMULA if isinstance(RECORDS[name].bound, (Elementwise, StepByStep))]


@pytest.mark.parametrize("name", BOUNDED)
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
def test_exact_values_of_perturbed_operands_stay_within_the_bound(name: str, dtype: torch.dtype) -> None:
    generator = np.random.default_rng(sum(map(ord, name)))
    overload, count = of_elements(RECORDS[name])
    inside = [point for point in grid_points(count) if exact(name)(*map(arb, point)).is_finite()]
    points = [inside[i] for i in generator.integers(len(inside), size=8)]
    shape = [(8,), (2, 4), (1, 8), (2, 2, 2)][int(generator.integers(4))]
    numbers = [str(one.type) == "number" for one in overload._schema.arguments[:count]]
    columns = [[points[0][i] if number else point[i] for point in points] for i, number in enumerate(numbers)]
    narrow = [torch.tensor(column).to(dtype) for column in columns]
    try:
        run(overload, narrow) if not any(numbers) else None
        operands = narrow
    except NotImplementedError:  # there is no kernel of half precision
        operands = [x.to(torch.float32) for x in narrow]
    reach = [
        torch.zeros(8).double() if number else x.double().abs() * 2.0**-9
        for x, number in zip(operands, numbers, strict=True)
    ]
    if name == "pow":
        reach[1] = 0 * reach[1]
    with Watch() as watch:
        given = [x.reshape(shape) if not number else float(x[0]) for x, number in zip(operands, numbers, strict=True)]
        for x, radius in zip(given, reach, strict=True):
            if isinstance(x, Tensor):
                watch.set(x, radius.reshape(shape))
        out = overload(*given)
    assert watch.unwatched == set()
    assert_within(out.double().flatten(), watch.radius(out).flatten(), exact(name), operands, reach, generator)


@pytest.mark.parametrize(
    "name",
    [name for name, known in RECORDS.items() if isinstance(known.bound, Elementwise) and hasattr(torch.ops.aten, name)],
)
def test_where_slopes_differ_there_is_no_bound_of_smooth_functions(name: str) -> None:
    known = RECORDS[name]
    limits = [x for x in CALLS.get(name, ())[1:] if isinstance(x, float)]
    count = 1 if limits else of_elements(known)[1]
    function = packet(name)
    points = [point for point in grid_points(count) if in_domain(known, point)]
    columns = [torch.tensor(column).double() for column in zip(*points, strict=True)]
    h = 2.0**-16
    with torch.no_grad():
        below, at, above = (function(columns[0] + step, *columns[1:], *limits) for step in (-h, 0, h))
        with Watch(smooth=True) as watch:
            watch.set(columns[0], torch.full_like(columns[0], 2.0**-12))
            out = function(*columns, *limits)
    left, right = (at - below) / h, (above - at) / h
    kink = (right - left).abs() > 0.01 * (1 + left.abs())
    assert bool((watch.radius(out)[kink] == math.inf).all())
    assert bool(kink.any()) <= (known.kinks is not kinks.nowhere) or name in (
        "pow",
        "sqrt",
        "div",
        "atan2",
        "reciprocal",
    )
    assert bool(watch.radius(out).isfinite().any()) or known.kinks is kinks.anywhere


@pytest.mark.parametrize("name", [name for name, known in RECORDS.items() if known.bound == OPAQUE and name in CALLS])
def test_an_operator_without_a_bound_is_named_unless_torch_decomposes_it(name: str) -> None:
    arguments, named = called(name)
    moved = tuple(x.clone() if isinstance(x, Tensor) and x.is_floating_point() else x for x in arguments)
    with Watch() as watch:
        out = packet(name)(*moved, **named)
    parts = [part for part in (out if isinstance(out, tuple) else (out,)) if part.is_floating_point()]
    decomposed = any(getattr(packet(name), overload) in decomposition_table for overload in packet(name).overloads())
    decomposed = decomposed and name != "as_strided_scatter"  # whose decomposition writes through strides
    assert all(bool((watch.radius(part) == math.inf).all()) != decomposed for part in parts)
    assert bool(watch.unwatched) == (bool(parts) and not decomposed)


# ------------------------------------------------------------------------------------------------------- the records
def test_a_record_lacks_nothing_that_is_unsafe_to_lack() -> None:
    known = {"names": ("sin",), "bound": RECORDS["sin"].bound, "defined": EVERYWHERE, "kinks": kinks.nowhere}
    assert Operator(**known)
    for missing in ("bound", "defined", "kinks"):
        with pytest.raises(TypeError, match=missing):
            Operator(**{key: value for key, value in known.items() if key != missing})
    for wrong in (kinks.found_by_bound, kinks.unknown):
        with pytest.raises(TypeError, match=r"^sin: "):
            Operator(**{**known, "kinks": wrong})
    with pytest.raises(TypeError, match=r"sin: .* unknown exactly where its bound is opaque"):
        Operator(**{**known, "bound": OPAQUE})


def test_a_name_has_one_record() -> None:
    with pytest.raises(TypeError, match="sin has two records"):
        registry._by_name([[RECORDS["sin"], smooth("sin", bound=RECORDS["view"].bound)]])


def test_an_unknown_claim_is_refused_by_name() -> None:
    with pytest.raises(KeyError, match="bessely"):
        rounding_parts("bessely", torch.float64)
    with pytest.raises(TypeError, match="bessely"):
        Elementwise(unchanged, "bessely")


def test_records_are_found_by_operators() -> None:
    assert registry.of(torch.ops.aten.exp_.default) is registry.of(torch.ops.aten.exp.default) is RECORDS["exp"]
    assert registry.of(torch.ops.prims.sum.default) is OPERATORS["prims::sum"]
    assert registry.of(torch.ops.prims.exp.default) is RECORDS["exp"]
    assert registry.of(torch.ops.aten.__and__.Tensor) is OPERATORS["bitwise_and"]
    assert registry.named("brand_new") is registry.named("brand_new_") is None
    library = torch.library.Library("torch_ops_test", "FRAGMENT")
    try:
        library.define("exp(Tensor x) -> Tensor")
        assert registry.of(torch.ops.torch_ops_test.exp.default) is None
    finally:
        library._destroy()
    assert A.shape == (2, 3)


_X = sympy.Symbol("x", real=True)
EXPRESSIONS = [
    outer.subs(_X, inner)
    for outer in (_X, _X**2, _X**3, _X**-1, _X**-2, sympy.sqrt(_X), sympy.exp(_X), sympy.log(_X), sympy.Abs(_X), 1 + _X**2)
    for inner in (_X, -_X, _X**2, _X**3, sympy.exp(_X), 1 + sympy.Abs(_X), sympy.Min(_X, 1), sympy.Max(_X, 1), sympy.cosh(_X))
]  # fmt: skip


@pytest.mark.parametrize("expr", EXPRESSIONS, ids=str)
def test_what_is_certain_of_an_expression_holds_at_every_point(expr: sympy.Expr) -> None:
    values = [expr.subs(_X, sympy.Rational(point)).evalf(20) for (point,) in grid_points(1)]
    if has_value(expr):
        assert all(value.is_real for value in values)
    real = [value for value in values if value.is_real]
    assert not certainly(expr, "positive") or all(value > 0 for value in real)
    assert not certainly(expr, "nonnegative") or all(value >= 0 for value in real)


def test_much_is_certain() -> None:
    assert sum(map(has_value, EXPRESSIONS)) > 50
    assert sum(certainly(expr, "positive") for expr in EXPRESSIONS) > 30

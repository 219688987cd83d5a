"""Kinds of planted error: what is wrong with a gradient, and which names of the cause would be right.

Causes that give the same numbers share a class: a factor of 2 is the same whether ½ was dropped or a gradient was
accumulated twice. A kind spoils what a right candidate computes; :data:`RIGHT` spoils nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from benchmarks.given import Given, Gradient, cut, cut_slot, with_term
from benchmarks.kinds import Factor, Kind
from benchmarks.kinds import each as _each
from benchmarks.kinds import named as _named
from benchmarks.kinds import sample_weight as _at
from benchmarks.kinds import samples as _samples
from benchmarks.planted_conditions import PLANTED_CONDITIONS, RIGHT_CONDITIONS
from benchmarks.planted_formulas import PLANTED_FORMULAS
from benchmarks.planted_labels import PLANTED_LABELS
from benchmarks.planted_passes import PLANTED_PASSES, RIGHT_PASSES

Tensor = torch.Tensor


# ------------------------------------------------------------------------------------------------ whole gradients
def _first(change: Callable[[Tensor], Tensor]) -> Callable[[Given], Gradient]:
    """The first reduced partial changed."""

    def plant(given: Given) -> Gradient:
        found = given.reduced()
        return {**found, given.names[0]: change(found[given.names[0]])}

    return plant


def _times(key: str, factor: Factor, *, also: tuple[str, ...] = ()) -> Kind:
    plant = _each(lambda partial, n: partial * factor(n))
    return Kind(key, _named("factor", *also), plant, factor=factor)


def _relative(error: float) -> Kind:
    plant = _first(lambda partial: partial * (1 + error))
    return Kind(f"relative error {error:.0e} in one", _named("factor"), plant, factor=lambda n: 1 + error)


def _swapped(given: Given) -> Gradient:
    found = given.reduced()
    first, second, *_ = given.names
    return {**found, first: found[second], second: found[first]}


def _repeated(given: Given) -> Gradient:
    found = given.reduced()
    return {**found, given.names[0]: found[given.names[1]].clone()}


def _decayed(given: Given) -> Gradient:
    return {name: partial + 0.01 * given.values[name] for name, partial in given.reduced().items()}


def _clipped(given: Given) -> Gradient:
    found = given.reduced()
    norm = torch.stack(list(found.values())).norm()
    return {name: partial * (0.125 / norm).clamp(max=1) for name, partial in found.items()}


def _stale(given: Given) -> Gradient:
    """At a parameter of the step before."""
    name = given.problem.loss.parameters[0]
    moved = given.values[name] * (1 + 2.0**-10 if given.values[name].dtype != torch.bfloat16 else 1.25)
    return given.moved(**{name: moved}).reduced()


_NARROWER = {torch.float64: torch.float32, torch.float32: torch.bfloat16}


def _narrow(given: Given) -> Gradient:
    dtype = given.problem.dtype
    return {name: partial.to(dtype) for name, partial in given.narrower(_NARROWER[dtype]).reduced().items()}


# ------------------------------------------------------------------------------------------------------- one term
def _term(key: str, factor: int, causes: frozenset[str]) -> Kind:
    def plant(given: Given) -> Gradient:
        program = with_term(given.problem, factor)
        assert program is not None
        return given.reduced(given.run(program))

    return Kind(key, causes, plant, there=lambda problem: with_term(problem, factor) is not None)


def _cut(given: Given) -> Tensor:
    return cut(given.problem, given.values, cut_slot(given.problem))


# -------------------------------------------------------------------------------------------------------- samples
def _moved_column(move: Callable[[Tensor], Tensor]) -> Callable[[Given], Gradient]:
    def plant(given: Given) -> Gradient:
        name = given.problem.loss.data[0]
        return given.moved(**{name: move(given.values[name])}).reduced()

    return plant


def _middle(n: int) -> int:
    return n // 2


def _right(given: Given) -> Gradient:
    return given.reduced()


def _right_value(given: Given) -> Tensor:
    return given.value()


_SAMPLE = _named("one_sample", "zero_samples")
_TERM = _named("missing_term", "extra_term", "cut_path")

RIGHT: tuple[Kind, ...] = (
    Kind("right", frozenset(), _right),
    Kind("right loss", frozenset(), _right_value, form="loss"),
    Kind("right by data", frozenset(), _right, by_data=True),
    *RIGHT_CONDITIONS,
    *RIGHT_PASSES,
)

PLANTED: tuple[Kind, ...] = (
    _times("doubled", lambda n: 2),
    _times("halved", lambda n: 0.5),
    _times("negated", lambda n: -1),
    _times("sum for mean", lambda n: n),
    _times("mean taken twice", lambda n: 1 / n),
    _times("accumulated three times", lambda n: 3),
    _times("divided by n - 1", lambda n: n / (n - 1) if n > 1 else 2.0),
    Kind("zero", _named("zero"), _each(lambda partial, n: partial * 0)),
    Kind("one partial zero", _named("zero"), _first(torch.zeros_like)),
    Kind("partials swapped", _named("swapped"), _swapped),
    Kind("one partial repeated", _named("swapped", "unexplained", *_TERM), _repeated),
    Kind("absolute value", _named("factor", "sign_lost"), _each(lambda partial, n: partial.abs()), factor=lambda n: -1),
    Kind("clipped", _named("factor", "clipped"), _clipped),
    Kind("weight decay", _named("extra_term", "unexplained"), _decayed),
    Kind("constant added", _named("extra_term", "unexplained"), _first(lambda partial: partial + 0.001)),
    # Where a partial is linear in the parameter, a stale one is one term counted 1.001 times.
    Kind("stale parameter", _named("unexplained", "stale", "extra_term", "region"), _stale),
    *(_relative(error) for error in (1e-3, 1e-6, 1e-9, 1e-12)),
    _term("missing term", 0, _TERM),
    _term("term with the wrong sign", -1, _TERM | {"sign_of_term"}),
    _term("term doubled", 2, _TERM),
    Kind("path detached", _TERM | {"zero"}, _cut, form="loss", there=lambda problem: cut_slot(problem) is not None),
    Kind("last sample dropped", _SAMPLE, _samples(_at(lambda n: n - 1, 0.0))),
    Kind("one sample zero", _SAMPLE, _samples(_at(_middle, 0.0))),
    Kind("one sample twice", _SAMPLE, _samples(_at(_middle, 2.0))),
    Kind("one sample NaN", _named("nan"), _samples(_at(_middle, float("nan")))),
    Kind("one column reversed", _named("permuted"), _moved_column(lambda column: column.flip(0))),
    Kind("one column shifted", _named("permuted"), _moved_column(lambda column: column.roll(1))),
    Kind("narrower dtype inside", _named("precision"), _narrow, there=lambda problem: problem.dtype in _NARROWER),
    Kind("loss doubled", _named("factor"), lambda given: given.value() * 2, form="loss", factor=lambda n: 2),
    Kind("value off", _named("extra_term", "added_constant", "unexplained", "value", "factor"),
         lambda given: given.value() + 0.01, form="loss", value_only=True),
    Kind("one data partial zero", _SAMPLE, _samples(_at(_middle, 0.0)), by_data=True),
    Kind("data partials not divided by n", _named("factor"), Given.samples, by_data=True, factor=lambda n: n),
    *PLANTED_CONDITIONS,
    *PLANTED_FORMULAS,
    *PLANTED_LABELS,
    *PLANTED_PASSES,
)  # fmt: skip

KINDS: Mapping[str, Kind] = {kind.key: kind for kind in (*RIGHT, *PLANTED)}

"""The program itself, run again before anything is stated of it: what was read of it must be what it computes.

A trace sees one call, for tensors without values. A program may do something else where it is not traced: it may ask
whether it is, hold text or Python numbers against each other, keep state, or have hooks. So its output and gradients
are held against the formulas, in ball arithmetic at exactly the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from flint import arb

from diffexplore.decide.records import Counterexample
from diffexplore.errors import UsageError
from diffexplore.methods.opaque import OPAQUE_FACTOR
from diffexplore.proving.formulas import TracedFormulas, differentiated, numbers_of
from diffexplore.proving.points_tried import (
    Tensors,
    at,
    definite,
    in_words,
    meant,
    name_of_value,
    points,
    samples_of,
    what_differs,
)
from diffexplore.proving.runs import Function, ProgramRun, WatchedRun, run, watched
from diffexplore.torch_code.calling import applied, in_one_line
from diffexplore.torch_code.torch_program import TorchProgram
from diffexplore.tracing.sizes import apart, meets
from diffexplore.tracing.traced import OUTPUT, Traced

#: Numbers of samples, where those that a proof holds for are among them.
SIZES = (3, 1, 2, 5, 8)

_MOST_SAMPLES = 130  # larger numbers of samples, at which a program may change, are not run
_LOOKED_AT = 257  # a formula of any number of samples holds for those below this one

#: Values that agree so closely (relative) are the same: no misreading is that small. For others the bound is found.
_SAME = 2.0**-48

#: Kernels whose operations have no bound may hold constants rounded to float32, as torch's hardsigmoid does.
_OF_FLOAT32 = 2.0**-23


@dataclass
class _Findings:
    """What running a program has shown so far."""

    compared: set[str] = field(default_factory=set)
    raised: dict[int, Exception] = field(default_factory=dict)
    ran: set[int] = field(default_factory=set)
    notes: dict[str, str] = field(default_factory=dict)


def check_reading(
    name: str,
    function: Function,
    traced: Traced,
    *,
    one: bool = True,
    own: Iterable[Counterexample] = (),
    domain: Sequence[Any] = (),
    sizes: tuple[int, ...] | None = None,
) -> tuple[str, ...]:
    """Runs a program at many points and holds it against its formulas; returns notes for the reader.

    Args:
        name: of the program, for messages.
        function: the program, of named tensors in float64; it is called many times, and may keep what it sees.
        traced: its formulas; ``one`` says whether they hold for a single sample.
        own: the points of a proof: counterexamples and witnesses.
        domain: conditions that the arguments meet, those of data for every sample.
        sizes: the numbers of samples to run; None for the usual ones.

    Raises UsageError where the program computes something else than the formulas say, beyond the bound of its rounding:
    the derived one of its own operations (see :mod:`diffexplore.bounds.watch`), or, where some have none, a multiple of
    that of the formulas. Where a formula has no value, nothing is compared; a value of the program that is not finite
    is a note.
    """
    try:
        formulas = TracedFormulas(traced)
    except TypeError as error:
        return (f"not held against runs of {name}: {error}",)
    sizes = _sizes(traced, one) if sizes is None else sizes
    found, program = _Findings(), _Program(name, function, differentiated(traced))
    if not sizes:
        return (f"not held against runs of {name}: no number of samples up to {_MOST_SAMPLES} is meant",)
    for tensors in (*(at(traced, point, sizes) for point in own), *points(traced, sizes)):
        if meant(traced, domain, tensors):
            _look(program, formulas, tensors, found)
    for size in () if found.ran else sizes:  # what factorises a matrix raises for most
        _look(program, formulas, definite(traced, size), found)
    for size, raised in found.raised.items():
        if size not in found.ran:
            text = " ".join(str(raised).split())[:200] or "no message"
            count = f" for {size} sample{'' if size == 1 else 's'}" if traced.data else ""
            raise UsageError(f"{name} cannot be read: when it is run{count} it raises {type(raised).__name__}: {text}")
    missing = [name_of_value(name) for name in formulas.names if name not in found.compared]
    if missing:
        found.notes["missing"] = (
            f"{', '.join(missing)} could not be held against runs of {name}: no value or bound at the points tried"
        )
    return tuple(found.notes.values())


def program_of(fn: Function, traced: Traced, domain: Sequence[Any]) -> TorchProgram:
    """A function as what a loss runs, after it was held against its formula.

    Raises UsageError where it is not its formula for all numbers of samples, or computes something else.
    """
    name = _called(fn)
    if not all(meets(traced.guards, samples) for samples in range(2, _LOOKED_AT)):
        conditions = " and ".join(traced.conditions)
        raise UsageError(f"{name} is read for {conditions}, and does something else for other numbers of samples")
    function = applied(fn, [array.name for array in (*traced.parameters, *traced.data)])
    check_reading(name, function, traced, one=False, domain=domain)
    single = _holds_for_one(name, function, traced, domain)
    return TorchProgram(name, function, traced.parameters, traced.data, single, traced.domains[OUTPUT])


def _called(fn: Any) -> str:
    name = str(getattr(fn, "__name__", type(fn).__name__))
    return "the function" if name == "<lambda>" else name


def _holds_for_one(name: str, function: Function, traced: Traced, domain: Sequence[Any]) -> bool:
    """Whether a function computes what its formula says of a single sample, too."""
    if not traced.data or not meets(traced.guards, 1):
        return not traced.data
    with suppress(UsageError):
        check_reading(name, function, traced, domain=domain, sizes=(1,))
        return True
    return False


@dataclass(frozen=True)
class _Program:
    name: str
    function: Function
    wrt: tuple[str, ...]


def _sizes(traced: Traced, one: bool) -> tuple[int, ...]:
    """The numbers of samples to run: the usual ones, and those next to where the program changes."""
    if traced.samples is not None or not traced.data:
        return (traced.samples or 1,)
    meant = [size for size in dict.fromkeys((*SIZES, *apart(traced.guards))) if size <= _MOST_SAMPLES]
    return tuple(size for size in meant if meets(traced.guards, size) and (one or size > 1))


def _look(program: _Program, formulas: TracedFormulas, tensors: Tensors, found: _Findings) -> None:
    """One point: its run, and the same under a watch where the values are not at once those of the formulas."""
    size = samples_of(formulas.traced, tensors)
    try:
        plain = run(program.function, tensors, program.wrt)
    except Exception as error:  # an assertion on values, say: outside of the domain that is meant
        found.raised.setdefault(size, error)
        return
    found.ran.add(size)
    exact = formulas.balls(tensors)
    values = numbers_of(formulas.traced, plain)
    open_ = [name for name in formulas.names if not _settled(name, values[name], exact[name], found)]
    if not open_:
        return
    where = in_words(formulas.traced, tensors)
    allowed, again = _allowed(program, formulas, tensors, found)
    repeated = numbers_of(formulas.traced, again) if again is not None else {}
    for name in open_:
        for place, (value, ball) in enumerate(zip(values[name], exact[name], strict=True)):
            bound = allowed[name][place % len(allowed[name])]
            if ball is not None and not math.isfinite(value):
                if formulas.in_domain(name, tensors):
                    reason = f"{name_of_value(name)} is {value} when {program.name} is run at {where}"
                    found.notes.setdefault(name, f"{reason}: its formula gives {float(ball.mid()):.6g}")
            elif ball is not None and math.isfinite(bound):
                found.compared.add(name)
                if abs(arb(value) - ball) > arb(bound) and formulas.in_domain(name, tensors):
                    reason = what_differs(where, name, value, repeated.get(name, ()), ball)
                    raise UsageError(f"{program.name} cannot be read: {reason}")


def _settled(name: str, values: Sequence[float], balls: Sequence[arb | None], found: _Findings) -> bool:
    """Whether values are those of the formulas to a few ulps."""
    if len(values) != len(balls):
        raise AssertionError(f"{name} has {len(values)} values and {len(balls)} formulas")
    for value, ball in zip(values, balls, strict=True):
        if ball is not None and not (math.isfinite(value) and abs(arb(value) - ball) <= abs(ball) * arb(_SAME)):
            return False
    if any(ball is not None for ball in balls):
        found.compared.add(name)
    return True


def _allowed(
    program: _Program, formulas: TracedFormulas, tensors: Tensors, found: _Findings
) -> tuple[dict[str, list[float]], WatchedRun | None]:
    """How far each value may be from its formula, and the run that says so."""
    raised: Exception | None = None
    try:
        again = watched(program.function, tensors, program.wrt)
    except Exception as error:  # the program, which runs without the watch, sees it; or the watch itself is wrong
        again, raised = None, error
    if again is not None and not again.unbounded:
        return numbers_of(formulas.traced, ProgramRun(again.radii)), again
    named = _under_watch(program.name, raised) if again is None else f"for {', '.join(again.unbounded)}"
    found.notes["unbounded"] = (
        f"no rounding bound {named}: held against runs within {OPAQUE_FACTOR:g} bounds of the formulas"
    )
    reference = formulas.rounding(tensors)
    values = numbers_of(formulas.traced, run(program.function, tensors, program.wrt))
    largest = max((abs(v) for row in values.values() for v in row if math.isfinite(v)), default=0.0)
    return {
        name: [OPAQUE_FACTOR * float(r) + _OF_FLOAT32 * largest for r in radius.reshape(-1)]
        for name, radius in reference.items()
    }, again


def _under_watch(name: str, raised: Exception | None) -> str:
    """Who raised what where a call that came through alone does not come through under the watch."""
    return f"(alone {name} runs; under the watch of its rounding, {in_one_line('the call', raised)})" if raised else ""

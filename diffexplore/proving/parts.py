"""A program that tells numbers of samples apart, each part with the reading of its constants that decides.

A statement that is proved of the floats as they are is proved without reserve. Otherwise floats are read as the numbers
that they are roundings of (1.1283791670955126 as 2/√π), each wherever it stands; what is proved then is proved up to
these roundings, and says so. Only what is wrong in both readings is refuted: no rounding of a constant explains it.

Torch's own questions about memory layouts hide from the trace what a program asks of a single sample: its formulas for
N = 1 are held against the general ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import sympy
from sympy.logic.boolalg import Boolean

from diffexplore.decide import decide_equal
from diffexplore.errors import UsageError
from diffexplore.formula.batch_sums import SAMPLES, outermost
from diffexplore.formula.budget import Allowance
from diffexplore.formula.text import to_text
from diffexplore.proving.programs import TensorProgram
from diffexplore.proving.records import ReadConstant, Statement, status_of
from diffexplore.tracing.declarations import of_samples
from diffexplore.tracing.sizes import horizon, meets
from diffexplore.tracing.trace import trace_near
from diffexplore.tracing.traced import Traced

#: So many parts are read beside the first one.
MOST_PARTS = 8

_MOST_SAMPLES = 8  # programs that can only be read for one number of samples at a time are, up to this one

_LOOKED_AT = 256


@dataclass(frozen=True)
class ConstantReading:
    """A program as formulas, what is known of its statements, and how its constants were read for that.

    ``rounded``: the statements hold up to the rounding of the constants only.
    """

    traced: Traced
    statements: tuple[Statement, ...]
    constants: tuple[ReadConstant, ...] = ()
    rounded: bool = False


def settled(recognised: ConstantReading, as_they_are: Callable[[bool], ConstantReading | None]) -> ConstantReading:
    """The reading that decides; ``as_they_are`` reads floats as what they are, None where these have no formula.

    It is told whether no more is needed than that all is proved: of a reading that is proved with other constants.
    """
    constants = tuple(
        ReadConstant(one.value, one.text, one.relative, one.dtype, tuple(map(str, one.others)))
        for one in recognised.traced.constants
        if one.relative
    )
    if not constants:
        return recognised
    status = status_of(recognised.statements)
    exact = as_they_are(status == "proved")
    found = None if exact is None else status_of(exact.statements)
    if exact is not None and status != "proved" and (found == "proved" or (status, found) == ("refuted", "unknown")):
        return exact
    rounded = status == "proved" and found != "proved"  # where both prove it, the simple numbers are shown
    return ConstantReading(recognised.traced, recognised.statements, constants, rounded)


@dataclass(frozen=True)
class Part:
    """The formulas of a program for some numbers of samples, and what is known of them.

    ``one`` says whether they hold for a single sample. ``as_run`` has every float as the number that it is;
    None where these have no formula.
    """

    reading: ConstantReading
    one: bool
    as_run: Traced | None

    @property
    def traced(self) -> Traced:
        """The formulas."""
        return self.reading.traced

    @property
    def statements(self) -> tuple[Statement, ...]:
        """What is known of them."""
        return self.reading.statements

    @property
    def guards(self) -> tuple[Boolean, ...]:
        """What the number of samples meets."""
        if self.traced.samples is not None:
            return (sympy.Eq(SAMPLES, self.traced.samples, evaluate=False),)
        return (*self.traced.guards, *(() if self.one else (sympy.Ge(SAMPLES, 2, evaluate=False),)))

    @property
    def text(self) -> str:
        """The guards in words."""
        return to_text(sympy.And(*self.guards), unicode=True)

    def covers(self, samples: int) -> bool:
        """Whether a number of samples is among them."""
        return meets(self.guards, samples)


@dataclass(frozen=True)
class Parts:
    """All parts that were decided.

    Attributes:
        refuted: the part with a counterexample, if there is one.
        conditions: the side conditions of those that are proved, but for the first one.
        sizes: what the number of samples meets in one part or another, as relations that all hold; none where every
            number is in a part.
    """

    refuted: Part | None
    others: tuple[Part, ...]
    sizes: tuple[Boolean, ...]

    @property
    def all_others(self) -> tuple[Part, ...]:
        """The parts but for the first one, the refuted one with them."""
        return (*self.others, *((self.refuted,) if self.refuted is not None else ()))


def decided_parts(
    program: TensorProgram, first: Part, *, by_data: bool, decide: Callable[[Traced, Traced | None], Part]
) -> Parts:  # fmt: skip
    """What the numbers of samples that a proved part leaves out come to: ``decide`` is called for each part."""
    parts, unread = [first], set[int]()
    if first.traced.samples is not None:
        return Parts(None, (), ())
    if not program.data or status_of(first.statements) != "proved":
        return Parts(None, (), first.guards)
    while len(parts) <= MOST_PARTS and len(unread) < MOST_PARTS:
        left = [size for size in range(1, _LOOKED_AT + 1) if not any(part.covers(size) for part in parts)]
        waiting = [size for size in left if size not in unread]
        if not waiting:
            break
        size = max(waiting)
        part = _read(program, size, by_data, decide)
        if part is not None and status_of(part.statements) == "refuted":
            return Parts(part, tuple(parts[1:]), part.guards)
        if part is None or status_of(part.statements) != "proved":
            unread.add(size)
        else:
            parts.append(part)
    return Parts(None, tuple(parts[1:]), _sizes(parts))


def _read(
    program: TensorProgram, size: int, by_data: bool, decide: Callable[[Traced, Traced | None], Part]
) -> Part | None:
    """The part that a number of samples is in; None where it cannot be read."""
    try:
        found = trace_near(
            program.function, size, parameters=program.parameters, data=program.data, by_data=by_data,
            most=_MOST_SAMPLES,
        )  # fmt: skip
        part = decide(found, exact_formulas(found))
    except UsageError:
        return None
    return part if part.covers(size) else None


def exact_formulas(traced: Traced) -> Traced | None:
    """The formulas with every float as the number that it is; None where these have none."""
    if not traced.rounds:
        return traced
    with suppress(UsageError):
        return traced.read_exactly()
    return None


def _sizes(parts: Sequence[Part]) -> tuple[Boolean, ...]:
    """What the number of samples meets, in as few relations as say it."""
    known = horizon(part.guards for part in parts)
    if known is None:
        return _together(parts)
    last, period = known
    left = [n for n in range(1, last + period + 1) if not any(part.covers(n) for part in parts)]
    if left and max(left) > last:  # and so on, for ever
        return _together(parts)
    if left == list(range(1, len(left) + 1)):
        return (sympy.Ge(SAMPLES, len(left) + 1, evaluate=False),) if left else ()
    return tuple(sympy.Ne(SAMPLES, n, evaluate=False) for n in left) if len(left) <= MOST_PARTS else _together(parts)


def _together(parts: Iterable[Part]) -> tuple[Boolean, ...]:
    alternatives = [part.guards for part in parts]
    return alternatives[0] if len(alternatives) == 1 else (sympy.Or(*(sympy.And(*one) for one in alternatives)),)


def holds_for_one(program: TensorProgram, traced: Traced, allowance: Allowance, *, by_data: bool) -> bool:
    """Whether the formulas for any number of samples are those that the program has for one.

    The ``allowance`` is what all decisions of a proof share.
    """
    try:
        single = program.traced(by_data=by_data, samples=1)
    except UsageError:
        return False
    names = {s: one for array in program.data for s, one in zip(array.symbols, of_samples(array, 1), strict=True)}
    general, alone = dict(traced.partials or {}), dict(single.partials or {})
    pairs = [(traced.output, single.output)]
    for name, expr in general.items():
        symbol = sympy.Symbol(name, real=True)
        pairs.append((expr, alone.get(names.get(symbol, symbol).name, sympy.nan)))
    return all(_same(collapsed(left, names), right, allowance) for left, right in pairs)


def collapsed(expr: sympy.Expr, names: dict[sympy.Symbol, sympy.Symbol]) -> sympy.Expr:
    """A formula for N samples at N = 1: each sum is its only summand."""
    flat = expr.xreplace({inner: collapsed(inner.summand, names) for inner in outermost(expr)})
    return flat.xreplace({SAMPLES: sympy.S.One, **names})


def _same(left: sympy.Expr, right: sympy.Expr, allowance: Allowance) -> bool:
    if left.has(sympy.zoo, sympy.nan, sympy.oo):
        return False
    return left == right or decide_equal(left, right, allowance=allowance).status == "proved"

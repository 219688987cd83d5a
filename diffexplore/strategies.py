"""Hypothesis strategies for the points and batches of a loss: within its domain, shrinking to short decimals.

They need hypothesis, an optional dependency (``pip install hypothesis``), and import it when one is requested.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from diffexplore.arguments import as_count, as_mapping, as_number, wrong
from diffexplore.errors import UsageError, unknown

if TYPE_CHECKING:
    import sympy
    from hypothesis.strategies import SearchStrategy

    from diffexplore.loss import Loss

#: How far values reach, and to how many decimals.
REACH, DECIMALS = 10, 3

#: The most samples of a batch.
MOST = 10_000


def points(loss: Loss | str) -> SearchStrategy[dict[str, float]]:
    """Points of a loss: a short decimal for each parameter, such that what the domain says of them alone holds.

    Args:
        loss: a :class:`~diffexplore.Loss`, or the name of one in the catalogue.

    Raises:
        UsageError: where hypothesis is not installed, or a domain holds no short decimal.
    """
    loss = _as_loss(loss)
    return _named(loss, loss.parameters, _conditions(loss, loss.parameters))


def batches(
    loss: Loss | str, min_size: int = 1, max_size: int = 20, *, at: Mapping[str, float] | None = None
) -> SearchStrategy[dict[str, list[float]]]:
    """Batches of a loss: for each data symbol a column of short decimals, all of one length, within the domain.

    Args:
        loss: a :class:`~diffexplore.Loss`, or the name of one in the catalogue; one without data has empty batches.
        min_size: the fewest samples.
        max_size: the most samples, 10,000 at most.
        at: a value for each parameter, which conditions that relate data to parameters need.

    Raises:
        UsageError: where ``at`` is missing, where hypothesis is not installed, or a domain holds no short decimal.
    """
    loss = _as_loss(loss)
    min_size = as_count(min_size, "min_size", 0, MOST)
    max_size = as_count(max_size, "max_size", min_size, MOST)
    strategies = _hypothesis()
    if not loss.data:
        return strategies.just({})
    known = _at(loss, at)
    conditions = [condition.subs(known) for condition in _relevant(loss, known)]
    samples = _named(loss, loss.data, conditions)
    return strategies.lists(samples, min_size=min_size, max_size=max_size).map(
        lambda rows: {name: [row[name] for row in rows] for name in loss.data}
    )


def _as_loss(loss: Loss | str) -> Loss:
    from diffexplore.inputs.losses import known_loss

    known = known_loss(loss)
    if known is None:  # a formula says nothing of which symbols are parameters
        raise wrong("the loss", "a dx.Loss or the name of one in the catalogue", loss)
    return known


def _hypothesis() -> Any:
    try:
        from hypothesis import strategies
    except ImportError:
        raise UsageError("diffexplore.strategies needs hypothesis: pip install hypothesis") from None
    return strategies


def _at(loss: Loss, at: Mapping[str, float] | None) -> dict[sympy.Symbol, sympy.Rational]:
    """The parameters' exact values, where they are given."""
    import sympy

    given = {} if at is None else as_mapping(at, "at", "map parameters to numbers")
    for name in given:
        if name not in loss.symbols:
            raise unknown("symbol", name, loss.symbols)
    numbers = {name: as_number(value, f"the value of {name!r}") for name, value in given.items()}
    return {loss.symbols[name]: sympy.Rational(*number.as_integer_ratio()) for name, number in numbers.items()}


def _conditions(loss: Loss, names: Sequence[str]) -> list[Any]:
    """What the domain says of these symbols alone."""
    known = {loss.symbols[name] for name in names}
    return [condition for condition in loss.domain if condition.free_symbols <= known]


def _relevant(loss: Loss, known: Mapping[sympy.Symbol, sympy.Rational]) -> list[Any]:
    """The conditions that data enter; UsageError where one needs a parameter that has no value."""
    data = {loss.symbols[name] for name in loss.data}
    found = [condition for condition in loss.domain if condition.free_symbols & data]
    for condition in found:
        missing = sorted(str(symbol) for symbol in condition.free_symbols - data - set(known))
        if missing:
            raise UsageError(f"the domain relates data to {', '.join(missing)}: give the point, batches(loss, at=...)")
    return found


def _named(loss: Loss, names: Sequence[str], conditions: Sequence[Any]) -> Any:
    """A mapping from ``names`` to decimals that meet ``conditions``."""
    alone = {name: [c for c in conditions if c.free_symbols <= {loss.symbols[name]}] for name in names}
    drawn = _hypothesis().fixed_dictionaries({name: _decimals(name, alone[name]) for name in names})
    return drawn.filter(lambda values: all(_holds(condition, loss, values) for condition in conditions))


def _holds(condition: Any, loss: Loss, values: Mapping[str, float]) -> bool:
    return bool(condition.subs(_at(loss, values)))


def _decimals(name: str, conditions: Sequence[Any]) -> Any:
    """Short decimals in the set that the conditions on one symbol describe; 0, or what is nearest, is the simplest."""
    strategies = _hypothesis()
    allowed = _allowed(tuple(conditions))
    ranges = [(low, high, 10**places) for places in range(DECIMALS + 1) for low, high in _ranges(allowed, 10**places)]
    if not ranges:
        raise UsageError(f"found no short decimal for {name} in the domain of the loss")
    return strategies.one_of(
        strategies.integers(low, high).map(lambda digits, scale=scale: digits / scale) for low, high, scale in ranges
    )


@lru_cache(maxsize=256)
def _allowed(conditions: tuple[Any, ...]) -> Any:
    """The set of reals within reach that the conditions leave, or a larger one; each example asks for it again."""
    import sympy

    allowed: Any = sympy.Interval(-REACH, REACH)
    for condition in conditions:
        try:
            allowed = allowed.intersect(condition.as_set())
        except NotImplementedError:  # SymPy cannot solve it: what is drawn is tried
            continue
    return allowed


def _ranges(allowed: Any, scale: int) -> list[tuple[int, int]]:
    """The integers from ``low`` to ``high`` whose ``scale``-th part is in ``allowed``, for each interval of it."""
    import sympy

    parts = allowed.args if isinstance(allowed, sympy.Union) else (allowed,)
    found = []
    for part in parts:
        if isinstance(part, sympy.FiniteSet):
            found += [(int(value * scale),) * 2 for value in part if (value * scale).is_integer]
        elif isinstance(part, sympy.Interval):
            found.append(_within(part, scale))
    return [(low, high) for low, high in found if low <= high]


def _within(part: Any, scale: int) -> tuple[int, int]:
    """The first and the last multiple of 1/scale in an interval, as integers."""
    low, high = (Fraction(str(end)) if end.is_Rational else Fraction(float(end)) for end in (part.inf, part.sup))
    first, last = math.ceil(low * scale), math.floor(high * scale)
    return (
        first + int(bool(part.left_open) and Fraction(first, scale) == low),
        last - int(bool(part.right_open) and Fraction(last, scale) == high),
    )

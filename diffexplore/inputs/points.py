"""Where partials are taken: a value for each parameter of the loss."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING, Any
from unicodedata import normalize

from diffexplore.arguments import as_list, as_mapping, is_numpy_bool, is_table, scalar_of, shown
from diffexplore.errors import UsageError
from diffexplore.inputs.numbers import constant, split_at_commas
from diffexplore.suggestions import did_you_mean

if TYPE_CHECKING:
    from diffexplore.loss import Loss

Point = dict[str, float]


def make_points(loss: Loss, at: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None) -> tuple[Point, ...]:
    """The points of a check: each a finite float for every parameter of ``loss``, in the order of the parameters.

    ``at`` is one point or several, with real numbers of any kind (zero-dimensional arrays and tensors too); None
    takes the default points of the loss. Raises :class:`UsageError` that names the parameter without a value,
    the name that is no parameter (with the nearest one), or the value that is not a finite real number.
    """
    if at is None:
        return _default_points(loss)
    if isinstance(at, Mapping) or is_table(at):
        return (_point(loss, at),)
    points = as_list(at, "a point", _should(loss))
    if not points:
        raise UsageError(f"no point is given: name at least one, such as {_example(loss)}")
    return tuple(_point(loss, point) for point in points)


def parse_at(text: str) -> Point:
    """The point written as ``"a=1.3,b=pi/2"``: names and numbers, spaces allowed.

    A number is a decimal or a constant (:func:`~diffexplore.inputs.numbers.constant`).
    Raises :class:`UsageError` for a part that is not name=value, a name that comes twice, and a value that is
    not a number in the range of float64.
    """
    point: Point = {}
    for part in split_at_commas(text):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not name.isidentifier():
            raise UsageError(f"cannot read the point {text!r}: {part.strip()!r} is not name=value, as in a=1.3,b=0.7")
        name = normalize("NFKC", name)  # as Python reads the names of a formula: the micro sign is the letter mu
        if name in point:
            raise UsageError(f"cannot read the point {text!r}: {name!r} comes twice")
        point[name] = constant(value, f"the value of {name!r}")
    return point


def _default_points(loss: Loss) -> tuple[Point, ...]:
    if loss.default_points:
        return tuple(_point(loss, point) for point in loss.default_points)
    if not loss.parameters:
        return ({},)
    raise UsageError(f"no point is given: the loss needs a value for {', '.join(loss.parameters)}")


def _point(loss: Loss, given: Any) -> Point:
    given = as_mapping(given, "a point", _should(loss))
    for name in given:
        if name not in loss.parameters:
            raise _not_a_parameter(loss, name)
    missing = [name for name in loss.parameters if name not in given]
    if missing:
        raise UsageError(f"the point {_shown(given)} has no value for {', '.join(missing)}")
    return {name: _number(name, given[name]) for name in loss.parameters}


def _not_a_parameter(loss: Loss, name: Any) -> UsageError:
    if name in loss.data:
        return UsageError(f"{name!r} is data of the loss: a point has values for its parameters only")
    if not loss.parameters:
        return UsageError(f"unknown parameter {name!r}: the loss has none")
    hint = did_you_mean(str(name), loss.parameters) or f"the loss has {', '.join(loss.parameters)}"
    return UsageError(f"unknown parameter {shown(name)}: {hint}")


def _number(name: str, value: Any) -> float:
    value = scalar_of(value)
    if isinstance(value, bool) or is_numpy_bool(value) or not isinstance(value, (Real, Decimal)):
        raise UsageError(f"the value of {name!r} is {shown(value)}, not a real number")
    try:
        number = float(value)
    except (OverflowError, ValueError):
        raise UsageError(f"the value of {name!r} is beyond the range of float64") from None
    if not math.isfinite(number):
        raise UsageError(f"the value of {name!r} is {number}, not a finite number")
    return number


def _shown(point: Mapping[str, Any]) -> str:
    return "{" + ", ".join(f"{name}={shown(value)}" for name, value in point.items()) + "}"


def _should(loss: Loss) -> str:
    return f"map each parameter to a number, such as {_example(loss)}"


def _example(loss: Loss) -> str:
    return "{" + ", ".join(f"{name!r}: 1.0" for name in loss.parameters) + "}"

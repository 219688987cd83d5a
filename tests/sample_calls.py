"""A call of each function of the language, with arguments that it takes."""

from __future__ import annotations

from diffexplore.functions import FUNCTIONS

#: The last argument of a function of an order; the others stand in front.
_ORDERS = {"polygamma": "2", "dsinc": "2", "besseli": "2", "besselj": "2"}

#: The arguments of functions that do not take any two numbers, with expressions in the places of {x} and {y}.
_ARGUMENTS = {"where": "{x} > {y}, {x}**2, {x}/{y}", "Piecewise": "({x}, {x} > {y}), ({y}, True)"}


def arguments_of(name: str, x: str, y: str, z: str = "") -> str:
    """The arguments for a call of a function: ``x`` alone, or ``x`` and ``y``, with an order in front where it has one."""
    entry = FUNCTIONS[name]
    if name in _ARGUMENTS:
        return _ARGUMENTS[name].format(x=x, y=y)
    if name in _ORDERS:
        return f"{_ORDERS[name]}, {x}"
    return ", ".join([x, y, z][: entry.least])


def call_of(name: str, x: str, y: str, z: str = "") -> str:
    """The call as text."""
    return f"{name}({arguments_of(name, x, y, z)})"

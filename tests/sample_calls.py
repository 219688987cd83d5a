"""A call of each function of the language, with arguments that it takes."""

from __future__ import annotations

from diffexplore.functions import FUNCTIONS

#: The arguments of functions that do not take any two numbers, with expressions in the places of {x} and {y}.
_ARGUMENTS = {
    "where": "{x} > {y}, {x}**2, {x}/{y}", "Piecewise": "({x}, {x} > {y}), ({y}, True)", "zeta": "{x} + 2, {y}",
    "dzeta": "1, {x} + 2, {y}", "dgammainc": "1, {x}, {y}", "betainc": "{x}, {y}, ({x})/4",
    "dbetainc": "1, 0, {x}, {y}, ({x})/4",
}  # fmt: skip

#: Functions that PyTorch differentiates in one argument alone, with numbers in the places of the others.
OF_ONE_VARIABLE = {
    "gammainc": "5/2, {x}", "gammaincc": "5/2, {x}", "zeta": "5/2, {x}", "betainc": "5/2, 3, {x}",
}  # fmt: skip


def arguments_of(name: str, x: str, y: str) -> str:
    """The arguments for a call of a function of ``x``, and of ``y`` where it takes two; an order is 2."""
    entry = FUNCTIONS[name]
    if name in _ARGUMENTS:
        return _ARGUMENTS[name].format(x=x, y=y)
    return ", ".join([*["2"] * entry.orders, *[x, y][: entry.least - entry.orders]])


def call_of(name: str, x: str, y: str) -> str:
    """The call as text."""
    return f"{name}({arguments_of(name, x, y)})"


def formula_of(name: str) -> str:
    """A formula with a function of a and x, whose gradient is defined at a = 0.7, x = 0.4."""
    arguments = {
        "where": "a > x and not a > 3 or x == 1, a**2*x, 2", "Piecewise": "(a, a > 1), (2, a > 3), (a*x, True)",
        "acosh": "a*x + 1", **{one: text.format(x="a*x") for one, text in OF_ONE_VARIABLE.items()},
    }.get(name, arguments_of(name, "a*x", "a + x"))  # fmt: skip
    return f"{name}({arguments})*a"

"""Longer source texts of exported modules, and what reciprocals have in common."""

from __future__ import annotations

from typing import Any

from diffexplore.functions.domains import Nonzero, where
from diffexplore.functions.facts import ANALYTIC, MAY_BE_FINITE, UNBOUNDED, UNKNOWN_SIGN, Facts
from diffexplore.functions.records import Composed, Helper


def reciprocal(operation: str) -> dict[str, Any]:
    """How 1/f(x) is computed and written, for the fields of its record."""

    def steps(op: Any, x: Any) -> Any:
        return op.div(op.number(1), getattr(op, operation)(x))

    return {
        "computed": Composed(steps),
        "python": f"(1/math.{operation}({{0}}))",
        "torch": f"(1/torch.{operation}({{0}}))",
    }


def of_reciprocal(divisor: Nonzero, normal_form: Any) -> Facts:
    """The facts of a quotient that has a value where ``divisor`` is not 0, and may have either sign."""
    return Facts(
        domain=where(divisor), sign=UNKNOWN_SIGN, values=UNBOUNDED, smooth=ANALYTIC, normal_form=normal_form,
        at_infinity=MAY_BE_FINITE,
    )  # fmt: skip


DSINC_IN_PYTHON = Helper(
    "dsinc",
    "def dsinc(n, x):\n"
    "    if abs(x) < max(1, n):\n"
    "        powers = ((k, 2*k - n) for k in range((n + 1)//2, (n + 1)//2 + 12 + 2*n))\n"
    "        return math.fsum((-1)**k*x**p/((2*k + 1)*math.factorial(p)) for k, p in powers)\n"
    "    value = math.sin(x)/x\n"
    "    for k in range(1, n + 1):\n"
    "        turned = (math.sin(x), math.cos(x), -math.sin(x), -math.cos(x))[k % 4]\n"
    "        value = (turned - k*value)/x\n"
    "    return value",
    arguments=2,
)

DSINC_IN_TORCH = Helper(
    "dsinc",
    "def dsinc(n, x):\n"
    "    near = abs(x) < max(1, n)\n"
    "    inside, outside = torch.where(near, x, 0), torch.where(near, 1, x)\n"
    "    powers = ((k, 2*k - n) for k in range((n + 1)//2, (n + 1)//2 + 12 + 2*n))\n"
    "    series = sum((-1)**k*inside**p/((2*k + 1.0)*math.factorial(p)) for k, p in powers)\n"
    "    value = torch.sin(outside)/outside\n"
    "    for k in range(1, n + 1):\n"
    "        turned = torch.cos(outside) if k % 2 else torch.sin(outside)\n"
    "        value = ((-1)**(k//2)*turned - k*value)/outside\n"
    "    return torch.where(near, series, value)",
    arguments=2,
)

GAMMA_IN_TORCH = Helper(
    "gamma",
    "def gamma(x):\n"
    "    negative = (x < 0) & (torch.floor(x) % 2 != 0)\n"
    "    magnitude = torch.exp(torch.lgamma(x))\n"
    "    return torch.where(negative, -magnitude, magnitude)",
)

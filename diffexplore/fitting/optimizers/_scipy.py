"""SciPy's minimisers, each iterate of which is visited."""

from __future__ import annotations

from typing import Any

import numpy as np

from diffexplore.fitting.optimizers.base import Objective, Visit


def run(objective: Objective, start: np.ndarray, visit: Visit, **how: Any) -> Any:
    """The result of ``scipy.optimize.minimize``, or the error with which it gave up."""
    from scipy.optimize import minimize

    def seen(intermediate_result: Any) -> None:
        visit(intermediate_result.x.tolist())

    try:
        with np.errstate(all="ignore"):
            return minimize(objective.value, start, jac=objective.gradient, callback=seen, **how)
    except REFUSALS as error:
        return error


#: What SciPy raises where a step leads beyond all numbers.
REFUSALS = (ValueError, ArithmeticError, np.linalg.LinAlgError)


def ending(found: Any) -> str:
    """Why SciPy ended, in its words, on one line."""
    words = f"SciPy gave up: {found}" if isinstance(found, Exception) else str(found.message)
    return " ".join(words.rstrip(".").split())

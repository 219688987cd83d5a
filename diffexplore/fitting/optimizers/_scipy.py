"""SciPy's minimisers, each iterate of which is visited."""

from __future__ import annotations

from typing import Any

import numpy as np

from diffexplore.fitting.optimizers.base import Objective, Visit


def run(objective: Objective, start: np.ndarray, visit: Visit, **how: Any) -> Any:
    """The result of ``scipy.optimize.minimize``."""
    from scipy.optimize import minimize

    def seen(intermediate_result: Any) -> None:
        visit(intermediate_result.x.tolist())

    with np.errstate(all="ignore"):
        return minimize(objective.value, start, jac=objective.gradient, callback=seen, **how)


def ending(found: Any) -> str:
    """Why SciPy ended, in its words, on one line."""
    return " ".join(str(found.message).rstrip(".").split())

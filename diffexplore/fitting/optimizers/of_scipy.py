"""SciPy's minimisers, each iterate of which is visited.

Sources: A. R. Conn, N. I. M. Gould, P. L. Toint, Trust-Region Methods (SIAM 2000), algorithm 7.3.4 (Newton's method);
C. Zhu, R. H. Byrd, P. Lu, J. Nocedal, Algorithm 778: L-BFGS-B, ACM TOMS 23 (1997) 550-560.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffexplore.fitting.optimizers.base import Objective, Visit, Whole

#: What SciPy raises where a step leads beyond all numbers.
REFUSALS = (ValueError, ArithmeticError, np.linalg.LinAlgError)


def _newton(objective: Objective, start: np.ndarray, most: int, visit: Visit) -> str:
    options = {"maxiter": most}
    return _run(objective, start, visit, method="trust-exact", hess=objective.hessian, options=options)


def _lbfgs(objective: Objective, start: np.ndarray, most: int, visit: Visit) -> str:
    return _run(objective, start, visit, method="L-BFGS-B", options={"maxiter": most, "maxfun": 50 * most})


def _run(objective: Objective, start: np.ndarray, visit: Visit, **how: Any) -> str:
    """Runs ``scipy.optimize.minimize``; why it ended, in its words, on one line."""
    from scipy.optimize import minimize

    def seen(intermediate_result: Any) -> None:
        visit(intermediate_result.x.tolist())

    try:
        with np.errstate(all="ignore"):
            words = str(minimize(objective.value, start, jac=objective.gradient, callback=seen, **how).message)
    except REFUSALS as error:
        words = f"SciPy gave up: {error}"
    return " ".join(words.rstrip(".").split())


NEWTON, LBFGS = Whole(_newton), Whole(_lbfgs)

"""SciPy's trust-region Newton method.

Source: A. R. Conn, N. I. M. Gould, P. L. Toint, Trust-Region Methods (SIAM 2000), algorithm 7.3.4.
"""

from __future__ import annotations

import numpy as np

from diffexplore.fitting.optimizers._scipy import ending, run
from diffexplore.fitting.optimizers.base import Objective, Visit, Whole


def _minimize(objective: Objective, start: np.ndarray, most: int, visit: Visit) -> str:
    found = run(objective, start, visit, method="trust-exact", hess=objective.hessian, options={"maxiter": most})
    return ending(found)


OPTIMIZER = Whole(_minimize)

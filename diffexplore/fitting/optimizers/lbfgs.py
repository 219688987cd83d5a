"""SciPy's limited-memory quasi-Newton method.

Source: C. Zhu, R. H. Byrd, P. Lu, J. Nocedal, Algorithm 778: L-BFGS-B, ACM TOMS 23 (1997) 550-560.
"""

from __future__ import annotations

import numpy as np

from diffexplore.fitting.optimizers._scipy import ending, run
from diffexplore.fitting.optimizers.base import Objective, Visit, Whole


def _minimize(objective: Objective, start: np.ndarray, most: int, visit: Visit) -> str:
    options = {"maxiter": most, "maxfun": 50 * most}
    return ending(run(objective, start, visit, method="L-BFGS-B", options=options))


OPTIMIZER = Whole(_minimize)

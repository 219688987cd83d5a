"""The losses of the catalogue, one record each: a new loss is a new record here."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from diffexplore.errors import UsageError
from diffexplore.losses._data import cloud, counts, embedded_line, labelled, line_with_outliers
from diffexplore.losses._entry import Entry

_AB, _XY = ("a", "b"), ("x", "y")

#: Where losses of the line a x + b are evaluated: to one side of the line of their data, and near it.
_LINES = ({"a": 0.5, "b": -0.25}, {"a": 1.5, "b": 0.75})

#: The same for lines that separate labels.
_SEPARATING = ({"a": 0.5, "b": 0.25}, {"a": 1.5, "b": -1.0})

#: The same for lines A x + B y + C = 0.
_IMPLICIT = ({"A": 1.5, "B": -1.0, "C": 0.5}, {"A": 0.5, "B": 2.0, "C": -1.5})

_PEARSON = (
    "K. Pearson, On lines and planes of closest fit to systems of points in space, "
    "Philosophical Magazine 2 (1901) 559-572"
)

MOST_DIMENSIONS = 32


def hyperplane(dimensions: int) -> Entry:
    """The distance to a hyperplane in 1 to 32 dimensions; weights are named w1, w2, …, coordinates x1, x2, …

    Raises :class:`~diffexplore.errors.UsageError` outside that range.
    """
    if not isinstance(dimensions, int) or not 1 <= dimensions <= MOST_DIMENSIONS:
        raise UsageError(f"hyperplane has 1 to {MOST_DIMENSIONS} dimensions, not {dimensions!r}")
    weights = tuple(f"w{axis}" for axis in range(1, dimensions + 1))
    coordinates = tuple(f"x{axis}" for axis in range(1, dimensions + 1))
    score = " + ".join(f"{w}*{x}" for w, x in zip(weights, coordinates, strict=True))
    squared_norm = " + ".join(f"{w}**2" for w in weights)
    return Entry(
        f"hyperplane:{dimensions}", f"distance to the hyperplane w · x + b = 0 in {dimensions} dimensions",
        f"abs({score} + b) / sqrt({squared_norm})", (*weights, "b"), coordinates,
        "T. Hastie, R. Tibshirani, J. Friedman, The Elements of Statistical Learning "
        "(2nd ed., Springer 2009), section 4.5",
        (_point(weights, 0.75), _point(weights, -1.25)), partial(cloud, coordinates), domain=(f"{squared_norm} > 0",),
    )  # fmt: skip


def _point(weights: tuple[str, ...], offset: float) -> dict[str, float]:
    """Weights 1, −0.75, 0.5, −1, …, all of one size, and an offset that grows as |w| does: every partial is visible."""
    sizes = (1.0, -0.75, 0.5, -1.0, 0.75, -0.5)
    b = round(offset * len(weights) ** 0.5, 2)
    return {w: sizes[axis % len(sizes)] for axis, w in enumerate(weights)} | {"b": b}


#: In the order in which they are listed.
ENTRIES: tuple[Entry, ...] = (
    Entry(
        "perpendicular", "half the squared perpendicular distance to the line y = a x + b",
        "(a*x - y + b)**2 / (2*(a**2 + 1))", _AB, _XY, _PEARSON,
        ({"a": 0.0, "b": 0.0}, {"a": 2.5, "b": 1.0}), embedded_line,
    ),
    Entry(
        "line_distance", "distance to the line A x + B y + C = 0",
        "abs(A*x + B*y + C) / sqrt(A**2 + B**2)", ("A", "B", "C"), _XY,
        "H. Anton, C. Rorres, Elementary Linear Algebra (11th ed., Wiley 2014), section 3.3",
        _IMPLICIT, partial(cloud, _XY), domain=("A**2 + B**2 > 0",),
    ),
    Entry(
        "line_distance_squared", "squared distance to the line A x + B y + C = 0",
        "(A*x + B*y + C)**2 / (A**2 + B**2)", ("A", "B", "C"), _XY, _PEARSON,
        _IMPLICIT, partial(cloud, _XY), domain=("A**2 + B**2 > 0",),
    ),
    replace(
        hyperplane(3), name="hyperplane",
        title="distance to the hyperplane w · x + b = 0 in d dimensions (3, or hyperplane:d)", family=hyperplane,
    ),
    Entry(
        "graph_sum", "the computational graph c = Σ (x y + z), differentiated by its data",
        "x*y + z", (), ("x", "y", "z"),
        "F.-F. Li, J. Johnson, S. Yeung, CS231n (Stanford 2017), lecture 8: Deep Learning Software",
        ({},), partial(cloud, ("x", "y", "z"), n=12), reduction="sum",
    ),
    Entry(
        "squared_error", "squared error of the line a x + b",
        "(a*x + b - y)**2", _AB, _XY,
        "C. M. Bishop, Pattern Recognition and Machine Learning (Springer 2006), section 3.1",
        _LINES, line_with_outliers,
    ),
    Entry(
        "absolute_error", "absolute error of the line a x + b",
        "abs(a*x + b - y)", _AB, _XY,
        "P. Bloomfield, W. L. Steiger, Least Absolute Deviations: Theory, Applications, and Algorithms "
        "(Birkhäuser 1983)",
        _LINES, line_with_outliers,
    ),
    Entry(
        "huber", "Huber's loss of the line a x + b, turning linear at a residual of 1",
        "where(abs(a*x + b - y) <= 1, (a*x + b - y)**2/2, abs(a*x + b - y) - 1/2)", _AB, _XY,
        "P. J. Huber, Robust estimation of a location parameter, Annals of Mathematical Statistics 35 (1964) 73-101",
        _LINES, line_with_outliers,
    ),
    Entry(
        "log_cosh", "log-cosh loss of the line a x + b",
        "log(cosh(a*x + b - y))", _AB, _XY,
        "P. J. Green, Bayesian reconstructions from emission tomography data using a modified EM algorithm, "
        "IEEE Transactions on Medical Imaging 9 (1990) 84-93",
        _LINES, line_with_outliers,
    ),
    Entry(
        "cauchy", "Cauchy negative log-likelihood of the line a x + b with scale s",
        "log(pi*s) + log(1 + ((a*x + b - y)/s)**2)", ("a", "b", "s"), _XY,
        "N. L. Johnson, S. Kotz, N. Balakrishnan, Continuous Univariate Distributions, vol. 1 "
        "(2nd ed., Wiley 1994), chapter 16",
        ({"a": 0.5, "b": -0.25, "s": 0.75}, {"a": 1.5, "b": 0.75, "s": 0.5}), line_with_outliers, domain=("s > 0",),
    ),
    Entry(
        "logistic", "logistic cross-entropy of labels y in {0, 1} with logits a x + b",
        "softplus(a*x + b) - y*(a*x + b)", _AB, _XY,
        "D. R. Cox, The regression analysis of binary sequences, "
        "Journal of the Royal Statistical Society B 20 (1958) 215-242",
        _SEPARATING, partial(labelled, (0.0, 1.0)), domain=("y >= 0", "y <= 1"),
    ),
    Entry(
        "softplus", "softplus margin loss of labels y in {-1, 1} with scores a x + b",
        "softplus(-y*(a*x + b))", _AB, _XY,
        "J. Friedman, T. Hastie, R. Tibshirani, Additive logistic regression: a statistical view of boosting, "
        "Annals of Statistics 28 (2000) 337-407",
        _SEPARATING, partial(labelled, (-1.0, 1.0)),
    ),
    Entry(
        "poisson", "Poisson negative log-likelihood of counts y with log-rate a x + b, without its constant",
        "exp(a*x + b) - y*(a*x + b)", _AB, _XY,
        "P. McCullagh, J. A. Nelder, Generalized Linear Models (2nd ed., Chapman & Hall 1989), chapter 6",
        ({"a": 0.25, "b": -0.5}, {"a": 1.0, "b": 0.5}), counts, domain=("y >= 0",),
    ),
)  # fmt: skip

"""Softplus of the negative margin, for labels −1 and 1 and scores a x + b."""

from functools import partial

from diffexplore.losses._data import labelled
from diffexplore.losses._entry import Entry

ENTRY = Entry(
    name="softplus",
    title="softplus margin loss of labels y in {-1, 1} with scores a x + b",
    formula="softplus(-y*(a*x + b))",
    parameters=("a", "b"),
    data=("x", "y"),
    source="J. Friedman, T. Hastie, R. Tibshirani, Additive logistic regression: a statistical view of boosting, "
    "Annals of Statistics 28 (2000) 337-407",
    default_points=({"a": 0.5, "b": 0.25}, {"a": 1.5, "b": -1.0}),
    default_data=partial(labelled, (-1.0, 1.0)),
)

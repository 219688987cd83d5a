"""Cross-entropy of labels 0 and 1 with logits a x + b."""

from functools import partial

from diffexplore.losses._data import labelled
from diffexplore.losses._entry import Entry

ENTRY = Entry(
    name="logistic",
    title="logistic cross-entropy of labels y in {0, 1} with logits a x + b",
    formula="softplus(a*x + b) - y*(a*x + b)",
    parameters=("a", "b"),
    data=("x", "y"),
    domain=("y >= 0", "y <= 1"),
    source="D. R. Cox, The regression analysis of binary sequences, "
    "Journal of the Royal Statistical Society B 20 (1958) 215-242",
    default_points=({"a": 0.5, "b": 0.25}, {"a": 1.5, "b": -1.0}),
    default_data=partial(labelled, (0.0, 1.0)),
)

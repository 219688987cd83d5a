"""The sum of x·y + z over a batch: the smallest computational graph with a product, a sum and a reduction."""

from functools import partial

from diffexplore.losses._data import cloud
from diffexplore.losses._entry import Entry

ENTRY = Entry(
    name="graph_sum",
    title="the computational graph c = Σ (x y + z), differentiated by its data",
    formula="x*y + z",
    parameters=(),
    data=("x", "y", "z"),
    reduction="sum",
    source="F.-F. Li, J. Johnson, S. Yeung, CS231n (Stanford 2017), lecture 8: Deep Learning Software",
    default_points=({},),
    default_data=partial(cloud, ("x", "y", "z"), n=12),
)

"""Half the squared perpendicular distance of points to the line y = a x + b."""

from diffexplore.losses._data import embedded_line
from diffexplore.losses._entry import Entry

ENTRY = Entry(
    name="perpendicular",
    title="half the squared perpendicular distance to the line y = a x + b",
    formula="(a*x - y + b)**2 / (2*(a**2 + 1))",
    parameters=("a", "b"),
    data=("x", "y"),
    source="K. Pearson, On lines and planes of closest fit to systems of points in space, "
    "Philosophical Magazine 2 (1901) 559-572",
    default_points=({"a": 0.0, "b": 0.0}, {"a": 2.5, "b": 1.0}),
    default_data=embedded_line,
)

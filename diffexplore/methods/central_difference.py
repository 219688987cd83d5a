"""(f(x + h) − f(x − h)) / 2h."""

from diffexplore.methods._difference import Difference, Stencil

METHOD = Difference(
    Stencil(
        nodes=(-1.0, 1.0), order=3, constant=1 / 6, leading=1 / 6, noise=1.0,
        combine=lambda f, h: (f[1] - f[0]) / (2 * h),
    )
)  # fmt: skip

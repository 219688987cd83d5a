"""``diffexplore bench``: how long a gradient takes by each method, and how exact it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from diffexplore import losses as catalogue
from diffexplore.cli import options as o
from diffexplore.cli.data_argument import DataGiven
from diffexplore.cli.given import Given
from diffexplore.cli.outputs import Outputs
from diffexplore.cli.progress import listening
from diffexplore.cli.shown import Shown
from diffexplore.cli.writes import writes
from diffexplore.errors import UsageError

if TYPE_CHECKING:
    from diffexplore.benching.records import Bench
    from diffexplore.benching.settings import TimedLoss

#: The word for every loss of the catalogue.
_ALL = "all"

Scale = Annotated[
    bool, o.output("--scale", "", "Time kernels (loss.compile) against the number of samples, beside reading the data.")
]


@writes("bench")
def bench(
    losses: o.BenchLosses = None,
    at: o.OnePoint = None,
    shapes: o.Shapes = None,
    sizes: o.Sizes = "1e3,1e4,1e5",
    methods: o.BenchMethods = None,
    dtype: o.Dtype = "float64",
    device: o.Device = "auto",
    seed: o.Seed = "0",
    full: o.FullBench = False,
    scale: Scale = False,
    *,
    outputs: Outputs,
) -> int:
    """Time the gradient by every method that is installed, first call and later ones, beside its error in ulps.

    Shows what a compiled graph gains over an eager one, and what exactness costs. The numbers are measurements of
    this machine, and differ from run to run.
    """
    names = tuple(dict.fromkeys(losses or ("perpendicular",)))
    if _ALL in names:
        names = catalogue.names()
    if at is not None and (len(at) > 1 or len(names) > 1):
        raise UsageError("--at is the one point of one loss: give both once")
    chosen = o.names_list("--methods", methods)
    dtype, device = o.chosen("dtype", dtype, o.DTYPES), o.chosen("device", device, o.DEVICES)
    first = o.whole_number("--seed", seed) or 0
    with listening(quiet=outputs.quiet) as listener:
        from diffexplore.benching.bench import run_bench
        from diffexplore.benching.scale import methods_at_scale
        from diffexplore.benching.settings import methods_of, sizes_of
        from diffexplore.checking.options import as_device, as_dtype

        counts = sizes_of(sizes)
        runners = methods_at_scale(methods_of(chosen) if chosen else None) if scale else methods_of(chosen)
        requests = [_request(name, at[0] if at else None, shapes) for name in names]
        result = run_bench(requests, counts, runners, as_dtype(dtype), as_device(device), first, listener)
    outputs.write(_shown(result, full=full, scale=scale))
    return 0


def _request(text: str, at: str | None, shapes: str | None) -> TimedLoss:
    from diffexplore.benching.settings import TimedLoss

    given = Given(text, () if at is None else (at,), DataGiven(n_points=1), shapes=shapes)
    loss = given.to_check()
    return TimedLoss(loss.name or text.strip(), loss, given.points_of(loss)[0])


def _shown(result: Bench, *, full: bool, scale: bool) -> Shown:
    from diffexplore.pages.records import Subject
    from diffexplore.render.benches import outline, title_of
    from diffexplore.render.terminal import Drawing

    return Shown(
        Subject(result),
        title_of(result),
        result.to_dict,
        lambda: outline(result, scale=scale),
        page=lambda ascii: Drawing(tuple(outline(result, full=full, scale=scale)), ascii),
        figures=result.figures,
    )

"""``diffexplore bench``: how long a gradient takes by each method, and how exact it is."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from diffexplore import losses as catalogue
from diffexplore.cli import options as o
from diffexplore.cli.outputs import Outputs
from diffexplore.cli.shown import Shown
from diffexplore.cli.writes import writes
from diffexplore.errors import UsageError

if TYPE_CHECKING:
    from diffexplore.benching.records import Bench
    from diffexplore.benching.settings import TimedLoss

#: The word for every loss of the catalogue.
_ALL = "all"


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
    with contextlib.redirect_stdout(sys.stderr):  # what libraries print when they are imported
        result = _measured(
            names, at[0] if at else None, shapes, sizes, o.names_list("--methods", methods),
            o.chosen("dtype", dtype, o.DTYPES), o.chosen("device", device, o.DEVICES),
            o.whole_number("--seed", seed) or 0, outputs.quiet,
        )  # fmt: skip
    outputs.write(_shown(result, full=full))
    return 0


def _measured(
    names: tuple[str, ...], at: str | None, shapes: str | None, sizes: str, methods: tuple[str, ...] | None, dtype: str,
    device: str, seed: int, quiet: bool,
) -> Bench:  # fmt: skip
    from diffexplore.cli.progress import listening

    with listening(quiet=quiet, rows_to=None) as listener:
        from diffexplore.benching.bench import run_bench
        from diffexplore.benching.settings import methods_of, sizes_of
        from diffexplore.checking.options import as_device, as_dtype

        counts, chosen = sizes_of(sizes), methods_of(methods)
        requests = [_request(name, at, shapes) for name in names]
        return run_bench(requests, counts, chosen, as_dtype(dtype), as_device(device), seed, listener)


def _request(text: str, at: str | None, shapes: str | None) -> TimedLoss:
    from diffexplore.benching.settings import TimedLoss
    from diffexplore.cli.loss_argument import loss_to_check
    from diffexplore.inputs.points import make_points, parse_at

    points = [] if at is None else [parse_at(at)]
    loss = loss_to_check(text, points, has_data=True, wrt=None, reduction=None, shapes=shapes)
    return TimedLoss(loss.name or text.strip(), loss, make_points(loss, points or None)[0])


def _shown(result: Bench, *, full: bool) -> Shown:
    from diffexplore.pages.records import Subject
    from diffexplore.render.benches import BenchPage, headline, outline, title_of

    return Shown(
        Subject(result),
        title_of(result),
        result.to_dict,
        lambda: outline(result),
        lambda: headline(result),
        page=lambda ascii: BenchPage(result, ascii, full),
        figures=result.figures,
    )

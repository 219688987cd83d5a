"""``diffexplore bench``: how long a gradient takes by each method, and how exact it is."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from diffexplore import losses as catalogue
from diffexplore.cli import options as o
from diffexplore.cli.output import check_places, console_on, deliver, deliver_json
from diffexplore.errors import UsageError

if TYPE_CHECKING:
    from diffexplore.benching.records import Bench
    from diffexplore.benching.settings import Request

#: The word for every loss of the catalogue.
_ALL = "all"


def bench(
    losses: o.BenchLosses = None,
    at: o.OnePoint = None,
    sizes: o.Sizes = "1e3,1e4,1e5",
    methods: o.BenchMethods = None,
    dtype: o.Dtype = "float64",
    device: o.Device = "auto",
    seed: o.Seed = "0",
    json: o.BenchJson = None,
    markdown: o.BenchMarkdown = None,
    quiet: o.FirstLine = False,
    no_color: o.NoColor = False,
    ascii: o.Ascii = False,
    debug: o.Debug = False,
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
    for_a_program = check_places(json=json, markdown=markdown)
    with contextlib.redirect_stdout(sys.stderr):  # what libraries print when they are imported
        result = _measured(
            names, at[0] if at else None, sizes, o.names_list("--methods", methods),
            o.chosen("dtype", dtype, o.DTYPES), o.chosen("device", device, o.DEVICES),
            o.whole_number("--seed", seed) or 0, quiet,
        )  # fmt: skip
    _write(result, json, markdown)
    if not for_a_program:
        _print(result, quiet=quiet, no_color=no_color, ascii=ascii)
    return 0


def _measured(
    names: tuple[str, ...], at: str | None, sizes: str, methods: tuple[str, ...] | None, dtype: str, device: str,
    seed: int, quiet: bool,
) -> Bench:  # fmt: skip
    from diffexplore.benching.settings import methods_of, sizes_of

    counts, chosen = sizes_of(sizes), methods_of(methods)
    requests = [_request(name, at) for name in names]

    from diffexplore.benching.bench import run_bench
    from diffexplore.check.options import as_device, as_dtype
    from diffexplore.cli.progress import listening

    with listening(quiet=quiet, rows_to=None) as listener:
        return run_bench(requests, counts, chosen, as_dtype(dtype), as_device(device), seed, listener)


def _request(text: str, at: str | None) -> Request:
    from diffexplore.benching.settings import Request
    from diffexplore.check.points import make_points, parse_at
    from diffexplore.cli.loss_argument import loss_to_check
    from diffexplore.cli.programs import is_program

    if is_program(text):
        raise UsageError(f"bench times formulas and the losses of the catalogue, not the code in {text}")
    points = [] if at is None else [parse_at(at)]
    loss = loss_to_check(text, points, has_data=True, wrt=None, reduction=None)
    return Request(loss.name or text.strip(), loss, make_points(loss, points or None)[0])


def _write(result: Bench, json: str | None, markdown: str | None) -> None:
    if json is not None:
        deliver_json(result, json)
    if markdown is not None:
        from diffexplore.report.benches import to_markdown

        deliver(to_markdown(result), markdown)


def _print(result: Bench, *, quiet: bool, no_color: bool, ascii: bool) -> None:
    from diffexplore.report.benches import BenchPage, headline
    from diffexplore.report.terminal import Drawing

    console = console_on(sys.stdout, no_color=no_color)
    console.print(Drawing((headline(result),), ascii or None) if quiet else BenchPage(result, ascii or None))

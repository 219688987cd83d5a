"""``diffexplore audit``: are torch's own derivative formulas the derivatives of its operators?"""

from __future__ import annotations

import sys

from diffexplore.audit.records import Audit
from diffexplore.cli import options as o
from diffexplore.cli.output import STDOUT, check_places, console_on, deliver_json


def audit(
    only: o.Only = None,
    json: o.Json = None,
    all_entries: o.AllEntries = False,
    quiet: o.Quiet = False,
    no_color: o.NoColor = False,
    ascii: o.Ascii = False,
    debug: o.Debug = False,
) -> int:
    """Audit the derivatives.yaml of the installed torch, entry by entry, by proof.

    Exits with 1 if a formula is refuted that does not depart from the derivative on purpose, else with 0.
    """
    check_places(json=json)
    found = _run(only or [], quiet)
    if json is not None:
        deliver_json(found, json)
    if json != STDOUT:
        _print(found, quiet=quiet, no_color=no_color, ascii=ascii, all_entries=all_entries, details=bool(only))
    return 1 if found.unexplained else 0


def _run(only: list[str], quiet: bool) -> Audit:
    from diffexplore.audit.audit import audit as run
    from diffexplore.cli.progress import listening

    with listening(quiet=quiet, rows_to=None) as listener:
        return run(only=only, progress=listener.progress)


def _print(found: Audit, *, quiet: bool, no_color: bool, ascii: bool, all_entries: bool, details: bool) -> None:
    from diffexplore.audit.page import headline, page
    from diffexplore.report.terminal import Drawing

    blocks = (headline(found),) if quiet else tuple(page(found, all_entries=all_entries, details=details))
    console_on(sys.stdout, no_color=no_color).print(Drawing(blocks, ascii=ascii or None))

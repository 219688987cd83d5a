"""``diffexplore audit``: are torch's own derivative formulas the derivatives of its operators?"""

from __future__ import annotations

from collections.abc import Iterator

from diffexplore.auditing.records import Audit
from diffexplore.cli import options as o
from diffexplore.cli.outputs import Outputs
from diffexplore.cli.shown import Shown
from diffexplore.cli.writes import writes
from diffexplore.writing.blocks import Block


@writes("audit")
def audit(only: o.Only = None, all_entries: o.AllEntries = False, *, outputs: Outputs) -> int:
    """Audit the derivatives.yaml of the installed torch, entry by entry, by proof.

    Exits with 1 if a formula is refuted that does not depart from the derivative on purpose, else with 0.
    """
    found = _run(only or [], outputs.quiet)
    outputs.write(_shown(found, all_entries=all_entries, details=bool(only)))
    return 1 if found.unexplained else 0


def _run(only: list[str], quiet: bool) -> Audit:
    from diffexplore.auditing.audit import audit as run
    from diffexplore.cli.progress import listening

    with listening(quiet=quiet, rows_to=None) as listener:
        return run(only=only, progress=listener.progress)


def _shown(found: Audit, *, all_entries: bool, details: bool) -> Shown:
    from diffexplore.auditing.page import headline, page
    from diffexplore.pages.records import Subject

    def blocks() -> Iterator[Block]:
        return page(found, all_entries=all_entries, details=details)

    return Shown(Subject(found), f"Audit of {found.source}", found.to_dict, blocks, lambda: headline(found))

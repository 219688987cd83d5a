"""``diffexplore audit``: are torch's own derivative formulas the derivatives of its operators?"""

from __future__ import annotations

from diffexplore.cli import options as o
from diffexplore.cli.outputs import Outputs
from diffexplore.cli.progress import listening
from diffexplore.cli.shown import Shown
from diffexplore.cli.writes import writes


@writes("audit")
def audit(only: o.Only = None, all_entries: o.AllEntries = False, *, outputs: Outputs) -> int:
    """Audit the derivatives.yaml of the installed torch, entry by entry, by proof.

    Exits with 1 if a formula is refuted that does not depart from the derivative on purpose, else with 0.
    """
    with listening(quiet=outputs.quiet) as listener:
        from diffexplore.auditing.audit import audit as run

        found = run(only=only or [], progress=listener.progress)
    from diffexplore.auditing.page import page
    from diffexplore.pages.records import Subject

    title, details = f"Audit of {found.source}", bool(only)
    outputs.write(Shown(Subject(found), title, found.to_dict, lambda: page(found, all_entries, details)))
    return 1 if found.unexplained else 0

"""Errors of methods over many places: along a step, along a parameter, over a plane of two, and over the samples.

Each of them is computed here, once, as plain records that become figures; drawing computes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from diffexplore.scanning.figures import report_figures
    from diffexplore.scanning.run_scan import scan

__all__ = ["report_figures", "scan"]


def __getattr__(name: str) -> Any:
    """What needs torch is loaded when it is first used."""
    if name == "scan":
        from diffexplore.scanning.run_scan import scan

        return scan
    if name == "report_figures":
        from diffexplore.scanning.figures import report_figures

        return report_figures
    raise AttributeError(f"module 'diffexplore.scanning' has no attribute {name!r}")

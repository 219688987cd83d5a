"""Errors of methods over many places: along a step, along a parameter, over a plane of two, and over the samples.

Each of them is computed here, once, as plain records that become figures; drawing computes nothing.
"""

from typing import TYPE_CHECKING

from diffexplore.lazily import loaded

if TYPE_CHECKING:
    from diffexplore.scanning.figures import report_figures
    from diffexplore.scanning.run_scan import scan

__all__ = ["report_figures", "scan"]

__getattr__ = loaded(__name__, {"report_figures": "figures", "scan": "run_scan"})

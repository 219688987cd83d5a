"""Causes in the few words that fit into a figure; what they mean stands in the contract of a check."""

from __future__ import annotations

from collections.abc import Mapping

CAUSES: Mapping[str, str] = {
    "kink": "kink: no gradient exists",
    "undefined": "singular or undefined: no gradient exists",
    "outside_domain": "outside the domain of the loss",
    "overflow": "overflow: the truth is beyond the dtype",
    "unresolved": "the truth could not be decided",
    "no_bound": "no error bound: a kink or a singularity is within reach",
    "no_power": "rounding hides the gradient",
    "step": "the step overflows or leaves the domain",
    "nan": "NaN or infinity where the gradient is finite",
    "exceeds_bound": "wrong: more than its bound away from the truth",
}

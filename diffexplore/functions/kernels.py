"""Kernels of ATen that are no operations of programs: their claimed rounding, and how the canary tries it."""

from __future__ import annotations

from dataclasses import dataclass

from diffexplore.functions.lazy import library
from diffexplore.functions.rounding import (
    EXACT,
    NEAREST,
    NOT_TRIED,
    TRIED_AS_ARITHMETIC,
    TRIED_IN_PARTS,
    Claim,
    OwnTrial,
    Rounding,
    Tried,
)

torch, arb = library("torch"), library("flint").arb
trials = library("diffexplore.bounds.trials")


@dataclass(frozen=True, kw_only=True)
class ClaimedKernel:
    """A kernel that operators or backward passes run.

    Attributes:
        name: its name in ATen, or one that tells two ways of one kernel apart.
        claim: the rounding that is claimed of it.
        tried: how the canary tries it.
        zeros: its roots that are numbers of every dtype.
        within: the operator that runs it for some of its operands; empty where that has its own name.
    """

    name: str
    claim: Claim | Rounding
    tried: OwnTrial | Tried
    zeros: tuple[float, ...] = ()
    within: str = ""


KERNELS: tuple[ClaimedKernel, ...] = (
    ClaimedKernel(
        name="rsqrt", claim=Claim(2, narrow_roundings=3),
        tried=OwnTrial(torch=torch.rsqrt, arb=lambda x: 1 / x.sqrt(), operands=trials.right_of_zero),
    ),
    ClaimedKernel(
        name="reciprocal", claim=Claim(1),
        tried=OwnTrial(torch=torch.reciprocal, arb=lambda x: 1 / x, operands=trials.off_zero),
    ),
    ClaimedKernel(
        name="exp2", claim=Claim(4),
        tried=OwnTrial(torch=torch.exp2, arb=lambda x: arb(2) ** x, operands=trials.exponents),
    ),
    ClaimedKernel(
        name="logaddexp", claim=Claim(4),
        tried=OwnTrial(
            torch=torch.logaddexp, arb=lambda x, y: x + (y - x).exp().log1p(), operands=trials.two_exponents
        ),
    ),
    ClaimedKernel(
        name="tanh_backward", claim=Claim(2, narrow_roundings=3),
        tried=OwnTrial(
            torch=torch.ops.aten.tanh_backward, arb=lambda g, t: g * (1 - t * t), operands=trials.slopes_of_tanh
        ),
    ),
    ClaimedKernel(
        name="sigmoid_backward", claim=Claim(2, narrow_roundings=3),
        tried=OwnTrial(
            torch=torch.ops.aten.sigmoid_backward, arb=lambda g, s: g * s * (1 - s),
            operands=trials.slopes_of_sigmoid,
        ),
    ),
    ClaimedKernel(name="pow_multiplied", claim=Claim(4, narrow_roundings=3), tried=TRIED_IN_PARTS, within="pow"),
    ClaimedKernel(name="trigamma", claim=Claim(2**22), tried=TRIED_IN_PARTS, within="polygamma"),
    ClaimedKernel(name="rsub", claim=NEAREST, tried=TRIED_AS_ARITHMETIC),
    ClaimedKernel(name="square", claim=NEAREST, tried=TRIED_AS_ARITHMETIC, zeros=(0.0,)),
    ClaimedKernel(name="convert", claim=NEAREST, tried=TRIED_AS_ARITHMETIC),
    *(
        ClaimedKernel(name=name, claim=EXACT, tried=NOT_TRIED)
        for name in ("relu", "clamp", "clamp_min", "clamp_max", "clone", "where")
    ),
)  # fmt: skip

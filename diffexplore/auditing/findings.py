"""What is known of the entries that are refuted: whether it is a defect, which file is at fault, and how to see it.

Each was looked into by hand. A finding says nothing where the audit does not refute its entries, as of a version of
torch in which they are mended.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Judgement = Literal["defect", "harmless", "on purpose"]

RULES = "derivatives.yaml"
_MANUAL = "torch/csrc/autograd/FunctionsManual.cpp"


@dataclass(frozen=True)
class AuditFinding:
    """One cause for which entries are refuted.

    Attributes:
        entries: their names, without overloads.
        judgement: "defect"; "harmless" where it concerns degenerate arguments only; "on purpose" where torch chose so.
        file: the one at fault, in the sources of torch: the rules, or where a function is that they call.
        words: what is wrong, and where.
        reproducer: three lines of Python, of 76 characters at most; they print the derivative that torch computes, and
            the right one.
    """

    entries: tuple[str, ...]
    judgement: Judgement
    file: str
    words: str
    reproducer: str


FINDINGS = (
    AuditFinding(
        ("hardsigmoid",),
        "defect",
        "aten/src/ATen/native/cpu/Activation.cpp (hardsigmoid_backward_kernel)",
        "the kernel multiplies with 1.0f / 6.0f, 1/6 in float32, in float64 too; the forward pass divides by 6",
        """\
import torch
slope = torch.func.grad(torch.nn.functional.hardsigmoid)
print(slope(torch.tensor(0.5, dtype=torch.float64)).item(), 1 / 6)
""",
    ),
    AuditFinding(
        ("celu", "celu_"),
        "defect",
        RULES,
        "the rule passes 1.0/alpha.toFloat(), so that alpha is rounded to float32, in float64 too; the default, 1, and "
        "any other alpha that float32 has are differentiated right",
        """\
import math, torch
slope = torch.func.grad(lambda x: torch.celu(x, alpha=0.1))
print(slope(torch.tensor(-1.0, dtype=torch.float64)).item(), math.exp(-10))
""",
    ),
    AuditFinding(
        ("_foreach_maximum", "_foreach_minimum"),
        "defect",
        RULES,
        "in forward mode the tangent of the scalar stands for its value: where the result is the scalar, the tangent "
        "is the scalar instead of 0; reverse mode is right",
        """\
from torch import _foreach_maximum, func, ones
larger = lambda x: _foreach_maximum([x], 2.0)[0]
print(func.jvp(larger, (ones(()),), (ones(()),))[1].item(), 0.0)
""",
    ),
    AuditFinding(
        ("_prelu_kernel_backward",),
        "defect",
        RULES,
        "at self = 0 the second derivative takes the side of self > 0 (self >= 0 in the rule), and the kernel of the "
        "first one the other: its slope by grad_output is the weight there, and the rule says 1",
        """\
from torch import func, prelu, tensor
pull_back = func.vjp(lambda x: prelu(x, tensor(0.25)), tensor(0.0))[1]
print(func.grad(lambda g: pull_back(g)[0])(tensor(1.0)).item(), 0.25)
""",
    ),
    AuditFinding(
        ("clamp",),
        "harmless",
        f"{_MANUAL} (clamp_backward, clamp_jvp)",
        "at self = min = max, where the result is a constant, its derivative is 0, and the rule passes the gradient on "
        "as it does wherever min <= self <= max",
        """\
import torch
slope = torch.func.grad(lambda x: x.clamp(*torch.ones(2)))
print(slope(torch.tensor(1.0)).item(), 0.0)
""",
    ),
    AuditFinding(
        ("binary_cross_entropy_backward",),
        "on purpose",
        f"{_MANUAL} (binary_cross_entropy_double_backward)",
        "the second derivative adds 1e-12 to x and to 1 − x, so that it never divides by 0; with 0 in its place it is "
        "proved",
        """\
from torch import float64, full_like, func, nn, tensor
loss = lambda x: nn.functional.binary_cross_entropy(x, full_like(x, 0.25))
print(func.hessian(loss)(tensor(0.5, dtype=float64)).item(), 4.0)
""",
    ),
)


def finding_of(name: str) -> AuditFinding | None:
    """What is known of an entry, by its name with or without the overload; None where nothing is."""
    base = name.partition(".")[0]
    return next((finding for finding in FINDINGS if base in finding.entries), None)

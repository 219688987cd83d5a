"""What the tests of the audit share: the installed rules, which are read once, and what is wrong in some versions of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch

from diffexplore.auditing.audit import audit
from diffexplore.auditing.records import Record
from diffexplore.auditing.rulebook import Rulebook, RulebookEntry, read_installed, read_rules


@cache
def installed() -> Rulebook:
    return read_installed()


def found(signature: str, *formulas: str) -> Record:
    """The record of one planted entry."""
    text = "\n  ".join([f"- name: {signature}", *formulas])
    (record,) = audit(read_rules(text)).records
    return record


def written(entry: RulebookEntry) -> str:
    return " ".join([*entry.gradients.values(), *entry.tangents.values()])


def slope(function: Callable[[torch.Tensor], torch.Tensor], at: float) -> float:
    x = torch.tensor(at, dtype=torch.float64, requires_grad=True)
    return float(torch.autograd.grad(function(x), x)[0])


ONE = torch.ones((), dtype=torch.float64)

#: Defects of some versions of torch: by name, what tells whether an entry of the installed rules has it.
DEFECTS: dict[str, Callable[[RulebookEntry], bool]] = {
    "hardsigmoid": lambda entry: slope(torch.nn.functional.hardsigmoid, 0.0) != 1 / 6,
    **dict.fromkeys(["celu", "celu_"], lambda entry: "alpha.toFloat()" in written(entry)),
    **dict.fromkeys(
        [f"_foreach_{which}.{overload}" for which in ("maximum", "minimum") for overload in ("Scalar", "ScalarList")],
        lambda entry: entry.tangents["result"].startswith(("scalar + ", "scalars[i] + ")),
    ),
    # At self = 0 it has the slope of the other side than its kernel.
    "_prelu_kernel_backward": lambda entry: "self >= 0" in written(entry),
    # At self = min = max a constant has the slope 1.
    "clamp": lambda entry: slope(lambda x: x.clamp(1.0, 1.0), 1.0) != 0,
    "clamp.Tensor": lambda entry: slope(lambda x: x.clamp(ONE, ONE), 1.0) != 0,
}

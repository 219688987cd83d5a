"""Records of torch's losses; the audit looks at one element of them, without a reduction."""

from __future__ import annotations

from typing import Any

from diffexplore.bounds import backward_steps, formulas
from diffexplore.torch_ops.cases import Case, case
from diffexplore.torch_ops.domains import AS_COMPOSED, EVERYWHERE
from diffexplore.torch_ops.readers import conventions, margins
from diffexplore.torch_ops.records import Operator, composed, in_steps, unbounded
from diffexplore.torch_ops.tensor_rules import steps

_LARGE = {
    "log(self) < -100": "where log(self) < −100 torch uses −100",
    "log(1 - self) < -100": "where log(1 − self) < −100 torch uses −100",
}
_TINY = {"self * (1 - self) < 1e-12": "where self·(1 − self) < 10⁻¹² torch divides by 10⁻¹²"}

_WEIGHTS: tuple[tuple[str, dict[str, Any]], ...] = (("", {"weight": None}), ("weight * ", {}))
_SLOPES: tuple[tuple[str, dict[str, Any]], ...] = (("1", {"pos_weight": None}), ("pos_weight", {}))


def _each(formula: str, *on: str) -> tuple[Case, ...]:
    """The case of one element."""
    return (case(formula, on=on, reduction="none"),)


OPERATORS: tuple[Operator, ...] = (
    composed(
        "binary_cross_entropy", AS_COMPOSED,
        *(
            case(
                f"{weight}-(target * log(self) + (1 - target) * log(1 - self))",
                on=("self > 0", "self < 1", "target > 0", "target < 1"),
                reduction="none",
                conventions=_LARGE | _TINY,
                **fixed,
            )
            for weight, fixed in _WEIGHTS
        ),
        read=conventions.binary_cross_entropy,
    ),
    composed(
        "binary_cross_entropy_backward", AS_COMPOSED,
        *(
            case(
                "binary_cross_entropy_backward(grad_output, self, target, weight, reduction)",
                on=("self > 0", "self < 1"), reduction="none", conventions=_TINY, **fixed,
            )
            for _, fixed in _WEIGHTS
        ),
        read=conventions.binary_cross_entropy_backward,
    ),
    composed(
        "binary_cross_entropy_with_logits", EVERYWHERE,
        *(
            case(
                f"{weight}((1 - target) * self + (1 + ({slope} - 1) * target) * log(1 + exp(-self)))",
                reduction="none",
                **without,
                **unslanted,
            )
            for weight, without in _WEIGHTS
            for slope, unslanted in _SLOPES
        ),
    ),
    composed(
        "huber_loss", EVERYWHERE,
        *_each(
            "abs(self - target) <= delta ? 0.5 * square(self - target) : delta * (abs(self - target) - 0.5 * delta)",
            "delta > 0",
        ),
    ),
    composed(
        "huber_loss_backward", EVERYWHERE,
        *_each("huber_loss_backward(grad_output, self, target, reduction, delta)", "delta > 0"),
    ),
    composed("mse_loss", EVERYWHERE, *_each("square(self - target)")),
    composed("mse_loss_backward", EVERYWHERE, *_each("mse_loss_backward(grad_output, self, target, reduction)")),
    composed(
        "smooth_l1_loss", EVERYWHERE,
        *_each(
            "abs(self - target) < beta ? 0.5 * square(self - target) / beta : abs(self - target) - 0.5 * beta",
            "beta > 0",
        ),
    ),
    composed(
        "smooth_l1_loss_backward", EVERYWHERE,
        *_each("smooth_l1_loss_backward(grad_output, self, target, reduction, beta)", "beta > 0"),
    ),
    unbounded("soft_margin_loss", EVERYWHERE, *_each("log(1 + exp(-target * self))")),
    in_steps(
        "soft_margin_loss_backward", EVERYWHERE,
        *_each("soft_margin_loss_backward(grad_output, self, target, reduction)"),
        steps=formulas.soft_margin_backward,
    ),
    composed(
        "multi_margin_loss_backward", EVERYWHERE, read=margins.multi_margin_backward,
        steps=backward_steps.of_first(backward_steps.decomposed("multi_margin_loss"), 0),
    ),
    composed(
        "multilabel_margin_loss_backward", EVERYWHERE, read=margins.multilabel_margin_backward,
        steps=backward_steps.of_first(backward_steps.decomposed("multilabel_margin_loss_forward"), 1),
    ),
    composed("_ctc_loss_backward", EVERYWHERE, steps=backward_steps.ctc_loss(steps.ctc_loss)),
    in_steps("_ctc_loss", EVERYWHERE, steps=steps.ctc_loss),
    composed("nll_loss_forward", EVERYWHERE),
    composed("nll_loss_backward", EVERYWHERE),
)  # fmt: skip
